from datetime import date, datetime

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlglot import exp

from segment_assets.people.consent import (
    SAID,
    STATEMENTS,
    appended,
    consenting,
    holding,
    said_consent,
)
from segment_assets.sql import load

EARLY, LATE, AFTER = datetime(2026, 1, 1), datetime(2026, 2, 1), datetime(2026, 3, 1)


def statements(*rows):
    names = ("state", "source", "effective_at")
    return pa.Table.from_pylist(
        [
            {"customer_id": "C1", "channel": "email", "purpose": "marketing", **dict(zip(names, r, strict=True))}
            for r in rows
        ],
        schema=STATEMENTS,
    )


def what_holds(*rows):
    said = said_consent(statements(*rows))
    return said.filter(said["holds"]).select(STATEMENTS.names)


def state(*rows):
    return what_holds(*rows)["state"].to_pylist()


def test_the_latest_statement_wins():
    assert state(("denied", "a", EARLY), ("granted", "b", LATE)) == ["granted"]
    assert state(("granted", "a", EARLY), ("denied", "b", LATE)) == ["denied"]


def test_denied_beats_granted_on_a_tie():
    assert state(("granted", "a", LATE), ("denied", "b", LATE)) == ["denied"]


def test_without_a_time_a_denial_is_the_newest_statement_and_a_grant_the_oldest():
    assert state(("denied", "a", None), ("granted", "b", LATE)) == ["denied"]
    assert state(("granted", "a", None), ("denied", "b", EARLY)) == ["denied"]
    assert state(("granted", "a", None), ("granted", "b", EARLY)) == ["granted"]
    assert state(("denied", "a", None), ("unknown", "b", LATE)) == ["denied"]


def test_a_denial_with_a_time_is_told_beside_what_holds():
    def told(*rows):
        return [(r["state"], r["effective_at"], r["holds"]) for r in said_consent(statements(*rows)).to_pylist()]

    no, yes = ("denied", "a", EARLY), ("granted", "a", LATE)
    assert told(no, yes) == [("denied", EARLY, False), ("granted", LATE, True)]
    assert told(no, no, ("denied", "a", None)) == [("denied", EARLY, False), ("denied", None, True)]
    assert told(no, no) == told(no, ("granted", "a", EARLY)) == [("denied", EARLY, True)]


def test_unknown_says_nothing():
    assert state(("granted", "a", EARLY), ("unknown", "b", LATE)) == ["granted"]
    assert state(("unknown", "b", LATE)) == ["unknown"]


def test_only_what_was_granted_for_the_purpose_is_consent():
    known = pa.concat_tables([what_holds((s, "a", EARLY)) for s in ("granted", "denied", "unknown")])
    known = known.set_column(0, "customer_id", pa.array(["yes", "no", "nobody knows"]))
    assert consenting(known).to_pylist() == [{"customer_id": "yes", "channel": "email"}]
    assert consenting(known, purpose="research").num_rows == 0


@settings(max_examples=25)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(["granted", "denied", "unknown"]),
            st.sampled_from("ab"),
            st.sampled_from([None, EARLY, LATE]),
        ),
        min_size=1,
        max_size=6,
    ),
    st.randoms(),
)
def test_the_order_of_statements_does_not_matter(rows, random):
    shuffled = random.sample(rows, len(rows))
    assert what_holds(*shuffled).equals(what_holds(*rows))


def exports(*said, reading="r"):
    """What exports said one after another, each a (state, time), a list of them or nothing: the log, and what holds."""
    log = pa.Table.from_pylist([], schema=SAID)
    for number, one in enumerate(said, 1):
        rows = [(o[0], "a", o[1]) for o in (one if isinstance(one, list) else [one] if one else [])]
        of = one[2] if isinstance(one, tuple) and len(one) > 2 else reading
        log = appended(log, said_consent(statements(*rows)), date(2026, 1, number), of)
    return log, [r["state"] for r in holding(log).to_pylist()]


