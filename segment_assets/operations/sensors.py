"""The daemon's work: evaluate the conditions; tell people about failures, blocked checks and old data; and monitors."""

import json
from collections.abc import Container, Iterable, Iterator, Mapping
from datetime import UTC, datetime

import dagster as dg
from dagster._core.definitions.freshness import FreshnessState
from dagster._core.storage.asset_check_execution_record import AssetCheckExecutionRecordStatus

from segment_assets.dashboards.assets import NOBODY_LEFT_IN
from segment_assets.operations import ended_runs
from segment_assets.operations.alerts import Alert, tell
from segment_assets.operations.checks import NAME, allowed_ages, current_ages, not_evaluated
from segment_assets.operations.data_age import Age
from segment_assets.operations.failures import blocked, failures, why_not
from segment_assets.operations.metrics import Note, standing
from segment_assets.operations.owed import broken
from segment_assets.operations.port import Monitor, MonitorError
from segment_assets.segmentation import Segmentation

RUNNING = dg.DefaultSensorStatus.RUNNING
# What an alert is called as an event. A failed run is one of `ended_runs`, which forgets none.
EVENTS = {
    "check_failed": "check failed",
    "stale": "asset stale",
    "old_data": "data old",
    "left_in": "customers left in",
}


def sensors(
    config: Segmentation, specs: list[dg.AssetSpec], blocking: list[dg.AssetCheckKey]
) -> list[dg.SensorDefinition]:
    """All of them run from the first `dagster dev` on, without a click."""
    return [
        _automation(),
        _run_failures(config, blocking),
        _ended_runs(),
        _stale_blocked_and_old(config, specs, blocking),
    ]


def _automation() -> dg.SensorDefinition:
    return dg.AutomationConditionSensorDefinition(
        "automation",
        target=dg.AssetSelection.all(),
        default_status=RUNNING,
        minimum_interval_seconds=5,
        use_user_code_server=True,  # of Dagster's own conditions alone another process could judge
        description="Asks every asset's automation condition whether it must be built.",
    )


def _run_failures(config: Segmentation, blocking: list[dg.AssetCheckKey]) -> dg.SensorDefinition:
    @dg.run_failure_sensor(
        name="tell_run_failures",
        default_status=RUNNING,
        description="Tells the log, and whom `alerts` names, that a run failed.",
    )
    def tell_run_failures(context: dg.RunFailureSensorContext) -> None:
        """Tell people when a run failed, unless it is for a check alone of which they are told by itself."""
        keys = sorted(k.to_user_string() for k in context.dagster_run.asset_selection or ())
        run_id = context.dagster_run.run_id
        found, broke = [*failures(context.instance, run_id)], broken(context.instance, run_id)
        unpassed = {failure.asset for failure in blocked(context.instance, blocking)}
        if not found and broke and {key.to_user_string() for key in broke} <= unpassed:
            return
        said = " ".join(f"{failure.line.rstrip('.')}." for failure in found)
        message = f"run {run_id} failed. {said or context.failure_event.message} Open it in the UI."
        tell(
            [Alert("run_failed", ", ".join(keys) or context.dagster_run.job_name, message)], config.alerts, context.log
        )

    return tell_run_failures


def _ended_runs() -> dg.SensorDefinition:
    @dg.sensor(
        name="tell_ended_runs",
        minimum_interval_seconds=30,
        default_status=RUNNING,
        description="Tells metrics and events of every run that is over, where a monitor listens: on AWS.",
    )
    def tell_ended_runs(context: dg.SensorEvaluationContext, monitor: dg.ResourceParam[Monitor]) -> dg.SkipReason:
        """Tell metrics and events of every run that is over, where a monitor listens."""
        if not monitor.listens:
            return dg.SkipReason("nobody listens: on one machine the UI and the log say it all")
        try:
            told = ended_runs.tell(context.instance, monitor)
        except MonitorError as failure:
            context.log.error("%s", failure)
            return dg.SkipReason(f"{failure}; the next tick tries again")
        return dg.SkipReason(f"{told} runs were told" if told else "no run ended")

    return tell_ended_runs


