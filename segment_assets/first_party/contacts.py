"""What a customer record says, whatever format it came in."""

from typing import Literal, NamedTuple

from segment_assets.people.consent import State

Channel = Literal["email", "sms", "push", "other"]

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
        channel: email, sms, push or other.
        address: as written; None where there is none.
        active: the endpoint can be written to.
        statements: what the record says about consent.
        effective_at: microseconds since 1970, UTC; None where it is not known.
        country: ISO 3166 alpha-2.
        device_id: the device's identifier as delivered.
        device_kind: its platform.
        postal: street and postal code as written.
    """

    customer_id: str
    endpoint_id: str | None
    channel: Channel
    address: str | None
    active: bool = True
    statements: tuple[Statement, ...] = ()
    effective_at: int | None = None
    country: str | None = None
    device_id: str | None = None
    device_kind: str | None = None
    postal: str | None = None


def country_of(written: str | None) -> str | None:
    """A country code of two letters, upper case; None for anything else."""
    text = (written or "").strip().upper()
    return text if len(text) == 2 and text.isascii() and text.isalpha() else None
