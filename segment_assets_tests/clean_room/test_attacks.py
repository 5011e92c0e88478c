"""Attacks on the aggregation and list rules: none gets a small group, a hidden column, or a byte from outside."""

import re

import duckdb
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from segment_assets.clean_room.checker import check
from segment_assets.clean_room.embedded import EmbeddedCleanRoom
from segment_assets.clean_room.locked import connected
from segment_assets.clean_room.port import QueryFailedError
from segment_assets.clean_room.reasons import ORDER, QueryRefusedError
from segment_assets_tests.clean_room.conftest import MINIMUM, ask, people

REFUSED = {
    "subquery in FROM": ("SELECT SUM(spend) FROM (SELECT spend FROM open_panel) q", "SUBQUERY_OR_CTE"),
    "scalar subquery": ("SELECT SUM(spend), (SELECT 1) FROM open_panel", "SUBQUERY_OR_CTE"),
    "subquery in IN": ("SELECT SUM(spend) FROM open_panel WHERE state IN (SELECT state FROM shop)", "SUBQUERY_OR_CTE"),
    "EXISTS": ("SELECT SUM(spend) FROM open_panel WHERE EXISTS (SELECT 1 FROM shop)", "SUBQUERY_OR_CTE"),
    "subquery in HAVING": (
        "SELECT SUM(spend) FROM open_panel HAVING SUM(spend) > (SELECT 1 FROM shop)",
        "SUBQUERY_OR_CTE",
    ),
    "CTE named as a table": (
        "WITH open_panel AS (SELECT person, spend FROM shop) SELECT SUM(spend) FROM open_panel",
        "SUBQUERY_OR_CTE",
    ),
    "recursive CTE": (
        "WITH RECURSIVE r AS (SELECT 1 n UNION ALL SELECT n + 1 FROM r) SELECT n FROM r",
        "SYNTAX_NOT_ALLOWED",
    ),
    "union": ("SELECT SUM(spend) FROM open_panel UNION ALL SELECT SUM(spend) FROM open_panel", "SET_OPERATION"),
    "except": ("SELECT SUM(spend) FROM open_panel EXCEPT SELECT SUM(spend) FROM shop", "SET_OPERATION"),
    "window": ("SELECT SUM(spend) OVER (PARTITION BY state) FROM open_panel", "WINDOW_FUNCTION"),
    "table function": ("SELECT COUNT(person) FROM read_csv('/etc/passwd')", "TABLE_FUNCTION"),
    "range": ("SELECT COUNT(person) FROM range(1000000000)", "TABLE_FUNCTION"),
    "query function": ("SELECT COUNT(person) FROM query('SELECT 1')", "TABLE_FUNCTION"),
    "file path": ("SELECT SUM(spend) FROM csv.`/etc/passwd`", "TABLE_FUNCTION"),
    "quoted file": ("SELECT SUM(spend) FROM `/etc/passwd`", "TABLE_FUNCTION"),
    "string as table": ("SELECT SUM(spend) FROM 'data.parquet'", "TABLE_FUNCTION"),
    "catalog table": ("SELECT SUM(spend) FROM information_schema.tables", "TABLE_NOT_ASSOCIATED"),
    "sqlite_master": ("SELECT COUNT(name) FROM sqlite_master", "TABLE_NOT_ASSOCIATED"),
    "schema before the name": ("SELECT SUM(spend) FROM main.open_panel", "TABLE_NOT_ASSOCIATED"),
    "two statements": ("SELECT SUM(spend) FROM open_panel; SELECT 1", "MULTIPLE_STATEMENTS"),
    "statement after a comment": ("SELECT SUM(spend) FROM open_panel /* */; DROP TABLE shop", "MULTIPLE_STATEMENTS"),
    "delete": ("DELETE FROM shop", "NOT_SELECT"),
    "copy": ("COPY shop TO '/tmp/out.csv'", "NOT_SELECT"),
    "set": ("SET enable_external_access=true", "NOT_SELECT"),
    "into": ("SELECT SUM(spend) INTO stolen FROM open_panel", "SYNTAX_NOT_ALLOWED"),
    "from first": ("FROM open_panel SELECT SUM(spend)", "SYNTAX_NOT_ALLOWED"),
    "filter": ("SELECT SUM(spend) FILTER (WHERE state = 'WY') FROM open_panel", "SYNTAX_NOT_ALLOWED"),
    "qualify": ("SELECT SUM(spend) FROM open_panel QUALIFY 1 = 1", "SYNTAX_NOT_ALLOWED"),
    "rollup": ("SELECT state, SUM(spend) FROM open_panel GROUP BY ROLLUP (state)", "SYNTAX_NOT_ALLOWED"),
    "grouping sets": ("SELECT SUM(spend) FROM open_panel GROUP BY GROUPING SETS ((state), ())", "SYNTAX_NOT_ALLOWED"),
    "group by all": ("SELECT state, SUM(spend) FROM open_panel GROUP BY ALL", "SYNTAX_NOT_ALLOWED"),
    "sample": ("SELECT SUM(spend) FROM open_panel TABLESAMPLE (1 ROWS)", "SYNTAX_NOT_ALLOWED"),
    "pivot": ("SELECT * FROM open_panel PIVOT (SUM(spend) FOR state IN ('WY'))", "SYNTAX_NOT_ALLOWED"),
    "lateral view": ("SELECT SUM(spend) FROM open_panel LATERAL VIEW explode(array(1)) t AS x", "SYNTAX_NOT_ALLOWED"),
    "column list of an alias": ("SELECT SUM(b) FROM open_panel AS t(a, b, c, d)", "SYNTAX_NOT_ALLOWED"),
    "regular expression": ("SELECT SUM(spend) FROM open_panel WHERE state RLIKE 'W.*'", "SYNTAX_NOT_ALLOWED"),
    "placeholder": ("SELECT SUM(spend) FROM open_panel WHERE state = :state", "SYNTAX_NOT_ALLOWED"),
    "values": ("SELECT COUNT(x) FROM VALUES (1) AS v(x)", "NO_TABLE"),
    "time travel": ("SELECT SUM(spend) FROM open_panel VERSION AS OF 1", "SYNTAX_NOT_ALLOWED"),
    "star": ("SELECT * FROM open_panel", "SELECT_STAR"),
    "qualified star": ("SELECT p.*, SUM(spend) FROM open_panel p", "SELECT_STAR"),
    "columns function": ("SELECT COLUMNS('.*'), SUM(spend) FROM open_panel", "SCALAR_FUNCTION_NOT_ALLOWED"),
    "row reference": ("SELECT p, SUM(spend) FROM open_panel p GROUP BY p", "COLUMN_UNKNOWN"),
    "row id": ("SELECT rowid, SUM(spend) FROM open_panel GROUP BY rowid", "COLUMN_UNKNOWN"),
    "column that is not offered": ("SELECT email, SUM(spend) FROM open_panel GROUP BY email", "COLUMN_UNKNOWN"),
    "hidden column in ORDER BY": ("SELECT SUM(spend) FROM open_panel ORDER BY MAX(email)", "COLUMN_UNKNOWN"),
    "identity as a group": ("SELECT person, SUM(spend) FROM open_panel GROUP BY person", "COLUMN_NOT_DIMENSION"),
    "identity by ordinal": ("SELECT SUM(spend) AS s, person FROM open_panel GROUP BY 2", "COLUMN_NOT_DIMENSION"),
    "identity behind an alias": (
        "SELECT person AS state, SUM(spend) FROM open_panel GROUP BY state",
        "COLUMN_NOT_DIMENSION",
    ),
    "identity in WHERE": ("SELECT SUM(spend) FROM open_panel WHERE person = 'WY-0'", "COLUMN_NOT_DIMENSION"),
    "identity in ORDER BY": ("SELECT SUM(spend) FROM open_panel ORDER BY person", "COLUMN_NOT_DIMENSION"),
    "maximum": ("SELECT MAX(person) FROM open_panel", "AGGREGATE_NOT_ALLOWED_FOR_COLUMN"),
    "collected": ("SELECT COLLECT_LIST(spend) FROM open_panel", "AGGREGATE_NOT_ALLOWED_FOR_COLUMN"),
    "condition in an aggregate": (
        "SELECT SUM(CASE WHEN state = 'WY' THEN spend END) FROM open_panel",
        "AGGREGATE_ARGUMENT_NOT_COLUMN",
    ),
    "error function": ("SELECT SUM(spend) FROM open_panel WHERE raise_error(state) = 1", "SCALAR_FUNCTION_NOT_ALLOWED"),
    "settings function": (
        "SELECT SUM(spend) FROM open_panel WHERE current_setting('x') = 1",
        "SCALAR_FUNCTION_NOT_ALLOWED",
    ),
    "identifier function": ("SELECT IDENTIFIER('email'), SUM(spend) FROM open_panel", "SCALAR_FUNCTION_NOT_ALLOWED"),
    "having over a column": ("SELECT SUM(spend) FROM open_panel HAVING state = 'WY'", "HAVING_INVALID"),
    "having that is always true": (
        "SELECT SUM(spend) FROM open_panel HAVING SUM(spend) > 0 OR 1 = 1",
        "HAVING_INVALID",
    ),
    "distinct rows": ("SELECT DISTINCT state, SUM(spend) FROM open_panel GROUP BY state", "CLAUSE_NOT_ALLOWED"),
    "limit": ("SELECT SUM(spend) FROM open_panel LIMIT 1", "LIMIT_NOT_ALLOWED"),
    "offset": ("SELECT SUM(spend) FROM open_panel OFFSET 1", "LIMIT_NOT_ALLOWED"),
    "cross join": ("SELECT SUM(b.spend) FROM shop a CROSS JOIN panel b", "JOIN_TYPE_NOT_ALLOWED"),
    "left join": ("SELECT SUM(b.spend) FROM shop a LEFT JOIN panel b ON a.person = b.person", "JOIN_TYPE_NOT_ALLOWED"),
    "semi join": (
        "SELECT SUM(a.spend) FROM shop a LEFT SEMI JOIN panel b ON a.person = b.person",
        "JOIN_TYPE_NOT_ALLOWED",
    ),
    "join without a condition": ("SELECT SUM(b.spend) FROM shop a JOIN panel b", "JOIN_CONDITION_INVALID"),
    "join on a constant": (
        "SELECT SUM(b.spend) FROM shop a JOIN panel b ON b.person = 'WY-0'",
        "JOIN_CONDITION_INVALID",
    ),
    "join on the negation": (
        "SELECT SUM(b.spend) FROM shop a JOIN panel b ON NOT a.person = b.person",
        "JOIN_CONDITION_INVALID",
    ),
    "self join": ("SELECT SUM(a.spend) FROM open_panel a JOIN open_panel b ON a.person = b.person", "SELF_JOIN"),
    "partner alone": ("SELECT SUM(spend) FROM panel", "JOIN_REQUIRED"),
    "list without a join": ("SELECT DISTINCT state FROM traits", "JOIN_REQUIRED"),
    "list of identities": (
        "SELECT DISTINCT t.person FROM crm c JOIN traits t ON c.person = t.person",
        "COLUMN_NOT_LISTABLE",
    ),
    "list rule and aggregation rule": (
        "SELECT SUM(p.spend) FROM crm c JOIN open_panel p ON c.person = p.person",
        "MIXED_RULE_TYPES",
    ),
    "concatenated identity": (
        "SELECT DISTINCT t.state || t.person FROM crm c JOIN traits t ON c.person = t.person",
        "SELECT_ITEM_NOT_COLUMN",
    ),
    "function in a list's WHERE": (
        "SELECT DISTINCT t.state FROM crm c JOIN traits t ON c.person = t.person WHERE UPPER(t.state) = 'WY'",
        "FUNCTION_NOT_ALLOWED",
    ),
    "limit that is computed": (
        "SELECT DISTINCT t.state FROM crm c JOIN traits t ON c.person = t.person LIMIT 1 + 1",
        "LIMIT_NOT_ALLOWED",
    ),
    "empty": ("  -- nothing", "PARSE_ERROR"),
    "too long": ("SELECT SUM(spend) FROM open_panel /*" + "x" * 500_000 + "*/", "QUERY_TOO_LONG"),
}

