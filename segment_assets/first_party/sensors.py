"""Sensors over the first party's landing places: they report new versions without a run."""

import json
from collections.abc import Mapping
from datetime import UTC, date, datetime
from typing import Any

import dagster as dg

from segment_assets.automation import arrival_days
from segment_assets.first_party import notices, suppression_lists
from segment_assets.first_party.assets import LANDING_CUSTOMERS, LANDING_EVENTS
from segment_assets.first_party.customer_exports import latest_objects
from segment_assets.first_party.deliveries import LandingDay
from segment_assets.first_party.formats.choice import format_of
from segment_assets.first_party.port import Arrivals
from segment_assets.first_party.suppression_assets import LANDING_SUPPRESSION
from segment_assets.first_party.watch import WHY, Known, Look
from segment_assets.lake import ObjectStore, combined
from segment_assets.lake.arrivals import fingerprint
from segment_assets.landing_config import CustomersLanding
from segment_assets.segmentation import Segmentation

SECONDS = 5
SECONDS_OF_LISTS = 30  # no queue tells of them: a call per list, however often it is looked at
VERSION = "dagster/data_version"
# Of one tick: a queue of 10,000 messages is empty after a minute and a half, and a tick lists each day once.
MESSAGES, DAYS = 500, 100
UNREAD = "unread_messages"  # in the exports: what is kept of a message that can't be read


def sensors(config: Segmentation, *, told: bool = False) -> list[dg.SensorDefinition]:
    """They run from the start: one for both landing places where a queue tells what came, else one for each.

    Args:
        config: the user's file.
        told: whether there is such a queue.
    """
    found = [_arrivals_sensor(config)] if told else [_events_sensor(config), _customers_sensor(config)]
    return [*found, _suppression_sensor(config)] if config.landing.suppression else found


def _events_sensor(config: Segmentation) -> dg.SensorDefinition:
    @dg.sensor(
        name="landing_events_sensor",
        minimum_interval_seconds=SECONDS,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Lists the events' landing place and reports each arrival day whose objects changed.",
    )
    def landing_events_sensor(
        context: dg.SensorEvaluationContext, landing: dg.ResourceParam[ObjectStore]
    ) -> dg.SensorResult | dg.SkipReason:
        """Compare each day's fingerprint with the one known: the objects' keys and contents, never a time of change.

        All of a place of less than 10,000 objects is listed in every tick. Of a larger one the newest days are, and
        once a day all, a stretch per tick.
        """
        known = Known.read(json.loads(context.cursor or "{}"))
        look = _look(config, landing, known)
        look.again()
        look.around(_today())
        events = _days(look.changed())
        return _told(context, f"{len(known.days)} days, none of them new", events, known.kept(), look)

    return landing_events_sensor


def _customers_sensor(config: Segmentation) -> dg.SensorDefinition:
    @dg.sensor(
        name="landing_customers_sensor",
        minimum_interval_seconds=SECONDS,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Lists the customers' landing place and reports the latest export when it changed.",
    )
    def landing_customers_sensor(
        context: dg.SensorEvaluationContext, landing: dg.ResourceParam[ObjectStore]
    ) -> dg.SensorResult | dg.SkipReason:
        """Compare the fingerprint of the latest export with the last tick's."""
        export, version = _export(landing, config.landing.customers, context.cursor)
        if not export:
            return dg.SkipReason("the latest export is known" if version else "no export")
        return dg.SensorResult(asset_events=export, cursor=version)

    return landing_customers_sensor


def _suppression_sensor(config: Segmentation) -> dg.SensorDefinition:
    @dg.sensor(
        name="landing_suppression_sensor",
        minimum_interval_seconds=SECONDS_OF_LISTS,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Lists the files of suppression lists and reports when one came, changed or went.",
    )
    def landing_suppression_sensor(
        context: dg.SensorEvaluationContext, landing: dg.ResourceParam[ObjectStore]
    ) -> dg.SensorResult | dg.SkipReason:
        """Compare the files' fingerprints with the last tick's. That a file is not there is told as well."""
        lists = config.landing.suppression
        versions = {name: suppression_lists.version(landing, where) for name, where in lists.items()}
        version = combined(versions)
        if version == context.cursor:
            return dg.SkipReason("the lists are known")
        found = dg.AssetMaterialization(LANDING_SUPPRESSION, tags={VERSION: version}, metadata={"lists": len(lists)})
        return dg.SensorResult(asset_events=[found], cursor=version)

    return landing_suppression_sensor


