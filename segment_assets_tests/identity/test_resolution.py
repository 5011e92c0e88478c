"""Who is one person, and who lives together: small worlds, real tables."""

import gzip
import json

import pytest

from segment_assets.first_party import customer_exports, customers
from segment_assets.identity import invariants
from segment_assets.identity.edges import identity_edges
from segment_assets.identity.keys import graph_key
from segment_assets.identity.persons import resolve_persons
from segment_assets.identity.tables import HOUSEHOLDS, IDENTITY_EDGES, PERSONS
from segment_assets.lake import FolderStore, Lake
from segment_assets.landing_config import CustomersLanding
from segment_assets_tests.identity.worlds import groups, households, persons, resolve, write_customers


def test_one_email_is_one_person(lake: Lake):
    resolve(lake, {"a": ["email:ann@shop.io"], "b": ["email:ann@shop.io", "phone:+1"], "c": ["email:cem@shop.io"]})
    assert groups(persons(lake)) == {frozenset("ab"), frozenset("c")}
    assert lake.read(PERSONS)["rule"].to_pylist() == ["same_email", "same_email", "alone"]


def test_a_phone_and_a_device_together_are_one_person_and_either_alone_is_a_household(lake: Lake):
    resolve(
        lake,
        {
            "a": ["phone:+12065550101", "device:d1"],
            "b": ["phone:+12065550101", "device:d1"],
            "c": ["phone:+12065550101"],
            "d": ["device:d1"],
        },
    )
    assert groups(persons(lake)) == {frozenset("ab"), frozenset("c"), frozenset("d")}
    assert groups(households(lake)) == {frozenset("abcd")}
    assert lake.read(PERSONS)["rule"].to_pylist() == ["two_identifiers", "two_identifiers", "alone", "alone"]


def test_an_address_and_a_phone_are_a_household_and_not_a_person(lake: Lake):
    resolve(lake, {"a": ["address:1 oak", "phone:+12065550101"], "b": ["address:1 oak", "phone:+12065550101"]})
    assert groups(persons(lake)) == {frozenset("a"), frozenset("b")}
    assert groups(households(lake)) == {frozenset("ab")}


def test_two_devices_are_one_kind_of_evidence(lake: Lake):
    resolve(lake, {"a": ["device:d1", "device:d2"], "b": ["device:d1", "device:d2"]})
    assert groups(persons(lake)) == {frozenset("a"), frozenset("b")}


@pytest.mark.parametrize(
    "identifier",
    ["email:none@example.com", "phone:+10000000000", "device:00000000-0000-0000-0000-000000000000", "address:unknown"],
)
def test_a_value_that_is_nobodys_merges_nobody(lake: Lake, identifier: str):
    resolve(lake, {"a": [identifier, "phone:+12065550101"], "b": [identifier]})
    assert groups(households(lake)) == {frozenset("a"), frozenset("b")}
    assert lake.read(IDENTITY_EDGES)["guard"].to_pylist().count("placeholder") == 2


@pytest.mark.parametrize(
    ("sharers", "guard", "one_person", "one_household"),
    [(8, None, True, True), (9, "household_only", False, True), (12, "household_only", False, True),
     (13, "shared", False, False)],
)  # fmt: skip
def test_the_caps_hold_at_their_edges(
    lake: Lake, sharers: int, guard: str | None, one_person: bool, one_household: bool
):
    resolve(lake, {f"c{n:02}": ["email:office@shop.io"] for n in range(sharers)})
    assert set(lake.read(IDENTITY_EDGES)["guard"].to_pylist()) == {guard}
    assert len(groups(persons(lake))) == (1 if one_person else sharers)
    assert len(groups(households(lake))) == (1 if one_household else sharers)


def test_a_person_too_large_is_kept_split_by_address_and_marked(lake: Lake):
    # Two people with six accounts each, chained into twelve by one shared telephone and tablet.
    world = {f"{who}{n}": [f"email:{who}@shop.io"] for who in "ab" for n in range(6)}
    world["a0"] += ["phone:+12065550101", "device:tablet"]
    world["b0"] += ["phone:+12065550101", "device:tablet"]
    resolve(lake, world)
    assert groups(persons(lake)) == {frozenset(f"{who}{n}" for n in range(6)) for who in "ab"}
    assert set(lake.read(PERSONS)["rule"].to_pylist()) == {"quarantined"}


