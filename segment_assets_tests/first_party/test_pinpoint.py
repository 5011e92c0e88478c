import json
from datetime import UTC, date, datetime
from decimal import Decimal

import pyarrow as pa
import pyarrow.parquet
import pytest

from segment_assets.first_party.formats.pinpoint import PINPOINT
from segment_assets.first_party.formats.pinpoint_events import CHANNELS, EVENT_NAMES
from segment_assets.first_party.formats.stream import Stream
from segment_assets.first_party.vocabulary import ENGAGEMENT, NAMES
from segment_assets.people.addresses import sha256
from segment_assets_tests.first_party.loading import event, text
from segment_assets_tests.first_party.reading import read_stream, said

KEY = "events/2026/09/21/14/pinpoint-1-2026-09-21-14-13-20-x"
APP = "7f3c1d2e4b5a69788796a5b4c3d2e1f0"
EMAIL = sha256("email:dana@example.org")
PHONE = sha256("phone:+14255550142")
DANA = "Dana@example.org"
MESSAGE = "0100019a-4c1f7e20-5d3b-4c7e-9a10-2f6d8c11aa01-000000"


def read(content, key=KEY):
    return read_stream([PINPOINT], content, key)


def at(*time):
    return datetime(2026, 9, *time)


def examples(example_files, name):
    events, bad = read((example_files / name).read_bytes())
    assert bad == []
    return [said(e) for e in events]


COMMON = {"account_id": "111122223333", "app_id": APP, "occurred_at_quality": "exact", "is_suppression": False}


def test_app_events_field_by_field(example_files):
    app = COMMON | {
        "channel": "app",
        "endpoint_id": "ep-000042-gcm",
        "session_id": "s-1",
        "country": "US",
    }
    assert examples(example_files, "pinpoint_events_app.jsonl") == [  # the fourth is a probe
        app
        | {
            "source_event_type": "_session.start",
            "event_name": "session_start",
            "occurred_at": at(21, 17),
            "received_at": at(21, 17, 0, 1, 200_000),
            "is_engagement": True,
        },
        app
        | {
            "source_event_type": "cart.add",
            "event_name": "app",
            "occurred_at": at(21, 17, 1),
            "received_at": at(21, 17, 1, 2),
            "properties": [("category", "shoes"), ("sku", "A-100")],
            "metrics": [("quantity", 1.0), ("unit_price", 59.9)],
            "is_engagement": True,
        },
        app
        | {
            "source_event_type": "_session.stop",
            "event_name": "session_stop",
            "occurred_at": at(21, 17, 10),
            "received_at": at(21, 17, 10, 1),
            "is_engagement": False,
        },
    ]


def test_campaign_and_journey_events_field_by_field(example_files):
    attempt = COMMON | {
        "source_event_type": "_campaign.send",
        "event_name": "attempt",
        "user_id": "C000042",
        "outcome": "SUCCESS",
        "is_engagement": False,
    }
    assert examples(example_files, "pinpoint_events_campaign_journey.jsonl") == [
        attempt
        | {
            "channel": "push",
            "endpoint_id": "ep-000042-gcm",
            "campaign_id": "cmp-44",
            "activity_id": "act-9003",
            "treatment_id": "1",
            "occurred_at": at(21, 14, 13, 20, 426_000),
            "received_at": at(21, 14, 13, 20, 494_000),
            "properties": [("delivery_type", "GCM")],
        },
        attempt
        | {
            "channel": "email",
            "endpoint_id": "ep-000017-email",
            "campaign_id": "cmp-42",
            "activity_id": "act-9001",
            "treatment_id": "0",
            "occurred_at": at(21, 14, 13, 20, 427_000),
            "received_at": at(21, 14, 13, 20, 495_000),
            "properties": [("delivery_type", "EMAIL")],
        },
        COMMON
        | {
            "source_event_type": "_campaign.received_background",
            "event_name": "delivered",
            "channel": "push",
            "endpoint_id": "ep-000042-gcm",
            "campaign_id": "cmp-44",
            "activity_id": "act-9003",
            "treatment_id": "1",
            "occurred_at": at(21, 14, 13, 21),
            "received_at": at(21, 14, 13, 21, 900_000),
            "is_engagement": False,
        },
        attempt
        | {
            "source_event_type": "_journey.send",
            "channel": "email",
            "endpoint_id": "ep-000017-email",
            "journey_id": "jrn-1",
            "journey_run_id": "run-5",
            "activity_id": "0yKa",
            "occurred_at": at(21, 14, 15, 0, 843_000),
            "received_at": at(21, 14, 15, 0, 843_000),
            "properties": [("journey_activity_type", "EMAIL")],
        },
    ]


