"""Metrics as functions of row weights: all bootstrap replicates at once.

Each takes a `Weighted` (one contender's predictions, sorted once, under weights of rows x replicates) and returns one
value per replicate. Unweighted they equal scikit-learn's and scipy's (tested); ties count half.

Over several cutoffs, the order of customers is counted within each cutoff, and the counts are summed: a segment takes
the highest of one day, and a prediction that knows how busy a month is and tells nobody apart ranks nobody. So it is
with the slope: one for all, and an intercept for each cutoff. Docs: docs/models.md, with the literature.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segment_assets.modelling.bootstrap import Floats
from segment_assets.modelling.calibration import logit, parallel_lines, sigmoid
from segment_assets.modelling.training import loss

Metric = Callable[["Weighted"], Floats]
_BINS = 10


@dataclass(frozen=True)
class Prepared:
    """Labels and predictions, with what every replicate needs of them.

    Attributes:
        label: 1 or 0, or the value.
        prediction: probability, or expected value.
        order: rows by falling prediction.
        starts: where each group of equal predictions starts in that order.
        cutoffs: rows of each cutoff, and the same of them alone; empty where none is told.
    """

    label: Floats
    prediction: Floats
    order: NDArray[np.intp]
    starts: NDArray[np.intp]
    cutoffs: "list[tuple[NDArray[np.intp], Prepared]]"

    @classmethod
    def of(cls, label: Floats, prediction: Floats, cutoff: NDArray[Any] | None = None) -> "Prepared":
        """Sort once; without cutoffs all rows are of one."""
        days: Iterable[Any] = () if cutoff is None else np.unique(cutoff)
        rows = [np.flatnonzero(cutoff == day) for day in days]
        order = np.argsort(-prediction, kind="stable")
        starts = _group_starts(prediction[order])
        return cls(label, prediction, order, starts, [(r, cls.of(label[r], prediction[r])) for r in rows])


class Weighted:
    """Predictions under the weights of some replicates; what several metrics need is worked out once.

    Args:
        data: labels and predictions.
        weights: rows x replicates.
    """

    def __init__(self, data: Prepared, weights: Floats) -> None:
        self.label, self.prediction, self.order = data.label, data.prediction, data.order
        self.weights = weights
        self.count = weights.sum(axis=0)
        self._starts, self._cutoffs = data.starts, data.cutoffs

    @cached_property
    def each(self) -> "list[Weighted]":
        """Each cutoff by itself."""
        return [Weighted(data, self.weights[rows]) for rows, data in self._cutoffs] or [self]

    @cached_property
    def groups(self) -> tuple[Floats, Floats]:
        """Per group of equal predictions, highest first: weight, and weight times label."""
        ordered = self.weights[self.order]
        total = np.add.reduceat(ordered, self._starts, axis=0)
        ordered *= self.label[self.order, None]
        return total, np.add.reduceat(ordered, self._starts, axis=0)

    @cached_property
    def reached(self) -> tuple[Floats, Floats]:
        """The same, summed from the top."""
        total, ones = self.groups
        return np.cumsum(total, axis=0), np.cumsum(ones, axis=0)

    @cached_property
    def line(self) -> tuple[Floats, Floats]:
        """Calibration slope and intercept."""
        return _calibration_line(self)

    def mean(self, values: Floats) -> Floats:
        """Weighted mean of one value per row."""
        return _ratio(values @ self.weights, self.count)


def roc_auc(data: Weighted) -> Floats:
    """Chance that someone with the event is ranked above someone without, of the same cutoff."""

    def pairs(one: Weighted) -> tuple[Floats, Floats]:
        (total, ones), found = one.groups, one.reached[1]
        won = np.einsum("ij,ij->j", total - ones, found - ones / 2)
        return won, (one.count - found[-1]) * found[-1]

    return _summed(pairs, data)


def average_precision(data: Weighted) -> Floats:
    """Precision averaged over recall: over all events the precision at the event's place in its own cutoff."""

    def precision(one: Weighted) -> tuple[Floats, Floats]:
        people, found = one.reached
        return np.einsum("ij,ij->j", one.groups[1], found / np.maximum(people, 1e-300)), found[-1]

    return _summed(precision, data)


def share_in_top(share: float) -> Metric:
    """Part of all events (or of all value) among the highest of each cutoff; a tie at the edge counts in proportion."""

    def top(one: Weighted) -> tuple[Floats, Floats]:
        (total, ones), (people, found) = one.groups, one.reached
        edge = share * people[-1]
        columns = np.arange(people.shape[1])
        at = np.argmax(people >= edge, axis=0)
        inside = (people[at, columns] - edge) / np.maximum(total[at, columns], 1e-300)
        return found[at, columns] - inside * ones[at, columns], found[-1]

    return lambda data: _summed(top, data)


def lift(share: float) -> Metric:
    """How many times the average rate the highest predictions have."""
    top = share_in_top(share)
    return lambda data: top(data) / share


def log_loss(data: Weighted) -> Floats:
    """Mean negative log likelihood."""
    return data.mean(loss("event", data.label, data.prediction))


def brier(data: Weighted) -> Floats:
    """Mean squared distance of probability and outcome."""
    return data.mean((data.label - data.prediction) ** 2)


def mean_absolute_error(data: Weighted) -> Floats:
    """Mean distance of prediction and value."""
    return data.mean(loss("value", data.label, data.prediction))


def calibration_slope(data: Weighted) -> Floats:
    """1 is right; below 1 the predictions are too extreme."""
    return data.line[0]


