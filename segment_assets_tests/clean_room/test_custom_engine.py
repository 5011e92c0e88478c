"""Custom queries as they run: what is accepted shows no small group, no hidden column and nothing from outside."""

from pathlib import Path

import pyarrow as pa
import pytest

from segment_assets.clean_room import rules
from segment_assets.clean_room.checker import check
from segment_assets.clean_room.circumstances import Circumstances, PrivacyBudget, Run
from segment_assets.clean_room.collaboration import Collaboration, ConfiguredTable
from segment_assets.clean_room.embedded import EmbeddedCleanRoom
from segment_assets.clean_room.port import QueryFailedError
from segment_assets.clean_room.templates import Parameter, Template
from segment_assets_tests.clean_room.conftest import MINIMUM, TYPES, people

FREE = {"allowedAnalyses": ["ANY_QUERY"], "allowedAnalysisProviders": ["runner"]}
THRESHOLD = {
    "identityColumns": ["person"],
    "minimumIdentityCount": MINIMUM,
    "type": "COUNT_DISTINCT",
    "allowedAggregateExpressionType": "COLUMNS_ONLY",
}
OFFERED = ["person", "spend", "state", "day"]
TEXT = "SELECT state, COUNT(*) AS n FROM templated WHERE state = :state AND spend > :spend GROUP BY state"
ROWS = people({"large": MINIMUM, "small": MINIMUM - 1, "one": 1})


def table(name: str, **policy: object) -> ConfiguredTable:
    rule = rules.from_aws("CUSTOM", FREE | policy)
    return ConfiguredTable(name, name, "partner", {c: TYPES[c] for c in OFFERED}, rule)


@pytest.fixture(scope="module")
def offered() -> Collaboration:
    template_only = {"allowedAnalyses": ["by_state"], "allowedAnalysisProviders": None}
    tables = [
        table("open"),
        table("masked", disallowedOutputColumns=["person"]),
        table("counted", aggregationThresholds=[THRESHOLD]),
        table(
            "lowered",
            aggregationThresholds=[
                THRESHOLD | {"outputColumnThresholds": [{"outputColumnName": "state", "minimumIdentityCount": 2}]}
            ],
        ),
        table(
            "controlled",
            aggregationThresholds=[THRESHOLD],
            comparisonControls={"allowedLiteralComparisonColumns": [], "allowedColumnComparisonColumns": ["person"]},
        ),
        table("private", differentialPrivacy={"columns": [{"name": "person"}]}),
        table("templated", **template_only),
    ]
    parameters = (Parameter("state", "VARCHAR"), Parameter("spend", "DECIMAL", "0"))
    templates = {"by_state": Template("by_state", "partner", TEXT, parameters)}
    return Collaboration("two members", "runner", "partner", {t.name: t for t in tables}, templates=templates)


@pytest.fixture
def room(tmp_path: Path) -> EmbeddedCleanRoom:
    return EmbeddedCleanRoom(tmp_path / "scratch", memory_limit="300MB", deadline=20)


def ask(text: str, offered: Collaboration, room: EmbeddedCleanRoom, state: Circumstances | None = None) -> list[dict]:
    found = check(
        text, offered, state or Circumstances(privacy_budget=PrivacyBudget(epsilon=3, users_noise_per_query=30))
    )
    assert found.verdict.decision == "ACCEPT", [str(f) for f in found.verdict.findings]
    if found.resolved is not None:
        return room.run(found.resolved, lambda _: ROWS).to_pylist()
    assert found.custom
    return room.run_custom(found.custom, lambda _: ROWS).to_pylist()


