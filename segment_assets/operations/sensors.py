"""The daemon's work: evaluate the conditions; tell people about failures, blocked checks and old data."""

import json
from collections.abc import Container, Iterator

import dagster as dg
from dagster._core.definitions.freshness import FreshnessState
from dagster._core.storage.asset_check_execution_record import AssetCheckExecutionRecordStatus

from segment_assets.operations.alerts import Alert, tell
from segment_assets.operations.checks import NAME, allowed_ages, current_ages
from segment_assets.segmentation import Segmentation

RUNNING = dg.DefaultSensorStatus.RUNNING


def sensors(
    config: Segmentation, specs: list[dg.AssetSpec], blocking: list[dg.AssetCheckKey]
) -> list[dg.SensorDefinition]:
    """All of them run from the first `dagster dev` on, without a click."""
    return [_automation(), _run_failures(config), _stale_blocked_and_old(config, specs, blocking)]


def _automation() -> dg.SensorDefinition:
    return dg.AutomationConditionSensorDefinition(
        "automation",
        target=dg.AssetSelection.all(),
        default_status=RUNNING,
        minimum_interval_seconds=5,
        description="Asks every asset's automation condition whether it must be built.",
    )


def _run_failures(config: Segmentation) -> dg.SensorDefinition:
    @dg.run_failure_sensor(name="tell_run_failures", default_status=RUNNING)
    def tell_run_failures(context: dg.RunFailureSensorContext) -> None:
        """Tell people when a run failed."""
        keys = sorted(k.to_user_string() for k in context.dagster_run.asset_selection or ())
        message = f"run {context.dagster_run.run_id} failed: {context.failure_event.message}. Open it in the UI."
        tell(
            [Alert("run_failed", ", ".join(keys) or context.dagster_run.job_name, message)], config.alerts, context.log
        )

    return tell_run_failures


def _stale_blocked_and_old(
    config: Segmentation, specs: list[dg.AssetSpec], blocking: list[dg.AssetCheckKey]
) -> dg.SensorDefinition:
    @dg.sensor(name="tell_stale_and_blocked", minimum_interval_seconds=60, default_status=RUNNING)
    def tell_stale_and_blocked(context: dg.SensorEvaluationContext) -> dg.SensorResult | dg.SkipReason:
        """Tell people once when an asset is stale, a blocking check failed, or data is too old."""
        now = {
            f"{a.kind} {a.subject}": a
            for a in [*failed(context.instance, specs, blocking), *old(context.instance, config, specs)]
        }
        told = set(json.loads(context.cursor or "[]"))
        tell([now[name] for name in sorted(now.keys() - told)], config.alerts, context.log)
        if now.keys() == told:
            return dg.SkipReason(f"nothing new; {len(now)} known problems" if now else "all is well")
        turned = {name.removeprefix("old_data ") for name in now.keys() ^ told}
        return dg.SensorResult(
            asset_events=evaluations(context.instance, config, specs, turned), cursor=json.dumps(sorted(now))
        )

    return tell_stale_and_blocked


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
            message = f"the blocking check did not pass in run {last.run_id}: what lies below waits. Open it in the UI."
            yield Alert("check_failed", f"{check.asset_key.to_user_string()}:{check.name}", message)


def old(instance: dg.DagsterInstance, config: Segmentation, specs: list[dg.AssetSpec]) -> Iterator[Alert]:
    """Assets that rest on data older than it may be."""
    for age in current_ages(instance, allowed_ages(config, specs)):
        if not age.passed:
            yield Alert("old_data", age.asset, age.sentence)


def evaluations(
    instance: dg.DagsterInstance, config: Segmentation, specs: list[dg.AssetSpec], assets: Container[str]
) -> list[dg.AssetCheckEvaluation]:
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
        for age in current_ages(instance, allowed_ages(config, specs))
        if age.asset in assets
    ]
