"""Nested custom queries under a minimum: whatever is asked, a row that leaves rests on enough people.

The reference is plain DuckDB, which knows nothing of minimums: it runs the same text over the same rows, and over the
rows without one person at a time. A person rests behind a row when the row is not there without them.
"""

from collections import Counter
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pytest
import sqlglot
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from segment_assets.clean_room import custom_engine, rules
from segment_assets.clean_room.checker import check
from segment_assets.clean_room.collaboration import Collaboration, ConfiguredTable
from segment_assets.clean_room.custom import flat
from segment_assets.clean_room.embedded import EmbeddedCleanRoom
from segment_assets.clean_room.port import QueryFailedError
from segment_assets_tests.clean_room.test_custom_engine import FREE, THRESHOLD, table

K = 3
FEW = THRESHOLD | {"minimumIdentityCount": K}
ANY = FEW | {"allowedAggregateExpressionType": "ANY_EXPRESSION"}


@pytest.fixture(scope="module")
def offered() -> Collaboration:
    tables = [
        table("t", aggregationThresholds=[FEW]),
        table("free", aggregationThresholds=[ANY]),
        table("o"),
        table("lowered", aggregationThresholds=[FEW | _also("state", 2)]),
        table("exempt", aggregationThresholds=[FEW | _also("state", 0)]),
    ]
    return Collaboration("two members", "runner", "partner", {t.name: t for t in tables})


def _also(column: str, minimum: int) -> dict[str, Any]:
    return {"outputColumnThresholds": [{"outputColumnName": column, "minimumIdentityCount": minimum}]}


@pytest.fixture(scope="module")
def room(tmp_path_factory: pytest.TempPathFactory) -> EmbeddedCleanRoom:
    return EmbeddedCleanRoom(tmp_path_factory.mktemp("room"), memory_limit="300MB", deadline=20)


def rows(*people: tuple[str, str, float]) -> pa.Table:
    """Person, state and spend; the day is the first of a year."""
    return pa.table(
        {
            "person": pa.array([p for p, _, _ in people], pa.string()),
            "spend": pa.array([s for _, _, s in people], pa.float64()),
            "state": pa.array([s for _, s, _ in people], pa.string()),
            "day": pa.array([None] * len(people), pa.date32()),
        }
    )


def ask(text: str, offered: Collaboration, room: EmbeddedCleanRoom, held: pa.Table, other: pa.Table) -> list[dict]:
    found = check(text, offered)
    assert found.verdict.decision == "ACCEPT", [str(f) for f in found.verdict.findings]
    assert found.custom
    return room.run_custom(found.custom, lambda t: other if t.name == "o" else held).to_pylist()


DB = duckdb.connect()


class Plain:
    """A DuckDB without any rule."""

    def __init__(self, text: str) -> None:
        *self.cached, self.last = sqlglot.transpile(
            text.replace("CACHE TABLE", "CREATE OR REPLACE TABLE"), "spark", "duckdb"
        )

    def run(self, held: pa.Table, other: pa.Table) -> list[tuple]:
        for name, content in {"t": held, "free": held, "o": other}.items():
            DB.register(name, content)
        for statement in self.cached:
            DB.execute(statement)
        return [tuple(map(_number, row)) for row in DB.sql(self.last).fetchall()]


def _number(value: object) -> object:
    # HUGEINT and DECIMAL here, BIGINT and DOUBLE there.
    return round(float(value), 6) if not isinstance(value, str | list | None.__class__) else value