def test_email_events_field_by_field(example_files):
    email = COMMON | {
        "channel": "email",
        "endpoint_id": "ep-000017-email",
        "address_type": "email",
        "address_hash": EMAIL,
        "message_id": MESSAGE,
        "campaign_id": "cmp-42",
        "activity_id": "act-9001",
        "treatment_id": "0",
    }

    def happened(kind, name, *time, **more):
        both = {"occurred_at": at(*time), "received_at": at(*time), "occurred_at_quality": "arrival"}
        engaged = {"is_engagement": name in ENGAGEMENT}
        return email | both | engaged | {"source_event_type": f"_email.{kind}", "event_name": name} | more

    assert examples(example_files, "pinpoint_events_email.jsonl") == [
        happened("send", "send", 21, 14, 13, 20)
        | {"received_at": at(21, 14, 13, 20, 450_000), "occurred_at_quality": "exact"},
        happened("delivered", "delivered", 21, 14, 13, 22, 110_000, outcome="250 2.0.0 OK"),
        happened("open", "open", 22, 16, 13, 20),
        happened("click", "click", 21, 16, 13, 35, properties=[("link", "https://www.example.com/offers")]),
        happened("hardbounce", "bounce_hard", 21, 14, 13, 23, outcome="Permanent:NoEmail", is_suppression=True),
        happened("softbounce", "bounce_soft", 22, 1, 20, outcome="Transient:MailboxFull"),
        happened("rejected", "reject", 21, 14, 13, 20, 900_000, outcome="Bad content"),
    ]


def test_sms_events_field_by_field(example_files):
    sms = COMMON | {
        "channel": "sms",
        "endpoint_id": "ep-000017-sms",
        "user_id": "C000017",
        "address_type": "phone",
        "address_hash": PHONE,
        "message_id": "m-sms-0001",
        "campaign_id": "cmp-43",
        "activity_id": "act-9002",
        "treatment_id": "0",
        "country": "US",
        "properties": [
            ("message_type", "Promotional"),
            ("number_of_message_parts", "1"),
            ("sender_request_id", "srq-77"),
        ],
        "is_engagement": False,
    }

    def both(*time):  # an SMS is known when it happened, though it says that it arrived before
        return {"occurred_at": at(*time), "received_at": at(*time)}

    cost = {"cost_usd": Decimal("0.006450")}
    assert examples(example_files, "pinpoint_events_sms.jsonl") == [
        sms
        | both(21, 14, 13, 20, 300_000)
        | {"source_event_type": "_SMS.BUFFERED", "event_name": "queued", "outcome": "PENDING"},
        sms
        | both(21, 14, 13, 24, 322_000)
        | cost
        | {"source_event_type": "_SMS.SUCCESS", "event_name": "delivered", "outcome": "DELIVERED"},
        sms
        | both(21, 14, 23, 24, 322_000)
        | cost
        | {
            "source_event_type": "_SMS.OPTOUT",
            "event_name": "unsubscribe",
            "outcome": "OPTED_OUT",
            "message_id": "m-sms-0003",
            "is_suppression": True,
        },
    ]


def test_concatenated_records_and_lines_in_gzip_are_read_alike(example_files):
    folder = example_files
    joined, _ = read((folder / "firehose_object_concatenated_no_newline.json").read_bytes())
    lines, _ = read((folder / "firehose_object_newline.gz").read_bytes())
    assert joined == lines
    assert len(joined) == 5


