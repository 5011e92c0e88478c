"""Results of queries under differential privacy as Dagster sees them."""

import dagster as dg

from segment_assets.automation import (
    OWNERS,
    again_if_overtaken,
    code_version,
    fresh_within,
    on_changed_data_once_a_day,
)
from segment_assets.clean_room.port import CleanRoom
from segment_assets.clean_room.privacy import query as private_query
from segment_assets.clean_room.privacy import service_query
from segment_assets.clean_room.privacy.query import PrivateQuery
from segment_assets.lake import Lake
from segment_assets.reporting import Result, report, spec_metadata
from segment_assets.segmentation import Segmentation


def result(
    config: Segmentation, query: PrivateQuery, group: str, sources: dict[str, dg.AssetKey], deps: list[dg.AssetKey]
) -> dg.AssetsDefinition:
    """The result of one query.

    Args:
        config: the user's file.
        query: ready to run.
        group: the group of the step.
        sources: catalog table -> its asset.
        deps: what must be there before.
    """

    @dg.asset(
        key=dg.AssetKey(["clean_room_results", query.name]),
        deps=deps,
        group_name=group,
        kinds={"iceberg", "sql"},
        owners=OWNERS,
        # Libraries are not part of it: an answer that is asked again is paid for again.
        code_version=code_version(group, config.collaboration, config.audience, libraries=()),
        freshness_policy=fresh_within(config.policy.fresh_within),
        automation_condition=on_changed_data_once_a_day,
        metadata=spec_metadata(query.table),
        description=query.table.description,
    )
    def private_result(
        context: dg.AssetExecutionContext, lake: dg.ResourceParam[Lake], clean_room: dg.ResourceParam[CleanRoom]
    ) -> Result:
        with again_if_overtaken():
            if service := clean_room.noise:
                outcome = service_query.run(query, lake, clean_room, service, context.run.run_id)
            else:
                outcome = private_query.run(query, lake, clean_room, context.run.run_id)
        return report(
            outcome.written,
            trace=query.trace,
            made_by=sources,
            privacy=outcome.label,
            sensitivity_parameters=dg.MetadataValue.json(outcome.sensitivity),
            reused=outcome.reused,
            **outcome.more,
        )

    return private_result
