"""The asset: decisions in the lake, checks that bite, and nothing personal on show."""

import re

import dagster as dg
import pyarrow as pa
import pytest

from segment_assets.first_party.tables import CONSENT_STATE, CUSTOMER_ENDPOINTS, CUSTOMERS, ENGAGEMENT_EVENTS
from segment_assets.identity.tables import PERSONS
from segment_assets.segments import assets as step
from segment_assets.segments.assets import assets, checks
from segment_assets.segments.build import wrong_members
from segment_assets.segments.tables import predictive_segments, suppressed_channels
from segment_assets_tests.segments.world import (
    PEOPLE,
    SCORES,
    build,
    config,
    consent,
    endpoint,
    households,
    persons,
    scored,
    unsubscribe,
    write,
)

TABLE = predictive_segments("win_back")
KEY = dg.AssetKey(["predictive_segments", "win_back"])


def materialize(lake, **segment):
    result = dg.materialize(assets(config(**segment)), resources={"lake": lake})
    return result, {r["customer_id"]: r for r in lake.read(TABLE).to_pylist()}


def test_a_mailbox_of_many_ids_is_held_out_or_written_to_under_all_of_them(lake):
    build(lake)
    one, none = {"address_sha256": "hash of one mailbox"}, {"address_sha256": None}
    joined = {"anna": one, "dan": one, "eve": one, "cleo": none, "gus": none}
    write(lake, CUSTOMER_ENDPOINTS, *(endpoint(p) | joined.get(p, {}) for p in PEOPLE))
    _, decided = materialize(lake, where=None, top=100, holdout=0.5)
    draws = {decided[p]["holdout_draw"] for p in ("anna", "dan", "eve")}
    assert len(draws) == 1
    assert len({decided[p]["reason"] for p in ("anna", "dan", "eve")}) == 1
    others = {p: row["holdout_draw"] for p, row in decided.items() if p not in ("anna", "dan", "eve")}
    assert len(set(others.values())) == 5


def shown(result):
    return result.asset_materializations_for_node("predictive_segments__win_back")[0]


def test_everyone_has_a_decision_and_its_reason(lake):
    build(lake)
    result, decided = materialize(lake)
    assert {p: r["reason"] for p, r in decided.items()} == {
        "anna": "in",
        "bo": "no_consent",
        "cleo": "suppressed",
        "dan": "in",
        "eve": "in",
        "finn": "below_threshold",
        "gus": "not_eligible",
        "hal": "unreachable",
    }
    assert all(c.passed for c in result.get_asset_check_evaluations())
    metadata = {k: v.value for k, v in shown(result).metadata.items()}
    assert (metadata["members"], metadata["suppressed"], metadata["no_consent"]) == (3, 1, 1)
    assert metadata["share"] == 0.375
    assert not set(re.findall(r"\w+", str(metadata))) & set(PEOPLE)


def test_the_same_inputs_twice_give_the_same_content(lake):
    build(lake)
    materialize(lake, holdout=0.5)
    first = lake.state(TABLE)
    materialize(lake, holdout=0.5)
    assert lake.state(TABLE) == first


def test_a_control_that_is_missing_from_one_export_is_not_treated_when_it_comes_back(lake):
    build(lake)
    _, before = materialize(lake, holdout=0.5, where="score > 0")
    held = min(p for p, r in before.items() if r["reason"] == "holdout")
    write(lake, CUSTOMERS, *({"customer_id": p, "endpoints": 1} for p in PEOPLE if p != held))
    _, without = materialize(lake, holdout=0.5, where="score > 0")
    assert held not in without
    build(lake)
    households(lake, {p: f"new_{p}" for p in PEOPLE})
    _, after = materialize(lake, holdout=0.5, where="score > 0")
    assert (after[held]["reason"], after[held]["holdout_draw"]) == ("holdout", before[held]["holdout_draw"])