# Accepted under a minimum: only the large group may ever show.
COUNTED = {
    "groups": "SELECT state, COUNT(*) AS n FROM counted GROUP BY state",
    "or in HAVING": "SELECT state, COUNT(*) AS n FROM counted GROUP BY state HAVING COUNT(*) > 0 OR COUNT(*) < 9",
    "distinct": "SELECT DISTINCT state FROM counted",
    "alias": "SELECT state AS person, COUNT(*) AS state FROM counted GROUP BY state",
    "ordinal": "SELECT state, COUNT(*) AS n FROM counted GROUP BY 1 ORDER BY 2 DESC",
    "unselected group": "SELECT 'large' AS state, SUM(spend) AS s FROM counted GROUP BY state",
    "largest value": "SELECT state, MAX(person) AS p, COUNT(*) AS n FROM counted GROUP BY state",
    "filtered": "SELECT state, COUNT(*) AS n FROM counted WHERE state LIKE 'l%' GROUP BY state",
    "expression of a group": "SELECT UPPER(state) AS state, COUNT(*) AS n FROM counted GROUP BY UPPER(state)",
    "named by a case": "SELECT CASE WHEN state = 'x' THEN 'other' ELSE state END AS state, COUNT(*) AS n FROM counted "
    "GROUP BY state",
    "joined": "SELECT c.state, COUNT(*) AS n FROM counted c JOIN open o ON c.person = o.person GROUP BY c.state",
    "nested": "SELECT s FROM (SELECT state AS s, COUNT(*) AS n FROM counted GROUP BY state) q",
    "cached": "CACHE TABLE c AS SELECT state, COUNT(*) AS n FROM counted GROUP BY state; SELECT state FROM c",
    "left join": "SELECT o.state, COUNT(*) AS n FROM open o LEFT JOIN counted c ON c.person = o.person "
    "GROUP BY o.state",
}
# Accepted, and not a row leaves.
NOTHING = {
    "plain rows": "SELECT person, state FROM counted",
    "identity as a group": "SELECT person, COUNT(*) AS n FROM counted GROUP BY person",
    "distinct identities": "SELECT DISTINCT person, state FROM counted",
    "limit": "SELECT person FROM counted LIMIT 1",
    "order by what is not shown": "SELECT state FROM counted ORDER BY spend + 1, state",
    "small group": "SELECT COUNT(*) AS n FROM counted WHERE state = 'small'",
    "branch": "SELECT state, COUNT(*) AS n FROM open GROUP BY state UNION ALL SELECT person, 1 FROM counted",
    "window": "SELECT state, COUNT(*) OVER (PARTITION BY person) AS n FROM counted",
    "IN": "SELECT state FROM open WHERE person IN (SELECT person FROM counted)",
    "anti-join by hand": "SELECT o.state FROM open o LEFT JOIN counted c ON o.person = c.person",
}
# What needs noise has another way to run, and never this one.
NOT_RUN = {
    "noise": "SELECT state, COUNT(*) AS n FROM private GROUP BY state",
    "noise over a CTE": "WITH t AS (SELECT person FROM private) SELECT COUNT(*) FROM t",
}
REFUSED = {
    "hidden by a star": ("SELECT * FROM masked", "DISALLOWED_OUTPUT_COLUMN"),
    "hidden by nesting": (
        "SELECT x FROM (SELECT y AS x FROM (SELECT person AS y FROM masked) a) b",
        "DISALLOWED_OUTPUT_COLUMN",
    ),
    "hidden by a union": ("SELECT state FROM masked UNION SELECT person FROM masked", "DISALLOWED_OUTPUT_COLUMN"),
    "hidden by a window": ("SELECT RANK() OVER (ORDER BY person) FROM masked", "DISALLOWED_OUTPUT_COLUMN"),
    "named window": (
        "SELECT COUNT(*) OVER w FROM masked WINDOW w AS (PARTITION BY person)",
        "DISALLOWED_OUTPUT_COLUMN",
    ),
    "hidden by a case": ("SELECT CASE WHEN person = 'one-0' THEN 1 END FROM masked", "DISALLOWED_OUTPUT_COLUMN"),
    "hidden by a shadowing CTE": (
        "WITH masked AS (SELECT person AS state FROM masked) SELECT state FROM masked",
        "DISALLOWED_OUTPUT_COLUMN",
    ),
    "hidden in a correlated subquery": (
        "SELECT (SELECT COUNT(*) FROM open o WHERE o.person = m.person) FROM masked m",
        "DISALLOWED_OUTPUT_COLUMN",
    ),
    "row reference": ("SELECT m FROM masked m", "COLUMN_UNKNOWN"),
    "row as JSON": ("SELECT TO_JSON(m) FROM masked m", "COLUMN_UNKNOWN"),
    "row id": ("SELECT rowid FROM masked", "COLUMN_UNKNOWN"),
    "column that is not offered": ("SELECT email FROM open", "COLUMN_UNKNOWN"),
    "error text": ("SELECT state FROM masked WHERE RAISE_ERROR(person) IS NULL", "FUNCTION_NOT_ALLOWED"),
    "column by name": ("SELECT IDENTIFIER('person') FROM masked", "FUNCTION_NOT_ALLOWED"),
    "columns by pattern": ("SELECT COLUMNS('p.*') FROM masked", "FUNCTION_NOT_ALLOWED"),
    "settings": ("SELECT CURRENT_SETTING('x') FROM open", "FUNCTION_NOT_ALLOWED"),
    "file in FROM": ("SELECT a FROM open, csv.`/etc/passwd`", "TABLE_FUNCTION"),
    "file function": ("SELECT o.state FROM open o JOIN read_text('/etc/passwd') f ON 1 = 1", "TABLE_FUNCTION"),
    "query function": ("SELECT * FROM open, query('SELECT 1')", "TABLE_FUNCTION"),
    "catalog": ("SELECT o.state FROM open o, information_schema.tables t", "TABLE_NOT_ASSOCIATED"),
    "file in a subquery": ("SELECT state FROM open WHERE state IN (SELECT * FROM '/etc/passwd')", "TABLE_FUNCTION"),
    "endless": (
        "WITH RECURSIVE r AS (SELECT 1 AS n UNION ALL SELECT n + 1 FROM r) SELECT n FROM r, open",
        "SYNTAX_NOT_ALLOWED",
    ),
    "rows out of nothing": ("SELECT EXPLODE(SEQUENCE(1, 1000000000)) FROM open", "FUNCTION_NOT_ALLOWED"),
    "long text": ("SELECT REPEAT('x', 1000000000) FROM open", "FUNCTION_NOT_ALLOWED"),
    "stacked": ("SELECT state FROM open; COPY open TO '/tmp/x'", "MULTIPLE_STATEMENTS"),
    "cached under a table's name": (
        "CACHE TABLE masked AS SELECT state FROM open; SELECT * FROM masked",
        "MULTIPLE_STATEMENTS",
    ),
    "cached with options": (
        "CACHE LAZY TABLE c OPTIONS ('storageLevel' = 'DISK_ONLY') AS SELECT state FROM open; SELECT * FROM c",
        "SYNTAX_NOT_ALLOWED",
    ),
    "shell": ("SELECT TRANSFORM(state) USING 'cat' FROM open", "SYNTAX_NOT_ALLOWED"),
    "into": ("SELECT state INTO stolen FROM open", "SYNTAX_NOT_ALLOWED"),
    "literal by VALUES": (
        "SELECT COUNT(*) AS n FROM counted c JOIN (VALUES ('one-0')) v(p) ON c.person = v.p",
        "LITERAL_COMPARISON_NOT_ALLOWED",
    ),
    "literal by a CTE": (
        "WITH v AS (SELECT 'one-0' AS p) SELECT COUNT(*) AS n FROM counted c JOIN v ON c.person = v.p",
        "LITERAL_COMPARISON_NOT_ALLOWED",
    ),
    "literal by a union": (
        "WITH v AS (SELECT state AS p FROM open UNION SELECT 'one-0') SELECT COUNT(*) AS n FROM counted c JOIN v "
        "ON c.person = v.p",
        "LITERAL_COMPARISON_NOT_ALLOWED",
    ),
    "literal in a function": (
        "SELECT NULLIF(state, 'one') AS s, COUNT(*) AS n FROM controlled GROUP BY 1",
        "LITERAL_COMPARISON_NOT_ALLOWED",
    ),
    "null": ("SELECT COUNT(*) AS n FROM controlled WHERE state IS NULL", "LITERAL_COMPARISON_NOT_ALLOWED"),
    "condition without a comparison": (
        "SELECT SUM(CASE WHEN state LIKE 'o%' THEN spend END) AS s FROM controlled",
        "AGGREGATE_ARGUMENT_NOT_COLUMN",
    ),
    "free text on a template's table": (TEXT.replace(":state", "'x'").replace(":spend", "0"), "ANALYSIS_NOT_ALLOWED"),
    "list of people with noise": ("SELECT person, COUNT(*) FROM private GROUP BY person", "DP_NOT_AGGREGATED"),
    "people behind an alias": (
        "WITH t AS (SELECT person AS p, person FROM private) SELECT p, COUNT(*) FROM t GROUP BY p",
        "DP_NOT_AGGREGATED",
    ),
}
# The value of a template's parameter, and what becomes of it.
HOSTILE = {
    "quote": {"state": "' OR '1'='1"},
    "union": {"state": "x' UNION SELECT person, 1 FROM templated --"},
    "comment": {"state": "x*/ OR 1=1 /*"},
    "backslash": {"state": "x\\' OR 1=1 --"},
    "placeholder": {"state": ":spend"},
    "dollar": {"state": "$1"},
    "unicode quote": {"state": "x\u2019 OR 1=1"},
    "line break": {"state": "x\n; DROP TABLE templated"},
    "number that is text": {"state": "large", "spend": "0 OR 1=1"},
    "number that is a query": {"state": "large", "spend": "(SELECT 0)"},
    "number that is none": {"state": "large", "spend": "NaN"},
    "number without end": {"state": "large", "spend": "1e999999"},
    "nothing": {},
    "unknown": {"state": "large", "where": "1=1"},
    "too long": {"state": "x" * 1001},
}
REFUSED_VALUES = ("number", "nothing", "unknown", "too long")


