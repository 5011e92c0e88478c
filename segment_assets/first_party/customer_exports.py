"""The latest export of customers in the landing place: every record of it, or why it is none."""

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

import pyarrow as pa

from segment_assets.first_party.compression import Content
from segment_assets.first_party.consent_words import Heard
from segment_assets.first_party.contact_rows import Contacts, ContactWriter
from segment_assets.first_party.contents import content_of
from segment_assets.first_party.errors import LandingError
from segment_assets.first_party.formats import endpoints, own_customers
from segment_assets.first_party.records import Piece
from segment_assets.first_party.tables import CUSTOMERS, QUARANTINED_CUSTOMERS
from segment_assets.lake import ObjectStore, StoredObject, Table, Written
from segment_assets.lake.arrivals import arrival_day, folder_hour, not_yet
from segment_assets.lake.objects import printable
from segment_assets.landing_config import CustomersLanding
from segment_assets.people.addresses import sha256

# Of a file of which a part is gone nobody knows who stood in that part.
_NOT_WHOLE = frozenset(
    (
        "bad_gzip", "truncated_gzip", "bad_snappy", "truncated_snappy", "unknown_compression", "bad_parquet",
        "open_quote",
    )
)  # fmt: skip


@dataclass(frozen=True)
class Export:
    """What an export says.

    Attributes:
        contacts: by customer; of an endpoint that came more than once the newest.
        quarantined: rows of quarantined_customers.
        delivered: records delivered.
        good: records that contacts were taken from.
        duplicates: records of which newer ones say all; delivered = good + duplicates + quarantined.
        as_of: the day in the export's key; None where it has none.
        ahead: contacts with a time in the future, which counts as none.
        reading: the configuration that says what of it is consent, as a hash.
        strange: how many values of consent are no word for it, as `consent_words.Heard` counts them.
    """

    contacts: Contacts
    quarantined: pa.Table
    delivered: int
    good: int
    duplicates: int
    as_of: date | None
    ahead: int
    reading: str
    strange: Mapping[str, int]

    def nothing_lost(self, written: Mapping[Table, Written]) -> bool:
        """The laws: delivered = good + duplicates + quarantined, and each customer of a contact is a row of customers.

        Args:
            written: the tables as `write` left them.
        """
        accounted = self.good + self.duplicates + written[QUARANTINED_CUSTOMERS].rows
        return self.delivered == accounted and self.contacts.customers == written[CUSTOMERS].rows


def latest_objects(store: ObjectStore, landing: CustomersLanding) -> tuple[list[StoredObject], date | None]:
    """Objects of the latest export, and its day. Objects without a day count only where none has one.

    Where folders name the hour beside the day, the latest hour of the day is the export: who is gone from it is gone.
    """
    objects = _objects(store, landing)
    day = max((d for o in objects if (d := arrival_day(o.key))), default=None)
    return _latest_hour([o for o in objects if arrival_day(o.key) == day]), day


def export_sizes(store: ObjectStore, landing: CustomersLanding) -> dict[date, int]:
    """Bytes of the last export of every day that one lies in the landing place of."""
    days: dict[date, list[StoredObject]] = {}
    for stored in _objects(store, landing):
        if day := arrival_day(stored.key):
            days.setdefault(day, []).append(stored)
    return {day: sum(o.size for o in _latest_hour(objects)) for day, objects in days.items()}


def _latest_hour(objects: list[StoredObject]) -> list[StoredObject]:
    hours = {o.key: folder_hour(o.key) for o in objects}
    latest = max((hour for hour in hours.values() if hour is not None), default=None)
    return [o for o in objects if hours[o.key] == latest]


def passed_over(store: ObjectStore, landing: CustomersLanding) -> str:
    """A sentence on an export of no bytes that is newer than the one that counts; empty where there is none."""
    objects, day = latest_objects(store, landing)
    empty = [o.key for o in store.list(landing.path) if not o.size and _is_read(o.key)]
    newer = [key for key in empty if not objects or (arrival_day(key) or date.min) > (day or date.min)]
    if not newer:
        return ""
    counts = f"the export of {day} goes on to count" if day else "customers stay as they were"
    return f"{printable(newer[-1])} is empty (0 bytes) and was passed over: {counts}; deliver it again, or move it away"


