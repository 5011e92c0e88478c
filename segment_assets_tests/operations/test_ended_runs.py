"""Every run that is over is told once, whoever tells it, and whatever happens between."""

import json

import dagster as dg
import pytest

from segment_assets.operations.ended_runs import tell
from segment_assets.operations.port import MonitorError
from segment_assets_tests.aws_double.front import Fault
from segment_assets_tests.operations.watched import Watched, features, run


def failed_runs(watched: Watched) -> list[float]:
    return watched.numbers.of("RunsFailed")


def test_a_run_is_told_once_with_what_it_wrote(watched: Watched, instance: dg.DagsterInstance) -> None:
    run(instance)
    assert tell(instance, watched.monitor) == 1
    assert tell(instance, watched.monitor) == 0
    assert failed_runs(watched) == [0]
    assert watched.numbers.of("RowsWritten", Asset="customers") == [9]
    assert watched.numbers.of("QuarantinedShare") == [0.1]
    assert len(watched.numbers.of("AssetSeconds", Asset="customers")) == 1
    assert watched.kinds() == ["run succeeded"]


def test_a_failed_run_says_what_failed(watched: Watched, instance: dg.DagsterInstance) -> None:
    run(instance, features)
    tell(instance, watched.monitor)
    assert failed_runs(watched) == [1]
    assert watched.kinds() == ["run failed"]
    assert json.loads(watched.events.taken[0]["Detail"])["failed"] == ["features"]


def test_what_could_not_be_told_is_told_by_the_next_call_and_nothing_twice(
    watched: Watched, instance: dg.DagsterInstance
) -> None:
    run(instance)
    tell(instance, watched.monitor)
    run(instance, features)
    run(instance)
    watched.aws.faults.append(Fault("events.PutEvents", "AccessDeniedException"))
    with pytest.raises(MonitorError):
        tell(instance, watched.monitor)
    assert failed_runs(watched) == [0]
    tell(instance, watched.monitor)
    assert failed_runs(watched) == [0, 1, 0]
    assert watched.kinds() == ["run succeeded", "run failed", "run succeeded"]


def test_a_call_tells_so_many_runs_and_the_next_goes_on(watched: Watched, instance: dg.DagsterInstance) -> None:
    for _ in range(3):
        run(instance)
    assert [tell(instance, watched.monitor, most=2) for _ in range(3)] == [2, 1, 0]
    assert failed_runs(watched) == [0, 0, 0]


def test_a_run_that_is_tagged_after_its_end_is_not_told_again(watched: Watched, instance: dg.DagsterInstance) -> None:
    ended = run(instance)
    tell(instance, watched.monitor)
    instance.add_run_tags(ended, {"seen": "by a person"})
    assert tell(instance, watched.monitor) == 0


def test_where_nobody_listens_nothing_is_read(instance: dg.DagsterInstance) -> None:
    from segment_assets.operations.embedded import Nobody

    run(instance)
    assert tell(instance, Nobody()) == 0
