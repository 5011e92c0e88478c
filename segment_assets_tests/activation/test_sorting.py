"""Whom a destination would refuse is left out and counted; everybody else is told, and whoever left."""

import hashlib
from datetime import datetime, timedelta

import dagster as dg
import pyarrow as pa
import pytest

from segment_assets.activation import ledger
from segment_assets.activation.activate import activate
from segment_assets.activation.assets import TAKEN, assets
from segment_assets.activation.customer_profiles.destination import CustomerProfilesImport
from segment_assets.activation.customer_profiles.embedded import FolderCustomerProfiles
from segment_assets.activation.plan import WANTED, plan
from segment_assets.activation.sorting import sentence
from segment_assets.activation.tables import active_members
from segment_assets.first_party.tables import CUSTOMER_ENDPOINTS
from segment_assets.operations.failures import TOLD
from segment_assets_tests.activation.profiles_world import members as profiles_in
from segment_assets_tests.activation.profiles_world import profiles, to
from segment_assets_tests.activation.world import (
    address,
    held,
    jobs,
    members,
    order,
    pinpoint_import,
    told,
    write,
)
from segment_assets_tests.segments.world import config

TAB = "cle\to"
LONG = "c" * 256


def asked(*people, endpoints=1):
    about = {"channel": "email", "address_sha256": "x", "score": 0.5, "band": "high"}
    rows = [about | {"customer_id": p, "recipient": f"{p}-{n:02}"} for p in people for n in range(endpoints)]
    return pa.Table.from_pylist(rows, WANTED)


def imported(lake, service, *people, endpoints=1):
    return activate(lake, pinpoint_import(service), order(), asked(*people, endpoints=endpoints), "run")


def customers(*people):
    return asked(*people).set_column(1, "recipient", pa.array(people))


def uploaded(lake, service, *people):
    job = CustomerProfilesImport(service, to(create_profiles=True), "win_back")
    return activate(lake, job, order("profiles"), customers(*people), "run")


def in_a_table(lake):
    return set(lake.read(active_members("pinpoint", "win_back"))["customer_id"].to_pylist())


@pytest.fixture
def domain(tmp_path):
    return FolderCustomerProfiles(tmp_path / "home" / "exports" / "customer_profiles")


def test_an_id_that_pinpoint_refuses_is_left_out_and_whoever_left_is_told(known, service):
    imported(known, service, "anna", "bo")
    outcome = imported(known, service, "anna", TAB)
    assert outcome.refused == {"Id holds a line break or a tab": [TAB]}
    assert held(service) == {"anna-00": "0.5000"}
    assert in_a_table(known) == {"anna", "bo"}
    again = imported(known, service, "anna", TAB)
    assert again.plan.why_nothing.startswith("unchanged")
    assert again.refused == outcome.refused


def test_an_id_that_customer_profiles_refuses_is_left_out_and_whoever_left_is_told(known, domain):
    uploaded(known, domain, "anna", "bo")
    outcome = uploaded(known, domain, "anna", LONG)
    assert outcome.refused == {"customer_id has 256 characters; 255 are allowed": [LONG]}
    assert profiles_in(profiles(domain, None)) == {"anna": "0.5000"}


def test_what_was_begun_and_never_sent_does_not_keep_a_segment_from_being_told(known, service, domain):
    """As an earlier version left it: written down as perhaps told, then refused before anything was sent."""
    imported(known, service, "anna", "bo")
    before = ledger.held(known, "pinpoint", "win_back")
    ledger.begin(known, plan(order(), asked("anna", TAB), before), "run")
    imported(known, service, "anna")
    assert held(service) == {"anna-00": "0.5000"}
    uploaded(known, domain, "anna", "bo")
    before = ledger.held(known, "profiles", "win_back")
    ledger.begin(known, plan(order("profiles"), customers("anna", LONG), before), "run")
    uploaded(known, domain, "anna")
    assert profiles_in(profiles(domain, None)) == {"anna": "0.5000"}
    assert uploaded(known, domain, "anna").plan.why_nothing.startswith("unchanged")


def many_endpoints(lake, number):
    """Of anna's endpoints the first took effect last; the last has no time."""
    noon = datetime(2026, 9, 1, 12)
    about = {"customer_id": "anna", "channel": "email", "active": True}
    rows = [
        about
        | {"endpoint_id": f"e{n:02}", "address_sha256": f"h{n}", "effective_at": noon - timedelta(days=n)}
        | ({"effective_at": None} if n == number - 1 else {})
        for n in range(number)
    ]
    bo = {"customer_id": "bo", "channel": "email", "active": True, "endpoint_id": "b", "address_sha256": "b"}
    write(lake, CUSTOMER_ENDPOINTS, *rows, bo)


def test_of_a_customer_with_more_than_fifteen_endpoints_the_newest_fifteen_are_told(known, service):
    many_endpoints(known, 17)
    members(known, {"anna": 0.9, "bo": 0.8})
    outcome = told(known, service)
    assert set(held(service)) == {"b", *(f"e{n:02}" for n in range(15))}
    assert outcome.refused == {
        "the customer has more than 15 endpoints, of which the newest 15 are told": ["anna", "anna"]
    }
    assert {row["recipient"] for row in known.read(active_members("pinpoint", "win_back")).to_pylist()} == set(
        held(service)
    )
    members(known, {"anna": 0.9})
    told(known, service)
    assert "b" not in held(service)


def test_endpoints_that_leave_do_not_count_among_the_fifteen(known, service):
    imported(known, service, "anna", endpoints=15)
    moved = asked("anna", endpoints=15)
    moved = moved.set_column(1, "recipient", pa.array([f"new-{n}" for n in range(15)]))
    assert activate(known, pinpoint_import(service), order(), moved, "run").receipt.rows == 30
    assert set(held(service)) == {f"new-{n}" for n in range(15)}
    assert [job["TotalFailures"] for job in jobs(service)] == [0, 0]


def test_who_was_left_out_is_told_by_a_check_and_named_by_hash(known, service):
    many_endpoints(known, 16)
    members(known, {"anna": 0.9, "bo": 0.8})
    settings = config(destinations=["pinpoint"])
    result = dg.materialize(assets(settings), resources={"lake": known, "pinpoint": service, "exports": service.store})
    (check,) = result.get_asset_check_evaluations()
    assert (check.check_name, check.passed, check.severity) == (TAKEN, False, dg.AssetCheckSeverity.WARN)
    assert check.description.startswith(
        "pinpoint would refuse 1 row of win_back, so these were left out and everything"
    )
    assert f"(1 row of 1 customer: {hashlib.sha256(b'anna').hexdigest()[:12]})" in check.description
    assert "anna" not in check.description
    assert address("anna", "email") not in check.description
    assert TAKEN in TOLD
    (made,) = result.get_asset_materialization_events()
    assert made.materialization.metadata["rows_left_out"].value == 1
    assert made.materialization.metadata["rows_sent"].value == 16
    assert made.materialization.metadata["members"].value == 2


def test_nobody_who_was_left_out_is_no_sentence():
    assert sentence("pinpoint", "win_back", {}) == ""
