"""SES, End User Messaging, WhatsApp and Connect's campaigns, field by field, and every kind in one stream."""

import gzip
import json
from datetime import datetime
from decimal import Decimal

import pyarrow as pa
import pytest

from segment_assets.first_party.formats.choice import KINDS
from segment_assets.first_party.formats.end_user_messaging import name_of
from segment_assets.people.addresses import sha256
from segment_assets_tests.first_party.reading import parquet, read_stream, said

KEY = "events/2026/09/21/14/messages-1-2026-09-21-14-13-20-x"
NO_HOUR = "events/messages.jsonl"
EMAIL = {"address_type": "email", "address_hash": sha256("email:dana@example.org")}
PHONE = {"address_type": "phone", "address_hash": sha256("phone:+14255550142")}
PROFILES = "arn:aws:profile:us-east-1:111122223333"
EVERY = list(KINDS.values())


def at(*time):
    return datetime(2026, 9, *time)


END = at(21, 15)  # of the hour in the key


def events(*records, kinds=EVERY, key=KEY):
    content = b"".join(r if isinstance(r, bytes) else json.dumps(r).encode() for r in records)
    found, bad = read_stream(kinds, content, key)
    assert bad == [], [b["reason"] for b in bad]
    return found


def refused(record, kinds=EVERY):
    content = record if isinstance(record, bytes) else json.dumps(record).encode()
    found, bad = read_stream(kinds, content, KEY)
    assert found == []
    return [b["reason"] for b in bad]


def examples(example_files, name, kind, key=KEY):
    content = (example_files / name).read_bytes()
    found, bad = read_stream([KINDS[kind]], content, key)
    assert bad == []
    recognised, _ = read_stream(EVERY, content, key)
    assert recognised == found, "the record says which kind it is"
    return [said(e) for e in found]


def test_ses_events_field_by_field(example_files):
    common = EMAIL | {
        "channel": "email",
        "occurred_at_quality": "exact",
        "account_id": "111122223333",
        "app_id": "marketing",
        "user_id": "C000017",
        "campaign_id": "cmp-42",
        "message_id": "0100019a5d3b4c7e-11111111-2222-4333-8444-555555555555-000000",
    }

    def ses(kind, name, occurred, *, received=END, engagement=False, suppression=False, **more):
        named = {"source_event_type": kind, "event_name": name, "occurred_at": occurred, "received_at": received}
        return common | named | {"is_engagement": engagement, "is_suppression": suppression} | more

    sent, clicked, left = at(21, 14, 13, 20), at(21, 16, 0, 15), at(21, 16, 5)
    unfilled = "Attribute 'FirstName' is not present in the rendering data."
    link = [("link", "https://www.example.com/offers")]
    assert examples(example_files, "ses_events.jsonl", "ses") == [
        ses("Send", "send", sent),
        ses("Delivery", "delivered", at(21, 14, 13, 21, 700_000), outcome="250 2.6.0 accepted"),
        ses("Click", "click", clicked, received=clicked, engagement=True, properties=link),
        ses("Bounce", "bounce_hard", at(21, 14, 13, 22), outcome="Permanent:General", suppression=True),
        ses("Reject", "reject", sent, outcome="Bad content"),
        ses("Rendering Failure", "render_fail", sent, outcome=unfilled),
        ses("Subscription", "unsubscribe", left, received=left, suppression=True),
    ]


def test_text_messages_field_by_field(example_files):
    common = PHONE | {
        "channel": "sms",
        "occurred_at_quality": "exact",
        "user_id": "C000017",
        "campaign_id": "cmp-43",
        "country": "US",
        "is_engagement": False,
        "is_suppression": False,
    }
    first, cost = "6f7b6d5e-1111-4222-8333-944444444444", {"cost_usd": Decimal("0.008950")}

    def text(kind, name, occurred, message, *, received=END, **more):
        named = {"source_event_type": f"TEXT_{kind}", "event_name": name, "outcome": kind, "message_id": message}
        return common | named | {"occurred_at": occurred, "received_at": received} | more

    late = at(24, 14, 13, 24, 322_000)
    assert examples(example_files, "eum_sms_events.jsonl", "end_user_messaging") == [
        text("QUEUED", "queued", at(21, 14, 13, 20, 300_000), first),  # its price is counted when it is final
        text("SUCCESSFUL", "delivered", at(21, 14, 13, 23, 470_000), first, **cost),
        text("BLOCKED", "fail", at(21, 14, 13, 29), first.replace("6f", "7a", 1), **cost),
        text("UNKNOWN", "fail", late, first.replace("6f", "8a", 1), received=late, **cost),
    ]


