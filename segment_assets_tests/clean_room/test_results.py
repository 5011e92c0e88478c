import pyarrow as pa
import pytest

from segment_assets.clean_room import results
from segment_assets.clean_room.checker import check
from segment_assets.clean_room.results import ResultError
from segment_assets.clean_room.thresholds import minimum_kept
from segment_assets.lake import Table, column
from segment_assets.lake.tags import tagged, tags_of
from segment_assets_tests.clean_room.conftest import MINIMUM

COLUMNS = {"person": pa.string(), "spend": pa.float64(), "state": pa.string(), "day": pa.date32()}
SCHEMA = pa.schema([column(name, kind, f"The {name}") for name, kind in COLUMNS.items()])
CATALOG = dict.fromkeys(("shop", "panel", "open_panel", "crm", "traits"), SCHEMA)


JOINED = "FROM crm c JOIN traits t ON c.person = t.person"


def shape(text, collaboration):
    return results.table("q", "A result", check(text, collaboration).accepted(), CATALOG, "q")


def test_columns_types_and_descriptions_come_from_the_sources(collaboration):
    text = "SELECT state, day AS d, COUNT(DISTINCT person) AS n, SUM(spend) AS s FROM open_panel GROUP BY state, day"
    found = shape(text, collaboration)
    assert [(f.name, str(f.type), f.metadata[b"doc"].decode()) for f in found.schema] == [
        ("state", "string", "The state"),
        ("d", "date32[day]", "The day"),
        ("n", "int64", "COUNT_DISTINCT of: The person"),
        ("s", "double", "SUM of: The spend"),
    ]
    assert found.key == ("state", "d")


def test_the_key_of_a_list_without_customer_id_is_every_column(collaboration):
    found = shape(
        "SELECT DISTINCT c.state AS ours, t.state FROM crm c JOIN traits t ON c.person = t.person", collaboration
    )
    assert found.key == ("ours", "state")


def test_a_declared_key_that_repeats_gives_way_to_all_columns(collaboration):
    found = shape(
        "SELECT DISTINCT c.state AS customer_id, t.state FROM crm c JOIN traits t ON c.person = t.person", collaboration
    )
    assert found.key == ("customer_id",)
    rows = pa.table({"customer_id": ["a", "a"], "state": ["x", "y"]})
    assert results.with_unique_key(found, rows).key == ("customer_id", "state")


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("SELECT state, SUM(spend) FROM open_panel GROUP BY state, day", "select every GROUP BY expression"),
        ("SELECT state, SUM(spend) AS state FROM open_panel GROUP BY state", 'called "state": name them with AS'),
    ],
)
def test_a_result_that_can_not_be_kept_is_refused_with_a_sentence(text, sentence, collaboration):
    with pytest.raises(ResultError, match=sentence):
        shape(text, collaboration)


def test_lineage_and_row_columns_name_the_catalog_tables(collaboration):
    text = """SELECT b.state, SUM(b.spend) AS s FROM shop a JOIN panel b ON a.person = b.person
    WHERE a.day IS NULL GROUP BY b.state"""
    query = check(text, collaboration).accepted()
    found = results.traced(query)
    assert {k: sorted((s.table, s.column) for s in v) for k, v in found.values.items()} == {
        "state": [("panel", "state")],
        "s": [("panel", "spend")],
    }
    rows = sorted(f"{s.table}.{s.column}" for s in found.rows)
    assert rows == ["panel.person", "panel.state", "shop.day", "shop.person"]


def test_tags_travel_with_values_and_not_with_what_chose_the_rows(collaboration):
    theirs = {"owner": "them", "purpose": "marketing", "retention": "90d"}
    tags = {"panel": theirs, "shop": {"owner": "us", "purpose": "marketing, research"}}
    catalog = {name: _tagged(name, tags.get(name, {})) for name in CATALOG}
    text = """SELECT b.state, SUM(b.spend) AS s, COUNT(DISTINCT a.person) AS n FROM shop a
    JOIN panel b ON a.person = b.person GROUP BY b.state"""
    found = results.table("q", "A result", check(text, collaboration).accepted(), catalog, "q")
    assert tags_of(found.schema) == {"state": theirs, "s": theirs, "n": tags["shop"]}


def _tagged(name, tags):
    return tagged(Table(name, "", SCHEMA, ()), dict.fromkeys(COLUMNS, tags)).schema


@pytest.mark.parametrize(("size", "kept"), [(MINIMUM, True), (MINIMUM - 1, False)])
def test_the_recomputed_minimum_bites_where_a_group_is_too_small(size, kept, collaboration):
    query = check("SELECT state, SUM(spend) AS s FROM open_panel GROUP BY state", collaboration).accepted()
    released = pa.table({"state": ["a", None], "s": [1.0, 2.0]})
    pairs = pa.table({"c0": ["a"] * MINIMUM + [None] * size, "c1": [f"p{i}" for i in range(MINIMUM + size)]})
    assert minimum_kept(query, released, lambda _: pairs) is kept


def test_a_group_that_nobody_stands_behind_is_not_kept(collaboration):
    query = check("SELECT SUM(spend) AS s FROM open_panel", collaboration).accepted()
    nobody = pa.table({"c0": pa.array([None] * 9, pa.string())})
    assert not minimum_kept(query, pa.table({"s": [1.0]}), lambda _: nobody)