def test_where_an_event_came_from_is_kept():
    (first, second), _ = read(text(event(number=1), event(number=2)))
    assert (first["raw_uri"], first["raw_ordinal"], first["arrival_hour"]) == (KEY, 0, 14)
    assert second["raw_ordinal"] == 1
    ((without_hour,), _) = read(text(event()), key="events/2026/01/01/x")
    assert without_hour["arrival_hour"] == 12


def test_every_name_and_channel_is_of_the_vocabulary():
    assert set(EVENT_NAMES.values()) <= NAMES
    assert set(CHANNELS.values()) == {"push", "email", "sms", "voice", "in_app", "custom"}


def test_an_unknown_type_is_kept_as_app_with_its_name():
    (row,), _ = read(text(event("_email.something_new")))
    assert (row["event_name"], row["source_event_type"], row["channel"]) == ("app", "_email.something_new", "email")


def test_a_complaint_suppresses_unless_it_is_none():
    def complaint(kind):
        mail_event = {"mail": {}, "complaint": {"complaint_feedback_type": kind}}
        return event("_email.complaint", facets={"email_channel": {"mail_event": mail_event}})

    rows, _ = read(text(complaint("abuse"), complaint("not-spam")))
    assert [(r["outcome"], r["is_suppression"]) for r in rows] == [("abuse", True), ("not-spam", False)]


@pytest.mark.parametrize(
    "part",
    [{"metrics": {"price": "1.50"}}, {"metrics": {"price_in_millicents_usd": 1e30}}, {"session": "none"},
     {"device": []}, {"application": {"app_id": 7}}, {"awsAccountId": ["x"]}],
)  # fmt: skip
def test_a_complaint_suppresses_though_a_part_that_decides_nothing_is_of_a_wrong_type(part):
    [event_], bad = read(text(event("_email.complaint", **part)))
    assert (event_["event_name"], event_["is_suppression"], bad) == ("complaint", True, [])
    events, bad = read(text(event("_email.open", **part)))
    assert (events, len(bad)) == ([], 1)


def test_addresses_stay_in_the_raw_zone():
    attributes = {"contact": "dana@example.org", "phone": "+1 425 555 0142", "sku": "A-100"}
    (row,), _ = read(text(event(attributes=attributes)))
    assert row["properties"] == [("sku", "A-100")]
    (row,), _ = read(text(event("viewed by dana@example.org")))
    assert (row["event_name"], row["source_event_type"]) == ("app", "viewed by [address]")


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        ({"event_timestamp": 1, "arrival_timestamp": 1}, "missing_key"),
        (event("") | {"event_type": ""}, "missing_key"),
        (event() | {"event_timestamp": "not-a-number"}, "wrong_type"),
        (event() | {"metrics": {"n": "many"}}, "wrong_type"),
        (event() | {"facets": []}, "wrong_type"),
        (event() | {"event_timestamp": 1_790_000_000}, "absurd_time"),  # seconds
        (event() | {"arrival_timestamp": 7_258_118_400_000}, "absurd_time"),  # the year 2200
        (event() | {"arrival_timestamp": 10**30}, "absurd_time"),
        (event() | {"arrival_timestamp": -1}, "absurd_time"),
        (b'{"event_type":"x","metrics":{"n":NaN}}', "not_finite"),
        (b'{"event_type":"\xff"}', "not_utf8"),
    ],
)
def test_what_is_no_event_is_quarantined_with_its_reason_and_place(record, reason):
    rows, bad = read(text(event(number=1), record, event(number=2)))
    assert [r["raw_ordinal"] for r in rows] == [0, 2]
    assert [(b["position"], b["reason"]) for b in bad] == [(1, reason)]


def test_numbers_of_any_spelling_are_read_alike():
    spelled = [b"1E-9", b"0.00001", b"1e16", b"123456789012345678", b"5", b"5.0", b"-0.0", b"1.5e2"]
    whole = json.dumps(event()).encode()
    rows, bad = read(b"\n".join(whole[:-1] + b',"metrics":{"n":%s}}' % number for number in spelled))
    assert bad == []
    assert [dict(r["metrics"])["n"] for r in rows] == [float(number) for number in spelled]
    reference = (
        json.dumps(event() | {"metrics": {"n": json.loads(n)}}, sort_keys=True, separators=(",", ":")) for n in spelled
    )
    assert [r["event_id"] for r in rows] == [sha256(record)[:32] for record in reference]


