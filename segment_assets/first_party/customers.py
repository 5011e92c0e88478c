"""From the latest export of customers to who they are, how they are reached and what they agreed to."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date

import pyarrow as pa

from segment_assets.first_party.contacts import PURPOSE, Contact
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
from segment_assets.landing_config import CustomersLanding
from segment_assets.people import addresses
from segment_assets.people.consent import STATEMENTS, appended, current_consent

_LONG_AGO = -(2**62)


@dataclass(frozen=True)
class Export:
    """What an export says.

    Attributes:
        contacts: of an endpoint that came more than once the newest.
        quarantined: rows of quarantined_customers.
        delivered: records delivered.
        good: records that contacts were taken from.
        duplicates: records of which newer ones say all; delivered = good + duplicates + quarantined.
        as_of: the day in the export's key; None where it has none.
        reading: the configuration that says what of it is consent, as a hash.
    """

    contacts: list[Contact]
    quarantined: pa.Table
    delivered: int
    good: int
    duplicates: int
    as_of: date | None
    reading: str = ""


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


def read(store: ObjectStore, landing: CustomersLanding) -> Export:
    """The latest export.

    Raises:
        LandingError: a mapped column is missing.
    """
    objects, as_of = latest_objects(store, landing)
    good: list[list[Contact]] = []
    bad: list[tuple[str, int, str | None, bytes]] = []
    for stored in objects:
        content = store.read(stored.key)
        found = (
            own_customers.read(stored.key, content, landing.table)
            if landing.table
            else endpoints.read(stored.key, content, landing)
        )
        for position, what in found:
            if isinstance(what, Piece):
                bad.append((stored.key, position, what.reason, what.content))
            else:
                good.append(what)
    kept = newest(good)
    used = len({record for record, _ in kept})
    return Export(
        [contact for _, contact in kept],
        _rows(QUARANTINED_CUSTOMERS, bad),
        delivered=len(good) + len(bad),
        good=used,
        duplicates=len(good) - used,
        as_of=as_of,
        reading=_reading(landing),
    )


def _reading(landing: CustomersLanding) -> str:
    said = landing.model_dump(mode="json", include={"format", "table", "consent_attribute", "opt_out_none_is_consent"})
    return addresses.sha256(json.dumps(said, sort_keys=True))[:12]


def newest(records: Sequence[Sequence[Contact]]) -> list[tuple[int, Contact]]:
    """One contact per endpoint, with its record: the one that took effect last, and of equals the last delivered.

    What equals say about consent is kept of all of them: denied is to beat granted.
    """
    kept: dict[tuple[str, str], tuple[int, Contact]] = {}
    for record, contacts in enumerate(records):
        for contact in contacts:
            # An endpoint belongs to one customer; a customer without one is told by their id.
            name = ("endpoint", contact.endpoint_id) if contact.endpoint_id else (contact.channel, contact.customer_id)
            before = kept.get(name)
            since = _LONG_AGO if before is None or before[1].effective_at is None else before[1].effective_at
            at = _LONG_AGO if contact.effective_at is None else contact.effective_at
            if before is None or at > since:
                kept[name] = record, contact
            elif at == since:
                kept[name] = record, replace(contact, statements=before[1].statements + contact.statements)
    return list(kept.values())


def tables(export: Export, phone_region: str | None) -> dict[Table, pa.Table]:
    """Rows of every table that is made from an export."""
    # By identity: equal contacts have equal addresses, and hashing one costs more than finding it.
    normalised = {id(c): _normalised(c, phone_region) for c in export.contacts}
    with_endpoint = [c for c in export.contacts if c.endpoint_id]
    return {
        QUARANTINED_CUSTOMERS: export.quarantined,
        CONTACT_ADDRESSES: _rows(
            CONTACT_ADDRESSES,
            [
                (c.customer_id, c.channel, c.endpoint_id, c.address)
                for c in with_endpoint
                if c.active and c.address and c.channel != "other"
            ],
        ),
        CONSENT_STATE: _consent(export.contacts),
        CUSTOMER_ENDPOINTS: _rows(CUSTOMER_ENDPOINTS, [_endpoint(c, normalised[id(c)]) for c in with_endpoint]),
        CUSTOMERS: _rows(CUSTOMERS, _customers(export.contacts, normalised)),
    }


def write(lake: Lake, export: Export, phone_region: str | None, run_id: str) -> dict[Table, Written]:
    """Replace the tables, customers last: what it names is complete. To what was said of consent it is added."""
    rows = tables(export, phone_region)
    said = rows[CONSENT_STATE].select(STATEMENTS.names)
    rows[CONSENT_STATE] = appended(lake.read(CONSENT_STATE), said, export.as_of, export.reading)
    return {table: lake.write(table, rows[table], run_id, as_of=export.as_of) for table in rows}


def _normalised(contact: Contact, region: str | None) -> str | None:
    if contact.channel == "email":
        return addresses.normalise_email(contact.address)
    if contact.channel == "sms":
        return addresses.normalise_phone(contact.address, region)
    return contact.address


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


def _customers(contacts: Iterable[Contact], normalised: dict[int, str | None]) -> list[tuple[object, ...]]:
    by_customer: dict[str, list[Contact]] = {}
    for contact in contacts:
        by_customer.setdefault(contact.customer_id, []).append(contact)
    rows: list[tuple[object, ...]] = []
    for customer, own in by_customer.items():
        # The best comes first: one that can be written to, then the newest.
        own.sort(key=lambda c: (not c.active, -(c.effective_at or _LONG_AGO), c.endpoint_id or ""))
        email = next((n for c in own if c.channel == "email" and (n := normalised[id(c)])), None)
        phone = next((n for c in own if c.channel == "sms" and (n := normalised[id(c)])), None)
        rows.append(
            (
                customer,
                addresses.email_sha256(email),
                addresses.email_sha256(addresses.without_tag(email)),
                addresses.email_sha256_google(email),
                addresses.phone_sha256_e164(phone),
                addresses.phone_sha256_digits(phone),
                next((c.country for c in own if c.country), None),
                sum(1 for c in own if c.endpoint_id),
                max((c.effective_at for c in own if c.effective_at is not None), default=None),
            )
        )
    return rows


def _consent(contacts: Iterable[Contact]) -> pa.Table:
    said = [(c.customer_id, s, c.effective_at) for c in contacts for s in c.statements]
    columns = [
        [customer for customer, _, _ in said],
        [s.channel for _, s, _ in said],
        [PURPOSE] * len(said),
        [s.state for _, s, _ in said],
        [s.source for _, s, _ in said],
        [time for _, _, time in said],
    ]
    arrays = [pa.array(values, field.type) for values, field in zip(columns, STATEMENTS, strict=True)]
    return current_consent(pa.Table.from_arrays(arrays, schema=STATEMENTS))


def _rows(table: Table, rows: Sequence[tuple[object, ...]]) -> pa.Table:
    columns = list(zip(*rows, strict=True)) or [()] * len(table.schema)
    arrays = [pa.array(values, field.type) for values, field in zip(columns, table.schema, strict=True)]
    return pa.Table.from_arrays(arrays, schema=table.schema)


def readable_columns(lake: Lake) -> list[str]:
    """Columns outside the raw zone in which a text is an address: there should be none.

    Ids are left out: a grocer may call a customer by their address, and then every id is one.
    """
    found = []
    for table in (CUSTOMERS, CUSTOMER_ENDPOINTS, CONSENT_STATE):
        rows = lake.read(table)
        for field in table.schema:
            if pa.types.is_string(field.type) and not field.name.endswith("_id"):
                texts = rows[field.name].unique().drop_null().to_pylist()
                found += [f"{table.name}.{field.name}"] if any(map(addresses.looks_like_an_address, texts)) else []
    return found
