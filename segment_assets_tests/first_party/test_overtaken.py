"""A run that read what landed earlier, and ends later, takes nothing away from one that read more."""

from datetime import date
from pathlib import Path
from threading import Event, Thread

import dagster as dg
import pytest
import yaml
from pyiceberg.exceptions import CommitFailedException

from segment_assets.first_party import (
    assets,
    customer_exports,
    customers,
    engagement,
    event_account,
    raw_events,
    suppression_lists,
)
from segment_assets.first_party.deliveries import event_objects
from segment_assets.first_party.formats.choice import format_of
from segment_assets.first_party.loading import load
from segment_assets.first_party.tables import CONSENT_STATE, RAW_EVENTS, SUPPRESSION_ENTRIES
from segment_assets.lake import FolderStore
from segment_assets.operations.refresh import PROCESS_TAG, fail_abandoned_runs
from segment_assets.segmentation import Segmentation
from segment_assets.segmentation import load as load_config
from segment_assets_tests.first_party import exporting, test_assets, test_suppression_lists
from segment_assets_tests.first_party.loading import PINPOINT, event, load_days, put
from segment_assets_tests.small_world import SMALL_SEGMENTATION

FORM = format_of(PINPOINT)
REFUSED = pytest.raises(CommitFailedException, match="was written by another run")
POOLS = {
    "concurrency": {"pools": {"default_limit": 1, "granularity": "op"}},  # as in dagster.yaml
    # Two runs of one process would both take its output, and leave the processes that do.
    "compute_logs": {"module": "dagster._core.storage.noop_compute_log_manager", "class": "NoOpComputeLogManager"},
}


@pytest.mark.parametrize("newer", [event(number=2), b"{broken"], ids=["another record", "one for quarantine"])
def test_raw_events_of_an_older_listing_do_not_replace_those_of_a_newer_one(lake, landing, newer):
    put(landing, 1, "a", event(number=1))
    before, listed = raw_events.states(lake), event_objects(landing, PINPOINT)
    put(landing, 1, "b", newer)
    load_days(lake, landing)
    there = raw_events.states(lake)
    [loaded] = load(landing, FORM, listed, [date(2026, 1, 1)], lake.scratch)
    with REFUSED:
        raw_events.write(lake, loaded, "older", before=before)
    assert raw_events.states(lake) == there


def test_a_withdrawal_that_another_run_added_meanwhile_stays(lake, landing):
    def told(state, day):
        said = {
            "OptOut": "NONE",
            "Attributes": {"marketing_consent": [state]},
            "EffectiveDate": f"2026-01-{day}T00:00Z",
        }
        exporting.put(landing, exporting.endpoint(**said), day=f"2026/01/{day}")
        return customer_exports.read(landing, exporting.PINPOINT)

    customers.write(lake, told("granted", "01"), "US", "first")
    before, older, newer = customers.states(lake), told("granted", "02"), told("denied", "03")
    customers.write(lake, newer, "US", "newer")
    with REFUSED:
        customers.write(lake, older, "US", "older", before)
    assert [r["state"] for r in lake.read(CONSENT_STATE).to_pylist()] == ["granted", "denied"]


def test_consent_that_comes_while_the_rest_is_computed_stays(lake, landing, monkeypatch):
    exporting.put(landing, exporting.endpoint(OptOut="NONE"), day="2026/01/01")
    older = customer_exports.read(landing, exporting.PINPOINT)
    exporting.put(landing, exporting.endpoint(OptOut="ALL"), day="2026/01/02")
    newer = customer_exports.read(landing, exporting.PINPOINT)
    hashed = customers.in_key_order

    def after_another(contacts, region):
        monkeypatch.setattr(customers, "in_key_order", hashed)
        customers.write(lake, newer, "US", "newer")
        return hashed(contacts, region)

    monkeypatch.setattr(customers, "in_key_order", after_another)
    with REFUSED:
        customers.write(lake, older, "US", "older")
    assert [r["state"] for r in lake.read(CONSENT_STATE).to_pylist()] == ["denied"]


def test_events_of_older_raw_events_do_not_replace_those_of_newer_ones(lake, landing, monkeypatch):
    put(landing, 1, "a", event(number=1))
    load_days(lake, landing)
    made = engagement._Chunk.made

    def after_another(chunk, days):
        parts = made(chunk, days)
        monkeypatch.setattr(engagement._Chunk, "made", made)
        put(landing, 1, "b", event(number=2))
        load_days(lake, landing)
        engagement.update(lake, FORM, "code", "newer")
        return parts

    monkeypatch.setattr(engagement._Chunk, "made", after_another)
    with REFUSED:
        engagement.update(lake, FORM, "code", "older")
    assert event_account.account(lake).nothing_lost


