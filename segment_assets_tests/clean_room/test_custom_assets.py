"""Custom queries as assets: nested ones become tables, templates run by name, uses of a table are counted."""

from pathlib import Path
from typing import Any

import dagster as dg
import pyarrow as pa
import pytest
import yaml
from pydantic import ValidationError

from segment_assets import segmentation
from segment_assets.clean_room import assets as clean_room_assets
from segment_assets.clean_room import custom_results, protected_query
from segment_assets.clean_room.access_ledger import AccessBudgetError
from segment_assets.clean_room.custom.check import Accepted
from segment_assets.clean_room.embedded import EmbeddedCleanRoom
from segment_assets.clean_room.locked import Locked
from segment_assets.clean_room.protected_query import ProtectedQuery
from segment_assets.clean_room.results import ResultError
from segment_assets.clean_room.tables import QUERY_LOG
from segment_assets.collaboration_config import Query
from segment_assets_tests.clean_room import custom_world, world


@pytest.fixture
def room(tmp_path: Path) -> EmbeddedCleanRoom:
    return EmbeddedCleanRoom(tmp_path / "scratch", "500MB", ledger=tmp_path / "access.db")


def queries(**tables: Any) -> dict[str, ProtectedQuery]:
    config = custom_world.config(**tables)
    return {q.name: q for q in clean_room_assets.protected_queries(config, config.collaboration)}


def asked(text: str, **query: Any) -> ProtectedQuery:
    config = custom_world.config()
    offered = config.collaboration.model_copy(update={"queries": {"q": Query(sql=text, description="A query.")}})
    [found] = clean_room_assets.protected_queries(config, offered)
    return found


def test_a_nested_query_becomes_a_table_with_types_descriptions_and_lineage(lake, room):
    world.fill(lake)
    query = queries()["age_ranks"]
    assert isinstance(query.resolved, Accepted)
    outcome = protected_query.run(query, lake, room, "r")
    # Of 90 customers 60 are of one band, and 15 each of two that are too small.
    assert outcome.rows.to_pylist() == [{"age_band": "19-24", "customers": 60, "kids": 88, "place": 1}]
    assert lake.read(query.table).equals(outcome.rows)
    assert (outcome.minimum_kept, outcome.keys_unique) == (True, True)
    docs = {f.name: f.metadata[b"doc"].decode() for f in query.table.schema}
    assert docs["kids"].startswith("Computed from: ")
    assert lake.read(QUERY_LOG)["rule_type"].to_pylist() == ["CUSTOM"]


def test_lineage_and_rows_reach_through_the_cte(lake, room):
    config = custom_world.config()
    world.fill(lake, config)
    definitions = [a for a in clean_room_assets.assets(config) if isinstance(a, dg.AssetsDefinition)]
    wanted = [dg.AssetKey(["clean_room_results", name]) for name in ("age_ranks", "ages_reviewed")]
    resources = {"lake": lake, "clean_room": room}
    ran = dg.materialize(definitions, resources=resources, selection=dg.AssetSelection.assets(*wanted))
    assert ran.success
    metadata = ran.asset_materializations_for_node("clean_room_results__age_ranks")[0].metadata
    lineage = metadata["dagster/column_lineage"].value.deps_by_column
    assert lineage["kids"] == [dg.TableColumnDep("partner_audience", "kids_count")]
    assert "partner_audience.email_sha256" in metadata["rows_depend_on"].value
    assert "coverage" not in metadata


def test_a_template_runs_with_its_parameters(lake, room):
    world.fill(lake)
    query = queries()["ages_reviewed"]
    assert query.of.values == {"age": "26-99"}
    assert protected_query.run(query, lake, room, "r").rows.to_pylist() == [{"age": "19-24", "customers": 60}]


def test_a_result_that_breaks_a_minimum_is_not_written(lake, room):
    world.fill(lake)
    query = queries()["age_ranks"]

    class Careless(EmbeddedCleanRoom):
        def run(self, query, read, as_of=None, key="", of=None):
            rows = super().run(query, read, as_of, key, of)
            one = {"age_band": "25-99", "customers": 15, "kids": 15, "place": 2}
            return pa.concat_tables([rows, pa.Table.from_pylist([one], rows.schema)])

    outcome = protected_query.run(query, lake, Careless(room.scratch), "r")
    assert not outcome.minimum_kept
    assert lake.state(query.table).rows == 0
    assert lake.read(QUERY_LOG)["status"].to_pylist() == ["FAILED"]


