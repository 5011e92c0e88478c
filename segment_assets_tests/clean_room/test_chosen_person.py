"""One person, chosen by a text that is made so: by rank, by order, as a number, as an extreme. None is accepted."""

from hashlib import md5
from pathlib import Path

import pyarrow as pa
import pytest

from segment_assets.clean_room import rules
from segment_assets.clean_room.checker import check
from segment_assets.clean_room.collaboration import Collaboration, ConfiguredTable
from segment_assets.clean_room.embedded import EmbeddedCleanRoom
from segment_assets_tests.clean_room.test_custom_engine import FREE

COLUMNS = {"person": "STRING", "state": "STRING", "age": "BIGINT", "income": "DOUBLE", "day": "DATE"}
NOTHING = {"allowedLiteralComparisonColumns": [], "allowedColumnComparisonColumns": []}
ANY = {
    "identityColumns": ["person"],
    "minimumIdentityCount": 5,
    "type": "COUNT_DISTINCT",
    "allowedAggregateExpressionType": "ANY_EXPRESSION",
}
TIGHT = {"aggregationThresholds": [ANY | {"allowedAggregateExpressionType": "COLUMNS_ONLY"}]}


def table(name: str, owner: str = "partner", **policy: object) -> ConfiguredTable:
    return ConfiguredTable(name, name, owner, COLUMNS, rules.from_aws("CUSTOM", FREE | policy))


OFFERED = Collaboration(
    "c",
    "runner",
    "partner",
    {
        t.name: t
        for t in (
            table("shop", "runner"),
            table("tight", **TIGHT, comparisonControls=NOTHING, disallowedOutputColumns=["person"]),
            table("counted", aggregationThresholds=[ANY]),
            table("open", comparisonControls=NOTHING | {"allowedLiteralComparisonColumns": ["state"]}),
        )
    },
)
PEOPLE = [f"u{i:03}" for i in range(30)]
TARGET = "u017"


def _digest(salt: int, person: str) -> str:
    return md5(f"{salt}{person}".encode(), usedforsecurity=False).hexdigest()


