"""One's own table of customers, by a column mapping: a row per customer."""

import json

from segment_assets.first_party import tabular
from segment_assets.first_party.compression import Content
from segment_assets.first_party.consent_words import Heard
from segment_assets.first_party.contacts import Channel, Contact, Statement, country_of, undated
from segment_assets.first_party.formats.endpoints import Read
from segment_assets.first_party.records import Piece
from segment_assets.first_party.times import microseconds
from segment_assets.first_party.vocabulary import EARLIEST, LATEST
from segment_assets.landing_config import CustomerTable
from segment_assets.people.addresses import locality
from segment_assets.people.consent import NO_WORDS, Words, state_of

PLACE = "landing.customers.table"


def read(
    key: str, content: Content, mapping: CustomerTable, words: Words = NO_WORDS, heard: Heard | None = None
) -> Read:
    """Every row as a contact per address, or the bytes that are no row, with their positions; in no order.

    A row's endpoints are called `<customer>:email` and `<customer>:sms`, and `<customer>:other` where it names a device
    or a street. A customer without an address has one contact, which carries what was said about push messages, too.

    Args:
        key: the object's key.
        content: what it holds.
        mapping: which column means what.
        words: of one's own for consent.
        heard: is told what consent columns hold.
    """
    consents = [c for c in (mapping.email_consent, mapping.sms_consent, mapping.push_consent) if c]
    mapped = (
        mapping.customer, mapping.email, mapping.phone, mapping.country, mapping.updated,
        mapping.device, mapping.street, mapping.postal_code, mapping.city,
        mapping.email_consent, mapping.sms_consent, mapping.push_consent,
    )  # fmt: skip
    for rows in tabular.read(key, content, [name for name in mapped if name], PLACE):
        yield from rows.bad
        for position, values in rows.good:
            row = dict(zip(rows.names, values, strict=True))
            found = _contacts(row, mapping, words)
            if heard:
                heard.add(row[column] for column in consents)
            if isinstance(found, str):
                raw = json.dumps(row, sort_keys=True, ensure_ascii=False).encode()
                yield position, Piece(raw, None, found)
            else:
                yield position, found


def _contacts(row: dict[str, str | None], mapping: CustomerTable, words: Words) -> list[Contact] | str:
    """A row's contacts, or why it has none."""

    def value(column: str | None) -> str | None:
        return row[column] if column else None

    customer, updated = value(mapping.customer), value(mapping.updated)
    if customer is None:
        return "missing_customer"
    customer = customer.strip()
    time = microseconds(updated, mapping.time_format, mapping.time_zone)
    readable = updated is None or (time is not None and EARLIEST <= time < LATEST)
    country = country_of(value(mapping.country))
    devices, streets = ([v] if (v := value(column)) else [] for column in (mapping.device, mapping.street))
    place = locality(value(mapping.postal_code), value(mapping.city), None, value(mapping.country))

    def said(channel: Channel, column: str | None) -> tuple[Statement, ...]:
        return (Statement(channel, state_of(value(column), words), column),) if column else ()

    def contact(channel: Channel, address: str | None, statements: tuple[Statement, ...]) -> Contact:
        endpoint = f"{customer}:{channel}" if address else None
        return Contact(customer, endpoint, channel, address, True, statements, time, country)

    found = [
        contact("email", value(mapping.email), said("email", mapping.email_consent)),
        contact("sms", value(mapping.phone), said("sms", mapping.sms_consent)),
        contact("other", None, said("push", mapping.push_consent))._replace(
            endpoint_id=f"{customer}:other" if devices or streets else None,
            devices=devices,
            streets=streets,
            locality=place,
        ),
    ]
    # One without an endpoint that says nothing is needed only where no other tells of the customer.
    contacts = [c for c in found if c.endpoint_id or c.statements] or found[-1:]
    return contacts if readable else undated(contacts) or "bad_time"
