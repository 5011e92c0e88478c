"""Train, evaluate and score one target: from tables and the model store to rows, and to what goes into service.

Reads; `Training.commit` alone writes, once the rows behind it are safe.
"""

import hashlib
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from segment_assets.lake import Lake, ObjectStore
from segment_assets.modelling import artefact, baselines, card, evaluation, scoring
from segment_assets.modelling.contest import Contest, hold
from segment_assets.modelling.matrix import examples, feature_columns, scoring_rows
from segment_assets.modelling.model import Kind
from segment_assets.modelling.tables import backtest
from segment_assets.modelling.training import Task
from segment_assets.segmentation import Target


@dataclass(frozen=True)
class Training:
    """What a training came to.

    Attributes:
        stored: the model in service after it.
        contest: the contest's facts: `version` of the challenger, `installed`, `reasons`, `losses`, `candidates`.
        backtest: rows of table `backtest`; None where this very contest was held before.
        content: the new model file; None where the champion stays.
    """

    stored: artefact.Stored
    contest: dict[str, Any]
    backtest: pa.Table | None = None
    content: bytes | None = None

    def commit(self, store: ObjectStore) -> None:
        """Put the model in service; the pointer is written last."""
        if self.content is not None:
            artefact.save(store, self.content, self.stored)
        else:
            artefact.point(store, self.stored)


@dataclass(frozen=True)
class Evaluation:
    """An evaluation ready to be written and shown."""

    rows: pa.Table
    markdown: str
    beats_baselines: bool
    reasons: str
    in_service: str


@dataclass(frozen=True)
class Scored:
    """Scores ready to be written, with their checks."""

    rows: pa.Table
    checks: dict[str, bool]
    missing: list[str]
    mean: float
    stored: artefact.Stored


def kind_of(target: Target) -> Kind:
    """Probabilities for absence and presence, amounts for values."""
    return "value" if target.kind == "value" else "event"


def train(
    lake: Lake, store: ObjectStore, name: str, target: Target, spend: tuple[str, str] | None, code: str
) -> Training:
    """Hold the contest that today's examples ask for; the same examples and code hold none again.

    Raises:
        TrainingError: the examples do not carry a model.
        ModelError: the champion's file is not what its pointer says.
    """
    rows = examples(lake, name)
    version = artefact.version_of(rows, code)
    stored = artefact.current(store, name)
    if stored and stored.last_contest["version"] == version and lake.state(backtest(name)).rows:
        artefact.load(store, stored)
        return Training(stored, stored.last_contest)
    # A champion that this scikit-learn can't read has no say, nor has the challenger itself.
    rival = stored if stored and artefact.readable(stored) and stored.version != version else None
    champion = artefact.load(store, rival) if rival else None
    numeric, categorical = feature_columns(rows)
    known = baselines.columns([*numeric, *categorical], target.event, spend)
    held = hold(rows, Task(name, kind_of(target), target.horizon, target.seed, known), champion)
    facts = _facts(held, version, kind_of(target))
    tested = _complete(held.backtest, name)
    if held.model is None and rival:
        return Training(replace(rival, last_contest=facts), facts, tested)
    return _installed(rows, name, target, held, facts, tested)


def evaluate(lake: Lake, store: ObjectStore, name: str, target: Target) -> Evaluation:
    """Every metric of every contender of the last contest."""
    stored = _in_service(store, name)
    contest = stored.last_contest
    rows = lake.read(backtest(name))
    present = [c for c in rows.column_names if rows[c].null_count < rows.num_rows]
    measured = evaluation.evaluate(rows.select(present), kind_of(target))
    reasons = "\n".join(f"- {reason}" for reason in contest["reasons"])
    serving = f"{stored.version}{'' if contest['installed'] else ' (the champion; `model` below is the challenger)'}"
    text = f"In service: {serving}\n\n{evaluation.markdown(measured)}\n\n{reasons}"
    return Evaluation(evaluation.table(measured), text, contest["beats_baselines"], reasons, stored.version)


def score(lake: Lake, store: ObjectStore, name: str, target: Target) -> Scored:
    """Everyone eligible today, by the model in service.

    Raises:
        ModelError: its file is missing, was tampered with, or was trained with another scikit-learn.
        ScoringError: too many of its features are gone.
    """
    stored = _in_service(store, name)
    model = artefact.load(store, stored)
    rows = scoring_rows(lake, target.eligible)
    missing = scoring.missing_features(rows, model, name)
    scored = scoring.scores(rows, model, stored.version)
    mean = pc.mean(scored["score"]).as_py() or 0.0
    return Scored(scored, scoring.problems(scored, rows, model), missing, round(mean, 6), stored)


def _installed(
    rows: pa.Table, name: str, target: Target, held: Contest, facts: dict[str, Any], tested: pa.Table
) -> Training:
    assert held.model is not None  # noqa: S101 - without a rival the verdict is to install
    content = artefact.dumps(held.model)
    days = pc.min_max(rows["cutoff"]).as_py()
    subject = card.Subject(
        name, _meaning(name, target), target.eligible, days["min"], days["max"], rows.num_rows, facts["version"],
        artefact.libraries(),
    )  # fmt: skip
    stored = artefact.Stored(
        target=name,
        version=facts["version"],
        sha256=hashlib.sha256(content).hexdigest(),
        libraries=subject.libraries,
        features=held.model.features,
        trained_until=held.model.trained_until.isoformat(),
        training_rows=rows.num_rows,
        won=facts,
        last_contest=facts,
        card=card.card(subject, held.model, held.measured, held.verdict, held.cutoffs),
    )
    return Training(stored, facts, tested, content)


def _facts(held: Contest, version: str, kind: Kind) -> dict[str, Any]:
    return {
        "version": version,
        "installed": held.verdict.install,
        "beats_baselines": held.verdict.beats_baselines,
        "reasons": held.verdict.reasons,
        "recipe": held.recipe,
        "losses": held.losses,
        "candidates": card.candidates(held.losses, held.recipe, kind),
        "test_cutoffs": [str(c) for c in held.cutoffs],
        "tests": [{"contender": m.contender, "metric": m.metric} | asdict(m.interval) for m in held.measured],
    }


def _complete(tested: pa.Table, name: str) -> pa.Table:
    for column in backtest(name).schema.names:
        if column not in tested.column_names:
            tested = tested.append_column(column, pa.array(np.full(tested.num_rows, np.nan), from_pandas=True))
    return tested


def _in_service(store: ObjectStore, name: str) -> artefact.Stored:
    stored = artefact.current(store, name)
    if stored is None:
        raise artefact.ModelError(f"no model of {name} is in service yet: materialise trained_model/{name}")
    return stored


def _meaning(name: str, target: Target) -> str:
    days = target.horizon.days
    if target.kind == "value":
        return f"Expected sum of {target.metric} over {target.event} events in the {days} days after the cutoff."
    happens = "no" if target.kind == "absence" else "at least one"
    return f"Probability of {happens} {target.event} event in the {days} days after the cutoff."
