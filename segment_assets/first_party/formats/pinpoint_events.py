"""What Pinpoint records mean: the mapping of spec A6, to the letter.

A column is made of many records at once: one by one, with a call for each field, took half as long again.
"""

from collections.abc import Iterable, Sequence
from decimal import Decimal
from functools import lru_cache
from typing import Any, NamedTuple

import msgspec
import numpy as np
import pyarrow as pa

from segment_assets.first_party.formats.messages import dollars, hashed, told_of
from segment_assets.first_party.formats.pinpoint_attributes import Attributes, metrics, properties
from segment_assets.first_party.formats.pinpoint_shape import Endpoint, MailEvent, Record
from segment_assets.first_party.vocabulary import ENGAGEMENT, SUPPRESSION, type_of
from segment_assets.people.addresses import without_addresses

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
_COST = "price_in_millicents_usd"
_MILLICENTS = Decimal(100_000)
_SENDS = ("_campaign.send", "_journey.send")
_NO_MAIL = MailEvent()
_NO_ENDPOINT = Endpoint()

_endpoint = msgspec.json.Decoder(Endpoint)
_context = msgspec.json.Decoder(dict[str, Any])


class _Meaning(NamedTuple):
    """What a type of event says by its name alone; no channel where the record tells."""

    name: str
    email: bool
    sms: bool
    when_it_arrived: bool
    channel: str | None
    message: bool
    engages: bool
    suppresses: bool


@lru_cache(maxsize=4_096)
def _meaning(kind: str) -> _Meaning:
    name, email, sms = EVENT_NAMES.get(kind, "app"), kind.startswith("_email."), kind.startswith("_SMS.")
    pushed = kind.startswith(("_campaign.", "_journey."))
    channel = None if kind in _SENDS else "email" if email else "sms" if sms else "push" if pushed else "app"
    # An e-mail's event_timestamp is when the message was sent, whatever happened to it.
    arrival = email and kind != "_email.send"
    return _Meaning(name, email, sms, arrival, channel, channel != "app", name in ENGAGEMENT, name in SUPPRESSION)


def to_columns(records: Sequence[Record]) -> dict[str, pa.Array]:
    """What the records mean, as columns of engagement_events, row by row; the caller adds where they came from."""
    meanings = [_meaning(record.event_type) for record in records]
    attributes = Attributes([record.attributes for record in records], [meaning.message for meaning in meanings])
    mails = [_mail(record) if meaning.email else _NO_MAIL for record, meaning in zip(records, meanings, strict=True)]
    endpoints = list(map(_endpoint_of, records))
    addresses = [
        _address(*row)
        for row in zip(meanings, mails, endpoints, attributes.text("destination_phone_number"), strict=True)
    ]
    occurred, received = _times(records, meanings)
    columns: dict[str, Iterable[Any]] = {
        "channel": _channels(meanings, attributes, endpoints),
        "occurred_at": occurred,
        "received_at": received,
        "account_id": list(map(_account, records)),
        "app_id": [(a.app_id or None) if (a := record.application) else None for record in records],
        "endpoint_id": [(c.client_id or None) if (c := record.client) else None for record in records],
        "user_id": _users(attributes, endpoints),
        "session_id": [(s.session_id or None) if (s := record.session) else None for record in records],
        "address_type": [kind for kind, _ in addresses],
        "address_hash": [hashed for _, hashed in addresses],
        "message_id": _either([m.mail.message_id if m.mail else None for m in mails], attributes.text("message_id")),
        "campaign_id": attributes.text("campaign_id"),
        "treatment_id": attributes.text("treatment_id"),
        "activity_id": _either(attributes.text("campaign_activity_id"), attributes.text("journey_activity_id")),
        "journey_id": attributes.text("journey_id"),
        "journey_run_id": attributes.text("journey_run_id"),
        "outcome": _outcomes(mails, attributes),
        "country": _either(
            attributes.text("iso_country_code"), [_country(*row) for row in zip(records, endpoints, strict=True)]
        ),
        "cost_usd": list(map(cost, records)),
        "is_suppression": [
            meaning.suppresses and not (meaning.name == "complaint" and _taken_back(mail))
            for meaning, mail in zip(meanings, mails, strict=True)
        ],
    }
    return {
        **_by_type([record.event_type for record in records]),
        **{name: pa.array(values, type_of(name)) for name, values in columns.items()},
        "source": pa.repeat("pinpoint", len(records)),
        "segment_ref": pa.nulls(len(records), type_of("segment_ref")),
        "properties": properties(attributes, [mail.click.link if mail.click else None for mail in mails]),
        "metrics": metrics([record.metrics for record in records], _COST),
    }


