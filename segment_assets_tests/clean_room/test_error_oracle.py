"""Whether a query fails tells nothing of a person: every function, with hostile arguments, over one person's row."""

from datetime import date, datetime
from pathlib import Path

import pyarrow as pa
import pytest

from segment_assets.clean_room import rules
from segment_assets.clean_room.checker import check
from segment_assets.clean_room.collaboration import Collaboration, ConfiguredTable
from segment_assets.clean_room.custom import functions
from segment_assets.clean_room.embedded import EmbeddedCleanRoom
from segment_assets.clean_room.port import QueryFailedError
from segment_assets_tests.clean_room.test_custom_engine import FREE
from segment_assets_tests.clean_room.test_function_names import names_by_class

DAY = date(2026, 1, 4)
COLUMNS = {"word": "STRING", "size": "DOUBLE", "whole": "BIGINT", "day": "DATE", "at": "TIMESTAMP", "flag": "BOOLEAN"}
AGGREGATION = {
    "aggregateColumns": [{"columnNames": ["whole"], "function": "COUNT"}, {"columnNames": ["size"], "function": "SUM"}],
    "joinColumns": [],
    "dimensionColumns": ["word", "day", "at", "flag"],
    "scalarFunctions": list(rules.SCALAR_FUNCTIONS),
    "outputConstraints": [{"columnName": "whole", "minimum": 2, "type": "COUNT_DISTINCT"}],
}
LISTED = {"joinColumns": ["whole"], "listColumns": ["word", "day", "at", "size", "flag"]}
OFFERED = Collaboration(
    "c",
    "runner",
    "partner",
    {
        name: ConfiguredTable(name, name, owner, COLUMNS, rules.from_aws(kind, policy))
        for name, owner, kind, policy in (
            ("t", "partner", "CUSTOM", FREE),
            ("counted", "partner", "AGGREGATION", AGGREGATION),
            ("listed", "partner", "LIST", LISTED),
            ("mine", "runner", "LIST", LISTED),
        )
    },
)
HUGE = 9_223_372_036_854_775_807
ROWS = {
    who: pa.table(
        {
            "word": [who],
            "size": [1.7e308],
            "whole": pa.array([HUGE], pa.int64()),
            "day": pa.array([DAY], pa.date32()),
            "at": pa.array([datetime(2026, 1, 4, 13, 5)], pa.timestamp("us")),
            "flag": [True],
        }
    )
    for who in ("one", "other")
}
HOSTILE = (
    "()", "(word)", "(whole)", "(size)", "(day)", "(word, 99999999999999, 1)", "(size, 2147483647)",
    "(word, CONCAT('(', word), 'x')", "(YEAR, 2000000000, day)", "('MONTH', day)", "(ARRAY(word, word), 99999999999)",
)  # fmt: skip
EXPRESSIONS = (
    "day + 2147483647", "day - 2147483647", "whole * whole", "whole + 1", "-whole - 2", "whole / 0", "whole % 0",
    "ARRAY(1)[whole]", "SUBSTRING('abc', 99999999999999, 1)", "CAST('x' AS INT)", "word LIKE 'a\\\\'",
    "CAST(whole AS DECIMAL(38, 30)) * CAST(whole AS DECIMAL(38, 0))", "EXTRACT(YEAR FROM day + 2147483647)",
)  # fmt: skip
SHAPES = (
    "SELECT COUNT(*) AS n FROM t WHERE word = 'one' AND {} IS NOT NULL",
    "SELECT COUNT(x) AS n FROM (SELECT {} AS x FROM t WHERE word = 'one') q",
)
NESTED = (
    "SELECT COUNT(x) AS n FROM (SELECT SUM({}) OVER () * whole AS x FROM t WHERE word = 'one') q",
    "SELECT COUNT(*) AS n FROM t WHERE word = 'one' AND whole * (SELECT COUNT(*) + 1 FROM t) > 0",
    "SELECT SUM(CAST('90000000000000000000000000000000' AS DECIMAL(38, 6))) AS s, SKEWNESS(size) AS k "
    "FROM (SELECT a.* FROM t a CROSS JOIN (VALUES (1), (2), (3), (4)) v WHERE a.word = 'one') q",
    "SELECT SUM(9e31) AS s, AVG(size / 1e277) AS a FROM (SELECT a.* FROM t a CROSS JOIN (VALUES (1), (2), (3), (4)) v "
    "WHERE a.word = 'one') q",
    "SELECT SUBSTRING(CAST(SUM(size) AS STRING), 99999999999999, 1) AS s FROM t WHERE word = 'one' GROUP BY word",
)
TWICE = (
    "SELECT COUNT(*) AS n FROM (SELECT day FROM t WHERE word = 'one') q WHERE "
    "day + 2147483647 > '2026-01-01' OR day + 2147483647 < '2025-01-01'"
)
SCALARS = (
    "SUBSTRING(word, 99999999999999, 1) = 'a'", "day + 2147483000 > '2026-01-01'",
    "DATEADD(YEAR, 2000000000, day) > '2026-01-01'", "TRUNC(day - 2147483000, 'MONTH') > '2026-01-01'",
    "EXTRACT(YEAR FROM DATEADD(YEAR, 2000000000, at)) > 1", "word LIKE 'one\\\\'",
)  # fmt: skip


