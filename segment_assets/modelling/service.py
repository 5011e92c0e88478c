"""Train, evaluate and score one target: from tables and the model store to rows, and to what goes into service.

Reads; `Training.commit` alone writes, once the rows behind it are safe.
"""

from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from segment_assets.first_party.tables import ARRIVAL_DAYS
from segment_assets.lake import Lake, ObjectStore
from segment_assets.modelling import artefact, evaluation, scoring, targets, vocabulary
from segment_assets.modelling.bootstrap import Interval
from segment_assets.modelling.embedded import InProcess
from segment_assets.modelling.learning import kind_of
from segment_assets.modelling.matrix import examples, lateness, scoring_rows
from segment_assets.modelling.model import Kind
from segment_assets.modelling.port import ScoringOrder, Trainer, TrainingOrder
from segment_assets.modelling.promotion import Champion, against_baselines, came_since
from segment_assets.modelling.tables import GAIN, backtest
from segment_assets.segmentation import Target

_OF_CHAMPION = ("behind", "over_base_rate", "level")


@dataclass(frozen=True)
class Training:
    """What a training came to.

    Attributes:
        stored: the model in service after it.
        contest: the contest's facts: `version` of the challenger, `installed`, `reasons`, `losses`, `candidates`.
        backtest: rows of table `backtest`; None where this very contest was held before.
        content: the new model file; None where the champion stays.
        trainer: who held the contest; None where it was held before.
        where: the same for the asset's page.
    """

    stored: artefact.Stored
    contest: dict[str, Any]
    backtest: pa.Table | None = None
    content: bytes | None = None
    trainer: Trainer | None = None
    where: str = "an earlier run: the same examples hold no second contest"

    def commit(self, store: ObjectStore) -> None:
        """Put the model in service: its trainer is told first, and the pointer is written last."""
        if self.content is not None:
            if self.trainer:
                self.trainer.promote(self.stored)
            artefact.save(store, self.content, self.stored)
        else:
            artefact.point(store, self.stored)


@dataclass(frozen=True)
class Evaluation:
    """An evaluation ready to be written and shown.

    Attributes:
        rows: of table `model_evaluation`.
        markdown: for the asset's page.
        no_better: that the model in service is not shown to be better than every baseline; None where it is.
        reasons: why the last contest ended as it did.
        in_service: version of the model.
        wrong: what came since does not agree with what the model said; empty where it does, or nothing came yet.
    """

    rows: pa.Table
    markdown: str
    no_better: str | None
    reasons: str
    in_service: str
    wrong: str


@dataclass(frozen=True)
class Scored:
    """Scores ready to be written, with their checks.

    Attributes:
        rows: rows of `customer_scores`.
        checks: name of a check -> whether it passed.
        missing: features the model reads that are not there any more.
        mean: of the scores; a probability, or a value in the target's unit.
        stored: the model that scored.
        where: what scored, such as this process or a job.
    """

    rows: pa.Table
    checks: dict[str, bool]
    missing: list[str]
    mean: float
    stored: artefact.Stored
    where: str


def train(
    lake: Lake,
    store: ObjectStore,
    name: str,
    target: Target,
    spend: tuple[str, str] | None,
    code: str,
    trainer: Trainer | None = None,
) -> Training:
    """Hold the contest that today's examples ask for; the same examples and code hold none again.

    Args:
        lake: where the examples are.
        store: where models are kept.
        name: the target's.
        target: what is predicted.
        spend: event and metric that count as past spend.
        code: version of code, configuration and libraries.
        trainer: who holds it; default: this process.

    Raises:
        TrainingError: the examples do not carry a model.
        ModelError: the champion's file is not what its pointer says.
    """
    rows, late = examples(lake, name), lateness(lake, name)
    version = artefact.version_of(rows, f"{code} {late.days}" if late else code)
    stored = artefact.current(store, name)
    if stored and stored.last_contest["version"] == version and lake.state(backtest(name)).rows:
        artefact.load(store, stored)
        return Training(stored, stored.last_contest)
    # A champion that this scikit-learn can't read, or whose features are gone, has no say, nor has the challenger
    # itself.
    able = stored and artefact.readable(stored) and not scoring.outgrown(rows, stored.features)
    rival = stored if stored and able and stored.version != version else None
    champion = artefact.read(store, rival) if rival else None
    trainer, named = trainer or InProcess(), partial(_as_in_features, lake)
    asked = target.model_copy(update={"event": named(target.event)})
    paid = (named(spend[0]), spend[1]) if spend else None
    learnt = trainer.learn(TrainingOrder(name, asked, paid, version, rows, champion, late))
    if learnt.stored is None:
        assert rival  # noqa: S101 - without a rival the verdict is to install
        stays = replace(rival, last_contest=learnt.facts)
        return Training(stays, learnt.facts, learnt.backtest, None, trainer, learnt.where)
    return Training(learnt.stored, learnt.facts, learnt.backtest, learnt.content, trainer, learnt.where)


