"""Each alarm of the platform's stack bites on what it is for, told by the code that tells it; and on nothing else."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import dagster as dg
import pytest
from dagster._core.definitions.freshness import FreshnessState, FreshnessStateChange

from segment_assets.automation import fresh_within
from segment_assets.operations import ended_runs
from segment_assets.operations.metrics import Metric
from segment_assets.operations.sensors import sensors
from segment_assets.segmentation import load
from segment_assets_tests.aws_double.world import world
from segment_assets_tests.deploy.alarms import state
from segment_assets_tests.deploy.templates import resources
from segment_assets_tests.operations.watched import Watched, customers, features, run
from segment_assets_tests.small_world import SMALL_SEGMENTATION


@pytest.fixture(scope="module")
def double() -> Iterator[Watched]:
    with pytest.MonkeyPatch.context() as patch, world(patch) as (aws, _):
        yield Watched(aws)


@pytest.fixture
def watched(double: Watched) -> Watched:
    double.numbers.data.clear()
    double.events.taken.clear()
    return double


def states(watched: Watched, after: timedelta = timedelta(seconds=1)) -> dict[str, str]:
    """Of every alarm on our own metrics, a while from now."""
    now = datetime.now(UTC) + after
    mine = (r["Properties"] for r in resources("platform").values() if r["Type"] == "AWS::CloudWatch::Alarm")
    own = [a for a in mine if a["Namespace"] == "segment-assets/dev"]
    return {a["MetricName"]: state(a, watched.numbers.data, now) for a in own}


def tick(watched: Watched, instance: dg.DagsterInstance, cursor: str | None = None) -> str | None:
    """One minute's evaluation, over one asset that has a freshness policy."""
    spec = dg.AssetSpec("customers", freshness_policy=fresh_within(timedelta(days=1)))
    [sensor] = [s for s in sensors(load(SMALL_SEGMENTATION), [spec], []) if s.name == "tell_stale_and_blocked"]
    with dg.build_sensor_context(instance, cursor, resources={"monitor": watched.monitor}) as context:
        return sensor.evaluate_tick(context).cursor


def goes_stale(instance: dg.DagsterInstance) -> None:
    change = FreshnessStateChange(
        key=dg.AssetKey("customers"),
        previous_state=FreshnessState.PASS,
        new_state=FreshnessState.FAIL,
        state_change_timestamp=datetime.now(UTC).timestamp(),
    )
    instance._report_runless_asset_event(change)


def test_a_failed_run_is_an_alarm_and_one_that_went_well_is_none(watched: Watched) -> None:
    with dg.DagsterInstance.ephemeral() as instance:
        run(instance, customers)
        ended_runs.tell(instance, watched.monitor)
        assert states(watched)["RunsFailed"] == "OK"
        run(instance, features)
        ended_runs.tell(instance, watched.monitor)
        assert states(watched)["RunsFailed"] == "ALARM"
        assert states(watched, timedelta(hours=1))["RunsFailed"] == "OK", "an hour later nobody is woken"


def test_a_stale_asset_is_an_alarm_an_event_and_told_once(watched: Watched) -> None:
    with dg.DagsterInstance.ephemeral() as instance:
        run(instance, customers)
        cursor = tick(watched, instance)
        assert (states(watched)["StaleAssets"], watched.kinds()) == ("OK", [])
        goes_stale(instance)
        cursor = tick(watched, instance, cursor)
        tick(watched, instance, cursor)
        assert watched.kinds() == ["asset stale"]
    assert watched.numbers.of("StaleAssets") == [0, 1, 1]
    quarter = timedelta(minutes=15)
    watched.monitor.measure([Metric("StaleAssets", 1, "Count", datetime.now(UTC) + quarter)])
    assert states(watched, quarter)["StaleAssets"] == "ALARM"


def test_a_problem_that_the_bus_did_not_take_is_told_by_the_next_tick(watched: Watched) -> None:
    with dg.DagsterInstance.ephemeral() as instance:
        run(instance, customers)
        goes_stale(instance)
        watched.events.failing.append("NotAuthorizedForSourceException")
        cursor = tick(watched, instance)
        assert watched.kinds() == []
        cursor = tick(watched, instance, cursor)
        tick(watched, instance, cursor)
        assert watched.kinds() == ["asset stale"]


def test_silence_is_an_alarm_and_a_lost_minute_is_none(watched: Watched) -> None:
    with dg.DagsterInstance.ephemeral() as instance:
        tick(watched, instance)
    assert states(watched, timedelta(minutes=16))["StaleAssets"] == "OK"
    assert states(watched, timedelta(minutes=31))["StaleAssets"] == "ALARM"


@pytest.mark.parametrize(("rejected", "bites"), [(4, "OK"), (6, "ALARM")])
def test_more_than_the_allowed_share_in_quarantine_is_an_alarm(watched: Watched, rejected: int, bites: str) -> None:
    @dg.asset
    def raw_events() -> dg.MaterializeResult:
        return dg.MaterializeResult(metadata={"delivered": 100, "good": 100 - rejected, "quarantined": rejected})

    with dg.DagsterInstance.ephemeral() as instance:
        run(instance, raw_events)
        ended_runs.tell(instance, watched.monitor)
    assert states(watched)["QuarantinedShare"] == bites
    assert states(watched)["RunsFailed"] == "OK"


def test_every_alarm_on_our_own_metrics_is_tried_here() -> None:
    own = {
        r["Properties"]["MetricName"]
        for r in resources("platform").values()
        if r["Type"] == "AWS::CloudWatch::Alarm" and r["Properties"]["Namespace"] == "segment-assets/dev"
    }
    assert own == {"RunsFailed", "StaleAssets", "QuarantinedShare"}


def test_eventbridge_may_publish_without_a_condition_which_it_does_not_take() -> None:
    statements = resources("platform")["ToldPolicy"]["Properties"]["PolicyDocument"]["Statement"]
    by = {s["Sid"] if "Sid" in s else str(s["Principal"]["Service"]): s for s in statements}
    assert "Condition" not in by["events.amazonaws.com"]
    assert all("Condition" in s for who, s in by.items() if who != "events.amazonaws.com")
