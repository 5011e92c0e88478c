"""A clean-room result is on the page where each of its rows is a group of people, and none of its values an id."""

from functools import partial

import pyarrow as pa
import pytest

from segment_assets.clean_room.tables import result_table
from segment_assets.collaboration_config import Collaboration, Query
from segment_assets.dashboards import groups
from segment_assets.dashboards.gather import ages, gather
from segment_assets.dashboards.html import document
from segment_assets.dashboards.overview import overview
from segment_assets.lake import Lake, column
from segment_assets.lake.embedded import open_catalog
from segment_assets_tests.clean_room import custom_world
from segment_assets_tests.dashboards import sample

JOINED = "FROM customers_custom c JOIN audience_custom p ON c.email_sha256 = p.email_sha256"
PEOPLE = f"SELECT p.age_band AS a, c.customer_id AS i {JOINED}"
LIST = "SELECT DISTINCT c.customer_id, p.age_band FROM customers_list c JOIN audience_list p ON c.email_sha256 = "
LIST += "p.email_sha256"


def offered(sql: str, **tables: object) -> Collaboration:
    made = custom_world.config(**tables).collaboration
    assert made
    return made.model_copy(update={"queries": made.queries | {"q": Query(sql=sql, description="A query.")}})


@pytest.mark.parametrize(
    "sql",
    [
        f"SELECT p.age_band, COUNT(DISTINCT c.customer_id) AS n {JOINED} GROUP BY p.age_band",
        f"WITH k AS ({PEOPLE}) SELECT a, COUNT(DISTINCT i) AS n FROM k GROUP BY a",
        f"CACHE TABLE k AS {PEOPLE}; SELECT a, COUNT(i) AS n FROM k GROUP BY a",
        f"SELECT a, n, RANK() OVER (ORDER BY n) AS r FROM (SELECT a, COUNT(*) AS n FROM ({PEOPLE}) p GROUP BY a) q",
    ],
)
def test_groups_are_shown(sql):
    assert groups.minimum_group(offered(sql), "q") == 25


@pytest.mark.parametrize(
    "sql",
    [
        f"SELECT c.customer_id, COUNT(*) AS n {JOINED} GROUP BY c.customer_id",
        f"SELECT UPPER(c.customer_id) AS who, COUNT(*) AS n {JOINED} GROUP BY c.customer_id",
        f"SELECT p.age_band, MIN(c.customer_id) AS who {JOINED} GROUP BY p.age_band",
        f"WITH k AS ({PEOPLE}) SELECT i, COUNT(*) AS n FROM k GROUP BY i",
        f"CACHE TABLE k AS {PEOPLE}; SELECT i, COUNT(*) AS n FROM k GROUP BY i",
        f"SELECT * FROM (SELECT c.customer_id AS i, COUNT(*) AS n {JOINED} GROUP BY 1) q",
        f"SELECT p.age_band AS customer_id, COUNT(*) AS n {JOINED} GROUP BY p.age_band",
        "SELECT country, COUNT(*) AS n FROM customers_custom GROUP BY country",
        "SELECT country, COUNT(*) AS n FROM a_table_of_nobody GROUP BY country",
        f"{LIST} -- the counts are those of customers_overlap",
        f"{LIST} WHERE p.age_band <> 'customers_overlap'",
        LIST.replace("customers_list c", "customers_list customers_overlap").replace("c.", "customers_overlap."),
        "not a query",
    ],
)
def test_what_shows_an_id_or_rests_on_no_minimum_is_not_shown(sql):
    assert groups.minimum_group(offered(sql), "q") is None


def test_a_column_whose_rows_are_exempt_from_the_minimum_is_not_shown():
    rule = {"minimum_identities": {"column": "email_sha256", "minimum": 25, "for_output_columns": {"age_band": 0}}}
    config = custom_world.config(audience_custom={"custom": {"allowed_analyses": ["ANY_QUERY"]} | rule})
    assert config.collaboration
    assert groups.minimum_group(config.collaboration, "age_ranks") is None


def test_queries_of_templates_and_of_aggregation_rules_are_read_too():
    made = custom_world.config().collaboration
    assert made
    found = {name: (groups.minimum_group(made, name), groups.is_list(made, name)) for name in made.queries}
    assert found == {
        "audience_enrichment": (None, True), "audience_overlap": (25, False), "age_ranks": (25, False),
        "ages_reviewed": (25, False),
    }  # fmt: skip


def page(lake: Lake, collaboration: Collaboration) -> str:
    config = sample.config().model_copy(update={"collaboration": collaboration})
    made, found = overview(config), gather(lake, config)
    return document(made, found, ages(made, found))


def test_a_remark_in_a_list_query_brings_no_ids_onto_the_page(filled: Lake):
    made = sample.config().collaboration
    assert made
    enrichment = made.queries["audience_enrichment"]
    remark = enrichment.model_copy(update={"sql": f"{enrichment.sql}\n-- the counts are those of customers_overlap"})
    shown = page(filled, made.model_copy(update={"queries": made.queries | {"audience_enrichment": remark}}))
    assert sample.customer(1) not in shown
    assert "35-44" in shown


def test_a_table_that_is_still_of_an_earlier_query_is_not_shown_where_that_listed_people(tmp_path):
    lake = Lake(partial(open_catalog, tmp_path / "lake"), tmp_path / "scratch", memory_limit="500MB")
    before = result_table("q", [column("customer_id", pa.string(), "Customer")], ("customer_id",), "People")
    sample.write(lake, before, [{"customer_id": sample.customer(1)}])
    made = offered(f"SELECT p.age_band, COUNT(*) AS n {JOINED} GROUP BY p.age_band")
    assert sample.customer(1) not in page(lake, made)


def test_of_many_groups_a_bounded_number_is_shown(tmp_path):
    lake = Lake(partial(open_catalog, tmp_path / "lake"), tmp_path / "scratch", memory_limit="500MB")
    fields = [column("age_band", pa.string(), "Age"), column("n", pa.int64(), "People")]
    rows = [{"age_band": f"band {i:04}", "n": 30} for i in range(groups.MOST_GROUPS + 100)]
    sample.write(lake, result_table("q", fields, ("age_band",), "Ages"), rows)
    shown = page(lake, offered(f"SELECT p.age_band, COUNT(*) AS n {JOINED} GROUP BY p.age_band"))
    assert f"At most {groups.MOST_GROUPS} groups are shown." in shown
    assert shown.count(">band 0") == groups.MOST_GROUPS
