"""What gets noise is what it says, one person moves it by no more than was said, and no group of one ever shows."""

from datetime import date
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from segment_assets.clean_room.custom.check import check
from segment_assets.clean_room.embedded import EmbeddedCleanRoom
from segment_assets.clean_room.privacy import template
from segment_assets.clean_room.privacy.accounting import price
from segment_assets.clean_room.privacy.limits import Limits, mistyped
from segment_assets.clean_room.privacy.people import NotPrivateError
from segment_assets.clean_room.privacy.plan import plan
from segment_assets.clean_room.program import Program, parse
from segment_assets_tests.clean_room.privacy.conftest import STATE, Asked, Known, collaboration, planned, rows, table

# Ten people in one state and four in another, each with one row.
PLAIN = rows(*[(f"p{i}", "large" if i < 10 else "small", float(i), i) for i in range(14)])


def test_every_aggregate_is_what_it_would_be_without_noise(ask: Asked):
    text = """SELECT state, COUNT(*) AS n, COUNT(spend) AS c, COUNT(DISTINCT person) AS people,
      COUNT(DISTINCT visits) AS different, SUM(spend) AS total, SUM(visits) AS visits, AVG(spend) AS mean,
      STDDEV(spend) AS deviation FROM panel GROUP BY state ORDER BY state"""
    large, small = ask(text, PLAIN)
    assert small["state"] == "small"
    assert large | {"deviation": round(large["deviation"], 6)} == {
        "state": "large", "n": 10, "c": 10, "people": 10, "different": 10, "total": 45.0, "visits": 45, "mean": 4.5,
        "deviation": 3.02765,
    }  # fmt: skip


def test_what_is_computed_around_aggregates_sees_noisy_values(ask: Asked):
    text = """SELECT state, ROUND(100 * SUM(spend) / COUNT(*)) + 1 AS per_row, COUNT(*) AS n
      FROM panel GROUP BY state HAVING COUNT(*) > 12 ORDER BY n DESC LIMIT 1 OFFSET 0"""
    # With two added per row of a person, 10 becomes 12 and 4 becomes 6; then with four, 14 and 8.
    assert ask(text, PLAIN, Known(added=1)) == []
    assert ask(text, PLAIN, Known(added=2)) == [{"state": "large", "per_row": 100 * round(445 / 14, 2) + 1, "n": 14}]


def test_a_person_with_a_thousand_rows_counts_as_the_limit_says(ask: Asked):
    many = pa.concat_tables([PLAIN, rows(*[("p0", "large", 1e9, 10**6)] * 1000)])
    text = "SELECT COUNT(*) AS n, SUM(spend) AS total, SUM(visits) AS visits, COUNT(DISTINCT visits) AS d FROM panel"
    [with_them], [without] = ask(text, many), ask(text, PLAIN)
    assert without["n"] < with_them["n"] <= without["n"] + 2
    assert with_them["total"] <= without["total"] + 200
    assert with_them["visits"] <= without["visits"] + 100
    assert with_them["d"] <= without["d"] + 1


PEOPLE = st.lists(
    st.tuples(
        st.sampled_from(["a", "b", "c"]), st.sampled_from(["x", "y", "z"]), st.floats(-300, 300), st.integers(-90, 90)
    ),
    max_size=12,
)
QUERIES = {
    "COUNT(*)": 2, "COUNT(spend)": 2, "COUNT(DISTINCT visits)": 2, "COUNT(DISTINCT person)": 2, "SUM(spend)": 200,
    "SUM(visits)": 100,
}  # fmt: skip