def _arrivals_sensor(config: Segmentation) -> dg.SensorDefinition:
    @dg.sensor(
        name="landing_arrivals_sensor",
        minimum_interval_seconds=SECONDS,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Takes from a queue what landed, lists those days alone, and reports each that changed.",
    )
    def landing_arrivals_sensor(
        context: dg.SensorEvaluationContext,
        landing: dg.ResourceParam[ObjectStore],
        exports: dg.ResourceParam[ObjectStore],
        arrivals: dg.ResourceParam[Arrivals],
    ) -> dg.SensorResult | dg.SkipReason:
        """A message is deleted in the tick after the one that heeded it: by then the cursor with its effect is stored.

        So a kill at any time makes messages come again, and loses none; heeded twice they change nothing. Once a day
        all is listed, a stretch per tick: a message may be lost.
        """
        before = json.loads(context.cursor or "{}")
        arrivals.forget(before.get("heeded", []))
        known, version = Known.read(before.get("events", {})), before.get("customers")
        look, today, heeded = _look(config, landing, known), _today(), []
        sweeps = known.is_due(today)
        of_customers = sweeps
        look.again()
        for message in arrivals.received():
            try:
                keys = notices.keys(message.body, arrivals.bucket)
            except notices.UnreadableError as why:
                _keep_unread(context, exports, notices.record(message, str(why)))
                keys = []
            if not all(look.at(key) for key in keys):
                break  # it comes again, with those behind it
            of_customers |= any(key.startswith(config.landing.customers.path) for key in keys)
            heeded.append(message.receipt)
            if len(heeded) >= MESSAGES or len(look.touched) >= DAYS:
                break
        if sweeps:
            look.sweep(today)
        events = _days(look.changed())
        if of_customers:
            export, version = _export(landing, config.landing.customers, version)
            events += export
        state = {"events": known.kept(), "customers": version, "heeded": heeded}
        return _told(context, f"{len(heeded)} messages, and nothing new", events, state, look)

    return landing_arrivals_sensor


def _look(config: Segmentation, landing: ObjectStore, known: Known) -> Look:
    return Look(landing, config.landing.events, format_of(config.landing.events), known)


def _export(
    landing: ObjectStore, where: CustomersLanding, known: str | None
) -> tuple[list[dg.AssetMaterialization], str | None]:
    """The latest export, where it is not the known one, and its version; None where there is none."""
    objects, day = latest_objects(landing, where)
    version = fingerprint(objects) if objects else None
    if version in (None, known):
        return [], version
    metadata: dict[str, Any] = {"objects": len(objects), "bytes": sum(o.size for o in objects), "as_of": str(day)}
    return [dg.AssetMaterialization(LANDING_CUSTOMERS, tags={VERSION: str(version)}, metadata=metadata)], version


def _days(changed: Mapping[str, LandingDay]) -> list[dg.AssetMaterialization]:
    return [
        dg.AssetMaterialization(
            LANDING_EVENTS,
            partition=day,
            tags={VERSION: held.version},
            metadata={"objects": held.objects, "bytes": held.bytes, "as_of": day},
        )
        for day, held in changed.items()
    ]


def _told(
    context: dg.SensorEvaluationContext,
    nothing: str,
    events: list[dg.AssetMaterialization],
    state: Mapping[str, Any],
    look: Look,
) -> dg.SensorResult | dg.SkipReason:
    """What the tick reports, and its cursor; where it only got on, the cursor alone.

    An object that can't be read is told in the log when it is found, and beside every tick that has nothing to report.
    """
    for why in look.refused[:WHY]:
        context.log.warning(why)
    if len(look.refused) > WHY:
        context.log.warning(f"{len(look.refused) - WHY:,} more can't be read either")
    if unread := look.known.unread:
        more = f" (and {len(unread) - 1:,} more)" if len(unread) > 1 else ""
        why = next((why for _, why in unread.values() if why), f"{next(iter(unread))}, as the run of raw_events says")
        nothing += f"; can't be read{more}: {why}"
    cursor = json.dumps(state, separators=(",", ":"))
    if cursor == context.cursor:
        return dg.SkipReason(nothing)
    if not events:
        return dg.SensorResult(skip_reason=nothing, cursor=cursor)
    # Dagster writes a line for every day that it is asked to add and knows already.
    known = set(context.instance.get_dynamic_partitions(str(arrival_days.name)))
    days = [event.partition for event in events if event.partition and event.partition not in known]
    return dg.SensorResult(
        asset_events=events,
        dynamic_partitions_requests=[arrival_days.build_add_request(days)] if days else None,
        cursor=cursor,
    )


def _keep_unread(context: dg.SensorEvaluationContext, exports: ObjectStore, kept: Mapping[str, Any]) -> None:
    """Beside the exports, by the message's id: kept twice it is the same file."""
    key = f"{UNREAD}/{kept['message_id']}.json"
    exports.write(key, json.dumps(kept, indent=1).encode())
    context.log.warning(f"a message about the landing place can't be read: {kept['reason']}; see {exports.uri(key)}")


def _today() -> date:
    """By the clock on the wall, which says when to look at everything, and nothing else."""
    return datetime.now(UTC).date()
