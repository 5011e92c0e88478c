"""Scores, deciles and reasons: exact, complete, and the same from run to run."""

from itertools import combinations
from math import factorial

import dagster as dg
import numpy as np
import pyarrow as pa
import pytest

from segment_assets.lake import FolderStore
from segment_assets.modelling import scoring, service
from segment_assets.modelling.calibration import logit, sigmoid
from segment_assets.modelling.contributions import _shapley
from segment_assets.modelling.embedded import InProcess
from segment_assets.modelling.model import Model, Part
from segment_assets.modelling.model_assets import model_assets
from segment_assets.modelling.tables import FEATURES, backtest, customer_scores, model_evaluation
from segment_assets.modelling.training import final
from segment_assets.operations.failures import TOLD
from segment_assets.segmentation import Segmentation
from segment_assets_tests.modelling.synthetic import put, rows, task

CONFIG = Segmentation.model_validate(
    {
        "name": "test",
        "targets": {
            "churn": {"kind": "absence", "event": "purchase", "horizon": "28d", "eligible": "purchase_count_84d > 0"}
        },
    }
)


def exact_log_odds(model: Model, table: pa.Table) -> np.ndarray:
    return model.chance.calibrated(table)


@pytest.mark.parametrize("recipe", ["logistic", "boosting"])
def test_contributions_sum_to_the_calibrated_log_odds(recipe):
    model = final(rows(), task(), recipe)
    assert (model.chance.slope, model.chance.intercept) != (1.0, 0.0)  # calibration takes part
    base, parts = model.explain(rows())
    assert parts.shape == (1800, len(model.features))
    np.testing.assert_allclose(base + parts.sum(axis=1), exact_log_odds(model, rows()), atol=1e-6)
    np.testing.assert_allclose(sigmoid(base + parts.sum(axis=1)), model.score(rows()), atol=1e-8)


@pytest.mark.parametrize("recipe", ["logistic", "boosting"])
def test_contributions_of_values_sum_to_the_expected_value(recipe):
    model = final(rows("value"), task("value"), recipe)
    base, parts = model.explain(rows("value"))
    np.testing.assert_allclose(base + parts.sum(axis=1), model.score(rows("value")), atol=1e-6)
    assert base > 0


def test_a_linear_contribution_is_coefficient_times_distance_from_the_mean():
    model = final(rows(), task(), "logistic")
    _, parts = model.explain(rows())
    clicks = parts[:, model.features.index("email_click_count_28d")]
    values = np.arcsinh(rows()["email_click_count_28d"].to_numpy())
    slope = np.polyfit(values, clicks, 1)[0]
    np.testing.assert_allclose(clicks, slope * values + clicks[values == 0][0], atol=1e-9)


def test_tree_contributions_are_the_shapley_values_of_their_definition():
    model = final(rows(cutoffs=4), task(), "boosting")
    some = rows().slice(0, 5)
    _, parts = model.chance.explained(some)
    numeric, categorical = model.chance.numeric, model.chance.categorical
    np.testing.assert_allclose(parts / model.chance.slope, _brute_force(model.chance, some), atol=1e-9)
    assert [*numeric, *categorical] == model.chance.features


def test_shapley_tables_hand_out_the_whole_difference():
    table = _shapley(np.array([0.2, 0.5, 0.9]))
    everything_agrees, nothing_known = table[-1].sum(), 0.2 * 0.5 * 0.9
    assert everything_agrees == pytest.approx(1 - nothing_known)
    assert table[0].sum() == pytest.approx(0 - nothing_known)


def test_deciles_are_equal_in_number_and_ties_go_by_customer():
    assert scoring.deciles(np.array([0.5] * 20), [f"c{i:02d}" for i in range(20)]).tolist() == sorted(
        list(range(1, 11)) * 2
    )
    assert scoring.deciles(np.array([0.1, 0.9]), ["a", "b"]).tolist() == [6, 1]
    assert scoring.deciles(np.empty(0), []).tolist() == []


def test_reasons_are_the_three_largest_and_signed():
    model = final(rows(), task(), "boosting")
    table = scoring.scores(rows().slice(0, 300), model, "v1")
    base, parts = model.explain(rows().slice(0, 300))
    for i in (0, 17, 299):
        ranked = sorted(zip(np.round(parts[i], 9), model.features, strict=True), key=lambda p: (-abs(p[0]), p[1]))[:3]
        given = [(table[f"contribution_{n}"][i].as_py(), table[f"reason_{n}"][i].as_py()) for n in (1, 2, 3)]
        assert given == [(c, name) if c else (None, None) for c, name in ranked]
    assert set(table["base_value"].to_pylist()) == {round(base, 9)}