def test_no_one_in_a_control_household_is_treated_even_after_a_merge(lake):
    build(lake)
    _, before = materialize(lake, holdout=0.5, where="score > 0")
    held = {p for p, r in before.items() if r["reason"] == "holdout"}
    treated = {p for p, r in before.items() if r["reason"] == "in"}
    assert held
    assert treated
    # everyone moves in with someone of the control
    home = before[min(held)]["household_id"]
    households(lake, dict.fromkeys(PEOPLE, home))
    _, after = materialize(lake, holdout=0.5, where="score > 0")
    assert not [p for p, r in after.items() if r["state"] == "in"]
    assert {after[p]["reason"] for p in held | treated} == {"holdout"}


def test_where_that_nobody_meets_is_warned_of_and_false_is_not(lake):
    build(lake)

    def warned(where):
        result, _ = materialize(lake, where=where)
        return [c.description for c in result.get_asset_check_evaluations() if not c.passed]

    assert warned("probability > 0.95") == [
        "where asks for nobody of the 4 customers who were scored and may be reached; their highest probability is "
        '0.9. Whoever was told stays in; where: "FALSE" is the way to let all leave'
    ]
    assert warned("FALSE") == []


def test_an_unsubscribe_takes_the_customer_out(lake):
    build(lake)
    write(lake, ENGAGEMENT_EVENTS, unsubscribe("anna"))
    _, decided = materialize(lake)
    assert decided["anna"]["reason"] == "suppressed"
    assert decided["anna"]["channels"] == []


def test_channels_are_those_that_may_be_used(lake):
    build(lake)
    write(lake, CONSENT_STATE, consent("anna", "granted"), consent("anna", "granted", "sms"), consent("dan", "unknown"))
    write(lake, CUSTOMER_ENDPOINTS, endpoint("anna"), endpoint("anna", "sms"), endpoint("dan"))
    _, decided = materialize(lake, channels=["sms", "email"])
    assert decided["anna"]["channels"] == ["email", "sms"]
    assert decided["dan"]["reason"] == "no_consent"


def test_who_has_no_address_that_is_one_is_unreachable(lake):
    build(lake)
    write(lake, CUSTOMER_ENDPOINTS, endpoint("anna") | {"address_sha256": None}, endpoint("dan"), endpoint("eve"))
    _, decided = materialize(lake)
    assert {p: decided[p]["reason"] for p in ("anna", "dan", "eve")} == {
        "anna": "unreachable",
        "dan": "in",
        "eve": "in",
    }


def test_nobody_of_a_person_or_household_that_is_too_large_is_sent_to(lake):
    build(lake)
    persons(lake, "anna")
    households(lake, {p: f"hh_{p}" for p in PEOPLE}, "dan")
    _, decided = materialize(lake)
    assert {p: decided[p]["reason"] for p in ("anna", "dan", "eve")} == {
        "anna": "quarantined",
        "dan": "quarantined",
        "eve": "in",
    }


def test_whom_identity_does_not_know_yet_may_live_with_a_control_and_is_not_sent_to(lake):
    build(lake)
    write(lake, PERSONS, *({"customer_id": p, "person_id": f"per_{p}", "rule": "alone", "customers": 1}
                           for p in PEOPLE if p != "anna"))  # fmt: skip
    households(lake, {p: f"hh_{p}" for p in PEOPLE if p != "dan"})
    result, decided = materialize(lake)
    assert {p: decided[p]["reason"] for p in ("anna", "dan", "eve")} == {
        "anna": "quarantined",
        "dan": "quarantined",
        "eve": "in",
    }
    assert all(c.passed for c in result.get_asset_check_evaluations())


def test_where_identity_knows_nobody_everybody_lives_alone(lake):
    build(lake)
    write(lake, PERSONS)
    households(lake, {})
    _, decided = materialize(lake)
    assert {p for p, r in decided.items() if r["state"] == "in"} == {"anna", "dan", "eve"}


def test_without_scores_nobody_is_eligible_and_the_day_is_missing(lake):
    build(lake)
    scored(lake, {})
    with pytest.raises(Exception, match="materialise raw_events and customer_scores first"):
        materialize(lake)


GUESTS = {f"guest{n}": 0.95 + n / 1000 for n in range(20)}


