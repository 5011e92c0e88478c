"""Candidates against baselines and champion, out of time: who wins, and whether the winner is installed."""

from dataclasses import dataclass
from datetime import date

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from segment_assets.modelling.bootstrap import Floats, Interval, Resampling
from segment_assets.modelling.candidates import RECIPES
from segment_assets.modelling.evaluation import CHAMPION, MODEL, Measured, evaluate
from segment_assets.modelling.model import Model, one_thread
from segment_assets.modelling.promotion import Evidence, Verdict, decide
from segment_assets.modelling.training import Task, backtest, final, loss

# More than an evaluation's: here the tail decides.
_REPLICATES = 500


@dataclass(frozen=True)
class Contest:
    """What came of one contest.

    Attributes:
        backtest: predictions of every contender at the test cutoffs: rows of table `backtest`.
        losses: recipe -> mean out-of-time loss (log loss, or absolute error).
        recipe: the challenger's: the one with the lower loss.
        verdict: whether it is installed, and why.
        measured: pooled metrics of every contender.
        model: the challenger fitted on everything known; None where the champion stays.
        gains: baseline -> its loss minus the challenger's, customer by customer.
    """

    backtest: pa.Table
    losses: dict[str, float]
    recipe: str
    verdict: Verdict
    measured: list[Measured]
    model: Model | None
    gains: dict[str, Interval]

    @property
    def cutoffs(self) -> list[date]:
        """The test cutoffs."""
        return sorted(pc.unique(self.backtest["cutoff"]).to_pylist())


def hold(rows: pa.Table, task: Task, champion: Model | None) -> Contest:
    """Train, compare, decide.

    Args:
        rows: training examples with features, from `matrix.examples`.
        task: what to learn.
        champion: the model in service, or None.

    Raises:
        TrainingError: the rows do not carry a model; says what is missing.
    """
    tested = backtest(rows, task)
    label = _numbers(tested, "label")
    losses = {r: round(float(loss(task.kind, label, _numbers(tested, r)).mean()), 9) for r in RECIPES}
    recipe = min(RECIPES, key=lambda r: losses[r])
    tested = tested.append_column(MODEL, tested[recipe])
    tested = tested.append_column(CHAMPION, _champion(rows, tested, champion))
    measured = evaluate(tested, task.kind, by_cutoff=False)
    with one_thread():
        evidence = _evidence(tested, task, champion, measured)
    verdict = decide(evidence)
    model = final(rows, task, recipe) if verdict.install else None
    return Contest(tested, losses, recipe, verdict, measured, model, evidence.gain_over_baselines)


def _champion(rows: pa.Table, tested: pa.Table, champion: Model | None) -> pa.Array:
    """What the champion says of outcomes it was not trained on; null elsewhere."""
    said = np.full(tested.num_rows, np.nan)
    if champion is not None:
        unseen = np.flatnonzero(tested["cutoff"].to_numpy() >= np.datetime64(champion.trained_until))
        if len(unseen):
            asked = rows.filter(pc.is_in(rows["cutoff"], value_set=pc.unique(tested["cutoff"].take(unseen))))
            said[unseen] = champion.score(asked)  # both by cutoff, then customer
    return pa.array(said, from_pandas=True)


def _evidence(tested: pa.Table, task: Task, champion: Model | None, measured: list[Measured]) -> Evidence:
    resampling = Resampling(np.asarray(tested["customer_id"].to_pylist(), dtype=object), _REPLICATES, task.seed)
    label, mine = _numbers(tested, "label"), _numbers(tested, MODEL)

    def gain(column: str, rows: np.ndarray | None = None) -> Interval:
        better = loss(task.kind, label, _numbers(tested, column)) - loss(task.kind, label, mine)
        return resampling.mean(better if rows is None else better[rows], rows)

    over_champion, how = None, ""
    if champion is not None:
        fair = np.flatnonzero(np.isfinite(_numbers(tested, CHAMPION)))
        how = f"on {len(fair)} outcomes that it was not trained on"
        over_champion = gain(CHAMPION, fair) if len(fair) else gain(champion.recipe)
        if not len(fair):
            # Its own predictions of outcomes it was trained on would flatter it.
            how = "by its recipe trained again before each test cutoff, for it was trained on all of these outcomes"
    mine_is = {m.metric: m.interval for m in measured if m.contender == MODEL}
    slope, ratio = mine_is.get("calibration_slope"), mine_is.get("calibration_ratio")
    calibration, level = (ratio, None) if task.kind == "value" else (slope, ratio)
    return Evidence({b: gain(b) for b in task.baselines}, over_champion, calibration, how, level)


def _numbers(tested: pa.Table, column: str) -> Floats:
    return np.asarray(tested[column].to_numpy(), dtype=np.float64)
