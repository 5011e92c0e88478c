"""Faults on the way to QuickSight: a run ends right or in one sentence, the next completes, nothing is doubled."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import pytest

from segment_assets.aws import AwsRefusedError
from segment_assets.dashboards.aws import Calls
from segment_assets.dashboards.port import PublishError
from segment_assets.dashboards.quicksight.spice import Spice
from segment_assets.dashboards.quicksight.versions import Board
from segment_assets.lake.aws import Bucket
from segment_assets.waiting import Pace
from segment_assets_tests.aws_double.front import Fault
from segment_assets_tests.dashboards.board import AGES, FOUND, PAGE, Account, account, fresh, titled, with_events

SETS = ("totals", "metrics", "ages")
# Every call of a first run: what can be made twice, what can't, and what is asked.
OPERATIONS = (
    "CreateDataSource",
    "CreateDataSet",
    "CreateIngestion",
    "CreateDashboard",
    "DescribeDataSource",
    "DescribeDataSet",
    "DescribeIngestion",
    "DescribeDashboard",
    "ListIngestions",
    "ListDashboardVersions",
)


DO = Calls._do


class KilledError(BaseException):
    """The process ends here."""


@pytest.fixture(scope="module")
def shared() -> Iterator[Account]:
    with account() as made:
        yield made


@pytest.fixture
def here(shared: Account) -> Account:
    return fresh(shared)


def assert_whole(here: Account, versions: int = 1) -> None:
    """What was wanted is there, once."""
    assert here.rows("arrivals-1-1-events") == [{"events": 1234}]
    assert [state for _, state in here.versions()] == ["CREATION_SUCCESSFUL"] * versions
    for name in SETS:
        assert [state for _, state in here.ours(name)].count("COMPLETED") == 1, name


@pytest.mark.parametrize(
    ("operations", "how"),
    [
        (("CreateDataSet", "DescribeIngestion"), {"error": "ThrottlingException", "status": 429}),
        (OPERATIONS, {"error": "InternalFailureException", "status": 500}),
        (OPERATIONS, {"error": "InternalFailureException", "status": 500, "after": True}),
    ],
    ids=["throttled", "fault", "answer lost"],
)
def test_what_passes_is_tried_again_and_makes_nothing_twice(
    here: Account, operations: tuple[str, ...], how: dict[str, Any]
):
    here.aws.faults += [Fault(f"quicksight.{operation}", **how) for operation in operations]
    here.publish()
    assert [fault.times for fault in here.aws.faults] == [0] * len(operations), "each call met its fault"
    assert_whole(here)


@pytest.mark.parametrize("operation", ["UpdateDashboard", "UpdateDashboardPublishedVersion", "UpdateDataSet"])
@pytest.mark.parametrize("after", [False, True], ids=["fault", "answer lost"])
def test_a_change_is_made_once_too(here: Account, operation: str, after: bool):
    here.publish()
    here.aws.faults.append(Fault(f"quicksight.{operation}", "InternalFailureException", 500, after=after))
    page = titled("All metrics")
    if operation == "UpdateDataSet":
        here.publisher(role_arn=None).publish(PAGE, FOUND, AGES)
        assert [state for _, state in here.ours("totals")] == ["COMPLETED"] * 2
    else:
        assert here.publish(page).version == 2
        assert_whole(here, versions=2)
    assert here.aws.faults[0].times == 0


def test_a_version_still_being_made_is_waited_for(here: Account):
    here.publish()
    here.aws.faults.append(Fault("quicksight.UpdateDashboard", "ConflictException", 409, times=2))
    assert here.publish(titled("All metrics")).version == 2
    assert_whole(here, versions=2)


@pytest.mark.parametrize(
    ("operation", "of"),
    [
        ("DescribeDataSet", "totals"),
        ("CreateDataSource", "totals"),
        ("CreateDashboard", "overview"),
    ],
)
def test_what_is_denied_is_told_once_with_the_permission_and_goes_on_when_it_is_given(
    here: Account, operation: str, of: str
):
    here.aws.faults.append(Fault(f"quicksight.{operation}", "AccessDeniedException", 403))
    passed = r" \(with iam:PassRole on \S+role/QuickSightRead\)" if operation == "CreateDataSource" else ""
    with pytest.raises(
        AwsRefusedError, match=rf"^quicksight:{operation} on {here.prefix}-{of}{passed} was denied: the"
    ):
        here.publish()
    here.publish()
    assert_whole(here)


def test_an_account_without_the_enterprise_edition_is_told_so(here: Account):
    here.aws.faults.append(Fault("quicksight.ListDashboardVersions", "UnsupportedUserEditionException", 403))
    with pytest.raises(AwsRefusedError, match=r"must be of the Enterprise edition$"):
        here.publish()


def test_where_quicksight_may_not_read_the_bucket_it_is_told_how_to_mend_it(here: Account):
    here.service.shut = True
    with pytest.raises(
        PublishError, match=rf"data source {here.prefix}-totals could not be made: ACCESS_DENIED"
    ) as told:
        here.publish()
    place = f"s3://our-exports/{here.where.deployment}/exports/dashboard/"
    assert f"QuickSight must be let read {place} (deploy/README.md), then re-run" in str(told.value)
    assert not re.search(r"@|[0-9a-f]{32}", str(told.value)), "nothing of a person"
    here.service.shut = False
    here.publish()
    assert_whole(here)


def test_a_failed_ingestion_is_told_with_its_reason_and_made_anew_by_the_next_run(here: Account):
    here.publish(found=with_events(1))
    here.service.shut = True
    with pytest.raises(PublishError, match=f"could not take in the data set {here.prefix}-totals: PERMISSION_DENIED:"):
        here.publish()
    assert here.rows("arrivals-1-1-events") == [{"events": 1}], "the old rows stay"
    here.service.shut = False
    here.publish()
    assert here.rows("arrivals-1-1-events") == [{"events": 1234}]
    assert here.ours("totals") == [("1", "COMPLETED"), ("2", "FAILED"), ("3", "COMPLETED")]


class Spoilt(Bucket):
    """A bucket in which a number turned into a word."""

    def write(self, key: str, content: bytes) -> None:
        """Put the object."""
        super().write(key, content.replace(b"1234", b"many"))


def test_rows_that_quicksight_drops_are_no_success(here: Account, monkeypatch: pytest.MonkeyPatch):
    with monkeypatch.context() as patch:
        patch.setattr(Account, "store", Spoilt(here.store.name, here.store.prefix))
        with pytest.raises(PublishError, match=f"data set {here.prefix}-totals took 0 of 1 rows and dropped 1: s3://"):
            here.publish()
    here.publish()
    assert here.rows("arrivals-1-1-events") == [{"events": 1234}]
    assert here.ours("totals") == [("1", "COMPLETED"), ("2", "COMPLETED")]


def test_a_definition_with_a_column_that_is_not_there_is_refused_and_the_next_run_mends_it(here: Account):
    here.publish()
    dataset = here.service.sets[f"{here.prefix}-totals"]
    (table,) = dataset["PhysicalTableMap"].values()
    held = list(table["S3Source"]["InputColumns"])
    table["S3Source"]["InputColumns"] = [c for c in held if c["Name"] != "events"]
    dataset["LogicalTableMap"]["rows"]["DataTransforms"] = []
    with pytest.raises(
        PublishError, match=r"did not take version 2 .* COLUMN_REPLACEMENT_MISSING: column events is not"
    ):
        here.publish(titled("All metrics"))
    assert here.service.boards[here.board]["Published"] == 1, "the version before stays"
    here.service.sets[f"{here.prefix}-totals"]["PhysicalTableMap"] = {"by-hand": table}
    assert here.publish(titled("All metrics")).version == 3
    assert here.versions() == [(1, "CREATION_SUCCESSFUL"), (2, "CREATION_FAILED"), (3, "CREATION_SUCCESSFUL")]


def test_a_first_version_that_failed_does_not_stay_the_last(here: Account):
    board = Board(Calls(here.where.quicksight), here.board, here.where.quicksight.principal_arn, here.pace)  # type: ignore[arg-type,union-attr]
    gone = {"DataSetIdentifierDeclarations": [{"Identifier": "x", "DataSetArn": "arn:aws:gone"}]}
    sheet = {"SheetId": "one", "Visuals": [], "Layouts": [{"Configuration": {"GridLayout": {"Elements": []}}}]}
    with pytest.raises(PublishError, match="DATA_SET_NOT_FOUND: data set arn:aws:gone does not exist"):
        board.show("Title", gone | {"Sheets": [sheet]})
    assert here.publish().version == 2
    assert here.service.boards[here.board]["Published"] == 2


@dataclass
class Killing:
    """Ends the process after a call that changes something: of three sources, three sets, three ingestions, a board."""

    at: int
    done: int = 0

    def __call__(self, calls: Calls, through: Any, operation: str, request: Any) -> Any:
        answer = DO(calls, through, operation, request)
        self.done += not operation.startswith(("Describe", "List"))
        if self.done == self.at:
            raise KilledError
        return answer


@pytest.mark.parametrize("at", [1, 3, 4, 6, 7, 10])
def test_a_run_killed_after_any_call_is_completed_by_the_next(here: Account, monkeypatch: pytest.MonkeyPatch, at: int):
    with monkeypatch.context() as patch:
        killing = Killing(at)
        patch.setattr(Calls, "_do", lambda *asked: killing(*asked))
        patch.setattr(Spice, "_cancel", lambda *_: None)  # killed for good: nothing is tidied up
        with pytest.raises(KilledError):
            here.publish()
    here.publish()
    assert_whole(here)


def test_a_run_that_is_cancelled_takes_its_ingestion_with_it(here: Account):
    here.publish(found=with_events(1))

    def cancelled(_: float) -> None:
        if ("2", "RUNNING") in here.ours("totals"):
            raise KilledError

    with pytest.raises(KilledError):
        replace(here, pace=Pace(first=0, pause=cancelled)).publish()
    assert here.ours("totals") == [("1", "COMPLETED"), ("2", "CANCELLED")]
    here.publish()
    assert here.rows("arrivals-1-1-events") == [{"events": 1234}]


def test_what_takes_too_long_is_given_up_with_a_sentence(here: Account):
    here.publish(found=with_events(1))
    with pytest.raises(PublishError, match=rf"data set {here.prefix}-totals was not done after 0 minutes; a re-run"):
        replace(here, pace=Pace(deadline=0, pause=lambda _: None)).publish()
    here.publish()
    assert here.rows("arrivals-1-1-events") == [{"events": 1234}]
