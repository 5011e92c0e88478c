"""What would suppress somebody and lies in quarantine is counted, and told."""

import gzip
import json

import pytest

from segment_assets.first_party import unread_suppressions
from segment_assets.first_party.checks import are_read
from segment_assets.first_party.tables import QUARANTINED_RECORDS
from segment_assets.landing_config import EventsLanding, EventTable
from segment_assets.operations.failures import TOLD
from segment_assets_tests.first_party.loading import event, load_days, put, text

SOME_DAY = "Thu, 01 Jan 2026 12:00:00 +0000"


def ses(kind, **part):
    return {"eventType": kind, "mail": {"timestamp": SOME_DAY}} | part


def enveloped(record):
    return {"Type": "Notification", "TopicArn": "arn:aws:sns:x", "Message": json.dumps(record)}


def test_of_a_stream_records_are_counted_that_name_a_suppression_whole_or_cut_off(lake, landing):
    suppress = [
        event("_email.unsubscribe", arrival_timestamp=12),
        event("_SMS.OPTOUT", arrival_timestamp="soon"),
        ses("Bounce", bounce={"bounceType": "Permanent"}),
        enveloped(ses("Complaint")),
        enveloped(ses("Subscription")),
        {"campaign_event_type": "Unsubscribe", "campaign_event_timestamp": SOME_DAY},
        text(ses("Complaint"))[:-1] + b",",
    ]
    others = [
        event("_email.open", arrival_timestamp=12),
        ses("Bounce", bounce={"bounceType": "Transient"}),
        ses("Send", note="Complaint"),
        b"{broken",
    ]
    lines = b"\n".join(text(record) for record in [*suppress, *others, event()])
    landing.write("events/2026/01/01/12/a.gz", gzip.compress(lines))
    load_days(lake, landing)
    assert lake.read(QUARANTINED_RECORDS).num_rows == len(suppress + others)
    assert unread_suppressions.count(lake, {}) == len(suppress)


CSV = """who,when,what,shop
C1,some day,Un-Subscribe,A
C2,some day,"opt out",A
,2026-01-01,complaint,A
C4,2026-01-01,unsubscribe
C5,some day,order,A
C6,some day,order,complaint desk
C7,some day,left,A
C8,2026-01-01,order,A
"""


@pytest.mark.parametrize(
    ("given", "counted"),
    [
        ({"event": "what"}, 3),
        ({"event": "what", "rename": {"opt-out": "unsubscribe", "left": "unsubscribe"}}, 5),
        ({"event": "what", "rename": {"complaint": "claim"}}, 2),
        ({"event_name": "order"}, 0),
        ({"event_name": "Unsubscribe"}, 7),
    ],
)
def test_of_a_table_rows_are_counted_whose_event_suppresses_however_it_is_spelled(lake, landing, given, counted):
    table = EventTable(customer="who", time="when", **given)
    landing.write("events/o.csv", CSV.encode())
    load_days(lake, landing, where=EventsLanding(format="table", table=table))
    assert lake.read(QUARANTINED_RECORDS).num_rows == 7
    assert unread_suppressions.count(lake, {"events/": table}) == counted
    assert unread_suppressions.count(lake, {"elsewhere/": table}) == 0, "there it would be a stream's"


def test_what_suppresses_and_is_not_read_is_told_on_the_screen():
    told = are_read(2)
    assert not told.passed
    assert told.description is not None
    assert told.description.startswith("2 records in quarantine are of an unsubscribe")
    assert are_read(0).passed
    assert told.check_name in TOLD


def test_nothing_in_quarantine_is_nothing_to_tell(lake, landing):
    put(landing, 1, "a", event("_email.unsubscribe"))
    load_days(lake, landing)
    assert unread_suppressions.count(lake, {}) == 0
