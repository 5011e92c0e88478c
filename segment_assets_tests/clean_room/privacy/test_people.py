"""Every row that gets counted belongs to one person of the protected table, whatever the query does to hide that."""

from dataclasses import replace

import pytest

from segment_assets.clean_room.checker import check
from segment_assets.clean_room.custom.check import check as check_custom
from segment_assets.clean_room.lint import lint
from segment_assets.clean_room.privacy.people import NotPrivateError
from segment_assets.clean_room.privacy.plan import plan
from segment_assets.clean_room.program import Program, parse
from segment_assets_tests.clean_room.privacy.conftest import (
    OFFERED,
    PRIVATE,
    STATE,
    Asked,
    Known,
    collaboration,
    planned,
    rows,
    table,
)

# Each would let one person move many rows, or give rows of one person to another.
HIDING = {
    "another table's column of the same name": (
        "WITH t AS (SELECT s.person, p.spend FROM panel p CROSS JOIN shop s) SELECT COUNT(*) AS n FROM t"
    ),
    "a constant for a person": "WITH t AS (SELECT 'x' AS person, spend FROM panel) SELECT COUNT(*) AS n FROM t",
    "a computed person": "WITH t AS (SELECT UPPER(person) AS person FROM panel) SELECT COUNT(*) AS n FROM t",
    "another column by that name": "WITH t AS (SELECT state AS person FROM panel) SELECT COUNT(*) AS n FROM t",
    "branches that swap columns": (
        "WITH t AS (SELECT person, state FROM panel UNION ALL SELECT state, person FROM panel) "
        "SELECT COUNT(*) AS n FROM t"
    ),
    "a public branch first": (
        "WITH t AS (SELECT person FROM shop UNION ALL SELECT person FROM panel) SELECT COUNT(*) AS n FROM t"
    ),
    "the largest person of a state": (
        "WITH t AS (SELECT MAX(person) AS person, state FROM panel GROUP BY state) SELECT COUNT(*) AS n FROM t"
    ),
    "a window over everybody": (
        "WITH t AS (SELECT person, COUNT(*) OVER (PARTITION BY state) AS k FROM panel) SELECT COUNT(*) AS n FROM t"
    ),
    "a subquery over everybody": "SELECT COUNT(*) AS n FROM shop WHERE spend > (SELECT AVG(spend) FROM panel)",
    "a join of everybody with everybody": (
        "SELECT COUNT(*) AS n FROM panel a JOIN panel2 b ON a.person = b.person OR a.state = b.state"
    ),
    "a group by the person": "SELECT UPPER(person) AS u, COUNT(*) AS n FROM panel GROUP BY UPPER(person)",
    "a person behind a CTE": (
        "WITH t AS (SELECT person, person AS p2 FROM panel) SELECT p2, COUNT(*) AS n FROM t GROUP BY p2"
    ),
}


@pytest.mark.parametrize("name", HIDING)
def test_a_query_that_hides_whose_rows_are_whose_is_not_run(name: str):
    found = check(HIDING[name], OFFERED, STATE)
    if found.verdict.decision == "ACCEPT":
        assert found.custom
        with pytest.raises(NotPrivateError):
            plan(found.custom, {})
    else:
        assert found.verdict.code.startswith("DP_")


def test_a_table_with_a_minimum_is_not_joined_to_one_with_noise_nor_planned_with_it():
    text = "SELECT t.state, COUNT(DISTINCT p.person) AS n FROM panel p CROSS JOIN counted t GROUP BY t.state"
    minimum = {"identityColumns": ["person"], "minimumIdentityCount": 5, "type": "COUNT_DISTINCT"}
    tables = [table(), table("counted", limits=None, aggregationThresholds=[minimum])]
    program = parse(text)
    assert isinstance(program, Program)
    found, accepted = check_custom(program, tables, collaboration(*tables), STATE, len(text))
    assert [f.code for f in found] == ["MIXED_RULE_TYPES"]
    with pytest.raises(NotPrivateError, match="counted has a minimum of people"):
        plan(accepted, {})


def test_tables_with_different_user_columns_are_not_mixed():
    other = table("panel2", **PRIVATE | {"differentialPrivacy": {"columns": [{"name": "state"}]}})
    text = (
        "WITH u AS (SELECT person, state FROM panel UNION ALL SELECT person, state FROM panel2) SELECT COUNT(*) FROM u"
    )
    with pytest.raises(NotPrivateError, match="different user columns"):
        planned(text, collaboration(table(), other))


def test_the_owner_is_told_where_a_table_is_offered_with_and_without_noise():
    assert lint(collaboration(table())) == []
    [told] = lint(collaboration(table(), replace(table("open", limits=None), source="panel")))
    assert told.startswith("open offers panel without noise")


def test_rows_of_one_person_through_a_join_with_ones_own_table_are_limited(ask: Asked):
    # The runner repeats a row a thousand times, to make one person weigh more.
    mine = rows(*[("m", "x", 1.0, 1)] * 1000)
    theirs = rows(("p", "x", 1.0, 1), ("q", "x", 1.0, 1), ("r", "y", 1.0, 1))
    text = "SELECT COUNT(*) AS n FROM shop s JOIN panel p ON s.state = p.state"
    assert ask(text, {"panel": theirs, "shop": mine}) == [{"n": 4}]


def test_a_limit_of_rows_draws_among_all_rows_of_a_person(ask: Asked):
    many = rows(*[("p", "x", float(i), 1) for i in range(40)])
    seen = {ask("SELECT SUM(spend) AS s FROM panel", many, Known())[0]["s"] for _ in range(8)}
    assert len(seen) > 1
