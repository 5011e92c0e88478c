"""Segments at their destinations: one asset per segment and destination."""

from collections.abc import Sequence
from typing import Any

import dagster as dg
import pyarrow.compute as pc
from dagster._core.errors import DagsterExecutionInterruptedError

from segment_assets.activation.activate import Outcome, activate
from segment_assets.activation.customer_profiles.destination import CustomerProfilesImport
from segment_assets.activation.customer_profiles.port import CustomerProfilesService
from segment_assets.activation.customer_profiles.segment import attribute_names as profile_attributes
from segment_assets.activation.handoff import FileHandoff
from segment_assets.activation.pinpoint import WORDING, PinpointImport, attribute_names, segment_definition
from segment_assets.activation.plan import Order
from segment_assets.activation.port import ActivationError, PinpointService
from segment_assets.activation.recipients import wanted
from segment_assets.activation.sorting import sentence
from segment_assets.activation.tables import active_members, asset_path
from segment_assets.automation import OWNERS, code_version, events_version, fresh_within, on_changed_data_of_one_mapping
from segment_assets.first_party.tables import (
    ENGAGEMENT_EVENTS,
    SUPPRESSION_ENTRIES,
    of_another_mapping,
    unread_lists,
)
from segment_assets.lake import Lake, ObjectStore
from segment_assets.reporting import Result, as_of_text, spec_metadata
from segment_assets.segmentation import CustomerProfilesDestination, FileDestination, PinpointDestination, Segmentation
from segment_assets.segments.tables import LISTS, asks_for_nobody, outdated, predictive_segments, suppressed_channels

TAKEN = "everybody_is_taken"


def assets(config: Segmentation) -> list[dg.AssetsDefinition | dg.AssetSpec]:
    """One asset per segment and destination.

    Raises:
        ConfigError: an attribute's name would be too long for the destination.
    """
    found: list[dg.AssetsDefinition | dg.AssetSpec] = []
    for segment, asked in config.segments.items():
        for destination in dict.fromkeys(asked.destinations):
            to = config.destinations[destination]
            found.append(_BUILDERS[to.kind](config, segment, destination))
    return found


def asset_key(config: Segmentation, segment: str, destination: str) -> dg.AssetKey:
    """The key of the asset that brings a segment to a destination."""
    return dg.AssetKey(asset_path(config, segment, destination))


def _pinpoint_import(config: Segmentation, segment: str, destination: str) -> dg.AssetsDefinition:
    to, asked = config.destinations[destination], config.segments[segment]
    assert isinstance(to, PinpointDestination)  # noqa: S101  narrowed by the caller
    attribute = attribute_names(segment, to.attribute_prefix)["state"]

    @dg.asset(
        key=asset_key(config, segment, destination),
        description=f"{asked.purpose}: the endpoints to send to, imported to Pinpoint.",
        deps=[dg.AssetKey(["predictive_segments", segment]), dg.AssetKey("customers")],
        group_name="activation",
        kinds={"csv"},
        owners=OWNERS,
        code_version=code_version("activation", asked, to),
        freshness_policy=fresh_within(config.policy.fresh_within),
        automation_condition=on_changed_data_of_one_mapping,
        metadata=spec_metadata(active_members(destination, segment)) | {"purpose": asked.purpose},
        pool=_pool(config, segment, destination),
        check_specs=[_taken_spec(config, segment, destination)],
    )
    def pinpoint_import(
        context: dg.AssetExecutionContext,
        lake: dg.ResourceParam[Lake],
        exports: dg.ResourceParam[ObjectStore],
        pinpoint: dg.ResourceParam[PinpointService],
    ) -> Result:
        place = f"attribute {attribute} of application {to.application_id}"
        order = _order(context, lake, config, segment, destination, f"{WORDING} {to.application_id} {attribute}", place)
        job = PinpointImport(pinpoint, to.application_id, attribute)
        outcome = activate(lake, job, order, wanted(lake, segment, "endpoints", order.reason), context.run.run_id)
        target = dg.MetadataValue.json(segment_definition(segment, attribute))
        return _report(lake, exports, outcome, [_taken(outcome)], target_with=target)

    return pinpoint_import


