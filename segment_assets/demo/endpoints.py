"""The invented customers as a Pinpoint endpoint export: JSON lines in the shape of `EndpointResponse`.

What identity is resolved from lies in two attributes of our own choice, because an endpoint has no field for it:
`Attributes.device_id` and `Attributes.postal_address` (with `Location.PostalCode`); consent lies in
`Attributes.marketing_consent`. https://docs.aws.amazon.com/pinpoint/latest/apireference/apps-application-id-endpoints-endpoint-id.html
"""

from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

import msgspec
import numpy as np

from segment_assets.demo.chance import fractions, keys
from segment_assets.demo.people import Customer

APPLICATION_ID = "7f3c1d2e4b5a69788796a5b4c3d2e1f0"
ACCOUNT_ID = "111122223333"
PUSH_CHANNELS = {"android": "GCM", "ios": "APNS"}
_LOCATION = {"Country": "US", "Region": "WA", "City": "Seattle"}


def endpoint_id(customer: Customer, channel: str) -> str:
    """The endpoint's id: `ep-000017-email`, `-sms`, `-gcm` or `-apns`."""
    return f"ep-{customer.id[1:]}-{channel.lower()}"


def app_endpoint(customer: Customer) -> str:
    """The endpoint that the customer's own events name: the app's, else the web shop's."""
    return endpoint_id(customer, PUSH_CHANNELS[customer.platform] if customer.platform else "EMAIL")


def export(customers: Sequence[Customer], first_day: date) -> bytes:
    """All endpoints as JSON lines; every one was created and took effect before `first_day`."""
    encode = msgspec.json.encode
    return b"\n".join(encode(line) for line in _lines(customers, first_day)) + b"\n"


def _lines(customers: Sequence[Customer], first_day: date) -> Iterator[dict[str, Any]]:
    ids = np.array([c.key for c in customers], np.uint64)
    names = ("since", "consent", "sms consent", "email out", "sms out", "inactive", "left over")
    chance = {name: fractions(ids, name).tolist() for name in names}
    tokens = keys(ids, "push token").tolist()
    opened = datetime(first_day.year, first_day.month, first_day.day, tzinfo=UTC)
    for i, customer in enumerate(customers):
        luck = {name: column[i] for name, column in chance.items()}
        # Known for 1 to 900 days when the replay begins; a second account is known half as long.
        since = opened - timedelta(hours=24 + int(luck["since"] * 900 * 24))
        yield _endpoint(
            customer,
            "EMAIL",
            customer.email,
            since,
            _consent(luck["consent"]),
            opted_out=luck["email out"] < 0.04,
            active=luck["inactive"] >= 0.03,
            attributes={"device_id": customer.seen_on, "postal_address": customer.address},
            location=_LOCATION | {"PostalCode": customer.postal_code},
        )
        if customer.phone:
            # Some who agreed to letters did not agree to text messages.
            consent = "denied" if luck["sms consent"] < 0.15 else _consent(luck["consent"])
            out = luck["sms out"] < 0.06
            yield _endpoint(customer, "SMS", customer.phone, since, consent, opted_out=out)
        if customer.platform:
            channel, token = PUSH_CHANNELS[customer.platform], f"{tokens[i]:016x}{customer.key:016x}"
            yield _endpoint(
                customer, channel, token, since, _consent(luck["consent"]), attributes={"device_id": customer.device}
            )
        elif luck["left over"] < 0.1:
            # The SDK leaves behind endpoints nobody can be reached by (aws-sdk-java#2377).
            token = f"{tokens[i]:032x}"
            yield _endpoint(customer, "APNS", token, since, None, opted_out=True, active=False)


def _endpoint(
    customer: Customer,
    channel: str,
    address: str,
    since: datetime,
    consent: str | None,
    *,
    opted_out: bool = False,
    active: bool = True,
    attributes: dict[str, str | None] | None = None,
    location: dict[str, str] | None = None,
) -> dict[str, Any]:
    known = {"marketing_consent": consent} | (attributes or {})
    platform = customer.platform if channel in PUSH_CHANNELS.values() else "web"
    return {
        "Id": endpoint_id(customer, channel),
        "ChannelType": channel,
        "Address": address,
        "EndpointStatus": "ACTIVE" if active else "INACTIVE",
        "OptOut": "ALL" if opted_out else "NONE",
        "RequestId": f"rq-{customer.key:016x}",
        "CohortId": str(customer.key % 100),
        "CreationDate": _iso(since),
        "EffectiveDate": _iso(since + timedelta(hours=12)),
        "ApplicationId": APPLICATION_ID,
        "Attributes": {name: [value] for name, value in known.items() if value is not None},
        "Metrics": {},
        **({"Location": location} if location else {}),
        "Demographic": {"Locale": "en_US", "Timezone": "America/Los_Angeles"}
        | ({"Platform": platform} if channel != "SMS" and platform else {}),
        "User": {"UserId": customer.id, "UserAttributes": {}},
    }


def _consent(luck: float) -> str | None:
    return "granted" if luck < 0.72 else "denied" if luck < 0.85 else None


def _iso(time: datetime) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S.000Z")