def test_rows_come_when_something_else_is_said_and_none_goes():
    log, _ = exports(("granted", EARLY), ("granted", EARLY), None, ("denied", LATE), ("granted", EARLY))
    assert [(r["statement"], r["state"], r["told_on"].day) for r in log.to_pylist()] == [
        (1, "granted", 1),
        (2, "denied", 4),
        (3, "granted", 5),
    ]


@pytest.mark.parametrize(
    ("said", "holds"),
    [
        ([("granted", EARLY), ("denied", LATE)], "denied"),
        ([("denied", EARLY), ("granted", LATE)], "granted"),
        ([("denied", LATE), ("granted", EARLY)], "denied"),  # whoever said no later said it, whatever is exported now
        ([("denied", LATE), ("granted", LATE)], "denied"),
        ([("granted", LATE), ("denied", LATE)], "denied"),
        ([("granted", EARLY), ("unknown", LATE)], "unknown"),  # a grant that nobody makes any more is none
        ([("denied", EARLY), ("unknown", LATE)], "denied"),
        ([("granted", EARLY), None], "granted"),
        ([("granted", LATE), ("denied", None)], "denied"),
        ([("denied", None), ("granted", None)], "granted"),
        ([("granted", None), ("denied", None)], "denied"),
        ([("denied", EARLY), ("granted", None)], "denied"),
        ([("denied", None), ("granted", EARLY)], "granted"),
        ([("denied", LATE, "another column"), ("granted", EARLY)], "granted"),  # it was read wrongly
        ([("unknown", EARLY)], "unknown"),
        ([[("denied", LATE), ("denied", None)], ("granted", EARLY)], "denied"),  # the no with a time is remembered
        ([[("denied", LATE), ("denied", None)], ("granted", AFTER)], "granted"),
        ([("granted", AFTER), [("denied", EARLY), ("denied", None)]], "denied"),
        ([[("denied", EARLY), ("granted", LATE)], ("granted", LATE)], "granted"),
        ([[("denied", LATE), ("unknown", AFTER)], ("granted", EARLY)], "denied"),
    ],
)
def test_what_holds_of_all_that_exports_said(said, holds):
    assert exports(*said)[1] == [holds]


said_once = st.tuples(
    st.sampled_from(["granted", "denied", "unknown"]), st.sampled_from([None, EARLY, LATE]), st.sampled_from("rs")
)
said_by_many = st.lists(
    st.tuples(st.sampled_from(["granted", "denied"]), st.sampled_from([None, EARLY, LATE])), min_size=1
)


@settings(max_examples=25)
@given(st.lists(said_by_many, min_size=1, max_size=3))
def test_whoever_said_no_at_a_time_keeps_saying_no_until_a_later_yes(said):
    log, held = exports(*said)
    again, _ = exports(*[one for one in said for _ in (0, 1)])
    assert again.drop(["told_on"]).equals(log.drop(["told_on"]))
    no = max((time for rows in said for state, time in rows if state == "denied" and time), default=None)
    yes = max((time for rows in said for state, time in rows if state == "granted" and time), default=None)
    if no and not (yes and yes > no):
        assert held == ["denied"]


@settings(max_examples=10)
@given(st.lists(st.one_of(st.none(), said_once), min_size=1, max_size=3))
def test_an_export_that_comes_again_says_nothing_more_and_consent_needs_a_grant_in_its_way_of_reading(said):
    log, held = exports(*said)
    again, still = exports(*[one for one in said for _ in (0, 1)])
    assert [r["state"] for r in again.to_pylist()] == [r["state"] for r in log.to_pylist()]
    assert held == still
    if held == ["granted"]:
        newest = [one for one in said if one][-1]
        assert newest[0] != "unknown"
        assert any(one and one[0] == "granted" and one[2] == newest[2] for one in said)


def test_which_statement_comes_first_is_one_rule_in_both_queries():
    def ranked(name):
        [window] = [
            term.this
            for term in load("segment_assets.people", name).find_all(exp.Alias)
            if term.alias == "place" and isinstance(term.this, exp.Window)
        ]
        return [term.sql() for term in window.args["order"].expressions]

    *said, _ = ranked("said_consent")
    *holding_, _ = ranked("holding_consent")  # the last breaks ties, each in its own way
    assert said == holding_
    assert len(said) == 4
