"""Fit, calibrate and try candidates out of time.

The one rule about time: a row may be used before a day only if its whole horizon had ended by that day, and its
outcome was in. Calibration uses the latest such cutoff, fitting the cutoffs whose horizon had ended by that one.
"""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from segment_assets.modelling import baselines
from segment_assets.modelling.calibration import Floats, line
from segment_assets.modelling.candidates import LOGISTIC, RECIPES, amount, chance, frame
from segment_assets.modelling.cutoffs import split
from segment_assets.modelling.matrix import feature_columns
from segment_assets.modelling.model import DECIMALS, Kind, Model, Part, one_thread

TEST_CUTOFFS = 4
MOST_FEATURES = 64  # numeric ones: windows of one event say nearly the same, and time goes with their number
AT_A_TIME = 2  # fits in parallel
MOST_ROWS = 1_000_000  # of fitting: five times as many added 0.0007 of AUC on synthetic data (docs/models.md)


class TrainingError(Exception):
    """Why no model can be trained, and what is missing."""


@dataclass(frozen=True)
class Task:
    """What to learn.

    Attributes:
        target: its name, for messages.
        kind: `event` (labels 1 and 0) or `value` (labels not below zero).
        horizon: from a cutoff to the end of its outcome.
        seed: for whatever draws at random.
        baselines: baseline -> the feature it reads; the base rate, which reads none, stands beside them anyhow.
        late: how much later than they happen outcomes are known.
    """

    target: str
    kind: Kind
    horizon: timedelta
    seed: int
    baselines: dict[str, str]
    late: timedelta = timedelta(0)

    @property
    def known_after(self) -> timedelta:
        """From a cutoff to the day on which its outcome may be used."""
        return self.horizon + self.late


def fit(rows: pa.Table, task: Task, recipe: str, before: date) -> Model | None:
    """Fit and calibrate one recipe on what was known before a day; None where labels or cutoffs do not carry it."""
    parts = split(_cutoffs(rows), task.horizon, before, task.late)
    if parts is None:
        return None
    fitting, calibrating = _at(rows, parts.fit), _at(rows, [parts.calibrate])
    fitting = _thinned(fitting, task.seed)
    happened = pc.greater(fitting["label"], 0)
    everybody = pc.all(happened).as_py()
    if not pc.any(happened).as_py() or (everybody and task.kind == "event"):
        return None  # nobody, or everybody: nothing to learn, but how much
    with one_thread():
        first = None if everybody else _fit_chance(fitting, calibrating, task, recipe)
        second = _fit_amount(fitting, calibrating, task, recipe) if task.kind == "value" else None
    return Model(recipe, task.kind, first, second, parts.calibrate + task.known_after)


def backtest(rows: pa.Table, task: Task) -> pa.Table:
    """What every candidate and baseline would have said at the last test cutoffs, trained before each.

    Returns:
        `customer_id`, `cutoff`, `label`, and one column of predictions per recipe and baseline; by cutoff, customer.

    Raises:
        TrainingError: no cutoff has two others before it whose horizons had ended in time.
    """
    cutoffs = _cutoffs(rows)
    tested: list[pa.Table] = []
    waiting = list(reversed(cutoffs))
    while waiting and len(tested) < TEST_CUTOFFS:
        batch, waiting = waiting[: TEST_CUTOFFS - len(tested)], waiting[TEST_CUTOFFS - len(tested) :]
        for cutoff, fitted in zip(batch, _fit_before_each(rows, task, batch), strict=True):
            if len(fitted) == len(RECIPES):
                tested.append(_said(rows, task, cutoff, fitted))
    if not tested:
        both = "somebody who has a value" if task.kind == "value" else "customers of both outcomes"
        raise TrainingError(
            f"{task.target}: a model needs at least three cutoffs, each {task.horizon.days} days or more after the one "
            f"before, with {both}; there are {len(cutoffs)} cutoffs in training_examples. "
            f"Wait for more data, or shorten targets.{task.target}.horizon in segmentation.yaml."
        )
    return pa.concat_tables(reversed(tested)).combine_chunks()


def _fit_before_each(rows: pa.Table, task: Task, cutoffs: list[date]) -> list[dict[str, Model]]:
    """Every recipe fitted before each cutoff, two at a time; each fit is on one thread, so the bytes do not change."""
    with one_thread(), ThreadPoolExecutor(AT_A_TIME) as pool:
        jobs = [{recipe: pool.submit(fit, rows, task, recipe, cutoff) for recipe in RECIPES} for cutoff in cutoffs]
        return [{r: model for r, job in by_recipe.items() if (model := job.result())} for by_recipe in jobs]


def _said(rows: pa.Table, task: Task, cutoff: date, fitted: dict[str, Model]) -> pa.Table:
    asked = _at(rows, [cutoff])
    table = asked.select(["customer_id", "cutoff", "label"])
    said = {recipe: model.score(asked) for recipe, model in fitted.items()}
    for name, values in (said | _baselines(rows, asked, task, cutoff)).items():
        table = table.append_column(name, pa.array(np.round(values, DECIMALS)))
    return table


def final(rows: pa.Table, task: Task, recipe: str) -> Model:
    """The recipe on everything whose outcome is known.

    Raises:
        TrainingError: the rows do not carry a model.
    """
    model = fit(rows, task, recipe, _cutoffs(rows)[-1] + task.known_after)
    if model is None:
        needs = "nobody with a value" if task.kind == "value" else "one outcome only; a model needs both"
        raise TrainingError(f"{task.target}: the training examples have {needs}")
    return model