def _stale_blocked_and_old(
    config: Segmentation, specs: list[dg.AssetSpec], blocking: list[dg.AssetCheckKey]
) -> dg.SensorDefinition:
    @dg.sensor(
        name="tell_stale_and_blocked",
        minimum_interval_seconds=60,
        default_status=RUNNING,
        description="Tells the log, and whom `alerts` names, once: an asset is stale, a check blocks, data is old, or "
        "customers are in where nobody tells them to leave.",
    )
    def tell_stale_and_blocked(
        context: dg.SensorEvaluationContext, monitor: dg.ResourceParam[Monitor]
    ) -> dg.SensorResult:
        """Tell people once what is stale, blocked, too old or left behind at a destination; monitors every time."""
        ages = current_ages(context.instance, allowed_ages(config, specs))
        found = [*failed(context.instance, specs, blocking), *old(ages), *left_in(context.instance, config)]
        now = {f"{a.kind} {a.subject}": a for a in found}
        told, owed = _cursor(context.cursor)
        new = now.keys() - told
        tell([now[name] for name in sorted(new)], config.alerts, context.log)
        owed = _announced(context, monitor, {name: now[name] for name in sorted(now) if name in new | owed})
        _counted(context, monitor, sum(a.kind == "stale" for a in found), ages)
        cursor = json.dumps({"told": sorted(now), "owed": sorted(owed)})
        turned = {name.removeprefix("old_data ") for name in now.keys() ^ told}
        answers = evaluations(ages, turned | not_evaluated(context.instance, ages))
        if answers:
            return dg.SensorResult(asset_events=answers, cursor=cursor)
        return dg.SensorResult(
            skip_reason=f"nothing new; {len(now)} known problems" if now else "all is well", cursor=cursor
        )

    return tell_stale_and_blocked


def _cursor(text: str | None) -> tuple[set[str], set[str]]:
    """Problems that people were told, and those of them that the monitor did not take yet."""
    kept = json.loads(text or "[]")
    # An earlier version kept the first list alone.
    return (set(kept), set()) if isinstance(kept, list) else (set(kept["told"]), set(kept["owed"]))


def _announced(context: dg.SensorEvaluationContext, monitor: Monitor, alerts: Mapping[str, Alert]) -> set[str]:
    """Tell the monitor what is new; the names of what it did not take."""
    now = datetime.now(UTC)
    detail = {name: {"subject": a.subject, "message": a.message} for name, a in alerts.items()}
    try:
        monitor.announce([Note(EVENTS[a.kind], now, detail[name]) for name, a in alerts.items()])
    except MonitorError as failure:
        context.log.error("%s", failure)
        return set(alerts)
    return set()


def _counted(context: dg.SensorEvaluationContext, monitor: Monitor, stale: int, ages: list[Age]) -> None:
    """Tell how many assets are stale, and how old the oldest data is; a minute that is lost is followed by the next."""
    try:
        monitor.measure(standing(stale, [age.as_of for age in ages], datetime.now(UTC)))
    except MonitorError as failure:
        context.log.error("%s", failure)


def failed(
    instance: dg.DagsterInstance, specs: list[dg.AssetSpec], blocking: list[dg.AssetCheckKey]
) -> Iterator[Alert]:
    """Assets whose freshness policy failed, and blocking checks whose last evaluation did not pass."""
    keys = [s.key for s in specs if s.freshness_policy]
    for key, record in instance.get_freshness_state_records(keys).items():
        if record.freshness_state == FreshnessState.FAIL:
            yield Alert("stale", key.to_user_string(), "was not built within its freshness policy.")
    for check in blocking:
        last = instance.get_latest_asset_check_evaluation_record(check)
        if last and last.status == AssetCheckExecutionRecordStatus.FAILED:
            said = (
                f"the blocking check did not pass in run {last.run_id}: what lies below waits. {why_not(last, check)}"
            )
            yield Alert("check_failed", f"{check.asset_key.to_user_string()}:{check.name}", said)


def old(ages: Iterable[Age]) -> Iterator[Alert]:
    """Assets that rest on data older than it may be."""
    for age in ages:
        if not age.passed:
            yield Alert("old_data", age.asset, age.sentence)


def left_in(instance: dg.DagsterInstance, config: Segmentation) -> Iterator[Alert]:
    """Customers whom a destination holds as in, and whom nobody tells to leave: the page's check knows them."""
    check = dg.AssetCheckKey(dg.AssetKey("dashboard"), NOBODY_LEFT_IN)
    last = instance.get_latest_asset_check_evaluation_record(check) if config.dashboard else None
    if last and last.status == AssetCheckExecutionRecordStatus.FAILED:
        yield Alert("left_in", check.asset_key.to_user_string(), why_not(last, check))


def evaluations(ages: Iterable[Age], assets: Container[str]) -> list[dg.AssetCheckEvaluation]:
    """The data age of some assets, as check results for the UI."""
    return [
        dg.AssetCheckEvaluation(
            asset_key=dg.AssetKey.from_user_string(age.asset),
            check_name=NAME,
            passed=age.passed,
            severity=dg.AssetCheckSeverity.WARN,
            description=age.sentence,
            metadata={},
        )
        for age in ages
        if age.asset in assets
    ]