def test_a_person_too_large_by_address_alone_is_taken_apart_whole(lake: Lake):
    # Each customer has two addresses and shares each with the next: a chain without any identifier over the cap.
    resolve(lake, {f"c{n:02}": [f"email:{n}@shop.io", f"email:{n + 1}@shop.io"] for n in range(11)})
    assert len(groups(persons(lake))) == 11
    assert set(lake.read(PERSONS)["rule"].to_pylist()) == {"quarantined"}


def test_a_household_too_large_is_taken_apart_and_marked(lake: Lake):
    resolve(lake, {f"c{n:02}": [f"device:{n}", f"device:{n + 1}"] for n in range(16)} | {"z": ["device:z"]})
    assert len(groups(households(lake))) == 17
    assert sorted(set(lake.read(HOUSEHOLDS)["rule"].to_pylist())) == ["alone", "quarantined"]


def test_customers_without_identifiers_are_persons_too(lake: Lake):
    resolve(lake, {"a": [], "b": [], "ç 👩‍👧": []})
    assert len(groups(households(lake))) == 3
    assert invariants.customers_not_in_one_person(lake) == 0
    assert invariants.persons_not_in_one_household(lake) == 0


def test_edges_of_customers_who_have_left_since_join_nobody_and_stop_nobody(lake: Lake):
    resolve(lake, {who: ["email:ann@shop.io", "phone:+12065550101"] for who in "abc"})
    # All that the first of them was joined through is still there, and the persons are made before the edges are.
    write_customers(lake, {who: ["email:ann@shop.io"] for who in "bc"})
    found = resolve_persons(lake, graph_key()).rows.to_pylist()
    assert [(row["customer_id"], row["rule"]) for row in found] == [("b", "same_email"), ("c", "same_email")]
    assert len({row["person_id"] for row in found}) == 1


def test_no_customers_are_no_persons(lake: Lake):
    resolve(lake, {})
    assert (lake.state(PERSONS).rows, lake.state(HOUSEHOLDS).rows) == (0, 0)
    assert invariants.customers_not_in_one_person(lake) == 0


def test_the_invariants_see_a_missing_customer_and_a_stranger(lake: Lake):
    resolve(lake, {"a": [], "b": []})
    lake.write(PERSONS, lake.read(PERSONS).slice(1), "test")
    assert invariants.customers_not_in_one_person(lake) == 1
    assert invariants.persons_not_in_one_household(lake) == 1


def test_placeholders_are_known_as_step_two_hashes_them(lake: Lake, landing: FolderStore):
    attributes = {"device_id": ["00000000-0000-0000-0000-000000000000"], "postal_address": ["N/A"]}
    lines = [
        {"Id": f"{who}-{channel}", "ChannelType": channel, "Address": address, "Attributes": attributes,
         "Location": {"PostalCode": "98101"}, "User": {"UserId": who}, "EffectiveDate": "2026-03-01T00:00:00.000Z",
         "ApplicationId": "a"}
        for who in ("a", "b") for channel, address in (("EMAIL", " None@Example.com"), ("SMS", "+1 123 456 7890"))
    ]  # fmt: skip
    content = gzip.compress("\n".join(json.dumps(line) for line in lines).encode())
    landing.write("customers/2026/03/01/endpoints.jsonl.gz", content)
    config = CustomersLanding(phone_region="US")
    customers.write(lake, customer_exports.read(landing, config), config.phone_region, "test")
    lake.write(IDENTITY_EDGES, identity_edges(lake, graph_key()), "test")
    found = {(row["kind"], row["guard"]) for row in lake.read(IDENTITY_EDGES).to_pylist()}
    assert found == {(kind, "placeholder") for kind in ("email", "phone", "device", "address")}
