"""How well a target was predicted out of time, beside what anybody could have done, each with its uncertainty."""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from segment_assets.modelling.baselines import BASELINES
from segment_assets.modelling.bootstrap import Floats, Interval, Resampling, interval
from segment_assets.modelling.candidates import LOGISTIC
from segment_assets.modelling.metrics import EVENT_METRICS, VALUE_METRICS, WITHIN_ONE, Prepared, Weighted
from segment_assets.modelling.model import Kind, one_thread

POOLED = "pooled"
MODEL, CHAMPION = "model", "champion"
CONTENDERS = (MODEL, CHAMPION, LOGISTIC, *BASELINES)
PRIMARY: dict[Kind, str] = {"event": "log_loss", "value": "mae"}


@dataclass(frozen=True)
class Measured:
    """One metric of one contender.

    Attributes:
        cutoff: the test cutoff, or `pooled`.
        contender: `model`, `champion`, or a baseline.
        metric: its name.
        interval: value, low, high.
        examples: rows it rests on.
    """

    cutoff: str
    contender: str
    metric: str
    interval: Interval
    examples: int


def evaluate(backtest: pa.Table, kind: Kind, *, by_cutoff: bool = True) -> list[Measured]:
    """Every metric of every contender, pooled and per test cutoff.

    Args:
        backtest: rows of table `backtest`: `customer_id`, `cutoff`, `label`, and a column of predictions per
            contender; null where a contender may not speak (the champion, of outcomes it has seen).
        kind: which metrics.
        by_cutoff: also each test cutoff by itself.
    """
    resampling = Resampling(np.asarray(backtest["customer_id"].to_pylist(), dtype=object))
    cutoffs = np.asarray(backtest["cutoff"].to_numpy())
    everywhere = [(POOLED, np.ones(len(cutoffs), dtype=bool))]
    each = [(str(day), cutoffs == day) for day in np.unique(cutoffs)] if by_cutoff else []
    found: list[Measured] = []
    with one_thread():
        for name, inside in everywhere + each:
            for contender in CONTENDERS:
                if contender in backtest.column_names:
                    found += _one(backtest, kind, resampling, name, inside, contender)
    return found


def table(measured: list[Measured]) -> pa.Table:
    """As rows of table `model_evaluation`."""
    return pa.table(
        {
            "cutoff": [m.cutoff for m in measured],
            "contender": [m.contender for m in measured],
            "metric": [m.metric for m in measured],
            "value": [round(m.interval.value, 9) for m in measured],
            "low": [round(m.interval.low, 9) for m in measured],
            "high": [round(m.interval.high, 9) for m in measured],
            "examples": [m.examples for m in measured],
        },
        schema=pa.schema(
            [(n, pa.string()) for n in ("cutoff", "contender", "metric")]
            + [(n, pa.float64()) for n in ("value", "low", "high")]
            + [("examples", pa.int64())]
        ),
    )


def markdown(measured: list[Measured], cutoff: str = POOLED) -> str:
    """A table of contenders (rows) and metrics (columns), each number with its 95 % interval."""
    here = {(m.contender, m.metric): m for m in measured if m.cutoff == cutoff}
    names = list(dict.fromkeys(metric for _, metric in here))
    lines = ["| | " + " | ".join(n.replace("_", " ") for n in names) + " |", "|---" * (len(names) + 1) + "|"]
    for contender in CONTENDERS:
        if any(c == contender for c, _ in here):
            cells = [_cell(here.get((contender, name))) for name in names]
            lines.append(f"| {contender.replace('_', ' ')} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _cell(measured: Measured | None) -> str:
    if measured is None:
        return ""
    i = measured.interval
    digits = 3 if abs(i.value) < 100 else 1
    return f"{i.value:.{digits}f} ({i.low:.{digits}f} to {i.high:.{digits}f})"


def _one(
    backtest: pa.Table, kind: Kind, resampling: Resampling, cutoff: str, inside: np.ndarray, contender: str
) -> list[Measured]:
    said = np.asarray(backtest[contender].to_numpy(), dtype=np.float64)
    rows = np.flatnonzero(inside & np.isfinite(said))
    if not len(rows):
        return []
    label = np.asarray(backtest["label"].to_numpy(), dtype=np.float64)[rows]
    data = Prepared.of(label, said[rows])
    metrics = VALUE_METRICS if kind == "value" else EVENT_METRICS
    replicates: dict[str, list[Floats]] = {name: [] for name in metrics}
    for weights in resampling.weights(rows):
        weighted = Weighted(data, weights)
        for name, metric in metrics.items():
            replicates[name].append(metric(weighted))
    return [
        Measured(cutoff, contender, name, around, len(rows))
        for name, parts in replicates.items()
        if (around := interval(np.concatenate(parts), 1.0 if name in WITHIN_ONE else np.inf))
    ]
