"""SES event publishing, as Firehose, SNS or EventBridge delivers it.

https://docs.aws.amazon.com/ses/latest/dg/event-publishing-retrieving-firehose-contents.html
"""

from collections.abc import Mapping
from typing import Any

from segment_assets.first_party.formats.messages import (
    MAIL_EVENTS,
    bounce,
    first,
    hashed,
    outcome,
    properties,
    subscription,
    suppresses,
    text_of,
    told_of,
)
from segment_assets.first_party.formats.recipients import of_each
from segment_assets.first_party.formats.ses_shape import Record, Subscription
from segment_assets.first_party.formats.stream import Kind, OneByOne, in_this_century, read_as
from segment_assets.first_party.records import Json, MalformedError
from segment_assets.first_party.times import microseconds
from segment_assets.first_party.vocabulary import ENGAGEMENT, Event

_CONFIGURATION_SET = "ses:configuration-set"


def _is_mine(top: Mapping[str, Any]) -> bool:
    return "mail" in top and ("eventType" in top or "notificationType" in top)


def _read(record: Json) -> Record:
    read = read_as(Record, record)
    if not read.type:
        raise MalformedError("missing_key")
    return read


def _received(read: Record) -> int:
    if not _written(read):
        raise MalformedError("missing_key")
    return in_this_century(microseconds(_written(read)))


def _written(read: Record) -> str | None:
    """When it happened: each part has a time of its own; the message's is when it was sent."""
    part = read.part
    return part.timestamp if part and part.timestamp else read.mail.timestamp


def _event(read: Record, end_of_hour: int | None) -> Event:
    occurred, tags = microseconds(_written(read)) or 0, read.mail.tags
    name = name_of(read)
    feedback = read.complaint.feedback if read.complaint else None
    own = {tag for tag in tags or () if tag.startswith("ses:")} | {"customerId", "campaignId"}
    to = hashed("email", read.recipient)
    return Event(
        source="ses",
        source_event_type=read.type or "",
        event_name=name,
        channel="email",
        occurred_at=occurred,
        received_at=max(occurred, end_of_hour or occurred),
        account_id=text_of(read.mail.account),
        app_id=first(tags, _CONFIGURATION_SET),
        user_id=first(tags, "customerId"),
        address_type="email" if to else None,
        address_hash=to,
        message_id=text_of(read.mail.message_id),
        campaign_id=first(tags, "campaignId"),
        outcome=told_of(outcome(read)),
        properties=properties(tags, own, read.click.link if read.click else None),
        is_engagement=name in ENGAGEMENT,
        is_suppression=suppresses(name, read.bounce is not None, feedback),
    )


def name_of(read: Record) -> str:
    """The event's name in the vocabulary; `app` for a type that is not known."""
    if read.type == "Bounce":
        return bounce(read.bounce.kind, read.bounce.sub_type) if read.bounce else "bounce_soft"
    if read.type == "Subscription":
        return subscription(read.subscription or Subscription())
    return MAIL_EVENTS.get(read.type or "", "app")


def _parts(record: Json) -> list[bytes]:
    return of_each(record, (), {"bounce": "bouncedRecipients", "complaint": "complainedRecipients"})


SES = Kind(_is_mine, _read, _received, OneByOne(_event), parts=_parts)
