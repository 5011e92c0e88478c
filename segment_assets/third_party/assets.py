"""Step 3 as Dagster sees it: the partner's delivery and what is made of it."""

import dagster as dg

from segment_assets.automation import OWNERS, at_a_gate, code_version, fresh_within
from segment_assets.lake import Lake, ObjectStore
from segment_assets.reporting import Result, blocking, report, spec_metadata
from segment_assets.segmentation import Audience, Segmentation
from segment_assets.third_party import delivery
from segment_assets.third_party.cleaning import Cleaned, clean
from segment_assets.third_party.tables import QUARANTINED_AUDIENCE, partner_audience

LANDING = dg.AssetKey("landing_partner_audience")
PARTNER_AUDIENCE = dg.AssetKey("partner_audience")
GROUP = "third_party"


def assets(config: Segmentation) -> list[dg.AssetsDefinition | dg.AssetSpec]:
    """The partner's landing place and its cleaned audience; nothing where there is no partner."""
    if config.audience is None:
        return []
    return [_landing(config), _partner_audience(config, config.audience)]


def read_and_clean(store: ObjectStore, audience: Audience) -> tuple[delivery.Delivery, Cleaned]:
    """The latest delivery, cleaned.

    Raises:
        delivery.DeliveryError: nothing was delivered, or a file can't be read.
    """
    latest = delivery.latest(store.list(audience.path))
    if not latest.objects:
        raise delivery.DeliveryError(
            f"{store.uri(audience.path)}: nothing was delivered; segmentation.yaml: audience.path names this place"
        )
    columns = {audience.email: "audience.email"}
    columns |= {column: f"audience.attributes.{name}" for name, column in audience.attributes.items()}
    rows = delivery.rows(store, latest, columns)
    return latest, clean(rows, audience.email, audience.attributes, partner_audience(audience.attributes))


def _landing(config: Segmentation) -> dg.AssetSpec:
    return dg.AssetSpec(
        LANDING,
        description="What the partner delivered: files about people, in the partner's own place.",
        group_name=GROUP,
        kinds={"file"},
        owners=OWNERS,
        freshness_policy=fresh_within(config.policy.data_within),
    )


def _partner_audience(config: Segmentation, audience: Audience) -> dg.AssetsDefinition:
    table = partner_audience(audience.attributes)

    @dg.asset(
        key=PARTNER_AUDIENCE,
        deps=[LANDING],
        group_name=GROUP,
        kinds={"iceberg", "python"},
        owners=OWNERS,
        code_version=code_version(GROUP, audience),
        freshness_policy=fresh_within(config.policy.fresh_within),
        automation_condition=at_a_gate,
        metadata=spec_metadata(table),
        check_specs=[
            blocking("nothing_lost", PARTNER_AUDIENCE, "Every delivered row is good or in quarantine, once."),
            blocking("keys_unique", PARTNER_AUDIENCE, "One row per hashed address."),
        ],
    )
    def partner_audience_asset(
        context: dg.AssetExecutionContext, lake: dg.ResourceParam[Lake], partner_landing: dg.ResourceParam[ObjectStore]
    ) -> Result:
        """What the partner knows about people, one row per hashed e-mail address.

        Addresses are normalised and hashed; rows that can't be used are kept in the partner's quarantine with a reason.
        """
        latest, cleaned = read_and_clean(partner_landing, audience)
        lake.write(QUARANTINED_AUDIENCE, cleaned.quarantined, context.run.run_id, as_of=latest.as_of)
        written = lake.write(table, cleaned.good, context.run.run_id, as_of=latest.as_of)
        counts = {"delivered": cleaned.delivered, "good": cleaned.good.num_rows, **cleaned.reasons}
        unique = cleaned.good.group_by("email_sha256").aggregate([]).num_rows == cleaned.good.num_rows
        return report(
            written,
            checks=[
                dg.AssetCheckResult(check_name="nothing_lost", passed=cleaned.nothing_lost, metadata=counts),
                dg.AssetCheckResult(check_name="keys_unique", passed=unique),
            ],
            objects=len(latest.objects),
            **counts,
        )

    return partner_audience_asset