def _customer_profiles_import(config: Segmentation, segment: str, destination: str) -> dg.AssetsDefinition:
    to, asked = config.destinations[destination], config.segments[segment]
    assert isinstance(to, CustomerProfilesDestination)  # noqa: S101  narrowed by the caller
    names = profile_attributes(segment, to.attribute_prefix)

    @dg.asset(
        key=asset_key(config, segment, destination),
        description=f"{asked.purpose}: the customers to reach, as attributes of their Customer Profiles.",
        deps=[dg.AssetKey(["predictive_segments", segment]), dg.AssetKey("customers")],
        group_name="activation",
        kinds={"csv"},
        owners=OWNERS,
        code_version=code_version("activation", asked, to),
        freshness_policy=fresh_within(config.policy.fresh_within),
        automation_condition=on_changed_data_of_one_mapping,
        metadata=spec_metadata(active_members(destination, segment)) | {"purpose": asked.purpose},
        pool=_pool(config, segment, destination),
        check_specs=[_taken_spec(config, segment, destination)],
    )
    def customer_profiles_import(
        context: dg.AssetExecutionContext,
        lake: dg.ResourceParam[Lake],
        exports: dg.ResourceParam[ObjectStore],
        customer_profiles: dg.ResourceParam[CustomerProfilesService],
    ) -> Result:
        job = CustomerProfilesImport(customer_profiles, to, segment)
        place = f"attribute {names['state']} of domain {to.domain}"
        order = job.renewed(_order(context, lake, config, segment, destination, job.wording, place))
        outcome = activate(lake, job, order, wanted(lake, segment, "members", order.reason), context.run.run_id)
        target = dg.MetadataValue.json(job.target)
        return _report(lake, exports, outcome, [_taken(outcome)], target_with=target)

    return customer_profiles_import


def _file_handoff(config: Segmentation, segment: str, destination: str) -> dg.AssetsDefinition:
    to, asked = config.destinations[destination], config.segments[segment]
    assert isinstance(to, FileDestination)  # noqa: S101  narrowed by the caller

    @dg.asset(
        key=asset_key(config, segment, destination),
        description=f"{asked.purpose}: the customers to reach, as files with a manifest.",
        deps=[dg.AssetKey(["predictive_segments", segment]), dg.AssetKey("customers")],
        group_name="activation",
        kinds={to.format},
        owners=OWNERS,
        code_version=code_version("activation", asked, to),
        freshness_policy=fresh_within(config.policy.fresh_within),
        automation_condition=on_changed_data_of_one_mapping,
        metadata=spec_metadata(active_members(destination, segment)) | {"purpose": asked.purpose},
        pool=_pool(config, segment, destination),
    )
    def file_handoff(
        context: dg.AssetExecutionContext, lake: dg.ResourceParam[Lake], exports: dg.ResourceParam[ObjectStore]
    ) -> Result:
        order = _order(context, lake, config, segment, destination, to.format)
        files = FileHandoff(exports, to.format, [*asked.channels], asked.valid_for)
        outcome = activate(lake, files, order, wanted(lake, segment, "members", order.reason), context.run.run_id)
        return _report(lake, exports, outcome)

    return file_handoff


_BUILDERS = {
    "pinpoint_import": _pinpoint_import,
    "customer_profiles_import": _customer_profiles_import,
    "file_handoff": _file_handoff,
}


def _order(
    context: dg.AssetExecutionContext,
    lake: Lake,
    config: Segmentation,
    segment: str,
    destination: str,
    wording: str,
    place: str = "",
) -> Order:
    _stop_if_cancelled(context)
    made_from = lake.inputs(ENGAGEMENT_EVENTS)
    if left := of_another_mapping(made_from, events_version(config.landing.events)):
        raise ActivationError(
            f"{len(left)} of {len(made_from)} arrival days of engagement_events, {left[0]} to {left[-1]}, are of an "
            f"earlier mapping: nothing of {segment} was sent; materialise engagement_events and what is below it"
        )
    _hold_for_lists(lake, config, segment)
    asked, table = config.segments[segment], predictive_segments(segment)
    decided = lake.read(table, ["reason", "score", "as_of"])
    as_of = pc.max(decided["as_of"]).as_py()
    if as_of is None:
        raise ActivationError(
            f"{table.name} has no decisions: materialise predictive_segments/{segment} and what it rests on first"
        )
    suppressed = suppressed_channels(lake, config.landing.suppression)
    if outdated(lake, segment, suppressed):
        raise ActivationError(
            "customers, who lives with whom, their addresses, their consent or who must not be written to changed "
            f"since {segment} was decided: nothing of it was sent; materialise predictive_segments/{segment}, and then "
            "this"
        )
    nobody = asks_for_nobody(decided, asked, config.targets[asked.target].kind)
    return Order(destination, segment, asked.purpose, as_of, wording, asked.min_size, asked.max_change, place, nobody)


