import duckdb
import pytest

from segment_assets.sql import SqlError, predicate, to_duckdb

COLUMNS = ["purchase_count_84d", "spend_84d", "age_band"]


@pytest.mark.parametrize(
    ("text", "holds"),
    [
        ("purchase_count_84d > 0", True),
        ("purchase_count_84d BETWEEN 1 AND 2 AND NOT spend_84d IS NULL", True),
        ("age_band IN ('19-24', '65+')", True),
        ("COALESCE(spend_84d, 0) / 2 > 100 OR age_band LIKE '6%'", False),
        ("TRUE", True),
    ],
)
def test_a_condition_is_evaluated_from_its_tree(text, holds):
    row = "SELECT 2 AS purchase_count_84d, 12.5 AS spend_84d, '19-24' AS age_band"
    assert duckdb.sql(f"SELECT {to_duckdb(predicate(text, COLUMNS))} FROM ({row})").fetchall() == [(holds,)]


@pytest.mark.parametrize(
    "attack",
    [
        "1 = 1; DROP TABLE t",
        "(SELECT 1) = 1",
        "spend_84d IN (SELECT 1)",
        "EXISTS (SELECT 1)",
        "read_text('/etc/passwd') = ''",
        "getenv('HOME') = ''",
        "t.spend_84d > 0",
        "rowid > 0",
        "COUNT(*) > 1",
        "SUM(spend_84d) OVER () > 1",
        "spend_84d > :p",
        "CAST(age_band AS INT) = 1",
        "CASE WHEN TRUE THEN TRUE END",
        "spend_84d > 0 AS x",
        "age_band RLIKE '.*'",
        "*",
        "",
        "spend_84d >",
        "(" * 5000 + "TRUE" + ")" * 5000,
    ],
    ids=range(19),
)
def test_anything_else_is_refused(attack):
    with pytest.raises(SqlError):
        predicate(attack, COLUMNS)


def test_an_unknown_column_names_the_nearest_one():
    with pytest.raises(SqlError, match=r'no column is named "spend_48d" \(did you mean "spend_84d"\?\)'):
        predicate("spend_48d > 0", COLUMNS)


def test_the_nearest_of_columns_that_differ_in_their_numbers_is_the_nearest_number():
    columns = [f"purchase_count_{n}d" for n in (7, 14, 28, 56, 84, 365)]
    with pytest.raises(SqlError, match=r'"purchase_count_90d" \(did you mean "purchase_count_84d"\?\)'):
        predicate("purchase_count_90d > 0", columns)
    with pytest.raises(SqlError, match=r'did you mean "purchase_count_84d"'):
        predicate("purchase_count_84 > 0", columns)