SALT = next(s for s in range(10_000) if min(PEOPLE, key=lambda person: _digest(s, person)) == TARGET)
H = f"MD5(CONCAT('{SALT}', person))"
ROWS = pa.table(
    {
        "person": PEOPLE,
        "state": ["TX"] * 30,
        "age": pa.array(range(20, 50), pa.int64()),
        "income": [1000.0 + i for i in range(30)],
        "day": pa.array([None] * 30, pa.date32()),
    }
)
AGGREGATED = "SELECT COUNT(*) AS n, SUM(income) AS s FROM"
CHOSEN = {
    "all but the last by rank": f"SELECT a.s - b.s AS one FROM ({AGGREGATED} tight) a CROSS JOIN ({AGGREGATED} "
    f"(SELECT income FROM tight ORDER BY {H} DESC LIMIT 29) q) b",
    "a rank beside a count": f"SELECT COUNT(*) AS n, SUM(IF(q.r = q.c, q.income, 0)) AS s FROM (SELECT income, "
    f"ROW_NUMBER() OVER (ORDER BY {H} DESC) AS r, COUNT(*) OVER () AS c FROM counted) q",
    "a rank below another count": f"{AGGREGATED} (SELECT income, RANK() OVER (ORDER BY {H} DESC) AS r FROM tight) q "
    "CROSS JOIN (SELECT COUNT(*) AS c FROM shop) o WHERE q.r < o.c",
    "a name made of a count": "SELECT COUNT(*) AS n, SUM(IF(p.person = o.k, p.income, 0)) AS s FROM counted p CROSS "
    "JOIN (SELECT CONCAT('p', COUNT(*) - 1) AS k FROM shop) o",
    "a name beside a counted blank": "SELECT COUNT(*) AS n FROM tight p WHERE p.person <> (SELECT CONCAT('p29', "
    "SUBSTRING(CAST(COUNT(*) AS STRING), 1, 0)) FROM shop)",
    "a sum of one person": "SELECT COUNT(*) AS n FROM (SELECT SUM(income) AS i FROM tight GROUP BY person) q "
    "WHERE q.i = 1.0",
    "a sum by another name": "SELECT COUNT(*) AS n FROM (SELECT SUM(p.income) AS i FROM tight p JOIN shop "
    "s ON p.age = s.age GROUP BY s.person) q WHERE q.i = 1.0",
    "a sum over one person's rows": "SELECT COUNT(*) AS n FROM (SELECT SUM(income) OVER (PARTITION BY person) AS i "
    "FROM tight) q WHERE q.i = 1.0",
    "a group of a hash's first letter": "SELECT SUM(c) AS n, SUM(IF(c = 1, i, 0)) AS s FROM (SELECT COUNT(*) AS c, "
    f"SUM(income) AS i FROM counted GROUP BY SUBSTRING({H}, 1, 1)) q",
    "a group of a nested letter": "SELECT SUM(c) AS n, SUM(IF(c = 1, i, 0)) AS s FROM (SELECT COUNT(*) AS c, "
    f"SUM(income) AS i FROM (SELECT SUBSTRING({H}, 1, 1) AS h, income FROM counted) p GROUP BY h) q",
    "a partition of a hash's first letter": "SELECT COUNT(*) AS n, SUM(IF(c = 1, income, 0)) AS s FROM (SELECT income, "
    f"COUNT(*) OVER (PARTITION BY SUBSTRING({H}, 1, 1)) AS c FROM counted) q",
    "a group of a letter beside a column": "SELECT SUM(c) AS n, SUM(IF(c = 1, i, 0)) AS s FROM (SELECT COUNT(*) AS c, "
    f"SUM(income) AS i FROM counted GROUP BY CONCAT(SUBSTRING({H}, 1, 1), state)) q",
    "the same behind a star": "SELECT COUNT(DISTINCT k) AS n FROM (SELECT * FROM (SELECT MD5(CONCAT(SUBSTRING("
    f"{H}, 1, 1), state)) AS k FROM counted) p) q",
    "how many first letters": f"SELECT COUNT(*) AS n, COUNT(DISTINCT SUBSTRING({H}, 1, 1)) AS s FROM counted",
    "distinct first letters": f"SELECT COUNT(*) AS n FROM (SELECT DISTINCT SUBSTRING({H}, 1, 1) AS h FROM counted) q",
    "first letters, once each": f"SELECT COUNT(*) AS n FROM (SELECT SUBSTRING({H}, 1, 1) AS h FROM counted UNION "
    "SELECT state FROM counted) q",
    "a partition by a literal": "SELECT COUNT(*) AS n FROM (SELECT ROW_NUMBER() OVER (PARTITION BY person = 'u017' "
    "ORDER BY age) AS r FROM counted) q WHERE q.r = 1",
    "a rank by the person in a partition": "SELECT COUNT(*) AS n FROM (SELECT ROW_NUMBER() OVER (PARTITION BY state "
    "ORDER BY person) AS r FROM counted) q WHERE q.r = 1",
    "lists with a text in them": "SELECT COUNT(*) AS n, COUNT(DISTINCT ARRAY_SIZE(ARRAY_DISTINCT(CONCAT(ARRAY(person), "
    "ARRAY('u017'))))) AS s FROM counted",
    "the highest sum of one person": f"{AGGREGATED} (SELECT SUM(income) AS income FROM tight GROUP BY person ORDER BY "
    "SUM(income) NULLS FIRST LIMIT 29) q",
    "a sum of a group by the place": "SELECT COUNT(*) AS n FROM (SELECT income, AVG(income) AS i FROM tight "
    "GROUP BY 1) q WHERE q.i < 5",
    "HAVING of one person": f"{AGGREGATED} (SELECT SUM(income) AS income FROM tight GROUP BY person HAVING SUM(income) "
    "<> 1.0) q",
    "limit around the order": f"{AGGREGATED} (SELECT income FROM (SELECT income FROM counted ORDER BY {H} DESC) q "
    "LIMIT 29) r",
    "order by the place": f"{AGGREGATED} (SELECT income, {H} AS h FROM counted ORDER BY 2 DESC LIMIT 29) q",
    "order by an alias that is a column": f"{AGGREGATED} (SELECT income, {H} AS age FROM counted ORDER BY age "
    "LIMIT 29) q",
    "order of a union": f"{AGGREGATED} (SELECT income, {H} AS h FROM counted UNION ALL SELECT income, {H} FROM counted "
    "ORDER BY h LIMIT 58) q",
    "order of a union by the place": f"{AGGREGATED} (SELECT income, {H} AS h FROM counted UNION ALL SELECT income, {H} "
    "FROM counted ORDER BY 2 LIMIT 58) q",
    "in a CTE": f"WITH c AS (SELECT income FROM counted ORDER BY {H} LIMIT 29) {AGGREGATED} c",
    "in a cached table": f"CACHE TABLE c AS SELECT income FROM counted ORDER BY {H} LIMIT 29; {AGGREGATED} c",
    "in a correlated subquery": "SELECT s.state, (SELECT SUM(x.income) FROM (SELECT income FROM counted "
    f"ORDER BY {H} LIMIT 5) x) AS y FROM shop s",
    "in IN": f"SELECT COUNT(*) AS n FROM shop s WHERE s.income IN (SELECT income FROM counted ORDER BY {H} LIMIT 5)",
    "a column that may not be compared": f"{AGGREGATED} (SELECT income FROM tight ORDER BY income DESC LIMIT 20) q",
    "by the runner's own name of the person": f"{AGGREGATED} (SELECT p.income FROM shop s JOIN counted p "
    f"ON s.person = p.person ORDER BY MD5(CONCAT('{SALT}', s.person)) LIMIT 29) q",
    "by that name in USING": f"{AGGREGATED} (SELECT p.income FROM shop s JOIN counted p USING (person) "
    f"ORDER BY MD5(CONCAT('{SALT}', s.person)) LIMIT 29) q",
    "the final rows by what they do not show": f"SELECT state FROM open ORDER BY {H} LIMIT 1",
    "the final groups by what they do not show": "SELECT state, COUNT(*) AS n FROM open GROUP BY state "
    "ORDER BY MAX(income) LIMIT 1",
    "the other table's column": "SELECT a.* FROM shop a JOIN open b ON a.state = b.state ORDER BY b.income LIMIT 1",
    "a branch of the final union": "(SELECT state FROM open ORDER BY income LIMIT 1) UNION ALL "
    "(SELECT state FROM shop)",
    "a frame without the last": "SELECT COUNT(*) AS n, MAX(s) AS s FROM (SELECT SUM(income) OVER (ORDER BY "
    f"{H} DESC ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS s FROM counted) q",
    "a frame of a named window": "SELECT COUNT(*) AS n, MAX(s) AS s FROM (SELECT SUM(income) OVER w AS s FROM counted "
    f"WINDOW w AS (ORDER BY {H} DESC ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)) q",
    "a neighbour": "SELECT COUNT(*) AS n, MAX(s) AS s FROM (SELECT COUNT(*) OVER () AS c, LAG(income) OVER "
    f"(ORDER BY {H} DESC) AS s FROM counted) q",
    "a list in an order": "SELECT COUNT(*) AS n, MAX(s) AS s FROM (SELECT COUNT(*) OVER () AS c, COLLECT_LIST(income) "
    f"OVER (ORDER BY {H}) AS s FROM counted) q",
    "a list of ordered rows": "SELECT COUNT(*) AS n, COLLECT_LIST(income)[0] AS s FROM (SELECT income FROM counted "
    f"ORDER BY {H}) q",
    "an element of a list": "SELECT COUNT(*) AS n, COLLECT_LIST(income)[0] AS s FROM tight",
    "the least text": f"SELECT COUNT(*) AS n, MIN(CONCAT({H}, '/', income)) AS s FROM counted",
    "the least text of a nested query": f"SELECT COUNT(*) AS n, MIN(x) AS s FROM (SELECT CONCAT({H}, '/', income) AS x "
    "FROM counted) q",
    "the least text of a window": f"SELECT COUNT(*) AS n, MAX(x) AS s FROM (SELECT COUNT(*) OVER () AS c, "
    f"MIN(CONCAT({H}, '/', income)) OVER () AS x FROM counted) q",
    "a percentile in an order": f"SELECT COUNT(*) AS n, PERCENTILE_DISC(0.0) WITHIN GROUP (ORDER BY CONCAT({H}, '/', "
    "income)) AS s FROM counted",
    "an approximate percentile": f"SELECT COUNT(*) AS n, APPROX_PERCENTILE(CONCAT(income, 'e-', {H}), 0.99) AS s "
    "FROM counted",
    "an approximate count of hashes": f"SELECT COUNT(*) AS n, APPROX_COUNT_DISTINCT({H}) AS s FROM counted",
    "a text that becomes a number": f"SELECT COUNT(*) AS n, SUM(CONCAT(income, 'e-', SUBSTRING({H}, 1, 4))) AS s "
    "FROM counted",
    "the same by group": f"SELECT state, COUNT(*) AS n, SUM(CONCAT('1e-', SUBSTRING({H}, 1, 4))) AS s FROM counted "
    "GROUP BY state",
    "the same of a nested query": f"SELECT COUNT(*) AS n, SUM(x) AS s FROM (SELECT CONCAT(income, 'e-', "
    f"SUBSTRING({H}, 1, 4)) AS x FROM counted) q",
    "the same in a CASE": f"SELECT COUNT(*) AS n, SUM(CASE WHEN state = 'TX' THEN CONCAT(income, 'e-', "
    f"SUBSTRING({H}, 1, 4)) END) AS s FROM counted",
    "the same in a union": f"SELECT COUNT(*) AS n, AVG(x) AS s FROM (SELECT CONCAT(income, 'e-', SUBSTRING({H}, 1, 4)) "
    "AS x FROM counted UNION ALL SELECT NULL FROM counted) q",
    "the same by the runner's own name": "SELECT COUNT(*) AS n, SUM(CONCAT(p.income, 'e-', SUBSTRING(MD5(CONCAT("
    f"'{SALT}', s.person)), 1, 4))) AS s FROM shop s JOIN counted p ON s.person = p.person",
    "a sum of persons": "SELECT COUNT(*) AS n, SUM(person) AS s FROM counted",
    "a spread of persons": "SELECT COUNT(*) AS n, STDDEV(SUBSTRING(person, 2, 3)) AS s FROM counted",
    "a sum of hashes": "SELECT COUNT(*) AS n, SUM(XXHASH64(person)) AS s FROM counted",
    "a text that becomes a day": "SELECT COUNT(*) AS n, COUNT(YEAR(CONCAT('2026-01-', SUBSTRING(person, 3, 2)))) AS s "
    "FROM counted",
    "a text that becomes a time": "SELECT COUNT(*) AS n, COUNT(HOUR(CONCAT('2026-01-01 ', SUBSTRING(person, 3, 2), "
    "':00:00'))) AS s FROM counted",
}
NAMED = "SELECT COUNT(*) AS n, COUNT(s.state) AS x FROM tight p LEFT JOIN shop s ON"
EMPTY = "LEFT(s.state, 0)"
MADE_UP = {
    "after nothing": f"{NAMED} p.person = {EMPTY} || 'u017'",
    "after a substring": f"{NAMED} p.person = CONCAT(SUBSTRING(s.state, 1, 0), 'u017')",
    "as padding": f"{NAMED} p.person = RPAD({EMPTY}, 4, 'u017')",
    "joined to text": f"{NAMED} p.person = CONCAT_WS('', {EMPTY}, 'u017')",
    "where a column is missing": f"{NAMED} p.person = CONCAT_WS('', s.state, 'u017')",
    "as a separator": f"{NAMED} p.person = CONCAT_WS('u017', {EMPTY}, {EMPTY})",
    "behind a column that is cut off": f"{NAMED} p.person = SUBSTRING(CONCAT(s.state, 'u017'), 3)",
    "in place of a column": f"{NAMED} p.person = CONCAT(REPLACE(s.state, s.state, 'u017'), LEFT(s.person, 0))",
    "for a column that may be missing": f"{NAMED} p.person = CONCAT(COALESCE(NULLIF(s.state, s.state), 'u017'), "
    f"{EMPTY})",
    "a part of it": f"{NAMED} RIGHT(p.person, 3) = CONCAT({EMPTY}, '017')",
    "in a range": f"{NAMED} p.person >= CONCAT({EMPTY}, 'u017')",
    "in a function that answers": f"{NAMED} CONTAINS(p.person, CONCAT({EMPTY}, 'u017'))",
    "numbers of nothing": f"{NAMED} p.person = CAST(s.age / s.age + LENGTH(s.state) / LENGTH(s.state) AS STRING)",
    "a number of rows": f"{NAMED} p.person = CONCAT({EMPTY}, 'u0', (SELECT COUNT(*) FROM shop))",
    "in a CTE": "WITH s AS (SELECT CONCAT(LEFT(state, 0), 'u017') AS k, state FROM shop) SELECT COUNT(*) AS n, "
    "COUNT(s.state) AS x FROM tight p LEFT JOIN s ON p.person = s.k",
    "in USING": "WITH s AS (SELECT CONCAT(LEFT(state, 0), 'u017') AS person, age FROM shop) SELECT COUNT(*) AS n, "
    "COUNT(s.age) AS x FROM counted p LEFT JOIN s USING (person)",
    "by way of the runner's own name": f"{NAMED} p.person = s.person AND s.person = CONCAT({EMPTY}, 'u017')",
    "in IN": f"SELECT COUNT(*) AS n FROM counted WHERE person IN (SELECT {EMPTY} || 'u017' FROM shop s)",
    "in a union": f"SELECT COUNT(*) AS n FROM (SELECT {EMPTY} || 'u017' AS k FROM shop s UNION SELECT person "
    "FROM counted) q",
    "in a CASE": f"SELECT COUNT(*) AS n, COUNT(DISTINCT IF(s.age > 1, p.person, {EMPTY} || 'u017')) AS x "
    "FROM counted p CROSS JOIN shop s",
    "beside what both have in common": f"{NAMED} CONCAT(p.person, s.state) = CONCAT('u017', s.state)",
    "before what both have in common": f"{NAMED} s.state || p.person = s.state || 'u017'",
    "around a person": f"{NAMED} p.person || 'u017' = 'u017' || p.person",
    "hashed on both sides": f"{NAMED} MD5(CONCAT(p.person, s.state)) = MD5(CONCAT('u017', s.state))",
    "with a column of each": f"{NAMED} CONCAT(p.person, p.state) = CONCAT('u017', s.state)",
    "in one table": "SELECT COUNT(*) AS n, SUM(IF(CONCAT(person, state) = CONCAT('u017', state), income, 0)) AS s "
    "FROM counted",
    "padding that cuts": f"{NAMED} p.person = RPAD(CONCAT('u017', s.state), 4)",
    "padding that cuts before": f"{NAMED} p.person = LPAD(CONCAT('u017', s.state), 4)",
    "pieces of a hash of nothing": f"{NAMED} p.person = CONCAT(SUBSTRING(SHA2({EMPTY}, 256), 3, 1), "
    f"SUBSTRING(SHA2({EMPTY}, 256), 5, 1))",
    "pieces joined to text": f"{NAMED} p.person = CONCAT_WS('', SUBSTRING(MD5({EMPTY}), 3, 1), "
    f"SUBSTRING(MD5({EMPTY}), 5, 1))",
    "a piece of the hash of a truth": f"{NAMED} SUBSTRING(p.person, 1, 1) = SUBSTRING(SHA2(CAST(s.state = s.state AS "
    "STRING), 256), 3, 1)",
    "a truth as a number": f"{NAMED} p.person = CAST(CAST(s.state = s.state AS INT) AS STRING)",
    "a separator of nothing": f"{NAMED} p.person = CONCAT_WS('u', {EMPTY}, {EMPTY})",
}
NEVER = {
    "MIN_BY": (f"SELECT COUNT(*) AS n, MIN_BY(income, {H}) AS s FROM counted", "FUNCTION_NOT_ALLOWED"),
    "MAX_BY": (f"SELECT COUNT(*) AS n, MAX_BY(income, {H}) AS s FROM counted", "FUNCTION_NOT_ALLOWED"),
    "FIRST": (f"SELECT FIRST(income) AS s FROM (SELECT income FROM counted ORDER BY {H}) q", "FUNCTION_NOT_ALLOWED"),
    "LAST": (f"SELECT LAST(income) AS s FROM (SELECT income FROM counted ORDER BY {H}) q", "FUNCTION_NOT_ALLOWED"),
    "ANY_VALUE": (f"SELECT ANY_VALUE(income) AS s FROM (SELECT income FROM counted ORDER BY {H}) q", ""),
    "NTH_VALUE": (f"SELECT NTH_VALUE(income, 1) OVER (ORDER BY {H}) AS s FROM counted", "FUNCTION_NOT_ALLOWED"),
    "NTILE": (f"SELECT NTILE(30) OVER (ORDER BY {H}) AS s FROM counted", "FUNCTION_NOT_ALLOWED"),
    "a sample": ("SELECT SUM(income) AS s FROM counted TABLESAMPLE (5 ROWS)", "SYNTAX_NOT_ALLOWED"),
    "QUALIFY": (f"SELECT income FROM counted QUALIFY ROW_NUMBER() OVER (ORDER BY {H}) = 1", "SYNTAX_NOT_ALLOWED"),
    "DISTINCT ON": (f"SELECT DISTINCT ON (state) income FROM counted ORDER BY state, {H}", "SYNTAX_NOT_ALLOWED"),
    "OFFSET": (f"{AGGREGATED} (SELECT income FROM counted ORDER BY {H} OFFSET 1) q", "LIMIT_NOT_ALLOWED"),
    "a page": (f"{AGGREGATED} (SELECT income FROM counted ORDER BY {H} LIMIT 5 OFFSET 1) q", "LIMIT_NOT_ALLOWED"),
    "ORDER BY ALL": ("SELECT state FROM open ORDER BY ALL LIMIT 1", "SYNTAX_NOT_ALLOWED"),
}
HONEST = {
    "what is released is ordered": "SELECT state, income FROM open ORDER BY income DESC LIMIT 3",
    "by its alias, and by what is computed of it": "SELECT state, income AS i FROM open ORDER BY i, ROUND(income) "
    "LIMIT 3",
    "all columns are released": "SELECT * FROM open ORDER BY ROUND(income) LIMIT 3",
    "a result of a union": "SELECT income FROM open UNION ALL SELECT income FROM open ORDER BY income LIMIT 3",
    "the largest groups": "SELECT state, COUNT(*) AS n FROM tight GROUP BY state ORDER BY SUM(income) DESC LIMIT 3",
    "the first by a column that may be compared": "SELECT COUNT(*) AS n FROM (SELECT age FROM open ORDER BY state "
    "LIMIT 20) q",
    "no control": "SELECT COUNT(*) AS n FROM (SELECT age FROM counted ORDER BY income DESC LIMIT 20) q",
    "an order that takes nothing": "SELECT COUNT(*) AS n FROM (SELECT age FROM tight ORDER BY income) q",
    "the runner's best customers": "SELECT COUNT(*) AS n FROM counted p JOIN (SELECT person FROM shop ORDER BY income "
    "DESC LIMIT 20) s ON p.person = s.person",
    "people who are in both": "SELECT COUNT(*) AS n, SUM(CASE WHEN s.person = p.person THEN p.income END) AS s "
    "FROM shop s JOIN counted p ON s.person = p.person",
    "people who are not": "SELECT COUNT(*) AS n, SUM(CASE WHEN s.person IS NULL THEN 0 ELSE p.income END) AS s "
    "FROM counted p LEFT JOIN shop s ON s.person = p.person",
    "a sum of counts of people": "SELECT COUNT(*) AS n, SUM(k) AS s FROM (SELECT state, COUNT(DISTINCT person) AS k "
    "FROM counted GROUP BY state) q",
    "the last person": "SELECT COUNT(*) AS n, MAX(CAST(person AS STRING)) AS s FROM counted",
    "the runner's customers by their own sum": "WITH big AS (SELECT person, SUM(income) AS i FROM shop GROUP BY person "
    "HAVING SUM(income) > 100) SELECT v.state, COUNT(*) AS n FROM big b JOIN counted v ON v.person = b.person "
    "WHERE b.i < 1000 GROUP BY v.state",
    "a bucket of the runner's own average": "WITH big AS (SELECT person, AVG(income) AS i FROM shop GROUP BY person) "
    "SELECT CASE WHEN b.i > 100 THEN 'high' ELSE 'low' END AS spent, COUNT(*) AS n FROM big b JOIN counted v "
    "ON v.person = b.person GROUP BY CASE WHEN b.i > 100 THEN 'high' ELSE 'low' END",
    "the runner's best customers by their sum": "WITH best AS (SELECT person, SUM(income) AS i FROM shop GROUP BY "
    "person ORDER BY SUM(income) DESC LIMIT 1000) SELECT COUNT(*) AS n FROM best b JOIN counted v "
    "ON v.person = b.person",
    "each person's last row": "WITH last AS (SELECT state, ROW_NUMBER() OVER (PARTITION BY person ORDER BY day DESC) "
    "AS r FROM counted) SELECT state, COUNT(*) AS n FROM last WHERE r = 1 GROUP BY state",
    "people by their sum, where nothing is restricted": "SELECT COUNT(*) AS n FROM (SELECT person, SUM(income) AS i "
    "FROM counted GROUP BY person) q WHERE q.i >= 3",
    "people and months": "SELECT COUNT(*) AS n, COUNT(DISTINCT CONCAT(person, '-', SUBSTRING(CAST(day AS STRING), 1, "
    "7))) AS months FROM counted",
    "a salted hash of a column": "SELECT COUNT(*) AS n FROM counted p JOIN shop s ON p.person = "
    "SHA2(CONCAT(LOWER(TRIM(s.person)), 'salt'), 256)",
    "a number filled with zeros": "SELECT COUNT(*) AS n FROM counted p JOIN shop s ON p.person = "
    "CONCAT('u', LPAD(CAST(s.age AS STRING), 3, '0'))",
    "two columns with a line between": "SELECT COUNT(*) AS n FROM counted p JOIN shop s ON p.person = "
    "CONCAT(COALESCE(s.state, ''), '|', s.person)",
    "salted on both sides": "SELECT COUNT(*) AS n FROM counted p JOIN shop s ON SHA2(CONCAT('salt', p.person), 256) = "
    "SHA2(CONCAT('salt', s.person), 256)",
    "two columns on both sides": "SELECT COUNT(*) AS n FROM counted p JOIN shop s ON "
    "CONCAT_WS('|', p.person, p.state) = CONCAT_WS('|', s.person, s.state)",
    "a piece of both": "SELECT COUNT(*) AS n FROM counted p JOIN shop s ON SUBSTRING(p.person, 1, 3) = "
    "LEFT(s.person, 3)",
    "whether somebody is known": "SELECT known, COUNT(*) AS n FROM (SELECT p.person, CASE WHEN s.person IS NULL THEN "
    "'no' ELSE 'yes' END AS known FROM counted p LEFT JOIN shop s ON p.person = s.person GROUP BY p.person, "
    "CASE WHEN s.person IS NULL THEN 'no' ELSE 'yes' END) q GROUP BY known",
    "people, approximately": "SELECT COUNT(*) AS n, APPROX_COUNT_DISTINCT(person) AS s FROM counted",
}


