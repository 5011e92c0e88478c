"""Whether what an asset holds passed its blocking checks, whatever became of the runs that wrote nothing since.

For Dagster a check has no answer any more as soon as a run was to give one and failed before it wrote. The table is
then as it was, and so is what was found of it.
"""

from collections.abc import Iterable

import dagster as dg
from dagster._core.storage.asset_check_execution_record import AssetCheckExecutionRecordStatus

_ANSWERS = {AssetCheckExecutionRecordStatus.SUCCEEDED, AssetCheckExecutionRecordStatus.FAILED}


def holds_checked(instance: dg.DagsterInstance, key: dg.AssetKey, checks: Iterable[dg.AssetCheckKey]) -> bool:
    """Whether the run that wrote what the asset holds evaluated its checks, and all of them passed.

    Args:
        instance: where runs and evaluations are kept.
        key: the asset.
        checks: the blocking ones of the asset.
    """
    written = instance.get_latest_materialization_event(key)
    return written is not None and all(_passed(instance, check, written.run_id) for check in checks)


def _passed(instance: dg.DagsterInstance, check: dg.AssetCheckKey, run_id: str) -> bool:
    answers = instance.event_log_storage.get_asset_check_execution_history(check, limit=1, status=_ANSWERS)
    return any(a.run_id == run_id and a.status == AssetCheckExecutionRecordStatus.SUCCEEDED for a in answers)


class HoldsChecked(dg.AutomationCondition[dg.AssetKey]):
    """True for an asset that holds what passed its blocking checks."""

    @property
    def name(self) -> str:
        """As the UI shows it."""
        return "holds what passed its checks"

    def evaluate(self, context: dg.AutomationContext[dg.AssetKey]) -> dg.AutomationResult[dg.AssetKey]:
        """Ask the instance."""
        graph = context.asset_graph
        its = [key for key in graph.asset_check_keys if key.asset_key == context.key]
        blocking = [key for key in its if graph.get(key).blocking]
        instance = context.asset_graph_view.instance
        true = not context.candidate_subset.is_empty and holds_checked(instance, context.key, blocking)
        return dg.AutomationResult(context, context.candidate_subset if true else context.get_empty_subset())