def test_whatsapp_field_by_field(example_files):
    common = {
        "source_event_type": "status.read",
        "event_name": "read",
        "channel": "whatsapp",
        "occurred_at": at(21, 14, 18, 20),
        "occurred_at_quality": "exact",
        "account_id": "111122223333",
        "outcome": "read",
        "is_engagement": True,
        "is_suppression": False,
    }
    told = {"received_at": at(21, 14, 18, 20, 271_279), "user_id": "C000017", "campaign_id": "cmp-45"}
    assert examples(example_files, "whatsapp_events.jsonl", "whatsapp") == [
        common | PHONE | told | {"message_id": "wamid.EXAMPLE1"}
    ]
    assert examples(example_files, "whatsapp_events_eventbridge.jsonl", "whatsapp") == [
        common | {"received_at": at(21, 14, 18, 20), "message_id": "4bee7d29-0000-4a49-b84e-facf4424fe58"}
    ]


def test_connect_s_campaigns_field_by_field(example_files):
    common = EMAIL | {
        "channel": "email",
        "occurred_at_quality": "exact",
        "account_id": "111122223333",
        "message_id": "0100019a-conn-1",
        "campaign_id": "11111111-2222-4333-8444-555555555555",
        "activity_id": "act-1",
        "journey_run_id": "run-1",
        "segment_ref": f"{PROFILES}:domains/example-domain/segment-definitions/pred-churn-high",
        "properties": [("campaign_name", "Autumn churn save")],
        "is_suppression": False,
    }

    def campaign(kind, name, occurred, *, received=None, engagement=False):
        times = {"occurred_at": occurred, "received_at": received or occurred}
        named = {"source_event_type": f"Campaign-Email.{kind}", "event_name": name, "is_engagement": engagement}
        return common | times | named

    clicked = at(21, 16, 0, 15)
    assert examples(example_files, "connect_campaign_email_events.jsonl", "connect") == [
        campaign("Send", "send", at(21, 14, 13, 20, 500_000)),
        campaign("Delivery", "delivered", at(21, 14, 13, 22)),
        campaign("Click", "click", clicked, engagement=True),
    ]
    assert examples(example_files, "cp_event_stream_records.jsonl", "connect") == [
        campaign("Click", "click", clicked, received=at(21, 16, 0, 16), engagement=True)
    ]


def test_one_event_by_two_ways_has_one_id(example_files):
    bare = (example_files / "connect_campaign_email_events.jsonl").read_bytes().splitlines()[2]
    [streamed] = (example_files / "cp_event_stream_records.jsonl").read_bytes().splitlines()
    assert len({e["event_id"] for e in events(bare, streamed)}) == 1


def test_a_stream_may_hold_every_kind(example_files):
    names = ("pinpoint_events_app", "ses_events", "eum_sms_events", "whatsapp_events", "connect_campaign_email_events")
    content = b"".join((example_files / f"{name}.jsonl").read_bytes() for name in names)
    found, bad = read_stream(EVERY, gzip.compress(content.replace(b"\n", b""), mtime=0), KEY)
    assert bad == []
    assert {e["source"] for e in found} == {"pinpoint", "ses", "eum", "eum_social", "connect_campaign"}


def test_events_of_several_kinds_stay_in_the_order_of_their_records(example_files):
    names = ("pinpoint_events_app", "ses_events", "eum_sms_events")
    every = [(example_files / f"{name}.jsonl").read_bytes().splitlines() for name in names]
    mixed = b"\n".join(record for records in zip(*every, strict=False) for record in records)
    found, _ = read_stream(EVERY, mixed, KEY)
    assert len({e["source"] for e in found[:3]}) == 3
    assert [e["raw_ordinal"] for e in found] == sorted(e["raw_ordinal"] for e in found)