# Accepted, because the rules allow them: and still no small group leaves.
ACCEPTED = {
    "plain": "SELECT state, COUNT(DISTINCT person) AS n FROM open_panel GROUP BY state",
    "or in HAVING": "SELECT state, COUNT(DISTINCT person) AS n FROM open_panel GROUP BY state "
    "HAVING SUM(spend) > 100 OR COUNT(DISTINCT person) >= 0",
    "minimum of one's own": "SELECT state, COUNT(DISTINCT person) AS n FROM open_panel GROUP BY state "
    "HAVING COUNT(DISTINCT person) >= 1",
    "alias of the identity": "SELECT state, COUNT(DISTINCT person) AS person FROM open_panel GROUP BY state",
    "alias of the engine's own": "SELECT state AS t0, COUNT(DISTINCT person) AS c0 "
    "FROM open_panel AS c1 GROUP BY state",
    "quoted": "SELECT `state`, COUNT(DISTINCT `person`) AS `n` FROM `open_panel` GROUP BY `state`",
    "shouted": "SELECT STATE, COUNT(DISTINCT PERSON) AS N FROM OPEN_PANEL GROUP BY STATE",
    "comment": "SELECT state, /* HAVING true -- */ COUNT(DISTINCT person) AS n "
    "FROM open_panel GROUP BY state -- ; DROP",
    "hint": "SELECT /*+ BROADCAST(shop) */ state, COUNT(DISTINCT person) AS n FROM open_panel GROUP BY state",
    "filter": "SELECT state, COUNT(DISTINCT person) AS n FROM open_panel WHERE state = 'small' GROUP BY state",
    "always true": "SELECT state, COUNT(DISTINCT person) AS n FROM open_panel WHERE 1 = 1 OR state = 'x' "
    "GROUP BY state",
    "function": "SELECT SUBSTRING(state, 1, 3) AS s, COUNT(DISTINCT person) AS n FROM open_panel "
    "GROUP BY SUBSTRING(state, 1, 3)",
    "ordinal": "SELECT state, COUNT(DISTINCT person) AS n FROM open_panel GROUP BY 1 ORDER BY 2 DESC",
    "join": "SELECT b.state, COUNT(DISTINCT b.person) AS n FROM shop a JOIN panel b ON a.person = b.person "
    "GROUP BY b.state",
    "unselected group": "SELECT COUNT(DISTINCT person) AS n FROM open_panel GROUP BY state",
    "constant group": "SELECT state, COUNT(DISTINCT person) AS n FROM open_panel GROUP BY state, 'x'",
}


