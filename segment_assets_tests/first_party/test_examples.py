"""Every documented record against what it must become, all columns of it; and the vocabulary, name by name.

`segment_assets_tests/examples/` holds AWS's records as documented, and `normalised/` beside them a row of JSON for each
event that they become. The ids in there are checked here by the reference way to write canonical JSON.
"""

import json
from datetime import date, datetime
from decimal import Decimal
from hashlib import sha256
from pathlib import Path

import pytest

from segment_assets.first_party.compression import decompress
from segment_assets.first_party.formats.choice import KINDS
from segment_assets.first_party.tables import ENGAGEMENT_EVENTS
from segment_assets_tests.conftest import EXAMPLES
from segment_assets_tests.first_party.reading import read_stream

NORMALISED = EXAMPLES / "normalised"
KEY = "events/2026/09/21/14/example-1-2026-09-21-14-13-20-x"
EVERY = list(KINDS.values())
SAYS = {  # file -> the configured format of such an object
    "pinpoint_events_app.jsonl": "pinpoint",
    "pinpoint_events_campaign_journey.jsonl": "pinpoint",
    "pinpoint_events_email.jsonl": "pinpoint",
    "pinpoint_events_sms.jsonl": "pinpoint",
    "firehose_object_concatenated_no_newline.json": "pinpoint",
    "firehose_object_newline.gz": "pinpoint",
    "ses_events.jsonl": "ses",
    "eum_sms_events.jsonl": "end_user_messaging",
    "whatsapp_events.jsonl": "whatsapp",
    "whatsapp_events_eventbridge.jsonl": "whatsapp",
    "connect_campaign_email_events.jsonl": "connect",
    "cp_event_stream_records.jsonl": "connect",
}


def plain(value):
    if isinstance(value, date | datetime):
        return value.isoformat()
    return str(value) if isinstance(value, Decimal) else value


def rows(name: str, kinds=EVERY) -> list[dict]:
    events, bad = read_stream(kinds, (EXAMPLES / name).read_bytes(), KEY)
    assert bad == []
    return [{k: json.loads(json.dumps(plain(v))) for k, v in event.items()} for event in events]


def records(name: str) -> list:
    """By Python's own decoder alone."""
    content, _ = decompress((EXAMPLES / name).read_bytes())
    text, at, found = content.decode(), 0, []
    while text[at:].strip():
        at += len(text[at:]) - len(text[at:].lstrip())
        value, at = json.JSONDecoder().raw_decode(text, at)
        found.append(value)
    return found


@pytest.mark.parametrize("name", SAYS)
def test_every_record_is_normalised_in_every_column(name):
    expected = [json.loads(line) for line in (NORMALISED / f"{name}.jsonl").read_text().splitlines()]
    assert all(list(row) == ENGAGEMENT_EVENTS.schema.names for row in expected)
    assert rows(name, [KINDS[SAYS[name]]]) == expected
    assert rows(name) == expected, "the record itself says which kind it is"


