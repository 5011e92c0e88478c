"""A model file is loaded only if it is the one that was written, of types on the list, by the same library."""

import hashlib
import json
from dataclasses import replace
from datetime import datetime, timedelta

import pyarrow as pa
import pyarrow.compute as pc
import pytest
import skops.io
from sklearn.calibration import CalibratedClassifierCV
from sklearn.linear_model import LogisticRegression

from segment_assets.lake import FolderStore
from segment_assets.modelling import artefact, service
from segment_assets.modelling.card import Subject, card
from segment_assets.modelling.contest import hold
from segment_assets.modelling.promotion import Evidence, decide
from segment_assets.modelling.tables import backtest, customer_scores
from segment_assets.modelling.training import final, loss
from segment_assets.segmentation import Target
from segment_assets_tests.modelling import small_world
from segment_assets_tests.modelling.small_world import Event
from segment_assets_tests.modelling.synthetic import FIRST, put, rows, task

TARGET = Target.model_validate({"kind": "absence", "event": "purchase", "horizon": "28d"})


class KilledError(Exception):
    """Stands for SIGKILL between two writes."""


class DyingStore(FolderStore):
    """Dies when the pointer is to be written."""

    def write(self, key: str, content: bytes) -> None:
        if key.endswith("current.json"):
            raise KilledError
        super().write(key, content)


@pytest.fixture
def store(tmp_path):
    return FolderStore(tmp_path / "models")


def train(lake, store, code="code"):
    found = service.train(lake, store, "churn", TARGET, None, code)
    if found.backtest is not None:
        lake.write(backtest("churn"), found.backtest, "test")
        found.commit(store)
    return found


def files(store):
    return {o.key: store.read(o.key) for o in store.list("")}


@pytest.mark.parametrize("kind", ["event", "value"])
@pytest.mark.parametrize("recipe", ["logistic", "boosting"])
def test_a_model_comes_back_as_it_was(kind, recipe):
    model = final(rows(kind), task(kind), recipe)
    again = artefact.loads(artefact.dumps(model), "here")
    assert again.score(rows(kind)).tobytes() == model.score(rows(kind)).tobytes()
    assert again.explain(rows(kind))[1].tobytes() == model.explain(rows(kind))[1].tobytes()
    assert (again.features, again.trained_until) == (model.features, model.trained_until)


def test_a_target_that_names_its_event_as_the_source_does_meets_the_same_baselines(lake, store):
    small_world.fill(lake, [Event("c0001", "purchase", datetime(2025, 1, 3), source_type="_monetization.purchase")])
    put(lake, rows(cutoffs=7))
    target = TARGET.model_copy(update={"event": "_monetization.purchase"})
    found = service.train(lake, store, "churn", target, ("_monetization.purchase", "amount"), "code")
    assert {"recency", "frequency", "past_spend"} <= {test["contender"] for test in found.contest["tests"]}


def test_the_card_says_how_late_outcomes_come_and_what_waits_for_them(lake, store, tmp_path):
    put(lake, rows(cutoffs=7))
    on_time = train(lake, store).stored.card
    put(lake, rows(cutoffs=9), late=timedelta(days=45))
    late = train(lake, FolderStore(tmp_path / "late")).stored.card
    assert "outcomes are known within a day" in on_time
    assert "**Outcomes come late**: all but one in fifty are known 45 days after they happen" in late
    assert "Cutoffs after 2025-07-17 are left out until theirs are in" in late
    assert "every outcome was known" not in on_time + late


@pytest.mark.parametrize("recipe", ["logistic", "boosting"])
def test_the_card_of_amounts_says_both_halves(recipe):
    subject = Subject("worth", "Expected sum.", "TRUE", FIRST, FIRST, 10, "v1", {})
    verdict = decide(Evidence({}, None, None))
    hurdle = card(subject, final(rows("value"), task("value"), recipe), [], verdict, [FIRST])
    always = rows("value").set_column(2, "label", pc.add(rows("value")["label"], 5.0))
    amount = card(subject, final(always, task("value"), recipe), [], verdict, [FIRST])
    first, second = ("logistic", "a gamma") if recipe == "logistic" else ("boosted trees", "boosted trees of gamma")
    assert f"**What it is.** A hurdle: {first}" in hurdle
    assert f"for whether there is any, times {second}" in hurdle
    assert "whether is not asked, for everybody fitted on had some" in amount


