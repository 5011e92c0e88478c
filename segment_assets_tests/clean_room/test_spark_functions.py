"""What both engines have and mean differently: a flat query and a nested one give Spark's value."""

from datetime import date, datetime
from math import isnan, nan
from pathlib import Path

import pyarrow as pa
import pytest

from segment_assets.clean_room import rules
from segment_assets.clean_room.checker import Checked, check
from segment_assets.clean_room.collaboration import Collaboration, ConfiguredTable
from segment_assets.clean_room.embedded import EmbeddedCleanRoom
from segment_assets.clean_room.port import QueryFailedError
from segment_assets_tests.clean_room.test_custom_engine import FREE

SUNDAY = date(2026, 1, 4)
COLUMNS = {"word": "STRING", "size": "DOUBLE", "whole": "BIGINT", "day": "DATE", "at": "TIMESTAMP", "flag": "BOOLEAN"}
OFFERED = Collaboration(
    "c", "runner", "partner", {"t": ConfiguredTable("t", "t", "partner", COLUMNS, rules.from_aws("CUSTOM", FREE))}
)
ROWS = pa.table(
    {
        "word": ["2.9"],
        "size": [-2.9],
        "whole": pa.array([-7], pa.int64()),
        "day": pa.array([SUNDAY], pa.date32()),
        "at": pa.array([datetime(2026, 1, 4, 13, 5, 59, 250_000)], pa.timestamp("us")),
        "flag": [True],
    }
)
VALUES = {
    "CAST(2.9 AS INT)": 2,
    "CAST(size AS BIGINT)": -2,
    "CAST(word AS INT)": 2,
    "INT(word)": 2,
    "CAST('9007199254740993' AS BIGINT)": 9007199254740993,
    "CAST('x' AS INT)": None,
    "CAST(flag AS INT)": 1,
    "CAST(whole AS STRING)": "-7",
    "CAST(size AS DECIMAL(10, 0))": -3,
    "EXTRACT(DOW FROM day)": 1,
    "EXTRACT(DAYOFWEEK FROM at)": 1,
    "EXTRACT(DAYOFWEEK_ISO FROM day)": 7,
    "DATE_PART('DOW', day)": 1,
    "DAYOFWEEK(day)": 1,
    "EXTRACT(SECOND FROM at)": 59.25,
    "SECOND(at)": 59,
    "EXTRACT(YEAR FROM at)": 2026,
    "SUBSTRING('abcdef', 0, 2)": "ab",
    "SUBSTRING('abcdef', -2, 2)": "ef",
    "SUBSTRING('abc', -5, 3)": "a",
    "SUBSTRING('abcdef', 2, -1)": "",
    "SUBSTRING('abcdef', whole + 7, 2)": "ab",
    "LEFT('abc', -1)": "",
    "day + 1": date(2026, 1, 5),
    "day - 1": date(2026, 1, 3),
    "1 + day": date(2026, 1, 5),
    "day + whole": date(2025, 12, 28),
    "day + INTERVAL 1 DAY": date(2026, 1, 5),
    "DATE_ADD(day, 1)": date(2026, 1, 5),
    "DATE_SUB(day, 1)": date(2026, 1, 3),
    "DATEADD(DAY, 3, day)": datetime(2026, 1, 7),
    "SQRT(whole)": nan,
    "LN(whole)": None,
    "LN(0)": None,
    "LOG(10, 100)": 2.0,
    "LOG(10, whole)": None,
    "LOG(whole, 10)": None,
    "LOG2(8)": 3.0,
    "UPPER('Straße')": "STRASSE",
    "'a%c' LIKE 'a\\\\%c'": True,
    "'abc' LIKE 'a\\\\%c'": False,
    "'abc' NOT LIKE 'a%'": False,
    "TRUNC(day, 'YEAR')": date(2026, 1, 1),
    "TRUNC(size)": -2.0,
    "ISNULL(word)": False,
    "ISNOTNULL(word)": True,
    "DATE_FORMAT(day, 'yyyy-MM')": "2026-01",
    "size DIV 2": -1,
    "whole DIV 2": -3,
    "whole DIV 0": None,
    "REGEXP_REPLACE('abc', '(a)', '$1$1')": "aabc",
    "REGEXP_REPLACE('abc', 'b', '\\\\$')": "a$c",
    "REGEXP_SUBSTR('a1b2', '[0-9]')": "1",
    "REGEXP_SUBSTR('ab', '[0-9]')": None,
    "DATEDIFF(DATE '2026-03-01', DATE '2026-02-01')": 28,
    "DATEDIFF(DAY, DATE '2026-02-01', DATE '2026-03-01')": 28,
    "DATEDIFF(YEAR, DATE '2025-12-31', DATE '2026-01-01')": 0,
    "DATEDIFF(YEAR, DATE '2025-01-01', DATE '2026-01-01')": 1,
    "DATEDIFF(MONTH, DATE '2026-01-31', DATE '2026-02-28')": 0,
    "DATEDIFF(MONTH, DATE '2026-01-15', DATE '2026-04-14')": 2,
    "DATEDIFF(MONTH, DATE '2026-04-14', DATE '2026-01-15')": -2,
    "DATEDIFF(MONTH, TIMESTAMP '2026-01-15 10:00:00', TIMESTAMP '2026-02-15 09:00:00')": 0,
    "DATEDIFF(QUARTER, DATE '2026-01-01', DATE '2026-07-01')": 2,
    "DATEDIFF(WEEK, DATE '2026-01-03', DATE '2026-01-05')": 0,
    "DATEDIFF(HOUR, TIMESTAMP '2026-01-01 10:30:00', TIMESTAMP '2026-01-01 15:00:00')": 4,
    "BASE64('a')": "YQ==",
    "CHR(65)": "A",
    "CHR(whole)": "",
    "CHR(321)": "A",
    "UNIX_TIMESTAMP(DATE '2026-01-01')": 1767225600,
    "UNIX_TIMESTAMP(at)": 1767531959,
    "UNIX_TIMESTAMP()": 1767484800,
    "TO_UNIX_TIMESTAMP(at)": 1767531959,
    "UNIX_TIMESTAMP('2026-01-01 00:00:00')": 1767225600,
    "TO_UNIX_TIMESTAMP('2026-01-01 00:00:00')": 1767225600,
    "NANVL(size, 1.0)": -2.9,
    "NANVL(SQRT(size), 1.0)": 1.0,
    "BTRIM('  a ')": "a",
    "SHA2('a', 0)": "ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb",
    "DATE_FORMAT(CURRENT_DATE, 'd.M.yy')": "4.1.26",
    "CONCAT(FLOOR(whole / 2) * 2, '-', FLOOR(whole / 2) * 2 + 1)": "-8--7",
    "CAST(FLOOR(whole / 2) AS STRING)": "-4",
    "CAST(CEIL(size) AS STRING)": "-2",
    "FLOOR(CAST(1.5 AS DECIMAL(4, 2)))": 1,
    "CEILING(word)": 3,
    "LOCATE('b', 'abc', 0)": 0,
    "LOCATE('b', 'abc', 1)": 2,
    "MONTHS_BETWEEN(DATE '2026-02-28', DATE '2026-01-31')": 1.0,
    "MONTHS_BETWEEN(TIMESTAMP '2026-02-01 00:00:00', TIMESTAMP '2026-01-31 23:59:59')": 3.7e-07,
    "MONTHS_BETWEEN(TIMESTAMP '1997-02-28 10:30:00', DATE '1996-10-30')": 3.94959677,
    "CAST(at AS BIGINT)": 1767531959,
    "CAST(1767225600 AS TIMESTAMP)": datetime(2026, 1, 1),
    "CAST(whole AS TIMESTAMP)": datetime(1969, 12, 31, 23, 59, 53),
    "CAST(day AS TIMESTAMP)": datetime(2026, 1, 4),
    "CAST(CAST('2026-01-01 10:00:00+02:00' AS TIMESTAMP) AS STRING)": "2026-01-01 08:00:00",
    "ARRAY_JOIN(ARRAY_UNION(ARRAY('b', 'a', 'b'), ARRAY('c', 'a')), ',')": "b,a,c",
    "ARRAY_SIZE(ARRAY_DISTINCT(ARRAY('b', NULL, 'b', NULL)))": 2,
    "word ILIKE '2.%'": True,
    "'AbC' ILIKE 'aB_'": True,
    "'AbC' NOT ILIKE 'aB_'": False,
    "FROM_UTC_TIMESTAMP(at, 'Europe/Vienna')": datetime(2026, 1, 4, 14, 5, 59, 250_000),
    "TO_UTC_TIMESTAMP(at, 'Europe/Vienna')": datetime(2026, 1, 4, 12, 5, 59, 250_000),
    "CONVERT_TIMEZONE('America/New_York', 'Europe/Vienna', at)": datetime(2026, 1, 4, 19, 5, 59, 250_000),
    "CONVERT_TIMEZONE('Europe/Vienna', at)": datetime(2026, 1, 4, 14, 5, 59, 250_000),
}


