"""Neptune when things go wrong: the old graph answers, one sentence says what happened, nothing is loaded twice."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from segment_assets.aws import AwsRefusedError
from segment_assets.aws_config import Aws
from segment_assets.identity.aws import NeptuneGraph
from segment_assets.identity.aws import graph as adapter
from segment_assets.identity.graph_model import EDGES, Snapshot
from segment_assets.identity.port import GraphError
from segment_assets_tests.aws_double.front import AwsDouble, Fault
from segment_assets_tests.aws_double.neptune import NeptuneData
from segment_assets_tests.aws_double.neptune_engine import Engine
from segment_assets_tests.aws_double.services import the
from segment_assets_tests.aws_double.world import settings, world
from segment_assets_tests.identity.graphs import large_snapshot

OPERATIONS = ["StartLoaderJob", "GetLoaderJobStatus", "ExecuteOpenCypherQuery"]
RUN = """
import signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)  # whoever starts the tests in the background has it ignored
from segment_assets.identity.aws import NeptuneGraph
from segment_assets.aws_config import Aws
from segment_assets_tests.identity.graphs import large_snapshot
NeptuneGraph(Aws.model_validate_json(sys.argv[1]), pause=0.01).serve(large_snapshot(3))
"""


class Here:
    """A graph of two households in service, and the double under it."""

    def __init__(self, aws: AwsDouble, where: Aws) -> None:
        self.aws, self.where, self.neptune = aws, where, the(aws, NeptuneData)
        self.graph = NeptuneGraph(where, pause=0.01)
        self.graph.serve(large_snapshot(2))
        aws.calls.clear()

    def households(self) -> int:
        return next(int(row["rows"] or 0) for row in self.graph.ask("graph_counts") if row["label"] == "Household")

    def called(self, operation: str) -> int:
        return sum(call.operation == operation for call in self.aws.calls)

    def versions(self) -> int:
        """How many versions have vertices in the cluster."""
        nodes, _ = self.neptune.engine.counts()
        return sum(label.startswith("Household_") for label in nodes)

    def fail(self, operation: str, error: str = "ThrottlingException", status: int = 400, **more: int) -> None:
        self.aws.faults.append(Fault(f"neptunedata.{operation}", error, status, **more))


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch) -> Iterator[Here]:
    with world(monkeypatch) as (aws, where):
        yield Here(aws, where)


@pytest.mark.parametrize("operation", OPERATIONS)
@pytest.mark.parametrize(("error", "status"), [("ThrottlingException", 400), ("InternalFailureException", 500)])
def test_what_passes_is_tried_again(here: Here, operation: str, error: str, status: int):
    here.fail(operation, error, status, times=2)
    here.graph.serve(large_snapshot(3))
    assert here.households() == 3
    assert [call.status for call in here.aws.calls if call.operation == "StartLoaderJob"].count(200) == 2


def test_a_start_whose_answer_is_lost_loads_nothing_twice(here: Here):
    here.fail("StartLoaderJob", "InternalFailureException", 500, after=True)
    here.graph.serve(large_snapshot(3))
    assert here.households() == 3
    assert here.called("StartLoaderJob") == 2
    sources = [load.source for load in here.neptune.loads.values()]
    assert len(sources) == len(set(sources)) == 4


@pytest.mark.parametrize("state", ["LOAD_FAILED", "LOAD_S3_ACCESS_DENIED_ERROR", "LOAD_DATA_DEADLOCK"])
def test_a_failed_load_leaves_the_old_graph_and_the_next_run_completes(here: Here, state: str):
    here.neptune.ends = state
    with pytest.raises(GraphError, match=rf"vertices/ ended as {state}.*; the old graph stays in service$"):
        here.graph.serve(large_snapshot(3))
    assert (here.households(), here.versions()) == (2, 1)
    here.graph.serve(large_snapshot(3))
    assert (here.households(), here.versions()) == (3, 1)


def test_records_that_were_lost_silently_are_missed_by_the_count(here: Here):
    whole = large_snapshot(3)
    here.neptune.loses = 1
    with pytest.raises(GraphError, match="Person were not all loaded; the old graph stays in service"):
        here.graph.serve(Snapshot(whole.nodes, {name: edge.schema.empty_table() for name, edge in EDGES.items()}))
    assert (here.households(), here.versions()) == (2, 1)


def test_a_load_in_error_is_told_by_kind_and_file_and_by_no_id(here: Here):
    here.neptune.loses = 1
    with pytest.raises(GraphError, match=r"FROM_OR_TO_VERTEX_ARE_MISSING in s3://our-exports/dev/graph/") as failed:
        here.graph.serve(large_snapshot(3))
    assert "per_" not in str(failed.value)
    assert here.households() == 2


def test_a_load_that_takes_too_long_is_cancelled(here: Here):
    here.neptune.slow = 1_000
    with pytest.raises(GraphError, match=r"took longer than 0\.2 s and was cancelled; the old graph stays"):
        NeptuneGraph(here.where, pause=0.01, deadline=0.2).serve(large_snapshot(3))
    assert here.called("CancelLoaderJob") == 1
    assert (here.households(), here.versions()) == (2, 1)


def test_what_is_loaded_is_not_in_any_answer_before_it_is_published(here: Here):
    here.neptune.slow = 8  # pauses grow: 8 of them are 0.5 s
    builder = threading.Thread(target=NeptuneGraph(here.where, pause=0.01).serve, args=(large_snapshot(3),))
    builder.start()
    seen = []
    while builder.is_alive():
        seen.append(here.households())
    builder.join()
    assert seen == sorted(seen)
    assert set(seen) | {here.households()} == {2, 3}


def start(here: Here) -> subprocess.Popen[bytes]:
    """A run in a process of its own, stopped at when its load is under way."""
    here.neptune.slow = 100_000
    root = Path(__file__).parents[2]
    process = subprocess.Popen(
        [sys.executable, "-c", RUN, here.where.model_dump_json()],
        cwd=root,
        env={**os.environ, "PYTHONPATH": str(root)},
        stderr=subprocess.DEVNULL,
    )
    until = time.monotonic() + 120
    while not here.called("GetLoaderJobStatus"):
        assert process.poll() is None
        assert time.monotonic() < until
        time.sleep(0.02)
    return process


def test_the_load_of_a_run_that_was_killed_is_found_and_not_started_again(here: Here):
    with start(here) as process:
        process.send_signal(signal.SIGKILL)
    assert here.households() == 2
    here.neptune.slow = 0
    for load in here.neptune.loads.values():
        load.states = load.states[-3:]
    here.graph.serve(large_snapshot(3))
    assert here.households() == 3
    assert here.called("StartLoaderJob") == 2
    assert here.called("CancelLoaderJob") == 0


def test_the_load_of_a_run_that_is_interrupted_is_cancelled_and_the_next_run_completes(here: Here):
    with start(here) as process:
        process.send_signal(signal.SIGINT)
    assert here.called("CancelLoaderJob") == 1
    assert here.households() == 2
    here.neptune.slow = 0
    here.graph.serve(large_snapshot(3))
    assert (here.households(), here.versions()) == (3, 1)


@pytest.mark.parametrize("statistics", [True, False])
def test_a_version_that_was_built_and_never_published_is_taken_out(here: Here, statistics: bool):
    here.neptune.statistics = statistics
    here.graph.build(large_snapshot(3))
    assert here.versions() == 2
    here.graph.serve(large_snapshot(4))
    assert (here.households(), here.versions()) == (4, 1)


def test_a_cluster_that_was_emptied_behind_the_pointer_is_filled_again(here: Here):
    here.neptune.engine = Engine()
    assert here.graph.served() is None
    here.graph.serve(large_snapshot(2))
    assert here.households() == 2


def test_deployments_share_a_cluster_and_touch_only_their_own(here: Here):
    other = NeptuneGraph(here.where.model_copy(update={"deployment": "prod"}), pause=0.01)
    other.serve(large_snapshot(5))
    here.graph.serve(large_snapshot(3))
    assert {row["rows"] for row in other.ask("graph_counts") if row["label"] == "Household"} == {5}
    assert here.households() == 3


def test_a_pointer_into_another_cluster_says_nothing_of_this_one(here: Here):
    now = here.graph.served()
    assert now
    here.graph.publish(replace(now, location=now.location.replace("127.0.0.1", "elsewhere")))
    assert here.graph.served() is None


def test_what_is_denied_is_said_with_its_permission(here: Here):
    here.fail("ExecuteOpenCypherQuery", "AccessDeniedException", 403)
    with pytest.raises(AwsRefusedError, match=r"neptune-db:ReadDataViaQuery on http.* was denied"):
        here.graph.ask("graph_counts")


def test_without_a_cluster_the_adapter_is_made_and_says_so_when_it_is_used(here: Here, tmp_path: Path):
    graph = adapter(settings(here.where.model_copy(update={"neptune": None}), tmp_path))
    for use in (graph.served, lambda: graph.serve(large_snapshot(1)), lambda: graph.ask("graph_counts")):
        with pytest.raises(GraphError, match=r"^segmentation\.yaml: aws\.neptune is missing.*identity_graph: off$"):
            use()