def test_what_no_kind_knows_is_quarantined():
    assert refused({"ProfileId": "x", "UpdatedAt": "2026-09-21T15:00:00Z", "Event": "JOINED"}) == ["unknown_kind"]
    assert refused({"eventType": "Send"}, [KINDS["ses"]]) == ["missing_key"]
    assert refused(ses("Send", sent="yesterday")) == ["bad_time"]
    assert refused(ses("Send", sent="2199-01-01T00:00:00Z")) == ["absurd_time"]
    assert refused({"eventType": "TEXT_SENT", "eventTimestamp": 1790000000}) == ["absurd_time"]
    assert refused({"eventType": "TEXT_SENT", "eventTimestamp": "soon"}) == ["wrong_type"]
    assert refused(webhook("no json")) == ["not_json"]
    assert refused(webhook({"changes": []})) == ["missing_key"]


def ses(kind, sent="2026-09-21T14:13:20Z", **part):
    return {"eventType": kind, "mail": {"timestamp": sent, "destination": ["dana@example.org"]}} | part


def notification(record):
    return {"Type": "Notification", "MessageId": "1", "TopicArn": "arn:aws:sns:x", "Message": json.dumps(record)}


def test_without_an_hour_in_the_key_a_record_was_known_when_it_happened():
    [event] = events(ses("Send"), key=NO_HOUR)
    assert event["received_at"] == event["occurred_at"] == at(21, 14, 13, 20)
    assert event["arrival_hour"] == 14


@pytest.mark.parametrize(
    ("part", "name", "suppresses"),
    [
        ({"bounceType": "Permanent", "bounceSubType": "NoEmail"}, "bounce_hard", True),
        ({"bounceType": "Transient", "bounceSubType": "MailboxFull"}, "bounce_soft", False),
        ({"bounceType": "Undetermined"}, "bounce_soft", False),
        ({"bounceType": "Permanent", "bounceSubType": "Suppressed"}, "reject", True),
        ({"bounceType": "Permanent", "bounceSubType": "OnAccountSuppressionList"}, "reject", True),
    ],
)
def test_a_bounce_is_hard_when_it_is_permanent(part, name, suppresses):
    [event] = events(ses("Bounce", bounce=part))
    assert (event["event_name"], event["is_suppression"]) == (name, suppresses)


def test_a_complaint_suppresses_unless_it_is_taken_back():
    marked, taken_back = events(
        ses("Complaint", complaint={"complaintFeedbackType": "abuse"}),
        ses("Complaint", complaint={"complaintFeedbackType": "not-spam"}),
    )
    assert (marked["is_suppression"], taken_back["is_suppression"]) == (True, False)
    assert taken_back["outcome"] == "not-spam"


def test_a_complaint_suppresses_though_what_decides_nothing_is_written_as_a_number():
    told = ses("Complaint", complaint={})
    told["mail"] |= {"sendingAccountId": 111122223333, "messageId": 17}
    campaign = {"campaign_event_type": "Complaint", "campaign_event_timestamp": "2026-09-21T14:13:20Z", "complaint": {}}
    numbers = {f"campaign_{name}": 7 for name in ("id", "name", "run_id", "activity_id", "message_id")}
    found = events(told, campaign | numbers)
    assert [e["is_suppression"] for e in found] == [True, True]
    assert (found[0]["account_id"], found[0]["message_id"]) == ("111122223333", "17")
    assert (found[1]["campaign_id"], dict(found[1]["properties"])) == ("7", {"campaign_name": "7"})


def test_an_event_concerns_whom_it_names_not_whom_the_message_was_sent_to():
    [event] = events(
        ses("Bounce", bounce={"bounceType": "Permanent", "bouncedRecipients": [{"emailAddress": "b@x.org"}]})
    )
    assert event["address_hash"] == sha256("email:b@x.org")


