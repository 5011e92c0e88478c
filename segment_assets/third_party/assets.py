"""Step 3 as Dagster sees it: the partner's delivery and what is made of it."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import dagster as dg
import pyarrow.compute as pc

from segment_assets.automation import OWNERS, again_if_overtaken, at_a_gate, code_version, fresh_within
from segment_assets.lake import Lake, ObjectStore, Table, Written, combined
from segment_assets.lake.arrivals import not_yet
from segment_assets.reporting import Result, blocking, contract_check, contracts, report, spec_metadata
from segment_assets.segmentation import Audience, Segmentation
from segment_assets.third_party import contract as promises
from segment_assets.third_party import delivery
from segment_assets.third_party.cleaning import Cleaned, clean, columns
from segment_assets.third_party.delivery import Seen
from segment_assets.third_party.errors import DeliveryError
from segment_assets.third_party.permissions import permitted_rows
from segment_assets.third_party.readable import readable_columns
from segment_assets.third_party.synthetic import SYNTHETIC, is_synthetic
from segment_assets.third_party.tables import QUARANTINED_AUDIENCE, partner_audience, permitted_audience

LANDING = dg.AssetKey("landing_partner_audience")
PARTNER_AUDIENCE = dg.AssetKey("partner_audience")
GROUP = "third_party"


@dataclass(frozen=True)
class Received:
    """A delivery, cleaned.

    Attributes:
        delivery: its files and its day.
        cleaned: what became of its rows.
        watch: what its contract saw; None where nothing is promised.
        synthetic: rows that say of themselves that they are synthetic: all of them, or none.
        seen: what reading its files told beside the rows.
    """

    delivery: delivery.Delivery
    cleaned: Cleaned
    watch: promises.Watch | None
    synthetic: int
    seen: Seen

    @property
    def nothing_lost(self) -> bool:
        """Every row that the files hold is kept, a duplicate, or quarantined."""
        return self.seen.held == self.cleaned.delivered and self.cleaned.nothing_lost


def assets(config: Segmentation) -> list[dg.AssetsDefinition | dg.AssetSpec]:
    """The partner's landing place and its cleaned audience; nothing where there is no partner."""
    if config.audience is None:
        return []
    return [_landing(config), _partner_audience(config, config.audience)]


def read_and_clean(store: ObjectStore, audience: Audience) -> Received:
    """The latest delivery, cleaned.

    Raises:
        DeliveryError: nothing was delivered, its day is in the future, a file can't be read, no row says how new it
            is where that is asked, or only some rows are synthetic.
    """
    latest = delivery.latest(store.list(audience.path))
    if not latest.objects:
        raise DeliveryError(
            f"{store.uri(audience.path)}: nothing was delivered; segmentation.yaml: audience.path names this place"
        )
    if why := not_yet(latest.objects[0].key, latest.as_of, datetime.now(UTC).date()):
        raise DeliveryError(why)
    watch = promises.Watch(audience.contract, audience.phone_region) if audience.contract else None
    promised = [*(audience.contract.columns if audience.contract else ()), SYNTHETIC]
    seen = Seen()
    marked = 0

    def rows() -> Iterator[delivery.Row]:
        nonlocal marked
        for row in delivery.rows(store, latest, columns(audience), promised, seen):
            marked += row.values is not None and is_synthetic(row.values, audience)
            yield row

    cleaned = clean(rows(), audience, watch)
    _refuse_unusable(latest.objects[0].key, cleaned, marked, audience)
    return Received(latest, cleaned, watch, marked, seen)


def _refuse_unusable(place: str, cleaned: Cleaned, marked: int, audience: Audience) -> None:
    if not cleaned.delivered:
        raise DeliveryError(f"{place}: the delivery holds no rows; nothing was changed, so deliver it again")
    if cleaned.undated and not cleaned.dated:
        raise DeliveryError(
            f'{place}: in none of {cleaned.undated:,} rows the column "{audience.duplicates.by}" says how new the row '
            "is; segmentation.yaml: audience.duplicates: name another under by, or under format how it is written"
        )
    if 0 < marked < cleaned.delivered:
        raise DeliveryError(
            f"{place}: {marked:,} of {cleaned.delivered:,} rows are marked as synthetic: deliver these or real ones"
        )


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
    table = partner_audience(audience)

    @dg.asset(
        key=PARTNER_AUDIENCE,
        pool="partner_audience",
        deps=[LANDING],
        group_name=GROUP,
        kinds={"iceberg", "python"},
        owners=OWNERS,
        code_version=code_version(GROUP, audience, purposes(config), libraries=["phonenumbers"]),
        freshness_policy=fresh_within(config.policy.fresh_within),
        automation_condition=at_a_gate,
        metadata=spec_metadata(table),
        check_specs=[
            blocking("nothing_lost", PARTNER_AUDIENCE, "Every delivered row stands, is a duplicate, or in quarantine."),
            blocking("keys_unique", PARTNER_AUDIENCE, "One row per person."),
            blocking("no_readable_address", PARTNER_AUDIENCE, "No text is an e-mail address or a number."),
            *contracts(PARTNER_AUDIENCE, audience.contract),
        ],
    )
    def partner_audience_asset(
        context: dg.AssetExecutionContext, lake: dg.ResourceParam[Lake], partner_landing: dg.ResourceParam[ObjectStore]
    ) -> Result:
        """What the partner knows about people, one row per person, known by a hash.

        What identifies people is normalised and hashed; rows that can't be used are kept in the partner's quarantine,
        with a reason.
        """
        before = lake.states(*tables(config, audience))
        received = read_and_clean(partner_landing, audience)
        with again_if_overtaken():
            written = write(lake, config, audience, received, context.run.run_id, before)
        checks = _checks(audience, received, lake, partner_landing)
        versions = {t.name: state.version for t, state in written.items()}
        extra: dict[str, Any] = _counts(received, audience)
        if len(written) > 1:
            extra["rows_by_table"] = {t.name: state.rows for t, state in written.items()}
        return report(
            written[table],
            tags=audience.tags,
            checks=checks,
            version=combined(versions) if len(written) > 1 else None,
            objects=len(received.delivery.objects),
            **extra,
        )

    return partner_audience_asset


