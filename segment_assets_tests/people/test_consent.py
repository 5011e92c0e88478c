from datetime import datetime

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from segment_assets.people.consent import STATEMENTS, consenting, current_consent

EARLY, LATE = datetime(2026, 1, 1), datetime(2026, 2, 1)


def statements(*rows):
    names = ("state", "source", "effective_at")
    return pa.Table.from_pylist(
        [
            {"customer_id": "C1", "channel": "email", "purpose": "marketing", **dict(zip(names, r, strict=True))}
            for r in rows
        ],
        schema=STATEMENTS,
    )


def state(*rows):
    return [r["state"] for r in current_consent(statements(*rows)).to_pylist()]


def test_the_latest_statement_wins():
    assert state(("denied", "a", EARLY), ("granted", "b", LATE)) == ["granted"]
    assert state(("granted", "a", EARLY), ("denied", "b", LATE)) == ["denied"]


def test_denied_beats_granted_on_a_tie():
    assert state(("granted", "a", LATE), ("denied", "b", LATE)) == ["denied"]


def test_a_statement_without_a_time_is_the_oldest():
    assert state(("denied", "a", None), ("granted", "b", EARLY)) == ["granted"]


def test_unknown_says_nothing():
    assert state(("granted", "a", EARLY), ("unknown", "b", LATE)) == ["granted"]
    assert state(("unknown", "b", LATE)) == ["unknown"]


def test_only_what_was_granted_for_the_purpose_is_consent():
    known = pa.concat_tables([current_consent(statements((s, "a", EARLY))) for s in ("granted", "denied", "unknown")])
    known = known.set_column(0, "customer_id", pa.array(["yes", "no", "nobody knows"]))
    assert consenting(known).to_pylist() == [{"customer_id": "yes", "channel": "email"}]
    assert consenting(known, purpose="research").num_rows == 0


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
    assert current_consent(statements(*shuffled)).equals(current_consent(statements(*rows)))
