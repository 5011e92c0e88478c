"""Every function that the checker accepts under a custom rule runs on one machine, or is refused with a sentence."""

import pytest

from segment_assets.clean_room import dry_run
from segment_assets.clean_room.checker import check
from segment_assets.clean_room.custom import functions
from segment_assets_tests.clean_room.test_function_names import names_by_class
from segment_assets_tests.clean_room.test_spark_functions import OFFERED

TEXT, NUMBER, DAY, LIST = "(word)", "(size)", "(day)", "(ARRAY(word))"
RUN = {
    TEXT: "ASCII BASE64 CHARACTER_LENGTH CHAR_LENGTH HEX INITCAP LCASE LEN LENGTH LOWER LTRIM MD5 REVERSE RTRIM "
    "SHA SHA1 TO_DATE TO_JSON TO_TIMESTAMP TRIM UCASE UNBASE64 UNHEX UPPER ISNULL ISNOTNULL BOOLEAN DATE DOUBLE FLOAT "
    "INT STRING TIMESTAMP BTRIM TO_UNIX_TIMESTAMP UNIX_TIMESTAMP MODE ANY_VALUE FIRST LAST COLLECT_LIST COLLECT_SET "
    "ARRAY_AGG APPROX_COUNT_DISTINCT COUNT MAX MIN ARRAY COALESCE",
    NUMBER: "ABS ACOS ASIN ATAN CBRT CEIL CEILING COS COT DEGREES EXP FLOOR ISNAN LN LOG LOG10 LOG2 RADIANS ROUND SIGN "
    "SIGNUM SIN SQRT TAN TRUNC AVG KURTOSIS MEDIAN SKEWNESS STDDEV STDDEV_POP STDDEV_SAMP SUM VARIANCE VAR_POP "
    "VAR_SAMP FROM_UNIXTIME",
    "(whole)": "CHAR CHR",
    DAY: "DAY DAYOFMONTH DAYOFWEEK DAYOFYEAR LAST_DAY MONTH QUARTER WEEKOFYEAR YEAR",
    "(at)": "HOUR MINUTE SECOND",
    "(flag)": "BOOL_AND BOOL_OR COUNT_IF EVERY SOME",
    "()": "CURDATE CURRENT_DATE CURRENT_TIMESTAMP GETDATE NOW PI",
    LIST: "ARRAY_DISTINCT ARRAY_SIZE CARDINALITY SIZE",
    "(ARRAY(ARRAY(word)))": "FLATTEN",
    "(ARRAY(word), word)": "ARRAY_CONTAINS ARRAY_POSITION ARRAY_REMOVE",
    "(ARRAY(word), ARRAY(word))": "ARRAY_EXCEPT ARRAY_INTERSECT ARRAY_UNION MAP_FROM_ARRAYS",
    "(ARRAY(word), ',')": "ARRAY_JOIN",
    "(word, 'a')": "CHARINDEX CONCAT CONCAT_WS CONTAINS ENDSWITH GREATEST IFNULL INSTR LEAST LEVENSHTEIN LOCATE MAP "
    "NULLIF NVL POSITION REGEXP_COUNT REGEXP_EXTRACT REGEXP_INSTR REGEXP_SUBSTR SPLIT STARTSWITH",
    "(word, 2)": "LEFT RIGHT SUBSTR SUBSTRING LPAD RPAD",
    "(word, 256)": "SHA2",
    "(size, 1)": "TRUNCATE",
    "(word, 'a', 'b')": "NVL2 REGEXP_REPLACE REPLACE TRANSLATE DECODE",
    "(flag, 'a', 'b')": "IF",
    "(word, ',', 1)": "SPLIT_PART",
    "(word, 'UTF-8')": "ENCODE",
    "(ENCODE(word, 'UTF-8'), 'UTF-8')": "DECODE",
    "(word, '$.a')": "GET_JSON_OBJECT",
    "(size, size)": "ATAN2 CORR COVAR_POP COVAR_SAMP MOD NANVL POW POWER",
    "(size, 0.5)": "APPROX_PERCENTILE PERCENTILE PERCENTILE_APPROX",
    "(day, 2)": "ADD_MONTHS DATE_ADD DATE_SUB",
    "(DAY, 1, at)": "DATEADD TIMESTAMPADD",
    "(day, day)": "DATEDIFF DATE_DIFF MONTHS_BETWEEN",
    "(day, 'Fri')": "NEXT_DAY",
    "(day, 'yyyy-MM')": "DATE_FORMAT",
    "(at, 'UTC')": "FROM_UTC_TIMESTAMP TO_UTC_TIMESTAMP",
    "('UTC', at)": "CONVERT_TIMEZONE",
    "('MONTH', at)": "DATE_PART DATE_TRUNC",
    "(MONTH FROM day)": "EXTRACT",
    "(2026, 1, 4)": "MAKE_DATE",
    "(word AS STRING)": "CAST TRY_CAST",
    "(word, INT)": "CONVERT",
    "(0.5) WITHIN GROUP (ORDER BY size)": "PERCENTILE_CONT PERCENTILE_DISC",
    "(word, ',')": "LISTAGG STRING_AGG",
    "() OVER (ORDER BY word)": "CUME_DIST DENSE_RANK PERCENT_RANK RANK ROW_NUMBER",
    "(word) OVER (ORDER BY word)": "FIRST_VALUE LAG LAST_VALUE LEAD",
    "(4) OVER (ORDER BY word)": "NTILE",
    "(word, 1) OVER (ORDER BY word)": "NTH_VALUE",
}
REFUSED = {
    "(word)": "HASH SOUNDEX XXHASH64",
    "(word, 10, 16)": "CONV",
    "(day, 'yyyy')": "TO_CHAR",
    "(word, '99')": "TO_NUMBER",
    "(word, 512)": "SHA2",
    "(word, ',', 2)": "SPLIT",
    "(size, 0.0, 10.0, 5)": "WIDTH_BUCKET",
    "(ARRAY(word), ARRAY(word))": "CONCAT",
}
SHAPES = ("SELECT {} AS x FROM t", "SELECT q.x FROM (SELECT {} AS x FROM t) q")