@pytest.mark.parametrize("attack", REFUSED, ids=lambda name: name.replace(" ", "-"))
def test_an_attack_is_refused_with_its_reason(attack, collaboration):
    text, code = REFUSED[attack]
    found = check(text, collaboration)
    assert found.verdict.code == code, [str(f) for f in found.verdict.findings]
    assert found.resolved is None


@pytest.mark.parametrize("query", ACCEPTED, ids=lambda name: name.replace(" ", "-"))
def test_what_is_accepted_never_lets_a_small_group_out(query, collaboration, room):
    rows = people({"large": MINIMUM, "small": MINIMUM - 1, "one": 1})
    result = ask(ACCEPTED[query], collaboration, room, rows)
    assert [list(row.values())[-1] for row in result] == ([] if query == "filter" else [MINIMUM])


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(sizes=st.dictionaries(st.sampled_from(["a", "b", "c", "d"]), st.integers(1, 2 * MINIMUM), min_size=1))
def test_no_group_under_the_minimum_ever_leaves(sizes, collaboration, room):
    result = ask(ACCEPTED["or in HAVING"], collaboration, room, people(sizes))
    assert {row["state"]: row["n"] for row in result} == {s: n for s, n in sizes.items() if n >= MINIMUM}


def test_a_planted_singleton_never_leaves(collaboration, room):
    rows = pa.concat_tables([people({"large": 20}), people({"celebrity": 1})])
    for query in ACCEPTED.values():
        assert "celebrity" not in str(ask(query, collaboration, room, rows))