def test_entries_of_older_lists_do_not_replace_those_of_newer_ones(lake, landing):
    where = {"stop": test_suppression_lists.BOTH}
    landing.write(test_suppression_lists.PATH, b"mail,tel\nann@example.org,\n")
    before, older = lake.state(SUPPRESSION_ENTRIES), suppression_lists.read(landing, where, "US")
    landing.write(test_suppression_lists.PATH, b"mail,tel\nann@example.org,\nbob@example.org,\n")
    suppression_lists.write(lake, suppression_lists.read(landing, where, "US"), "newer")
    with REFUSED:
        suppression_lists.write(lake, older, "older", before)
    assert lake.state(SUPPRESSION_ENTRIES).rows == 2


class SlowStore(FolderStore):
    """A landing place that lets something happen after its first listing."""

    def __init__(self, root: Path, then):
        super().__init__(root)
        self.then = [then]

    def list(self, prefix):
        found = super().list(prefix)
        if self.then and found:
            self.then.pop()()
        return found


def raw_events_job(resources):
    config = load_config(SMALL_SEGMENTATION)
    return dg.Definitions(assets=assets.assets(config), resources=resources).resolve_implicit_global_asset_job_def()


def run(job, instance, **more):
    wanted = {"asset_selection": [dg.AssetKey("raw_events")], "partition_key": "2026-01-01"}
    return job.execute_in_process(instance=instance, run_config=test_assets.QUIET, **wanted, **more)


@pytest.fixture
def instance(tmp_path):
    with dg.DagsterInstance.local_temp(str(tmp_path), overrides=POOLS) as instance:
        instance.add_dynamic_partitions("arrival_days", ["2026-01-01"])
        yield instance


def test_a_run_that_was_overtaken_lists_anew_and_loses_nothing(lake, landing, instance):
    put(landing, 1, "a", event(number=1))

    def another():
        put(landing, 1, "b", event(number=2))
        load_days(lake, landing)

    assert run(raw_events_job({"lake": lake, "landing": SlowStore(landing.root, another)}), instance).success
    assert lake.state(RAW_EVENTS).rows == 2


def test_a_run_by_hand_waits_until_the_one_beside_it_has_ended(lake, landing, instance):
    put(landing, 1, "a", event(number=1))
    listed, go_on, order = Event(), Event(), []

    def first():
        listed.set()
        assert go_on.wait(60)
        order.append("first has read")

    def execute(then):
        assert run(raw_events_job({"lake": lake, "landing": SlowStore(landing.root, then)}), instance).success

    runs = [Thread(target=execute, args=(then,)) for then in (first, lambda: order.append("second has read"))]
    runs[0].start()
    assert listed.wait(60)
    runs[1].start()
    runs[1].join(3)
    assert order == [], "the second has not begun"
    go_on.set()
    for thread in runs:
        thread.join(60)
    assert order == ["first has read", "second has read"]


def test_every_asset_that_reads_and_then_writes_has_a_pool_of_its_own():
    content = yaml.safe_load(SMALL_SEGMENTATION.read_text())
    content["landing"]["suppression"] = {"stop": {"path": "stop.csv", "email": "mail"}}
    config = Segmentation.model_validate(content)
    pools = [a.op.pool for a in assets.assets(config) if isinstance(a, dg.AssetsDefinition)]
    assert pools == ["events", "events", "customers", "suppression_lists"]


@pytest.mark.parametrize("process", ["999999999.1.0", "1.1.00000000", "1"], ids=["gone", "another", "a number"])
def test_a_killed_run_leaves_its_place_in_a_pool_to_the_next(lake, landing, instance, process):
    put(landing, 1, "a", event(number=1))
    job, storage = raw_events_job({"lake": lake, "landing": landing}), instance.event_log_storage
    killed = instance.create_run_for_job(job, tags={PROCESS_TAG: process}, status=dg.DagsterRunStatus.STARTED)
    storage.initialize_concurrency_limit_to_default("events")
    assert storage.claim_concurrency_slot("events", killed.run_id, "raw_events").is_claimed
    fail_abandoned_runs(instance)
    assert run(job, instance).success
    assert storage.get_concurrency_run_ids() == set()