def ask(text: str, tmp_path: Path) -> object:
    found: Checked = check(text, OFFERED)
    assert found.verdict.decision == "ACCEPT", [str(f) for f in found.verdict.findings]
    result = EmbeddedCleanRoom(tmp_path / "scratch").run(found.runnable(), lambda _: ROWS, SUNDAY)
    return result.column(0)[0].as_py()


@pytest.mark.parametrize("expression", VALUES)
@pytest.mark.parametrize("text", ["SELECT {} AS x FROM t", "SELECT q.x FROM (SELECT {} AS x FROM t) q"])
def test_a_function_gives_what_it_gives_in_spark(text, expression, tmp_path):
    found, expected = ask(text.format(expression), tmp_path), VALUES[expression]
    if isinstance(expected, float):
        assert isnan(expected) == isnan(float(found))  # type: ignore[arg-type]
        assert isnan(expected) or float(found) == expected  # type: ignore[arg-type]
    else:
        assert (found, isinstance(found, datetime)) == (expected, isinstance(expected, datetime))


@pytest.mark.parametrize("pattern", ["D", "Q", "HH:mm:ss.SSS", "z", "yyyy''T''MM"])
def test_a_pattern_that_duckdb_has_not_is_refused_with_a_sentence(pattern, tmp_path):
    with pytest.raises(QueryFailedError, match="no other pattern"):
        ask(f"SELECT DATE_FORMAT(at, '{pattern}') AS x FROM t", tmp_path)