def test_of_a_key_that_is_there_twice_the_last_counts_as_in_the_id():
    rows, bad = read(b'{"event_type":3,' + json.dumps(event("cart.add")).encode()[1:])
    assert (bad, [r["source_event_type"] for r in rows]) == ([], ["cart.add"])


def test_an_endpoint_that_is_no_json_costs_the_user_and_not_the_event():
    broken = {"custom": {"endpoint": '{"User":'}}
    (row,), _ = read(text(event("_campaign.send", client_context=broken)))
    assert (row["user_id"], row["channel"]) == (None, "custom")


def test_aws_sample_loads_through_the_same_code(shared):
    content = (shared / "data" / "aws_sample" / "sample_pinpoint_events.parquet").read_bytes()
    rows, bad = read(content)
    assert bad == []
    assert len(rows) == 6_999
    assert len({r["event_id"] for r in rows}) == 6_999  # though all delivered events share one message id
    assert {r["event_name"] for r in rows} == {"delivered", "open"}
    assert rows[0]["endpoint_id"] == "2"
    assert rows[0]["account_id"] == "12345"
    assert rows[0]["address_hash"] == sha256("email:churn2@example.com")
    assert rows[0]["occurred_at"] == datetime(2019, 9, 27, 15, 9, 50)


def test_an_app_s_own_attributes_may_be_called_as_those_of_messages():
    own = {"feedback": "great", "record_status": "paid", "message_id": "m1", "iso_country_code": "x", "link": "y"}
    [row], _ = read(text(event("survey.submit", attributes=own)))
    assert dict(row["properties"]) == own
    assert (row["outcome"], row["message_id"]) == (None, None)


def test_a_clicked_link_comes_before_an_attribute_of_its_name():
    facets = {"email_channel": {"mail_event": {"click": {"link": "https://e.example/x?y"}}}}
    [row], _ = read(text(event("_email.click", attributes={"link": "hero", "a": "b"}, facets=facets)))
    assert row["properties"] == [("a", "b"), ("link", "https://e.example/x")]


def test_a_text_message_reported_before_midnight_and_sent_after_it_arrived_after_it():
    midnight = int(datetime(2026, 9, 22, tzinfo=UTC).timestamp() * 1000)
    told = event("_SMS.SUCCESS", event_timestamp=midnight + 300, arrival_timestamp=midnight - 100)
    delivered = Stream([PINPOINT]).read("events/x", text(told))
    assert delivered.records["arrived"].to_pylist() == [date(2026, 9, 22)]


def test_one_bad_row_of_a_parquet_file_costs_no_other():
    times, kind = [1_790_000_000_000 + n for n in range(9)], pa.map_(pa.string(), pa.string())
    maps = [[("n", str(n))] for n in range(8)] + [[("sku", "1"), ("sku", "2")]]
    columns = {
        "event_type": pa.StringArray.from_buffers(9, *pa.array([b"a", b"a", b"a", b"\xff"] + [b"a"] * 5).buffers()[1:]),
        "event_timestamp": times,
        "arrival_timestamp": times,
        "attributes": pa.array(maps, kind),
        "row": [1] * 9,
    }
    sink = pa.BufferOutputStream()
    pa.parquet.write_table(pa.table(columns), sink)
    rows, bad = read(sink.getvalue().to_pybytes())
    assert [b["reason"] for b in bad] == ["not_utf8"]
    assert [dict(r["properties"]) for r in rows][-2:] == [{"n": "7"}, {"sku": "2"}]
    assert [r["raw_ordinal"] for r in rows] == [0, 1, 2, 4, 5, 6, 7, 8]


