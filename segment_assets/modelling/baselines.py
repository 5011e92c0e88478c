"""What a model must beat: one number per customer, with a line through it, and the base rate.

A baseline is fitted and calibrated on what a candidate is: else a model would win by the level of the newest outcomes,
which is no skill of its own (tested with labels that nothing can tell and a base rate that grows).
"""

import numpy as np
import pyarrow as pa

from segment_assets.modelling.calibration import Floats, line, logit, sigmoid
from segment_assets.modelling.model import Kind
from segment_assets.modelling.vocabulary import slug

RECENCY, FREQUENCY, PAST_SPEND = "recency", "frequency", "past_spend"
# The mean of the newest outcomes known, said of everybody.
BASE_RATE = "base_rate"
BASELINES = (RECENCY, FREQUENCY, PAST_SPEND, BASE_RATE)
_WINDOWS = (84, 56, 365, 28, 14, 7)  # days, by preference: a season first


def columns(names: list[str], event: str, spend: tuple[str, str] | None) -> dict[str, str]:
    """The feature behind each baseline; a baseline whose feature does not exist is left out.

    Args:
        names: the features there are.
        event: the target's event.
        spend: event and metric that count as spend, or None.
    """
    what = slug(event, "event")
    paid = f"{slug(spend[0], 'event')}_{slug(spend[1], 'metric')}" if spend else None
    sums = [f"{paid}_{n}d" for n in _WINDOWS] if paid else []
    # A sum whose name counts some event already has a number behind it: the plain name is that count.
    counted = [f"{plain}_2" for plain in sums] if paid and paid.endswith("_count") else []
    found = {
        # Engagement of any kind is `days_since_active`, so an event of that name has a number behind.
        RECENCY: _first(names, [f"days_since_{what}{'_2' if what == 'active' else ''}"]),
        FREQUENCY: _first(names, [f"{what}_count_{n}d" for n in _WINDOWS]),
        PAST_SPEND: _first(names, counted + sums),
    }
    return {baseline: name for baseline, name in found.items() if name}


def predict(kind: Kind, baseline: str, known: pa.ChunkedArray, label: Floats, asked: pa.ChunkedArray) -> Floats:
    """Fit a line through one feature on the known rows, and read it off for the rows asked about.

    Events: a logistic regression on asinh of the feature. Values: least squares that keep the feature's order (more
    events, more spend and less time ago mean more), so that a baseline ranks customers as sorting by it does.
    """
    x, ask = _numbers(known), _numbers(asked)
    # Never seen is the longest ago of all; never counted is none.
    never = (np.nanmax(x) if np.isfinite(x).any() else 0.0) + 1.0 if baseline == RECENCY else 0.0
    x, ask = np.nan_to_num(x, nan=never), np.nan_to_num(ask, nan=never)
    if kind == "value":
        if baseline == RECENCY:  # counted from the longest ago, so that more means more
            x, ask = never - x, never - ask
        return _rising(x, label, ask)
    x, ask = np.arcsinh(x), np.arcsinh(ask)
    # The line keeps a positive slope: turn the feature so that more means more likely.
    turn = -1.0 if float(((x - x.mean()) * (label - label.mean())).sum()) < 0 else 1.0
    slope, intercept = line(turn * x, label)
    return sigmoid(slope * turn * ask + intercept)


def calibrated(kind: Kind, said: Floats, label: Floats, asked: Floats) -> Floats:
    """What a baseline says of those asked about, once what it said of the newest outcomes known has been put right.

    Args:
        kind: events get a line on the log-odds scale, values a factor: as candidates do.
        said: what it said of customers whose outcome is known and who were not fitted on.
        label: their outcomes.
        asked: what it says of those asked about.
    """
    if kind == "value":
        return asked * (label.sum() / said.sum()) if said.sum() > 0 else np.full(len(asked), label.mean())
    slope, intercept = line(logit(said), label)
    return sigmoid(slope * logit(asked) + intercept)


def _rising(x: Floats, label: Floats, ask: Floats) -> Floats:
    """The best line that rises and starts at zero or above, read off where asked.

    A line left free fell where a few amounts of a heavy tail lay with customers who had spent little, and one that
    starts below zero gives many customers the same zero: both lose the order that the baseline stands for.
    """
    x, ask = x - min(x.min(), 0.0), ask - min(x.min(), 0.0)
    spread, together = float(x.var()), float(((x - x.mean()) * (label - label.mean())).mean())
    if spread == 0.0:
        return np.full(len(ask), label.mean())
    slope = together / spread
    start = label.mean() - slope * x.mean()
    if start < 0:
        slope, start = float((x * label).mean() / (x * x).mean()), 0.0
    elif slope <= 0:
        slope, start = float(label.mean() / x.mean()), 0.0
    found: Floats = np.maximum(start + slope * ask, 0.0)
    return found


def _numbers(values: pa.ChunkedArray) -> Floats:
    return np.asarray(values.cast(pa.float64()).to_numpy(), dtype=np.float64)


def _first(names: list[str], wanted: list[str]) -> str | None:
    return next((name for name in wanted if name in set(names)), None)
