"""Each named query against the same question in SQL, on a graph with everything that is hard; and its dialect."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

import duckdb
import pytest

from segment_assets import sql
from segment_assets.identity.embedded import LadybugGraph
from segment_assets.identity.graph_model import Snapshot
from segment_assets.identity.queries import QUERIES, QueryError, Row, Value, query
from segment_assets_tests.identity.graphs import hard_snapshot

# What reads differently, or not at all, on ladybug 0.22 and on Neptune (docs/identity.md says where that was found).
OUTSIDE = (
    r"\btype\(", r"\blabels\(", r"\bid\(", r"\bsubstring\(", r"\bto(Integer|Float|String)\(", r"\bexists\(",
    r"EXISTS\s*\{", r"\bCALL\b", r"shortestPath", r"=~", r"\^", r"\b(SET|REMOVE|MERGE|CREATE|DELETE)\b",
    r"\bdatetime\(", r"\*", r"\bround\(", r"\b(head|last|tail|split|reduce)\(",
)  # fmt: skip


@pytest.fixture(scope="module")
def snapshot() -> Snapshot:
    return hard_snapshot()


@pytest.fixture(scope="module")
def graph(snapshot: Snapshot, tmp_path_factory: pytest.TempPathFactory) -> LadybugGraph:
    store = LadybugGraph(Path(tmp_path_factory.mktemp("graph")), memory=2**28)
    store.serve(snapshot)
    return store


@pytest.fixture(scope="module")
def tables(snapshot: Snapshot) -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as db:
        for name, rows in (*snapshot.nodes.items(), *snapshot.edges.items()):
            db.register(name.lower(), rows)
        yield db


def twin(tables: duckdb.DuckDBPyConnection, name: str, parameters: Mapping[str, Value]) -> list[Row]:
    tree = sql.bind(sql.load("segment_assets.identity", f"graph_{name}"), parameters)
    return tables.sql(sql.to_duckdb(tree)).to_arrow_table().to_pylist()


def choices(name: str, snapshot: Snapshot) -> list[Mapping[str, Value]]:
    """Parameters to ask with: every customer and every device, and one that is not there."""
    takes = QUERIES[name].parameters
    if "customer" in takes:
        return [{"customer": c} for c in [*snapshot.nodes["Customer"]["id"].to_pylist()[:30], "cus_absent"]]
    if "device" in takes:
        return [{"device": d} for d in [*snapshot.nodes["Device"]["id"].to_pylist(), "dev_absent"]]
    return [{"minimum": n} for n in (0, 2, 40, 1_000)] if takes else [{}]


@pytest.mark.parametrize("name", QUERIES)
def test_the_graph_answers_as_the_tables_do(name: str, graph: LadybugGraph, tables, snapshot: Snapshot):
    answers = 0
    for parameters in choices(name, snapshot):
        rows = graph.ask(name, parameters)
        assert rows == twin(tables, name, parameters)
        answers += len(rows)
    assert answers, "the graph has nothing for this query to find"


def test_a_kiosk_joins_no_neighbours(graph: LadybugGraph, snapshot: Snapshot):
    found = {
        row["device"]
        for customer in snapshot.nodes["Customer"]["id"].to_pylist()
        for row in graph.ask("cross_device_neighbours", {"customer": customer})
    }
    assert found
    assert not found & {"dev_kiosk", "dev_zero"}


@pytest.mark.parametrize("name", QUERIES)
def test_every_query_keeps_to_what_all_stores_read_alike(name: str):
    cypher = QUERIES[name].cypher.replace("count(*)", "counted").replace("count(DISTINCT ", "counted(")
    assert not [pattern for pattern in OUTSIDE if re.search(pattern, cypher)]
    for part in re.findall(r"\((?!:)(\w+)(?=[ )])", cypher):
        assert re.search(rf"\({part}:\w+", cypher), f"{part} has no label"
    assert not re.search(r"-\[\w*\]-", cypher), "an edge has no type"
    assert all(" AS " in item for item in returned(cypher)), "what is returned has no name"
    assert QUERIES[name].sort or "ORDER BY" in cypher or returned(cypher) == ["counted AS customers"]
    assert set(re.findall(r"\$(\w+)", cypher)) == set(QUERIES[name].parameters)


def returned(cypher: str) -> list[str]:
    last = re.split(r"\bRETURN (?:DISTINCT )?", cypher)[-1].split(" ORDER BY ")[0]
    items = re.sub(r"\([^()]*\)", lambda call: call[0].replace(",", ";"), last).split(", ")
    aliased = cypher.split("WITH ")[-1] if "WITH " in cypher else ""
    return [item if " AS " in item or f"AS {item}" not in aliased else f"{item} AS {item}" for item in items]


def test_an_unknown_query_or_parameter_is_refused_with_the_nearest(graph: LadybugGraph):
    with pytest.raises(QueryError, match='did you mean "customer_card"'):
        graph.ask("customer_cards")
    with pytest.raises(QueryError, match=r"takes \(customer\)"):
        query("customer_card", {"id": "cus_1"})
    with pytest.raises(QueryError, match="minimum: must be a whole number"):
        query("shared_device_report", {"minimum": "2"})
    with pytest.raises(QueryError, match="minimum: must be a whole number"):
        query("shared_device_report", {"minimum": True})