def outcome(text: str, who: str, room: EmbeddedCleanRoom) -> str:
    """What the runner sees that is no row: refused, failed, or nothing."""
    found = check(text, OFFERED)
    if found.verdict.decision == "REJECT":
        return "refused"
    try:
        room.run(found.runnable(), lambda _: ROWS[who], DAY)
    except QueryFailedError as failed:
        return failed.code
    return "ran"


def tells(texts: list[str], room: EmbeddedCleanRoom) -> list[str]:
    """The queries that end otherwise with the person than without."""
    ends = [(text, outcome(text, "one", room)) for text in texts]
    return [text for text, end in ends if end not in ("ran", "refused") and outcome(text, "other", room) != end]


@pytest.fixture
def room(tmp_path: Path) -> EmbeddedCleanRoom:
    return EmbeddedCleanRoom(tmp_path / "scratch", memory_limit="300MB", threads=1, deadline=20)


NAMES = sorted({name for kind, names in names_by_class().items() if kind in functions.ALL for name in names})


@pytest.mark.parametrize("letter", sorted({name[0] for name in NAMES}))
def test_no_allowed_function_fails_for_one_person_alone(letter, room):
    called = [name + arguments for name in NAMES if name[0] == letter for arguments in HOSTILE]
    # What a flat query may call is the little that an aggregation rule may.
    flat = [SHAPES[0].format(call) for call in called if call.partition("(")[0] in rules.SCALAR_FUNCTIONS]
    assert tells([*flat, *(SHAPES[1].format(call) for call in called)], room) == []


def test_no_operator_fails_for_one_person_alone(room):
    operators = [shape.format(expression) for expression in EXPRESSIONS for shape in SHAPES]
    assert tells([*operators, TWICE, *(text.format("whole") for text in NESTED)], room) == []


@pytest.mark.parametrize("truth", ["= TRUE", "<> FALSE", "IN (TRUE)", "= (1 = 1)", "<=> TRUE", "= (whole > 0)"])
def test_no_comparison_of_a_text_with_a_truth_value_fails_for_one_person_alone(truth, room):
    said = "IF(word = 'one', 'x', 'true')"
    assert outcome(f"SELECT COUNT(*) AS n FROM t WHERE {said} {truth}", "one", room) in ("ran", "refused")
    assert tells([f"SELECT {said} {truth} AS k, COUNT(*) AS n FROM t GROUP BY 1"], room) == []


@pytest.mark.parametrize("condition", SCALARS)
@pytest.mark.parametrize(
    "shape",
    [
        "SELECT COUNT(whole) AS n FROM counted WHERE word = 'one' AND {}",
        "SELECT DISTINCT a.day FROM mine a JOIN listed b ON a.whole = b.whole WHERE a.word = 'one' AND a.{}",
    ],
)
def test_no_aggregation_or_list_query_fails_for_one_person_alone(shape, condition, room):
    assert tells([shape.format(condition)], room) == []
