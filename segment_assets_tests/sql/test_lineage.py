import pytest

from segment_assets.sql import parse, trace

SCHEMA = {
    "customers": {"email": "STRING", "customer_id": "STRING", "visits": "INT"},
    "audience": {"email": "STRING", "age": "STRING", "income": "STRING"},
}
CASES = {
    "a join through aliases": (
        "SELECT c.customer_id, p.age AS a FROM customers AS c JOIN audience p ON c.email = p.email",
        {"customer_id": {"customers.customer_id"}, "a": {"audience.age"}},
    ),
    "a common table expression": (
        "WITH known AS (SELECT customer_id AS id, visits * 2 AS v FROM customers c) "
        "SELECT id, SUM(v) AS s FROM known GROUP BY id",
        {"id": {"customers.customer_id"}, "s": {"customers.visits"}},
    ),
    "a common table expression that hides a table": (
        "WITH customers AS (SELECT age AS email FROM audience) SELECT email FROM customers",
        {"email": {"audience.age"}},
    ),
    "a union takes both branches": (
        "SELECT email AS x FROM audience UNION ALL SELECT customer_id FROM customers c",
        {"x": {"audience.email", "customers.customer_id"}},
    ),
    "a window's keys are values": (
        "SELECT SUM(visits) OVER (PARTITION BY customer_id ORDER BY email) AS s FROM customers",
        {"s": {"customers.visits", "customers.customer_id", "customers.email"}},
    ),
    "a condition decides a value": (
        "SELECT CASE WHEN visits > 1 THEN email END AS e, 1 AS one FROM customers",
        {"e": {"customers.visits", "customers.email"}, "one": set()},
    ),
    "a scalar subquery": (
        "SELECT age, (SELECT MAX(visits) FROM customers) AS m FROM audience",
        {"age": {"audience.age"}, "m": {"customers.visits"}},
    ),
    "a self join": (
        "SELECT a.customer_id, b.email AS other FROM customers a JOIN customers b ON a.visits = b.visits",
        {"customer_id": {"customers.customer_id"}, "other": {"customers.email"}},
    ),
    "a star": (
        "SELECT * FROM (SELECT age, income FROM audience) q",
        {"age": {"audience.age"}, "income": {"audience.income"}},
    ),
    "filters and grouping are no values": (
        "SELECT COUNT(*) AS n FROM customers WHERE visits > 1 GROUP BY email",
        {"n": set()},
    ),
    "names in any case": ("SELECT COUNT(DISTINCT T.EMAIL) AS n FROM AUDIENCE t", {"n": {"audience.email"}}),
}


@pytest.mark.parametrize("case", CASES, ids=lambda name: name.replace(" ", "-"))
def test_a_result_column_is_traced_to_the_columns_of_real_tables(case):
    text, expected = CASES[case]
    found = trace(parse(text), SCHEMA).values
    assert {name: {f"{s.table}.{s.column}" for s in sources} for name, sources in found.items()} == expected
