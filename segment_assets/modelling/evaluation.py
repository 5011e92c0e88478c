"""How well a target was predicted out of time, beside what anybody could have done, each with its uncertainty."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa

from segment_assets.modelling.baselines import BASELINES
from segment_assets.modelling.bootstrap import Floats, Interval, Resampling, interval
from segment_assets.modelling.candidates import LOGISTIC
from segment_assets.modelling.metrics import EVENT_METRICS, VALUE_METRICS, WITHIN_ONE, Prepared, Weighted
from segment_assets.modelling.model import Kind, one_thread

# All test cutoffs; and those of them that the champion was not trained on.
POOLED, UNSEEN = "pooled", "unseen"
# A contest has a challenger and a champion. After it, `model` is whichever of the two is in service.
MODEL, CHALLENGER, CHAMPION = "model", "challenger", "champion"
CONTENDERS = (MODEL, CHALLENGER, CHAMPION, LOGISTIC, *BASELINES)
PRIMARY: dict[Kind, str] = {"event": "log_loss", "value": "mae"}


@dataclass(frozen=True)
class Measured:
    """One metric of one contender.

    Attributes:
        cutoff: the test cutoff, `pooled`, or `unseen`.
        contender: `model`, `challenger`, `champion`, or a baseline.
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
    """Every metric of every contender, pooled and per test cutoff: each pool's numbers are of the same rows.

    So a contender that may not speak of some of a pool's rows is left out of it. Where that is the champion, the rows
    that it speaks of are a pool of their own, `unseen`.

    Args:
        backtest: rows of table `backtest`: `customer_id`, `cutoff`, `label`, and a column of predictions per
            contender; null where a contender may not speak (the champion, of outcomes it has seen).
        kind: which metrics.
        by_cutoff: also each test cutoff by itself.
    """
    resampling = Resampling(np.asarray(backtest["customer_id"].to_pylist(), dtype=object))
    cutoffs = np.asarray(backtest["cutoff"].to_numpy())
    everywhere = [(POOLED, np.ones(len(cutoffs), dtype=bool))]
    if CHAMPION in backtest.column_names and 0 < backtest[CHAMPION].null_count < backtest.num_rows:
        everywhere.append((UNSEEN, np.asarray(backtest[CHAMPION].is_valid())))
    each = [(str(day), cutoffs == day) for day in np.unique(cutoffs)] if by_cutoff else []
    found: list[Measured] = []
    with one_thread():
        for name, inside in everywhere + each:
            for contender in CONTENDERS:
                if contender in backtest.column_names:
                    found += _one(backtest, kind, resampling, name, inside, contender)
    return found


def after(measured: Sequence[Measured], *, installed: bool) -> list[Measured]:
    """What a contest measured, with its contenders named for what became of them.

    An installed challenger is the `model`, and the champion keeps its name. Where the champion stays, that is the
    `model`, all numbers are of the rows that it was not trained on, and `challenger` is the one refused; without such
    rows there is no `model` among them.
    """
    if installed:
        return [replace(m, contender=MODEL) if m.contender == CHALLENGER else m for m in measured]
    pools = {m.cutoff for m in measured if m.contender == CHAMPION} or {m.cutoff for m in measured}
    return [
        replace(
            m,
            contender=MODEL if m.contender == CHAMPION else m.contender,
            cutoff=POOLED if m.cutoff == UNSEEN else m.cutoff,
        )
        for m in measured
        if m.cutoff in pools
    ]


def table(measured: list[Measured], why: dict[str, str] | None = None) -> pa.Table:
    """As rows of table `model_evaluation`.

    Args:
        measured: metrics.
        why: contender -> why the last contest made of it what it is.
    """
    told = why or {}
    return pa.table(
        {
            "cutoff": [m.cutoff for m in measured],
            "contender": [m.contender for m in measured],
            "metric": [m.metric for m in measured],
            "value": [round(m.interval.value, 9) for m in measured],
            "low": [round(m.interval.low, 9) for m in measured],
            "high": [round(m.interval.high, 9) for m in measured],
            "examples": [m.examples for m in measured],
            "why": [told.get(m.contender) for m in measured],
        },
        schema=pa.schema(
            [(n, pa.string()) for n in ("cutoff", "contender", "metric")]
            + [(n, pa.float64()) for n in ("value", "low", "high")]
            + [("examples", pa.int64()), ("why", pa.string())]
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
    rows = np.flatnonzero(inside)
    if not len(rows) or not np.isfinite(said[rows]).all():
        return []
    label = np.asarray(backtest["label"].to_numpy(), dtype=np.float64)[rows]
    data = Prepared.of(label, said[rows], np.asarray(backtest["cutoff"].to_numpy())[rows])
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
