"""Pinpoint endpoints: the JSON lines of an export, and the CSV of an import.

Fields: https://docs.aws.amazon.com/pinpoint/latest/apireference/apps-application-id-endpoints-endpoint-id.html
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from segment_assets.first_party import tabular
from segment_assets.first_party.compression import Content
from segment_assets.first_party.consent_words import Heard
from segment_assets.first_party.contacts import WRITTEN_TO, Channel, Contact, Statement, country_of, undated
from segment_assets.first_party.contents import first_byte, records_in
from segment_assets.first_party.records import MalformedError, Piece
from segment_assets.first_party.times import microseconds
from segment_assets.first_party.vocabulary import EARLIEST, LATEST
from segment_assets.landing_config import CustomersLanding
from segment_assets.people.addresses import locality
from segment_assets.people.consent import state_of

_PUSH = frozenset(("PUSH", "GCM", "APNS", "APNS_SANDBOX", "APNS_VOIP", "APNS_VOIP_SANDBOX", "ADM", "BAIDU"))
_CHANNELS: Mapping[str, Channel] = {"EMAIL": "email", "SMS": "sms", "VOICE": "voice"}

# Position of each record, with its contacts or the reason why it has none.
Read = Iterator[tuple[int, list[Contact] | Piece]]


def read(key: str, content: Content, landing: CustomersLanding, heard: Heard | None = None) -> Read:
    """Every endpoint of an object, or the bytes that are none, with their positions.

    An endpoint without a user is a customer of its own, under its endpoint id.

    Args:
        key: the object's key.
        content: what it holds.
        landing: which attribute says what was agreed to, and in which words.
        heard: is told what that attribute holds.
    """
    for position, value, raw in _endpoints(key, content):
        if isinstance(value, Piece):
            yield position, value
            continue
        try:
            yield position, [contact(value, landing)]
            if heard:
                heard.add(_told(value, landing))
        except MalformedError as bad:
            yield position, Piece(raw, None, bad.reason)


def contact(endpoint: Mapping[str, Any], landing: CustomersLanding) -> Contact:
    """One endpoint as a contact.

    An inactive endpoint can deny but never grant, and the push endpoints that Pinpoint leaves behind (inactive, opted
    out; aws-sdk-java#2377) say nothing.

    Raises:
        MalformedError: missing_key, wrong_type or bad_time.
    """
    id_, kind = endpoint.get("Id"), endpoint.get("ChannelType")
    if not id_ or not kind:
        raise MalformedError("missing_key")
    if not isinstance(id_, str) or not isinstance(kind, str):
        raise MalformedError("wrong_type")
    if not id_.strip():
        raise MalformedError("missing_key")
    user, location = _part(endpoint, "User"), _part(endpoint, "Location")
    attributes = _part(endpoint, "Attributes")
    demographic = _part(endpoint, "Demographic")
    channel = _channel(kind.upper())
    # An import file may be written by hand; a word that is not known never opens what is closed.
    standing = (_text(endpoint, "EndpointStatus") or "ACTIVE").upper() == "ACTIVE"
    opt_out = (_text(endpoint, "OptOut") or "").upper() or None
    written = _text(endpoint, "EffectiveDate")
    time = microseconds(written)
    found = Contact(
        customer_id=(_text(user, "UserId") or "").strip() or id_.strip(),
        endpoint_id=id_,
        channel=channel,
        address=_text(endpoint, "Address"),
        active=standing and opt_out in (None, "NONE"),
        statements=tuple(_statements(channel, standing, opt_out, _told(endpoint, landing), landing)),
        effective_at=time,
        country=country_of(_text(location, "Country")),
        in_use=standing,
        devices=_all(attributes, "device_id"),
        device_kind=_text(demographic, "Platform"),
        streets=_all(attributes, "postal_address"),
        locality=locality(*(_text(location, part) for part in ("PostalCode", "City", "Region", "Country"))),
    )
    if written is None or (time is not None and EARLIEST <= time < LATEST):
        return found
    if denial := undated([found]):
        return denial[0]
    raise MalformedError("bad_time")


def _told(endpoint: Mapping[str, Any], landing: CustomersLanding) -> list[str]:
    of = (_part(endpoint, "Attributes"), _part(_part(endpoint, "User"), "UserAttributes"))
    return [value for part in of for value in _all(part, landing.consent_attribute)]


def _statements(
    channel: Channel, standing: bool, opt_out: str | None, told: Sequence[str], landing: CustomersLanding
) -> Iterator[Statement]:
    if channel not in WRITTEN_TO or (channel == "push" and not standing):
        return
    if opt_out not in (None, "NONE"):
        yield Statement(channel, "denied", "OptOut")
    elif opt_out and landing.opt_out_none_is_consent and standing:
        yield Statement(channel, "granted", "OptOut")
    # The endpoint and its user may disagree, and so may an attribute's values: denied is to beat granted.
    for state in dict.fromkeys(state_of(word, landing.words) for word in told or [""]):
        yield Statement(channel, state if standing or state == "denied" else "unknown", landing.consent_attribute)


def _endpoints(key: str, content: Content) -> Iterator[tuple[int, Mapping[str, Any] | Piece, bytes]]:
    if first_byte(content) in (b"{", b"["):
        found = records_in(content, lambda v: isinstance(v, dict) and "Id" in v and "ChannelType" in v)
        for position, piece in enumerate(found):
            yield position, piece if piece.reason else json.loads(piece.content), piece.content
        return
    for rows in tabular.read(key, content, ("Id", "ChannelType"), "landing.customers", blank=True):
        for position, values in rows.good:
            endpoint = _nested(zip(rows.names, values, strict=True))
            yield position, endpoint, json.dumps(endpoint, sort_keys=True).encode()
        for position, piece in rows.bad:
            yield position, piece, b""


def _nested(columns: Iterable[tuple[str, str | None]]) -> dict[str, Any]:
    """`Attributes.plan` twice -> {"Attributes": {"plan": ["a", "b"]}}: a repeated column is a list."""
    endpoint: dict[str, Any] = {}
    for name, value in columns:
        if value is None:
            continue
        *path, leaf = name.split(".", 2 if name.startswith("User.UserAttributes.") else 1)
        node = endpoint
        for part in path:
            node = node.setdefault(part, {})
        if path and path[-1] in ("Attributes", "UserAttributes"):
            node.setdefault(leaf, []).append(value)
        else:
            node[leaf] = value
    return endpoint


def _part(of: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    value = of.get(name)
    if value is not None and not isinstance(value, dict):
        raise MalformedError("wrong_type")
    return value or {}


def _text(of: Mapping[str, Any], name: str) -> str | None:
    value = of.get(name)
    if value is not None and not isinstance(value, str):
        raise MalformedError("wrong_type")
    return value or None


def _all(attributes: Mapping[str, Any], name: str) -> list[str]:
    value = attributes.get(name)
    return [v for v in (value if isinstance(value, list) else [value]) if isinstance(v, str) and v]


def _channel(kind: str) -> Channel:
    return _CHANNELS.get(kind, "push" if kind in _PUSH else "other")
