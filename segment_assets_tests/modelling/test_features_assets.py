"""Features and training examples as Dagster sees them."""

from typing import Any

import dagster as dg
import pytest

from segment_assets.lake import Lake
from segment_assets.modelling import left_out
from segment_assets.modelling.assets import assets
from segment_assets.modelling.model_assets import past_spend
from segment_assets.modelling.tables import FEATURES, training_examples
from segment_assets_tests.modelling.small_world import GRID, Event, config, days_before, fill

CHURN: dict[str, Any] = {"kind": "absence", "event": "purchase", "horizon": "14d", "cutoffs": "14d"}


def some_months() -> list[Event]:
    """Sixty customers who buy every week or two for half a year; each third leaves on the way."""
    return [
        Event(f"c{n}", "purchase", days_before(GRID, 170 - day - n % 5), metrics={"amount": 1.0 + n})
        for n in range(60)
        for day in range(0, 165 if n % 3 else 40 + n, 7 + n % 7)
    ]


def materialize(lake: Lake, events: list[Event]) -> dg.ExecuteInProcessResult:
    fill(lake, events)
    made = [a for a in assets(config(churn=CHURN)) if isinstance(a, dg.AssetsDefinition)]
    wanted = [a for a in made if a.key.path[0] in ("features", "training_examples")]
    return dg.materialize(wanted, resources={"lake": lake}, raise_on_error=False)


def checks(result: dg.ExecuteInProcessResult) -> dict[str, dg.AssetCheckEvaluation]:
    return {f"{e.asset_key.path[0]}.{e.check_name}": e for e in result.get_asset_check_evaluations()}


def test_features_and_examples_are_built_checked_and_described(lake: Lake):
    result = materialize(lake, some_months())
    assert result.success
    assert all(e.passed for e in checks(result).values())
    assert len(checks(result)) == 6
    [made] = result.asset_materializations_for_node("features")
    lineage = made.metadata["dagster/column_lineage"].value
    assert (
        dg.TableColumnDep(dg.AssetKey("engagement_events"), "metrics") in lineage.deps_by_column["purchase_amount_28d"]
    )
    assert made.metadata["dagster/row_count"].value == lake.state(FEATURES).rows
    assert lake.state(training_examples("churn")).rows > 100


def test_a_value_that_no_sum_holds_warns_and_stops_nothing(lake: Lake):
    absurd = Event("c1", "purchase", days_before(GRID, 20), metrics={"amount": 1e308})
    result = materialize(lake, [*some_months(), absurd])
    assert result.success
    told = checks(result)["features.every_value_is_summed"]
    assert (told.passed, told.severity) == (False, dg.AssetCheckSeverity.WARN)
    assert (told.description or "").startswith("1 value of amount of purchase events is 10^15 or more in size")


def test_past_spend_is_a_value_targets_own_metric_and_else_that_of_the_same_event():
    targets = {
        "returned": {"kind": "value", "event": "return", "metric": "amount", "horizon": "28d"},
        "spend": {"kind": "value", "event": "purchase", "metric": "paid", "horizon": "28d"},
        "churn": {"kind": "absence", "event": "purchase", "horizon": "28d"},
        "visits": {"kind": "presence", "event": "visit", "horizon": "28d"},
    }
    asked = config(**targets)
    assert {name: past_spend(asked, target) for name, target in asked.targets.items()} == {
        "returned": ("return", "amount"),
        "spend": ("purchase", "paid"),
        "churn": ("purchase", "paid"),
        "visits": ("purchase", "paid"),
    }


def test_two_features_of_one_name_warn_and_stop_nothing(lake: Lake):
    named = Event("ann", "purchase", days_before(GRID, 3), metrics={"count": 2.0})
    warned = checks(materialize(lake, [*some_months(), named]))["features.names_are_unambiguous"]
    assert not warned.passed
    assert warned.severity == dg.AssetCheckSeverity.WARN
    assert warned.description is not None
    assert '"purchase_count_7d_2": Sum of count of purchase events' in warned.description


def test_the_same_data_give_the_same_data_version(lake: Lake):
    versions = [
        {e.asset_key: e.tags["dagster/data_version"] for e in _made(materialize(lake, some_months()))} for _ in range(2)
    ]
    assert len(versions[0]) == 2
    assert versions[0] == versions[1]


def test_a_target_the_data_cannot_carry_is_refused_with_a_sentence(lake: Lake):
    result = materialize(lake, [Event("ann", "purchase", days_before(GRID, d)) for d in (30, 60, 90, 120)])
    assert not result.success
    refused = checks(result)["training_examples.can_be_trained"]
    assert not refused.passed
    assert refused.description is not None
    assert "segmentation.yaml: targets.churn: needs 20 examples of either outcome" in refused.description


@pytest.mark.parametrize("name", ["features", "training_examples"])
def test_every_asset_says_who_owns_it_and_when_it_runs(name: str):
    [found] = [a for a in assets(config(churn=CHURN)) if isinstance(a, dg.AssetsDefinition) and a.key.path[0] == name]
    [spec] = found.specs
    assert spec.group_name == "modelling"
    assert spec.owners
    assert spec.automation_condition is not None
    assert spec.freshness_policy is not None
    assert spec.code_version
    assert spec.description


def _made(result: dg.ExecuteInProcessResult) -> list[dg.AssetMaterialization]:
    return [
        e.step_materialization_data.materialization
        for e in result.all_events
        if e.event_type == dg.DagsterEventType.ASSET_MATERIALIZATION
    ]


def test_features_of_older_events_do_not_replace_those_of_newer_ones(lake: Lake, monkeypatch: pytest.MonkeyPatch):
    looked = left_out.warnings
    newer = [*some_months(), Event("late", "purchase", days_before(GRID, 3), metrics={"amount": 1.0})]

    def after_another(read: Lake) -> list[str]:
        monkeypatch.setattr(left_out, "warnings", looked)
        materialize(read, newer)
        return looked(read)

    monkeypatch.setattr(left_out, "warnings", after_another)
    assert materialize(lake, some_months()).success
    assert "late" in lake.read(FEATURES, ["customer_id"])["customer_id"].to_pylist()