def purposes(config: Segmentation) -> list[str]:
    """The purposes that configured tables offer the audience for; none where rows do not say what they permit."""
    if config.collaboration is None or config.audience is None or not config.audience.governed:
        return []
    return sorted(set(config.collaboration.purposes().values()))


def tables(config: Segmentation, audience: Audience) -> list[Table]:
    """What a delivery becomes, in the order in which it is written."""
    permitted = [permitted_audience(audience, purpose) for purpose in purposes(config)]
    return [QUARANTINED_AUDIENCE, *permitted, partner_audience(audience)]


def write(
    lake: Lake,
    config: Segmentation,
    audience: Audience,
    received: Received,
    run_id: str,
    before: Mapping[Table, Written] | None = None,
) -> dict[Table, Written]:
    """Replace for each purpose the rows that permit it, and the audience last.

    Killed between two of them, the clean room reads nobody who has withdrawn.

    Args:
        lake: to write to.
        config: the user's file.
        audience: its `audience`.
        received: what is written.
        run_id: recorded in the snapshots.
        before: the tables as they were before the delivery was looked for; default: as they are now.

    Raises:
        CommitFailedException: another run wrote them since, perhaps from a newer delivery.
        DeliveryError: no row can be used; the audience stays as it was.
    """
    before = before or lake.states(*tables(config, audience))
    lake.refuse_if_overtaken(before)
    cleaned, as_of = received.cleaned, received.delivery.as_of
    lake.write(QUARANTINED_AUDIENCE, cleaned.set_aside, run_id, as_of=as_of, replacing=before[QUARANTINED_AUDIENCE])
    if not cleaned.good.num_rows:
        why = ", ".join(f"{reason} {number:,}" for reason, number in cleaned.reasons.items() if number)
        raise DeliveryError(
            f"{received.delivery.objects[0].key}: none of {cleaned.delivered:,} rows can be used ({why}); the audience "
            f"stays as it was: see that segmentation.yaml: audience.{audience.identified_by} names the right column"
        )
    rows = {permitted_audience(audience, p): permitted_rows(cleaned.good, p) for p in purposes(config)}
    return {
        table: lake.write(table, content, run_id, as_of=as_of, replacing=before[table])
        for table, content in (rows | {partner_audience(audience): cleaned.good}).items()
    }


def _checks(
    audience: Audience, received: Received, lake: Lake, partner_landing: ObjectStore
) -> list[dg.AssetCheckResult]:
    cleaned, counts = received.cleaned, _counts(received, audience)
    key = partner_audience(audience).key[0]
    unique = int(pc.count_distinct(cleaned.good[key]).as_py()) == cleaned.good.num_rows
    readable = readable_columns(cleaned.good, cleaned.set_aside)
    found = [
        dg.AssetCheckResult(check_name="nothing_lost", passed=received.nothing_lost, metadata=counts),
        dg.AssetCheckResult(check_name="keys_unique", passed=unique),
        dg.AssetCheckResult(check_name="no_readable_address", passed=not readable, metadata={"columns": readable}),
    ]
    if received.watch:
        sizes = promises.sizes(delivery.files(partner_landing.list(audience.path)))
        today = datetime.now(UTC).date()
        promised = received.watch.findings(cleaned, received.seen.missing, sizes, received.delivery.as_of, today)
        found.append(contract_check(promised, "audience.contract"))
    return found


def _counts(received: Received, audience: Audience) -> dict[str, Any]:
    cleaned = received.cleaned
    forms = {pair["values"]: pair["counts"] for pair in pc.value_counts(cleaned.good["identifier_form"]).to_pylist()}
    found: dict[str, Any] = {
        "rows_in_files": received.seen.held,
        "delivered": cleaned.delivered,
        "good": cleaned.good.num_rows,
        **cleaned.reasons,
        "synthetic": received.synthetic,
        "identifier_forms": forms,
        "unknown_values": dict(cleaned.unknown),
    }
    if audience.duplicates.by:
        found["undated_rows"] = cleaned.undated
    if received.delivery.as_of is None:
        found["day"] = f"no file's path names a day, so all {len(received.delivery.objects)} are one delivery"
    return found
