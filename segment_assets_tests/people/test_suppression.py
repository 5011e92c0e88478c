from datetime import datetime, timedelta

import pyarrow as pa

from segment_assets.people.suppression import suppressed, suppression_query
from segment_assets.sql import to_duckdb

START = datetime(2026, 3, 1)
CUTOFF = datetime(2026, 6, 1)
EVENTS = pa.schema(
    [
        ("user_id", pa.string()),
        ("endpoint_id", pa.string()),
        ("address_hash", pa.string()),
        ("channel", pa.string()),
        ("event_name", pa.string()),
        ("is_suppression", pa.bool_()),
        ("received_at", pa.timestamp("us")),
        ("event_id", pa.string()),
    ]
)
ENDPOINTS = pa.table(
    {
        "customer_id": ["C1", "C2", "C3"],
        "endpoint_id": ["e1", "e2", "e3"],
        "address_sha256": ["shared", "shared", "own"],
    }
)


def who(*events):
    rows = [{"channel": "email", "event_id": str(i), "received_at": START} | e for i, e in enumerate(events)]
    found = suppressed(pa.Table.from_pylist(rows, schema=EVENTS), ENDPOINTS, CUTOFF)
    return [(r["customer_id"], r["channel"], r["reason"]) for r in found.to_pylist()]


def soft(day):
    return {
        "endpoint_id": "e3",
        "event_name": "bounce_soft",
        "is_suppression": False,
        "received_at": START + timedelta(days=day),
    }


def test_an_event_finds_its_customer_by_user_endpoint_or_address():
    stop = {"event_name": "unsubscribe", "is_suppression": True}
    assert who(stop | {"user_id": "C9"}) == [("C9", "email", "unsubscribe")]
    assert who(stop | {"endpoint_id": "e3"}) == [("C3", "email", "unsubscribe")]
    assert who(stop | {"address_hash": "shared"}) == [("C1", "email", "unsubscribe"), ("C2", "email", "unsubscribe")]


def test_a_complaint_that_is_none_does_not_suppress():
    assert who({"user_id": "C1", "event_name": "complaint", "is_suppression": False}) == []


def test_the_first_reason_counts_per_channel():
    hard = {"user_id": "C1", "event_name": "bounce_hard", "is_suppression": True}
    stop = hard | {"event_name": "unsubscribe", "received_at": START + timedelta(days=1)}
    assert who(stop, hard, stop | {"channel": "sms"}) == [("C1", "email", "bounce_hard"), ("C1", "sms", "unsubscribe")]


def test_three_soft_bounces_in_thirty_days_suppress():
    assert who(soft(0), soft(10), soft(30)) == [("C3", "email", "bounce_soft_repeated")]
    assert who(soft(0), soft(10), soft(31)) == []
    assert who(soft(0), soft(1)) == []


def test_what_was_not_known_before_the_cutoff_does_not_count():
    late = {"user_id": "C1", "event_name": "unsubscribe", "is_suppression": True, "received_at": CUTOFF}
    assert who(late) == []


def test_the_query_reads_the_tables_it_is_given():
    text = to_duckdb(suppression_query(CUTOFF, events="known_events", endpoints="known_endpoints"))
    assert "known_events" in text
    assert "known_endpoints" in text
    assert "FROM engagement_events" not in text
