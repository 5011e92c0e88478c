"""Candidates against baselines and champion, out of time: who wins, and whether the winner is installed."""

from dataclasses import dataclass
from datetime import date

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from segment_assets.modelling.baselines import BASE_RATE
from segment_assets.modelling.bootstrap import Floats, Interval, Resampling
from segment_assets.modelling.candidates import RECIPES
from segment_assets.modelling.evaluation import CHALLENGER, CHAMPION, POOLED, Measured, after, evaluate
from segment_assets.modelling.model import Model, one_thread
from segment_assets.modelling.promotion import Champion, Evidence, Verdict, decide
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
        measured: pooled metrics of every contender, named for what became of it; `evaluation.after`.
        model: the challenger fitted on everything known; None where the champion stays.
        gains: baseline -> its loss minus that of the model in service, customer by customer; empty where a champion
            stays that was trained on all of these outcomes.
        champion: how the model in service before did; None where there was none.
    """

    backtest: pa.Table
    losses: dict[str, float]
    recipe: str
    verdict: Verdict
    measured: list[Measured]
    model: Model | None
    gains: dict[str, Interval]
    champion: Champion | None

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
    tested = tested.append_column(CHALLENGER, tested[recipe])
    tested = tested.append_column(CHAMPION, _champion(rows, tested, champion))
    measured = evaluate(tested, task.kind, by_cutoff=False)
    compared = _Compared(tested, task)
    with one_thread():
        served = _served(compared, measured) if champion is not None else None
        evidence = _evidence(compared, measured, served)
        verdict = decide(evidence)
        gains = evidence.gain_over_baselines if verdict.install else compared.over_baselines(CHAMPION)
    model = final(rows, task, recipe) if verdict.install else None
    measured = after(measured, installed=verdict.install)
    return Contest(tested, losses, recipe, verdict, measured, model, gains, served)


def _champion(rows: pa.Table, tested: pa.Table, champion: Model | None) -> pa.Array:
    """What the champion says of outcomes it was not trained on; null elsewhere."""
    said = np.full(tested.num_rows, np.nan)
    if champion is not None:
        unseen = np.flatnonzero(tested["cutoff"].to_numpy() >= np.datetime64(champion.trained_until))
        if len(unseen):
            asked = rows.filter(pc.is_in(rows["cutoff"], value_set=pc.unique(tested["cutoff"].take(unseen))))
            said[unseen] = champion.score(asked)  # both by cutoff, then customer
    return pa.array(said, from_pandas=True)


class _Compared:
    """Losses of two contenders on the rows of which both may speak."""

    def __init__(self, tested: pa.Table, task: Task) -> None:
        customers = np.asarray(tested["customer_id"].to_pylist(), dtype=object)
        self.tested, self.task = tested, task
        self._label, self._draws = _numbers(tested, "label"), Resampling(customers, _REPLICATES, task.seed)

    def gain(self, over: str, contender: str) -> Interval | None:
        """The loss of `over` minus the contender's; None where they share no row."""
        rival, said = _numbers(self.tested, over), _numbers(self.tested, contender)
        rows = np.flatnonzero(np.isfinite(rival) & np.isfinite(said))
        if not len(rows):
            return None
        theirs, its = (loss(self.task.kind, self._label[rows], prediction[rows]) for prediction in (rival, said))
        return self._draws.mean(theirs - its, rows)

    def over_baselines(self, contender: str) -> dict[str, Interval]:
        """By baseline; empty where the contender may not speak."""
        return {
            baseline: gain
            for baseline in (*self.task.baselines, BASE_RATE)
            if (gain := self.gain(baseline, contender)) is not None
        }


def _served(compared: _Compared, measured: list[Measured]) -> Champion:
    """How the model in service did on outcomes that it was not trained on."""
    tested = compared.tested
    outcomes = tested.num_rows - tested[CHAMPION].null_count
    if not outcomes:
        return Champion()
    level = _of(measured, CHAMPION).get("calibration_ratio")
    return Champion(outcomes, compared.gain(CHAMPION, CHALLENGER), compared.gain(BASE_RATE, CHAMPION), level)


def _evidence(compared: _Compared, measured: list[Measured], served: Champion | None) -> Evidence:
    mine = _of([m for m in measured if m.cutoff == POOLED], CHALLENGER)
    slope, ratio = mine.get("calibration_slope"), mine.get("calibration_ratio")
    calibration, level = (ratio, None) if compared.task.kind == "value" else (slope, ratio)
    return Evidence(compared.over_baselines(CHALLENGER), calibration, served, level)


def _of(measured: list[Measured], contender: str) -> dict[str, Interval]:
    return {m.metric: m.interval for m in measured if m.contender == contender}


def _numbers(tested: pa.Table, column: str) -> Floats:
    return np.asarray(tested[column].to_numpy(), dtype=np.float64)
