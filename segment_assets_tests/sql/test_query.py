from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal

import duckdb
import pytest
from hypothesis import given
from hypothesis import strategies as st

from segment_assets.sql import SqlError, bind, parse, parse_whole, tables, to_duckdb

HOSTILE = [
    "'",
    "''; DROP TABLE t; --",
    "\\",
    "\\'",
    ":p",
    "$p",
    "${p}",
    "%",
    "/* */",
    "\n",
    "\u2018",
    '"',
    "x') OR ('1'='1",
]


def value_of(value):
    return duckdb.sql(to_duckdb(bind(parse("SELECT :p AS p"), {"p": value}))).fetchall()[0][0]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("SELEC 1", "not Spark SQL"),
        ("SELECT 1; SELECT 2", "must be one statement, and here are 2"),
        ("", "must be one statement, and here are 0"),
        ("DELETE FROM t", "must be a SELECT, not DELETE"),
        ("DROP TABLE t", "must be a SELECT, not DROP"),
        ("SELECT " + "(" * 300 + "1" + ")" * 300, "nested too deeply: write its parts as CTEs"),
    ],
)
def test_what_is_not_one_select_is_refused_with_a_sentence(text, sentence):
    with pytest.raises(SqlError, match=sentence):
        parse(text)


@pytest.mark.parametrize("value", HOSTILE)
def test_a_hostile_value_stays_a_value(value):
    assert value_of(value) == value


@given(st.text(alphabet=st.characters(codec="utf-8", exclude_characters="\x00"), max_size=20))
def test_any_text_comes_back_as_it_was_bound(value):
    assert value_of(value) == value


@pytest.mark.parametrize(
    ("value", "back"),
    [
        (7, 7),
        (-7, -7),
        (Decimal("1.50"), Decimal("1.50")),
        (True, True),
        (date(2026, 1, 2), date(2026, 1, 2)),
        (datetime(2026, 1, 2, 3), datetime(2026, 1, 2, 3)),
        (datetime(2026, 1, 2, 3, tzinfo=UTC), datetime(2026, 1, 2, 3)),
        (datetime(2026, 1, 2, 3, tzinfo=timezone(timedelta(hours=2))), datetime(2026, 1, 2, 1)),
    ],
)
def test_a_value_keeps_its_type_and_times_are_utc(value, back):
    assert value_of(value) == back


def test_a_parameter_without_a_value_is_named():
    with pytest.raises(SqlError, match=r"the parameter :cutoff has no value"):
        bind(parse("SELECT :cutoff"), {"cutof": 1})


def test_binding_leaves_the_tree_as_it_was():
    tree = parse("SELECT :p AS p")
    bind(tree, {"p": 1})
    assert ":p" in tree.sql(dialect="spark")


def test_the_text_of_a_comment_never_reaches_the_engine():
    assert "secret" not in to_duckdb(parse("SELECT 1 AS x /* secret */ FROM t -- secret"))


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("SELECT a FROM One o JOIN `two` t ON o.x = t.x WHERE t.y IN (SELECT y FROM three)", {"one", "two", "three"}),
        ("WITH k AS (SELECT a FROM one) SELECT a FROM k -- two", {"one"}),
        ("WITH one AS (SELECT a FROM one) SELECT a FROM one", {"one"}),
        ("CACHE TABLE k AS SELECT a FROM one; CACHE TABLE m AS SELECT a FROM k; SELECT a FROM m", {"one"}),
        ("CACHE TABLE k AS SELECT a FROM one; WITH m AS (SELECT a FROM k) SELECT 'two' AS three FROM m", {"one"}),
    ],
)
def test_the_tables_that_a_text_reads_are_those_that_it_does_not_make(text, read):
    assert tables(parse_whole(text)) == read
