"""One contract for those who fit models and ask them: the run's own process, and SageMaker."""

import hashlib
from collections.abc import Iterator
from dataclasses import replace
from functools import cache

import pyarrow as pa
import pytest

from segment_assets.aws_config import AwsSageMaker
from segment_assets.lake.aws import Bucket
from segment_assets.modelling import artefact, scoring
from segment_assets.modelling.aws import SageMaker
from segment_assets.modelling.embedded import InProcess
from segment_assets.modelling.port import Learnt, ScoringOrder, Trainer, TrainerError, TrainingOrder
from segment_assets.modelling.training import TrainingError
from segment_assets.segmentation import Target
from segment_assets.waiting import Pace
from segment_assets_tests.aws_double.front import OURS
from segment_assets_tests.aws_double.world import world
from segment_assets_tests.modelling.synthetic import rows

TARGET = Target.model_validate(
    {"kind": "absence", "event": "purchase", "horizon": "28d", "eligible": "purchase_count_84d > 0"}
)
HOW = AwsSageMaker(image_uri="our/image:1", role_arn=f"arn:aws:iam::{OURS}:role/SageMaker")
QUICK = Pace(first=0.05, most=0.2)


def order(**other) -> TrainingOrder:
    asked = TrainingOrder("churn", TARGET, ("purchase", "amount"), "version1", small(), None)
    return replace(asked, **other)


@cache
def small() -> pa.Table:
    return rows(customers=80, cutoffs=4)


@cache
def expected() -> Learnt:
    return InProcess().learn(order())


def scoring_order() -> ScoringOrder:
    content = expected().content
    assert content
    today = rows(customers=80, cutoffs=1, seed=7).drop_columns(["label"])
    return ScoringOrder("churn", "version1", content, artefact.loads(content, "here"), today)


@pytest.fixture
def on_the_double(monkeypatch: pytest.MonkeyPatch) -> Iterator[SageMaker]:
    with world(monkeypatch) as (_, where):
        exports, kept = (Bucket(where.exports_bucket, f"dev/{part}/") for part in ("exports", "models"))
        yield SageMaker("dev", HOW, exports, kept, QUICK)


@pytest.fixture(params=["this process", "SageMaker"])
def trainer(request: pytest.FixtureRequest) -> Trainer:
    return InProcess() if request.param == "this process" else request.getfixturevalue("on_the_double")


def same(one: Learnt, other: Learnt) -> bool:
    return (one.content, one.stored, one.facts) == (other.content, other.stored, other.facts) and one.backtest.equals(
        other.backtest
    )


def test_the_model_its_facts_and_its_backtest_are_the_same_to_the_byte(trainer):
    learnt = trainer.learn(order())
    assert learnt.content == expected().content
    assert same(learnt, expected())
    assert learnt.stored
    assert learnt.stored.sha256 == hashlib.sha256(learnt.content).hexdigest()


def test_a_champion_has_its_say_and_may_stay(trainer):
    asked = order(version="version2", rows=rows(customers=80, cutoffs=4, random=True), champion=expected().content)
    learnt = trainer.learn(asked)
    assert same(learnt, InProcess().learn(asked))
    assert (learnt.stored, learnt.content) == (None, None)
    assert learnt.facts["reasons"][0] == "The challenger was refused, and the champion stays."


def test_values_are_learnt_alike(trainer):
    target = Target.model_validate({"kind": "value", "event": "purchase", "metric": "amount", "horizon": "4w"})
    asked = order(target="spend", definition=target, rows=rows("value", customers=80, cutoffs=4))
    assert same(trainer.learn(asked), InProcess().learn(asked))


def test_rows_that_carry_no_model_are_refused_with_what_is_missing(trainer):
    with pytest.raises((TrainingError, TrainerError), match=r"churn: a model needs at least three cutoffs") as refused:
        trainer.learn(order(rows=rows(customers=80, cutoffs=2)))
    assert "\n" not in str(refused.value)


def test_scores_and_reasons_are_the_same_table(trainer):
    asked = scoring_order()
    said = trainer.say(asked)
    assert scoring.ranked(asked.rows, said.rows, "v").equals(scoring.scores(asked.rows, asked.model, "v"))


def test_nobody_to_score_is_no_error(trainer):
    asked = scoring_order()
    assert trainer.say(replace(asked, rows=asked.rows.slice(0, 0))).rows.num_rows == 0