@pytest.mark.parametrize("name", COUNTED)
def test_a_minimum_holds_whatever_is_asked(name, offered, room):
    result = ask(COUNTED[name], offered, room)
    assert len(result) == 1
    assert "large" in str(result).lower()
    assert "small" not in str(result).lower()
    assert "one" not in str(result).lower()


@pytest.mark.parametrize("name", NOTHING)
def test_no_row_of_one_person_leaves(name, offered, room):
    assert ask(NOTHING[name], offered, room) == []


@pytest.mark.parametrize("name", NOT_RUN)
def test_what_needs_noise_is_not_run_without_it(name, offered, room):
    with pytest.raises(QueryFailedError, match="without noise"):
        ask(NOT_RUN[name], offered, room)


@pytest.mark.parametrize("name", REFUSED)
def test_an_attack_on_a_custom_rule_is_refused_with_its_reason(name, offered):
    text, code = REFUSED[name]
    found = check(text, offered, Circumstances(privacy_budget=PrivacyBudget(epsilon=3, users_noise_per_query=30)))
    assert found.verdict.code == code, [str(f) for f in found.verdict.findings]
    assert found.resolved is None
    assert found.custom is None


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_parameter_is_a_strange_literal_or_is_refused(name, offered, room):
    state = Circumstances(run=Run("by_state", "partner", HOSTILE[name]))
    if name.startswith(REFUSED_VALUES):
        assert check(TEXT, offered, state).verdict.code in ("PARAMETER_INVALID", "PARAMETER_MISSING")
    else:
        assert ask(TEXT, offered, room, state) == []