def evaluate(lake: Lake, store: ObjectStore, name: str, target: Target) -> Evaluation:
    """Every metric of every contender of the last contest."""
    stored = _in_service(store, name)
    contest = stored.last_contest
    rows, installed = lake.read(backtest(name)), contest["installed"]
    present = [c for c in rows.column_names if rows[c].null_count < rows.num_rows]
    measured = evaluation.evaluate(rows.select(present), kind_of(target))
    measured = [*evaluation.after(measured, installed=installed), *_gains(contest, kind_of(target))]
    why = {} if installed else {evaluation.CHALLENGER: " ".join(contest["reasons"])}
    reasons = "\n".join(f"- {reason}" for reason in contest["reasons"])
    serving = f"{stored.version}{'' if installed else ': it stays, and `challenger` below was refused'}"
    text = f"In service: {serving}\n\n{evaluation.markdown(measured)}\n\n{reasons}"
    wrong = [] if installed else came_since(_champion(contest), "The model in service")
    stays = ["It stays until a challenger is better: look at what changed in the data."] if wrong else []
    return Evaluation(
        evaluation.table(measured, why), text, _no_better(stored), reasons, stored.version, " ".join(wrong + stays)
    )


def _gains(contest: dict[str, Any], kind: Kind) -> list[evaluation.Measured]:
    """The comparisons that promotion judged: a contender's loss less that of the model in service, on the same rows."""
    metric, installed = f"{evaluation.PRIMARY[kind]}{GAIN}", contest["installed"]
    champion, everywhere = _champion(contest), contest["outcomes"]
    rows = everywhere if installed else champion.outcomes
    gains = [
        evaluation.Measured(evaluation.POOLED, baseline, metric, Interval(**gain), rows)
        for baseline, gain in contest["gains"].items()
    ]
    if champion.behind is None:
        return gains
    pool = evaluation.UNSEEN if installed and champion.outcomes < everywhere else evaluation.POOLED
    rival = evaluation.CHAMPION if installed else evaluation.CHALLENGER
    gain = champion.behind if installed else champion.behind.turned
    return [*gains, evaluation.Measured(pool, rival, metric, gain, champion.outcomes)]


def _champion(contest: dict[str, Any]) -> Champion:
    told = contest["champion"] or {"outcomes": 0}
    return Champion(told["outcomes"], *(Interval(**told[n]) if told.get(n) else None for n in _OF_CHAMPION))


def _no_better(stored: artefact.Stored) -> str | None:
    """Of the model in service: by the contest it won, or by what came since it was trained where there is any."""
    gains = stored.last_contest["gains"] or stored.won["gains"]
    beats, about = against_baselines({name: Interval(**gain) for name, gain in gains.items()})
    if beats:
        return None
    return f"the model in service may be no better than one number. {about} Its segments are sent all the same."


def score(lake: Lake, store: ObjectStore, name: str, target: Target, trainer: Trainer | None = None) -> Scored:
    """Everyone eligible today, by the model in service; asked by the trainer, or by this process.

    Raises:
        ModelError: its file is missing, was tampered with, or was trained with another scikit-learn.
        OutgrownError: too many of its features are gone.
        TargetError: `eligible` names no feature, or compares what does not fit.
    """
    stored = _in_service(store, name)
    content = artefact.read(store, stored)
    model = artefact.loads(content, store.uri(stored.key))
    with targets.asking(name, target):
        rows = scoring_rows(lake, target.eligible)
    missing = scoring.missing_features(rows, model, name)
    said = (trainer or InProcess()).say(ScoringOrder(name, stored.version, content, model, rows))
    scored = scoring.ranked(rows, said.rows, stored.version)
    mean = pc.mean(scored["score"]).as_py() or 0.0
    return Scored(scored, scoring.problems(scored, rows, model), missing, round(mean, 6), stored, said.where)


def _as_in_features(lake: Lake, event: str) -> str:
    """The name by which features count an event that `segmentation.yaml` may name as its source does."""
    clock = lake.as_of(ARRIVAL_DAYS)
    found = vocabulary.read(lake, clock).named(event) if clock else None
    return found.name if found else event


def _in_service(store: ObjectStore, name: str) -> artefact.Stored:
    stored = artefact.current(store, name)
    if stored is None:
        raise artefact.ModelError(f"no model of {name} is in service yet: materialise trained_model/{name}")
    return stored
