"""Whom a list names does not leave; while a list can't be read, or decisions are older than a denial, nobody does."""

import csv

import dagster as dg
import pytest

from segment_assets.activation import assets as activation_assets
from segment_assets.first_party import assets as first_party_assets
from segment_assets.first_party.tables import CONSENT_STATE, CUSTOMER_ENDPOINTS, CUSTOMERS, ENGAGEMENT_EVENTS
from segment_assets.identity.tables import HOUSEHOLDS, PERSONS
from segment_assets.lake import FolderStore
from segment_assets.landing_config import Landing, SuppressionList
from segment_assets.people.addresses import email_sha256
from segment_assets.segments import assets as segments_assets
from segment_assets.segments.tables import predictive_segments
from segment_assets_tests.segments.world import DAY, PEOPLE, build, config, consent, endpoint, unsubscribe, write

PATH = "suppression/stop.csv"
LISTS = {"stop": SuppressionList(path=PATH, email="mail")}
QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}


def person(customer, rule):
    return {"customer_id": customer, "person_id": f"per_{customer}", "rule": rule, "customers": 1}


def household(customer, rule):
    return {"person_id": f"per_{customer}", "household_id": f"hh_{customer}", "rule": rule, "persons": 1}


class World:
    """A segment of eight customers, its destination, and a list."""

    def __init__(self, lake, landing, tmp_path):
        build(lake)
        own = (endpoint(p) | {"address_sha256_plain": email_sha256(f"{p}@example.org")} for p in PEOPLE)
        write(lake, CUSTOMER_ENDPOINTS, *own)
        settings = config().model_copy(update={"landing": Landing(suppression=LISTS)})
        steps = (first_party_assets, segments_assets, activation_assets)
        self.assets = [a for step in steps for a in step.assets(settings)]
        self.landing, self.exports = landing, FolderStore(tmp_path / "home" / "exports")
        self.resources = {"lake": lake, "landing": landing, "exports": self.exports}
        self.runs = 0

    def put(self, *lines):
        self.landing.write(PATH, "\n".join(["mail", *lines]).encode())

    def run(self, *keys):
        done = dg.materialize(
            self.assets, resources=self.resources, selection=list(keys), run_config=QUIET, raise_on_error=False
        )
        failed = [e.event_specific_data.error.cause for e in done.get_step_failure_events()]
        return done.success, " ".join(cause.message for cause in failed if cause)

    def everything(self):
        return self.run("suppression_lists", "predictive_segments/win_back", "file_handoff/win_back")

    def handed(self):
        """Customers in the newest hand-off, with their state."""
        found = [o.key for o in self.exports.list("") if o.key.endswith(".csv")]
        lines = self.exports.read(max(found)).decode().splitlines() if found else []
        return {row["customer_id"]: row["state"] for row in csv.DictReader(lines)}


@pytest.fixture
def world(lake, landing, tmp_path):
    return World(lake, landing, tmp_path)


def test_a_listed_customer_does_not_leave_and_one_who_is_listed_later_is_taken_out(world):
    world.put("anna@example.org")
    assert world.everything() == (True, "")
    assert world.handed() == {"dan": "in", "eve": "in"}
    world.put("anna@example.org", email_sha256("dan@example.org"))
    assert world.everything() == (True, "")
    assert world.handed() == {"dan": "out", "eve": "in"}
    world.put("dan@example.org")
    assert world.everything() == (True, "")
    assert world.handed() == {"anna": "in", "eve": "in"}


def test_without_the_file_nothing_is_sent(world):
    success, _ = world.everything()
    assert not success
    assert world.handed() == {}
    success, said = world.run("file_handoff/win_back")
    assert not success
    assert "landing.suppression.stop: suppression/stop.csv was not read: nothing of win_back was sent" in said
    world.put("anna@example.org")
    assert world.everything()[0]
    (world.landing.root / PATH).unlink()
    assert not world.run("suppression_lists")[0]
    assert "nothing of win_back was sent" in world.run("file_handoff/win_back")[1]


def test_decisions_older_than_the_list_are_not_sent(world):
    world.put("anna@example.org")
    world.everything()
    world.put("anna@example.org", "dan@example.org")
    assert world.run("suppression_lists")[0]
    _, said = world.run("file_handoff/win_back")
    assert "the suppression lists changed since win_back was decided: nothing of it was sent" in said


@pytest.mark.parametrize(
    ("table", "rows"),
    [
        (CONSENT_STATE, [consent(p, "denied" if p in ("bo", "dan") else "granted") for p in PEOPLE]),
        (CUSTOMER_ENDPOINTS, [endpoint(p) for p in PEOPLE if p != "dan"]),
        (CUSTOMERS, [{"customer_id": p, "endpoints": 1} for p in PEOPLE if p != "dan"]),
        (ENGAGEMENT_EVENTS, [unsubscribe("cleo"), unsubscribe("dan")]),
        (PERSONS, [person(p, "quarantined" if p == "dan" else "alone") for p in PEOPLE]),
        (HOUSEHOLDS, [household(p, "quarantined" if p == "dan" else "alone") for p in PEOPLE]),
    ],
    ids=["a denial", "an address is gone", "a customer is gone", "somebody unsubscribed", "a person", "a household"],
)
def test_decisions_older_than_what_is_known_of_customers_are_not_sent(world, table, rows):
    world.put("anna@example.org")
    assert world.run("suppression_lists", "predictive_segments/win_back")[0]
    write(world.resources["lake"], table, *rows)
    success, said = world.run("file_handoff/win_back")
    assert not success
    assert "changed since win_back was decided: nothing of it was sent" in said
    assert world.handed() == {}
    assert world.run("predictive_segments/win_back", "file_handoff/win_back")[0]
    assert "dan" not in world.handed()


def test_a_denial_that_changes_no_decision_holds_nothing_once_it_was_heeded(world):
    world.put("anna@example.org")
    assert world.everything()[0]
    write(
        world.resources["lake"],
        CONSENT_STATE,
        *(consent(p, "denied" if p in ("bo", "gus") else "granted") for p in PEOPLE),
    )
    assert world.run("predictive_segments/win_back", "file_handoff/win_back") == (True, "")


def test_decisions_of_a_version_that_kept_nothing_of_identity_are_sent_as_long_as_the_rest_holds(world):
    lake, table = world.resources["lake"], predictive_segments("win_back")
    world.put("anna@example.org")
    assert world.run("suppression_lists", "predictive_segments/win_back")[0]
    decided, heeded = lake.read(table), lake.inputs(table)
    lake.catalog.drop_table(table.name)
    inputs = {name: version for name, version in heeded.items() if name not in (PERSONS.name, HOUSEHOLDS.name)}
    assert len(inputs) == len(heeded) - 2
    lake.write(table, decided, "of the version before", inputs=inputs, as_of=DAY)
    assert world.run("file_handoff/win_back") == (True, "")
    write(lake, CUSTOMERS, *({"customer_id": p, "endpoints": 1} for p in PEOPLE if p != "dan"))
    assert "changed since win_back was decided" in world.run("file_handoff/win_back")[1]
