"""Built new, counted, swapped in: what is served while, after and without."""

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pytest

from segment_assets.identity.embedded import LadybugGraph, _bytes
from segment_assets.identity.graph_model import DanglingEdgeError, Snapshot
from segment_assets.identity.port import GraphError, GraphStore
from segment_assets_tests.identity.graphs import hard_snapshot, large_snapshot


@pytest.fixture
def graph(tmp_path: Path) -> LadybugGraph:
    return LadybugGraph(tmp_path / "graph", memory=2**28)


def households(graph: GraphStore) -> int:
    return next(int(row["rows"] or 0) for row in graph.ask("graph_counts") if row["label"] == "Household")


def test_what_was_loaded_is_counted_and_served(graph: LadybugGraph):
    snapshot = hard_snapshot()
    served = graph.serve(snapshot)
    assert served.counts == snapshot.counts
    assert served == graph.served()
    assert served.engine.startswith("ladybug 0.22.")


def test_the_same_snapshot_is_not_built_again(graph: LadybugGraph):
    before = graph.serve(hard_snapshot())
    assert graph.serve(hard_snapshot()) == before
    assert graph.serve(hard_snapshot(households=13)).location != before.location


def test_a_new_graph_replaces_the_old_one_whole(graph: LadybugGraph):
    graph.serve(hard_snapshot(households=5))
    built = graph.build(hard_snapshot(households=9))
    assert households(graph) == 5
    graph.publish(built)
    assert households(graph) == 9
    assert [p.name for p in graph.root.iterdir() if p.is_dir()] == [built.location.split("/")[0]]


def test_an_empty_graph_is_served_too(graph: LadybugGraph):
    graph.serve(large_snapshot(0))
    assert households(graph) == 0


def test_an_edge_to_nowhere_is_refused_without_naming_it(graph: LadybugGraph):
    snapshot = hard_snapshot()
    stray = pa.table({"start_id": ["per_stray"], "end_id": ["hh_1"], "rule": ["alone"]})
    edges = {**snapshot.edges, "MEMBER_OF": pa.concat_tables([snapshot.edges["MEMBER_OF"], stray])}
    graph.serve(snapshot)
    with pytest.raises(
        DanglingEdgeError, match="MEMBER_OF: 1 of 31 edges have a start_id that is no Person"
    ) as refused:
        graph.serve(Snapshot(snapshot.nodes, edges))
    assert "per_stray" not in str(refused.value)
    assert households(graph) == 12


def test_a_failed_load_leaves_the_old_graph_and_no_rubbish(graph: LadybugGraph):
    snapshot = hard_snapshot()
    graph.serve(snapshot)
    twice = pa.concat_tables([snapshot.nodes["Person"], snapshot.nodes["Person"]])
    with pytest.raises(RuntimeError, match="primary key"):
        graph.serve(Snapshot({**snapshot.nodes, "Person": twice}, snapshot.edges))
    assert households(graph) == 12
    assert len([p for p in graph.root.iterdir() if p.is_dir()]) == 1


def test_what_a_killed_build_left_is_removed_whoever_has_its_number(graph: LadybugGraph):
    served = graph.serve(hard_snapshot())
    for left in (f".building-{os.getpid()}.1.00000000-x", "1.1.00000000-x"):
        (graph.root / left).mkdir()
    graph.build(hard_snapshot(households=9))
    folders = {p.name for p in graph.root.iterdir() if p.is_dir()}
    assert served.location.split("/")[0] in folders
    assert not [name for name in folders if "00000000" in name]


def test_asking_without_a_graph_says_what_to_do(graph: LadybugGraph):
    with pytest.raises(GraphError, match="materialise identity_graph first"):
        graph.ask("graph_counts")


def test_another_engine_s_file_is_never_opened_but_built_anew(graph: LadybugGraph):
    served = graph.serve(hard_snapshot())
    old = {**json.loads((graph.root / "current").read_text()), "engine": "ladybug 0.21.0, storage 48"}
    (graph.root / "current").write_text(json.dumps(old))
    with pytest.raises(GraphError, match=r"ladybug 0\.21\.0"):
        graph.ask("graph_counts")
    assert graph.serve(hard_snapshot()) != served
    assert households(graph) == 12


def test_the_version_is_of_the_content(graph: LadybugGraph):
    one, other = hard_snapshot(), hard_snapshot()
    assert one.version == other.version
    changed = other.edges["SAME_AS"].set_column(2, "rule", pa.array(["alone"] * other.edges["SAME_AS"].num_rows))
    assert replace(other, edges={**other.edges, "SAME_AS": changed}).version != one.version


BUILD = """
import sys
from pathlib import Path
from segment_assets.identity.embedded import LadybugGraph
from segment_assets_tests.identity.graphs import large_snapshot
graph, snapshot = LadybugGraph(Path(sys.argv[1]), memory=2**28), large_snapshot(int(sys.argv[2]))
print("go", flush=True)
graph.serve(snapshot)
print("done", flush=True)
"""


def start(graph: LadybugGraph, customers: int) -> subprocess.Popen[str]:
    root = Path(__file__).parents[2]
    command = [sys.executable, "-c", BUILD, str(graph.root), str(customers)]
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, text=True, cwd=root, env={**os.environ, "PYTHONPATH": str(root)}
    )
    assert process.stdout
    assert process.stdout.readline() == "go\n"
    return process


def test_killed_at_any_point_the_old_graph_or_the_new_one_is_served(graph: LadybugGraph):
    with start(graph, 30_000) as whole:
        began = time.monotonic()
        assert whole.wait(120) == 0
        took = time.monotonic() - began
    within = 0
    for old, share in enumerate((0.05, 0.2, 0.4, 0.6, 0.8, 0.95), start=1):
        graph.serve(large_snapshot(old))
        # What an earlier kill left behind is gone.
        assert len([p for p in graph.root.iterdir() if p.is_dir()]) == 1
        with start(graph, 30_000) as process:
            time.sleep(share * took)
            within += process.poll() is None
            process.send_signal(signal.SIGKILL)
        assert households(graph) in (old, 30_000)
    assert within, "no kill came while it was being built"
    assert graph.serve(large_snapshot(30_000)).counts["Household"] == 30_000


def test_a_reader_is_not_disturbed_by_the_swap(graph: LadybugGraph):
    graph.serve(large_snapshot(5))
    now = graph.served()
    assert now
    with graph._open(graph.root / now.location, read_only=True) as connection:
        graph.serve(large_snapshot(6))
        assert not (graph.root / now.location).exists()
        assert connection.execute("MATCH (h:Household) RETURN count(*)").get_all() == [[5]]


@pytest.mark.parametrize(("text", "size"), [("1GB", 10**9), ("500 MB", 5 * 10**8), ("2GiB", 2**31), ("7", 7)])
def test_a_memory_limit_reads_as_duckdb_reads_it(text: str, size: int):
    assert _bytes(text) == size


def test_a_memory_limit_that_is_none_is_refused():
    with pytest.raises(GraphError, match='"lots" is not a size'):
        _bytes("lots")
