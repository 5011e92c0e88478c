"""WhatsApp through AWS End User Messaging Social: Meta's webhook in SNS's message, or EventBridge's summary of it.

https://docs.aws.amazon.com/social-messaging/latest/userguide/managing-event-destinations-dimensions.html
"""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from msgspec import Struct, field

from segment_assets.first_party.formats.messages import hashed, told_of
from segment_assets.first_party.formats.stream import Kind, OneByOne, in_this_century, read_as
from segment_assets.first_party.records import Json, MalformedError, value_of
from segment_assets.first_party.times import microseconds
from segment_assets.first_party.vocabulary import ENGAGEMENT, Event

NAMES = {"sent": "send", "delivered": "delivered", "read": "read", "failed": "fail"}
_BRIDGE = "aws.social-messaging"
Text = str | None


class Failure(Struct, gc=False):
    """Why a message was not delivered."""

    title: Text = None
    message: Text = None


class Status(Struct, gc=False):
    """What became of a message of ours; the time is in seconds, as text."""

    status: str
    timestamp: str
    id: Text = None
    to: Text = field(default=None, name="recipient_id")
    ours: Text = field(default=None, name="biz_opaque_callback_data")
    errors: list[Failure] | None = None


class Message(Struct, gc=False):
    """A message of the customer's."""

    timestamp: str
    type: str = "unknown"
    id: Text = None
    sender: Text = field(default=None, name="from")


class Value(Struct, gc=False):
    """What changed."""

    statuses: list[Status] | None = None
    messages: list[Message] | None = None


class Change(Struct, gc=False):
    """One change, of messages or of something else that Meta tells, such as a template."""

    value: Value
    field: str = "messages"


class Entry(Struct, gc=False):
    """Meta's webhook entry; its time is in seconds."""

    changes: list[Change]
    time: int | None = None


class Detail(Struct, gc=False):
    """EventBridge's summary: it names no recipient."""

    status: str
    timestamp: str = field(name="eventTimestamp")
    message_id: Text = field(default=None, name="messageId")


class Record(Struct, gc=False):
    """A record of either way."""

    entry: Text = field(default=None, name="whatsAppWebhookEntry")
    told_at: Text = field(default=None, name="message_timestamp")
    account: Text = field(default=None, name="aws_account_id")
    detail: Detail | None = None
    time: Text = None
    bridge_account: Text = field(default=None, name="account")


class Other(Struct, gc=False):
    """A change that no customer had a part in."""

    type: str
    timestamp: str


What = Status | Message | Detail | Other
Said = tuple[Record, What]


def _is_mine(top: Mapping[str, Any]) -> bool:
    return "whatsAppWebhookEntry" in top or ("detail" in top and top.get("source") == _BRIDGE)


def _read(record: Json) -> Said:
    read = read_as(Record, record)
    return read, _what(read)


def _received(said: Said) -> int:
    read, what = said
    return max(in_this_century(_occurred(what)), in_this_century(_told_at(read, what)))


def _occurred(what: What) -> int | None:
    return microseconds(what.timestamp)


def _told_at(read: Record, what: What) -> int | None:
    written = read.told_at or read.time
    return microseconds(written) if written else _occurred(what)


def _what(read: Record) -> What:
    if read.detail:
        return read.detail
    if not read.entry:
        raise MalformedError("missing_key")
    entry = read_as(Entry, value_of(read.entry.encode()))
    said = [one for change in entry.changes for one in (change.value.statuses or change.value.messages or ())]
    if said:
        return said[0]
    if not entry.changes or not (time := read.told_at or entry.time):
        raise MalformedError("missing_key")
    return Other(entry.changes[0].field, str(time))


def _event(said: Said, end_of_hour: int | None) -> Event:
    read, what = said
    occurred = _occurred(what) or 0
    status = what.status if isinstance(what, Status | Detail) else None
    user, _, campaign = ((what.ours if isinstance(what, Status) else None) or "").partition("|")
    to, name = hashed("phone", _number(what)), NAMES.get(status or "", "app")
    return Event(
        source="eum_social",
        source_event_type=_type(what),
        event_name=name,
        channel="whatsapp",
        occurred_at=occurred,
        received_at=max(occurred, _told_at(read, what) or occurred),
        account_id=read.account or read.bridge_account,
        user_id=user or None,
        address_type="phone" if to else None,
        address_hash=to,
        message_id=what.message_id if isinstance(what, Detail) else None if isinstance(what, Other) else what.id,
        campaign_id=campaign or None,
        outcome=told_of(_failure(what) or status),
        is_engagement=name in ENGAGEMENT and not isinstance(what, Other),
        is_suppression=False,
    )


def _type(what: What) -> str:
    match what:
        case Message():
            return f"message.{what.type}"
        case Other():
            return what.type
    return f"status.{what.status}"


def _number(what: What) -> str | None:
    """The customer's number, which Meta writes without its plus."""
    written = what.to if isinstance(what, Status) else what.sender if isinstance(what, Message) else None
    return f"+{written.removeprefix('+')}" if written else None


def _failure(what: What) -> str | None:
    if not isinstance(what, Status):
        return None
    said = next((text for error in what.errors or () if (text := error.message or error.title)), None)
    # Of whom it speaks Meta writes without a plus, by which a number is known in other texts.
    return said.replace(what.to, "[number]") if said and what.to else said


def _parts(record: Json) -> list[bytes]:
    """Meta may say several things in one webhook: each becomes a record of its own, in the same form."""
    try:
        parts = list(_alone(json.loads(record["whatsAppWebhookEntry"])))
    except (ValueError, RecursionError, TypeError, AttributeError, KeyError):
        return []
    return [
        json.dumps(record | {"whatsAppWebhookEntry": json.dumps(part)}, ensure_ascii=False).encode() for part in parts
    ]


def _alone(entry: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for change in entry["changes"]:
        rest = {k: v for k, v in change["value"].items() if k not in ("statuses", "messages")}
        for said in ("statuses", "messages"):
            for one in change["value"].get(said) or ():
                yield entry | {"changes": [change | {"value": rest | {said: [one]}}]}


WHATSAPP = Kind(_is_mine, _read, _received, OneByOne(_event), parts=_parts)
