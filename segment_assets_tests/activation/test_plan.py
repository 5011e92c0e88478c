"""What is told, and when nothing is."""

from datetime import date

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from segment_assets.activation.plan import RECIPIENT, WANTED, Held, Order, plan

ORDER = Order("pinpoint", "win_back", "Win back", date(2026, 9, 22), "1")
customers = st.sets(st.sampled_from("abcdef"))


def wanted(*people, score=0.5):
    return pa.Table.from_pylist([about(p) | {"score": score, "band": "high"} for p in people], WANTED)


def about(person):
    return {"customer_id": person, "recipient": f"ep-{person}", "channel": "email", "address_sha256": f"sha-{person}"}


def recipients(*people):
    return wanted(*people).select(RECIPIENT)


def held(*people, perhaps=(), key="k", sequence=1):
    return Held(sequence, key, recipients(*people), recipients(*perhaps))


def states(planned):
    return dict(zip(planned.rows["customer_id"].to_pylist(), planned.rows["state"].to_pylist(), strict=True))


def test_who_leaves_is_told_to_leave():
    planned = plan(ORDER, wanted("a", "b"), held("b", "c"))
    assert states(planned) == {"a": "in", "b": "in", "c": "out"}
    assert (planned.members, planned.joined, planned.left, planned.stayed) == (2, 1, 1, 1)
    assert planned.sequence == 2


def test_a_leaver_is_named_by_endpoint_alone():
    gone = plan(ORDER, wanted("a"), held("c")).rows.to_pylist()[1]
    assert gone["recipient"] == "ep-c"
    assert [gone[name] for name in ("channel", "address_sha256", "score", "band")] == [None] * 4


def test_whoever_was_perhaps_told_is_told_to_leave_too():
    planned = plan(ORDER, wanted("a"), held("a", perhaps=("a", "x")))
    assert states(planned) == {"a": "in", "x": "out"}
    assert planned.left == 0


def test_unchanged_content_is_not_sent_again_and_says_so():
    key = plan(ORDER, wanted("a"), held()).content_key
    again = plan(ORDER, wanted("a"), held("a", key=key, sequence=3))
    assert again.why_nothing == "unchanged: pinpoint holds exactly this since activation 3"


def test_content_that_returns_is_sent_again():
    first = plan(ORDER, wanted("a"), held())
    second = plan(ORDER, wanted("b"), held("a", key=first.content_key))
    third = plan(ORDER, wanted("a"), held("b", key=second.content_key, sequence=2))
    assert third.why_nothing is None
    assert third.content_key == first.content_key
    assert third.folder != first.folder


def test_what_was_perhaps_overwritten_is_sent_again():
    key = plan(ORDER, wanted("a"), held()).content_key
    assert plan(ORDER, wanted("a"), held("a", perhaps=("a",), key=key)).why_nothing is None


@pytest.mark.parametrize(
    ("changed", "people", "before", "why"),
    [
        ({"min_size": 3}, "ab", "", "min_size: the segment has 2 members, and fewer than 3 are not activated"),
        ({"max_change": 0.5}, "abc", "cdef", "max_change: 83% of the customers concerned would join or leave"),
        ({"max_change": 0.5}, "abc", "abd", None),  # two of four
        ({"max_change": 0.1}, "abc", "", None),  # the first activation changes nothing that was
        ({"min_size": 0}, "", "", "the segment is empty, and pinpoint holds nothing of it"),
        ({"min_size": 0}, "", "ab", None),
    ],
)
def test_guards(changed, people, before, why):
    order = Order("pinpoint", "win_back", "Win back", date(2026, 9, 22), "1", **changed)
    planned = plan(order, wanted(*people), held(*before))
    assert planned.why_nothing is None if why is None else planned.why_nothing.startswith(why)


def test_the_key_follows_the_content_and_nothing_else():
    key = plan(ORDER, wanted("a", "b"), held()).content_key
    later = Order("pinpoint", "win_back", "Win back", date(2027, 1, 1), "1")
    assert plan(later, wanted("b", "a"), held("c", sequence=9)).content_key == key
    assert plan(ORDER, wanted("a", "b", score=0.6), held()).content_key != key
    assert plan(ORDER, wanted("a"), held()).content_key != key
    reworded = Order("pinpoint", "win_back", "Win back", ORDER.as_of, "2")
    assert plan(reworded, wanted("a", "b"), held()).content_key != key
    moved = wanted("a", "b").set_column(3, "address_sha256", pa.array(["sha-new", "sha-b"]))
    assert plan(ORDER, moved, held()).content_key != key


@given(customers, customers, customers)
def test_after_the_rows_the_destination_holds_exactly_what_is_wanted(now, before, perhaps):
    planned = plan(ORDER, wanted(*sorted(now)), held(*sorted(before), perhaps=sorted(perhaps)))
    told = states(planned)
    holds = (before | perhaps | {p for p, s in told.items() if s == "in"}) - {p for p, s in told.items() if s == "out"}
    assert holds == now
    assert planned.joined + planned.stayed == planned.members == len(now)
    assert planned.left + planned.stayed == len(before)
