"""Reports what the partner delivers, as materialisations without a run, each with the version of its data."""

import dagster as dg

from segment_assets.lake import ObjectStore
from segment_assets.lake.arrivals import fingerprint
from segment_assets.segmentation import Segmentation
from segment_assets.third_party import delivery
from segment_assets.third_party.assets import LANDING

INTERVAL_SECONDS = 5


def sensors(config: Segmentation) -> list[dg.SensorDefinition]:
    """The sensor on the partner's landing place; none where there is no partner."""
    audience = config.audience
    if audience is None:
        return []

    @dg.sensor(
        name="landing_partner_audience_sensor",
        minimum_interval_seconds=INTERVAL_SECONDS,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Looks for a new delivery of the partner.",
    )
    def landing_partner_audience_sensor(
        context: dg.SensorEvaluationContext, partner_landing: dg.ResourceParam[ObjectStore]
    ) -> dg.SensorResult | dg.SkipReason:
        latest = delivery.latest(partner_landing.list(audience.path))
        if not latest.objects:
            return dg.SkipReason("nothing was delivered yet")
        version = fingerprint(latest.objects)
        if version == context.cursor:
            return dg.SkipReason("the latest delivery is the one already reported")
        return dg.SensorResult(asset_events=[materialisation(latest, version)], cursor=version)

    return [landing_partner_audience_sensor]


def materialisation(latest: delivery.Delivery, version: str) -> dg.AssetMaterialization:
    """What is told about a delivery: how much, of which day, and the version of its content."""
    return dg.AssetMaterialization(
        LANDING,
        metadata={
            "objects": len(latest.objects),
            "bytes": sum(o.size for o in latest.objects),
            "as_of": latest.as_of.isoformat() if latest.as_of else "unknown",
        },
        tags={"dagster/data_version": version},
    )
