"""What the daemon's minute says to people, and to the UI."""

import json
import sys
from datetime import timedelta
from pathlib import Path

import dagster as dg

from segment_assets.automation import fresh_within
from segment_assets.operations.checks import not_evaluated
from segment_assets.operations.data_age import Age
from segment_assets.operations.embedded import Nobody
from segment_assets.operations.sensors import sensors
from segment_assets.segmentation import Alerts, load
from segment_assets_tests.operations.test_failures import unkept, unread
from segment_assets_tests.small_world import SMALL_SEGMENTATION

SPEC = dg.AssetSpec("customers", freshness_policy=fresh_within(timedelta(days=1)))
BUILT = dg.AssetMaterialization("customers", metadata={"as_of": "2026-01-01"})
AGES = [Age("customers", None, timedelta(days=3), None)]


def named(name: str, **settings: object) -> dg.SensorDefinition:
    config = load(SMALL_SEGMENTATION).model_copy(update=settings)
    [found] = [sensor for sensor in sensors(config, [SPEC], []) if sensor.name == name]
    return found


def tick(instance: dg.DagsterInstance, cursor: str | None, **settings: object) -> tuple[list[str], str | None]:
    """Assets whose data age a tick evaluates, and the next cursor."""
    with dg.build_sensor_context(instance, cursor, resources={"monitor": Nobody()}) as context:
        # As the daemon does: the function alone says nothing of what Dagster refuses of its result.
        result = named("tell_stale_and_blocked", **settings).evaluate_tick(context)
        for event in result.asset_events:
            instance.report_runless_asset_event(event)
        return [event.asset_key.to_user_string() for event in result.asset_events], result.cursor


def test_the_data_age_of_what_the_daemon_built_is_evaluated_once_after_each_build() -> None:
    with dg.DagsterInstance.ephemeral() as instance:
        asked, cursor = [], None
        for _ in range(2):
            instance.report_runless_asset_event(BUILT)
            for _ in range(2):
                evaluated, cursor = tick(instance, cursor)
                asked.append(evaluated)
        assert asked == [["customers"], [], ["customers"], []]
        assert not_evaluated(instance, AGES) == set()


def test_a_problem_is_told_once_however_often_the_daemon_looks(tmp_path: Path) -> None:
    told = tmp_path / "told"
    command = [sys.executable, "-c", f"import sys; open({str(told)!r}, 'a').write(sys.stdin.read() + chr(10))"]
    with dg.DagsterInstance.ephemeral() as instance:
        cursor = None
        for _ in range(3):
            instance.report_runless_asset_event(BUILT)
            _, cursor = tick(instance, cursor, alerts=Alerts(command=command))
    assert [json.loads(line)["kind"] for line in told.read_text().splitlines()] == ["old_data"]


def test_customers_who_are_left_in_are_told_once(tmp_path: Path) -> None:
    told = tmp_path / "told"
    command = [sys.executable, "-c", f"import sys; open({str(told)!r}, 'a').write(sys.stdin.read() + chr(10))"]
    looked = dg.AssetCheckEvaluation(
        asset_key=dg.AssetKey("dashboard"),
        check_name="nobody_is_left_in",
        passed=False,
        severity=dg.AssetCheckSeverity.WARN,
        description="70 of gone at crm",
        metadata={},
    )
    with dg.DagsterInstance.ephemeral() as instance:
        cursor = None
        for _ in range(2):
            instance.report_runless_asset_event(looked)
            _, cursor = tick(instance, cursor, alerts=Alerts(command=command))
    [alert] = map(json.loads, told.read_text().splitlines())
    assert alert == {"kind": "left_in", "subject": "dashboard", "message": "70 of gone at crm"}


def told_of(tmp_path: Path, *assets: dg.AssetsDefinition, then: bool | None = None) -> list[str]:
    """What is told of a run that fails; of the check of `unkept` another run may have said something since."""
    tmp_path.mkdir(exist_ok=True)
    told = tmp_path / "told"
    command = [sys.executable, "-c", f"import sys; open({str(told)!r}, 'a').write(sys.stdin.read() + chr(10))"]
    config = load(SMALL_SEGMENTATION).model_copy(update={"alerts": Alerts(command=command)})
    check = dg.AssetCheckKey(dg.AssetKey("unkept"), "contract")
    with dg.DagsterInstance.ephemeral() as instance:
        run = dg.materialize(assets, instance=instance, raise_on_error=False)
        if then is not None:
            later = dg.AssetCheckEvaluation(check.asset_key, check.name, then, {}, severity=dg.AssetCheckSeverity.ERROR)
            instance.report_runless_asset_event(later)
        context = dg.build_run_status_sensor_context(
            "tell_run_failures",
            dagster_event=run.get_run_failure_event(),
            dagster_instance=instance,
            dagster_run=run.dagster_run,
        ).for_run_failure()
        [sensor] = [s for s in sensors(config, [SPEC], [check]) if s.name == "tell_run_failures"]
        sensor(context)
    said = told.read_text().splitlines() if told.exists() else []
    return [json.loads(line)["message"].replace(run.run_id, "r") for line in said]


def test_an_alert_of_a_failed_run_says_what_went_wrong(tmp_path: Path) -> None:
    said = "run r failed. unread was not built, nor what lies below it: the file is cut off. Open it in the UI."
    assert told_of(tmp_path, unread) == [said]
    assert told_of(tmp_path / "both", unread, unkept) == [said]


def test_a_check_that_blocks_is_told_by_itself_and_not_as_a_failed_run_as_well(tmp_path: Path) -> None:
    assert told_of(tmp_path, unkept) == []
    # Of one that passed in the same minute nothing else would be told.
    assert len(told_of(tmp_path, unkept, then=True)) == 1
