from pathlib import Path
from typing import Any

import dagster as dg
import pyarrow as pa
import pytest
import yaml

from segment_assets import segmentation
from segment_assets.audience_config import Audience
from segment_assets.clean_room import assets as clean_room_assets
from segment_assets.clean_room.budget import BudgetExhaustedError
from segment_assets.clean_room.collaboration import Collaboration, CollaborationError
from segment_assets.clean_room.embedded import EmbeddedCleanRoom
from segment_assets.clean_room.port import QueryFailedError
from segment_assets.clean_room.protected_query import ProtectedQuery
from segment_assets.clean_room.rewrite import Rewritten
from segment_assets.clean_room.tables import QUERY_LOG
from segment_assets.first_party.tables import CUSTOMERS
from segment_assets.lake import Lake
from segment_assets.segmentation import Segmentation
from segment_assets.third_party.tables import partner_audience

OVERLAP = dg.AssetKey(["clean_room_results", "audience_overlap"])


@pytest.fixture
def config() -> Segmentation:
    return segmentation.load(segmentation.DEMO_FILE)


@pytest.fixture
def room(tmp_path: Path) -> EmbeddedCleanRoom:
    return EmbeddedCleanRoom(tmp_path / "home" / "clean_room", "500MB")


def protected_queries(config: Segmentation) -> list[ProtectedQuery]:
    return clean_room_assets.protected_queries(config, config.collaboration)


def declared(config: Segmentation) -> Collaboration:
    return clean_room_assets.declared(config, config.collaboration)


def fill(lake: Lake, config: Segmentation, customers: int = 40, young: int = 30) -> None:
    assert config.audience
    ids = [f"c{i:03}" for i in range(customers)]
    rows = {f.name: pa.array([None] * customers, f.type) for f in CUSTOMERS.schema}
    rows |= {"customer_id": pa.array(ids), "email_sha256": pa.array([f"h{i}" for i in ids])}
    rows["endpoints"] = pa.array([1] * customers, pa.int64())
    lake.write(CUSTOMERS, pa.table(rows), "r", as_of=None)
    table = partner_audience(config.audience)
    partner = {f.name: pa.array([None] * customers, f.type) for f in table.schema}
    partner["email_sha256"] = rows["email_sha256"]
    partner["age_band"] = pa.array(["19-24"] * young + ["65+"] * (customers - young))
    lake.write(table, pa.table(partner), "r")


def materialise(config: Segmentation, lake: Lake, room: EmbeddedCleanRoom, **kwargs: Any) -> dg.ExecuteInProcessResult:
    definitions = [a for a in clean_room_assets.assets(config) if isinstance(a, dg.AssetsDefinition)]
    return dg.materialize(definitions, resources={"lake": lake, "clean_room": room}, **kwargs)


def test_the_demo_queries_run_and_only_large_groups_leave(lake, room, config):
    fill(lake, config)
    outcome = materialise(config, lake, room)
    assert outcome.success
    tables = {q.name: q.table for q in protected_queries(config)}
    assert lake.read(tables["audience_overlap"]).to_pylist() == [
        {"age_band": "19-24", "income_band": None, "customers": 30}
    ]
    assert lake.state(tables["audience_enrichment"]).rows == 40
    assert lake.read(QUERY_LOG)["status"].to_pylist() == ["SUCCESS", "SUCCESS"]


def test_lineage_reaches_the_partners_column_and_rows_say_what_they_rest_on(lake, room, config):
    fill(lake, config)
    outcome = materialise(config, lake, room)
    metadata = outcome.asset_materializations_for_node("clean_room_results__audience_enrichment")[0].metadata
    lineage = metadata["dagster/column_lineage"].value.deps_by_column
    assert lineage["age_band"] == [dg.TableColumnDep("partner_audience", "age_band")]
    assert lineage["customer_id"] == [dg.TableColumnDep("customers", "customer_id")]
    rest = metadata["rows_depend_on"].value
    assert "customers.email_sha256" in rest
    assert "partner_audience.email_sha256" in rest
    assert metadata["coverage"].value == 1.0


def test_metadata_never_tells_how_many_groups_were_suppressed(lake, room, config):
    fill(lake, config)
    texts = []
    for young in (30, 38):
        fill(lake, config, young=young)
        outcome = materialise(config, lake, room)
        found = outcome.asset_materializations_for_node("clean_room_results__audience_overlap")[0].metadata
        texts.append(set(found))
        assert "coverage" not in found
    assert texts[0] == texts[1]


