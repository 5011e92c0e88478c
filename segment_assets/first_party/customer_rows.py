"""What a customer's contacts become: rows with hashed addresses, and apart from them the addresses that are sent to."""

from collections.abc import Iterator
from itertools import groupby
from operator import attrgetter

import pyarrow as pa

from segment_assets.first_party.contact_rows import AT_ONCE, Contacts
from segment_assets.first_party.contacts import WRITTEN_TO, Contact
from segment_assets.first_party.tables import CONTACT_ADDRESSES, CUSTOMER_ENDPOINTS, CUSTOMERS
from segment_assets.people import addresses

_LONG_AGO = -(2**62)
_TELEPHONES = ("sms", "voice")


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
    if contact.channel in _TELEPHONES:
        return addresses.normalise_phone(contact.address, region)
    return contact.address


def _is_sent_to(contact: Contact) -> bool:
    return contact.active and contact.endpoint_id is not None and contact.channel in WRITTEN_TO


def _sent_to(contact: Contact, normalised: str) -> str | None:
    return addresses.deliverable_email(contact.address) if contact.channel == "email" else normalised


def _endpoint(c: Contact, address: str | None) -> tuple[object, ...]:
    hashed = (
        addresses.address_hash("email", address)
        if c.channel == "email"
        else addresses.address_hash("phone", address)
        if c.channel in _TELEPHONES
        else addresses.sha256(f"{c.channel}:{address}")
        if address
        else None
    )
    plain = addresses.email_sha256(address) if c.channel == "email" else None
    digits = None
    if c.channel in _TELEPHONES:
        plain, digits = addresses.phone_sha256_e164(address), addresses.phone_sha256_digits(address)
    return (
        *(c.customer_id, c.endpoint_id, c.channel, hashed, plain, digits),
        *(_devices(c, hashed), _homes(c), c.active, c.in_use, c.effective_at),
    )


def _devices(c: Contact, hashed: str | None) -> list[tuple[str, str | None]]:
    named = sorted({device for d in c.devices if (device := addresses.normalise_device(d))})
    if named:
        return [(addresses.sha256(f"device:{device}"), c.device_kind) for device in named]
    # A push token names one installation of an app on one device.
    return [(hashed, c.device_kind)] if c.channel == "push" and hashed else []


def _homes(c: Contact) -> list[tuple[str, str]]:
    # The street by itself, too: one that is nobody's is known whatever stands behind it.
    streets = {street: addresses.postal_sha256(street) for street in c.streets} if c.locality else {}
    homes = (
        (addresses.postal_sha256(f"{written}, {c.locality}"), alone) for written, alone in streets.items() if alone
    )
    return sorted({home: alone for home, alone in homes if home}.items())


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
