"""Suppression lists as assets: the files as they lie there, and what they say."""

import dagster as dg

from segment_assets.automation import OWNERS, again_if_overtaken, at_a_gate, code_version
from segment_assets.first_party import suppression_lists
from segment_assets.first_party.checks import lines_name_somebody
from segment_assets.first_party.tables import SUPPRESSION_ENTRIES
from segment_assets.lake import Lake, ObjectStore
from segment_assets.reporting import Result, blocking, report, spec_metadata
from segment_assets.segmentation import Segmentation

GROUP = "first_party"
LANDING_SUPPRESSION, LISTED = dg.AssetKey("landing_suppression"), dg.AssetKey("suppression_lists")


def assets(config: Segmentation) -> list[dg.AssetsDefinition | dg.AssetSpec]:
    """The files' landing place and what they say; nothing where segmentation.yaml names no list."""
    lists, region = config.landing.suppression, config.landing.customers.phone_region
    if not lists:
        return []
    asked = {name: where.model_dump(mode="json") for name, where in lists.items()} | {"region": region}
    # No freshness policy: a list that nobody adds to is not stale.
    landed = dg.AssetSpec(
        LANDING_SUPPRESSION,
        description="Files of whom not to write to, as they lie there. A sensor reports their version.",
        group_name=GROUP,
        kinds={"file"},
        owners=OWNERS,
        metadata={name: where.path for name, where in lists.items()},
    )

    @dg.asset(
        key=LISTED,
        pool="suppression_lists",
        group_name=GROUP,
        kinds={"iceberg", "python"},
        owners=OWNERS,
        deps=[LANDING_SUPPRESSION],
        code_version=code_version("first_party", asked, libraries=["phonenumbers", "pyarrow"]),
        automation_condition=at_a_gate,
        metadata=spec_metadata(SUPPRESSION_ENTRIES),
        check_specs=[
            blocking("every_list_read", LISTED, "Each list of segmentation.yaml is there, and was read to its end."),
            blocking("nothing_lost", LISTED, "Every line is an entry, a duplicate, or in quarantine."),
            dg.AssetCheckSpec("lines_name_somebody", asset=LISTED, description="Every line of a list names somebody."),
        ],
    )
    def listed(
        context: dg.AssetExecutionContext, lake: dg.ResourceParam[Lake], landing: dg.ResourceParam[ObjectStore]
    ) -> Result:
        """Whom our own lists say not to write to, whatever they agreed to: hashes of addresses, and ids."""
        with again_if_overtaken():
            before = lake.state(SUPPRESSION_ENTRIES)
            found = suppression_lists.read(landing, lists, region)
            written = suppression_lists.write(lake, found, context.run.run_id, before)
        checks = [
            dg.AssetCheckResult(
                check_name="every_list_read",
                passed=not found.problems,
                description="; ".join(found.problems) or None,
                metadata={"unread": len(found.problems)},
            ),
            dg.AssetCheckResult(check_name="nothing_lost", passed=found.nothing_lost),
            lines_name_somebody(found.counts),
        ]
        return report(written, checks=checks, lists={name: dict(count) for name, count in found.counts.items()})

    return [landed, listed]