def refuse_nobody(export: Export, landing: CustomersLanding, known: int) -> None:
    """Customers who are known are not replaced by nobody because their export is gone, or nothing of it can be read.

    Raises:
        LandingError: it names no customer.
    """
    if not known or export.contacts.customers:
        return
    what = f"no export lies in {landing.path}"
    if export.delivered:
        [(reason, _)] = Counter(export.quarantined["reason"].to_pylist()).most_common(1)
        what = f"of {export.delivered:,} records of the latest export none could be read, most for {reason}"
    raise LandingError(
        f"segmentation.yaml: landing.customers: {what}; {known:,} customers stay as they were, so deliver it again"
    )


def _is_read(key: str) -> bool:
    name = key.rpartition("/")[2]
    return bool(name) and not name.startswith(("_", "."))


def _objects(store: ObjectStore, landing: CustomersLanding) -> list[StoredObject]:
    return [o for o in store.list(landing.path) if o.size and _is_read(o.key)]


def read(store: ObjectStore, landing: CustomersLanding, today: date | None = None) -> Export:
    """The latest export.

    Args:
        store: the landing place.
        landing: where and how customers lie in it.
        today: after it, and after the export's own day, nothing was said yet: consent that is dated in the future would
            stand against every withdrawal until then. Default: today, UTC.

    Raises:
        LandingError: its day is in the future, a mapped column is missing, or an object can't be read to its end, or
            it holds no rows: the export would replace everybody by those in the rest, or by nobody.
    """
    today = today or datetime.now(UTC).date()
    objects, as_of = latest_objects(store, landing)
    if objects and (why := not_yet(objects[0].key, as_of, today)):
        raise LandingError(why)
    heard = Heard(landing.words)
    good, bad = ContactWriter(), list[tuple[str, int, str | None, bytes]]()
    delivered = 0
    for stored in objects:
        before = delivered
        with content_of(store, stored) as content:
            for position, what in _records(stored.key, content, landing, heard):
                delivered += 1
                if isinstance(what, Piece):
                    _refuse_a_part(stored.key, what.reason)
                    bad.append((stored.key, position, what.reason, what.content))
                else:
                    good.add(before + position, what)
    if objects and not delivered:
        raise LandingError(
            f"{objects[-1].key}: the latest export holds no rows; customers stay as they were, so deliver it again, or "
            "move it away"
        )
    day = max(today, as_of or today)
    timely, ahead = good.contacts().known_by(_end_of(day + timedelta(days=1)))  # it may be tomorrow where it was said
    contacts, duplicates = timely.newest()
    pa.default_memory_pool().release_unused()
    return Export(
        contacts,
        QUARANTINED_CUSTOMERS.of(bad),
        delivered=delivered,
        good=contacts.records,
        duplicates=duplicates,
        as_of=as_of,
        ahead=ahead,
        reading=_reading(landing),
        strange=heard.strange(),
    )


def _end_of(day: date) -> int:
    end = datetime.combine(day, time.max, UTC)
    return int(end.timestamp()) * 1_000_000


def _refuse_a_part(key: str, reason: str | None) -> None:
    if reason not in _NOT_WHOLE:
        return
    mend = {
        "unknown_compression": "write CSV, JSON lines or Parquet, plain or gzip; a workbook is saved as CSV",
        "open_quote": "close the quote that is open at its end",
    }.get(reason, "deliver it again")
    raise LandingError(
        f"segmentation.yaml: landing.customers.path: {key} can't be read to its end ({reason}): customers stay as they "
        f"were; {mend}"
    )


def _records(key: str, content: Content, landing: CustomersLanding, heard: Heard) -> endpoints.Read:
    if landing.table:
        return own_customers.read(key, content, landing.table, landing.words, heard)
    return endpoints.read(key, content, landing, heard)


# Columns of a table that say nothing of consent: naming one forgets no denial.
_NO_CONSENT = {"device", "street", "postal_code", "city"}


def _reading(landing: CustomersLanding) -> str:
    included = {"format", "table", "consent_attribute", "opt_out_none_is_consent"}
    # A zone that is not named changes no time, and so no reading of before there were zones.
    untold = _NO_CONSENT if landing.table and landing.table.time_zone else {*_NO_CONSENT, "time_zone"}
    # Where no words are given, a home of the version before remembers what it read.
    included |= {words for words in ("granted", "denied") if getattr(landing, words)}
    said = landing.model_dump(mode="json", include=included, exclude={"table": untold})
    return sha256(json.dumps(said, sort_keys=True))[:12]
