"""What a Pinpoint record means: the mapping of spec A6, to the letter."""

import json
from collections.abc import Mapping
from decimal import Decimal
from functools import lru_cache
from typing import Any, NamedTuple

import msgspec

from segment_assets.first_party.formats.messages import dollars, hashed, told_of
from segment_assets.first_party.formats.pinpoint_shape import Endpoint, MailEvent, Record
from segment_assets.first_party.vocabulary import ENGAGEMENT, SUPPRESSION, Event
from segment_assets.people.addresses import looks_like_an_address

EVENT_NAMES = {
    "_email.send": "send",
    "_email.delivered": "delivered",
    "_email.open": "open",
    "_email.click": "click",
    "_email.hardbounce": "bounce_hard",
    "_email.softbounce": "bounce_soft",
    "_email.complaint": "complaint",
    "_email.rejected": "reject",
    "_email.unsubscribe": "unsubscribe",
    "_email.rendering_failure": "render_fail",
    "_SMS.BUFFERED": "queued",
    "_SMS.SUCCESS": "delivered",
    "_SMS.FAILURE": "fail",
    "_SMS.OPTOUT": "unsubscribe",
    "_campaign.send": "attempt",
    "_journey.send": "attempt",
    "_campaign.opened_notification": "open",
    "_campaign.received_foreground": "delivered",
    "_campaign.received_background": "delivered",
    "_session.start": "session_start",
    "_session.stop": "session_stop",
    "_session.pause": "session_pause",
    "_session.resume": "session_resume",
    "_userauth.sign_in": "sign_in",
    "_userauth.sign_up": "sign_up",
    "_userauth.auth_fail": "auth_fail",
    "_monetization.purchase": "purchase",
}
_PUSH = ("PUSH", "GCM", "APNS", "APNS_SANDBOX", "APNS_VOIP", "APNS_VOIP_SANDBOX", "ADM", "BAIDU")
CHANNELS = dict.fromkeys(_PUSH, "push") | {
    "EMAIL": "email",
    "SMS": "sms",
    "VOICE": "voice",
    "CONTACT_CENTER": "voice",
    "IN_APP": "in_app",
    "CUSTOM": "custom",
}
# Attributes that became a column, or that hold an address: they are no properties.
_TAKEN = frozenset(
    (
        "campaign_id", "campaign_activity_id", "treatment_id", "journey_id", "journey_run_id", "journey_activity_id",
        "campaign_send_status", "journey_send_status", "record_status", "message_id", "iso_country_code",
        "destination_phone_number", "origination_phone_number", "customer_context", "feedback",
    )
)  # fmt: skip
_COST = "price_in_millicents_usd"
_MILLICENTS = Decimal(100_000)
_NO_MAIL = MailEvent()
_NO_ENDPOINT = Endpoint()

_endpoint = msgspec.json.Decoder(Endpoint)
_context = msgspec.json.Decoder(dict[str, Any])


class _Meaning(NamedTuple):
    """What a type of event says by its name alone."""

    name: str
    email: bool
    sms: bool
    engages: bool
    suppresses: bool


@lru_cache(maxsize=4_096)
def _meaning(kind: str) -> _Meaning:
    name = EVENT_NAMES.get(kind, "app")
    return _Meaning(name, kind.startswith("_email."), kind.startswith("_SMS."), name in ENGAGEMENT, name in SUPPRESSION)


def to_event(record: Record) -> Event:
    """One record as one event; the caller adds where it came from."""
    kind = record.event_type
    name, email, sms, engages, suppresses = _meaning(kind)
    attributes = record.attributes or {}
    text = {k: v for k, v in attributes.items() if isinstance(v, str) and v}
    message = _mail(record) if email else _NO_MAIL
    endpoint = _endpoint_of(record)
    kind_of_address, hashed = _address(text, message, endpoint, email, sms)
    complaint = message.complaint.complaint_feedback_type if message.complaint else None
    occurred, received, quality = _times(record, email, sms)
    return Event(
        source="pinpoint",
        source_event_type=kind,
        event_name=name,
        channel=_channel(kind, text, endpoint, email, sms),
        occurred_at=occurred,
        received_at=received,
        occurred_at_quality=quality,
        account_id=_account(record),
        app_id=(record.application.app_id or None) if record.application else None,
        endpoint_id=(record.client.client_id or None) if record.client else None,
        user_id=_user(text, endpoint),
        session_id=(record.session.session_id or None) if record.session else None,
        address_type=kind_of_address,
        address_hash=hashed,
        message_id=(message.mail.message_id if message.mail else None) or text.get("message_id"),
        campaign_id=text.get("campaign_id"),
        treatment_id=text.get("treatment_id"),
        activity_id=text.get("campaign_activity_id") or text.get("journey_activity_id"),
        journey_id=text.get("journey_id"),
        journey_run_id=text.get("journey_run_id"),
        outcome=told_of(_outcome(message, text)),
        country=_country(record, text, endpoint),
        cost_usd=cost(record),
        properties=_properties(attributes, message),
        metrics=_metrics(record.metrics) if record.metrics else (),
        is_engagement=engages,
        is_suppression=suppresses and not (name == "complaint" and complaint == "not-spam"),
    )