@pytest.mark.parametrize("kind", ["event", "value"])
@pytest.mark.parametrize("recipe", ["logistic", "boosting"])
def test_anybody_can_add_up_the_columns_to_the_score(kind, recipe):
    model = final(rows(kind), task(kind), recipe)
    said = scoring.scores(rows(kind).slice(0, 300), model, "v1").to_pylist()
    names = ("base_value", "contribution_1", "contribution_2", "contribution_3", "contribution_rest")
    total = np.array([sum(row[name] or 0.0 for name in names) for row in said])
    score = [row["score"] for row in said]
    assert score == pytest.approx(list(total if kind == "value" else sigmoid(total)), abs=1e-6)
    assert any(abs(row["contribution_rest"]) > 1e-3 for row in said)


def test_permuted_rows_get_the_same_scores():
    model = final(rows(), task(), "boosting")
    today = rows().slice(0, 300)
    order = np.random.default_rng(0).permutation(300)
    one, other = scoring.scores(today, model, "v"), scoring.scores(today.take(order), model, "v")
    assert other.sort_by("customer_id").equals(one.sort_by("customer_id"))


def test_features_that_are_gone_are_not_known_of_anybody():
    model = final(rows(), task(), "boosting")
    today = rows().slice(0, 300)
    assert scoring.missing_features(today.drop_columns(["age_band"]), model, "churn") == ["age_band"]
    nulls = today.set_column(today.column_names.index("age_band"), "age_band", pa.nulls(300, pa.string()))
    assert model.score(today.drop_columns(["age_band"])).tolist() == model.score(nulls).tolist()


def test_a_model_whose_features_are_mostly_gone_does_not_score():
    model = final(rows(), task(), "boosting")
    with pytest.raises(scoring.OutgrownError, match=r"2 of the model's 5 features.*trained_model/churn learns"):
        scoring.missing_features(rows().drop_columns(["age_band", "purchase_count_84d"]), model, "churn")


GONE = ["age_band", "purchase_amount_84d"]


def build(instance, resources, *kinds):
    made = [a for a in model_assets(CONFIG) if a.key.path[0] in kinds]
    above = [dg.AssetSpec("features"), dg.AssetSpec(["training_examples", "churn"])]
    return dg.materialize([*made, *above], resources=resources, instance=instance, raise_on_error=False)


def test_while_a_model_is_outgrown_the_scores_stay_and_it_learns_anew_without_a_click(lake, tmp_path):
    resources = {"lake": lake, "models": FolderStore(tmp_path / "models"), "trainer": InProcess()}
    above = [dg.AssetSpec("features"), dg.AssetSpec(["training_examples", "churn"])]
    model, scores = dg.AssetKey(["trained_model", "churn"]), dg.AssetKey(["customer_scores", "churn"])

    @dg.asset_check(asset=scores)
    def data_age():  # fails all the time, and is nothing that learning could mend
        return dg.AssetCheckResult(passed=False)

    defs = dg.Definitions([*model_assets(CONFIG), *above], asset_checks=[data_age], resources=resources)
    cursor = None

    def asked(instance):
        nonlocal cursor
        found = dg.evaluate_automation_conditions(defs, instance, cursor=cursor)
        cursor = found.cursor
        return {key for key in (model, scores) if found.get_num_requested(key)}

    def landed(instance):
        # The labels stay as they are: only what is known of customers has other names.
        for spec, version in zip(above, (lake.state(FEATURES).version, "labels"), strict=True):
            event = dg.AssetMaterialization(spec.key, tags={"dagster/data_version": version})
            instance.report_runless_asset_event(event)

    with dg.DagsterInstance.ephemeral() as instance:
        put(lake, rows(cutoffs=7))
        landed(instance)
        old = dg.AssetCheckEvaluation(asset_key=scores, check_name="data_age", passed=False, metadata={})
        assert build(instance, resources, "trained_model", "customer_scores").success
        instance.report_runless_asset_event(old)
        asked(instance)
        earlier = lake.read(customer_scores("churn"))
        put(lake, rows(cutoffs=7, seed=1).drop_columns(GONE))
        landed(instance)
        assert asked(instance) == {scores}
        kept = build(instance, resources, "customer_scores")
        assert kept.success
        assert lake.read(customer_scores("churn")).equals(earlier)
        [why] = [c for c in kept.get_asset_check_evaluations() if not c.passed]
        assert (why.check_name, why.severity) == ("features_there", dg.AssetCheckSeverity.WARN)
        assert model in asked(instance)
        assert build(instance, resources, "trained_model").success
        assert asked(instance) == {scores}
        healed = build(instance, resources, "customer_scores")
        assert all(c.passed for c in healed.get_asset_check_evaluations())
        assert not lake.read(customer_scores("churn")).equals(earlier)
        assert asked(instance) == set()
        assert asked(instance) == set()


