"""Which assets were built from other data, or by other code, than there is now.

Dagster's own conditions notice a change in the tick in which it comes, and forget it in a tick in which the asset was
built, whichever of the two came first; and what changed before the first tick they never see. What an asset was built
from stands with its materialisation, and is forgotten by nobody.
"""

import dagster as dg
from dagster._core.definitions.data_version import extract_data_provenance_from_entry, extract_data_version_from_entry
from dagster._core.definitions.events import AssetKeyPartitionKey
from dagster._core.event_api import EventLogRecord


class LeftBehind(dg.AutomationCondition[dg.AssetKey]):
    """True for an asset whose code is another by now, or whose inputs are; of partitions inputs are not compared."""

    @property
    def name(self) -> str:
        """As the UI shows it."""
        return "built from other data or code"

    def evaluate(self, context: dg.AutomationContext[dg.AssetKey]) -> dg.AutomationResult[dg.AssetKey]:
        """Compare with what the last materialisation says of itself."""
        behind = not context.candidate_subset.is_empty and _is_behind(context)
        return dg.AutomationResult(context, context.candidate_subset if behind else context.get_empty_subset())


def _is_behind(context: dg.AutomationContext[dg.AssetKey]) -> bool:
    node = context.asset_graph.get(context.key)
    built = _last(context, context.key)
    rests_on = extract_data_provenance_from_entry(built.event_log_entry) if built else None
    if rests_on is None:
        return False
    if node.code_version and node.code_version != rests_on.code_version:
        return True
    for key, version in rests_on.input_data_versions.items():
        if key in node.parent_keys and not (node.is_partitioned or context.asset_graph.get(key).is_partitioned):
            now = _last(context, key)
            if now and extract_data_version_from_entry(now.event_log_entry) not in (None, version):
                return True
    return False


def _last(context: dg.AutomationContext[dg.AssetKey], key: dg.AssetKey) -> EventLogRecord | None:
    # Dagster's cache of the tick: asked for the same record by every asset below, and by other conditions.
    queryer = context.asset_graph_view.get_inner_queryer_for_back_compat()
    return queryer.get_latest_materialization_or_observation_record(AssetKeyPartitionKey(key))