@pytest.mark.parametrize(("part", "key"), [("bounce", "bouncedRecipients"), ("complaint", "complainedRecipients")])
@pytest.mark.parametrize("around", [dict, notification])
def test_of_a_bounce_or_complaint_each_whom_it_names_is_an_event(part, key, around):
    named = [{"emailAddress": "a@x.org"}, {"emailAddress": "B <b@x.org>"}, {"emailAddress": "a@x.org"}]
    found = events(around(ses(part.title(), **{part: {"bounceType": "Permanent", key: named}})))
    assert [e["address_hash"] for e in found] == [sha256(f"email:{name}@x.org") for name in "aba"]
    assert len({e["event_id"] for e in found}) == 2, "who is named twice is one event, and a copy of it"
    assert all(e["is_suppression"] for e in found)


@pytest.mark.parametrize("written", ['"Cee, T" <Cee@x.org>', "Cee <cee@x.org>", "<cee@x.org>", "cee@x.org"])
def test_a_recipient_may_be_named_before_the_address(written):
    [event] = events(ses("Complaint", complaint={"complainedRecipients": [{"emailAddress": written}]}))
    assert event["address_hash"] == sha256("email:cee@x.org")


@pytest.mark.parametrize(
    ("before", "now", "name"),
    [
        ({"unsubscribeAll": False}, {"unsubscribeAll": True}, "unsubscribe"),
        ({"unsubscribeAll": True}, {"unsubscribeAll": False}, "subscribe"),
        ({"news": "OptIn"}, {"news": "OptOut"}, "unsubscribe"),
        ({"news": "OptOut"}, {"news": "OptIn"}, "subscribe"),
        ({"news": "OptOut", "deals": "OptIn"}, {"news": "OptIn", "deals": "OptOut"}, "unsubscribe"),
        ({"news": "OptOut"}, {"news": "OptOut"}, "unsubscribe"),
        ({}, {"news": "OptIn"}, "subscribe"),
    ],
)
def test_a_subscription_is_what_changed(before, now, name):
    def preferences(wants):
        topics = [{"topicName": t, "subscriptionStatus": s} for t, s in wants.items() if t != "unsubscribeAll"]
        return {"unsubscribeAll": wants.get("unsubscribeAll", False), "topicSubscriptionStatus": topics}

    part = {"newTopicPreferences": preferences(now), "oldTopicPreferences": preferences(before)}
    [event] = events(ses("Subscription", subscription=part))
    assert event["event_name"] == name


def test_an_unknown_type_is_kept_as_app():
    for record in (ses("Teleported"), {"eventType": "FAX_SENT", "eventTimestamp": 1790000000000}):
        [event] = events(record)
        assert (event["event_name"], event["source_event_type"]) == ("app", record["eventType"])


def test_an_envelope_changes_nothing_but_the_bytes_that_were_delivered():
    bare = ses("Send")
    around = notification(bare)
    bridge = {"detail-type": "Email Sent", "source": "aws.ses", "detail": bare}
    plain, by_sns, by_bridge = (event for record in (bare, around, bridge) for event in events(record))
    assert plain == by_sns == by_bridge


@pytest.mark.parametrize("kinds", [EVERY, [KINDS["ses"]], [KINDS["connect"]]], ids=["every", "ses", "connect"])
@pytest.mark.parametrize(
    ("inside", "reason"), [("{broken", "not_json"), ('{"a":1e999}', "not_finite"), ('{"a":"\\ud800"}', "not_utf8")]
)
def test_what_lies_broken_in_an_envelope_is_refused_and_the_records_beside_it_are_kept(kinds, inside, reason):
    around = {"Type": "Notification", "MessageId": "1", "TopicArn": "arn:aws:sns:x", "Message": inside}
    sound = ses("Send") | {"campaign_event_type": "Send", "campaign_event_timestamp": "2026-09-21T14:13:20Z"}
    content = "\n".join(json.dumps(record) for record in (sound, around, sound)).encode()
    found, bad = read_stream(kinds, content, KEY)
    assert ([e["raw_ordinal"] for e in found], [(b["position"], b["reason"]) for b in bad]) == ([0, 2], [(1, reason)])