def _times(record: Record, email: bool, sms: bool) -> tuple[int, int, str]:
    """Occurred, received, quality.

    An e-mail's event_timestamp is when the message was sent, whatever happened to it; an SMS may be reported as
    arrived before it happened.
    """
    happened, arrived = record.event_timestamp * 1000, record.arrival_timestamp * 1000
    if email and record.event_type != "_email.send":
        return arrived, arrived, "arrival"
    return happened, max(happened, arrived) if sms else arrived, "exact"


def _mail(record: Record) -> MailEvent:
    channel = record.facets.email_channel if record.facets else None
    return (channel.mail_event if channel else None) or _NO_MAIL


def _endpoint_of(record: Record) -> Endpoint:
    custom = record.client_context.custom if record.client_context else None
    written = custom.get("endpoint") if custom else None
    if not isinstance(written, str):
        return _NO_ENDPOINT
    try:
        return _endpoint.decode(written)
    except (msgspec.DecodeError, ValueError, RecursionError):
        return _NO_ENDPOINT


def _user(text: Mapping[str, str], endpoint: Endpoint) -> str | None:
    if endpoint.user and endpoint.user.user_id:
        return endpoint.user.user_id
    if written := text.get("customer_context"):
        try:
            named = _context.decode(written).get("customerId")
        except (msgspec.DecodeError, ValueError, RecursionError):
            return None
        return str(named) if named else None
    return None


def _channel(kind: str, text: Mapping[str, str], endpoint: Endpoint, email: bool, sms: bool) -> str:
    if email:
        return "email"
    if sms:
        return "sms"
    if kind.startswith(("_campaign.", "_journey.")):
        if kind not in ("_campaign.send", "_journey.send"):
            return "push"
        told = text.get("delivery_type") or text.get("journey_activity_type") or endpoint.channel_type or "CUSTOM"
        return CHANNELS.get(told, "custom")
    return "app"


def _address(
    text: Mapping[str, str], message: MailEvent, endpoint: Endpoint, email: bool, sms: bool
) -> tuple[str | None, str | None]:
    if email or endpoint.channel_type == "EMAIL":
        found = hashed("email", message.recipient or endpoint.address)
        return ("email", found) if found else (None, None)
    if sms or endpoint.channel_type == "SMS":
        found = hashed("phone", text.get("destination_phone_number") or endpoint.address)
        return ("phone", found) if found else (None, None)
    return None, None


def _outcome(message: MailEvent, text: Mapping[str, str]) -> str | None:
    if bounce := message.bounce:
        return ":".join(part for part in (bounce.bounce_type, bounce.bounce_sub_type) if part) or None
    return (
        (message.complaint.complaint_feedback_type if message.complaint else None)
        or (message.reject.reason if message.reject else None)
        or (message.delivery.smtp_response if message.delivery else None)
        or text.get("record_status")
        or text.get("campaign_send_status")
        or text.get("journey_send_status")
    )


def _country(record: Record, text: Mapping[str, str], endpoint: Endpoint) -> str | None:
    locale = record.device.locale if record.device else None
    located = endpoint.location.country if endpoint.location else None
    return text.get("iso_country_code") or located or (locale.country if locale else None) or None


def _account(record: Record) -> str | None:
    account = record.account if record.account is not None else record.account_lower
    return str(account) if account not in (None, "") else None


def cost(record: Record) -> Decimal | None:
    """What the message cost in US dollars.

    Raises:
        MalformedError: absurd_price.
    """
    price = record.metrics.get(_COST) if record.metrics else None
    return None if price is None else dollars(Decimal(repr(price)) / _MILLICENTS)


def _properties(attributes: Mapping[str, Any], message: MailEvent) -> list[tuple[str, str]]:
    """Other attributes as text. A value that is an address stays in the raw zone; a link goes without its query."""
    kept = []
    for key, value in attributes.items():
        if key in _TAKEN or value is None:
            continue
        written = value if isinstance(value, str) else json.dumps(value, sort_keys=True, ensure_ascii=False)
        if not looks_like_an_address(written):
            kept.append((key, written))
    if message.click and message.click.link:
        link = message.click.link.partition("?")[0].partition("#")[0]
        if not looks_like_an_address(link):
            kept.append(("link", link))
    kept.sort()
    return kept


def _metrics(metrics: Mapping[str, float | None]) -> list[tuple[str, float]]:
    return sorted([(name, value) for name, value in metrics.items() if value is not None and name != _COST])
