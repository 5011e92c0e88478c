"""One contract for stores of the graph: a file that is swapped, and versions side by side in one live cluster."""

from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pytest

from segment_assets.identity.aws import NeptuneGraph
from segment_assets.identity.embedded import LadybugGraph
from segment_assets.identity.graph_model import DanglingEdgeError, Snapshot
from segment_assets.identity.port import GraphError, GraphStore
from segment_assets.identity.queries import QUERIES, QueryError, Row, Value
from segment_assets_tests.aws_double.world import world
from segment_assets_tests.identity.graphs import hard_snapshot, large_snapshot


@pytest.fixture(params=["ladybug", "neptune"])
def graph(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[GraphStore]:
    if request.param == "ladybug":
        yield LadybugGraph(tmp_path / "graph", memory=2**28)
        return
    with world(monkeypatch) as (_, where):
        yield NeptuneGraph(where, pause=0.01)


def households(graph: GraphStore) -> int:
    return next(int(row["rows"] or 0) for row in graph.ask("graph_counts") if row["label"] == "Household")


def every_answer(graph: GraphStore, snapshot: Snapshot) -> dict[str, list[list[tuple[str, object]]]]:
    """Every query, of some customers and of every device, with rows and columns in the order they came in."""
    customers = [*snapshot.nodes["Customer"]["id"].to_pylist()[:8], "cus_absent"]
    devices = [*snapshot.nodes["Device"]["id"].to_pylist()[:5], "dev_absent"]
    values: dict[str, list[Value]] = {"customer": customers, "device": devices, "minimum": [0, 2, 1_000]}

    def answers(name: str) -> Iterator[Row]:
        takes = next(iter(QUERIES[name].parameters), None)
        for value in values[takes] if takes else [None]:
            yield from graph.ask(name, {takes: value} if takes and value is not None else {})

    return {name: [list(row.items()) for row in answers(name)] for name in QUERIES}


def test_what_was_loaded_is_counted_and_served(graph: GraphStore):
    snapshot = hard_snapshot()
    served = graph.serve(snapshot)
    assert served.counts == snapshot.counts
    assert served == graph.served()
    assert (served.version, served.engine) == (snapshot.version, graph.engine)


def test_every_named_query_is_answered_as_the_embedded_graph_answers(graph: GraphStore, tmp_path: Path):
    snapshot = hard_snapshot()
    twin = LadybugGraph(tmp_path / "twin", memory=2**28)
    for store in (graph, twin):
        store.serve(snapshot)
    assert every_answer(graph, snapshot) == every_answer(twin, snapshot)


def test_the_same_snapshot_is_not_built_again(graph: GraphStore):
    before = graph.serve(hard_snapshot())
    assert graph.serve(hard_snapshot()) == before
    assert graph.serve(hard_snapshot(households=13)).location != before.location


def test_a_new_graph_replaces_the_old_one_whole(graph: GraphStore):
    graph.serve(hard_snapshot(households=5))
    built = graph.build(hard_snapshot(households=9))
    assert households(graph) == 5
    graph.publish(built)
    assert households(graph) == 9


def test_who_left_is_in_no_answer_and_who_stayed_has_what_is_new(graph: GraphStore):
    graph.serve(large_snapshot(3))
    smaller = large_snapshot(2)
    changed = smaller.nodes["Person"].set_column(1, "customers", pa.array([7, 7], pa.int64()))
    graph.serve(Snapshot({**smaller.nodes, "Person": changed}, smaller.edges))
    assert graph.ask("customer_card", {"customer": "cus_2"}) == []
    assert graph.ask("customer_card", {"customer": "cus_1"})[0]["person_customers"] == 7
    assert households(graph) == 2


def test_a_graph_that_was_served_before_is_served_again(graph: GraphStore):
    for size in (2, 3, 2):
        graph.serve(large_snapshot(size))
        assert households(graph) == size


def test_an_empty_graph_is_served_too(graph: GraphStore):
    graph.serve(large_snapshot(0))
    assert households(graph) == 0
    assert graph.served()


def test_an_edge_to_nowhere_is_refused_without_naming_it(graph: GraphStore):
    snapshot = hard_snapshot()
    stray = pa.table({"start_id": ["per_stray"], "end_id": ["hh_1"], "rule": ["alone"]})
    edges = {**snapshot.edges, "MEMBER_OF": pa.concat_tables([snapshot.edges["MEMBER_OF"], stray])}
    graph.serve(snapshot)
    with pytest.raises(DanglingEdgeError, match="MEMBER_OF: 1 of 31 edges") as refused:
        graph.serve(Snapshot(snapshot.nodes, edges))
    assert "per_stray" not in str(refused.value)
    assert households(graph) == 12


def test_a_node_that_is_there_twice_leaves_the_old_graph(graph: GraphStore):
    snapshot = hard_snapshot()
    graph.serve(snapshot)
    twice = pa.concat_tables([snapshot.nodes["Person"], snapshot.nodes["Person"]])
    with pytest.raises((GraphError, RuntimeError), match=r"Person|primary key"):
        graph.serve(Snapshot({**snapshot.nodes, "Person": twice}, snapshot.edges))
    assert households(graph) == 12


def test_asking_without_a_graph_or_for_what_is_no_query_says_what_to_do(graph: GraphStore):
    with pytest.raises(GraphError, match="materialise identity_graph first"):
        graph.ask("graph_counts")
    with pytest.raises(QueryError, match='did you mean "customer_card"'):
        graph.ask("customer_cards")