@pytest.mark.parametrize("detail", [None, [1], "text", {}])
def test_an_event_of_eventbridge_without_details_is_of_no_kind(detail):
    assert refused({"detail-type": "Email Sent", "source": "aws.ses", "detail": detail}) == ["unknown_kind"]


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        ("TEXT_PENDING", "queued"),
        ("TEXT_SENT", "send"),
        ("MEDIA_DELIVERED", "delivered"),
        ("RCS_READ", "read"),
        ("RCS_FALLEN_BACK_TO_SMS", "fail"),
        ("TEXT_CARRIER_UNREACHABLE", "fail"),
        ("VOICE_RINGING", "fail"),
        ("VOICE_COMPLETED", "fail"),
        ("VOICE_NO_ANSWER", "fail"),
    ],
)
def test_what_is_said_of_a_message_becomes_a_verb(kind, name):
    assert name_of(kind) == name


def webhook(entry):
    told = entry if isinstance(entry, str) else json.dumps(entry)
    return {"whatsAppWebhookEntry": told, "message_timestamp": "2026-09-21T14:18:20.271279391Z"}


def test_each_thing_that_one_webhook_says_is_an_event():
    statuses = [{"id": f"m{n}", "status": s, "timestamp": "1790000300"} for n, s in enumerate(("sent", "failed"))]
    statuses[1]["errors"] = [{"code": 131, "title": "Re-engagement message"}]
    reply = {"id": "m9", "type": "text", "from": "14255550142", "timestamp": "1790000301", "text": {"body": "private"}}
    found = events(webhook({"changes": [{"value": {"statuses": statuses}}, {"value": {"messages": [reply]}}]}))
    assert [(e["source_event_type"], e["event_name"], e["outcome"]) for e in found] == [
        ("status.sent", "send", "sent"),
        ("status.failed", "fail", "Re-engagement message"),
        ("message.text", "app", None),
    ]
    assert len({e["event_id"] for e in found}) == len({e["raw_ordinal"] for e in found}) == 3
    assert "private" not in repr(found), "what a customer writes stays in the raw zone"
    assert found[2]["address_hash"] == PHONE["address_hash"]


def test_a_number_of_mexico_joins_by_the_number_without_the_1_that_whatsapp_writes():
    status = {"status": "read", "timestamp": "1790000000", "recipient_id": "5215512345678"}
    [found] = events(webhook({"changes": [{"field": "messages", "value": {"statuses": [status]}}]}))
    assert found["address_hash"] == sha256("phone:+525512345678")


def test_whom_an_error_of_whatsapp_names_stays_in_the_raw_zone():
    failed = {"id": "m", "status": "failed", "timestamp": "1790000300", "recipient_id": "14255550142"}
    failed["errors"] = [{"message": "not delivered to 14255550142"}]
    [event] = events(webhook({"changes": [{"value": {"statuses": [failed]}}]}))
    assert event["outcome"] == "not delivered to [number]"


def test_what_is_no_event_of_a_customer_is_no_engagement():
    changed = {"ObjectTypeName": "_profile", "EventType": "UPDATED", "EventTimestamp": "2026-09-21T16:00:16Z"}
    [event] = events(changed | {"Object": {"FirstName": "Dana"}})
    assert (event["source_event_type"], event["event_name"], event["is_engagement"]) == (
        "_profile.UPDATED",
        "app",
        False,
    )


def test_what_meta_tells_of_a_template_is_an_event_but_no_customer_s():
    told = {
        "time": 1790000300,
        "changes": [{"field": "message_template_status_update", "value": {"event": "REJECTED"}}],
    }
    [event] = events(webhook(told))
    assert (event["source_event_type"], event["event_name"], event["is_engagement"]) == (
        "message_template_status_update",
        "app",
        False,
    )
    assert event["occurred_at"] == at(21, 14, 18, 20, 271_279)


@pytest.mark.parametrize(
    ("part", "said"),
    [
        ({"deliveryDelay": {"delayType": "MailboxFull"}}, "MailboxFull"),
        ({"failure": {"errorMessage": "attribute name is missing"}}, "attribute name is missing"),
    ],
)
def test_a_campaign_s_mail_has_the_outcome_of_ses_s_own(part, said):
    campaign = {"campaign_event_type": "DeliveryDelay", "campaign_event_timestamp": "2026-09-21T14:00:00Z"}
    assert [e["outcome"] for e in events(campaign | part)] == [said]