def test_a_table_is_used_as_often_as_its_access_budget_pays_for(lake, room):
    world.fill(lake)
    first = queries(audience_custom={"access_budget": [{"budget": 1}]})["age_ranks"]
    protected_query.run(first, lake, room, "r")
    protected_query.run(first, lake, room, "again")  # the same content: nothing ran, nothing is paid
    assert [(s.table, s.used, s.left) for s in room.access(first.collaboration)] == [("audience_custom", 1, 0)]
    world.fill(lake, customers=80)
    with pytest.raises(AccessBudgetError, match=r"ACCESS_BUDGET_EXHAUSTED: audience_custom: 1 of 1 uses are spent"):
        protected_query.run(first, lake, room, "r2")
    # A refused query is no query: it does not count against the day's either.
    assert lake.read(QUERY_LOG).num_rows == 1


def test_each_use_of_a_table_in_a_query_costs_one(lake, room):
    world.fill(lake)
    twice = asked(
        "SELECT a.n + b.n AS n FROM (SELECT COUNT(*) AS n FROM audience_custom) a CROSS JOIN "
        "(SELECT COUNT(*) AS n FROM audience_custom WHERE age_band = '19-24') b"
    )
    assert protected_query.run(twice, lake, room, "r").rows.to_pylist() == [{"n": 150}]
    assert [s.used for s in room.access(twice.collaboration)] == [2, 2]
    again = asked(
        "SELECT COUNT(*) AS n FROM audience_custom a JOIN audience_custom b ON a.email_sha256 = b.email_sha256"
    )
    with pytest.raises(AccessBudgetError, match="uses it 2 times"):
        protected_query.run(again, lake, room, "r")


def test_what_no_table_keeps_is_told_before_anything_runs():
    with pytest.raises(ResultError, match='"bands" of the result is no text, number, date or time'):
        asked("SELECT bands FROM (SELECT COLLECT_SET(age_band) AS bands, COUNT(*) AS n FROM audience_custom) q")
    with pytest.raises(ResultError, match="NOT IN would tell who is absent"):
        asked("SELECT country FROM customers_custom WHERE customer_id NOT IN (SELECT age_band FROM audience_custom)")


def test_a_query_has_a_text_or_a_template_that_is_declared():
    with pytest.raises(ValidationError, match="exactly one of sql and template"):
        Query(description="Nothing.")
    with pytest.raises(ValidationError, match="exactly one of sql and template"):
        Query(description="Both.", sql="SELECT 1", template="by_age")
    with pytest.raises(ValidationError, match="parameters are those of a template"):
        Query(description="Text.", sql="SELECT 1", parameters={"a": 1})
    offered = custom_world.config().collaboration.model_dump(by_alias=True)
    offered["queries"]["ages_reviewed"]["template"] = "by_agee"
    with pytest.raises(ValidationError, match='no template is called "by_agee": by_age'):
        type(custom_world.config().collaboration).model_validate(offered)


def test_the_recount_finds_a_row_that_rests_on_too_few(lake):
    world.fill(lake)
    query = queries()["age_ranks"]
    tables = {t.name: lake.read(query.sources[t.source], list(t.columns)) for t in query.resolved.tables}
    rows = [{"age_band": "19-24", "customers": 60, "kids": 88, "place": 1}]
    small = [{"age_band": "26-99", "customers": 15, "kids": 15, "place": 7}]
    schema = query.table.schema

    def kept(released: list[dict[str, Any]]) -> bool:
        result = pa.Table.from_pylist(released, schema)
        return custom_results.minimum_kept(query.resolved, result, tables, None, Locked(lake.scratch).execute)

    assert kept(rows)
    assert not kept(small)
    assert not kept(rows + small)


def test_the_example_of_the_docs_can_be_pasted_into_the_demo_and_run(lake, room):
    page = (Path(__file__).parents[2] / "docs" / "clean_room.md").read_text(encoding="utf-8")
    pasted = yaml.safe_load(page.partition("```yaml\n")[2].partition("```")[0])
    content = yaml.safe_load(segmentation.DEMO_FILE.read_text(encoding="utf-8"))
    for part, added in pasted.items():
        content["collaboration"].setdefault(part, {}).update(added)
    config = segmentation.Segmentation.model_validate(content)
    world.fill(lake, config)
    found = {q.name: q for q in clean_room_assets.protected_queries(config, config.collaboration)}
    ranks = protected_query.run(found["age_ranks"], lake, room, "r")
    assert ranks.rows.to_pylist() == [{"age_band": "19-24", "customers": 60, "place": 1}]
    reviewed = protected_query.run(found["bands_reviewed"], lake, room, "r")
    assert reviewed.rows.to_pylist() == [{"age_band": "19-24", "customers": 60}]
