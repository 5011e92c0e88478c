"""AWS End User Messaging: text messages, MMS, voice and RCS, as a configuration set's event destination.

https://docs.aws.amazon.com/sms-voice/latest/userguide/configuration-sets-event-format.html
"""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from msgspec import Struct, field

from segment_assets.first_party.formats.messages import dollars, first, hashed, properties
from segment_assets.first_party.formats.stream import Kind, OneByOne, in_this_century, read_as
from segment_assets.first_party.records import Json, MalformedError
from segment_assets.first_party.vocabulary import ENGAGEMENT, Event

CHANNELS = {"TEXT": "sms", "MEDIA": "mms", "VOICE": "voice", "RCS": "rcs"}
# What is said of a message, beside its channel; whatever else is said is a failure.
VERBS = {
    "QUEUED": "queued",
    "PENDING": "queued",
    "SENT": "send",
    "SUCCESSFUL": "delivered",
    "DELIVERED": "delivered",
    "READ": "read",
}
_TAKEN = ("customerId", "campaignId")


class Record(Struct, gc=False):
    """The fields that are read; times in milliseconds, prices in USD for the whole message."""

    type: str = field(name="eventType")
    timestamp: int = field(name="eventTimestamp")
    is_final: bool = field(default=False, name="isFinal")
    to: str | None = field(default=None, name="destinationPhoneNumber")
    country: str | None = field(default=None, name="isoCountryCode")
    message_id: str | None = field(default=None, name="messageId")
    status: str | None = field(default=None, name="messageStatus")
    context: dict[str, Any] | None = None
    price: float | None = field(default=None, name="totalMessagePrice")
    fee: float | None = field(default=None, name="totalCarrierFee")


def _is_mine(top: Mapping[str, Any]) -> bool:
    return "eventType" in top and "eventTimestamp" in top and "mail" not in top


def _read(record: Json) -> Record:
    read = read_as(Record, record)
    if not read.type:
        raise MalformedError("missing_key")
    _cost(read)
    return read


def _received(read: Record) -> int:
    return in_this_century(read.timestamp * 1000)


def _event(read: Record, end_of_hour: int | None) -> Event:
    occurred, name = read.timestamp * 1000, name_of(read.type)
    to = hashed("phone", read.to)
    return Event(
        source="eum",
        source_event_type=read.type,
        event_name=name,
        channel=CHANNELS.get(read.type.partition("_")[0], "sms"),
        occurred_at=occurred,
        received_at=max(occurred, end_of_hour or occurred),
        user_id=first(read.context, "customerId"),
        address_type="phone" if to else None,
        address_hash=to,
        message_id=read.message_id,
        campaign_id=first(read.context, "campaignId"),
        outcome=read.status,
        country=read.country,
        cost_usd=_cost(read),
        properties=properties(read.context, _TAKEN),
        is_engagement=name in ENGAGEMENT,
        is_suppression=False,
    )


def name_of(kind: str) -> str:
    """`TEXT_DELIVERED` -> `delivered`; `app` for a type of no known channel."""
    channel, _, verb = kind.partition("_")
    if channel not in CHANNELS or not verb:
        return "app"
    return VERBS.get(verb, "fail")


def _cost(read: Record) -> Decimal | None:
    # Every event of a message repeats its price: the last one counts it.
    if not read.is_final or (read.price is None and read.fee is None):
        return None
    return dollars(sum((Decimal(repr(part or 0)) for part in (read.price, read.fee)), Decimal()))


END_USER_MESSAGING = Kind(_is_mine, _read, _received, OneByOne(_event))