def test_types_that_are_not_on_the_list_are_refused():
    data = rows()
    stranger = CalibratedClassifierCV(LogisticRegression(), cv=2).fit(
        data.select(["purchase_count_84d"]).to_pandas(), data["label"].to_numpy()
    )
    with pytest.raises(artefact.ModelError, match=r"here: .*only types on the fixed list are loaded"):
        artefact.loads(skops.io.dumps({"parts": {"chance": stranger}}), "here")


@pytest.mark.parametrize("content", [b"", b"PK no zip", skops.io.dumps({"parts": {}})])
def test_what_is_no_model_file_is_refused(content):
    with pytest.raises(artefact.ModelError, match="not a model file"):
        artefact.loads(content, "here")


def test_a_tampered_file_is_refused_in_one_sentence(lake, store):
    put(lake, rows(cutoffs=7))
    stored = train(lake, store).stored
    content = bytearray(store.read(stored.key))
    content[len(content) // 2] ^= 1
    store.write(stored.key, bytes(content))
    with pytest.raises(artefact.ModelError, match=r"SHA-256 differs.*materialise trained_model/churn") as refused:
        service.score(lake, store, "churn", TARGET)
    assert "\n" not in str(refused.value)


def test_another_scikit_learn_is_refused_and_a_retraining_replaces_it(lake, store):
    put(lake, rows(cutoffs=7))
    stored = train(lake, store).stored
    artefact.point(store, replace(stored, libraries={"scikit-learn": "1.4.2", "skops": "0.16.0"}))
    with pytest.raises(artefact.ModelError, match=r"trained with .*1\.4\.2"):
        service.score(lake, store, "churn", TARGET)
    assert train(lake, store, "new libraries").contest["installed"]
    assert service.score(lake, store, "churn", TARGET).rows.num_rows == 300


def test_no_model_and_a_damaged_pointer_say_what_to_do(lake, store):
    put(lake, rows(cutoffs=7))
    with pytest.raises(artefact.ModelError, match="no model of churn is in service yet"):
        service.score(lake, store, "churn", TARGET)
    store.write("churn/current.json", b"{")
    with pytest.raises(artefact.ModelError, match="is damaged: delete it"):
        service.score(lake, store, "churn", TARGET)


def test_a_version_depends_on_rows_and_code_alone():
    one = artefact.version_of(rows(), "a")
    assert one == artefact.version_of(rows(), "a")
    assert one != artefact.version_of(rows(), "b")
    assert one != artefact.version_of(rows(seed=1), "a")


def test_killed_before_the_pointer_the_old_champion_serves_and_a_second_run_ends_the_same(lake, store, tmp_path):
    put(lake, rows(cutoffs=7))
    old = train(lake, store, "old").stored
    before = files(store)
    put(lake, rows(cutoffs=7, seed=0, customers=400))
    killed = service.train(lake, store, "churn", TARGET, None, "new")
    assert killed.content is not None, killed.contest["reasons"]
    lake.write(backtest("churn"), killed.backtest, "test")
    with pytest.raises(KilledError):
        killed.commit(DyingStore(tmp_path / "models"))
    assert artefact.current(store, "churn") == old
    assert service.score(lake, store, "churn", TARGET).stored.version == old.version
    train(lake, store, "new")
    after = files(store)
    assert after.keys() - before.keys() == {f"churn/{killed.stored.version}.skops"}
    assert json.loads(after["churn/current.json"])["sha256"] == hashlib.sha256(killed.content).hexdigest()
    # And where nothing was killed, the same bytes.
    other = FolderStore(tmp_path / "other")
    for key, content in before.items():
        other.write(key, content)
    train(lake, other, "new")
    assert files(other) == after


def test_the_same_examples_hold_no_second_contest(lake, store):
    put(lake, rows(cutoffs=7))
    first = train(lake, store)
    again = service.train(lake, store, "churn", TARGET, None, "code")
    assert again.backtest is None
    assert again.stored == first.stored


def test_an_evaluation_holds_the_comparison_that_promotion_judged(lake, store):
    put(lake, rows(cutoffs=7))
    contest = train(lake, store).contest
    found = service.evaluate(lake, store, "churn", TARGET).rows.to_pylist()
    gains = {r["contender"]: (r["value"], r["low"], r["high"]) for r in found if r["metric"] == "log_loss_gain"}
    assert gains
    assert gains == {b: tuple(round(v, 9) for v in gain.values()) for b, gain in contest["gains"].items()}


def test_a_champion_that_stays_keeps_its_file_and_says_why(lake, store):
    put(lake, rows(cutoffs=7))
    old = train(lake, store).stored
    put(lake, rows(cutoffs=7, random=True))
    found = train(lake, store)
    assert not found.contest["installed"]
    assert found.stored.version == old.version
    assert found.stored.card == old.card
    kept = artefact.current(store, "churn")
    assert kept is not None
    assert kept.last_contest["reasons"][0] == "The challenger was refused, and the champion stays."
    assert [o.key for o in store.list("")] == [f"churn/{old.version}.skops", "churn/current.json"]
    assert "was refused, and the champion stays" in kept.shown
    assert "trained on all of these outcomes, so there is no number of it yet" in kept.shown
    evaluation = service.evaluate(lake, store, "churn", TARGET)
    assert "it stays, and `challenger` below was refused" in evaluation.markdown
    assert {"challenger", "recency"} <= set(evaluation.rows["contender"].to_pylist())
    assert "model" not in evaluation.rows["contender"].to_pylist()
    assert not evaluation.wrong


def test_the_numbers_of_a_model_that_stays_are_its_own_and_of_what_came_since(lake, store):
    drawn = rows(customers=100, cutoffs=6, seed=2)
    put(lake, drawn.slice(0, 100 * 5))
    old = train(lake, store).stored
    # At the newest cutoff that has an outcome, nearly everybody stays away.
    label = drawn["label"].to_numpy().copy()
    label[100 * 4 : 100 * 5 - 10] = 1.0
    put(lake, drawn.set_column(drawn.schema.get_field_index("label"), "label", pa.array(label)))
    found = train(lake, store)
    assert found.stored.version == old.version, found.contest["reasons"]
    evaluation = service.evaluate(lake, store, "churn", TARGET)
    pooled = {
        r["contender"]: r for r in evaluation.rows.to_pylist() if r["metric"] == "log_loss" if r["cutoff"] == "pooled"
    }
    assert {"model", "challenger", "recency", "frequency"} <= set(pooled)
    assert {r["examples"] for r in pooled.values()} == {found.contest["champion"]["outcomes"]}
    said = found.backtest.filter(found.backtest["champion"].is_valid())
    own = loss("event", said["label"].to_numpy(), said["champion"].to_numpy()).mean()
    assert pooled["model"]["value"] == pytest.approx(own)
    assert pooled["challenger"]["why"].startswith("The challenger was refused, and the champion stays.")
    assert pooled["model"]["why"] is None
    assert "The model in service is worse than the base rate: on the 100 outcomes" in evaluation.wrong
    assert "The model in service has lost the level" in evaluation.wrong
    assert "| model | " in found.stored.shown
    assert f"{pooled['model']['examples']:,} outcomes that it was not trained on" in found.stored.shown


def test_a_contest_without_a_champion_always_ends_with_a_model():
    assert hold(rows(random=True), task(), None).model is not None


def test_scores_of_two_homes_are_the_same_table(lake, store, tmp_path):
    put(lake, rows(cutoffs=7))
    train(lake, store)
    other = FolderStore(tmp_path / "other")
    service.train(lake, other, "churn", TARGET, None, "code").commit(other)
    one, two = (service.score(lake, s, "churn", TARGET).rows for s in (store, other))
    table = customer_scores("churn")
    assert table.conform(one).equals(table.conform(two))