def calls(table: dict[str, str]) -> list[str]:
    return [name + arguments for arguments, names in table.items() for name in names.split()]


def refusal(call: str, shape: str) -> str | None:
    found = check(shape.format(call), OFFERED)
    assert found.verdict.decision == "ACCEPT", [str(f) for f in found.verdict.findings]
    return dry_run.tried(found).verdict.findings[0].message if dry_run.tried(found).verdict.findings else None


@pytest.mark.parametrize("shape", SHAPES)
def test_what_is_accepted_runs_on_the_locked_engine(shape):
    told = {call: refusal(call, shape) for call in calls(RUN)}
    assert {call: why for call, why in told.items() if why} == {}


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("call", calls(REFUSED))
def test_what_the_engine_has_not_is_refused_with_its_name(call, shape):
    assert "local engine" in (why := refusal(call, shape) or "")
    assert call.partition("(")[0] in why.upper() or call.startswith("CONCAT")


def test_every_function_is_one_or_the_other():
    called = {name.partition("(")[0] for name in (*calls(RUN), *calls(REFUSED))}
    listed = {n for kind, names in names_by_class().items() if kind in functions.ALL for n in names}
    listed = {name for name in listed | functions.NAMED if is_accepted(name)}
    assert listed - called == set()


def is_accepted(name: str) -> bool:
    """Whether a call by this name is on a list, with whatever arguments."""
    for arguments in ("()", TEXT, "(word, 'a')", "(word, 1)", "(word, 1, 2)", "(DAY, 1, at)", "(word AS STRING)"):
        found = check(f"SELECT {name}{arguments} AS x FROM t", OFFERED).verdict
        if found.code not in ("FUNCTION_NOT_ALLOWED", "PARSE_ERROR", "COLUMN_UNKNOWN", "SYNTAX_NOT_ALLOWED"):
            return True
    return False
