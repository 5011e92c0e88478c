"""Of two jobs of one segment at one destination the older is never the last to end."""

import csv
import io

import pytest

from segment_assets.activation import ledger
from segment_assets.activation.activate import stages
from segment_assets.activation.assets import assets
from segment_assets.activation.embedded import FolderPinpoint
from segment_assets.activation.port import ActivationError
from segment_assets.activation.recipients import wanted
from segment_assets.activation.tables import ACTIVATION_LEDGER, active_members
from segment_assets_tests.activation.world import ATTRIBUTE, jobs, members, order, pinpoint_import, told
from segment_assets_tests.segments.world import config


class Pinpoint(FolderPinpoint):
    """The folder, and what its endpoints hold once each job has ended: the last to end holds."""

    def __init__(self, folder):
        super().__init__(folder)
        self.endpoints = {}

    def _process(self, job):
        super()._process(job)
        for key in self._files(job):
            for row in csv.DictReader(io.StringIO(self.store.read(key).decode())):
                self.endpoints[row["Id"]] = row[f"Attributes.{ATTRIBUTE}"]

    @property
    def members(self):
        return {name for name, state in self.endpoints.items() if state == "in"}


@pytest.fixture
def slow(tmp_path):
    return Pinpoint(tmp_path / "home" / "exports" / "pinpoint")


def staged(lake, service, run="run", deadline=60.0):
    return stages(lake, pinpoint_import(service), order(), wanted(lake, "win_back", "endpoints"), run, deadline)


def until(step, running):
    while next(running) != step:
        pass


def test_a_run_waits_for_the_job_of_an_older_one_that_withdrawals_may_not_be_undone(known, slow):
    members(known, {"anna": 0.9, "bo": 0.8})
    older = staged(known, slow, "older")
    until("submit", older)  # and its job takes long
    members(known, {"anna": 0.9})  # bo withdrew
    newer = staged(known, slow, "newer")
    until("verify", newer)
    with pytest.raises(ActivationError, match="another run told something else of win_back meanwhile"):
        list(older)
    with pytest.raises(ActivationError, match="another run told something else of win_back meanwhile"):
        list(newer)  # it can't know of the older one's job what it was told of by the next
    assert slow.members == {"ep-anna-email"}
    assert told(known, slow).receipt
    assert not told(known, slow).receipt
    assert slow.members == {"ep-anna-email"}


def test_the_job_of_a_killed_run_has_ended_before_the_next_is_made(known, slow):
    members(known, {"anna": 0.9, "bo": 0.8})
    until("submit", staged(known, slow))  # killed: its job goes on
    members(known, {"anna": 0.9})
    told(known, slow)
    assert [job["JobStatus"] for job in jobs(slow)] == ["COMPLETED", "COMPLETED"]
    assert slow.members == {"ep-anna-email"}


def test_where_an_earlier_job_does_not_end_nothing_is_begun(known, slow, monkeypatch):
    members(known, {"anna": 0.9, "bo": 0.8})
    until("submit", staged(known, slow))
    [job] = jobs(slow)
    members(known, {"anna": 0.9})
    monkeypatch.setattr(slow, "get_import_job", lambda *_: job | {"JobStatus": "PROCESSING"})
    begun = known.state(active_members("pinpoint", "win_back")).version
    says = rf"pinpoint: job {job['Id']} of an earlier activation of win_back has not ended after 0 seconds; .*run the"
    with pytest.raises(ActivationError, match=says):
        list(staged(known, slow, deadline=0.0))
    assert known.state(active_members("pinpoint", "win_back")).version == begun
    assert not known.state(ACTIVATION_LEDGER).rows
    assert len(jobs(slow)) == 1


def test_jobs_of_other_segments_are_not_waited_for(known, slow):
    members(known, {"anna": 0.9})
    until("submit", staged(known, slow))
    job = pinpoint_import(slow)
    assert [receipt.job_id for receipt in job.running(order())] == [jobs(slow)[0]["Id"]]
    assert job.running(order(segment="win")) == []


def test_runs_of_one_segment_at_one_destination_have_a_pool_of_their_own():
    found = assets(config(destinations=["pinpoint", "handoff", "second"]))
    assert [asset.op.pool for asset in found] == [
        "pinpoint_import/win_back", "file_handoff/handoff/win_back", "file_handoff/second/win_back",
    ]  # fmt: skip


def test_a_number_under_a_higher_one_that_was_begun_is_not_committed(known, slow):
    members(known, {"anna": 0.9})
    older = staged(known, slow, "older")
    until("verify", older)
    members(known, {"bo": 0.8})
    until("begin", staged(known, slow, "newer"))
    with pytest.raises(ActivationError, match="another run told something else of win_back meanwhile"):
        list(older)
    assert ledger.held(known, "pinpoint", "win_back").sequence == 0
    told(known, slow)
    assert slow.members == {"ep-bo-email"}


def test_a_table_of_who_was_told_that_was_another_pairs_is_not_taken_for_ones_own(known, slow):
    """crm_eu of vip would find whom crm was told of eu_vip, and tell them to leave."""
    members(known, {"anna": 0.9})
    told(known, slow, destination="crm", segment="eu_win_back")
    says = "active_members_crm_eu_win_back says whom crm was told of eu_win_back, and they would be told to leave at"
    with pytest.raises(ActivationError, match=says):
        told(known, slow, destination="crm_eu")
