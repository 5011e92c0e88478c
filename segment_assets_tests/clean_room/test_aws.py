"""Protected queries in two accounts: once per content, whatever goes wrong; what can't be mended is one sentence."""

import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import dagster as dg
import pyarrow as pa
import pytest
from pyiceberg.exceptions import CommitFailedException

from segment_assets.aws import AwsRefusedError
from segment_assets.clean_room import aws, aws_text, protected_query
from segment_assets.clean_room.aws_lock import Lock
from segment_assets.clean_room.aws_note import NoteTakenError
from segment_assets.clean_room.checker import check
from segment_assets.clean_room.port import QueryFailedError
from segment_assets.clean_room.tables import QUERY_LOG
from segment_assets_tests.aws_double.front import Fault
from segment_assets_tests.clean_room import world as worlds
from segment_assets_tests.clean_room.conftest import aggregation, table
from segment_assets_tests.clean_room.test_assets import materialise
from segment_assets_tests.clean_room.world import World

START = "cleanrooms.StartProtectedQuery"
_CHILD = """
import sys
from segment_assets_tests.clean_room.test_aws import run
from segment_assets_tests.clean_room.test_assets import materialise
from segment_assets_tests.clean_room.world import World
from segment_assets.aws_config import Aws
run(World(None, Aws.model_validate_json(sys.argv[1]), None, None), "killed")
"""


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with pytest.MonkeyPatch.context() as patch, worlds.clean_rooms(patch, tmp_path_factory.mktemp("home")) as there:
        yield there


@pytest.fixture
def world(shared: World) -> World:
    """Accounts that know no query yet."""
    shared.service.queries.clear()
    shared.service.failures.clear()
    shared.service.seconds, shared.service.retryable = 0.0, False
    shared.aws.faults.clear()
    return shared


def never(_):
    raise AssertionError("Clean Rooms reads the tables itself")


def run(world: World, key: str, query: str = "audience_overlap", **room) -> pa.Table:
    return world.room(**room).run(world.queries[query].resolved, never, None, key)


@pytest.mark.parametrize(
    "fault",
    [
        Fault(START, "ThrottlingException", 429),
        Fault(START, "InternalServerException", 500),
        Fault(START, "InternalServerException", 500, after=True),
        Fault("cleanrooms.GetProtectedQuery", "ThrottlingException", 429),
        Fault("cleanrooms.ListMemberships", "InternalServerException", 500),
    ],
    ids=["throttled", "fault", "answer lost", "throttled look", "fault of a list"],
)
def test_a_fault_costs_no_second_query(world, fault):
    world.aws.faults.append(fault)
    assert run(world, f"{fault.operation}-{fault.status}-{fault.after}").num_rows == 1
    assert fault.times == 0
    assert world.started() == 1


def test_a_role_that_is_not_known_everywhere_yet_is_waited_for(world):
    world.service.iam_delays = 2
    assert run(world, "new-role").num_rows == 1
    assert world.started() == 1


def test_a_run_that_was_killed_between_start_and_result_finds_its_query(world):
    world.service.seconds = 3
    child = subprocess.Popen([sys.executable, "-c", _CHILD, world.where.model_dump_json()])
    while world.started() == 0 and child.poll() is None:
        time.sleep(0.05)
    child.kill()
    assert child.wait() == -9
    world.service.seconds = 0
    assert run(world, "killed", lease=2.0).num_rows == 1  # it may have been killed while it held the lock
    assert world.started() == 1


def test_a_run_that_was_killed_before_it_knew_the_id_finds_its_query(world):
    room = world.room()
    room._notes.write("unknown", {"begun": "2020-01-01T00:00:00+00:00"})
    text = aws_text.submitted(world.queries["audience_overlap"].resolved, None)
    room._start("unknown", {"queryString": text})
    for other in range(4):  # the list is more than a page
        run(world, f"other{other}")
    assert run(world, "unknown").num_rows == 1
    assert world.started() == 5


def test_the_same_content_is_not_asked_twice_and_other_content_is(world):
    run(world, "a")
    run(world, "a")
    run(world, "b")
    assert world.started() == 2


