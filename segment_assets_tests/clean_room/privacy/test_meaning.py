"""With limits that bite nobody and nothing added, a query means what it means without differential privacy."""

import duckdb
import pytest
import sqlglot
from scipy import stats

from segment_assets.clean_room.privacy import template
from segment_assets.clean_room.privacy.accounting import price
from segment_assets.clean_room.privacy.limits import Limits
from segment_assets_tests.clean_room.privacy.conftest import Asked, collaboration, planned, rows, table

WIDE = Limits(50, 50, {"spend": (0.0, 100.0), "visits": (0.0, 50.0)})
OFFERED = collaboration(table(limits=WIDE), table("panel2", limits=WIDE), table("shop", "runner", None))
PANEL = rows(*[(f"p{i % 40}", "abc"[i % 3], float(i % 7), i % 5) for i in range(90)])
SHOP = rows(*[(f"p{i}", "ab"[i % 2], float(i), i) for i in range(30)])
QUERIES = {
    "aliases and ordinals": "SELECT state AS s, COUNT(*) AS n FROM panel GROUP BY s HAVING n > 5 ORDER BY 2 DESC, 1",
    "a function as a key": "SELECT UPPER(state) AS s, COUNT(*) AS n FROM panel GROUP BY UPPER(state) ORDER BY s",
    "an ordinal key": "SELECT UPPER(state) AS s, COUNT(*) AS n FROM panel GROUP BY 1 ORDER BY 1",
    "distinct": "SELECT DISTINCT COUNT(*) AS n FROM panel GROUP BY state, visits ORDER BY n",
    "math": "SELECT SUM(visits) / COUNT(visits) AS m, AVG(visits) AS a FROM panel WHERE spend BETWEEN 2 AND 5",
    "an outer join": """SELECT p.state, s.state AS s2, COUNT(*) AS n FROM panel p
      LEFT JOIN shop s ON p.person = s.person AND s.spend > 3 GROUP BY p.state, s.state ORDER BY 1, 2""",
    "persons in two steps": """WITH x AS (SELECT person, MAX(spend) AS m, COUNT(*) AS c FROM panel GROUP BY person),
      y AS (SELECT person, m FROM x WHERE c > 1)
      SELECT CASE WHEN m > 4 THEN 'hi' ELSE 'lo' END AS k, COUNT(*) AS n, COUNT(DISTINCT person) AS p FROM y
      GROUP BY CASE WHEN m > 4 THEN 'hi' ELSE 'lo' END ORDER BY k""",
    "a window per person": """WITH x AS (
        SELECT person, state, ROW_NUMBER() OVER (PARTITION BY person ORDER BY spend, state) AS r FROM panel
      ) SELECT state, COUNT(*) AS n FROM x WHERE r = 1 GROUP BY state ORDER BY n DESC, state LIMIT 2 OFFSET 1""",
    "except": """WITH x AS (SELECT person FROM panel EXCEPT SELECT person FROM panel2 WHERE spend > 3)
      SELECT COUNT(*) AS n FROM x""",
    "a join of persons": """SELECT a.state, COUNT(DISTINCT a.person) AS n FROM panel a
      JOIN (SELECT person, SUM(spend) AS s FROM panel2 GROUP BY person) b ON a.person = b.person
      WHERE b.s > 5 GROUP BY a.state ORDER BY a.state""",
    "persons who are not there": """SELECT COUNT(*) AS n FROM panel a
      LEFT ANTI JOIN panel2 b ON a.person = b.person AND b.visits > 2""",
    "rows of persons who are there": """SELECT a.state, COUNT(*) AS n FROM panel a
      LEFT SEMI JOIN panel2 b ON a.person = b.person AND b.visits > 2 GROUP BY a.state ORDER BY 1""",
    "a public subquery": "SELECT COUNT(*) AS n, 'x' AS lit FROM panel WHERE state IN (SELECT state FROM shop)",
    "deviation": "SELECT COALESCE(state, 'none') AS s, STDDEV(spend) AS d FROM panel GROUP BY 1 ORDER BY s",
    "a product": "SELECT SUM(spend * visits) AS t FROM panel",
    "a null key": "SELECT EXTRACT(YEAR FROM day) AS y, COUNT(*) AS n FROM panel GROUP BY EXTRACT(YEAR FROM day)",
}


@pytest.mark.parametrize("name", QUERIES)
def test_a_query_means_what_it_means_without_noise(name: str, ask: Asked):
    tables = {"panel": PANEL, "panel2": PANEL, "shop": SHOP}
    found = ask(QUERIES[name], tables, None, OFFERED, {"spend * visits": (0.0, 1e5)})
    with duckdb.connect() as db:
        for table_name, given in tables.items():
            db.register(table_name, given)
        plain = db.sql(sqlglot.transpile(QUERIES[name], read="spark", write="duckdb")[0]).to_arrow_table().to_pylist()
    assert [rounded(row) for row in found] == [rounded(row) for row in plain]


def rounded(row: dict[str, object]) -> dict[str, object]:
    return {k: round(v, 6) if isinstance(v, float) else v for k, v in row.items()}


def test_ten_thousand_groups_of_one_answer_have_the_noise_that_is_claimed(ask: Asked):
    """From the query to the result: persons by the noise that was asked for, sums by what one person can add."""
    states = tuple(f"s{i}" for i in range(10_000))
    offered = collaboration(table(limits=Limits(3, 4, {"spend": (-20.0, 10.0)}, {"state": states})))
    text = "SELECT state, COUNT(DISTINCT person) AS p, SUM(spend) AS s, COUNT(*) AS n FROM panel GROUP BY state"
    paid = price(template.of(5, 50))
    shown = ask.room.run_private(planned(text, offered), lambda _: rows(), paid)
    assert shown.num_rows == 10_000
    for column, largest in (("p", 2), ("s", 3 * 20), ("n", 3)):
        sigma = 50 / 2.576 * largest
        total = sum(v**2 for v in shown[column].to_pylist()) / sigma**2
        assert 1e-6 < stats.chi2(10_000).cdf(total) < 1 - 1e-6