def _stop_if_cancelled(context: dg.AssetExecutionContext) -> None:
    """End a run that a person cancelled, and that goes on all the same: nothing of it is sent.

    Dagster raises an error where the signal finds the process; within a callback of the garbage collector Python drops
    it, and nobody asks again.
    """
    run = context.instance.get_run_by_id(context.run.run_id)
    if run and run.status in (dg.DagsterRunStatus.CANCELING, dg.DagsterRunStatus.CANCELED):
        raise DagsterExecutionInterruptedError


def _hold_for_lists(lake: Lake, config: Segmentation, segment: str) -> None:
    """Refuse while a suppression list is not read, or was not heeded by the segment's decisions."""
    if not (lists := config.landing.suppression):
        return
    if unread := unread_lists(lake.inputs(SUPPRESSION_ENTRIES), lists):
        raise ActivationError(
            f"segmentation.yaml: landing.suppression.{unread[0]}: {lists[unread[0]].path} was not read: nothing of "
            f"{segment} was sent; put it into the landing place, and materialise suppression_lists and what is below it"
        )
    if lake.inputs(predictive_segments(segment)).get(LISTS) != lake.state(SUPPRESSION_ENTRIES).version:
        raise ActivationError(
            f"the suppression lists changed since {segment} was decided: nothing of it was sent; materialise "
            f"predictive_segments/{segment}, and then this"
        )


def _pool(config: Segmentation, segment: str, destination: str) -> str:
    """Runs of one segment at one destination wait for one another: what is told last must be what was decided last."""
    return asset_key(config, segment, destination).to_user_string()


def _taken_spec(config: Segmentation, segment: str, destination: str) -> dg.AssetCheckSpec:
    key = asset_key(config, segment, destination)
    return dg.AssetCheckSpec(TAKEN, asset=key, description="Nobody was left out whom the destination would refuse")


def _taken(outcome: Outcome) -> dg.AssetCheckResult:
    order = outcome.plan.order
    return dg.AssetCheckResult(
        check_name=TAKEN,
        passed=not outcome.refused,
        severity=dg.AssetCheckSeverity.WARN,
        description=sentence(order.destination, order.segment, outcome.refused) or None,
        metadata={reason: len(customers) for reason, customers in sorted(outcome.refused.items())},
    )


def _report(
    lake: Lake, exports: ObjectStore, outcome: Outcome, checks: Sequence[dg.AssetCheckResult] = (), **extra: Any
) -> Result:
    """What was sent, or why nothing was; the data version is what the destination holds now."""
    planned, receipt, status = outcome.plan, outcome.receipt, outcome.status
    sent: dict[str, Any] = {"state": "NOTHING_SENT", "rows_sent": 0, "why_nothing_was_sent": planned.why_nothing}
    if receipt and status:
        sent = {
            "state": status.state,
            "rows_sent": receipt.rows,
            "rows_refused": status.failed,
            "job_id": receipt.job_id or "none",
            "location": receipt.location,
            "files": dg.MetadataValue.path(exports.uri(receipt.location)),
            "activation": planned.sequence,
        } | ({"why_only_departures_were_sent": planned.guard} if planned.guard else {})
    counts = {name: getattr(planned, name) for name in ("members", "joined", "left", "stayed")}
    counts["rows_left_out"] = sum(map(len, outcome.refused.values()))
    as_of = as_of_text(lake.state(predictive_segments(planned.order.segment)).as_of)
    return dg.MaterializeResult(
        metadata=sent | counts | {"purpose": planned.order.purpose, "as_of": as_of} | extra,
        data_version=dg.DataVersion(outcome.holds),
        check_results=[*checks],
    )
