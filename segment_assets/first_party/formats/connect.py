"""Events of Connect's outbound campaigns, bare or as Customer Profiles' event stream carries them.

https://docs.aws.amazon.com/connect/latest/adminguide/customer-profiles-object-type-mappings-campaign-event.html
"""

from collections.abc import Mapping
from typing import Any

from msgspec import UNSET, Struct, field

from segment_assets.first_party.formats import end_user_messaging, whatsapp
from segment_assets.first_party.formats.messages import (
    MAIL_EVENTS,
    bounce,
    hashed,
    outcome,
    properties,
    subscription,
    suppresses,
    text_of,
    told_of,
)
from segment_assets.first_party.formats.ses_shape import (
    Bounce,
    Click,
    Complaint,
    Delay,
    Delivery,
    Failure,
    Label,
    Reject,
    Subscription,
)
from segment_assets.first_party.formats.stream import Kind, OneByOne, in_this_century, read_as
from segment_assets.first_party.records import Json, MalformedError
from segment_assets.first_party.times import microseconds
from segment_assets.first_party.vocabulary import ENGAGEMENT, Event
from segment_assets.people.addresses import AddressType

Text = str | None
# Channel -> the object type's name and our channel.
CHANNELS = {
    "EMAIL": ("Campaign-Email", "email"),
    "SMS": ("Campaign-SMS", "sms"),
    "TELEPHONY": ("Campaign-Telephony", "voice"),
    "VOICE": ("Campaign-Telephony", "voice"),
    "WHATSAPP": ("Campaign-WhatsApp", "whatsapp"),
    "WEB_NOTIFICATION": ("Campaign-WebNotification", "push"),
}
_PHONES = frozenset(("PHONE", "SMS", "VOICE", "TELEPHONY", "WHATSAPP", "PHONE_NUMBER"))


class Channel(Struct, gc=False):
    """The channel a message went by."""

    name: Text = None


class Campaign(Struct, gc=False):
    """An event of a campaign; where it has SES's parts, they are read as in SES's own events."""

    type: str = field(name="campaign_event_type")
    timestamp: str = field(name="campaign_event_timestamp")
    message_id: Label = field(default=None, name="campaign_message_id")
    channel: Channel | None = None
    address: Text = field(default=None, name="endpoint_address")
    address_type: Text = field(default=None, name="endpoint_type")
    instance: Text = field(default=None, name="instance_arn")
    name: Label = field(default=None, name="campaign_name")
    id: Label = field(default=None, name="campaign_id")
    run: Label = field(default=None, name="campaign_run_id")
    activity: Label = field(default=None, name="campaign_activity_id")
    segment: Label = field(default=None, name="segment_arn")
    bounce: Bounce | None = None
    complaint: Complaint | None = None
    delivery: Delivery | None = None
    reject: Reject | None = None
    click: Click | None = None
    delay: Delay | None = field(default=None, name="deliveryDelay")
    failure: Failure | None = None
    subscription: Subscription | None = None


class Profiles(Struct, gc=False):
    """What Customer Profiles' event stream puts around an object of a profile."""

    object: Any = field(default=UNSET, name="Object")
    object_type: Text = field(default=None, name="ObjectTypeName")
    change: Text = field(default=None, name="EventType")
    timestamp: Text = field(default=None, name="EventTimestamp")


Said = tuple[Profiles, Campaign | None]


def _is_mine(top: Mapping[str, Any]) -> bool:
    return "campaign_event_type" in top or ("ObjectTypeName" in top and "Object" in top)


def _core(record: Json) -> Json:
    """The same event may come by two ways: what is inside the profile stream's envelope says which it is."""
    inner = record.get("Object")
    return inner if isinstance(inner, dict) else record


def _read(record: Json) -> Said:
    around, inner = read_as(Profiles, record), _core(record)
    if around.object is not UNSET and "campaign_event_type" not in inner:
        if not around.object_type:
            raise MalformedError("missing_key")
        return around, None
    return around, read_as(Campaign, inner)


def _received(said: Said) -> int:
    around, read = said
    if read is None:
        return in_this_century(microseconds(around.timestamp))
    occurred = in_this_century(microseconds(read.timestamp))
    return max(occurred, in_this_century(microseconds(around.timestamp))) if around.timestamp else occurred


def _event(said: Said, end_of_hour: int | None) -> Event:
    around, read = said
    known = microseconds(around.timestamp) if around.object is not UNSET else None
    if read is None:
        return _other(around, known or 0)
    occurred = microseconds(read.timestamp) or 0
    kind, channel = CHANNELS.get((read.channel.name if read.channel else None) or "", ("Campaign", "custom"))
    name = name_of(read)
    feedback = read.complaint.feedback if read.complaint else None
    of: AddressType = "phone" if (read.address_type or "").upper() in _PHONES else "email"
    to = hashed(of, read.address)
    return Event(
        source="connect_campaign",
        source_event_type=f"{around.object_type or kind}.{read.type}",
        event_name=name,
        channel=channel,
        occurred_at=occurred,
        received_at=max(occurred, known or occurred),
        account_id=_account(read.instance),
        address_type=of if to else None,
        address_hash=to,
        message_id=text_of(read.message_id),
        campaign_id=text_of(read.id),
        activity_id=text_of(read.activity),
        journey_run_id=text_of(read.run),
        segment_ref=text_of(read.segment),
        outcome=told_of(outcome(read)),
        properties=properties({"campaign_name": read.name}, (), read.click.link if read.click else None),
        is_engagement=name in ENGAGEMENT,
        is_suppression=suppresses(name, read.bounce is not None, feedback),
    )


def name_of(read: Campaign) -> str:
    """The event's name: e-mail's as SES's, a message's to a telephone as End User Messaging's or WhatsApp's.

    Who changed a subscription and does not say how has unsubscribed: the mail's own link and header do nothing else.
    """
    if read.type == "Bounce":
        return bounce(read.bounce.kind, read.bounce.sub_type) if read.bounce else "bounce_soft"
    if read.type in ("Subscription", "Unsubscribe"):
        return subscription(read.subscription) if read.subscription else "unsubscribe"
    if read.channel and read.channel.name == "WHATSAPP":
        return whatsapp.NAMES.get(read.type.lower(), "app")
    return MAIL_EVENTS.get(read.type) or end_user_messaging.name_of(read.type)


def _other(around: Profiles, at: int) -> Event:
    # A profile was made or changed: nothing that a customer did.
    return Event(
        source="connect_campaign",
        source_event_type=f"{around.object_type}.{around.change}",
        event_name="app",
        channel="app",
        occurred_at=at,
        received_at=at,
        is_engagement=False,
        is_suppression=False,
    )


def _account(arn: str | None) -> str | None:
    parts = (arn or "").split(":")
    return parts[4] if len(parts) > 4 and parts[4] else None


CONNECT = Kind(_is_mine, _read, _received, OneByOne(_event), core=_core)