@pytest.mark.parametrize(
    ("asked", "members"),
    [
        ({"top": 2}, {"anna", "dan"}),
        ({"top": 0.2}, {"anna", "dan"}),
        ({"where": "decile <= 2"}, {"anna", "dan"}),
        ({"where": "percentile > 80"}, {"anna", "dan"}),
    ],
)
def test_ids_that_are_no_customers_take_nobodys_place(lake, asked, members):
    build(lake)
    write(lake, ENGAGEMENT_EVENTS)
    write(lake, CONSENT_STATE, *(consent(p, "granted") for p in PEOPLE))
    scored(lake, SCORES | {"bo": 0.05, "cleo": 0.04} | GUESTS)
    result, decided = materialize(lake, **({"where": None} | asked))
    assert {p for p, r in decided.items() if r["state"] == "in"} == members
    assert (decided["anna"]["decile"], decided["dan"]["decile"], decided["cleo"]["decile"]) == (1, 2, 9)
    assert set(decided) == set(PEOPLE)
    assert shown(result).metadata["scored_but_no_customers"].value == len(GUESTS)


def test_the_check_bites_when_a_suppressed_or_unconsented_customer_gets_in(lake):
    build(lake)
    persons(lake, "gus")
    households(lake, {p: f"hh_{p}" for p in PEOPLE}, "hal")
    others = (endpoint(p) for p in (*PEOPLE, "ida") if p != "finn")
    write(lake, CUSTOMER_ENDPOINTS, *others, endpoint("finn", active=False))
    write(lake, CONSENT_STATE, *(consent(p, "denied" if p == "bo" else "granted") for p in (*PEOPLE, "ida")))
    suppressed = suppressed_channels(lake)
    about = {"household_id": "h", "reason": "in", "holdout_draw": 0.5, "as_of": None}
    smuggled = [
        about | {"customer_id": "bo", "state": "in", "channels": ["email"]},  # denied
        about | {"customer_id": "cleo", "state": "in", "channels": ["email"]},  # unsubscribed
        about | {"customer_id": "dan", "state": "in", "channels": ["sms"]},  # consents to e-mail only
        about | {"customer_id": "eve", "state": "in", "channels": []},
        about | {"customer_id": "finn", "state": "in", "channels": ["email"]},  # no address that can be written to
        about | {"customer_id": "gus", "state": "in", "channels": ["email"]},  # a person of too many customers
        about | {"customer_id": "hal", "state": "in", "channels": ["email"]},  # a household of too many persons
        about | {"customer_id": "ida", "state": "in", "channels": ["email"]},  # identity does not know her
        about | {"customer_id": "anna", "state": "in", "channels": ["email"]},  # rightly in
        about | {"customer_id": "bo", "state": "out", "channels": ["email"]},  # wrong, but not in
    ]
    decided = pa.Table.from_pylist(smuggled, pa.schema([f.with_nullable(True) for f in TABLE.schema]))
    wrong = wrong_members(lake, decided, suppressed)
    assert wrong == {"unconsented": 2, "suppressed": 1, "no_channel": 1, "no_address": 2, "quarantined": 3}
    results = {c.check_name: c.passed for c in checks(decided, population=10, wrong=wrong)}
    assert results == {"may_be_reached": False, "reasons_sum_to_the_population": True, "keys_unique": False}
    assert not checks(decided, population=9, wrong={})[1].passed


def test_decisions_are_written_for_every_customer_with_the_schema_described(lake):
    build(lake)
    materialize(lake)
    assert lake.read(TABLE).schema.names == TABLE.schema.names
    assert lake.state(TABLE).rows == len(PEOPLE)


def test_who_withdraws_while_a_run_decides_is_out_though_that_run_commits_last(lake, monkeypatch):
    build(lake)
    drew = step.former

    def after_another(*asked):
        monkeypatch.setattr(step, "former", drew)
        write(lake, CONSENT_STATE, *(consent(p, "denied" if p == "anna" else "granted") for p in PEOPLE))
        materialize(lake)
        return drew(*asked)

    monkeypatch.setattr(step, "former", after_another)
    _, decided = materialize(lake)
    assert decided["anna"]["reason"] == "no_consent"
