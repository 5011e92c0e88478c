"""From the latest export of customers to who they are, how they are reached and what they agreed to."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from itertools import groupby
from operator import attrgetter

import pyarrow as pa

from segment_assets.first_party.compression import Content
from segment_assets.first_party.contact_rows import AT_ONCE, Contacts, ContactWriter
from segment_assets.first_party.contacts import PURPOSE, Contact
from segment_assets.first_party.contents import content_of
from segment_assets.first_party.errors import LandingError
from segment_assets.first_party.formats import endpoints, own_customers
from segment_assets.first_party.records import Piece
from segment_assets.first_party.tables import (
    CONSENT_STATE,
    CONTACT_ADDRESSES,
    CUSTOMER_ENDPOINTS,
    CUSTOMERS,
    QUARANTINED_CUSTOMERS,
)
from segment_assets.lake import Lake, ObjectStore, StoredObject, Table, Written
from segment_assets.lake.arrivals import arrival_day
from segment_assets.lake.parts import Part, PartWriter
from segment_assets.lake.private import private_folder
from segment_assets.landing_config import CustomersLanding
from segment_assets.people import addresses
from segment_assets.people.consent import STATEMENTS, current_consent, query, told

_LONG_AGO = -(2**62)
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
    """

    contacts: Contacts
    quarantined: pa.Table
    delivered: int
    good: int
    duplicates: int
    as_of: date | None
    ahead: int
    reading: str

    def nothing_lost(self, written: Mapping[Table, Written]) -> bool:
        """The laws: delivered = good + duplicates + quarantined, and each customer of a contact is a row of customers.

        Args:
            written: the tables as `write` left them.
        """
        accounted = self.good + self.duplicates + written[QUARANTINED_CUSTOMERS].rows
        return self.delivered == accounted and self.contacts.customers == written[CUSTOMERS].rows


def latest_objects(store: ObjectStore, landing: CustomersLanding) -> tuple[list[StoredObject], date | None]:
    """Objects of the latest export, and its day. Objects without a day count only where none has one."""
    objects = _objects(store, landing)
    day = max((d for o in objects if (d := arrival_day(o.key))), default=None)
    return [o for o in objects if arrival_day(o.key) == day], day


def export_sizes(store: ObjectStore, landing: CustomersLanding) -> dict[date, int]:
    """Bytes of every export that lies in the landing place, by its day."""
    sizes: dict[date, int] = {}
    for stored in _objects(store, landing):
        if day := arrival_day(stored.key):
            sizes[day] = sizes.get(day, 0) + stored.size
    return sizes


def _objects(store: ObjectStore, landing: CustomersLanding) -> list[StoredObject]:
    return [o for o in store.list(landing.path) if o.size and not o.key.rpartition("/")[2].startswith(("_", "."))]


def read(store: ObjectStore, landing: CustomersLanding, today: date | None = None) -> Export:
    """The latest export.

    Args:
        store: the landing place.
        landing: where and how customers lie in it.
        today: after it, and after the export's own day, nothing was said yet: consent that is dated in the future would
            stand against every withdrawal until then. Default: today, UTC.

    Raises:
        LandingError: a mapped column is missing, or an object can't be read to its end: the export would replace
            everybody by those in the rest.
    """
    objects, as_of = latest_objects(store, landing)
    good, bad = ContactWriter(), list[tuple[str, int, str | None, bytes]]()
    delivered = 0
    for stored in objects:
        before = delivered
        with content_of(store, stored) as content:
            for position, what in _records(stored.key, content, landing):
                delivered += 1
                if isinstance(what, Piece):
                    _refuse_a_part(stored.key, what.reason)
                    bad.append((stored.key, position, what.reason, what.content))
                else:
                    good.add(before + position, what)
    day = max(today or datetime.now(UTC).date(), as_of or date.min)
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


def _records(key: str, content: Content, landing: CustomersLanding) -> endpoints.Read:
    if landing.table:
        return own_customers.read(key, content, landing.table)
    return endpoints.read(key, content, landing)


def _reading(landing: CustomersLanding) -> str:
    said = landing.model_dump(mode="json", include={"format", "table", "consent_attribute", "opt_out_none_is_consent"})
    return addresses.sha256(json.dumps(said, sort_keys=True))[:12]


