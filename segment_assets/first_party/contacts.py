"""What a customer record says, whatever format it came in."""

from collections.abc import Sequence
from typing import Literal, NamedTuple

from segment_assets.people.consent import State

Channel = Literal["email", "sms", "push", "voice", "other"]
# On the others nobody is written to.
WRITTEN_TO: tuple[Channel, ...] = ("email", "sms", "push")

PURPOSE = "marketing"


class Statement(NamedTuple):
    """Something a customer said about being written to.

    Attributes:
        channel: email, sms or push.
        state: granted, denied or unknown.
        source: the attribute, the opt-out or the column that says so.
    """

    channel: Channel
    state: State
    source: str


class Contact(NamedTuple):
    """One way to reach a customer.

    Attributes:
        customer_id: the customer.
        endpoint_id: the endpoint; None for a customer without any address.
        channel: email, sms, push, voice or other.
        address: as written; None where there is none.
        active: the endpoint can be written to.
        statements: what the record says about consent.
        effective_at: microseconds since 1970, UTC; None where it is not known.
        country: ISO 3166 alpha-2.
        in_use: the source does not call it inactive; who opted out may well use it.
        devices: identifiers of devices as delivered.
        device_kind: their platform.
        streets: postal addresses as written, without the place.
        locality: where the streets are, of `addresses.locality`.
    """

    customer_id: str
    endpoint_id: str | None
    channel: Channel
    address: str | None
    active: bool = True
    statements: tuple[Statement, ...] = ()
    effective_at: int | None = None
    country: str | None = None
    in_use: bool = True
    devices: Sequence[str] = ()
    device_kind: str | None = None
    streets: Sequence[str] = ()
    locality: str | None = None


def undated(contacts: Sequence[Contact]) -> list[Contact]:
    """Contacts of one record whose time can't be read; none where none of them denies anything.

    A no counts whenever it was said, and a yes does not: the record would take back nothing if it were left out.
    """
    if not any(said.state == "denied" for contact in contacts for said in contact.statements):
        return []
    return [
        contact._replace(
            effective_at=None,
            statements=tuple(s if s.state == "denied" else s._replace(state="unknown") for s in contact.statements),
        )
        for contact in contacts
    ]


def country_of(written: str | None) -> str | None:
    """A country code of two letters, upper case; None for anything else."""
    text = (written or "").strip().upper()
    return text if len(text) == 2 and text.isascii() and text.isalpha() else None