def test_two_runs_of_one_content_at_once_share_a_query(world):
    found: list[pa.Table] = []
    threads = [threading.Thread(target=lambda: found.append(run(world, "shared"))) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [rows.num_rows for rows in found] == [1, 1, 1]
    assert world.started() == 1


def test_a_result_that_was_removed_is_asked_for_again(world):
    run(world, "removed")
    bucket, s3 = world.where.exports_bucket, world.room()._s3
    for found in s3.list_objects_v2(Bucket=bucket, Prefix="dev/clean_room/removed/")["Contents"]:
        s3.delete_object(Bucket=bucket, Key=found["Key"])
    assert run(world, "removed").num_rows == 1
    assert world.started() == 2


def test_a_failed_query_is_one_sentence_without_data_and_the_next_run_asks_anew(world):
    world.service.failures = ["INTERNAL_ERROR"]
    with pytest.raises(
        QueryFailedError, match=r"^FAILED: the query failed with INTERNAL_ERROR: protected query .* why$"
    ):
        run(world, "fails")
    assert run(world, "fails").num_rows == 1
    assert world.started() == 2


def test_a_failure_that_aws_calls_transient_is_tried_once_more(world):
    world.service.failures, world.service.retryable = ["TRANSIENT_ERROR"], True
    assert run(world, "transient").num_rows == 1
    assert world.started() == 2


def test_a_query_that_takes_too_long_is_cancelled(world):
    world.service.seconds = 30
    with pytest.raises(QueryFailedError, match="RESOURCE_LIMIT: the query did not end within"):
        run(world, "slow", deadline=0.3)
    assert [q["status"] for q in world.service.queries.values()] in (["CANCELLING"], ["CANCELLED"])


def test_an_interrupted_run_cancels_its_query(world, monkeypatch):
    world.service.seconds = 30
    room = world.room()
    monkeypatch.setattr(room, "_get", lambda _: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        room.run(world.queries["audience_overlap"].resolved, never, None, "interrupted")
    assert [q["status"] for q in world.service.queries.values()] in (["CANCELLING"], ["CANCELLED"])


def test_what_is_denied_names_the_permission(world):
    world.aws.faults.append(Fault(START, "AccessDeniedException", 403, times=99))
    with pytest.raises(AwsRefusedError, match=r"^cleanrooms:StartProtectedQuery was denied: the role that runs"):
        run(world, "denied", patience=0.0)
    assert world.started() == 0


def test_what_the_accounts_rules_do_not_allow_is_refused_before_it_runs(world):
    [rule] = [
        r
        for r in world.service.rules.values()
        if r["policy"]["v1"].get("list", {}).get("listColumns") == ["customer_id"]
    ]
    before, rule["policy"] = rule["policy"], {"v1": {"list": {"joinColumns": ["email_sha256"], "listColumns": []}}}
    try:
        with pytest.raises(AwsRefusedError, match="ValidationException: COLUMN_NOT_LISTABLE"):
            run(world, "refused", "audience_enrichment")
    finally:
        rule["policy"] = before
    assert world.started() == 0


def test_without_a_membership_the_sentence_says_which_command_makes_it(world):
    with pytest.raises(AwsRefusedError, match=r"no membership in a collaboration named .*aws apply"):
        aws.AwsCleanRoom(world.where, "another").run(world.queries["audience_overlap"].resolved, never)


def test_the_budget_is_charged_under_a_lock_that_others_wait_for(world):
    order: list[str] = []

    def second() -> None:
        with world.room().exclusively():
            order.append("second")

    with world.room().exclusively():
        waiting = threading.Thread(target=second)
        waiting.start()
        waiting.join(0.4)
        order.append("first")
    waiting.join()
    assert order == ["first", "second"]


def test_who_takes_longer_than_the_lease_follows_the_query_of_the_run_that_went_on(world):
    faster: list[pa.Table] = []
    world.service.seconds = 1

    class Slow(aws.AwsCleanRoom):
        def _start(self, key, asked):
            if not faster:
                time.sleep(1.5)
                faster.append(run(world, key, lease=0.5))
            return super()._start(key, asked)

    slower = run(world, "slow-to-start", kind=Slow)
    assert slower.equals(faster[0])
    first, second = world.service.queries.values()
    assert first["status"] == "SUCCESS"
    assert second["status"] in ("CANCELLING", "CANCELLED")
    assert world.room()._notes.read("slow-to-start").said["id"] == first["id"]


def test_a_note_is_not_written_over_another_s(world):
    notes = world.room()._notes
    nothing = notes.read("noted")
    ours = notes.write("noted", {"begun": "now"}, nothing)
    assert notes.write("noted", {"begun": "now"}, nothing) == ours  # the answer was lost, and it is written again
    for stale in (nothing, replace(ours, etag='"0"')):
        with pytest.raises(NoteTakenError, match="was written by another run meanwhile: run it again"):
            notes.write("noted", {"begun": "later"}, stale)
    assert notes.read("noted") == ours


def test_a_lock_that_was_left_behind_is_taken_over_and_not_given_back_by_its_old_holder(world):
    s3 = world.room()._s3
    lock = Lock(lambda: s3, world.where.exports_bucket, "left", lease=0.5, patience=10)
    with lock.held():
        with lock.held():  # a second later, as S3 counts whole seconds
            pass
        s3.put_object(Bucket=world.where.exports_bucket, Key="left", Body=b"a third holder")
    assert s3.get_object(Bucket=world.where.exports_bucket, Key="left")["Body"].read() == b"a third holder"
    with (
        pytest.raises(AwsRefusedError, match="is held by another run"),
        Lock(lambda: s3, world.where.exports_bucket, "left", lease=60, patience=0.1).held(),
    ):
        pass


def test_a_protected_query_is_charged_once_whatever_happens(world, tmp_path: Path):
    query = world.queries["audience_overlap"]
    world.service.failures = ["INTERNAL_ERROR"]
    with pytest.raises(QueryFailedError):
        protected_query.run(query, world.lake, world.room(), "r1")
    assert protected_query.run(query, world.lake, world.room(), "r2").cost["cost_units"] > 0
    again = protected_query.run(query, world.lake, world.room(), "r3")
    assert (again.reused, again.cost, world.started()) == (True, {}, 2)


def test_the_assets_do_not_know_where_their_query_ran_and_show_what_it_cost(world):
    result = materialise(world.config, world.lake, world.room())
    assert result.success
    wanted = dg.AssetKey(["clean_room_results", "audience_enrichment"])
    [done] = [e for e in result.get_asset_materialization_events() if e.asset_key == wanted]
    told = done.materialization.metadata
    assert told["cost_units"].value > 0
    assert told["dagster/row_count"].value == 90


class Reads(aws.AwsCleanRoom):
    """Its tables are written just before Clean Rooms reads them."""

    does: list[Callable[[], None]]

    def answered(self, *args: Any) -> Any:
        if self.does:
            self.does.pop()()
        return super().answered(*args)


def test_an_answer_of_data_that_changed_before_they_were_read_is_no_answer(world):
    query, room = world.queries["audience_overlap"], world.room(kind=Reads)
    worlds.fill(world.lake, customers=120)
    room.does = [lambda: worlds.fill(world.lake, customers=150)]
    with pytest.raises(CommitFailedException, match="written by another run since this one read it"):
        protected_query.run(query, world.lake, room, "r1")
    assert "FAILED" in world.lake.read(QUERY_LOG)["status"].to_pylist()
    # The data are back, and so is the question: its answer is of these data, and not the one that was thrown away.
    worlds.fill(world.lake, customers=120)
    done = protected_query.run(query, world.lake, room, "r2")
    assert (done.rows["customers"].to_pylist(), world.started()) == ([80], 2)
    worlds.fill(world.lake)


def test_the_text_names_its_columns_keeps_documented_functions_and_means_the_datas_day(collaboration):
    wide = aggregation(scalarFunctions=["CEILING", "DATEADD", "TO_TIMESTAMP", "LOG", "GETDATE", "CURRENT_DATE"])
    columns = ["person", "spend", "state", "day"]
    offered = dict(collaboration.tables) | {"shop": table("shop", "runner", "AGGREGATION", wide, columns)}
    text = (
        "SELECT DATEADD(day, 1, day), TO_TIMESTAMP(day) AS `order`, LOG(state), COUNT(DISTINCT person) FROM shop s "
        "WHERE day < CURRENT_DATE AND day < GETDATE() GROUP BY 1, 2, 3"
    )
    resolved = check(text, type(collaboration)("c", "runner", "partner", offered)).accepted()
    assert aws_text.submitted(resolved, date(2024, 5, 6)) == (
        "SELECT DATEADD(DAY, 1, t0.day) AS timestampadd_day, TO_TIMESTAMP(t0.day) AS `order`, "
        "LOG(t0.state) AS ln_state, COUNT(DISTINCT t0.person) AS count_distinct_person FROM shop AS t0 "
        "WHERE t0.day < '2024-05-06' AND t0.day < '2024-05-06' "
        "GROUP BY DATEADD(DAY, 1, t0.day), TO_TIMESTAMP(t0.day), LOG(t0.state)"
    )


def test_rows_are_put_in_the_querys_order_and_then_by_every_column(collaboration):
    text = "SELECT state, COUNT(DISTINCT person) AS n FROM open_panel GROUP BY state ORDER BY n DESC"
    rows = pa.table({"a": ["y", None, "x", "z"], "b": pa.array([2, 2, 2, 3], pa.int64())})
    found = aws_text.ordered(check(text, collaboration).accepted(), rows)
    assert found.to_pydict() == {"state": ["z", None, "x", "y"], "n": [3, 2, 2, 2]}