@pytest.mark.parametrize("attack", CHOSEN, ids=lambda name: name.replace(" ", "-"))
def test_a_person_that_a_literal_chooses_is_compared_with_it(attack):
    verdict = check(CHOSEN[attack], OFFERED).verdict
    assert verdict.code == "LITERAL_COMPARISON_NOT_ALLOWED", [str(f) for f in verdict.findings]


@pytest.mark.parametrize("attack", MADE_UP, ids=lambda name: name.replace(" ", "-"))
def test_what_literals_and_pieces_of_columns_make_up_is_a_literal(attack):
    verdict = check(MADE_UP[attack], OFFERED).verdict
    codes = {f.code for f in verdict.findings}
    assert "LITERAL_COMPARISON_NOT_ALLOWED" in codes, [str(f) for f in verdict.findings]


def test_values_that_double_with_every_query_take_no_memory_to_judge():
    doubled = [f"t{i} AS (SELECT CONCAT(s, s) AS s FROM t{i - 1})" for i in range(1, 60)]
    text = f"WITH t0 AS (SELECT state AS s FROM counted), {', '.join(doubled)} SELECT COUNT(s) AS n FROM t59"
    assert check(text, OFFERED).verdict.decision == "ACCEPT"


@pytest.mark.parametrize("attack", NEVER, ids=lambda name: name.replace(" ", "-"))
def test_what_chooses_a_row_by_itself_is_not_there_at_all(attack):
    text, code = NEVER[attack]
    assert check(text, OFFERED).verdict.code == (code or "FUNCTION_NOT_ALLOWED")


