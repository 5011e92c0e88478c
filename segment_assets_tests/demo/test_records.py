"""Records have the documented shape, and money keeps its cents."""

import json
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from segment_assets.demo import people, records

CUSTOMER = people.invent([17])[0]
WHO = records.sender(CUSTOMER)


def _purchase(cents: int) -> bytes:
    return records.purchase(WHO, 1_000, 2_000, basket="1", store=330, cents=(cents, 0, 0), items=1)


@given(st.integers(0, 10**9))
def test_amounts_keep_their_cents_exactly(cents):
    said = json.loads(_purchase(cents), parse_float=Decimal)["metrics"]["amount"]
    assert said == Decimal(cents) / 100


def test_an_app_event_has_the_fields_of_the_documented_example(example_files):
    lines = (example_files / "pinpoint_events_app.jsonl").read_text().splitlines()
    example, ours = json.loads(lines[1]), json.loads(_purchase(1_234))
    assert set(ours) == set(example)
    for part in ("session", "application"):
        assert set(ours[part]) <= set(example[part])
    assert {k: type(v) for k, v in ours.items()} == {k: type(v) for k, v in example.items()}


def test_a_send_has_the_fields_of_the_documented_example_and_names_the_customer_in_a_text(example_files):
    lines = (example_files / "pinpoint_events_campaign_journey.jsonl").read_text().splitlines()
    example, ours = json.loads(lines[1]), json.loads(records.send(WHO, 1, 2, campaign=42))
    assert set(ours) == set(example)
    assert ours["attributes"] == example["attributes"] | {"campaign_activity_id": "act-42"}
    inside = json.loads(ours["client_context"]["custom"]["endpoint"])
    assert inside["User"] == {"UserId": "C000017"}


def test_each_flaw_breaks_a_record_in_its_own_way():
    record = _purchase(100)
    truncated, not_json, no_type = (records.broken(record, flaw) for flaw in records.FLAWS)
    assert record.startswith(truncated)
    assert len(truncated) < len(record)
    assert not not_json.startswith(b"{")
    assert set(json.loads(record)) - set(json.loads(no_type)) == {"event_type"}
