"""Sensors over the first party's landing places: they report new versions without a run."""

import json
from typing import Any

import dagster as dg

from segment_assets.automation import arrival_days
from segment_assets.first_party.assets import LANDING_CUSTOMERS, LANDING_EVENTS
from segment_assets.first_party.customers import latest_objects
from segment_assets.first_party.deliveries import LandingDay, day_of, days_of, event_objects, landing_days
from segment_assets.first_party.formats.choice import format_of
from segment_assets.lake import ObjectStore
from segment_assets.lake.arrivals import changed_days, fingerprint
from segment_assets.segmentation import Segmentation

SECONDS = 5
VERSION = "dagster/data_version"


def sensors(config: Segmentation) -> list[dg.SensorDefinition]:
    """One per landing place; they run from the start."""
    return [_events_sensor(config), _customers_sensor(config)]


def _events_sensor(config: Segmentation) -> dg.SensorDefinition:
    where, form = config.landing.events, format_of(config.landing.events)

    @dg.sensor(
        name="landing_events_sensor",
        minimum_interval_seconds=SECONDS,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Lists the events' landing place and reports each arrival day whose objects changed.",
    )
    def landing_events_sensor(
        context: dg.SensorEvaluationContext, landing: dg.ResourceParam[ObjectStore]
    ) -> dg.SensorResult | dg.SkipReason:
        """Compare every day's fingerprint with the last tick's; no run, no clock, no last-modified time."""
        before: dict[str, Any] = json.loads(context.cursor or "{}")
        objects = event_objects(landing, where)
        # Objects whose records tell their days are read once per content.
        known: dict[str, list[Any]] = before.get("told", {})
        told: dict[str, list[Any]] = {
            o.key: known[o.key] if known.get(o.key, [""])[0] == o.etag else [o.etag, days_of(landing, form, o)]
            for o in objects
            if day_of(form, o.key) is None
        }
        days = landing_days(form, objects, {key: versions for key, (_, versions) in told.items()})
        now = {day: held.version for day, held in days.items()}
        changed = changed_days(now, before.get("days", {}))
        if not changed:
            return dg.SkipReason(f"{len(objects)} objects on {len(now)} days, none of them new")
        return dg.SensorResult(
            asset_events=[
                dg.AssetMaterialization(
                    LANDING_EVENTS, partition=day, tags={VERSION: version}, metadata=_metadata(day, days.get(day))
                )
                for day, version in changed.items()
            ],
            dynamic_partitions_requests=[arrival_days.build_add_request(list(changed))],
            cursor=json.dumps({"days": now, "told": told}, separators=(",", ":")),
        )

    return landing_events_sensor


def _customers_sensor(config: Segmentation) -> dg.SensorDefinition:
    where = config.landing.customers

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
        objects, day = latest_objects(landing, where)
        version = fingerprint(objects)
        if not objects or version == context.cursor:
            return dg.SkipReason(f"the latest export, of {day or 'no date'}, is known" if objects else "no export")
        metadata: dict[str, Any] = {"objects": len(objects), "bytes": sum(o.size for o in objects), "as_of": str(day)}
        return dg.SensorResult(
            asset_events=[dg.AssetMaterialization(LANDING_CUSTOMERS, tags={VERSION: version}, metadata=metadata)],
            cursor=version,
        )

    return landing_customers_sensor


def _metadata(day: str, held: LandingDay | None) -> dict[str, Any]:
    return {"objects": held.objects if held else 0, "bytes": held.bytes if held else 0, "as_of": day}