def test_an_equal_content_is_charged_once_and_not_run_again(lake, room, config):
    fill(lake, config)
    materialise(config, lake, room)
    before = lake.read(QUERY_LOG)

    class MustNotRun(EmbeddedCleanRoom):
        def _execute(self, sql, tables):
            raise AssertionError("ran again")

    again = materialise(config, lake, MustNotRun(room.scratch))
    assert again.success
    assert lake.read(QUERY_LOG).equals(before)


def test_a_kill_between_charge_and_result_never_charges_twice(lake, room, config):
    fill(lake, config)

    class Killed(EmbeddedCleanRoom):
        def _execute(self, sql, tables):
            raise KeyboardInterrupt

    query = protected_queries(config)[0]
    with pytest.raises(KeyboardInterrupt):
        clean_room_assets.protected_query.run(query, lake, Killed(room.scratch), "r")
    assert lake.read(QUERY_LOG)["status"].to_pylist() == ["STARTED"]
    clean_room_assets.protected_query.run(query, lake, room, "r2")
    assert lake.read(QUERY_LOG)["status"].to_pylist() == ["SUCCESS"]


def test_more_queries_than_the_budget_are_refused_with_a_sentence(lake, room, config):
    one = config.collaboration.model_copy(update={"queries_per_day": 1})
    config = config.model_copy(update={"collaboration": one})
    fill(lake, config)
    first, second = protected_queries(config)
    clean_room_assets.protected_query.run(first, lake, room, "r")
    with pytest.raises(BudgetExhaustedError, match=r"queries_per_day allows 1"):
        clean_room_assets.protected_query.run(second, lake, room, "r")
    clean_room_assets.protected_query.run(first, lake, room, "r")


def test_a_failed_query_counts_and_says_nothing_of_the_data(lake, room, config):
    fill(lake, config)

    class Fails(EmbeddedCleanRoom):
        def rewrite(self, query, as_of):
            return Rewritten("SELECT error('secret')", ("x",))

    query = protected_queries(config)[0]
    with pytest.raises(QueryFailedError) as failed:
        clean_room_assets.protected_query.run(query, lake, Fails(room.scratch), "r")
    assert "secret" not in str(failed.value)
    assert failed.value.__cause__ is None
    assert lake.read(QUERY_LOG)["status"].to_pylist() == ["FAILED"]


def test_the_blocking_check_bites_when_the_engine_forgets_the_minimum(lake, room, config):
    fill(lake, config)

    class Forgets(EmbeddedCleanRoom):
        def rewrite(self, query, as_of):
            right = super().rewrite(query, as_of)
            return Rewritten(right.sql.replace(">= 25", ">= 1"), right.names)

    outcome = materialise(config, lake, Forgets(room.scratch), raise_on_error=False)
    checks = {(c.asset_key, c.check_name): c.passed for c in outcome.get_asset_check_evaluations()}
    assert checks[OVERLAP, "minimum_group_size_kept"] is False
    overlap = next(q for q in protected_queries(config) if q.name == "audience_overlap")
    assert lake.state(overlap.table).rows == 0, "what breaks the rules must not be written"


def test_the_collaborations_version_changes_with_its_rules_alone(config):
    before = declared(config).version
    text = segmentation.DEMO_FILE.read_text()
    same = config.model_copy(update={"collaboration": config.collaboration.model_copy(update={"queries_per_day": 3})})
    assert declared(same).version == before
    looser = text.replace("minimum: 25", "minimum: 24")
    other = Segmentation.model_validate(yaml.safe_load(looser))
    assert declared(other).version != before


def test_an_unknown_column_is_one_sentence_with_path_and_nearest_choice():
    text = segmentation.DEMO_FILE.read_text().replace("dimension_columns: [country]", "dimension_columns: [contry]")
    config = Segmentation.model_validate(yaml.safe_load(text))
    with pytest.raises(CollaborationError) as bad:
        clean_room_assets.assets(config)
    assert str(bad.value) == (
        "segmentation.yaml: collaboration.configured_tables.customers_overlap.aggregation.dimension_columns: "
        'no column "contry" in customers_overlap.allowed_columns (did you mean "country"?)'
    )


def test_a_column_the_partner_dropped_fails_the_collaboration(lake, room, config):
    fill(lake, config)
    narrower = partner_audience(Audience(attributes={"age_band": "age"}))
    lake.write(narrower, narrower.empty(), "r")
    with pytest.raises(CollaborationError, match=r"audience_list.allowed_columns: no column \"income_band\""):
        materialise(config, lake, room, selection=[clean_room_assets.COLLABORATION])


def test_without_a_collaboration_there_are_no_assets(config):
    alone = config.model_copy(update={"audience": None, "collaboration": None})
    assert clean_room_assets.assets(alone) == []