# Each shows a count or a sum of distinct amounts, so that a row is another one without any of its people.
SHAPES = {
    "derived table": "SELECT q.state, q.n, q.s FROM (SELECT state, COUNT(*) AS n, SUM(spend) AS s FROM t GROUP BY "
    "state) q",
    "CTE": "WITH a AS (SELECT state, SUM(spend) AS s FROM t GROUP BY state) SELECT state, s FROM a",
    "CTE of a CTE": "WITH a AS (SELECT person, state, spend FROM t), b AS (SELECT state, SUM(spend) AS s FROM a "
    "GROUP BY state) SELECT state, s FROM b",
    "CTE twice": "WITH a AS (SELECT state, SUM(spend) AS s FROM t GROUP BY state) SELECT x.state, y.state AS other, "
    "x.s + y.s AS both FROM a x CROSS JOIN a y",
    "CTE under the table's name": "WITH t AS (SELECT state, SUM(spend) AS s FROM t GROUP BY state) SELECT state, s "
    "FROM t",
    "cached": "CACHE TABLE a AS SELECT state, SUM(spend) AS s FROM t GROUP BY state; SELECT state, s FROM a",
    "grouped again": "SELECT n, SUM(s) AS s FROM (SELECT person, COUNT(*) AS n, SUM(spend) AS s FROM t GROUP BY "
    "person) q GROUP BY n",
    "grouped again by state": "SELECT state, SUM(s) AS s FROM (SELECT person, state, SUM(spend) AS s FROM t GROUP "
    "BY person, state) q GROUP BY state",
    "all of all": "SELECT SUM(s) AS s FROM (SELECT state, SUM(spend) AS s FROM t GROUP BY state) q",
    "union of groups": "SELECT state, SUM(spend) AS s FROM t GROUP BY state UNION ALL SELECT 'all', SUM(spend) FROM t",
    "union of rows": "SELECT state, SUM(s) AS s FROM (SELECT state, spend AS s FROM t WHERE state < 'c' UNION ALL "
    "SELECT state, spend FROM t WHERE state > 'a') q GROUP BY state",
    "union of three": "SELECT SUM(s) AS s FROM (SELECT spend AS s FROM t WHERE state = 'a' UNION ALL SELECT spend "
    "FROM t WHERE state = 'b' UNION ALL SELECT spend FROM t WHERE state = 'c') q",
    "union of equal rows": "SELECT SUM(s) AS s FROM (SELECT person, spend AS s FROM t UNION SELECT person, spend "
    "FROM t) q",
    "union with others": "SELECT state, SUM(s) AS s FROM (SELECT state, spend AS s FROM t UNION ALL SELECT state, 0 "
    "FROM o) q GROUP BY state",
    "IN": "SELECT state, SUM(spend) AS s FROM o WHERE person IN (SELECT person FROM t) GROUP BY state",
    "IN a group": "SELECT state, SUM(spend) AS s FROM t WHERE state IN (SELECT state FROM t GROUP BY state HAVING "
    "COUNT(*) > 2) GROUP BY state",
    "scalar": "SELECT state, SUM(spend) AS s, (SELECT SUM(spend) FROM t) AS whole FROM o GROUP BY state",
    "scalar in WHERE": "SELECT state, SUM(spend) AS s FROM t WHERE spend > (SELECT AVG(spend) / 2 FROM t) GROUP BY "
    "state",
    "scalar in HAVING": "SELECT state, SUM(spend) AS s FROM t GROUP BY state HAVING COUNT(*) > (SELECT COUNT(*) / 9 "
    "FROM t)",
    "inner join": "SELECT o.state, SUM(q.s) AS s FROM o JOIN (SELECT person, SUM(spend) AS s FROM t GROUP BY "
    "person) q ON o.person = q.person GROUP BY o.state",
    "left join": "SELECT o.state, SUM(q.s) AS s FROM o LEFT JOIN (SELECT person, SUM(spend) AS s FROM t GROUP BY "
    "person) q ON o.person = q.person GROUP BY o.state",
    "right join": "SELECT o.state, SUM(q.s) AS s FROM (SELECT person, SUM(spend) AS s FROM t GROUP BY person) q "
    "RIGHT JOIN o ON o.person = q.person GROUP BY o.state",
    "full join": "SELECT q.state, SUM(q.s) AS s FROM o FULL JOIN (SELECT person, state, SUM(spend) AS s FROM t "
    "GROUP BY person, state) q ON o.person = q.person GROUP BY q.state",
    "self-join": "SELECT a.state, SUM(a.spend) AS s, SUM(b.spend) AS z FROM (SELECT person, state, spend FROM t) a "
    "JOIN (SELECT person, state, spend FROM t) b ON a.state = b.state GROUP BY a.state",
    "using": "SELECT state, SUM(s) AS s FROM (SELECT person, spend AS s FROM t) q JOIN o USING (person) GROUP BY state",
    "window of rows": "SELECT state, SUM(s) AS s FROM (SELECT state, SUM(spend) OVER (PARTITION BY person) AS s "
    "FROM t) q GROUP BY state",
    "window of neighbours": "SELECT state, SUM(s) AS s, COUNT(*) AS n FROM (SELECT state, spend AS s, SUM(spend) "
    "OVER (ORDER BY spend, state ROWS BETWEEN 1 PRECEDING AND CURRENT ROW) AS p FROM t) q GROUP BY state",
    "distinct": "SELECT DISTINCT state, SUM(spend) OVER (PARTITION BY state) AS s FROM t",
    "distinct groups": "SELECT DISTINCT q.s FROM (SELECT state, SUM(spend) AS s FROM t GROUP BY state) q",
    "largest beside a count": "SELECT state, MAX(s) AS m, COUNT(*) AS n, SUM(s) AS s FROM (SELECT state, spend AS s "
    "FROM t) q GROUP BY state",
    "filtered groups": "SELECT state, s FROM (SELECT state, SUM(spend) AS s, COUNT(*) AS n FROM t GROUP BY state) q "
    "WHERE n < 9",
    "any expression": "SELECT state, SUM(CASE WHEN state = 'a' THEN spend ELSE spend * 2 END) AS s FROM (SELECT "
    "state, spend FROM free) q GROUP BY state",
}
# In these every person's row counts by itself, so whoever rests behind a row is told by taking them away: not one row
# too few leaves either. Of the others the engine may hold back more, because it counts each use of a table.
EXACT = (
    "derived table", "CTE", "CTE of a CTE", "cached", "grouped again", "grouped again by state", "all of all", "IN",
    "inner join", "using", "largest beside a count", "any expression", "CTE under the table's name",
)  # fmt: skip

