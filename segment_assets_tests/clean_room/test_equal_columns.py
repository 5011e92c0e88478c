import pytest
from sqlglot import exp, parse_one

from segment_assets.clean_room.equal_columns import merged


def minimums(text, *columns):
    """Which columns are counted, and to which minimum."""
    asked = [(exp.column(c, table=t), minimum) for t, c, minimum in columns]
    return {column.sql(): minimum for column, minimum in merged(parse_one(text, read="spark"), asked)}


BOTH = (("a", "x", 10), ("b", "y", 25))


def test_columns_that_an_inner_join_equates_are_counted_once_to_the_larger_minimum():
    assert minimums("SELECT 1 FROM a JOIN b ON a.x = b.y", *BOTH) == {"a.x": 25}


def test_the_count_that_the_query_selects_is_the_one_that_is_taken():
    assert minimums("SELECT COUNT(DISTINCT b.y) FROM a JOIN b ON (a.x = b.y) AND a.z = b.z", *BOTH) == {"b.y": 25}


def test_equality_goes_on_from_join_to_join():
    text = "SELECT 1 FROM a JOIN m ON a.x = m.x JOIN b ON m.x = b.y"
    assert minimums(text, *BOTH, ("b", "other", 3)) == {"a.x": 25, "b.other": 3}


@pytest.mark.parametrize(
    "joined",
    [
        "a JOIN b ON a.x = b.y OR a.z = b.z",
        "a LEFT JOIN b ON a.x = b.y",
        "a JOIN b ON a.x = b.z",
        "a JOIN b ON a.x >= b.y",
        "a JOIN b ON a.x = LOWER(b.y)",
        "a CROSS JOIN b",
        "a JOIN m ON a.x = m.x FULL JOIN b ON m.x = b.y",
    ],
)
def test_what_may_differ_is_counted_on_both_sides(joined):
    assert minimums(f"SELECT 1 FROM {joined}", *BOTH) == {"a.x": 10, "b.y": 25}
