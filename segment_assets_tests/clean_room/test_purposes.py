"""A row of the partner is used for what it permits, and for nothing else."""

import json
import re
from pathlib import Path

import pyarrow as pa
import pytest
import yaml

from segment_assets import segmentation
from segment_assets.clean_room import assets as clean_room
from segment_assets.clean_room import protected_query
from segment_assets.clean_room.collaboration import CollaborationError
from segment_assets.clean_room.embedded import EmbeddedCleanRoom
from segment_assets.clean_room.tables import DIFFERENCING
from segment_assets.first_party.tables import CUSTOMERS
from segment_assets.lake.tags import tags_of
from segment_assets.segmentation import Segmentation
from segment_assets.third_party.tables import partner_audience, permitted_audience


def config(enrichment="marketing", overlap="measurement", **audience) -> Segmentation:
    content = yaml.safe_load(segmentation.DEMO_FILE.read_text())
    content["audience"] |= {"purposes": "use", "permitted_for": []} | audience
    tables = content["collaboration"]["configured_tables"]
    tables["audience_list"]["purpose"] = enrichment
    tables["audience_overlap_source"]["purpose"] = overlap
    return Segmentation.model_validate(content)


def fill(lake, declared: Segmentation, permitted: list[str]) -> None:
    """As many customers as rows, each known to the partner, with what the row permits."""
    digests = [f"h{n:03}" for n in range(len(permitted))]
    customers = [{"customer_id": f"c{d}", "email_sha256": d, "endpoints": 1} for d in digests]
    lake.write(CUSTOMERS, pa.Table.from_pylist(customers, CUSTOMERS.schema), "run")
    rows = [
        {"email_sha256": d, "age_band": p, "permitted_purposes": p} for d, p in zip(digests, permitted, strict=True)
    ]
    whole = partner_audience(declared.audience)
    lake.write(whole, pa.Table.from_pylist(rows, whole.schema), "run")
    for purpose in ("marketing", "measurement"):
        table = permitted_audience(declared.audience, purpose)
        kept = [row for row in rows if purpose in row["permitted_purposes"].split(",")]
        lake.write(table, pa.Table.from_pylist(kept, table.schema), "run")


def test_each_query_sees_the_rows_of_its_purpose_alone(lake, tmp_path):
    declared = config()
    fill(lake, declared, ["marketing"] * 3 + ["measurement"] * 30 + ["marketing,measurement"] * 30 + [""] * 40)
    room = EmbeddedCleanRoom(tmp_path / "room", "500MB")
    queries = {q.name: q for q in clean_room.protected_queries(declared, declared.collaboration)}
    enriched = protected_query.run(queries["audience_enrichment"], lake, room, "run")
    assert set(enriched.rows["age_band"].to_pylist()) == {"marketing", "marketing,measurement"}
    assert enriched.rows.num_rows == 33
    overlap = protected_query.run(queries["audience_overlap"], lake, room, "run")
    found = {row["age_band"]: row["customers"] for row in overlap.rows.to_pylist()}
    assert found == {"measurement": 30, "marketing,measurement": 30}
    assert overlap.minimum_kept


def test_two_purposes_tell_the_owner_that_they_differ_by_a_few_who_refuse_one(lake, tmp_path):
    declared = config()
    offered = declared.collaboration
    both = offered.configured_tables | {
        "audience_reach": offered.configured_tables["audience_overlap_source"].model_copy(
            update={"purpose": "marketing"}
        )
    }
    asked = """SELECT COUNT(DISTINCT c.customer_id) AS n FROM customers_overlap c
    JOIN {} p ON c.email_sha256 = p.email_sha256"""
    whole = offered.queries["audience_overlap"]
    queries = {
        name: whole.model_copy(update={"sql": asked.format(table)})
        for name, table in (("measured", "audience_overlap_source"), ("reached", "audience_reach"))
    }
    offered = offered.model_copy(update={"configured_tables": both, "queries": queries})
    declared = declared.model_copy(update={"collaboration": offered})
    fill(lake, declared, ["marketing,measurement"] * 40 + ["measurement"] * 4)
    room = EmbeddedCleanRoom(tmp_path / "room", "500MB")
    counts = [
        protected_query.run(query, lake, room, "run").rows.to_pylist()
        for query in clean_room.protected_queries(declared, offered)
    ]
    assert counts == [[{"n": 44}], [{"n": 40}]]
    told = [close for row in lake.read(DIFFERENCING).to_pylist() for close in json.loads(row["close_to"])]
    assert [close["difference"] for close in told] == [4]


def test_features_are_for_marketing_and_made_of_nothing_else():
    with pytest.raises(CollaborationError) as bad:
        clean_room.assets(config(enrichment="measurement"))
    assert str(bad.value) == (
        "segmentation.yaml: collaboration.queries.audience_enrichment.use_as_features: audience_list is offered for "
        "measurement, and features choose whom marketing reaches: offer it for marketing (its key purpose), or make no "
        "features of the result"
    )


def test_a_table_of_a_purpose_is_what_is_offered_on_aws_too():
    declared = config()
    tables = clean_room.declared(declared, declared.collaboration).tables
    assert {name: t.source for name, t in tables.items()} == {
        "customers_list": "customers",
        "customers_overlap": "customers",
        "audience_list": "partner_audience_for_marketing",
        "audience_overlap_source": "partner_audience_for_measurement",
    }
    assert set(clean_room.sources(declared)) >= {t.source for t in tables.values()}


def test_where_rows_say_nothing_the_whole_audience_is_offered():
    declared = config(purposes=None)
    tables = clean_room.declared(declared, declared.collaboration).tables
    assert {t.source for t in tables.values()} == {"customers", "partner_audience"}


def test_the_purpose_of_a_table_is_a_tag_of_its_columns_and_one_that_the_audience_has():
    declared = config(permitted_for=["marketing", "measurement", "research"])
    tags = tags_of(clean_room.sources(declared)["partner_audience_for_measurement"].schema)
    assert tags["age_band"] == {"owner": "demographics partner", "purpose": "measurement", "retention": "365d"}
    with pytest.raises(
        ValueError, match=r"audience_list.purpose: marketing is no purpose that .*permitted_for: measurement\)"
    ):
        config(permitted_for=["measurement"])


def test_the_declaration_and_the_queries_of_the_docs_hold():
    page = (Path(segmentation.__file__).parents[1] / "docs" / "partner.md").read_text()
    declaration, contract = re.findall(r"```yaml\n(.*?)```", page, re.S)
    [sql] = re.findall(r"```sql\n(.*?)```", page, re.S)
    content = yaml.safe_load(segmentation.DEMO_FILE.read_text())
    content["audience"]["attributes"] |= yaml.safe_load(declaration)["audience"].pop("attributes")
    content["audience"] |= {k: v for k, v in yaml.safe_load(declaration)["audience"].items() if k != "attributes"}
    content["audience"] |= yaml.safe_load(contract)
    tables = content["collaboration"]["configured_tables"]
    for name in ("customers_overlap", "audience_overlap_source"):
        tables[name]["allowed_columns"].append("email_sha256_plain")
        tables[name]["aggregation"]["join_columns"].append("email_sha256_plain")
    queries = {
        "matched": sql,
        "plain": sql.replace("email_sha256 = p.email_sha256", "email_sha256_plain = p.email_sha256_plain"),
    }
    content["collaboration"]["queries"] = {n: {"sql": text, "description": "people"} for n, text in queries.items()}
    declared = Segmentation.model_validate(content)
    assert declared.audience.governed
    assert [q.name for q in clean_room.protected_queries(declared, declared.collaboration)] == ["matched", "plain"]
