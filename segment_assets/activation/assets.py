"""Segments at their destinations: one asset per segment and destination."""

from collections.abc import Callable
from typing import Any

import dagster as dg
import pyarrow.compute as pc

from segment_assets.activation.activate import Outcome, activate
from segment_assets.activation.handoff import FileHandoff
from segment_assets.activation.pinpoint import WORDING, PinpointImport, attribute_names
from segment_assets.activation.plan import Order
from segment_assets.activation.port import Destination, PinpointService
from segment_assets.activation.recipients import wanted
from segment_assets.activation.tables import ACTIVATION_LEDGER
from segment_assets.automation import OWNERS, code_version, fresh_within, on_changed_data
from segment_assets.lake import Lake, ObjectStore
from segment_assets.reporting import as_of_text, spec_metadata
from segment_assets.segmentation import FileDestination, PinpointDestination, Segmentation
from segment_assets.segments.tables import predictive_segments

# One activation at a time across runs: they share the ledger, and Pinpoint takes two import jobs at a time.
POOL = "activation"


def assets(config: Segmentation) -> list[dg.AssetsDefinition | dg.AssetSpec]:
    """One asset per segment and destination.

    Raises:
        ConfigError: an attribute's name would be too long for Pinpoint.
    """
    found: list[dg.AssetsDefinition | dg.AssetSpec] = []
    for segment, asked in config.segments.items():
        for destination in dict.fromkeys(asked.destinations):
            to = config.destinations[destination]
            build = _pinpoint_import if isinstance(to, PinpointDestination) else _file_handoff
            found.append(build(config, segment, destination))
    return found


def asset_key(config: Segmentation, segment: str, destination: str) -> dg.AssetKey:
    """`<kind>/<segment>`; with the destination between them where the segment uses two of a kind."""
    kind = config.destinations[destination].kind
    twins = [d for d in dict.fromkeys(config.segments[segment].destinations) if config.destinations[d].kind == kind]
    return dg.AssetKey([kind, segment] if len(twins) == 1 else [kind, destination, segment])


def _pinpoint_import(config: Segmentation, segment: str, destination: str) -> dg.AssetsDefinition:
    to = config.destinations[destination]
    assert isinstance(to, PinpointDestination)  # noqa: S101  narrowed by the caller
    attribute = attribute_names(segment, to.attribute_prefix)["state"]

    @dg.asset(
        **_about(config, segment, destination),
        description=f"{config.segments[segment].purpose}: the endpoints to send to, imported to Pinpoint.",
        kinds={"csv", "pinpoint"},
    )
    def pinpoint_import(
        context: dg.AssetExecutionContext, lake: dg.ResourceParam[Lake], pinpoint: dg.ResourceParam[PinpointService]
    ) -> dg.MaterializeResult[Any]:
        order = _order(lake, config, segment, destination, f"{WORDING} {to.application_id} {attribute}")
        job = PinpointImport(pinpoint, to.application_id, attribute)
        return _report(lake, activate(lake, job, order, wanted(lake, segment, "endpoints"), context.run_id))

    return pinpoint_import


def _file_handoff(config: Segmentation, segment: str, destination: str) -> dg.AssetsDefinition:
    to, asked = config.destinations[destination], config.segments[segment]
    assert isinstance(to, FileDestination)  # noqa: S101  narrowed by the caller

    @dg.asset(
        **_about(config, segment, destination),
        description=f"{asked.purpose}: the customers to reach, as files with a manifest.",
        kinds={to.format},
    )
    def file_handoff(
        context: dg.AssetExecutionContext, lake: dg.ResourceParam[Lake], exports: dg.ResourceParam[ObjectStore]
    ) -> dg.MaterializeResult[Any]:
        order = _order(lake, config, segment, destination, to.format)
        files = FileHandoff(exports, to.format, [*asked.channels], asked.valid_for)
        return _report(lake, activate(lake, files, order, wanted(lake, segment, "members"), context.run_id))

    return file_handoff
