"""What a query means in Spark, asked of the engine: values, nulls, order."""

from datetime import date, datetime

import pyarrow as pa
import pytest

from segment_assets.clean_room import rules
from segment_assets.clean_room.checker import check
from segment_assets.clean_room.collaboration import Collaboration, ConfiguredTable
from segment_assets.clean_room.port import QueryFailedError
from segment_assets_tests.clean_room.conftest import people

DAY = date(2026, 1, 2)
COLUMNS = {
    "person": "STRING",
    "amount": "DOUBLE",
    "visits": "BIGINT",
    "word": "STRING",
    "day": "DATE",
    "at": "TIMESTAMP",
}


@pytest.fixture
def everything() -> Collaboration:
    policy = {
        "aggregateColumns": [
            {"columnNames": ["person", "visits"], "function": "COUNT_DISTINCT"},
            {"columnNames": ["amount", "visits"], "function": "SUM"},
            {"columnNames": ["amount"], "function": "AVG"},
        ],
        "joinColumns": ["person"],
        "dimensionColumns": ["word", "day", "at"],
        "scalarFunctions": list(rules.SCALAR_FUNCTIONS),
        "outputConstraints": [{"columnName": "person", "minimum": 2, "type": "COUNT_DISTINCT"}],
    }
    table = ConfiguredTable("t", "t", "partner", COLUMNS, rules.from_aws("AGGREGATION", policy))
    return Collaboration("c", "runner", "partner", {"t": table})


@pytest.fixture
def rows() -> pa.Table:
    return pa.table(
        {
            "person": ["a", "b", "c"],
            "amount": [0.1, 0.2, 0.3],
            "visits": pa.array([1, 2, 3], pa.int64()),
            "word": ["-4.5", "-4.5", "-4.5"],
            "day": [date(2025, 5, 17)] * 3,
            "at": pa.array([datetime(2025, 5, 17, 9, 30)] * 3, pa.timestamp("us")),
        }
    )


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("ABS(word)", 4.5),
        ("CAST(word AS DOUBLE)", -4.5),
        ("CAST(word AS DATE)", None),
        ("CEILING(word)", -4.0),
        ("COALESCE(word, 'x')", "-4.5"),
        ("CONVERT(word, DOUBLE)", -4.5),
        ("CURRENT_DATE", DAY),
        ("GETDATE()", datetime(2026, 1, 2)),
        ("DATEADD(day, 3, at)", datetime(2025, 5, 20, 9, 30)),
        ("EXTRACT(month FROM day)", 5),
        ("FLOOR(word)", -5.0),
        ("LN(word)", None),
        ("LOG(word)", None),
        ("LOWER(word)", "-4.5"),
        ("ROUND(word, 0)", -5.0),
        ("RTRIM(word)", "-4.5"),
        ("SUBSTRING(word, 1, 2)", "-4"),
        ("TO_DATE(at)", date(2025, 5, 17)),
        ("TO_TIMESTAMP(word)", None),
        ("TRIM(word)", "-4.5"),
        ("TRUNC(at)", date(2025, 5, 17)),
        ("TRUNC(day, 'MM')", date(2025, 5, 1)),
        ("UPPER(day)", "2025-05-17"),
    ],
)
def test_a_scalar_function_means_what_it_means_in_spark(expression, value, everything, room, rows):
    query = f"SELECT {expression} AS x, SUM(visits) AS n FROM t GROUP BY {expression}"
    resolved = check(query, everything).accepted()
    assert room.run(resolved, lambda _: rows, DAY).to_pylist() == [{"x": value, "n": 6}]


@pytest.mark.parametrize("expression", ["TO_CHAR(day, 'yyyy')", "TO_NUMBER(word, '99')", "TO_DATE(word, 'yyyy')"])
def test_what_is_allowed_and_not_run_is_refused_with_a_sentence(expression, everything, room, rows):
    resolved = check(f"SELECT {expression} AS x, SUM(visits) FROM t GROUP BY {expression}", everything).accepted()
    with pytest.raises(QueryFailedError, match="is not run by the local engine"):
        room.run(resolved, lambda _: rows, DAY)


def test_today_is_the_datas_day_and_unknown_days_are_said(everything, room, rows):
    resolved = check("SELECT SUM(visits) FROM t WHERE day < CURRENT_DATE", everything).accepted()
    with pytest.raises(QueryFailedError, match="carry no date"):
        room.run(resolved, lambda _: rows, None)


@pytest.mark.parametrize(
    ("condition", "passes"),
    [
        ("word < 0", True),
        ("word BETWEEN -5 AND -4", True),
        ("word / 0 IS NULL", True),
        ("day = '2025-05-17'", True),
        ("day > 'not a day'", False),
        ("at IN ('2025-05-17 09:30:00')", True),
        ("day < DATE '2025-05-18'", True),
        ("word LIKE '-%'", True),
        ("word NOT LIKE 'x%'", True),
        ("word NOT LIKE '-%'", False),
        ("word NOT IN ('a', 'b')", True),
        ("NOT word IS NULL", True),
    ],
)
def test_a_comparison_means_what_it_means_in_spark(condition, passes, everything, room, rows):
    resolved = check(f"SELECT COUNT(DISTINCT person) AS n FROM t WHERE {condition}", everything).accepted()
    assert room.run(resolved, lambda _: rows, DAY).to_pylist() == ([{"n": 3}] if passes else [])


def test_the_same_rows_in_any_order_give_the_same_sum_twenty_times(collaboration, room):
    many = people({"a": 3000, "b": 2000})
    resolved = check(
        "SELECT state, SUM(spend) AS s, AVG(spend) AS a FROM open_panel GROUP BY state", collaboration
    ).accepted()
    shuffled = many.take(pa.array([(i * 7919) % many.num_rows for i in range(many.num_rows)]))
    results = {str(room.run(resolved, lambda _, i=i: many if i % 2 else shuffled).to_pylist()) for i in range(20)}
    assert results == {"[{'state': 'a', 's': 600.0, 'a': 0.1}, {'state': 'b', 's': 400.0, 'a': 0.1}]"}