@pytest.mark.parametrize("name", SAYS)
def test_an_id_is_the_hash_of_canonical_json(name):
    def reference(record) -> str:
        inner = record.get("Object", record)
        canonical = json.dumps(inner, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        return sha256(canonical.encode()).hexdigest()[:32]

    written = [r for r in records(name) if r.get("event_type") != "_test.event_stream"]
    assert [row["event_id"] for row in rows(name)] == [reference(record) for record in written]


def test_every_example_of_an_event_has_its_rows():
    names = {p.name for p in EXAMPLES.iterdir() if "event" in p.name or p.name.startswith("firehose_object")}
    of_profiles = {"cp_segment_subscription_events.jsonl"}  # who joined a segment: no engagement
    assert names - of_profiles == SAYS.keys()
    assert {p.name.removesuffix(".jsonl") for p in NORMALISED.iterdir()} == SAYS.keys()


def test_the_copies_are_those_of_the_specification(shared: Path):
    for path in sorted((shared / "spec" / "examples").iterdir()):
        assert (EXAMPLES / path.name).read_bytes() == path.read_bytes(), path.name


# The vocabulary as specified, in full.
PINPOINT = {
    "_email.send": "send", "_email.delivered": "delivered", "_email.open": "open", "_email.click": "click",
    "_email.hardbounce": "bounce_hard", "_email.softbounce": "bounce_soft", "_email.complaint": "complaint",
    "_email.rejected": "reject", "_email.unsubscribe": "unsubscribe", "_email.rendering_failure": "render_fail",
    "_SMS.BUFFERED": "queued", "_SMS.SUCCESS": "delivered", "_SMS.FAILURE": "fail", "_SMS.OPTOUT": "unsubscribe",
    "_campaign.send": "attempt", "_journey.send": "attempt", "_campaign.opened_notification": "open",
    "_campaign.received_foreground": "delivered", "_campaign.received_background": "delivered",
    "_session.start": "session_start", "_session.stop": "session_stop", "_session.pause": "session_pause",
    "_session.resume": "session_resume", "_userauth.sign_in": "sign_in", "_userauth.sign_up": "sign_up",
    "_userauth.auth_fail": "auth_fail", "_monetization.purchase": "purchase", "_SMS.SEND": "app",
    "cart.add": "app", "_email.teleported": "app",
}  # fmt: skip
SES = {
    "Send": "send", "Delivery": "delivered", "Open": "open", "Click": "click", "Complaint": "complaint",
    "Reject": "reject", "Rendering Failure": "render_fail", "DeliveryDelay": "delayed", "Teleported": "app",
}  # fmt: skip
VERBS = {
    "QUEUED": "queued", "PENDING": "queued", "SENT": "send", "SUCCESSFUL": "delivered", "DELIVERED": "delivered",
    "READ": "read", "INVALID": "fail", "INVALID_MESSAGE": "fail", "UNREACHABLE": "fail", "CARRIER_UNREACHABLE": "fail",
    "BLOCKED": "fail", "CARRIER_BLOCKED": "fail", "SPAM": "fail", "UNKNOWN": "fail", "TTL_EXPIRED": "fail",
    "PROTECT_BLOCKED": "fail", "FAILED": "fail", "FALLEN_BACK_TO_SMS": "fail",
}  # fmt: skip
CHANNELS = {"TEXT": "sms", "MEDIA": "mms", "VOICE": "voice", "RCS": "rcs"}
WHATSAPP = {"sent": "send", "delivered": "delivered", "read": "read", "failed": "fail"}
ENGAGES = {"open", "click", "read", "session_start", "purchase", "sign_in", "sign_up", "app"}
SUPPRESSES = {"bounce_hard", "complaint", "unsubscribe"}
AT = 1_790_000_000_000
WHEN = "2026-09-21T14:13:20Z"


def one(record) -> dict:
    [event], bad = read_stream(EVERY, json.dumps(record).encode(), KEY)
    assert bad == []
    return event


CASES = (
    [({"event_type": t, "event_timestamp": AT, "arrival_timestamp": AT}, "pinpoint", t, n) for t, n in PINPOINT.items()]
    + [({"eventType": t, "mail": {"timestamp": WHEN}}, "ses", t, n) for t, n in SES.items()]
    + [
        ({"eventType": f"{c}_{v}", "eventTimestamp": AT}, "eum", f"{c}_{v}", n)
        for c in CHANNELS
        for v, n in VERBS.items()
    ]
    + [
        (
            {"source": "aws.social-messaging", "detail": {"status": s, "eventTimestamp": str(AT // 1000)}},
            "eum_social",
            f"status.{s}",
            n,
        )
        for s, n in WHATSAPP.items()
    ]
    + [
        (
            {"campaign_event_type": t, "campaign_event_timestamp": WHEN, "channel": {"name": "EMAIL"}},
            "connect_campaign",
            f"Campaign-Email.{t}",
            n,
        )
        for t, n in SES.items()
    ]
)


@pytest.mark.parametrize(("record", "source", "kind", "name"), CASES, ids=[f"{c[1]} {c[2]}" for c in CASES])
def test_the_vocabulary_to_the_letter(record, source, kind, name):
    event = one(record)
    assert (event["source"], event["source_event_type"], event["event_name"]) == (source, kind, name)
    assert event["is_engagement"] == (name in ENGAGES)
    assert event["is_suppression"] == (name in SUPPRESSES)
    if source == "eum":
        assert event["channel"] == CHANNELS[kind.partition("_")[0]]
