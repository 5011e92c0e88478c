"""A fitted model: what it says of customers, and why. Plain data around scikit-learn pipelines."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from typing import Any, Literal

import numpy as np
import pyarrow as pa
from sklearn.pipeline import Pipeline
from threadpoolctl import threadpool_limits

from segment_assets.modelling.calibration import Floats, sigmoid
from segment_assets.modelling.candidates import frame
from segment_assets.modelling.contributions import linear, trees

Kind = Literal["event", "value"]
DECIMALS = 9  # of scores: beyond them the last bits differ between processors


@contextmanager
def one_thread() -> Iterator[None]:
    """Sums of floats depend on how many threads share them: with one, two runs give the same bytes."""
    with threadpool_limits(1):
        yield


@dataclass(frozen=True)
class Part:
    """One pipeline and its calibration: `slope * raw + intercept` on the scale of its link.

    Attributes:
        pipeline: fitted; a classifier for a chance, a regressor with a log link for an amount.
        numeric: numeric features it reads, in order.
        categorical: categorical features it reads, in order.
        slope: of the calibration.
        intercept: of the calibration.
        background: mean of the transformed rows a linear pipeline was fitted on; empty for trees.
    """

    pipeline: Pipeline
    numeric: list[str]
    categorical: list[str]
    slope: float
    intercept: float
    background: list[float]

    @property
    def features(self) -> list[str]:
        """What it reads, numeric features first."""
        return [*self.numeric, *self.categorical]

    def raw(self, rows: pa.Table) -> Floats:
        """Log-odds, or the logarithm of an amount, before calibration."""
        data = frame(rows, self.numeric, self.categorical)
        if hasattr(self.pipeline, "decision_function"):
            return np.asarray(self.pipeline.decision_function(data), dtype=np.float64)
        return np.log(np.asarray(self.pipeline.predict(data), dtype=np.float64))

    def calibrated(self, rows: pa.Table) -> Floats:
        """The same on the calibrated scale."""
        return self.slope * self.raw(rows) + self.intercept

    def explained(self, rows: pa.Table) -> tuple[float, Floats]:
        """Base and one contribution per row and feature; together exactly what `calibrated` returns."""
        encoder, estimator = self.pipeline[0], self.pipeline[-1]
        values = np.asarray(encoder.transform(frame(rows, self.numeric, self.categorical)), dtype=np.float64)
        if self.background:
            coefficients, centre = np.ravel(estimator.coef_), np.asarray(self.background)
            base = float(np.ravel(estimator.intercept_)[0] + centre @ coefficients)
            parts = _by_feature(linear(values, coefficients, centre), self._widths(encoder))
        else:
            predictors = [stage[0] for stage in estimator._predictors]
            base, parts = trees(values, predictors, float(np.ravel(estimator._baseline_prediction)[0]))
        return self.slope * base + self.intercept, self.slope * parts

    def _widths(self, encoder: Any) -> list[int]:
        # A category's columns after one-hot encoding are one feature before it.
        hot = encoder.named_transformers_["categorical"].categories_ if self.categorical else []
        return [1] * len(self.numeric) + [len(c) for c in hot]


@dataclass(frozen=True)
class Model:
    """A calibrated model of one target.

    Attributes:
        recipe: `logistic` or `boosting`.
        kind: `event` scores are probabilities, `value` scores are expected amounts (chance times amount).
        chance: does it happen; None for amounts of which everybody has one.
        amount: how much, given that there is any; None for events.
        trained_until: nearly every outcome it was fitted or calibrated on was known by this day.
    """

    recipe: str
    kind: Kind
    chance: Part | None
    amount: Part | None
    trained_until: date

    @property
    def features(self) -> list[str]:
        """Every feature it reads, by name."""
        return sorted({name for part in (self.chance, self.amount) if part for name in part.features})

    def score(self, rows: pa.Table) -> Floats:
        """Probability, or expected value, per row; 9 decimals."""
        with one_thread():
            score = sigmoid(self.chance.calibrated(rows)) if self.chance else np.ones(rows.num_rows)
            if self.amount:
                score = score * np.exp(self.amount.calibrated(rows))
        return np.round(score, DECIMALS)

    def explain(self, rows: pa.Table) -> tuple[float, Floats]:
        """Base value and one contribution per row and feature (in the order of `features`).

        Events: on the log-odds scale, with the calibration (a line there) applied to base and contributions, so that
        they sum to the log-odds of the score. Values: in the value's own unit. Each factor's change against its base is
        shared out in proportion to its contributions, and the product's change between the factors as their Shapley
        values, (p - p0)(m + m0)/2 and (m - m0)(p + p0)/2: again an exact sum.
        """
        with one_thread():
            chance, amount = (part and self._spread(part, rows) for part in (self.chance, self.amount))
        if chance and not amount:
            return chance
        p, p0, p_parts = _through(sigmoid, *chance) if chance else (np.ones(()), 1.0, np.zeros(()))
        assert amount  # noqa: S101 - for the type checker: a model has a chance, an amount, or both
        m, m0, m_parts = _through(np.exp, *amount)
        return p0 * m0, p_parts * ((m + m0) / 2)[:, None] + m_parts * ((p + p0) / 2)[..., None]

    def _spread(self, part: Part, rows: pa.Table) -> tuple[float, Floats]:
        """A part's base, and its contributions in the order of `features`."""
        base, parts = part.explained(rows)
        return base, _placed(parts, part.features, self.features)


def _through(link: Callable[[Floats], Floats], base: float, parts: Floats) -> tuple[Floats, float, Floats]:
    """Contributions behind a link function: each keeps its share, and they sum to the change."""
    total = parts.sum(axis=1)
    value, start = link(base + total), float(link(np.asarray(base)))
    tiny = np.abs(total) < 1e-9
    ahead = float(link(np.asarray(base + 1e-6)) - link(np.asarray(base - 1e-6))) / 2e-6
    slope = np.where(tiny, ahead, (value - start) / np.where(tiny, 1.0, total))
    return value, start, parts * slope[:, None]


def _placed(parts: Floats, own: list[str], every: list[str]) -> Floats:
    wide = np.zeros((len(parts), len(every)))
    wide[:, [every.index(name) for name in own]] = parts
    return wide


def _by_feature(parts: Floats, widths: list[int]) -> Floats:
    starts = np.concatenate([[0], np.cumsum(widths)[:-1]]).astype(np.intp)
    return np.asarray(np.add.reduceat(parts, starts, axis=1))
