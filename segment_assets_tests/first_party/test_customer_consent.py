from datetime import date

import pytest

from segment_assets.first_party import customer_exports
from segment_assets.first_party.customer_exports import _reading
from segment_assets.first_party.errors import LandingError
from segment_assets.first_party.tables import CONSENT_STATE, CONTACT_ADDRESSES
from segment_assets.landing_config import CustomersLanding
from segment_assets.people.consent import holding
from segment_assets_tests.first_party.exporting import OWN, PINPOINT, build, consent, endpoint, own, put


def test_a_grant_that_is_dated_in_the_future_can_be_withdrawn(lake, landing):
    def told(state, at):
        return endpoint(1, Attributes={"marketing_consent": [state]}, EffectiveDate=at)

    put(landing, told("granted", "2062-03-01T00:00:00Z"), endpoint(2), day="2026/02/01")
    export, _ = build(lake, landing)
    assert export.ahead == 1
    assert held(lake)["C1", "email"] == "granted"
    put(landing, told("denied", "2026-02-01T12:00:00Z"), endpoint(2), day="2026/02/02")
    build(lake, landing)
    assert held(lake)["C1", "email"] == "denied"


def test_what_the_export_of_its_own_day_says_is_not_in_the_future(landing):
    put(landing, endpoint(1, EffectiveDate="2062-03-02T23:00:00Z"), day="2062/03/01")
    assert customer_exports.read(landing, PINPOINT, date(2062, 2, 28)).ahead == 0
    assert customer_exports.read(landing, PINPOINT, date(2062, 3, 5)).ahead == 0
    put(landing, endpoint(1, EffectiveDate="2062-03-03T01:00:00Z"), day="2062/03/01")
    assert customer_exports.read(landing, PINPOINT, date(2062, 2, 28)).ahead == 1


def test_an_export_of_a_day_to_come_does_not_hide_the_others(landing):
    put(landing, endpoint(1, OptOut="ALL"), day="2026/11/27")
    put(landing, endpoint(1), day="2062/11/27")
    for_good = r"customers/2062/11/27/endpoints.jsonl.gz: its day, 2062-11-27, is in the future.*remove"
    with pytest.raises(LandingError, match=for_good):
        customer_exports.read(landing, PINPOINT, date(2026, 11, 27))
    assert customer_exports.read(landing, PINPOINT, date(2062, 11, 26)).as_of == date(2062, 11, 27)


def test_consent_is_what_was_granted_and_nothing_else(lake, landing):
    def told(number, state, **more):
        return endpoint(number, Attributes={"marketing_consent": [state]}, **more)

    put(
        landing,
        told(1, "granted"),
        told(2, "denied"),
        endpoint(3),
        told(4, "granted", OptOut="ALL"),
        told(5, "granted", EndpointStatus="INACTIVE"),
        told(6, "perhaps"),
    )
    build(lake, landing)
    assert {k[0]: v[0] for k, v in consent(lake).items()} == {
        "C1": "granted",
        "C2": "denied",
        "C3": "unknown",
        "C4": "denied",
        "C5": "unknown",
        "C6": "unknown",
    }
    where = PINPOINT.model_copy(update={"opt_out_none_is_consent": True})
    build(lake, landing, where)
    assert consent(lake)["C3", "email"] == ("granted", "OptOut")
    assert consent(lake)["C2", "email"][0] == "denied"


def test_push_endpoints_that_pinpoint_left_behind_say_nothing(lake, landing):
    put(landing, endpoint(1, "APNS", Address="token", EndpointStatus="INACTIVE", OptOut="ALL"))
    build(lake, landing)
    assert consent(lake) == {}


def test_consent_is_added_to_and_what_was_denied_later_stays_denied(lake, landing):
    def told(state, day):
        return endpoint(1, EffectiveDate=f"2026-01-{day:02d}T00:00:00Z", Attributes={"marketing_consent": [state]})

    put(landing, told("granted", 5), day="2026/02/01")
    build(lake, landing)
    put(landing, told("denied", 9), day="2026/02/02")
    build(lake, landing)
    build(lake, landing)
    put(landing, told("granted", 5), day="2026/02/03")
    build(lake, landing)
    said = lake.read(CONSENT_STATE).to_pylist()
    assert [(r["state"], str(r["told_on"])) for r in said] == [
        ("granted", "2026-02-01"),
        ("denied", "2026-02-02"),
        ("granted", "2026-02-03"),
    ]
    assert [r["state"] for r in holding(lake.read(CONSENT_STATE)).to_pylist()] == ["denied"]


def test_of_records_of_one_endpoint_and_one_time_denied_beats_granted(lake, landing):
    def told(state):
        return endpoint(1, Attributes={"marketing_consent": [state]})

    put(landing, told("denied"), told("granted"))
    build(lake, landing)
    assert consent(lake)["C1", "email"][0] == "denied"
    landing.write(
        "customers/2026/02/02/c.csv", b"id,mail,tel,land,seen,news,app\nA,a@b.org,,,,no,\nA,a@b.org,,,,yes,\n"
    )
    build(lake, landing, OWN)
    assert consent(lake)["A", "email"][0] == "denied"