CAMPAIGN = {"campaign_event_timestamp": "2026-09-21T14:00:00Z", "channel": {"name": "EMAIL"}}
LEFT = {"newTopicPreferences": {"unsubscribeAll": True}, "oldTopicPreferences": {"unsubscribeAll": False}}
JOINED = {"newTopicPreferences": {"unsubscribeAll": False}, "oldTopicPreferences": {"unsubscribeAll": True}}


@pytest.mark.parametrize(
    ("kind", "part", "name"),
    [
        ("Subscription", {"subscription": LEFT}, "unsubscribe"),
        ("Subscription", {"subscription": JOINED}, "subscribe"),
        ("Subscription", {}, "unsubscribe"),
        ("Unsubscribe", {}, "unsubscribe"),
    ],
)
def test_who_unsubscribes_from_a_campaign_is_not_written_to_again(kind, part, name):
    bare = CAMPAIGN | {"campaign_event_type": kind} | part
    around = {"ObjectTypeName": "Campaign-Email", "EventTimestamp": "2026-09-21T14:00:01Z"}
    for record in (bare, around | {"Object": bare}):
        [event] = events(record)
        assert (event["event_name"], event["is_suppression"]) == (name, name == "unsubscribe")
        assert not event["is_engagement"]


def test_a_campaign_s_record_is_connect_s_though_it_carries_ses_s_parts():
    bounced = ses("Bounce", bounce={"bounceType": "Permanent", "bounceSubType": "General"})
    campaign = CAMPAIGN | {"campaign_event_type": "Bounce", "campaign_id": "c", "segment_arn": "arn:s"}
    texted = {"eventType": "TEXT_DELIVERED", "eventTimestamp": 1790000000000}
    for parts, name in ((bounced, "bounce_hard"), (texted, "bounce_soft")):
        [event] = events(parts | campaign)
        assert (event["source"], event["event_name"]) == ("connect_campaign", name)
        assert (event["campaign_id"], event["segment_ref"]) == ("c", "arn:s")


@pytest.mark.parametrize(
    ("channel", "kind", "name", "engagement"),
    [
        ("WHATSAPP", "delivered", "delivered", False),
        ("WHATSAPP", "read", "read", True),
        ("WHATSAPP", "failed", "fail", False),
        ("SMS", "TEXT_DELIVERED", "delivered", False),
    ],
)
def test_what_a_campaign_sends_to_a_telephone_is_engagement_only_where_somebody_acted(channel, kind, name, engagement):
    [event] = events(CAMPAIGN | {"campaign_event_type": kind, "channel": {"name": channel}})
    assert (event["event_name"], event["is_engagement"]) == (name, engagement)


def tagged(record, **tags):
    return record | {"mail": record["mail"] | {"tags": tags}}


def test_a_link_that_was_followed_comes_before_a_tag_of_its_name():
    [click] = events(tagged(ses("Click", click={"link": "https://e.example/x?y=1"}), link=["hero"]))
    assert click["properties"] == [("link", "https://e.example/x")]


def test_a_tag_that_is_called_as_a_person_s_address_stays_in_the_raw_zone():
    [sent] = events(tagged(ses("Send"), **{"dana@example.org": ["k"], "plan": ["gold"]}))
    assert sent["properties"] == [("plan", "gold")]


def test_a_number_that_is_called_a_telephone_s_stays_in_the_raw_zone():
    tags = {
        "phone": ["0791234567"],
        "mobileNumber": ["079 123 45 67"],
        "order": ["0791234567"],
        "phone_since": ["2026"],
    }
    [sent] = events(tagged(ses("Send"), **tags))
    assert sent["properties"] == [("order", "0791234567"), ("phone_since", "2026")]


def test_an_envelope_s_message_may_begin_with_a_line_end():
    inside = "\n" + json.dumps(ses("Send"))
    [sent] = events({"Type": "Notification", "TopicArn": "arn:aws:sns:x", "Message": inside})
    assert sent["event_name"] == "send"