@pytest.mark.parametrize("aggregate", QUERIES)
@given(PEOPLE, st.lists(st.tuples(st.sampled_from(["x", "y", "z"]), st.floats(-9e9, 9e9)), max_size=9))
@settings(
    max_examples=4, deadline=None, phases=[Phase.generate], suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_adding_a_person_moves_the_column_by_no_more_than_its_sensitivity(
    ask: Asked, aggregate: str, people: list[tuple[str, str, float, int]], theirs: list[tuple[str, float]]
):
    limits = Limits(2, 4, {"spend": (-50.0, 100.0), "visits": (0.0, 50.0)}, {"state": ("x", "y", "z")})
    offered, text = collaboration(table(limits=limits)), f"SELECT state, {aggregate} AS v FROM panel GROUP BY state"
    # Their own rows are fewer than the limit, so that which of them are drawn changes nothing.
    limited = [p for i, p in enumerate(people) if sum(q[0] == p[0] for q in people[:i]) < 2]
    before = rows(*limited)
    after = rows(*limited, *[("new", state, spend, 7) for state, spend in theirs])
    noise = Known()
    first = {r["state"]: r["v"] for r in ask(text, before, noise, offered)}
    second = {r["state"]: r["v"] for r in ask(text, after, noise, offered)}
    moved = [second[s] - first[s] for s in first]
    assert set(first) == {"x", "y", "z"}  # declared values are always there
    claimed = noise.sensitivities[0]
    scale = 10**6 if aggregate == "SUM(spend)" else 1
    assert sum((m * scale) ** 2 for m in moved) ** 0.5 <= claimed * (1 + 1e-9)
    assert claimed == QUERIES[aggregate] * scale


def test_a_group_shows_by_its_persons_and_not_by_its_rows(ask: Asked):
    one = rows(*[("alone", "planted", 1.0, 1)] * 500, *[(f"p{i}", "large", 1.0, 1) for i in range(300)])
    noise = Known(least=2)
    assert [r["state"] for r in ask("SELECT state, COUNT(*) AS n FROM panel GROUP BY state", one, noise)] == ["large"]
    assert sorted(noise.seen) == [1, 300]


def test_a_planted_person_never_shows_through_a_group_key(tmp_path: Path):
    room = EmbeddedCleanRoom(tmp_path / "scratch", memory_limit="300MB", deadline=20)
    people = [(f"p{i}", f"large{i % 2}", 1.0, 1) for i in range(600)]
    planted = [(f"s{i}", f"planted{i}", 99.0, 49) for i in range(200)] + [
        ("s0", f"also{i}", 99.0, 49) for i in range(99)
    ]
    given = rows(*people, *planted)
    text = "SELECT state, COUNT(*) AS n, COUNT(DISTINCT person) AS people FROM panel GROUP BY state ORDER BY state"
    paid = price(template.of(20, 10))
    shown = room.run_private(planned(text), lambda _: given, paid)
    # 299 keys of one person each, at a chance of 1e-13 each.
    assert shown["state"].to_pylist() == ["large0", "large1"]
    assert all(abs(n - 300) < 100 for n in shown["people"].to_pylist())
    assert shown["people"].to_pylist() != [300, 300] or shown["n"].to_pylist() != [300, 300]


def test_a_person_in_many_groups_counts_in_as_many_as_declared(ask: Asked):
    spread = rows(*[("p", f"s{i}", 1.0, 1) for i in range(50)])
    text = "SELECT state, COUNT(DISTINCT person) AS people FROM panel GROUP BY state"
    for groups, claimed in ((1, 1), (4, 2), (9, 3)):
        noise = Known()
        found = ask(text, spread, noise, collaboration(table(limits=Limits(1, groups))))
        assert (len(found), noise.sensitivities) == (groups, [claimed])


def test_rows_of_nobody_do_not_count(ask: Asked):
    given = rows(("p", "x", 1.0, 1), (None, "x", 5.0, 5), (None, "y", 5.0, 5))  # type: ignore[arg-type]
    assert ask("SELECT COUNT(*) AS n, SUM(spend) AS s FROM panel", given) == [{"n": 1, "s": 1.0}]


def test_null_is_no_value_and_infinity_is_the_bound(ask: Asked):
    given = rows(("p", "x", None, None), ("q", "x", float("inf"), 5), ("r", "x", float("nan"), 5))  # type: ignore[arg-type]
    text = "SELECT COUNT(*) AS n, COUNT(spend) AS c, SUM(spend) AS s, SUM(visits) AS v FROM panel"
    assert ask(text, given) == [{"n": 3, "c": 2, "s": 200.0, "v": 10}]


def test_nobody_at_all_is_an_answer_too(ask: Asked):
    assert ask("SELECT COUNT(*) AS n, AVG(spend) AS a FROM panel", rows()) == [{"n": 0, "a": 0.0}]
    assert ask("SELECT state, COUNT(*) AS n FROM panel GROUP BY state", rows()) == []


def test_declared_values_always_show_and_others_never(ask: Asked):
    offered = collaboration(table(limits=Limits(1, values={"state": ("large", "nowhere"), "visits": (1, 2)})))
    noise = Known()
    found = ask("SELECT state, COUNT(*) AS n FROM panel GROUP BY state ORDER BY state", PLAIN, noise, offered)
    assert (found, noise.seen) == ([{"state": "large", "n": 10}, {"state": "nowhere", "n": 0}], [])
    found = ask("SELECT visits, COUNT(*) AS n FROM panel GROUP BY visits ORDER BY visits", PLAIN, noise, offered)
    assert found == [{"visits": 1, "n": 1}, {"visits": 2, "n": 1}]
    made = planned("SELECT state, COUNT(*) AS n FROM panel GROUP BY state", offered)
    assert (made.units, made.delta) == (1, 0.0)


def test_a_declared_value_is_one_of_its_columns_type_and_shows_once(ask: Asked):
    limits = Limits(1, values={"spend": (1, "1.0", 2), "visits": (1, 2), "day": ("2026-01-31", "2026-02-01")})
    known = rows(*[(f"p{i}", "x", 1.0 + i // 3, 1 + i // 3) for i in range(5)])
    known = known.set_column(4, "day", pa.array([date(2026, 1, 31)] * 3 + [date(2026, 2, 1)] * 2))
    for column, values in {"spend": [1.0, 2.0], "visits": [1, 2], "day": [date(2026, 1, 31), date(2026, 2, 1)]}.items():
        text = f"SELECT {column} AS v, COUNT(*) AS n FROM panel GROUP BY {column} ORDER BY v"
        counted = ask(text, known, None, collaboration(table(limits=limits)))
        assert counted == [{"v": values[0], "n": 3}, {"v": values[1], "n": 2}]


def test_nothing_is_a_group_beside_the_text_none(ask: Asked):
    people = rows(("p1", None, 1.0, 1), ("p2", None, 1.0, 1), ("p3", "None", 1.0, 1))
    counted = ask("SELECT state, COUNT(*) AS n FROM panel GROUP BY state ORDER BY n", people)
    assert counted == [{"state": "None", "n": 1}, {"state": None, "n": 2}]


def test_declared_values_that_are_none_of_their_type_are_found():
    limits = Limits(1, values={"age": (18, "young"), "name": (1,), "gone": ("x",)})
    schema = pa.schema({"age": pa.int64(), "name": pa.string()})
    assert list(mistyped(limits, schema)) == [("age", "young")]


JOINED = {
    "CTE per person": (
        "WITH t AS (SELECT person, COUNT(*) AS n FROM panel GROUP BY person) SELECT AVG(n) AS v FROM t", 1.0
    ),
    "two protected tables": (
        "SELECT COUNT(DISTINCT a.person) AS v FROM panel a JOIN panel2 b ON a.person = b.person", 14
    ),
    "outer join": (
        "SELECT COUNT(DISTINCT COALESCE(a.person, b.person)) AS v FROM panel a "
        "FULL JOIN panel2 b ON a.person = b.person AND a.spend > 5", 14
    ),
    "one's own table": ("SELECT COUNT(*) AS v FROM shop s JOIN panel p ON s.state = p.state WHERE s.spend > 12", 4),
    "subquery in FROM": ("SELECT SUM(q.s * 2) AS v FROM (SELECT person, spend AS s FROM panel) q WHERE q.s < 3", 6.0),
    "set operation": (
        "WITH u AS (SELECT person, state FROM panel UNION SELECT person, state FROM panel2) "
        "SELECT COUNT(*) AS v FROM u",
        14,
    ),
    "cached": ("CACHE TABLE c AS SELECT person, spend FROM panel; SELECT SUM(spend) AS v FROM c", 91.0),
    "case": ("SELECT SUM(CASE WHEN state = 'small' THEN spend END) AS v FROM panel", 46.0),
    "division by nobody": ("SELECT COUNT(*) / (COUNT(*) - 14) AS v FROM panel", None),
}  # fmt: skip


@pytest.mark.parametrize("name", JOINED)
def test_nested_queries_and_joins_give_what_they_say(name: str, ask: Asked):
    text, expected = JOINED[name]
    bounds = {"q.s * 2": (0.0, 50.0), "n": (0.0, 9.0), "CASE WHEN state = 'small' THEN spend END": (0.0, 99.0)}
    found = ask(text, {"panel": PLAIN, "panel2": PLAIN, "shop": PLAIN}, bounds=bounds)
    assert found == [{"v": expected}]


UNDECLARED = {
    "no bounds": (
        "SELECT SUM(spend) AS s FROM panel", Limits(1),
        r"queries: declare bounds: \{\"spend\": \[lowest, highest\]\} beside the query, or .*panel\.custom\.privacy\."
        r"bounds\.spend; bounds taken from the data would tell of the data$",
    ),
    "bounds of an expression": ("SELECT AVG(spend * 2) AS s FROM panel", None, r"declare bounds: \{\"spend \* 2\""),
    "no number of rows": ("SELECT COUNT(*) AS n FROM panel", Limits(), r"panel\.custom\.privacy\.rows_per_person: "),
    "a query in the last SELECT": ("SELECT COUNT(*) / (SELECT COUNT(*) FROM shop) AS n FROM panel", None, "no query"),
    "too many groups": (
        "SELECT state, visits, COUNT(*) AS n FROM panel GROUP BY state, visits",
        Limits(1, values={"state": tuple(f"s{i}" for i in range(200)), "visits": tuple(range(99))}), "10,000 groups",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", UNDECLARED)
def test_what_would_have_to_be_taken_from_the_data_is_refused_with_what_to_declare(name: str):
    text, limits, message = UNDECLARED[name]
    offered = collaboration(table(limits=limits) if limits else table(), table("shop", "runner", None))
    with pytest.raises(NotPrivateError, match=message):
        planned(text, offered)


def test_a_column_beside_an_aggregate_is_refused_by_the_checker_and_again_where_noise_is_planned():
    text, offered = "SELECT COUNT(*) + visits AS n FROM panel", collaboration(table())
    program = parse(text)
    assert isinstance(program, Program)
    found, accepted = check(program, [table()], offered, STATE, len(text))
    assert [f.code for f in found] == ["DP_NOT_AGGREGATED"]
    with pytest.raises(NotPrivateError, match="neither aggregated nor in"):
        plan(accepted, {})


def test_persons_can_be_counted_with_nothing_declared(ask: Asked):
    assert ask("SELECT COUNT(DISTINCT person) AS n FROM panel", PLAIN, None, collaboration(table(limits=Limits()))) == [
        {"n": 14}
    ]


@pytest.mark.parametrize(
    ("text", "units"),
    [
        ("SELECT COUNT(*) AS n FROM panel", 1),
        ("SELECT COUNT(*) AS n, COUNT(*) + 1 AS m FROM panel HAVING COUNT(*) > 3", 1),
        ("SELECT state, COUNT(DISTINCT person) AS n FROM panel GROUP BY state", 2),
        ("SELECT AVG(spend) AS a, SUM(spend) AS b, STDDEV(spend) AS c FROM panel", 6),
        ("SELECT COUNT(*) AS n FROM panel ORDER BY SUM(spend)", 2),
    ],
)
def test_a_query_costs_a_unit_for_each_noisy_column_and_one_for_its_groups(text: str, units: int):
    assert planned(text).units == units
