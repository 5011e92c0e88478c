"""Each step under its own role: written on its assets, where the UI shows it, and read while one of them is computed.

A run has several steps in one process, and they share its resources. So a resource does not know a role: the call
does. Dagster's own context says which asset is being computed; a thread that calls AWS must be given that context.
"""

from collections.abc import Sequence

import dagster as dg

from segment_assets import acting

ROLE = "aws_role"  # of an asset's metadata, and of a job's tags


def given(
    assets: Sequence[dg.AssetsDefinition | dg.AssetSpec], role: str | None
) -> list[dg.AssetsDefinition | dg.AssetSpec]:
    """The assets, to be computed under a role; as they were where there is none."""
    if role is None:
        return list(assets)
    return list(dg.map_asset_specs(lambda spec: spec.merge_attributes(metadata={ROLE: role}), assets))


def of_what_runs() -> str | None:
    """The role of the asset, or of the job, that this thread computes."""
    try:
        context = dg.AssetExecutionContext.get().op_execution_context
    except dg.DagsterInvariantViolationError:
        return None  # nothing is computed, or a check that stands alone, which reads Dagster's own records
    if not context.has_assets_def:
        return context.run.tags.get(ROLE)
    # A step's assets have one role, all of them.
    named = (metadata.get(ROLE) for metadata in context.assets_def.metadata_by_key.values())
    return next((str(role) for role in named if role), None)


acting.told_by(of_what_runs)