def held(lake):
    return {(r["customer_id"], r["channel"]): r["state"] for r in holding(lake.read(CONSENT_STATE)).to_pylist()}


def test_a_denial_of_an_older_record_counts_though_the_newest_says_nothing(lake, landing):
    own(landing, "A,a@b.org,,,2026-05-01,yes,", "A,a@b.org,,,2026-06-01,no,", "A,a@b.org,,,2026-07-01,,")
    build(lake, landing, OWN)
    assert held(lake)["A", "email"] == "denied"
    own(landing, "A,a@b.org,,,2026-05-20,yes,", day="2026/07/02")
    build(lake, landing, OWN)
    assert held(lake)["A", "email"] == "denied"
    own(landing, "A,a@b.org,,,2026-07-03,yes,", day="2026/07/04")
    build(lake, landing, OWN)
    assert held(lake)["A", "email"] == "granted"


def test_a_grant_of_an_older_record_that_the_newest_does_not_repeat_is_none(lake, landing):
    own(landing, "A,a@b.org,,,2026-05-01,yes,", "A,a@b.org,,,2026-07-01,,")
    build(lake, landing, OWN)
    assert held(lake)["A", "email"] == "unknown"


def test_a_denial_without_a_time_is_newer_than_every_grant_of_its_export(lake, landing):
    own(landing, "A,a@b.org,,,2026-05-01,yes,", "A,a@b.org,,,,no,", "B,b@b.org,,,2026-05-01,yes,", "B,,,,,no,")
    build(lake, landing, OWN)
    assert {held(lake)[who, "email"] for who in "AB"} == {"denied"}


@pytest.mark.parametrize("time", ["some day", "1026-01-02", "1790"])
def test_a_denial_whose_time_cannot_be_read_counts_and_a_grant_does_not(lake, landing, time):
    own(landing, f"A,a@x.org,,,{time},no,yes", "A,a@x.org,,,2026-01-09,yes,", f"B,b@x.org,,,{time},yes,yes")
    export, _ = build(lake, landing, OWN)
    assert (export.delivered, export.good, export.duplicates, export.quarantined.num_rows) == (3, 1, 1, 1)
    assert held(lake) == {("A", "email"): "denied", ("A", "push"): "unknown"}


@pytest.mark.parametrize("said", [{"OptOut": "ALL"}, {"Attributes": {"marketing_consent": ["denied"]}}])
def test_an_endpoint_that_opted_out_at_a_time_that_cannot_be_read_opted_out(lake, landing, said):
    put(landing, endpoint(1, EffectiveDate="some day", **said), endpoint(2, EffectiveDate="some day"))
    export, _ = build(lake, landing)
    assert held(lake) == {("C1", "email"): "denied"}
    assert export.quarantined["reason"].to_pylist() == ["bad_time"]


def test_a_denial_of_an_older_version_of_an_endpoint_counts(lake, landing):
    def told(day, **attributes):
        return endpoint(1, EffectiveDate=f"2026-01-{day:02d}T00:00:00Z", **attributes)

    put(landing, told(5, OptOut="ALL"), told(9, OptOut=None))
    build(lake, landing)
    assert held(lake)["C1", "email"] == "denied"
    assert lake.read(CONTACT_ADDRESSES)["customer_id"].to_pylist() == ["C1"], "whether it is active the newest says"


@pytest.mark.parametrize(
    "said",
    [
        {"Attributes": {"marketing_consent": ["granted", "denied"]}},
        {
            "Attributes": {"marketing_consent": ["granted"]},
            "User": {"UserId": "C1", "UserAttributes": {"marketing_consent": ["opted-out"]}},
        },
        {"OptOut": "all", "Attributes": {"marketing_consent": ["granted"]}},
        {"OptOut": "EMAIL_ONLY", "Attributes": {"marketing_consent": ["granted"]}},
    ],
)
def test_of_an_endpoint_that_says_yes_and_no_the_no_holds(lake, landing, said):
    put(landing, endpoint(**said))
    build(lake, landing)
    assert consent(lake)["C1", "email"][0] == "denied"


def test_words_of_a_hand_written_import_are_read_in_any_case_and_unknown_ones_open_nothing(lake, landing):
    written = {"ChannelType": "email", "Attributes": {"marketing_consent": ["Opted In"]}}
    put(landing, endpoint(1, **written), endpoint(2, EndpointStatus="inactive"), endpoint(3, EndpointStatus="PAUSED"))
    build(lake, landing)
    assert consent(lake)["C1", "email"][0] == "granted"
    assert lake.read(CONTACT_ADDRESSES)["customer_id"].to_pylist() == ["C1"]


def test_a_mapping_is_read_as_before_whatever_it_names_beside_consent():
    columns = {"customer": "id", "email": "mail", "email_consent": "ok", "updated": "changed"}

    def reading(**more):
        return _reading(CustomersLanding.model_validate({"format": "table", "table": columns | more}))

    # Stands in tables that were written: with another one every denial in them would be forgotten.
    assert reading() == "738465f072ec"
    assert reading(street="street", city="town", postal_code="zip", device="phone_id") == reading()
    assert reading(email_consent="other") != reading()
    assert reading(time_zone="Europe/Berlin") != reading(), "another zone is another time of what was said"