def tables(export: Export, phone_region: str | None) -> dict[Table, pa.Table]:
    """Rows of every table that is made from an export."""
    found, people, readable = zip(*_hashed(export.contacts, phone_region), strict=True)
    return {
        QUARANTINED_CUSTOMERS: export.quarantined,
        CONTACT_ADDRESSES: pa.concat_tables(readable),
        CONSENT_STATE: current_consent(_statements(export.contacts)),
        CUSTOMER_ENDPOINTS: pa.concat_tables(found),
        CUSTOMERS: pa.concat_tables(people),
    }


def states(lake: Lake) -> dict[Table, Written]:
    """The tables as they are. To be asked before an export is read: `write` then knows who came between."""
    every = (QUARANTINED_CUSTOMERS, CONTACT_ADDRESSES, CONSENT_STATE, CUSTOMER_ENDPOINTS, CUSTOMERS)
    return {table: lake.state(table) for table in every}


def write(
    lake: Lake, export: Export, phone_region: str | None, run_id: str, before: Mapping[Table, Written] | None = None
) -> dict[Table, Written]:
    """Replace the tables, customers last: what it names is complete. To what was said of consent it is added.

    All that is computed is computed before the first of them is replaced.

    Args:
        lake: to write to.
        export: what the tables are made from.
        phone_region: country of phone numbers that are written without one.
        run_id: recorded in the snapshots.
        before: the tables as they were before the export was read; default: as they are now.

    Raises:
        CommitFailedException: another run wrote them since, perhaps from a newer export; what that one added to
            consent_state stays.
    """
    before = before or states(lake)
    with _in_files(lake, export, phone_region) as large:
        lake.refuse_if_overtaken(before)
        refused = lake.write(
            QUARANTINED_CUSTOMERS,
            export.quarantined,
            run_id,
            as_of=export.as_of,
            replacing=before[QUARANTINED_CUSTOMERS],
        )
        return {QUARANTINED_CUSTOMERS: refused} | {
            t: lake.replace_all(t, part, run_id, as_of=export.as_of, replacing=before[t]) for t, part in large.items()
        }


@contextmanager
def _in_files(lake: Lake, export: Export, region: str | None) -> Iterator[dict[Table, Part]]:
    """Rows of all tables but the quarantine: those of a million customers take a gigabyte each."""
    with private_folder(lake.scratch) as folder:
        files = {
            t: PartWriter(folder / f"{t.short_name}.parquet", lake.file_schema(t), plain=_hashes(t))
            for t in (CONTACT_ADDRESSES, CONSENT_STATE, CUSTOMER_ENDPOINTS, CUSTOMERS)
        }
        with files[CONSENT_STATE] as consent:
            for batch in _appended(lake, export):
                consent.add(pa.Table.from_batches([batch]).select(CONSENT_STATE.schema.names))
        with files[CUSTOMER_ENDPOINTS] as found, files[CUSTOMERS] as people, files[CONTACT_ADDRESSES] as readable:
            for some_endpoints, some_people, some_addresses in _hashed(export.contacts, region):
                found.add(some_endpoints)
                people.add(some_people)
                readable.add(some_addresses)
        yield {table: file.part(table.schema) for table, file in files.items()}


def _appended(lake: Lake, export: Export) -> Iterator[pa.RecordBatch]:
    """Rows of consent_state in key order: the lake's engine spills what does not fit in its memory."""
    with lake.connect(statements=_statements(export.contacts)) as db:
        said = db.sql(query("said_consent")).to_arrow_table()
    with lake.connect(CONSENT_STATE, said=told(said, export.as_of, export.reading)) as db:
        yield from db.sql(query("appended_consent")).to_arrow_reader(AT_ONCE)


def _hashes(table: Table) -> list[str]:
    return [name for name in table.schema.names if "sha256" in name]


def _hashed(contacts: Contacts, region: str | None) -> Iterator[tuple[pa.Table, pa.Table, pa.Table]]:
    """Rows of customer_endpoints, customers and contact_addresses, some thousand customers at a time, in key order."""
    found: list[tuple[object, ...]] = []
    people: list[tuple[object, ...]] = []
    readable: list[tuple[object, ...]] = []

    def tables() -> tuple[pa.Table, pa.Table, pa.Table]:
        return CUSTOMER_ENDPOINTS.of(found), CUSTOMERS.of(people), CONTACT_ADDRESSES.of(sorted(readable))

    for customer, own in groupby(contacts, attrgetter("customer_id")):
        addressed = [(contact, _normalised(contact, region)) for contact in own]
        found += [_endpoint(contact, address) for contact, address in addressed if contact.endpoint_id]
        readable += [(customer, c.channel, c.endpoint_id, _sent_to(c, a)) for c, a in addressed if a and _is_sent_to(c)]
        people.append(_customer(customer, addressed))
        if len(found) + len(people) >= AT_ONCE:
            yield tables()
            found, people, readable = [], [], []
    yield tables()