def calibration_intercept(data: Weighted) -> Floats:
    """0 is right; above 0 the predictions are too low. Over several cutoffs the mean of theirs."""
    return data.line[1]


def calibration_error(data: Weighted) -> Floats:
    """Expected calibration error: mean distance of rate and probability over ten bins of equally many rows."""
    bins = np.array_split(data.order, min(_BINS, len(data.order)))
    gap = data.label - data.prediction
    apart = sum(np.abs(gap[rows] @ data.weights[rows]) for rows in bins)
    return _ratio(np.asarray(apart), data.count)


def calibration_ratio(data: Weighted) -> Floats:
    """Sum of predictions by sum of outcomes; 1 is right."""
    return _ratio(data.prediction @ data.weights, data.label @ data.weights)


def spearman(data: Weighted) -> Floats:
    """Correlation of ranks, each as a share of its cutoff's customers."""
    together, spread_x, spread_y = np.sum([_of_ranks(one) for one in data.each], axis=0)
    return _ratio(together, np.sqrt(spread_x * spread_y))


EVENT_METRICS: dict[str, Metric] = {
    "roc_auc": roc_auc,
    "average_precision": average_precision,
    "log_loss": log_loss,
    "brier": brier,
    "lift_5": lift(0.05),
    "lift_10": lift(0.10),
    "lift_20": lift(0.20),
    "calibration_slope": calibration_slope,
    "calibration_intercept": calibration_intercept,
    "calibration_error": calibration_error,
    "calibration_ratio": calibration_ratio,
}
VALUE_METRICS: dict[str, Metric] = {
    "mae": mean_absolute_error,
    "spearman": spearman,
    "value_share_10": share_in_top(0.10),
    "calibration_ratio": calibration_ratio,
}
# Areas, shares, rates' distances and a correlation lie between -1 and 1, and so do their intervals.
WITHIN_ONE = frozenset(("roc_auc", "average_precision", "brier", "calibration_error", "spearman", "value_share_10"))


def _calibration_line(data: Weighted) -> tuple[Floats, Floats]:
    # One Newton step from the optimum of the rows as they are: the error is of the order 1/n, and a step is a few
    # matrix products where a fit per replicate is six passes of exp over rows x replicates.
    each = [one for one in data.each if 0 < one.label.mean() < 1]  # of one outcome alone nothing is to be learnt
    xs = [logit(np.clip(one.prediction, 1e-9, 1 - 1e-9)) for one in each]
    if not any(np.ptp(x) > 0 for x in xs):
        nothing = np.full(len(data.count), np.nan)
        return nothing, nothing
    cutoff = np.repeat(np.arange(len(each)), [len(x) for x in xs])
    slope, intercepts = parallel_lines(np.concatenate(xs), np.concatenate([one.label for one in each]), cutoff)
    # Gradient and curvature of each cutoff, once its own intercept is where it is best for any slope.
    terms = np.stack([_of_line(one, x, slope, start) for one, x, start in zip(each, xs, intercepts, strict=True)])
    g0, g1, h00, h01, h11 = np.moveaxis(terms, 1, 0)
    pull, curve = g1 - h01 * _ratio(g0, h00), h11 - h01 * _ratio(h01, h00)
    step = _ratio(np.nansum(pull, axis=0), np.nansum(curve, axis=0))
    counts = np.stack([one.count for one in each])
    reached = intercepts[:, None] + _ratio(g0 - h01 * step, h00)
    return slope + step, _ratio(np.nansum(counts * reached, axis=0), counts.sum(axis=0))


def _of_line(one: Weighted, x: Floats, slope: float, intercept: float) -> Floats:
    p = sigmoid(slope * x + intercept)
    wrong, curve = one.label - p, p * (1 - p)
    return np.asarray(np.stack([wrong, wrong * x, curve, curve * x, curve * x * x]) @ one.weights)


def _of_ranks(one: Weighted) -> tuple[Floats, Floats, Floats]:
    """What the predictions' ranks and the labels' have in common, and the spread of either."""
    share = np.maximum(one.count, 1.0)
    x, y = _centred_ranks(one, one.prediction) / share, _centred_ranks(one, one.label) / share
    weighted = one.weights * x
    spread_y = np.einsum("ij,ij,ij->j", one.weights, y, y)
    return np.einsum("ij,ij->j", weighted, y), np.einsum("ij,ij->j", weighted, x), spread_y


def _summed(parts: Callable[[Weighted], tuple[Floats, Floats]], data: Weighted) -> Floats:
    """A ratio whose two sides are counted in each cutoff and summed."""
    sides = [parts(one) for one in data.each]
    return _ratio(np.sum([above for above, _ in sides], axis=0), np.sum([below for _, below in sides], axis=0))


def _centred_ranks(data: Weighted, values: Floats) -> Floats:
    order = np.argsort(values, kind="stable")
    starts = _group_starts(values[order])
    total = np.add.reduceat(data.weights[order], starts, axis=0)
    middle = np.cumsum(total, axis=0) - total / 2 - data.count / 2  # the mean of all ranks is half the weight
    ranks = np.empty(data.weights.shape)
    ranks[order] = np.repeat(middle, np.diff(np.append(starts, len(order))), axis=0)
    return ranks


def _group_starts(ordered: Floats) -> NDArray[np.intp]:
    return np.flatnonzero(np.concatenate([[True], ordered[1:] != ordered[:-1]]))


def _ratio(above: Floats, below: Floats) -> Floats:
    ratio: Floats = np.divide(above, below, out=np.full(np.shape(above), np.nan), where=below > 0)
    return ratio
