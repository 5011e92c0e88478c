"""Plan, begin, submit, poll, verify, commit: nothing lost, nothing sent twice."""

import signal
import subprocess
import sys
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pytest
from pyiceberg.exceptions import CommitFailedException

from segment_assets.activation.activate import poll, stages
from segment_assets.activation.plan import Plan
from segment_assets.activation.port import ActivationError, Destination, Receipt, Status
from segment_assets.activation.recipients import wanted
from segment_assets.activation.tables import ACTIVATION_LEDGER, active_members
from segment_assets.first_party.tables import CUSTOMER_ENDPOINTS
from segment_assets.lake import Lake
from segment_assets.waiting import Pace
from segment_assets_tests.activation.world import (
    APP,
    DAY,
    PEOPLE,
    held,
    jobs,
    members,
    order,
    pinpoint_import,
    told,
    write,
)

ROOT = Path(__file__).parents[2]
STEPS = ("plan", "begin", "submit", "poll", "verify", "commit")


def ledger(lake):
    return lake.read(ACTIVATION_LEDGER).to_pylist()


def killed_after(step, lake, service):
    running = stages(lake, pinpoint_import(service), order(), wanted(lake, "win_back", "endpoints"), "run")
    for done in running:
        if done == step:
            return


def test_what_was_sent_is_in_the_ledger(known, service):
    members(known, {"anna": 0.9, "bo": 0.8})
    outcome = told(known, service)
    (row,) = ledger(known)
    assert (row["sequence"], row["members"], row["joined"], row["rows_sent"], row["state"]) == (1, 2, 2, 2, "SUCCEEDED")
    assert row["content_key"] == outcome.holds
    assert row["purpose"] == "Win back"
    assert row["location"].startswith("pinpoint/imports/win_back/000001-")
    assert held(service) == {"ep-anna-email": "0.9000", "ep-bo-email": "0.8000"}


def test_unchanged_content_is_never_sent_again(known, service):
    members(known, {"anna": 0.9})
    first = told(known, service)
    again = told(known, service)
    assert again.receipt is None
    assert again.plan.why_nothing.startswith("unchanged")
    assert again.holds == first.holds
    assert len(jobs(service)) == len(ledger(known)) == 1


def test_a_change_sends_tombstones_and_the_way_back_is_sent_too(known, service):
    for scores in ({"anna": 0.9, "bo": 0.8}, {"bo": 0.8, "cleo": 0.7}, {"anna": 0.9, "bo": 0.8}):
        members(known, scores)
        told(known, service)
        assert set(held(service)) == {f"ep-{p}-email" for p in scores}
    assert [(r["joined"], r["left"], r["stayed"]) for r in ledger(known)] == [(2, 0, 0), (1, 1, 1), (1, 1, 1)]


def test_a_channel_that_is_withdrawn_is_told_to_leave_though_the_customer_stays(known, service):
    members(known, {"anna": 0.9}, channels=("email", "sms"))
    told(known, service)
    members(known, {"anna": 0.9}, channels=("sms",))
    outcome = told(known, service)
    assert set(held(service)) == {"ep-anna-sms"}
    assert (outcome.plan.left, outcome.plan.stayed) == (0, 1)


def test_a_guard_lets_departures_pass_alone_and_once(known, service):
    members(known, {"anna": 0.9, "bo": 0.8})
    told(known, service)
    members(known, {"anna": 0.7, "cleo": 0.6})
    departed = told(known, service, min_size=3)
    assert departed.plan.guard.startswith("min_size")
    assert held(service) == {"ep-anna-email": "0.9000"}  # as last told
    assert [(r["members"], r["joined"], r["left"], r["rows_sent"]) for r in ledger(known)] == [
        (2, 2, 0, 2),
        (1, 0, 1, 1),
    ]
    assert [bool(r["guard"]) for r in ledger(known)] == [False, True]
    again = told(known, service, min_size=3)
    assert again.receipt is None
    assert again.plan.why_nothing.startswith("min_size")
    assert again.holds == departed.holds
    assert len(jobs(service)) == 2
    told(known, service)  # the limit was lowered
    assert held(service) == {"ep-anna-email": "0.7000", "ep-cleo-email": "0.6000"}


def test_where_nobody_left_a_guard_sends_nothing_and_keeps_what_is_held(known, service):
    members(known, {"anna": 0.9, "bo": 0.8})
    first = told(known, service)
    members(known, {"anna": 0.9, "bo": 0.8, "cleo": 0.7})
    refused = told(known, service, max_change=0.1)
    assert refused.plan.why_nothing.startswith("max_change")
    assert refused.holds == first.holds
    assert len(jobs(service)) == 1


