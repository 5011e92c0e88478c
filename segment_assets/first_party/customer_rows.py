"""What a customer's contacts become: rows with hashed addresses, and apart from them the addresses that are sent to."""

from collections.abc import Iterator
from itertools import groupby
from operator import attrgetter

import pyarrow as pa

from segment_assets.first_party.contact_rows import AT_ONCE, Contacts
from segment_assets.first_party.contacts import Contact
from segment_assets.first_party.tables import CONTACT_ADDRESSES, CUSTOMER_ENDPOINTS, CUSTOMERS
from segment_assets.people import addresses

_LONG_AGO = -(2**62)


def in_key_order(contacts: Contacts, region: str | None) -> Iterator[tuple[pa.Table, pa.Table, pa.Table]]:
    """Rows of customer_endpoints, customers and contact_addresses, some thousand customers at a time.

    Args:
        contacts: in the order of customers.
        region: country of phone numbers that are written without one.
    """
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