def test_an_outgrown_model_without_earlier_scores_says_what_is_gone(lake, tmp_path):
    store = FolderStore(tmp_path / "models")
    put(lake, rows(cutoffs=7))
    target = CONFIG.targets["churn"]
    service.train(lake, store, "churn", target, None, "code").commit(store)
    put(lake, rows(cutoffs=7, seed=1).drop_columns(GONE))
    with pytest.raises(scoring.OutgrownError, match=r"no longer among the features \(age_band, purchase_amount_84d\)"):
        service.score(lake, store, "churn", target)
    again = service.train(lake, store, "churn", target, None, "code")
    assert again.contest["installed"]
    assert not set(GONE) & set(again.stored.features)


def test_checks_bite():
    model = final(rows(), task(), "logistic")
    today = rows().slice(0, 10)
    good = scoring.scores(today, model, "v")
    assert all(scoring.problems(good, today, model).values())
    bad = good.set_column(2, "score", pa.array([float("nan")] + [0.5] * 9))
    assert not scoring.problems(bad, today, model)["scores_in_range"]
    assert not scoring.problems(good.slice(1), today, model)["one_row_per_eligible_customer"]
    assert not scoring.problems(pa.concat_tables([good, good]), today, model)["keys_unique"]


def test_no_one_to_score_is_an_empty_table():
    model = final(rows(), task(), "logistic")
    assert scoring.scores(rows().slice(0, 0), model, "v").num_rows == 0


def test_assets_train_evaluate_and_score_and_a_second_time_come_out_equal(lake, tmp_path):
    put(lake, rows(cutoffs=7))
    resources = {"lake": lake, "models": FolderStore(tmp_path / "models"), "trainer": InProcess()}
    with dg.DagsterInstance.ephemeral() as instance:
        first = dg.materialize(model_assets(CONFIG), resources=resources, instance=instance)
        states = [lake.state(t("churn")).version for t in (backtest, model_evaluation, customer_scores)]
        files = {o.key: o.etag for o in resources["models"].list("")}
        second = dg.materialize(model_assets(CONFIG), resources=resources, instance=instance)
    assert first.success
    assert second.success
    assert states == [lake.state(t("churn")).version for t in (backtest, model_evaluation, customer_scores)]
    assert files == {o.key: o.etag for o in resources["models"].list("")}
    scored = lake.read(customer_scores("churn"))
    assert scored.num_rows == sum(1 for n in rows(cutoffs=7)["purchase_count_84d"].to_pylist()[-300:] if n > 0)
    result = first.asset_materializations_for_node("trained_model__churn")[0]
    assert {"model_version", "sha256", "training_rows", "candidates", "why", "model_card"} <= set(result.metadata)
    assert "frequency" in str(result.metadata["model_card"].value)
    assert all(c.passed for c in first.get_asset_check_evaluations() if c.check_name != "beats_baselines")


def test_a_model_that_is_no_better_than_one_number_says_so_where_people_look(lake, tmp_path):
    put(lake, rows(cutoffs=5, customers=120, random=True))
    resources = {"lake": lake, "models": FolderStore(tmp_path / "models"), "trainer": InProcess()}
    ran = dg.materialize(model_assets(CONFIG), resources=resources)
    [said] = [c for c in ran.get_asset_check_evaluations() if c.check_name == "beats_baselines"]
    assert ran.success
    assert not said.passed
    assert (said.description or "").startswith("the model in service may be no better than one number. It is ")
    assert said.check_name in TOLD


def _brute_force(part: Part, table: pa.Table) -> np.ndarray:
    """Shapley values from the definition: every coalition, every tree walked with shares for what is not known."""
    from segment_assets.modelling.candidates import frame

    encoder, estimator = part.pipeline[0], part.pipeline[-1]
    values = np.asarray(encoder.transform(frame(table, part.numeric, part.categorical)), dtype=float)
    features = range(values.shape[1])
    found = np.zeros(values.shape)
    for row, x in enumerate(values):
        worth = {
            frozenset(known): sum(_walk(stage[0].nodes, 0, x, known) for stage in estimator._predictors)
            for size in range(len(features) + 1)
            for known in combinations(features, size)
        }
        for known, value in worth.items():
            for feature in set(features) - known:
                m, k = len(features), len(known)
                weight = factorial(k) * factorial(m - 1 - k) / factorial(m)
                found[row, feature] += weight * (worth[known | {feature}] - value)
    return found


def _walk(nodes, index, x, known):
    node = nodes[index]
    if node["is_leaf"]:
        return node["value"]
    value = x[node["feature_idx"]]
    if node["feature_idx"] in known:
        left = node["missing_go_to_left"] if np.isnan(value) else value <= node["num_threshold"]
        return _walk(nodes, node["left"] if left else node["right"], x, known)
    share = nodes[node["left"]]["count"] / node["count"]
    return share * _walk(nodes, node["left"], x, known) + (1 - share) * _walk(nodes, node["right"], x, known)


def test_log_odds_undo_probabilities():
    p = np.array([1e-6, 0.2, 0.5, 0.999])
    np.testing.assert_allclose(sigmoid(logit(p)), p, rtol=1e-9)