def test_nulls_of_the_identity_do_not_count(collaboration, room):
    rows = people({"large": MINIMUM})
    rows = rows.set_column(0, "person", pa.array([None] * rows.num_rows, pa.string()))
    assert ask(ACCEPTED["plain"], collaboration, room, rows) == []


def test_a_cast_that_fails_is_null_and_prints_no_value(collaboration, room):
    query = "SELECT COUNT(DISTINCT person) AS n FROM open_panel WHERE CAST(state AS INT) = 1"
    assert ask(query, collaboration, room, people({"secret": 9})) == []
    compared = "SELECT COUNT(DISTINCT person) AS n FROM open_panel WHERE state > 1"
    assert ask(compared, collaboration, room, people({"secret": 9})) == []


def test_a_failure_while_running_shows_nothing_of_the_engine(collaboration, room):
    resolved = check("SELECT SUM(spend) FROM open_panel WHERE state LIKE '%x'", collaboration).accepted()
    wrong = people({"secret": 9}).drop_columns(["state"]).append_column("state", pa.array([[1]] * 18))
    with pytest.raises(QueryFailedError) as failed:
        room.run(resolved, lambda _: wrong)
    assert "secret" not in str(failed.value)
    assert failed.value.__cause__ is None


def test_the_locked_engine_reads_no_file_and_keeps_its_settings(room, tmp_path):
    outside = tmp_path / "outside.csv"
    outside.write_text("a\n1\n")
    # DuckDB 2.0 adds its own temp_directory to what may be read and written: so each query has a private, empty one.
    spill = tmp_path / "spill"
    spill.mkdir()
    with connected({"t": people({"a": 1})}, spill=spill) as db:
        for attack in (
            f"SELECT * FROM '{outside}'",
            f"SELECT * FROM read_csv('{outside}')",
            f"SELECT * FROM read_text('{outside}')",
            f"SELECT * FROM glob('{tmp_path}/*')",
            f"COPY t TO '{tmp_path}/out.csv'",
            f"ATTACH '{tmp_path}/x.db'",
            "SET enable_external_access=true",
            "SET memory_limit='100GB'",
            "INSTALL httpfs",
            "SELECT * FROM people",
        ):
            with pytest.raises(duckdb.Error):
                db.sql(attack).fetchall()
    assert not (tmp_path / "out.csv").exists()


