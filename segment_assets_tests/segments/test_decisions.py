"""Every customer has one decision, and the first reason that applies."""

from datetime import date

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from segment_assets.segments.decisions import Reach, counts, decide

IDS = [f"c{i}" for i in range(6)]
CHANNELS = ["email", "sms"]
pairs = st.sets(st.tuples(st.sampled_from(IDS), st.sampled_from([*CHANNELS, "push"])))


def facts(found):
    schema = pa.schema([("customer_id", pa.string()), ("channel", pa.string())])
    return pa.Table.from_pylist(
        [{"customer_id": person, "channel": channel} for person, channel in sorted(found)], schema
    )


def decided(
    consented=(), suppressed=(), active=(), scores=None, asked=(), draws=None, holdout=0.5, channels=CHANNELS, crowd=()
):
    scores = scores if scores is not None else dict.fromkeys(IDS, 0.9)
    return decide(
        pa.table(
            {
                "customer_id": IDS,
                "household_id": IDS,
                "quarantined": [c in crowd for c in IDS],
                "own_draw": draws or [0.9] * len(IDS),
                "holdout_draw": draws or [0.9] * len(IDS),
            }
        ),
        channels,
        Reach(facts(consented), facts(suppressed), facts(active)),
        pa.table(
            {
                "customer_id": pa.array(list(scores), pa.string()),
                "score": pa.array(list(scores.values()), pa.float64()),
                "decile": pa.array([1] * len(scores), pa.int32()),
            }
        ),
        pa.array(list(asked), pa.string()),
        holdout,
        date(2026, 9, 22),
    )


def reasons(table):
    return dict(zip(table["customer_id"].to_pylist(), table["reason"].to_pylist(), strict=True))


def every(*channels, people=IDS):
    return {(c, channel) for c in people for channel in channels}


def test_each_reason_explains_the_customer_it_should():
    everyone = every("email")
    table = decided(
        consented=everyone - {("c1", "email")},
        suppressed={("c0", "email")},
        active=everyone - {("c2", "email")},
        scores={c: 0.9 for c in IDS if c != "c3"},
        asked={"c0", "c1", "c2", "c3", "c5"},
        draws=[0.9, 0.9, 0.9, 0.9, 0.9, 0.1],
    )
    assert reasons(table) == {
        "c0": "suppressed",
        "c1": "no_consent",
        "c2": "unreachable",
        "c3": "not_eligible",
        "c4": "below_threshold",
        "c5": "holdout",
    }


def test_whom_identity_put_in_quarantine_is_out_whatever_the_score():
    everyone = every("email")
    table = decided(everyone - {("c1", "email")}, (), everyone, asked=IDS, crowd={"c0", "c1"})
    assert reasons(table) | {"c0": "quarantined", "c1": "no_consent"} == reasons(table)
    assert counts(table)["in"] == len(IDS) - 2


def test_missing_consent_is_no_consent():
    assert set(reasons(decided(active=every("email"), asked=IDS)).values()) == {"no_consent"}


def test_a_suppressed_channel_leaves_the_other_one():
    table = decided(consented=every("email", "sms"), suppressed=every("email"), active=every("email", "sms"), asked=IDS)
    assert set(reasons(table).values()) == {"in"}
    assert table["channels"].to_pylist() == [["sms"]] * len(IDS)


def test_consent_on_one_channel_does_not_lend_the_endpoint_of_another():
    table = decided(consented=every("email"), active=every("sms"), asked=IDS)
    assert set(reasons(table).values()) == {"unreachable"}


def test_channels_the_segment_does_not_ask_for_do_not_count():
    table = decided(consented=every("push"), active=every("push"), asked=IDS)
    assert set(reasons(table).values()) == {"no_consent"}


def test_who_was_not_scored_has_no_score_and_everyone_else_has():
    table = decided(consented=every("email"), active=every("email"), scores={"c0": 0.25}, asked=["c0"])
    assert table["score"].to_pylist() == [0.25, None, None, None, None, None]


@given(pairs, pairs, pairs, st.sets(st.sampled_from(IDS)), st.sets(st.sampled_from(IDS)))
def test_reasons_sum_to_the_population_and_members_may_be_reached(consented, suppressed, active, scored, asked):
    table = decided(consented, suppressed, active, dict.fromkeys(sorted(scored), 0.5), asked & scored)
    assert sum(counts(table).values()) == len(IDS)
    for row in table.to_pylist():
        assert (row["state"] == "in") == (row["reason"] == "in")
        for channel in row["channels"]:
            pair = (row["customer_id"], channel)
            assert pair in consented
            assert pair in active
            assert pair not in suppressed
        assert row["state"] == "out" or row["channels"]
