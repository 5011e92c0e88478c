"""Step 7: the dashboard as Dagster sees it."""

import hashlib
from collections.abc import Sequence
from typing import Any

import dagster as dg

from segment_assets.activation.tables import asset_path, left_in
from segment_assets.automation import OWNERS, code_version, fresh_within, on_changed_data
from segment_assets.dashboards.gather import ages, gather
from segment_assets.dashboards.html import document, style_sheet
from segment_assets.dashboards.overview import overview
from segment_assets.dashboards.port import Published, Publisher
from segment_assets.lake import Lake, ObjectStore
from segment_assets.reporting import Result, as_of_text
from segment_assets.segmentation import Segmentation

PAGE = "dashboard/index.html"
NOBODY_LEFT_IN = "nobody_is_left_in"


def assets(config: Segmentation) -> list[dg.AssetsDefinition | dg.AssetSpec]:
    """The dashboard, unless segmentation.yaml switches it off."""
    return [_dashboard(config)] if config.dashboard else []


def _dashboard(config: Segmentation) -> dg.AssetsDefinition:
    page = overview(config)

    @dg.asset(
        key="dashboard",
        group_name="dashboards",
        kinds={"html"},
        owners=OWNERS,
        deps=_read(config),
        code_version=code_version("dashboards", config, style_sheet()),
        automation_condition=on_changed_data,
        freshness_policy=fresh_within(config.policy.fresh_within),
        check_specs=[
            dg.AssetCheckSpec(
                NOBODY_LEFT_IN,
                asset="dashboard",
                description="No destination holds customers of a segment that segmentation.yaml gives it no more.",
            )
        ],
    )
    def dashboard(
        lake: dg.ResourceParam[Lake], exports: dg.ResourceParam[ObjectStore], publisher: dg.ResourceParam[Publisher]
    ) -> Result:
        """What a marketer and a data engineer look at first: what came in, how good the predictions are, who is where.

        One HTML file that needs no network and no script, and holds no personal data; the same in QuickSight where the
        deployment has it.
        """
        found = gather(lake, config)
        oldest = ages(page, found)
        content = document(page, found, oldest).encode()
        exports.write(PAGE, content)
        published = publisher.publish(page, found, oldest)
        return dg.MaterializeResult(
            metadata={
                "page": dg.MetadataValue.path(exports.uri(PAGE)),
                "as_of": as_of_text(oldest.as_of),
                "sections": len(page.sections),
                "missing": sorted({d.missing for d in found.values() if d.missing}),
                "bytes": len(content),
                **_told(published),
            },
            data_version=dg.DataVersion(hashlib.sha256(content).hexdigest()[:32]),
            check_results=[_nobody_left_in(left_in(lake, config))],
        )

    return dashboard


def _nobody_left_in(left: Sequence[tuple[str, str, int]]) -> dg.AssetCheckResult:
    """Here, because the page alone rests on the whole file: what is configured no more has no asset of its own."""
    held = ", ".join(f"{members:,} of {segment} at {destination}" for segment, destination, members in left)
    return dg.AssetCheckResult(
        check_name=NOBODY_LEFT_IN,
        passed=not left,
        severity=dg.AssetCheckSeverity.WARN,
        description=f"customers are in where segmentation.yaml tells nobody to leave any more: {held}. Put each back, "
        "and let all leave (docs/activation.md)."
        if left
        else None,
    )


def _told(published: Published | None) -> dict[str, dg.MetadataValue[Any]]:
    if published is None:
        return {}
    return {
        "published": dg.MetadataValue.url(published.address),
        "published_version": dg.MetadataValue.int(published.version),
        "published_data_sets": dg.MetadataValue.int(published.datasets),
        "published_rows": dg.MetadataValue.int(published.rows),
        "data_sets_changed": dg.MetadataValue.int(published.ingested),
    }


def _read(config: Segmentation) -> list[dg.AssetKey]:
    """The assets whose tables the page shows."""
    names = [["engagement_events"], ["customers"], ["persons"], ["households"]]
    if config.collaboration is not None:
        names += [["partner_audience"], *(["clean_room_results", query] for query in config.collaboration.queries)]
    for target in config.targets:
        names += [["model_evaluation", target], ["customer_scores", target]]
    for name, segment in config.segments.items():
        sent = [asset_path(config, name, destination) for destination in dict.fromkeys(segment.destinations)]
        names += [["predictive_segments", name], *sent]
    return [dg.AssetKey(name) for name in names]
