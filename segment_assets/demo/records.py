"""Pinpoint event records, one JSON object per event, in the shape its event stream documents.

https://docs.aws.amazon.com/pinpoint/latest/developerguide/event-streams-data-app.html and `-data-campaign.html`
"""

from dataclasses import dataclass
from typing import Any

import msgspec

from segment_assets.demo.endpoints import ACCOUNT_ID, APPLICATION_ID, app_endpoint, endpoint_id
from segment_assets.demo.people import Customer

_encode = msgspec.json.encode
_APP = msgspec.Raw(
    _encode(
        {
            "app_id": APPLICATION_ID,
            "package_name": "com.example.grocer",
            "sdk": {"name": "aws-sdk", "version": "2.7.2"},
            "title": "Grocer",
            "version_name": "4.1.0",
            "version_code": "410",
        }
    )
)
_MESSAGING = msgspec.Raw(_encode({"app_id": APPLICATION_ID, "sdk": {}}))
_NO_DEVICE = msgspec.Raw(b'{"platform":{}}')
_DEVICES: dict[str | None, dict[str, object]] = {
    "android": {"make": "Example", "model": "E-9", "platform": {"name": "android", "version": "16"}},
    "ios": {"make": "Example", "model": "I-5", "platform": {"name": "ios", "version": "19"}},
    None: {"platform": {"name": "web"}},
}
_LOCALE: dict[str, object] = {"locale": {"code": "en_US", "country": "US", "language": "en"}}

# Ways in which a record can be broken. A broken record is one more delivery: no event of the data is lost to it.
FLAWS = ("truncated", "not_json", "no_event_type")


@dataclass(frozen=True)
class Sender:
    """The parts of a record that are the same in every event of a customer, encoded once."""

    client: msgspec.Raw
    email_client: msgspec.Raw
    device: msgspec.Raw
    context: msgspec.Raw


def sender(customer: Customer) -> Sender:
    """What the customer's records say about who and what with."""
    endpoint = {
        "ChannelType": "EMAIL",
        "EndpointStatus": "ACTIVE",
        "OptOut": "NONE",
        "RequestId": f"rq-{customer.key:016x}",
        "User": {"UserId": customer.id},
    }
    return Sender(
        client=msgspec.Raw(_encode({"client_id": app_endpoint(customer)})),
        email_client=msgspec.Raw(_encode({"client_id": endpoint_id(customer, "EMAIL")})),
        device=msgspec.Raw(_encode(_LOCALE | _DEVICES[customer.platform])),
        context=msgspec.Raw(_encode({"custom": {"endpoint": _encode(endpoint).decode()}})),
    )


def app_event(
    who: Sender, event_type: str, occurred: int, arrived: int, attributes: dict[str, str], metrics: dict[str, float]
) -> bytes:
    """An event the customer's app or browser reported: it names the endpoint, and no customer.

    Args:
        who: the customer.
        event_type: `_monetization.purchase`, or a name of one's own.
        occurred: milliseconds since 1970 when it happened.
        arrived: milliseconds since 1970 when Pinpoint received it.
        attributes: texts of the event.
        metrics: numbers of the event. A whole number of cents divided by 100 is written with its cents exactly,
            because JSON gets the shortest digits that read back as the same number.
    """
    started = occurred - occurred % 900_000  # a session per quarter of an hour
    return _encode(
        {
            "event_type": event_type,
            "event_timestamp": occurred,
            "arrival_timestamp": arrived,
            "event_version": "3.1",
            "application": _APP,
            "client": who.client,
            "device": who.device,
            "session": {"session_id": f"s-{started:x}", "start_timestamp": started},
            "attributes": attributes,
            "metrics": metrics,
            "awsAccountId": ACCOUNT_ID,
        }
    )


def purchase(
    who: Sender, occurred: int, arrived: int, *, basket: str, store: int, cents: tuple[int, int, int], items: int
) -> bytes:
    """One basket.

    Args:
        who: the customer.
        occurred: milliseconds since 1970 when it happened.
        arrived: milliseconds since 1970 when Pinpoint received it.
        basket: the basket's number.
        store: the shop's number.
        cents: what was paid, the shop's discount and the coupons' discount.
        items: lines of the receipt. (Their quantity counts thousandths of a gallon where it is fuel.)
    """
    amount, retail, coupon = cents
    return app_event(
        who,
        "_monetization.purchase",
        occurred,
        arrived,
        {"_currency": "USD", "basket_id": basket, "store_id": str(store)},
        {
            "amount": amount / 100,
            "items": float(items),
            "retail_discount": retail / 100,
            "coupon_discount": coupon / 100,
        },
    )


def redemption(who: Sender, occurred: int, arrived: int, *, coupon: int, campaign: int) -> bytes:
    """One coupon redeemed: a custom event."""
    attributes = {"coupon_upc": str(coupon), "campaign_id": f"cmp-{campaign}"}
    return app_event(who, "coupon.redeemed", occurred, arrived, attributes, {})


def send(who: Sender, occurred: int, arrived: int, *, campaign: int) -> bytes:
    """One e-mail of a campaign, sent: it names the customer inside the endpoint, which is a text of JSON."""
    return _encode(
        {
            "event_type": "_campaign.send",
            "event_timestamp": occurred,
            "arrival_timestamp": arrived,
            "event_version": "3.1",
            "application": _MESSAGING,
            "client": who.email_client,
            "device": _NO_DEVICE,
            "session": {},
            "attributes": {
                "treatment_id": "0",
                "campaign_activity_id": f"act-{campaign}",
                "delivery_type": "EMAIL",
                "campaign_id": f"cmp-{campaign}",
                "campaign_send_status": "SUCCESS",
            },
            "awsAccountId": ACCOUNT_ID,
            "client_context": who.context,
        }
    )


def broken(record: bytes, flaw: str) -> bytes:
    """A record as a fault on the way left it: one of `FLAWS`."""
    if flaw == "truncated":
        return record[: len(record) * 3 // 5]
    if flaw == "not_json":
        return b"upstream request timeout\n"
    fields: dict[str, Any] = msgspec.json.decode(record)
    return _encode({name: value for name, value in fields.items() if name != "event_type"})