def test_the_engine_sees_allowed_columns_only(collaboration, tmp_path):
    seen: dict[str, pa.Table] = {}

    class Looks(EmbeddedCleanRoom):
        def _execute(self, sql, tables):
            seen.update(tables)
            return super()._execute(sql, tables)

    ask(ACCEPTED["plain"], collaboration, Looks(tmp_path, "500MB"), people({"a": 9}))
    assert seen["open_panel"].column_names == ["person", "spend", "state", "day"]


def test_nothing_is_left_on_disk_after_a_query(collaboration, room):
    ask(ACCEPTED["plain"], collaboration, room, people({"a": 9}))
    assert list(room.scratch.iterdir()) == []


def test_a_query_that_takes_too_long_is_interrupted(collaboration, tmp_path):
    slow = EmbeddedCleanRoom(tmp_path, "500MB", deadline=0.3)
    # Everybody is one person: an accepted equi-join with a very large result.
    rows = pa.table(
        {"person": ["x"] * 60_000, "spend": [1.0] * 60_000, "state": ["a"] * 60_000, "day": [None] * 60_000}
    )
    query = (
        "SELECT SUM(b.spend) FROM shop a JOIN panel b ON a.person = b.person WHERE a.state <> b.state OR a.state = 'a'"
    )
    with pytest.raises(QueryFailedError, match="RESOURCE_LIMIT"):
        ask(query, collaboration, slow, rows)


def test_deep_nesting_ends_in_a_verdict(collaboration):
    deep = "SELECT SUM(spend) FROM open_panel WHERE " + "(" * 3000 + "state = 'a'" + ")" * 3000
    assert check(deep, collaboration).verdict.decision == "REJECT"


def test_the_users_text_never_reaches_the_engine(collaboration, tmp_path):
    executed = []

    class Looks(EmbeddedCleanRoom):
        def _execute(self, sql, tables):
            executed.append(sql)
            return super()._execute(sql, tables)

    text = "SELECT /* marker */ /*+ BROADCAST(open_panel) */ state AS marker, SUM(spend) FROM open_panel GROUP BY state"
    ask(text, collaboration, Looks(tmp_path, "500MB"), people({"a": 9}))
    assert not re.search("marker|BROADCAST", executed[0])


def test_a_refusal_says_code_place_and_nearest_choice(collaboration):
    query = "SELECT\n  stat, SUM(spend) FROM open_panel GROUP BY stat"
    with pytest.raises(QueryRefusedError) as refused:
        check(query, collaboration).accepted("segmentation.yaml: collaboration.queries.q.sql")
    assert str(refused.value) == (
        "segmentation.yaml: collaboration.queries.q.sql: COLUMN_UNKNOWN at line 2, column 3: "
        'no allowed column of open_panel is named "stat" (did you mean "state"?)'
    )


def test_every_reason_is_in_the_vocabulary(collaboration):
    codes = {f.code for text, _ in REFUSED.values() for f in check(text, collaboration).verdict.findings}
    assert codes <= set(ORDER)
