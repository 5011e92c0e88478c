"""The model card: what a model is for, what it rests on, how good it is beside simple baselines, and where it ends."""

from dataclasses import dataclass
from datetime import date, timedelta

from segment_assets.modelling.candidates import LOGISTIC
from segment_assets.modelling.evaluation import CHAMPION, MODEL, PRIMARY, UNSEEN, Measured, markdown
from segment_assets.modelling.model import Model
from segment_assets.modelling.promotion import Verdict

_RECIPES = {LOGISTIC: "Logistic regression", "boosting": "Boosted trees (HistGradientBoosting)"}
_AMOUNTS = {LOGISTIC: "a gamma regression with a log link", "boosting": "boosted trees of gamma deviance"}
_LOSSES = {"log_loss": "log loss", "mae": "mean absolute error"}


@dataclass(frozen=True)
class Subject:
    """What the card says beyond the model and its tests.

    Attributes:
        target: its name.
        meaning: what a score means, one sentence.
        population: the predicate over features that says who is scored.
        first: first training cutoff.
        last: last training cutoff.
        training_rows: examples.
        version: of the model.
        libraries: what it was trained with.
        late: how many days later than they happen outcomes are known; 0 for within a day.
    """

    target: str
    meaning: str
    population: str
    first: date
    last: date
    training_rows: int
    version: str
    libraries: dict[str, str]
    late: int = 0


def card(subject: Subject, model: Model, measured: list[Measured], verdict: Verdict, cutoffs: list[date]) -> str:
    """Markdown for the asset's page and the dashboard."""
    versions = ", ".join(f"{name} {number}" for name, number in sorted(subject.libraries.items()))
    cutoff_text = ", ".join(str(c) for c in cutoffs)
    return f"""### {subject.target}

**What it says.** {subject.meaning}

**Who is scored.** Customers for whom `{subject.population}` holds at the cutoff.

**What it is.** {_halves(model)}, version `{subject.version}`, with {versions}; \
{len(model.features)} features. Fitted on earlier cutoffs and calibrated on the latest.

**Data.** {subject.training_rows:,} examples at cutoffs from {subject.first} to {subject.last}. \
{_known(subject, model)}

**How good it is.** Out of time: trained before each of {len(cutoffs)} test cutoffs ({cutoff_text}) on outcomes known \
by then. 95 % intervals by bootstrap over customers.

{markdown(measured)}{_beside_the_champion(measured)}

**What that means.** {" ".join(verdict.reasons)}

**Limits.** It speaks of customers like those of the past and of the time before the last cutoff; a new campaign, \
price or assortment is not in it. It predicts, and says nothing of what a message would change: that is what a \
segment's holdout is for. Reasons say what moved the score, not what causes the behaviour.
"""


def since(measured: list[Measured], verdict: Verdict, cutoffs: list[date]) -> str:
    """What the card of a model that stays says after a contest: its numbers on what came since, and why it stays."""
    until = f"Test cutoffs up to {cutoffs[-1]}."
    told = [m.examples for m in measured if m.contender == MODEL]
    if told:
        numbers = (
            f"The model in service on the {told[0]:,} outcomes that it was not trained on, and all others on the same:"
            f"\n\n{markdown(measured)}"
        )
    else:
        numbers = (
            "The model in service was trained on all of these outcomes, so there is no number of it yet but those "
            f"above, of the contest that it won. The others:\n\n{markdown(measured)}"
        )
    return f"**The last contest.** {until} {' '.join(verdict.reasons)}\n\n{numbers}\n"


def _beside_the_champion(measured: list[Measured]) -> str:
    """The new model and the one before it on the same rows, where the table above can't hold both."""
    told = [m.examples for m in measured if m.cutoff == UNSEEN and m.contender == CHAMPION]
    if not told:
        return ""
    rows = f"On the {told[0]:,} of these outcomes that the model in service before (the champion) was not trained on:"
    return f"\n\n{rows}\n\n{markdown(measured, UNSEEN)}"


def _halves(model: Model) -> str:
    recipe, amount = _RECIPES[model.recipe], _AMOUNTS[model.recipe]
    if model.amount is None:
        return recipe
    if model.chance is None:
        return f"{amount[0].upper()}{amount[1:]} for how much; whether is not asked, for everybody fitted on had some"
    return f"A hurdle: {recipe[0].lower()}{recipe[1:]} for whether there is any, times {amount} for how much"


def _known(subject: Subject, model: Model) -> str:
    ended = f"The last of their horizons ended by {model.trained_until - timedelta(days=subject.late)}"
    if not subject.late:
        return f"{ended}; outcomes are known within a day, but for one in fifty at most."
    return (
        f"{ended}. **Outcomes come late**: all but one in fifty are known {subject.late} days after they happen, so "
        f"they were counted on {model.trained_until}. Cutoffs after {subject.last} are left out until theirs are in."
    )


def candidates(losses: dict[str, float], recipe: str, kind: str) -> str:
    """Markdown table of the candidates with their out-of-time loss."""
    name = _LOSSES[PRIMARY["value" if kind == "value" else "event"]]
    rows = [f"| {_RECIPES[r]}{' (chosen)' if r == recipe else ''} | {value:.4f} |" for r, value in losses.items()]
    return "\n".join([f"| candidate | out-of-time {name} |", "|---|---|", *rows])
