"""Metrics as functions of row weights: all bootstrap replicates at once.

Each takes a `Prepared` (one contender's predictions, sorted once) and weights of rows x replicates, and returns one value
per replicate. Unweighted they equal scikit-learn's and scipy's (tested); ties count half.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from segment_assets.modelling.bootstrap import Floats
from segment_assets.modelling.calibration import logit, maximum_likelihood, sigmoid
from segment_assets.modelling.training import loss

Metric = Callable[["Prepared", Floats], Floats]
_BINS = 10


@dataclass(frozen=True)
class Prepared:
    """Labels and predictions, with what every replicate needs of them.

    Attributes:
        label: 1 or 0, or the value.
        prediction: probability, or expected value.
        order: rows by falling prediction.
        starts: where each group of equal predictions starts in that order.
    """

    label: Floats
    prediction: Floats
    order: NDArray[np.intp]
    starts: NDArray[np.intp]

    @classmethod
    def of(cls, label: Floats, prediction: Floats) -> "Prepared":
        """Sort once."""
        order = np.argsort(-prediction, kind="stable")
        return cls(label, prediction, order, _group_starts(prediction[order]))

    def grouped(self, weights: Floats) -> tuple[Floats, Floats]:
        """Per group of equal predictions, highest first: weight, and weight times label."""
        sorted_weights = weights[self.order]
        total = np.add.reduceat(sorted_weights, self.starts, axis=0)
        return total, np.add.reduceat(sorted_weights * self.label[self.order, None], self.starts, axis=0)


def roc_auc(data: Prepared, weights: Floats) -> Floats:
    """Chance that someone with the event is ranked above someone without."""
    total, ones = data.grouped(weights)
    zeros = total - ones
    above = np.cumsum(ones, axis=0) - ones / 2
    return _ratio((zeros * above).sum(axis=0), zeros.sum(axis=0) * ones.sum(axis=0))


def average_precision(data: Prepared, weights: Floats) -> Floats:
    """Precision averaged over recall."""
    total, ones = data.grouped(weights)
    reached = np.maximum(np.cumsum(total, axis=0), 1e-300)
    return _ratio((ones * np.cumsum(ones, axis=0) / reached).sum(axis=0), ones.sum(axis=0))


def share_in_top(share: float) -> Metric:
    """Part of all events (or of all value) among the highest predictions; a tie at the edge counts in proportion."""

    def metric(data: Prepared, weights: Floats) -> Floats:
        total, ones = data.grouped(weights)
        people, found = np.cumsum(total, axis=0), np.cumsum(ones, axis=0)
        edge = share * people[-1]
        columns = np.arange(people.shape[1])
        at = np.argmax(people >= edge, axis=0)
        inside = (people[at, columns] - edge) / np.maximum(total[at, columns], 1e-300)
        return _ratio(found[at, columns] - inside * ones[at, columns], found[-1])

    return metric


def lift(share: float) -> Metric:
    """How many times the average rate the highest predictions have."""
    top = share_in_top(share)
    return lambda data, weights: top(data, weights) / share


def log_loss(data: Prepared, weights: Floats) -> Floats:
    """Mean negative log likelihood."""
    return _mean(loss("event", data.label, data.prediction), weights)


def brier(data: Prepared, weights: Floats) -> Floats:
    """Mean squared distance of probability and outcome."""
    return _mean((data.label - data.prediction) ** 2, weights)


def mean_absolute_error(data: Prepared, weights: Floats) -> Floats:
    """Mean distance of prediction and value."""
    return _mean(loss("value", data.label, data.prediction), weights)


def calibration_slope(data: Prepared, weights: Floats) -> Floats:
    """1 is right; below 1 the predictions are too extreme."""
    return _calibration_line(data, weights)[0]


def calibration_intercept(data: Prepared, weights: Floats) -> Floats:
    """0 is right; above 0 the predictions are too low."""
    return _calibration_line(data, weights)[1]


def calibration_error(data: Prepared, weights: Floats) -> Floats:
    """Expected calibration error: mean distance of rate and probability over ten bins of equally many rows."""
    bins = np.array_split(data.order, min(_BINS, len(data.order)))
    gap = data.label - data.prediction
    apart = sum(np.abs(gap[rows] @ weights[rows]) for rows in bins)
    return _ratio(np.asarray(apart), weights.sum(axis=0))


def calibration_ratio(data: Prepared, weights: Floats) -> Floats:
    """Sum of predictions by sum of outcomes; 1 is right."""
    return _ratio(data.prediction @ weights, data.label @ weights)


def spearman(data: Prepared, weights: Floats) -> Floats:
    """Correlation of ranks."""
    x, y = _ranks(data.prediction, weights), _ranks(data.label, weights)
    count = weights.sum(axis=0)
    x, y = x - (weights * x).sum(axis=0) / count, y - (weights * y).sum(axis=0) / count
    spread = (weights * x * x).sum(axis=0) * (weights * y * y).sum(axis=0)
    return _ratio((weights * x * y).sum(axis=0), np.sqrt(spread))


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
}
VALUE_METRICS: dict[str, Metric] = {
    "mae": mean_absolute_error,
    "spearman": spearman,
    "value_share_10": share_in_top(0.10),
    "calibration_ratio": calibration_ratio,
}


def _calibration_line(data: Prepared, weights: Floats) -> tuple[Floats, Floats]:
    # One Newton step from the optimum of the rows as they are: the error is of the order 1/n, and a step is two
    # matrix products where a fit per replicate is six passes of exp over rows x replicates.
    x = logit(np.clip(data.prediction, 1e-9, 1 - 1e-9))
    if not 0 < data.label.mean() < 1 or np.ptp(x) == 0:
        nothing = np.full(weights.shape[1], np.nan)
        return nothing, nothing
    slope, intercept = maximum_likelihood(x, data.label)
    p = sigmoid(slope * x + intercept)
    wrong, curve = data.label - p, p * (1 - p)
    g0, g1 = wrong @ weights, (wrong * x) @ weights
    h00, h01, h11 = curve @ weights, (curve * x) @ weights, (curve * x * x) @ weights
    area = h00 * h11 - h01 * h01
    return slope + _ratio(h00 * g1 - h01 * g0, area), intercept + _ratio(h11 * g0 - h01 * g1, area)


def _ranks(values: Floats, weights: Floats) -> Floats:
    order = np.argsort(values, kind="stable")
    starts = _group_starts(values[order])
    total = np.add.reduceat(weights[order], starts, axis=0)
    middle = np.cumsum(total, axis=0) - total / 2
    ranks = np.empty(weights.shape)
    ranks[order] = np.repeat(middle, np.diff(np.append(starts, len(order))), axis=0)
    return ranks


def _group_starts(ordered: Floats) -> NDArray[np.intp]:
    return np.flatnonzero(np.concatenate([[True], ordered[1:] != ordered[:-1]]))


def _mean(values: Floats, weights: Floats) -> Floats:
    return _ratio(values @ weights, weights.sum(axis=0))


def _ratio(above: Floats, below: Floats) -> Floats:
    return np.divide(above, below, out=np.full(np.shape(above), np.nan), where=below > 0)
