"""Every query of step 6, twenty times with two threads: one content."""

from pathlib import Path

import pytest

from segment_assets import sql
from segment_assets.first_party.tables import CUSTOMER_ENDPOINTS, CUSTOMERS
from segment_assets.identity.edges import reach
from segment_assets.identity.embedded import LadybugGraph
from segment_assets.identity.guards import LIMITS, placeholders
from segment_assets.identity.keys import graph_key
from segment_assets.identity.snapshot import take_snapshot
from segment_assets.identity.tables import HOUSEHOLDS, IDENTITY_EDGES, PERSON_ALIAS, PERSONS
from segment_assets.lake import Lake, content_hash
from segment_assets.lake.embedded import open_catalog
from segment_assets_tests.identity.truth import town
from segment_assets_tests.identity.worlds import resolve

TABLES = (CUSTOMERS, CUSTOMER_ENDPOINTS, IDENTITY_EDGES, PERSONS, HOUSEHOLDS, PERSON_ALIAS)
# The others are the graph's queries once more, asked of the graph's own tables: test_queries.py.
RESOLUTION = [
    "customers_not_in_one_person", "graph_identifiers", "graph_links", "guarded_identifiers", "household_before",
    "household_links", "identity_edges", "person_links", "person_seeds", "persons_not_in_one_household",
]  # fmt: skip


@pytest.fixture(scope="module")
def town_lake(tmp_path_factory: pytest.TempPathFactory) -> Lake:
    root = tmp_path_factory.mktemp("town")
    lake = Lake(lambda: open_catalog(root / "lake"), root / "scratch", memory_limit="500MB", threads=2)
    resolve(lake, town(400, seed=3)[0])
    return lake


@pytest.mark.parametrize("name", RESOLUTION)
def test_a_query_has_one_answer(name: str, town_lake: Lake):
    query = sql.to_duckdb(sql.bind(sql.load("segment_assets.identity", name), reach(LIMITS)))
    with town_lake.connect(*TABLES, placeholders=placeholders()) as db:
        assert len({content_hash(db.sql(query).to_arrow_table()) for _ in range(20)}) == 1


def test_a_snapshot_and_its_graph_have_one_version(town_lake: Lake, tmp_path: Path):
    found = {take_snapshot(town_lake, graph_key()).version for _ in range(5)}
    assert len(found) == 1
    served = LadybugGraph(tmp_path / "graph", memory=2**28).serve(take_snapshot(town_lake, graph_key()))
    assert served.version in found


def test_a_rebuild_from_nothing_has_the_same_ids(town_lake: Lake, lake: Lake):
    resolve(lake, town(400, seed=3)[0])
    for table in (PERSONS, HOUSEHOLDS):
        assert lake.state(table).versions == town_lake.state(table).versions