def test_joiners_wait_for_the_limit_and_not_for_a_second_run(known, service):
    """With bo gone, cleo would be one of two, which the limit allows; what counts is the last whole activation."""
    members(known, {"anna": 0.9, "bo": 0.8})
    told(known, service)
    members(known, {"anna": 0.9, "cleo": 0.7})
    for _ in range(3):
        told(known, service, max_change=0.5)
        assert set(held(service)) == {"ep-anna-email"}
    members(known, {"anna": 0.9, "bo": 0.8})  # mended: nothing has changed since the last whole activation
    told(known, service, max_change=0.5)
    assert set(held(service)) == {"ep-anna-email", "ep-bo-email"}


@pytest.mark.parametrize("step", STEPS)
def test_a_kill_while_departures_are_sent_loses_nothing_and_sends_nothing_twice(known, service, step):
    members(known, {"anna": 0.9, "bo": 0.8})
    told(known, service)
    members(known, {"anna": 0.9})
    limit = order(min_size=2)
    for done in stages(known, pinpoint_import(service), limit, wanted(known, "win_back", "endpoints"), "run"):
        if done == step:
            break
    told(known, service, min_size=2)
    told(known, service, min_size=2)
    assert set(held(service)) == {"ep-anna-email"}
    assert len(jobs(service)) == len(ledger(known)) == 2


def test_a_ledger_of_before_guards_let_departures_pass_is_read_on(known, service):
    members(known, {"anna": 0.9, "bo": 0.8})
    told(known, service)
    for table, added in (
        (ACTIVATION_LEDGER, ["guard"]),
        (active_members("pinpoint", "win_back"), ["channel", "address_sha256", "score", "band", "state"]),
    ):
        kept = [name for name in table.schema.names if name not in added]
        old = replace(table, schema=pa.schema([table.schema.field(name) for name in kept]))
        known.write(old, known.read(table).select(kept), "run", as_of=DAY)
    assert told(known, service).plan.why_nothing.startswith("unchanged")
    members(known, {"anna": 0.9})
    told(known, service, min_size=2)
    assert told(known, service, min_size=2).receipt is None
    assert set(held(service)) == {"ep-anna-email"}
    assert told(known, service).receipt  # what exactly is held was not known
    assert not told(known, service).receipt


@pytest.mark.parametrize("step", STEPS)
def test_a_kill_after_any_step_loses_nothing_and_sends_nothing_twice(known, service, step):
    members(known, {"anna": 0.9, "bo": 0.8})
    told(known, service)
    members(known, {"bo": 0.8, "cleo": 0.7})
    killed_after(step, known, service)
    told(known, service)
    assert set(held(service)) == {"ep-bo-email", "ep-cleo-email"}
    assert [(r["sequence"], r["joined"], r["left"], r["stayed"]) for r in ledger(known)] == [(1, 2, 0, 0), (2, 1, 1, 1)]
    assert len(jobs(service)) == 2
    content = known.state(ACTIVATION_LEDGER).version, known.state(active_members("pinpoint", "win_back")).version
    told(known, service)
    assert content == (
        known.state(ACTIVATION_LEDGER).version, known.state(active_members("pinpoint", "win_back")).version
    )  # fmt: skip


@pytest.mark.parametrize("step", STEPS[:-1])
def test_whoever_was_told_by_a_killed_run_and_is_not_wanted_after_it_is_told_to_leave(known, service, step):
    members(known, {"anna": 0.9})
    told(known, service)
    members(known, {"anna": 0.9, "dan": 0.8})
    killed_after(step, known, service)
    members(known, {"anna": 0.9})  # the world changed back while the run was down
    told(known, service)
    assert held(service) == {"ep-anna-email": "0.9000"}


@pytest.mark.parametrize("step", STEPS[:-1])
def test_the_ledger_is_the_same_with_and_without_a_kill(known, service, step, tmp_path):
    members(known, {"anna": 0.9})
    killed_after(step, known, service)
    told(known, service)
    (row,) = ledger(known)
    assert (row["joined"], row["left"], row["stayed"], row["rows_sent"]) == (1, 0, 0, 1)


def test_sigkill_in_the_middle_of_a_job_sends_it_once(tmp_path):
    for step, code in (("begin", -signal.SIGKILL), ("submit", -signal.SIGKILL), ("none", 0)):
        command = [sys.executable, "-m", "segment_assets_tests.activation.killed", str(tmp_path), step]
        assert subprocess.run(command, cwd=ROOT, check=False).returncode == code


