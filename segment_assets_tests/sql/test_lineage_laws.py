"""The two lists of a query's lineage, held against the engine: what they leave out can't change the result."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

import duckdb
import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from segment_assets.sql import parse, to_duckdb, trace
from segment_assets.sql.lineage import Source

ROWS = 12
SCHEMA = {"t": {"a": "INT", "b": "INT", "c": "INT"}, "u": {"a": "INT", "b": "INT", "c": "INT"}}
SOURCES = [Source(table, column) for table, columns in SCHEMA.items() for column in columns]
World = dict[str, pa.Table]
# Output column -> its values, in no order.
Result = dict[str, Counter[int | None]]

# Every kind of clause that a value or a row can come through; the laws below run on each.
QUERIES = {
    "join": "SELECT t.b AS x, u.b AS y FROM t JOIN u ON t.a = u.a",
    "outer join": "SELECT t.b AS x, u.b AS y FROM t LEFT JOIN u ON t.a = u.a AND u.c > 1",
    "using": "SELECT a AS x, u.b AS y FROM t FULL JOIN u USING (a)",
    "natural": "SELECT u.x AS x FROM t NATURAL JOIN (SELECT a, c AS x FROM u) u",
    "semi": "SELECT t.b AS x FROM t LEFT SEMI JOIN u ON t.a = u.a",
    "anti": "SELECT t.b AS x FROM t LEFT ANTI JOIN u ON t.a = u.a",
    "grouped": "SELECT a AS x, SUM(b) AS y, COUNT(*) AS n FROM t GROUP BY a HAVING MAX(c) > 1",
    "filtered aggregate": "SELECT SUM(b) FILTER (WHERE c > 1) AS x, COUNT(a) AS y FROM t",
    "distinct": "SELECT DISTINCT a AS x, b AS y FROM t",
    "union": "SELECT a AS x FROM t UNION SELECT b FROM u",
    "union all": "SELECT a AS x, b AS y FROM t UNION ALL SELECT b, c FROM u WHERE a > 0",
    "except": "SELECT a AS x FROM t EXCEPT SELECT b FROM u",
    "intersect": "SELECT a AS x FROM t INTERSECT SELECT b FROM u WHERE c > 0",
    "window": "SELECT a AS x, SUM(b) OVER (PARTITION BY c) AS y FROM t",
    "named window": "SELECT a AS x, SUM(b) OVER w AS y FROM t WINDOW w AS (PARTITION BY c)",
    "ranked": "SELECT a AS x FROM t QUALIFY ROW_NUMBER() OVER (PARTITION BY b ORDER BY c, a) = 1",
    "top": "SELECT a AS x FROM t ORDER BY b, a LIMIT 4",
    "ordered": "SELECT a AS x FROM t ORDER BY b",
    "case": "SELECT CASE WHEN a > 1 THEN b ELSE 0 END AS x, 1 AS one FROM t",
    "scalar subquery": "SELECT a AS x, (SELECT MAX(b) FROM u WHERE c > 1) AS y FROM t",
    "correlated": "SELECT a AS x, (SELECT MAX(u.b) FROM u WHERE u.a = t.a) AS y FROM t",
    "exists": "SELECT a AS x FROM t WHERE EXISTS (SELECT 1 FROM u WHERE u.a = t.b AND u.c > 1)",
    "in": "SELECT a AS x FROM t WHERE b IN (SELECT a FROM u WHERE c > 1)",
    "in as a value": "SELECT a IN (SELECT b FROM u) AS x, c AS y FROM t",
    "cte": "WITH k AS (SELECT a, SUM(b) AS s FROM t WHERE c > 0 GROUP BY 1) SELECT s AS x, b FROM k JOIN u USING (a)",
    "cte twice": "WITH k AS (SELECT a, b FROM t) SELECT p.b AS x, q.b AS y FROM k p JOIN k q ON p.a = q.b",
    "cte unused": "WITH k AS (SELECT a FROM u WHERE b > 1) SELECT a AS x FROM t",
    "nested": "SELECT AVG(s) AS x FROM (SELECT a, SUM(b) AS s FROM t GROUP BY a) q",
    "alias hides": "SELECT q.a AS x FROM (SELECT b AS a, a AS b FROM t) q WHERE q.b > 0",
    "lateral": "SELECT t.a AS x, q.m AS y FROM t, LATERAL (SELECT MAX(u.b) AS m FROM u WHERE u.a = t.b) q",
    "cross": "SELECT COUNT(*) AS n, MAX(t.a) AS x FROM t, u",
    "star": "SELECT * FROM (SELECT a AS x, b AS y FROM t) q",
}  # fmt: skip


def world(seed: int) -> World:
    """Two small tables; every cell is drawn by itself."""
    drawn = np.random.default_rng(seed)
    return {t: pa.table({c: _drawn(drawn) for c in columns}) for t, columns in SCHEMA.items()}


def perturbed(base: World, source: Source, seed: int) -> World:
    """The same world with one column drawn anew."""
    rows = base[source.table]
    new = _drawn(np.random.default_rng(seed))
    return base | {source.table: rows.set_column(rows.schema.get_field_index(source.column), source.column, new)}


def _drawn(chance: np.random.Generator) -> pa.Array:
    cells = chance.integers(0, 9, ROWS).tolist()
    return pa.array([cell or None for cell in cells], pa.int64())


@dataclass(frozen=True)
class Query:
    """A query that can be run on any world.

    Attributes:
        sql: in the engine's words.
        db: the engine.
        known: seed of a world -> the result there.
    """

    sql: str
    db: duckdb.DuckDBPyConnection
    known: dict[int, Result] = field(default_factory=dict)

    def changed(self, source: Source, seed: int) -> set[str]:
        """Output columns that drawing the source anew changes."""
        base = world(seed)
        if seed not in self.known:
            self.known[seed] = self._result(base)
        before, after = self.known[seed], self._result(perturbed(base, source, seed + 10**6))
        return {name for name in before if before[name] != after[name]}

    def _result(self, tables: World) -> Result:
        for name, rows in tables.items():
            self.db.register(name, rows)
        found = self.db.sql(self.sql).to_arrow_table()
        return {name.lower(): Counter(found[name].to_pylist()) for name in found.column_names}


@pytest.fixture(scope="module")
def db() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect(config={"threads": 1}) as connection:
        yield connection


@pytest.mark.parametrize("name", QUERIES, ids=lambda name: name.replace(" ", "-"))
def test_nothing_outside_the_two_lists_changes_the_result_and_every_claim_is_seen_to(
    name: str, db: duckdb.DuckDBPyConnection
) -> None:
    tree = parse(QUERIES[name])
    found, query = trace(tree, SCHEMA), Query(to_duckdb(tree), db)
    for source in SOURCES:
        values = {column for column, sources in found.values.items() if source in sources}
        chooses = source in found.rows
        seen: set[str] = set()
        for seed in range(60):
            seen |= query.changed(source, seed)
            if seed >= 5 and values <= seen and (seen or not chooses):
                break
        assert values <= seen, f"{source} is said to be a value of {values}, and changed {seen}"
        assert seen <= values if not chooses else seen, f"{source} changed {seen}, and is no source of it"


@st.composite
def queries(draw: st.DrawFn, depth: int = 2) -> str:
    """A SELECT with outputs a, b and c, over the two tables and over queries like itself."""

    def one(*choices: str) -> str:
        return draw(st.sampled_from(choices))

    def relation(alias: str) -> str:
        inner = draw(queries(depth - 1)) if depth and draw(st.booleans()) else None
        return f"({inner}) {alias}" if inner else f"{one('t', 'u')} {alias}"

    columns = ("p.a", "p.b", "p.c")
    source = relation("p")
    if draw(st.booleans()):
        kind = one("JOIN", "LEFT JOIN", "FULL JOIN")
        source += f" {kind} {relation('q')} ON {one(*columns)} = {one('q.a', 'q.b')}"
        columns = (*columns, "q.a", "q.c")
    where = f" WHERE {one(*columns)} {one('> 0', '= 2', 'IS NOT NULL', 'IN (SELECT b FROM u WHERE c > 1)')}"
    source += where if draw(st.booleans()) else ""
    shape = one("plain", "distinct", "grouped", "window", "union", "except")
    x, y, z = one(*columns), one(*columns), one(*columns)
    if shape == "grouped":
        having = " HAVING MAX(p.c) > 1" if draw(st.booleans()) else ""
        return f"SELECT {x} AS a, SUM({y}) AS b, COUNT({z}) AS c FROM {source} GROUP BY {x}{having}"
    if shape == "window":
        return f"SELECT {x} AS a, SUM({y}) OVER (PARTITION BY {z}) AS b, 1 AS c FROM {source}"
    distinct = "DISTINCT " if shape == "distinct" else ""
    plain = f"SELECT {distinct}{x} AS a, {y} + 1 AS b, COALESCE({z}, {x}) AS c FROM {source}"
    if shape in ("union", "except"):
        kind = one("UNION", "UNION ALL") if shape == "union" else "EXCEPT"
        return f"{plain} {kind} SELECT a, b, c FROM {one('t', 'u')}"
    return plain


@given(text=queries(), source=st.sampled_from(SOURCES), seed=st.integers(0, 10**5))
def test_whatever_the_query_a_source_it_does_not_name_changes_nothing(
    db: duckdb.DuckDBPyConnection, text: str, source: Source, seed: int
) -> None:
    tree = parse(text)
    found = trace(tree, SCHEMA)
    if source not in found.rows:
        sourced = {column for column, sources in found.values.items() if source in sources}
        assert Query(to_duckdb(tree), db).changed(source, seed) <= sourced
