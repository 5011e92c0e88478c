"""From an order to a model: the one function that every trainer runs, in the run's process or in a training job."""

import hashlib
from dataclasses import asdict
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from segment_assets.modelling import artefact, baselines, card
from segment_assets.modelling.contest import Contest, hold
from segment_assets.modelling.matrix import feature_columns
from segment_assets.modelling.model import Kind
from segment_assets.modelling.port import Learnt, TrainingOrder
from segment_assets.modelling.tables import backtest
from segment_assets.modelling.training import Task
from segment_assets.segmentation import Target


def learn(order: TrainingOrder, where: str) -> Learnt:
    """Hold the contest; where the verdict is to install, make the model file and what its pointer says.

    Args:
        order: rows, target and rival.
        where: who does the work.

    Raises:
        TrainingError: the rows do not carry a model.
        ModelError: the champion's file can't be read here.
    """
    name, target, kind = order.target, order.definition, kind_of(order.definition)
    champion = artefact.loads(order.champion, f"the champion of {name}") if order.champion is not None else None
    numeric, categorical = feature_columns(order.rows)
    known = baselines.columns([*numeric, *categorical], target.event, order.spend)
    held = hold(order.rows, Task(name, kind, target.horizon, target.seed, known, order.late), champion)
    facts, tested = _facts(held, order.version, kind), _complete(held.backtest, name)
    if held.model is None:
        facts["since"] = card.since(held.measured, held.verdict, held.cutoffs)
        return Learnt(facts, tested, None, None, where)
    content = artefact.dumps(held.model)
    return Learnt(facts, tested, _stored(order, held, facts, content), content, where)


def kind_of(target: Target) -> Kind:
    """Probabilities for absence and presence, amounts for values."""
    return "value" if target.kind == "value" else "event"


def _stored(order: TrainingOrder, held: Contest, facts: dict[str, Any], content: bytes) -> artefact.Stored:
    assert held.model is not None  # noqa: S101 - asked before
    days = pc.min_max(order.rows["cutoff"]).as_py()
    subject = card.Subject(
        order.target, _meaning(order.target, order.definition), order.definition.eligible, days["min"], days["max"],
        order.rows.num_rows, order.version, artefact.libraries(), order.late.days,
    )  # fmt: skip
    return artefact.Stored(
        target=order.target,
        version=order.version,
        sha256=hashlib.sha256(content).hexdigest(),
        libraries=subject.libraries,
        features=held.model.features,
        trained_until=held.model.trained_until.isoformat(),
        training_rows=order.rows.num_rows,
        won=facts,
        last_contest=facts,
        card=card.card(subject, held.model, held.measured, held.verdict, held.cutoffs),
    )


def _facts(held: Contest, version: str, kind: Kind) -> dict[str, Any]:
    return {
        "version": version,
        "installed": held.verdict.install,
        "beats_baselines": held.verdict.beats_baselines,
        "reasons": held.verdict.reasons,
        "recipe": held.recipe,
        "losses": held.losses,
        "candidates": card.candidates(held.losses, held.recipe, kind),
        "outcomes": held.backtest.num_rows,
        "test_cutoffs": [str(c) for c in held.cutoffs],
        "gains": {baseline: asdict(gain) for baseline, gain in held.gains.items()},
        "champion": asdict(held.champion) if held.champion else None,
        "tests": [
            {"cutoff": m.cutoff, "contender": m.contender, "metric": m.metric} | asdict(m.interval)
            for m in held.measured
        ],
    }


def _complete(tested: pa.Table, name: str) -> pa.Table:
    for column in backtest(name).schema.names:
        if column not in tested.column_names:
            tested = tested.append_column(column, pa.array(np.full(tested.num_rows, np.nan), from_pandas=True))
    return tested


def _meaning(name: str, target: Target) -> str:
    days = target.horizon.days
    if target.kind == "value":
        return f"Expected sum of {target.metric} over {target.event} events in the {days} days after the cutoff."
    happens = "no" if target.kind == "absence" else "at least one"
    return f"Probability of {happens} {target.event} event in the {days} days after the cutoff."