def _by_type(types: Sequence[str]) -> dict[str, pa.Array]:
    """The columns that follow from the type of event alone."""
    coded = pa.array(types, type_of("source_event_type")).dictionary_encode()
    distinct = coded.dictionary.to_pylist()
    known = list(map(_meaning, distinct))
    columns: dict[str, list[Any]] = {
        "source_event_type": list(map(without_addresses, distinct)),
        "event_name": [meaning.name for meaning in known],
        "occurred_at_quality": ["arrival" if meaning.when_it_arrived else "exact" for meaning in known],
        "is_engagement": [meaning.engages for meaning in known],
    }
    return {name: pa.array(values, type_of(name)).take(coded.indices) for name, values in columns.items()}


def _either(first: Sequence[str | None], second: Sequence[str | None]) -> Sequence[str | None]:
    return [one or other for one, other in zip(first, second, strict=True)]


def _times(records: Sequence[Record], meanings: Sequence[_Meaning]) -> tuple[np.ndarray, np.ndarray]:
    """Occurred and received, in microseconds. An SMS may be reported as arrived before it happened."""
    happened = np.array([record.event_timestamp for record in records], np.int64) * 1000
    arrived = np.array([record.arrival_timestamp for record in records], np.int64) * 1000
    at_arrival = np.array([meaning.when_it_arrived for meaning in meanings], bool)
    sms = np.array([meaning.sms for meaning in meanings], bool)
    return np.where(at_arrival, arrived, happened), np.where(sms, np.maximum(happened, arrived), arrived)


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


def _users(attributes: Attributes, endpoints: Sequence[Endpoint]) -> Sequence[str | None]:
    """The endpoint's user, or else the one that the sender of a message named."""
    named = [(e.user.user_id or None) if e.user else None for e in endpoints]
    contexts = attributes.text("customer_context")
    return [user or (_named(context) if context else None) for user, context in zip(named, contexts, strict=True)]


def _named(context: str) -> str | None:
    try:
        named = _context.decode(context).get("customerId")
    except (msgspec.DecodeError, ValueError, RecursionError):
        return None
    return str(named) if named else None


def _channels(meanings: Sequence[_Meaning], attributes: Attributes, endpoints: Sequence[Endpoint]) -> list[str]:
    told = zip(attributes.text("delivery_type"), attributes.text("journey_activity_type"), endpoints, strict=True)
    return [
        meaning.channel or CHANNELS.get(delivery or activity or endpoint.channel_type or "CUSTOM", "custom")
        for meaning, (delivery, activity, endpoint) in zip(meanings, told, strict=True)
    ]


def _address(
    meaning: _Meaning, message: MailEvent, endpoint: Endpoint, number: str | None
) -> tuple[str | None, str | None]:
    if meaning.email or endpoint.channel_type == "EMAIL":
        found = hashed("email", message.recipient or endpoint.address)
        return ("email", found) if found else (None, None)
    if meaning.sms or endpoint.channel_type == "SMS":
        found = hashed("phone", number or endpoint.address)
        return ("phone", found) if found else (None, None)
    return None, None


def _outcomes(mails: Sequence[MailEvent], attributes: Attributes) -> Sequence[str | None]:
    status = _either(attributes.text("campaign_send_status"), attributes.text("journey_send_status"))
    status = _either(attributes.text("record_status"), status)
    return [
        told_of(said if mail is _NO_MAIL else _outcome(mail, said)) for mail, said in zip(mails, status, strict=True)
    ]


def _outcome(message: MailEvent, status: str | None) -> str | None:
    if bounce := message.bounce:
        return ":".join(part for part in (bounce.bounce_type, bounce.bounce_sub_type) if part) or None
    return (
        (message.complaint.complaint_feedback_type if message.complaint else None)
        or (message.reject.reason if message.reject else None)
        or (message.delivery.smtp_response if message.delivery else None)
        or status
    )


def _taken_back(message: MailEvent) -> bool:
    return message.complaint is not None and message.complaint.complaint_feedback_type == "not-spam"


def _country(record: Record, endpoint: Endpoint) -> str | None:
    locale = record.device.locale if record.device else None
    return (endpoint.location.country if endpoint.location else None) or (locale.country if locale else None) or None


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