def test_whom_a_server_s_answer_names_stays_in_the_raw_zone():
    answer = "550 5.1.1 <dana@example.org>: no such user; call +1 425 555 0142"
    [mail] = events(ses("Delivery", delivery={"smtpResponse": answer}))
    [reason] = events(ses("Reject", reject={"reason": "dana@example.org is listed"}))
    assert mail["outcome"] == "550 5.1.1 <[address]>: no such user; call [number]"
    assert reason["outcome"] == "[address] is listed"


@pytest.mark.parametrize("price", [1e300, -1e300, 999_999.9999999, 10**18])
def test_a_price_that_no_column_holds_is_refused_and_the_records_beside_it_are_kept(price):
    text = {"eventType": "TEXT_DELIVERED", "eventTimestamp": 1790000000300, "isFinal": True, "totalMessagePrice": price}
    pinpoint = {"event_type": "_SMS.SUCCESS", "event_timestamp": 1790000000300, "arrival_timestamp": 1790000000300}
    pinpoint |= {"metrics": {"price_in_millicents_usd": price * 100_000}}
    good = text | {"totalMessagePrice": 999_999.0}
    found, bad = read_stream(EVERY, b"\n".join(json.dumps(r).encode() for r in (text, good, pinpoint)), KEY)
    assert [b["reason"] for b in bad] == ["absurd_price", "absurd_price"]
    assert [e["cost_usd"] for e in found] == [Decimal("999999.000000")]


def test_text_messages_through_eventbridge_are_the_same_events():
    inner = {"eventType": "TEXT_DELIVERED", "eventTimestamp": 1790000000300, "messageId": "m", "isoCountryCode": "US"}
    around = {"version": "0", "detail-type": "Text Message Delivery Status Updated", "source": "aws.sms-voice"}
    bare, enveloped = events(inner), events(around | {"account": "111122223333", "detail": inner})
    assert enveloped == bare
    assert [e["event_name"] for e in bare] == ["delivered"]


def lowered(value):
    if isinstance(value, dict):
        return {key.lower(): inner if key == "tags" else lowered(inner) for key, inner in value.items()}
    return [lowered(one) for one in value] if isinstance(value, list) else value


@pytest.mark.parametrize("kinds", [EVERY, [KINDS["ses"]]])
def test_ses_events_that_became_parquet_in_lower_case_are_the_same_events(kinds):
    tags = {"customerId": ["C1"], "ses:configuration-set": ["m"]}
    sent = [
        ses("Bounce", bounce={"bounceType": "Permanent", "bouncedRecipients": [{"emailAddress": "b@x.org"}]}),
        ses("Click", click={"timestamp": "2026-09-21T14:15:00Z", "link": "https://x.org/a?b"}),
        ses("DeliveryDelay", deliveryDelay={"delayType": "MailboxFull"}),
        ses("Subscription", subscription={"newTopicPreferences": {"unsubscribeAll": True}}),
    ]
    for record in sent:
        record["mail"] |= {"messageId": "m", "sendingAccountId": "111122223333", "tags": tags}
    rows = [lowered(record) | {"mail": lowered(record["mail"]) | {"tags": [*tags.items()]}} for record in sent]
    mail = pa.struct([(name, pa.string()) for name in ("timestamp", "messageid", "sendingaccountid")])
    mail = pa.struct([*mail, ("destination", pa.list_(pa.string()))])
    mail = pa.struct([*mail, ("tags", pa.map_(pa.string(), pa.list_(pa.string())))])
    columns = {name: [row.get(name) for row in rows] for name in {key for row in rows for key in row}}
    converted = parquet(**columns | {"mail": pa.array(columns["mail"], mail)})
    same = ("event_id", "raw_ordinal")  # of the same records, as text
    assert [{**e, **dict.fromkeys(same)} for e in events(converted, kinds=kinds)] == [
        {**e, **dict.fromkeys(same)} for e in events(*sent, kinds=kinds)
    ]


def test_a_mail_event_without_any_time_lacks_a_key_and_one_with_another_text_has_a_bad_time():
    mail = {"messageId": "m", "destination": ["dana@example.org"]}
    assert refused({"eventType": "Send", "mail": mail}) == ["missing_key"]
    late = mail | {"timestamp": "Mon, 21 Sep 2026 14:13:20 +0000"}
    assert refused({"eventType": "Send", "mail": late}) == ["bad_time"]
