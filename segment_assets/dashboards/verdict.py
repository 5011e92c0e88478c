"""What an evaluation does and does not show, in one plain sentence."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

Tone = Literal["good", "unclear", "bad", "plain"]
MODEL, CHALLENGER, CHAMPION, LOGISTIC = "model", "challenger", "champion", "logistic"
CANDIDATES = {MODEL, CHALLENGER, CHAMPION, LOGISTIC}

# Metric -> what a reader is told, and whether more is better.
METRICS: dict[str, tuple[str, bool]] = {
    "roc_auc": ("ROC AUC", True),
    "spearman": ("Rank correlation", True),
    "log_loss": ("Log loss", False),
    "mae": ("Mean absolute error", False),
    "brier": ("Brier score", False),
    "average_precision": ("Average precision", True),
    "lift_5": ("Lift in the top 5 %", True),
    "lift_10": ("Lift in the top 10 %", True),
    "lift_20": ("Lift in the top 20 %", True),
    "value_share_10": ("Share of value in the top 10 %", True),
}


CALIBRATION = {
    "calibration_slope": "Slope: 1 is right, below 1 the predictions are too extreme",
    "calibration_intercept": "Intercept: 0 is right, above 0 the predictions are too low",
    "calibration_error": "Expected calibration error: mean distance between predicted and actual rate, 0 is right",
    "calibration_ratio": "Predicted total by actual total: 1 is right",
}
# Metric of calibration -> its name, what is right, and what the predictions are below and above it.
_OFF = {
    "calibration_intercept": ("intercept", 0.0, "too high", "too low"),
    "calibration_slope": ("slope", 1.0, "too extreme", "too moderate"),
    "calibration_ratio": ("predicted by actual", 1.0, "too low", "too high"),
}
# Contender -> what a reader is told.
CONTENDERS = {
    "recency": "recency alone",
    "frequency": "frequency alone",
    "past_spend": "past spend alone",
    "base_rate": "base rate",
    LOGISTIC: "linear model",
    CHAMPION: "the model in service before",
    CHALLENGER: "a challenger that was refused",
}


@dataclass(frozen=True)
class Estimate:
    """A metric of one contender with its 95 % interval; low and high are None where there is none."""

    contender: str
    value: float
    low: float | None
    high: float | None

    def __str__(self) -> str:
        interval = "" if self.low is None or self.high is None else f" ({self.low:.3f} to {self.high:.3f})"
        return f"{self.value:.3f}{interval}"


def judged_by(kind: str) -> tuple[str, str]:
    """The two metrics a verdict is given on: the order of customers, and the size of the numbers.

    A segment takes the highest scores, so the order matters first; thresholds and promotion rest on the size.
    """
    return ("spearman", "mae") if kind == "value" else ("roc_auc", "log_loss")


def best_baseline(estimates: Sequence[Estimate], metric: str) -> Estimate | None:
    """The baseline to beat; ties go to the first by name.

    Those that promotion asks a model to beat: one number each. The linear model is a candidate itself.
    """
    sign = 1 if METRICS[metric][1] else -1
    baselines = (e for e in estimates if e.contender not in CANDIDATES)
    rivals = sorted(baselines, key=lambda e: (-sign * e.value, e.contender))
    return rivals[0] if rivals else None


def is_linear(estimates: Sequence[Estimate]) -> bool:
    """The model is the linear model itself: the same numbers, interval and all."""
    numbers = {e.contender: (e.value, e.low, e.high) for e in estimates}
    return MODEL in numbers and numbers[MODEL] == numbers.get(LOGISTIC)


def verdict(estimates: Sequence[Estimate], metric: str, gains: Sequence[Estimate] = ()) -> tuple[str, Tone]:
    """Whether the model beats the best baseline: by the interval of the difference, as promotion judges it.

    Where there is none, by whether the two intervals overlap. That is a stricter test, so `unclear` may hide a small
    gain; it never hides a loss as a gain.

    Args:
        estimates: every contender's.
        metric: its name.
        gains: by baseline, how much lower the model's loss is on the same customers; none for other metrics.
    """
    label, more = METRICS[metric]
    model = next((e for e in estimates if e.contender == MODEL), None)
    best = best_baseline(estimates, metric)
    if model is None:
        return "There is no model to compare.", "unclear"
    if best is None:
        return f"The model's {label} is {model}. There is no baseline beside it, so it says little.", "unclear"
    rival = CONTENDERS.get(best.contender, best.contender)
    who = "model (the linear model)" if is_linear(estimates) else "model"
    numbers = f"{label}: {who} {model}, best baseline ({rival}) {best}."
    if gains:
        return _paired(numbers, gains)
    if None in (model.low, model.high, best.low, best.high):
        return f"{numbers} Without both intervals nothing can be said about the difference.", "unclear"
    if _above(model, best) if more else _above(best, model):
        return f"{numbers} The intervals do not overlap: the model is better than the best baseline.", "good"
    if _above(best, model) if more else _above(model, best):
        return (
            f"{numbers} The intervals do not overlap: the model is worse than {rival}.",
            "bad",
        )
    return (
        f"{numbers} The intervals overlap: this data does not show that the model is better than {rival}.",
        "unclear",
    )


def off_calibration(model: Mapping[str, Estimate]) -> str | None:
    """What is off by its own interval in the size of the model's numbers; None where nothing is.

    Args:
        model: its estimates by metric of `CALIBRATION`. The ratio says what the intercept says, where there is one.
    """
    told = []
    for metric, (named, right, below, above) in _OFF.items():
        it = model.get(metric)
        if it is None or (metric == "calibration_ratio" and "calibration_intercept" in model):
            continue
        if it.low is not None and it.low > right:
            told.append(f"{above} ({named} {it}, where {right:g} is right)")
        elif it.high is not None and it.high < right:
            told.append(f"{below} ({named} {it}, where {right:g} is right)")
    if not told:
        return None
    return (
        f"Whatever the order of customers, the predictions are {' and '.join(told)}: a threshold on them does not mean "
        "what it says."
    )


def against_champion(gain: Estimate, metric: str, examples: int) -> str:
    """The new model and the one before it, on the same outcomes; a gain above 0 is the new one's."""
    label = METRICS[metric][0]
    return (
        f"On the {examples:,} outcomes that the model in service before was not trained on, the {label.lower()} of the "
        f"model is lower than that one's by {gain}."
    )


def refused(why: str, examples: int | None) -> str:
    """That the model in service stays, why, and of which outcomes its numbers are.

    Args:
        why: the contest's reasons.
        examples: outcomes that the model in service was not trained on; None for none yet.
    """
    if examples is None:
        return f"{why} The model in service was trained on every outcome known, so no number here is of it yet."
    return f"{why} All numbers here are of the {examples:,} outcomes that the model in service was not trained on."


def _paired(numbers: str, gains: Sequence[Estimate]) -> tuple[str, Tone]:
    """Better only where it is better than every baseline, each by its own interval."""
    hardest = min(gains, key=lambda gain: (-1.0 if gain.low is None else gain.low, gain.contender))
    rival = CONTENDERS.get(hardest.contender, hardest.contender)
    low, high = hardest.low, hardest.high
    found = f"{numbers} On the same customers its loss is lower than that of {rival} by {hardest}:"
    if low is not None and low > 0:
        return f"{found} the model is better than the best baseline.", "good"
    if high is not None and high < 0:
        return f"{found} the model is worse.", "bad"
    return f"{found} this data does not show that the model is better.", "unclear"


def _above(one: Estimate, other: Estimate) -> bool:
    return one.low is not None and other.high is not None and one.low > other.high