@pytest.mark.parametrize("query", HONEST, ids=lambda name: name.replace(" ", "-"))
def test_what_chooses_nobody_is_accepted(query):
    verdict = check(HONEST[query], OFFERED).verdict
    assert verdict.decision == "ACCEPT", [str(f) for f in verdict.findings]


@pytest.mark.parametrize(
    "text",
    [
        "SELECT {} AS income FROM open ORDER BY ROUND(income) DESC LIMIT 1",
        "SELECT x AS income FROM (SELECT {} AS income, {} AS x FROM open ORDER BY -income LIMIT 1) q",
        "SELECT {} AS income, COUNT(*) AS n FROM open GROUP BY income, age ORDER BY ROUND(income) DESC LIMIT 1",
    ],
)
def test_an_alias_in_an_order_is_what_it_stands_for_and_no_column_of_its_name(text, tmp_path: Path):
    shown = "0 - age" if "GROUP" in text else "100 - age"
    free = Collaboration("c", "runner", "partner", {"open": table("open")})
    found = check(text.format(shown, shown), free)
    assert found.verdict.decision == "ACCEPT", [str(f) for f in found.verdict.findings]
    rows = EmbeddedCleanRoom(tmp_path / "scratch").run(found.runnable(), lambda _: ROWS).to_pylist()
    assert rows[0]["income"] == (-20 if "GROUP" in text else 80)


def test_a_table_beside_a_query_in_from_is_said_to_be_out_of_its_sight():
    text = "SELECT s.state FROM shop s CROSS JOIN (SELECT SUM(income) AS x FROM open p WHERE p.person = s.person) q"
    told = check(text, OFFERED).verdict.findings[0].message
    assert told.startswith('"s.person": no table that this query can see is called "s"')
    assert "did you mean" not in told


def test_group_by_rollup_is_refused_for_what_it_is_and_not_for_a_column_that_is_in_it():
    verdict = check("SELECT state, COUNT(*) AS n FROM open GROUP BY ROLLUP (state)", OFFERED).verdict
    assert [f.message for f in verdict.findings] == ["GROUP BY takes expressions: no CUBE, ROLLUP or GROUPING SETS"]