PEOPLE = st.lists(
    st.tuples(st.sampled_from("pqrstuvw"), st.sampled_from("abc"), st.integers(0, 40)),
    min_size=1,
    max_size=14,
    unique_by=lambda row: row[2],
)


def distinct_amounts(people: list[tuple[str, str, int]]) -> pa.Table:
    """Amounts no two sets of which have one sum."""
    return rows(*((person, state, float(2**amount)) for person, state, amount in people))


LARGE = [(p, "a", i) for i, p in enumerate("pqrst")] + [("u", "b", 9), ("v", "b", 10), ("w", "c", 11)]


@pytest.mark.parametrize("shape", SHAPES)
@settings(max_examples=2, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@example(people=LARGE)
@given(people=PEOPLE)
def test_a_row_that_leaves_is_plain_and_rests_on_enough_people(shape, people, offered, room):
    text, held = SHAPES[shape], distinct_amounts(people)
    other = rows(*((p, s, 1.0) for p, s in zip("pqrstuvwxyz", "aaaaabbbcca", strict=True)))
    plain = Plain(text)
    whole = plain.run(held, other)
    left = [tuple(map(_number, row.values())) for row in ask(text, offered, room, held, other)]
    assert not Counter(left) - Counter(whole)
    behind = Counter[tuple]()
    for person in set(held["person"].to_pylist()):
        without = held.filter(pa.compute.not_equal(held["person"], person))
        behind.update(set(whole) - set(plain.run(without, other)))
    assert all(behind[row] >= K for row in left), (left, behind)
    if shape in EXACT:
        assert set(left) == {row for row in whole if behind[row] >= K}


ONE, TWO = ("celebrity", "alone", 7654321.0), ("friend", "alone", 1234567.0)
CROWD = [(f"p{i}", "crowd", 1.0 + i) for i in range(9)]
SECRETS = ("celebrity", "friend", "alone", "7654321", "1234567", "8888888")
ATTACKS = {
    "grouped by person, then not": "SELECT p FROM (SELECT person AS p, COUNT(*) AS n FROM t GROUP BY person) q",
    "grouped again by the sum": "SELECT s, COUNT(*) AS n FROM (SELECT person, SUM(spend) AS s FROM t GROUP BY "
    "person) q GROUP BY s",
    "two small groups": "SELECT SUM(n) AS n, SUM(s) AS s FROM (SELECT COUNT(*) AS n, SUM(spend) AS s FROM t WHERE "
    "spend > 7000000 UNION ALL SELECT COUNT(*), SUM(spend) FROM t WHERE spend BETWEEN 1000000 AND 2000000) q",
    "padded with zeros": "SELECT SUM(s) AS s FROM (SELECT spend AS s FROM t WHERE spend > 7000000 UNION ALL SELECT "
    "0 FROM t) q",
    "padded by a join": "SELECT SUM(q.s) AS s FROM t LEFT JOIN (SELECT person, spend AS s FROM t WHERE spend > "
    "7000000) q ON t.person = q.person",
    "padded by others": "SELECT SUM(s) AS s FROM (SELECT spend AS s FROM t WHERE spend > 7000000 UNION ALL SELECT 0 "
    "FROM o) q",
    "branch of people": "SELECT state, COUNT(*) AS n FROM o GROUP BY state UNION ALL SELECT person, 1 FROM t",
    "anti-join": "SELECT o.person, o.state FROM o LEFT JOIN (SELECT person, state FROM t WHERE spend < 7000000) q "
    "ON o.person = q.person WHERE q.state IS NULL",
    "anti-join, counted": "SELECT COUNT(*) AS n, SUM(o.spend) AS s FROM o LEFT JOIN (SELECT person, state FROM t "
    "WHERE spend < 7000000) q ON o.person = q.person WHERE q.state IS NULL",
    "anti-join by a count": "SELECT SUM(q.s) AS s FROM (SELECT o.person, o.spend AS s, COUNT(t.spend) AS n FROM o "
    "LEFT JOIN t ON o.person = t.person AND t.spend < 7000000 GROUP BY o.person, o.spend) q WHERE q.n = 0",
    "semi-join": "SELECT person FROM o WHERE person IN (SELECT person FROM t WHERE spend > 7000000)",
    "scalar of one": "SELECT o.state, (SELECT SUM(spend) FROM t WHERE spend > 7000000) AS s FROM o",
    "scalar of one beside a group": "SELECT state, COUNT(*) AS n, (SELECT SUM(x) FROM (SELECT MAX(spend) AS x, "
    "COUNT(*) AS n FROM t WHERE spend > 7000000) q) AS s FROM o GROUP BY state",
    "scalar of nobody": "SELECT state, (SELECT COUNT(*) FROM t WHERE spend > 9000000) AS n FROM o",
    "neighbour": "SELECT state, COUNT(*) OVER () AS c, LAG(state) OVER (ORDER BY n) AS before, LEAD(s) OVER (ORDER "
    "BY n DESC) AS after FROM (SELECT state, COUNT(*) AS n, SUM(spend) AS s FROM t GROUP BY state) q",
    "neighbour inside": "SELECT state, before FROM (SELECT state, COUNT(*) OVER (PARTITION BY state) AS c, "
    "LAG(state) OVER (ORDER BY n) AS before FROM (SELECT state, COUNT(*) AS n FROM t GROUP BY state) q) r",
    "neighbour by a frame": "SELECT * FROM (SELECT state, SUM(s) OVER (ORDER BY n ROWS BETWEEN 1 PRECEDING AND 1 "
    "PRECEDING) AS before FROM (SELECT state, COUNT(*) AS n, SUM(spend) AS s FROM t GROUP BY state) q) r",
    "sum that grows": "SELECT state, s, SUM(s) OVER (ORDER BY n DESC) AS so_far FROM (SELECT state, COUNT(*) AS n, "
    "SUM(spend) AS s FROM t GROUP BY state) q",
    "HAVING of one": "SELECT s FROM (SELECT state AS s, COUNT(*) AS n FROM t GROUP BY state HAVING COUNT(*) = 1 OR "
    "COUNT(*) > 0) q",
    "HAVING beside a subquery": "SELECT state, SUM(spend) AS s FROM t GROUP BY state HAVING COUNT(*) < (SELECT "
    "COUNT(*) FROM t)",
    "CTE twice": "WITH a AS (SELECT state, SUM(spend) AS s FROM t GROUP BY state) SELECT x.state, y.s FROM a x JOIN "
    "a y ON x.s <> y.s",
    "small beside large": "SELECT a.state, COUNT(b.state) AS n FROM (SELECT state FROM t WHERE spend > 7000000) a "
    "CROSS JOIN t b GROUP BY a.state",
    "DISTINCT": "SELECT DISTINCT s FROM (SELECT state AS s, person FROM t) q",
    "DISTINCT beside a window": "SELECT DISTINCT state, COUNT(*) OVER () AS n FROM t",
    "unmatched rows": "SELECT q.state, COUNT(*) AS n FROM o FULL JOIN (SELECT person, state FROM t) q ON o.person = "
    "q.person GROUP BY q.state",
    "first of an order": "SELECT state, n FROM (SELECT state, COUNT(*) AS n FROM t GROUP BY state) q ORDER BY n "
    "LIMIT 1",
    "first of an order inside": "SELECT COUNT(*) AS n, SUM(s) AS s FROM (SELECT spend AS s FROM t ORDER BY spend "
    "DESC LIMIT 1) q",
    "first two inside": "SELECT SUM(s) AS s FROM (SELECT spend AS s FROM t ORDER BY spend DESC LIMIT 2) q",
    "collected": "SELECT state, p FROM (SELECT state, COLLECT_LIST(person) AS p, COUNT(*) AS n FROM t GROUP BY "
    "state) q",
    "collected of one": "SELECT COLLECT_SET(state) AS p, COUNT(*) AS n FROM (SELECT state FROM t WHERE spend > "
    "1000000) q",
    "largest of few": "SELECT MAX(s) AS m, COUNT(*) AS n FROM (SELECT spend AS s FROM t WHERE spend > 1000000) q",
    "largest value": "SELECT state, m FROM (SELECT state, MAX(spend) AS m, COUNT(*) AS n FROM t GROUP BY state) q",
    "hidden by a name": "SELECT state AS held_1, n FROM (SELECT state, COUNT(*) AS n FROM t GROUP BY state) q",
    "rank of rows": "SELECT state FROM (SELECT state, ROW_NUMBER() OVER (ORDER BY spend DESC) AS r FROM t) q WHERE "
    "r <= 2",
    "rank of groups": "SELECT state, RANK() OVER (ORDER BY n) AS r FROM (SELECT state, COUNT(*) AS n FROM t GROUP "
    "BY state) q",
    "not aggregated": "WITH a AS (SELECT person, spend FROM t) SELECT * FROM a",
    "parentheses": "(SELECT state, SUM(spend) AS s FROM t GROUP BY state)",
    "one by arithmetic": "SELECT a.s - b.s AS d FROM (SELECT SUM(spend) AS s FROM t) a CROSS JOIN (SELECT "
    "SUM(spend) AS s FROM t WHERE spend > 7000000) b",
}
# These tell of a total of all people, who are enough.
OF_ALL = ("HAVING beside a subquery", "DISTINCT beside a window")
NOT_RUN = {
    "NOT IN": "SELECT o.person FROM o WHERE person NOT IN (SELECT person FROM t WHERE spend < 7000000)",
    "IN beside OR": "SELECT state FROM o WHERE state = 'x' OR person IN (SELECT person FROM t)",
    "IN in a CASE": "SELECT CASE WHEN person IN (SELECT person FROM t) THEN 1 END AS x FROM o",
    "IN in ON": "SELECT o.state FROM o JOIN t ON o.person = t.person AND o.person IN (SELECT person FROM t)",
    "IN in HAVING": "SELECT state, COUNT(*) AS n FROM o GROUP BY state HAVING state NOT IN (SELECT state FROM t)",
    "correlated": "SELECT o.state, (SELECT SUM(t.spend) FROM t WHERE t.person = o.person) AS s FROM o",
    "correlated IN": "SELECT o.state FROM o WHERE o.state IN (SELECT t.state FROM t WHERE t.person = o.person)",
    "many values": "SELECT o.state, (SELECT spend FROM t LIMIT 1) AS s FROM o",
    "a value or none": "SELECT o.state, (SELECT SUM(spend) FROM t HAVING COUNT(*) = 11) AS s FROM o",
}


@pytest.mark.parametrize("attack", ATTACKS)
def test_a_planted_person_never_leaves(attack, offered, room):
    held = rows(*CROWD, ONE, TWO)
    other = rows(*((p, s, x) for p, s, x in [*CROWD, ONE, TWO]))
    without = rows(*CROWD)
    found = ask(ATTACKS[attack], offered, room, held, other)
    shown = [value for row in found for value in row.values()]
    assert not [value for value in shown if any(secret in str(value) for secret in SECRETS)], found
    if attack not in OF_ALL:
        # The crowd is shown as it is without them, or not at all.
        assert all(row in ask(ATTACKS[attack], offered, room, without, rows(*CROWD)) for row in found), found


@pytest.mark.parametrize("attack", NOT_RUN)
def test_what_carries_no_identities_is_not_run(attack, offered, room):
    with pytest.raises(QueryFailedError, match="FUNCTION_NOT_ALLOWED"):
        ask(NOT_RUN[attack], offered, room, rows(ONE), rows(ONE))


def test_an_override_follows_the_column_into_nested_queries(offered, room):
    held = rows(("a", "two", 1.0), ("b", "two", 2.0), ("c", "one", 4.0))
    nested = "SELECT x FROM (SELECT DISTINCT state AS x FROM {}) q"
    assert ask(nested.format("lowered"), offered, room, held, held) == [{"x": "two"}]
    assert ask(nested.format("exempt"), offered, room, held, held) == [{"x": "one"}, {"x": "two"}]
    counted = "SELECT x, n FROM (SELECT state AS x, COUNT(*) AS n FROM exempt GROUP BY state) q"
    assert ask(counted, offered, room, held, held) == []


def test_a_condition_inside_a_count_is_no_exempt_count(offered, room):
    held = rows(*CROWD, ONE)
    whole = "SELECT COUNT(*) AS n, COUNT(DISTINCT person) AS p FROM free"
    assert ask(whole, offered, room, held, held) == [{"n": 10, "p": 10}]
    few = "SELECT COUNT(*) AS n FROM free"
    assert ask(few, offered, room, rows(ONE), held) == [{"n": 1}]
    within = "SELECT COUNT(CASE WHEN spend > 7000000 THEN 1 END) AS n FROM free"
    checked = check(within, offered)
    assert checked.resolved
    assert room.run(checked.resolved, lambda _: rows(ONE)).num_rows == 0


def test_whether_a_query_fails_tells_nothing_of_a_person(offered, room):
    oracle = (
        "SELECT COUNT(*) AS n FROM (SELECT state FROM t WHERE CASE WHEN spend > 7000000 THEN state = 1 ELSE TRUE END) q"
    )
    sums = "SELECT SUM(x) AS n FROM (SELECT CAST(spend AS BIGINT) * 9000000000000 AS x, state FROM free) q"
    for text in (oracle, sums):
        with_one = ask(text, offered, room, rows(*CROWD, ONE), rows(ONE))
        assert len(with_one) == 1


def test_a_number_that_is_too_large_fails_no_query(room):
    rule = rules.from_aws("CUSTOM", FREE | {"aggregationThresholds": [ANY]})
    columns = {"person": "STRING", "n": "BIGINT", "state": "STRING"}
    whole = ConfiguredTable("whole", "whole", "partner", columns, rule)
    offered = Collaboration("two members", "runner", "partner", {"whole": whole})
    held = pa.table({"person": [f"p{i}" for i in range(10)], "n": [1] * 9 + [7654321], "state": ["a"] * 10})
    huge = "9000000000000000000"
    for text in (
        f"SELECT SUM(CASE WHEN n > 1000 THEN n * {huge} ELSE n END) AS s FROM whole",
        f"SELECT SUM(n + n * {huge}) AS s FROM (SELECT n, state FROM whole) q",
        f"SELECT state, COUNT(*) AS c FROM whole GROUP BY state HAVING SUM(n) * {huge} > 0 OR COUNT(*) > 0",
        f"SELECT state, SUM(n) * {huge} AS s FROM whole GROUP BY state",
    ):
        assert room.run(check(text, offered).runnable(), lambda _: held).num_rows == 1


def test_the_largest_minimum_of_two_tables_and_each_of_them_holds(offered, room):
    both = "SELECT state, SUM(s) AS s FROM (SELECT t.state, t.spend AS s FROM t JOIN free USING (person)) q GROUP BY 1"
    assert ask(both, offered, room, rows(*CROWD, ONE), rows(ONE)) == [{"state": "crowd", "s": 45.0}]
    # A branch that does not read a table with a minimum rests on none of its people.
    beside = (
        "SELECT state, COUNT(*) AS n FROM t GROUP BY state UNION ALL SELECT state, COUNT(*) FROM free GROUP BY state"
    )
    assert ask(beside, offered, room, rows(*CROWD), rows(ONE)) == []


def test_people_without_an_identity_do_not_count(offered, room):
    held = rows(*CROWD)
    held = held.set_column(0, "person", pa.array([None] * held.num_rows, pa.string()))
    assert ask(SHAPES["derived table"], offered, room, held, held) == []


def test_results_have_a_total_order_and_names(offered, room):
    text = (
        "SELECT state, n, COUNT(*) OVER () FROM (SELECT state, COUNT(*) AS n FROM o GROUP BY state) q ORDER BY n DESC"
    )
    found = ask(text, offered, room, rows(ONE), rows(*CROWD, ONE, TWO, ("x", "other", 1.0)))
    assert [row["state"] for row in found] == ["crowd", "alone", "other"]
    assert list(found[0])[:2] == ["state", "n"]


def test_no_text_of_the_user_is_run(offered):
    text = "WITH a AS (SELECT /* marker */ state AS s FROM t GROUP BY state) SELECT /*+ BROADCAST(a) */ s FROM a"
    found = check(text, offered)
    assert found.custom
    assert flat.resolved(found.custom, offered) is None
    assert "marker" not in custom_engine.sql(found.custom)
    assert "BROADCAST" not in custom_engine.sql(found.custom)


@pytest.mark.parametrize(
    "text",
    [
        "SELECT SUM(q.s) AS s FROM (SELECT a.spend * b.spend AS s FROM free a CROSS JOIN free b CROSS JOIN free c) q",
        "SELECT q.x FROM (SELECT DISTINCT CONCAT(a.person, b.person, c.person) AS x FROM free a, free b, free c) q",
    ],
)
def test_what_has_no_end_reaches_a_limit(text, offered, tmp_path: Path):
    small = EmbeddedCleanRoom(tmp_path, "100MB", deadline=0.5)
    many = rows(*((f"p{i}", "s", float(i)) for i in range(30_000)))
    with pytest.raises(QueryFailedError, match="RESOURCE_LIMIT"):
        ask(text, offered, small, many, many)
    assert list(tmp_path.iterdir()) == []