def test_a_template_runs_with_its_values(offered, room):
    state = Circumstances(run=Run("by_state", "partner", {"state": "large"}))
    assert ask(TEXT, offered, room, state) == [{"state": "large", "n": 2 * MINIMUM}]


def test_an_override_lowers_the_minimum_of_rows_that_hold_its_column_alone(offered, room):
    assert {r["state"] for r in ask("SELECT DISTINCT state FROM lowered", offered, room)} == {"large", "small"}
    both = ask("SELECT state, COUNT(*) AS n FROM lowered GROUP BY state", offered, room)
    assert {r["state"] for r in both} == {"large"}


def test_counts_of_one_whole_table_are_exempt_as_documented(offered, room):
    assert ask("SELECT COUNT(DISTINCT person) AS n FROM counted", offered, room) == [{"n": 2 * MINIMUM}]


def test_free_sql_runs_with_windows_ctes_and_cached_tables(offered, room):
    text = (
        "CACHE TABLE c AS SELECT person, state, spend FROM open; WITH t AS (SELECT state, COUNT(DISTINCT person) AS n "
        "FROM c GROUP BY state) SELECT state, n, RANK() OVER (ORDER BY n DESC) AS r FROM t WHERE n > 1"
    )
    found = sorted(ask(text, offered, room), key=lambda row: row["r"])
    assert found == [{"state": "large", "n": MINIMUM, "r": 1}, {"state": "small", "n": MINIMUM - 1, "r": 2}]


def test_a_column_that_using_made_one_of_two_is_the_left_ones(offered, room):
    text = "SELECT person, COUNT(*) AS n FROM open JOIN masked USING (person) GROUP BY person ORDER BY person LIMIT 1"
    assert ask(text, offered, room) == [{"person": "large-0", "n": 4}]


def test_what_is_computed_of_a_window_or_a_subquery_is_run_where_it_can_not_raise(offered, room):
    share = "SELECT s FROM (SELECT spend / SUM(spend) OVER (PARTITION BY person) AS s FROM open) q LIMIT 1"
    assert ask(share, offered, room) == [{"s": 0.5}]
    with pytest.raises(QueryFailedError, match="compute these in a CTE"):
        ask("SELECT SUBSTRING(state, RANK() OVER (ORDER BY spend), 1) AS s FROM open", offered, room)


def test_a_text_that_grows_with_every_cte_is_cut(offered, room):
    doubled = [f"t{i} AS (SELECT CONCAT(s, s) AS s FROM t{i - 1})" for i in range(1, 30)]
    text = f"WITH t0 AS (SELECT state AS s FROM open), {', '.join(doubled)} SELECT MAX(LENGTH(s)) AS n FROM t29"
    assert ask(text, offered, room) == [{"n": 10_000}]


def test_a_failing_cast_prints_no_value(offered, room):
    assert ask("SELECT state FROM masked WHERE CAST(person AS INT) = 1", offered, room) == []
    nested = "SELECT n FROM (SELECT COUNT(*) AS n FROM masked WHERE CAST(person AS INT) = 1) q"
    assert ask(nested, offered, room) == [{"n": 0}]


def test_a_cross_join_without_end_is_interrupted(offered, tmp_path):
    slow = EmbeddedCleanRoom(tmp_path, "100MB", deadline=0.3)
    endless = "SELECT SUM(q.s) FROM (SELECT a.spend * b.spend * c.spend AS s FROM open a, open b, open c) q"
    found = check(endless, offered)
    rows = pa.concat_tables([ROWS] * 300)
    assert found.custom
    with pytest.raises(QueryFailedError, match="RESOURCE_LIMIT"):
        slow.run_custom(found.custom, lambda _: rows)
    assert list(tmp_path.iterdir()) == []