def test_maps_as_lists_of_pairs_are_maps():
    pairs = pa.array([[{"key": "feedback", "value": "opened"}, {"key": "plan", "value": "gold"}]])
    table = pa.table(
        {
            "event_type": ["_email.open"],
            "event_timestamp": [1_790_000_000_000],
            "arrival_timestamp": [1_790_000_001_000],
            "attributes": pairs,
        }
    )
    sink = pa.BufferOutputStream()
    pa.parquet.write_table(table, sink)
    (row,), _ = read(sink.getvalue().to_pybytes())
    assert row["properties"] == [("plan", "gold")]


def test_a_parquet_file_that_cannot_be_read_is_one_quarantined_object():
    rows, bad = read(b"PAR1 and then nothing of it")
    assert rows == []
    assert [b["reason"] for b in bad] == ["bad_parquet"]


def test_the_raw_record_is_the_record_as_delivered():
    record = b'{ "event_type":"x" , "event_timestamp":1790000000000,"arrival_timestamp":1790000000000}'
    delivered = Stream([PINPOINT]).read(KEY, record)
    assert delivered.records["record"].to_pylist() == [record.decode()]
    assert json.loads(record)["event_type"] == "x"


def test_whom_a_server_s_answer_names_stays_in_the_raw_zone():
    part = {"delivery": {"smtp_response": "550 dana@example.org unknown"}}
    facets = {"email_channel": {"mail_event": part}}
    [found], _ = read(text(event("_email.delivered", facets=facets)))
    assert found["outcome"] == "550 [address] unknown"


def test_a_bounce_of_several_recipients_is_an_event_of_each():
    named = [{"email_address": DANA}, {"email_address": "Lee <lee@example.org>"}]
    bounced = {"bounce": {"bounce_type": "Permanent", "bounced_recipients": named}}
    facets = {"email_channel": {"mail_event": {"mail": {"message_id": "m"}} | bounced}}
    found, bad = read(text(event("_email.hardbounce", facets=facets), event()))
    assert bad == []
    hashes = [e["address_hash"] for e in found if e["is_suppression"]]
    assert hashes == [EMAIL, sha256("email:lee@example.org")]
    assert len({e["event_id"] for e in found}) == 3


def test_a_number_that_is_called_a_telephone_s_is_no_property():
    attributes = {"tel": "0791234567", "Phone Number": "079 123 45 67", "sku": "0791234567"}
    [found], _ = read(text(event(attributes=attributes)))
    assert dict(found["properties"]) == {"sku": "0791234567"}


def test_of_a_message_to_several_a_bounce_concerns_the_one_that_it_names():
    mail = {"message_id": "m", "destination": ["lee@example.org", "dana@example.org"]}
    told = {
        "_email.hardbounce": {"bounce": {"bounce_type": "Permanent", "bounced_recipients": [{"email_address": DANA}]}},
        "_email.complaint": {"complaint": {"complained_recipients": [{"email_address": DANA}]}},
        "_email.delivered": {"delivery": {"recipients": [DANA]}},
        "_email.softbounce": {"bounce": {"bounced_recipients": []}},
    }
    records = [
        event(kind, number=i, facets={"email_channel": {"mail_event": {"mail": mail} | part}})
        for i, (kind, part) in enumerate(told.items())
    ]
    events, bad = read(text(*records))
    assert bad == []
    hashes = {e["source_event_type"]: e["address_hash"] for e in events}
    assert hashes == dict.fromkeys(told, EMAIL) | {"_email.softbounce": sha256("email:lee@example.org")}


def test_a_map_without_entries_as_a_list_of_pairs_is_a_map():
    pair = pa.struct([("key", pa.string()), ("value", pa.string())])
    empty = pa.array([[]], pa.list_(pair))
    time = pa.array([1790000000000])
    names = ["event_type", "event_timestamp", "arrival_timestamp", "session", "attributes"]
    table = pa.Table.from_arrays([pa.array(["cart.add"]), time, time, empty, empty], names)
    sink = pa.BufferOutputStream()
    pa.parquet.write_table(table, sink)
    events, bad = read(sink.getvalue().to_pybytes())
    assert bad == []
    assert events[0]["session_id"] is None
