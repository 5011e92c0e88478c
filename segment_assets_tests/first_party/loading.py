"""Landing objects into a real lake, as the assets do it."""

import gzip
import json
from datetime import UTC, date, datetime

from segment_assets.first_party import engagement, event_account, raw_events
from segment_assets.first_party.deliveries import day_of, event_objects, landing_days
from segment_assets.first_party.formats.choice import format_of
from segment_assets.first_party.loading import load
from segment_assets.first_party.undated import days_of
from segment_assets.landing_config import EventsLanding

PINPOINT = EventsLanding()


def milliseconds(*time):
    return int(datetime(*time, tzinfo=UTC).timestamp() * 1000)


def event(event_type="cart.add", *, day=1, number=0, **more):
    time = milliseconds(2026, 1, day, 12) + number
    return {
        "event_type": event_type,
        "event_timestamp": time,
        "arrival_timestamp": time + 1000,
        "client": {"client_id": f"ep-{number}"},
        "attributes": {"n": str(number)},
    } | more


def text(*records):
    return b"".join(r if isinstance(r, bytes) else json.dumps(r).encode() for r in records)


def put(landing, day, name, *records):
    landing.write(f"events/2026/01/{day:02d}/12/{name}.gz", gzip.compress(text(*records)))


def days_in(landing, where=PINPOINT):
    form = format_of(where)
    objects = event_objects(landing, where)
    told = {o.key: days_of(landing, form, o) for o in objects if day_of(form, o.key) is None}
    return landing_days(form, objects, told)


def load_days(lake, landing, days=None, where=PINPOINT, code=""):
    wanted = [date.fromisoformat(d) for d in (days_in(landing, where) if days is None else days)]
    versions = {}
    for loaded in load(landing, format_of(where), event_objects(landing, where), wanted, lake.scratch):
        versions |= raw_events.write(lake, loaded, "run", code)
        assert all(c.nothing_lost for c in raw_events.verify(lake, loaded).values())
    return versions


def normalise(lake, where=PINPOINT, code="code"):
    written, made = engagement.update(lake, format_of(where), code, "run")
    account = event_account.account(lake)
    assert account.nothing_lost
    assert account.keys == account.events
    return account, made, written


def of_every_family(number):
    """One record of each kind of stream, told apart by a number; each is one event."""
    time = milliseconds(2026, 1, 1, 12) + number
    second, iso = time // 1000, f"2026-01-01T12:00:{number % 60:02}.{number % 1000:03}Z"
    status = {"id": f"w{number}", "status": "read", "timestamp": str(second), "recipient_id": "14255550142"}
    campaign = {"campaign_event_type": "Click", "campaign_event_timestamp": iso, "campaign_message_id": f"c{number}"}
    mail = {"timestamp": iso, "messageId": f"m{number}", "destination": ["dana@example.org"]}
    sent = {"eventType": "Send", "mail": mail}
    return {
        "pinpoint": event(number=number),
        "ses": sent,
        "ses by SNS": {"Type": "Notification", "TopicArn": "arn:aws:sns:x", "Message": json.dumps(sent)},
        "end_user_messaging": {"eventType": "TEXT_DELIVERED", "eventTimestamp": time, "messageId": f"t{number}"},
        "whatsapp": {
            "whatsAppWebhookEntry": json.dumps({"changes": [{"value": {"statuses": [status]}}]}),
            "message_timestamp": iso,
        },
        "connect": campaign,
        "connect by a profile": {
            "ObjectTypeName": "Campaign-Email",
            "EventType": "CREATED",
            "EventTimestamp": iso,
            "Object": campaign,
        },
    }