def loss(kind: Kind, label: Floats, prediction: Floats) -> Floats:
    """What candidates are chosen by, per row: log loss for events, absolute error for values."""
    if kind == "value":
        return np.abs(label - prediction)
    p = np.clip(prediction, 1e-9, 1 - 1e-9)
    return np.asarray(-(label * np.log(p) + (1 - label) * np.log(1 - p)))


def _fit_chance(fitting: pa.Table, calibrating: pa.Table, task: Task, recipe: str) -> Part:
    return _part(fitting, calibrating, task, recipe, of_amount=False)


def _fit_amount(fitting: pa.Table, calibrating: pa.Table, task: Task, recipe: str) -> Part:
    some, later = (rows.filter(pc.greater(rows["label"], 0)) for rows in (fitting, calibrating))
    return _part(some, later, task, recipe, of_amount=True)


def _part(fitting: pa.Table, calibrating: pa.Table, task: Task, recipe: str, *, of_amount: bool) -> Part:
    numeric, categorical = _varying(fitting, task)
    label = _label(fitting)
    pipeline = (amount if of_amount else chance)(recipe, numeric, categorical, task.seed)
    data = frame(fitting, numeric, categorical)
    # Its two steps one by one: the mean of what the second is fitted on is needed to explain a linear model.
    encoded = np.asarray(pipeline[0].fit_transform(data))
    # A step too far overflows where amounts span many powers of ten; the solver takes a shorter one by itself.
    with np.errstate(all="ignore"):
        pipeline[-1].fit(encoded, label if of_amount else label > 0)
    background = encoded.mean(axis=0).tolist() if recipe == LOGISTIC else []
    part = Part(pipeline, numeric, categorical, 1.0, 0.0, background)
    if calibrating.num_rows == 0:
        return part
    raw, seen = part.raw(calibrating), _label(calibrating)
    if of_amount:  # the calibrated amounts sum to the real ones
        slope, intercept = 1.0, float(np.log(seen.sum() / np.exp(raw).sum()))
    else:
        slope, intercept = line(raw, (seen > 0).astype(np.float64))
    return Part(pipeline, numeric, categorical, slope, intercept, background)


def _varying(rows: pa.Table, task: Task) -> tuple[list[str], list[str]]:
    """Features that tell the rows apart: a column that is constant or empty teaches nothing, and trees refuse it."""
    numeric, categorical = feature_columns(rows)
    varying = [c for c in numeric if (ends := pc.min_max(rows[c]).as_py())["min"] != ends["max"]]
    varying = _strongest(rows, varying) if len(varying) > MOST_FEATURES else varying
    telling = [c for c in categorical if len(pc.unique(rows[c])) > 1]
    if not varying and not telling:
        raise TrainingError(f"{task.target}: no feature differs between customers in the training examples")
    return varying, telling


def _strongest(rows: pa.Table, names: list[str]) -> list[str]:
    """The numeric features that go furthest with the label, on the rows fitted on alone, in their own order."""
    values = np.arcsinh(frame(rows, names, []).to_numpy())
    known = np.isfinite(values)
    counts = known.sum(axis=0)
    centred = np.where(known, values - np.where(known, values, 0.0).sum(axis=0) / counts, 0.0)
    label = np.arcsinh(_label(rows))
    label = label - label.mean()
    spread = np.sqrt((centred**2).sum(axis=0) * (label @ label))
    strength = np.round(np.abs(label @ centred) / np.where(spread > 0, spread, 1.0), DECIMALS)
    kept = sorted(np.argsort(-strength, kind="stable")[:MOST_FEATURES])
    return [names[i] for i in kept]


def _baselines(rows: pa.Table, asked: pa.Table, task: Task, before: date) -> dict[str, Floats]:
    """What baselines say: fitted and calibrated on the very cutoffs that candidates are."""
    parts = split(_cutoffs(rows), task.horizon, before, task.late)
    assert parts is not None  # noqa: S101 - the candidates were fitted on them
    fitting, newest = _at(rows, parts.fit), _at(rows, [parts.calibrate])
    label, since = _label(fitting), _label(newest)
    said = {baselines.BASE_RATE: np.full(asked.num_rows, since.mean())}
    for name, column in task.baselines.items():
        both = pa.chunked_array([*newest[column].chunks, *asked[column].chunks], asked[column].type)
        spoken = baselines.predict(task.kind, name, fitting[column], label, both)
        known, open_ = np.split(spoken, [newest.num_rows])
        said[name] = baselines.calibrated(task.kind, known, since, open_)
    return said


def _thinned(rows: pa.Table, seed: int) -> pa.Table:
    if rows.num_rows <= MOST_ROWS:
        return rows
    return rows.take(np.sort(np.random.default_rng(seed).choice(rows.num_rows, MOST_ROWS, replace=False)))


def _cutoffs(rows: pa.Table) -> list[date]:
    return sorted(pc.unique(rows["cutoff"]).to_pylist())


def _at(rows: pa.Table, cutoffs: list[date]) -> pa.Table:
    return rows.filter(pc.is_in(rows["cutoff"], value_set=pa.array(cutoffs, pa.date32())))


def _label(rows: pa.Table) -> Floats:
    return np.asarray(rows["label"].to_numpy(), dtype=np.float64)