def test_two_writers_of_the_one_ledger_lose_nothing(known, service):
    members(known, {"anna": 0.9})
    told(known, service)
    names = ["second", "third", "fourth"]
    with ThreadPoolExecutor(len(names)) as pool:
        outcomes = [*pool.map(lambda name: told(known, service, destination=name, wording=name), names)]
    assert all(outcome.receipt for outcome in outcomes)
    assert {r["destination"] for r in ledger(known)} == {"pinpoint", *names}


def test_a_ledger_read_too_early_is_not_written_over(known, service):
    members(known, {"anna": 0.9})
    told(known, service)
    before, rows = known.state(ACTIVATION_LEDGER), known.read(ACTIVATION_LEDGER)
    told(known, service, destination="second", wording="second")
    with pytest.raises(CommitFailedException, match="written by another run since this one read it"):
        known.write(ACTIVATION_LEDGER, rows, "run", replacing=before)
    assert known.state(ACTIVATION_LEDGER).rows == 2


def test_of_two_runs_of_one_asset_the_second_to_begin_sends_nothing(known, service):
    members(known, {"anna": 0.9})
    first = stages(known, pinpoint_import(service), order(), wanted(known, "win_back", "endpoints"), "first")
    members(known, {"bo": 0.8})
    second = stages(known, pinpoint_import(service), order(), wanted(known, "win_back", "endpoints"), "second")
    assert next(first) == next(second) == "plan"  # neither knows of the other
    assert next(first) == "begin"
    with pytest.raises(ActivationError, match="another run began to tell something else of win_back meanwhile"):
        next(second)
    deque(first)
    assert held(service) == {"ep-anna-email": "0.9000"}
    assert told(known, service).receipt
    assert held(service) == {"ep-bo-email": "0.8000"}


def test_a_run_that_was_overtaken_is_not_committed_and_whom_it_told_is_accounted_for(known, service):
    members(known, {"anna": 0.9})
    slow = stages(known, pinpoint_import(service), order(), wanted(known, "win_back", "endpoints"), "slow")
    while next(slow) != "verify":
        pass
    members(known, {"bo": 0.8})
    told(known, service)  # takes the slow one for killed
    with pytest.raises(ActivationError, match="another run told something else of win_back meanwhile"):
        deque(slow)
    assert [r["sequence"] for r in ledger(known)] == [2]
    assert told(known, service).plan.sequence == 4
    assert held(service) == {"ep-bo-email": "0.8000"}
    assert not told(known, service).receipt


class Slow(Destination):
    def submit(self, lake: Lake, plan: Plan) -> Receipt:
        raise NotImplementedError

    def poll(self, receipt: Receipt) -> Status:
        return Status("RUNNING")

    def verify(self, plan: Plan, receipt: Receipt, status: Status) -> None:
        raise NotImplementedError


def test_a_job_that_takes_too_long_is_left_to_go_on():
    with pytest.raises(ActivationError, match="job j is still RUNNING after 0 seconds; it was not cancelled"):
        poll(Slow(), Receipt("j", "x", 1), deadline=0)


def test_pauses_double_to_half_a_minute():
    pauses = []
    slow = Slow()
    slow.poll_seconds = Pace.first

    def pause(seconds):
        pauses.append(seconds)
        if len(pauses) == 10:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        poll(slow, Receipt("j", "x", 1), deadline=3600, pause=pause)
    assert pauses[:3] == [0.2, 0.4, 0.8]
    assert pauses[-1] == 30


def test_a_job_that_failed_is_not_committed_and_made_anew(known, service):
    members(known, {"anna": 0.9})
    running = stages(known, pinpoint_import(service), order(), wanted(known, "win_back", "endpoints"), "run")
    while next(running) != "submit":
        pass
    (file,) = service.store.list("imports/win_back/")
    good = service.store.read(file.key)
    service.store.write(file.key, good + b"x,y\n")  # one row that Pinpoint refuses
    with pytest.raises(ActivationError, match=r"1 refused \(line 3\)\. Nothing was committed") as refused:
        deque(running)
    assert "example.org" not in str(refused.value)
    assert not ledger(known)
    service.store.write(file.key, good)
    told(known, service)
    assert len(jobs(service)) == 2
    assert len(ledger(known)) == 1
    assert set(held(service)) == {"ep-anna-email"}


def test_addresses_that_changed_are_sent_again(known, service):

    members(known, {"anna": 0.9})
    told(known, service)
    moved = {"customer_id": "anna", "endpoint_id": "ep-anna-email", "channel": "email", "active": True}
    write(known, CUSTOMER_ENDPOINTS, moved | {"address_sha256": "moved"})
    assert told(known, service).receipt


def test_job_records_have_the_application(known, service):
    members(known, dict.fromkeys(PEOPLE, 0.5))
    told(known, service)
    assert {job["ApplicationId"] for job in jobs(service)} == {APP}