def _normalised(contact: Contact, region: str | None) -> str | None:
    if contact.channel == "email":
        return addresses.normalise_email(contact.address)
    if contact.channel == "sms":
        return addresses.normalise_phone(contact.address, region)
    return contact.address


def _is_sent_to(contact: Contact) -> bool:
    return contact.active and contact.endpoint_id is not None and contact.channel != "other"


def _sent_to(contact: Contact, normalised: str) -> str | None:
    return addresses.deliverable_email(contact.address) if contact.channel == "email" else normalised


def _endpoint(c: Contact, address: str | None) -> tuple[object, ...]:
    hashed = (
        addresses.address_hash("email", address)
        if c.channel == "email"
        else addresses.address_hash("phone", address)
        if c.channel == "sms"
        else addresses.sha256(f"{c.channel}:{address}")
        if address
        else None
    )
    plain = {"email": addresses.email_sha256, "sms": addresses.phone_sha256_e164}.get(c.channel)
    digits = addresses.phone_sha256_digits(address) if c.channel == "sms" else None
    device = addresses.sha256(f"device:{c.device_id}") if c.device_id else None
    postal = addresses.postal_sha256(c.postal)
    return (
        *(c.customer_id, c.endpoint_id, c.channel, hashed, plain(address) if plain else None, digits),
        *(device, c.device_kind, postal, c.active, c.effective_at),
    )


def _customer(customer: str, own: list[tuple[Contact, str | None]]) -> tuple[object, ...]:
    # The best comes first: one that can be written to, then the newest.
    own.sort(key=lambda pair: (not pair[0].active, -(pair[0].effective_at or _LONG_AGO), pair[0].endpoint_id or ""))
    email = next((address for c, address in own if c.channel == "email" and address), None)
    phone = next((address for c, address in own if c.channel == "sms" and address), None)
    return (
        customer,
        addresses.email_sha256(email),
        addresses.email_sha256(addresses.without_tag(email)),
        addresses.email_sha256_google(email),
        addresses.phone_sha256_e164(phone),
        addresses.phone_sha256_digits(phone),
        next((c.country for c, _ in own if c.country), None),
        sum(1 for c, _ in own if c.endpoint_id),
        max((c.effective_at for c, _ in own if c.effective_at is not None), default=None),
    )


def _statements(contacts: Contacts) -> pa.Table:
    said = contacts.said()
    return said.append_column("purpose", pa.repeat(PURPOSE, said.num_rows)).select(STATEMENTS.names).cast(STATEMENTS)


def unusable_addresses(lake: Lake) -> dict[str, int]:
    """Channel -> active endpoints whose address is none: nobody is reached there."""
    counted = (
        f"SELECT channel, COUNT(*) FROM {CUSTOMER_ENDPOINTS.short_name} "
        "WHERE active AND channel <> 'other' AND address_sha256 IS NULL GROUP BY channel ORDER BY channel"
    )
    with lake.connect(CUSTOMER_ENDPOINTS) as db:
        return dict(db.execute(counted).fetchall())


def readable_columns(lake: Lake) -> list[str]:
    """Columns outside the raw zone in which a text is an address: there should be none.

    Ids are left out: a grocer may call a customer by their address, and then every id is one.
    """
    found = []
    for table in (CUSTOMERS, CUSTOMER_ENDPOINTS, CONSENT_STATE):
        names = [f.name for f in table.schema if pa.types.is_string(f.type) and not f.name.endswith("_id")]
        found += [f"{table.name}.{name}" for name in names if _holds_an_address(lake, table, name)]
    return found


def _holds_an_address(lake: Lake, table: Table, name: str) -> bool:
    # A text without either sign is none: of millions of hashes not one becomes an object.
    signed = f"SELECT DISTINCT {name} FROM {table.short_name} WHERE {name} LIKE '%@%' OR {name} LIKE '%+%'"
    with lake.connect(table) as db:
        return any(addresses.looks_like_an_address(text) for (text,) in db.execute(signed).fetchall())
