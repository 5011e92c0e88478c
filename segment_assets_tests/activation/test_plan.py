"""What is told, and when nothing is."""

from datetime import date

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from segment_assets.activation.plan import WANTED, Held, Order, plan

ORDER = Order("pinpoint", "win_back", "Win back", date(2026, 9, 22), "1")
customers = st.sets(st.sampled_from("abcdef"))


def wanted(*people, score=0.5):
    return pa.Table.from_pylist([about(p) | {"score": score, "band": "high"} for p in people], WANTED)


def about(person):
    return {"customer_id": person, "recipient": f"ep-{person}", "channel": "email", "address_sha256": f"sha-{person}"}


def held(*people, perhaps=(), key="k", sequence=1, approved=None):
    before = wanted(*people) if approved is None else wanted(*approved)
    return Held(sequence, key, wanted(*people), wanted(*perhaps), sequence, before)


def after(planned, before):
    """What the destination holds once the plan was carried out."""
    assert planned.why_nothing is None
    whole = planned.afterwards if planned.guard is None else before.approved
    nobody = planned.afterwards.slice(0, 0)
    return Held(planned.sequence, planned.content_key, planned.afterwards, nobody, planned.since, whole)


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
    ("changed", "people", "before", "says"),
    [
        ({"min_size": 3}, "ab", "", "min_size: the segment has 2 members, and fewer than 3 are not activated"),
        ({"max_change": 0.5}, "abc", "cdef", "max_change: 83% of the customers concerned would join or leave"),
        ({"max_change": 0.5}, "abc", "abd", None),  # two of four
        ({"max_change": 0.1}, "abc", "", None),  # the first activation changes nothing that was
        ({"min_size": 0}, "", "ab", None),
    ],
)
def test_guards(changed, people, before, says):
    planned = plan(guarded(**changed), wanted(*people), held(*before))
    assert planned.guard is None if says is None else planned.guard.startswith(says)


def test_an_empty_segment_of_which_nothing_is_held_is_not_sent():
    assert plan(guarded(min_size=0), wanted(), held()).why_nothing.startswith(
        "the segment is empty, and pinpoint holds"
    )


def test_where_nobody_is_asked_for_only_who_may_not_be_reached_any_more_is_told_to_leave():
    """Of a, b and c two may still be reached, and so may d, who never was in."""
    order, before = guarded(nobody="where asks for nobody"), held("a", "b", "c")
    first = plan(order, wanted("a", "b", "d"), before)
    assert (states(first), first.guard) == ({"c": "out"}, "nobody: where asks for nobody")
    assert plan(order, wanted("a", "b", "d"), after(first, before)).why_nothing == "nobody: where asks for nobody"


def test_where_nobody_is_asked_for_and_nobody_was_told_the_segment_is_empty():
    assert plan(guarded(nobody="where ..."), wanted("a"), held()).why_nothing.startswith("the segment is empty, and")


def guarded(**changed):
    return Order("pinpoint", "win_back", "Win back", date(2026, 9, 22), "1", **changed)


def test_where_a_guard_bites_those_who_left_are_told_and_nobody_else():
    planned = plan(guarded(max_change=0.5), wanted("c", "x", "y"), held("a", "b", "c"))
    assert states(planned) == {"a": "out", "b": "out"}
    assert planned.why_nothing is None
    assert planned.guard.startswith("max_change: 80%")
    assert (planned.members, planned.joined, planned.left, planned.stayed) == (1, 0, 2, 1)


def test_where_a_guard_bites_and_nobody_left_nothing_is_sent():
    planned = plan(guarded(min_size=9), wanted("a", "b"), held("a"))
    assert planned.why_nothing == planned.guard


def test_departures_are_sent_once():
    order, before = guarded(max_change=0.5), held("a", "b", "c")
    first = plan(order, wanted("c", "x", "y"), before)
    again = plan(order, wanted("c", "x", "y"), after(first, before))
    assert again.why_nothing.startswith("max_change: 80%")


def test_departures_alone_make_no_room_for_joiners():
    """Of a, b, c, d half left and as many join: without c and d two joiners would be half of four, and pass."""
    order, before = guarded(max_change=0.5), held("a", "b", "c", "d")
    first = plan(order, wanted("a", "b", "x", "y"), before)
    again = plan(order, wanted("a", "b", "x", "y"), after(first, before))
    assert again.guard.startswith("max_change: 67%")
    assert again.why_nothing == again.guard


def test_who_comes_back_after_a_guard_is_told_again():
    order, before = guarded(max_change=0.5), held("a", "b", "c")
    first = plan(order, wanted("c", "x", "y"), before)
    back = plan(order, wanted("a", "b", "c"), after(first, before))
    assert back.guard is None
    assert states(back) == dict.fromkeys("abc", "in")


def test_the_key_after_departures_is_that_of_what_is_still_held():
    whole = plan(ORDER, wanted("a", "b", "c"), held())
    before = after(whole, held())
    departed = plan(guarded(min_size=3), wanted("a", "b", score=0.7), before)
    assert departed.content_key == plan(ORDER, wanted("a", "b"), held()).content_key
    lowered = plan(ORDER, wanted("a", "b"), after(departed, before))
    assert lowered.why_nothing == "unchanged: pinpoint holds exactly this since activation 3"
    assert plan(ORDER, wanted("a", "b", score=0.7), after(departed, before)).why_nothing is None


def test_the_key_claims_nothing_where_it_is_uncertain_what_is_held():
    certain = plan(ORDER, wanted("a"), held()).content_key
    told_in_other_words = plan(guarded(min_size=3), wanted("a"), held("a", "b", key="of other words"))
    assert told_in_other_words.content_key != certain
    key = plan(ORDER, wanted("a", "b"), held()).content_key
    before = Held(1, key, wanted("a", "b"), wanted("a", score=0.9), 1, wanted("a", "b"))
    assert plan(guarded(min_size=3), wanted("a"), before).content_key != certain


def test_an_activation_of_departures_that_was_killed_is_the_same_again():
    key = plan(ORDER, wanted("a", "b", "c"), held()).content_key
    order, now = guarded(min_size=3), wanted("a", "b")
    first = plan(order, now, held("a", "b", "c", key=key))
    again = plan(order, now, held("a", "b", "c", perhaps=("a", "b"), key=key))
    assert (again.folder, again.rows) == (first.folder, first.rows)


def test_whoever_was_perhaps_told_before_a_guard_bites_is_told_to_leave():
    planned = plan(guarded(min_size=9), wanted("a", "x"), held("a", perhaps=("a", "x")))
    assert states(planned) == {"x": "out"}


@given(customers, customers, customers, st.sampled_from([{"min_size": 3}, {"max_change": 0.5}]))
def test_under_a_guard_nobody_is_added_and_nobody_who_left_stays(now, before, perhaps, limit):
    planned = plan(guarded(**limit), wanted(*sorted(now)), held(*sorted(before), perhaps=sorted(perhaps)))
    told = states(planned) if planned.why_nothing is None else {}
    holds = (before | perhaps | {p for p, s in told.items() if s == "in"}) - {p for p, s in told.items() if s == "out"}
    if planned.guard:
        assert holds == before & now
        assert set(told.values()) <= {"out"}
        assert planned.left + planned.stayed == len(before)
    else:
        assert holds == now


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