def test_days_between_days_are_refused_with_what_to_write(tmp_path):
    with pytest.raises(QueryFailedError, match="use DATEDIFF"):
        ask("SELECT day - day AS x FROM t", tmp_path)


AGGREGATES = {
    "PERCENTILE(x, 0.1)": 1.3,
    "PERCENTILE(y, 0.5)": 3.5,
    "APPROX_PERCENTILE(y, 0.5)": 3,
    "KURTOSIS(x)": -1.0,
    "EVERY(x > 0)": True,
    "SOME(x > 8)": True,
}


@pytest.mark.parametrize("expression", AGGREGATES)
def test_an_aggregate_gives_what_it_gives_in_spark(expression, tmp_path):
    rows = "(VALUES (1.0, 1), (2.0, 3), (4.0, 4), (9.0, 7)) v(x, y)"
    found = ask(f"SELECT {expression} AS x FROM t CROSS JOIN {rows}", tmp_path)
    assert round(float(found), 6) == AGGREGATES[expression]  # type: ignore[arg-type]


@pytest.mark.parametrize("zone", ["'Nowhere'", "word", "CONCAT('Europe/', word)"])
def test_a_zone_that_is_not_known_is_refused_before_it_fails_by_the_row(zone, tmp_path):
    with pytest.raises(QueryFailedError, match="names of zones as literals"):
        ask(f"SELECT FROM_UTC_TIMESTAMP(at, {zone}) AS x FROM t", tmp_path)


@pytest.mark.parametrize("call", ["SHA2(word, 512)", "SHA2(word, 384)", "SHA2(word, 224)", "SHA2(word, whole)"])
def test_a_hash_of_another_length_is_refused_and_never_another_hash(call, tmp_path):
    with pytest.raises(QueryFailedError, match=r"it has SHA2\(x, 256\) alone"):
        ask(f"SELECT {call} AS x FROM t", tmp_path)
