"""ID mapping tables: who is whom, declared, joined through, traced, and never shown."""

from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from segment_assets.clean_room import assets as clean_room_assets
from segment_assets.clean_room import id_mapping, offered, protected_query, results
from segment_assets.clean_room.checker import check
from segment_assets.clean_room.collaboration import CollaborationError
from segment_assets.clean_room.embedded import EmbeddedCleanRoom
from segment_assets.clean_room.id_mapping import Bridge, Side
from segment_assets.clean_room.lint import lint
from segment_assets.clean_room.privacy import query as private_query
from segment_assets.clean_room.privacy.query import PrivateQuery
from segment_assets.clean_room.reasons import QueryRefusedError
from segment_assets.clean_room.tables import DIFFERENCING, RELEASED_GROUPS
from segment_assets.lake import Lake, embedded
from segment_assets.sql import Source
from segment_assets_tests.aws_double import world as double
from segment_assets_tests.clean_room import bridge_world

CONFIG = bridge_world.config()
OFFERED = clean_room_assets.declared(CONFIG, CONFIG.collaboration)
BRIDGE = Bridge(Side("ours", "id"), Side("theirs", "id"), ((("mail", "mail"),), (("phone", "phone"), ("name", "name"))))


def rows(*values: tuple[str | None, ...]) -> pa.Table:
    names = ["id", "mail", "phone", "name"]
    return pa.table({n: pa.array([v[i] for v in values], pa.string()) for i, n in enumerate(names)})


def who_is_whom(ours: pa.Table, theirs: pa.Table) -> dict[str, str]:
    found = id_mapping.resolved(BRIDGE, ours, theirs).to_pydict()
    return dict(zip(found["source_id"], found["target_id"], strict=True))


def test_the_first_rule_that_finds_anybody_decides():
    ours = rows(("a", "m1", "p1", "n1"), ("b", None, "p2", "n2"), ("c", "m9", "p3", "other"))
    theirs = rows(("x", "m1", None, None), ("y", None, "p1", "n1"), ("z", "m2", "p2", "n2"), ("w", "m3", "p3", "n3"))
    assert who_is_whom(ours, theirs) == {"a": "x", "b": "z"}


def test_where_a_rule_finds_several_nobody_is_meant():
    theirs = rows(("x", "m1", "p1", "n1"), ("y", "m1", None, None))
    assert who_is_whom(rows(("a", "m1", "p1", "n1")), theirs) == {}
    assert (
        who_is_whom(rows(("a", "m1", "p", "n"), ("a", "m2", "p", "n")), rows(("x", "m1", "", ""), ("y", "m2", "", "")))
        == {}
    )


def test_what_is_not_known_matches_nothing():
    assert who_is_whom(rows(("a", None, None, None)), rows(("x", None, None, None))) == {}
    assert who_is_whom(rows((None, "m", "p", "n")), rows((None, "m", "p", "n"))) == {}


_some = st.sampled_from(["1", "2", None])
_people = st.lists(st.tuples(st.sampled_from("abcd"), _some, _some, _some), max_size=8)


@given(_people, _people, st.randoms(use_true_random=False))
def test_each_id_has_one_partner_at_most_whatever_the_order_of_rows(ours, theirs, random):
    found = id_mapping.resolved(BRIDGE, rows(*ours), rows(*theirs))
    assert len(set(found["source_id"].to_pylist())) == found.num_rows
    agree = {(o[0], t[0]) for o in ours for t in theirs if _same(o[1:2], t[1:2]) or _same(o[2:], t[2:])}
    assert set(zip(*found.to_pydict().values(), strict=True)) <= agree
    for people in (ours, theirs):
        random.shuffle(people)
    assert id_mapping.resolved(BRIDGE, rows(*ours), rows(*theirs)).equals(found)


def _same(one: tuple[str | None, ...], other: tuple[str | None, ...]) -> bool:
    return one == other and None not in one


@pytest.fixture
def lake(tmp_path) -> Lake:
    found = embedded.lake(double.settings(None, tmp_path / "here"))
    bridge_world.fill(found, CONFIG)
    return found


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("ages_listed", [{"country": "DE", "age_band": "19-24"}, {"country": "DE", "age_band": "65+"}]),
        ("ages_counted", [{"age_band": "19-24", "customers": 40}]),
        ("ages_free", [{"age_band": "19-24", "customers": 40}]),
        ("ages_ranked", [{"age_band": "19-24", "customers": 40, "place": 1}]),
    ],
)
def test_queries_join_through_it_under_the_rules_of_the_tables_it_bridges(name, expected, lake, tmp_path):
    [query] = [q for q in clean_room_assets.protected_queries(CONFIG, CONFIG.collaboration) if q.name == name]
    outcome = protected_query.run(query, lake, EmbeddedCleanRoom(tmp_path / "scratch", "500MB"), "r")
    assert outcome.rows.to_pylist() == expected
    assert (outcome.minimum_kept, outcome.keys_unique) == (True, True)
    assert protected_query.run(query, lake, EmbeddedCleanRoom(tmp_path / "scratch", "500MB"), "r").reused


@pytest.mark.parametrize("name", ["ages_listed", "ages_counted", "ages_free", "ages_ranked"])
def test_columns_that_people_are_matched_on_choose_the_rows(name):
    [query] = [q for q in clean_room_assets.protected_queries(CONFIG, CONFIG.collaboration) if q.name == name]
    trace = results.traced(query.resolved)
    matched = {("customers", c) for c in ("customer_id", "email_sha256", "email_sha256_plain")}
    matched |= {("partner_audience", c) for c in ("email_sha256", "email_sha256_plain")}
    assert {(s.table, s.column) for s in trace.rows} >= matched
    assert trace.values["age_band"] == {Source("partner_audience", "age_band")}


@pytest.mark.parametrize("name", ["ages_counted", "ages_ranked"])
def test_what_is_in_neither_list_of_columns_changes_nothing(name, lake, tmp_path):
    [query] = [q for q in clean_room_assets.protected_queries(CONFIG, CONFIG.collaboration) if q.name == name]
    room = EmbeddedCleanRoom(tmp_path / "scratch", "500MB")
    trace = results.traced(query.resolved)
    named = trace.rows.union(*trace.values.values())
    tables = {table.short_name: lake.read(table) for table in query.inputs}

    def answer(changed: str = "", column: str = "") -> list[dict[str, Any]]:
        def read(table: str, columns: list[str]) -> pa.Table:
            rows = tables[table]
            if table == changed:
                place = rows.schema.get_field_index(column)
                rows = rows.set_column(place, rows.field(place), pa.nulls(len(rows), rows.field(place).type))
            return rows.select(columns)

        rows: list[dict[str, Any]] = room.run(query.resolved, lambda t: offered.rows(t, read)).to_pylist()
        return rows

    before = answer()
    for table, rows in tables.items():
        for column in rows.column_names:
            assert answer(table, column) == before or Source(table, column) in named
    for column in ("customer_id", "email_sha256_plain"):
        assert answer("customers", column) != before


def test_the_owner_is_told_of_people_behind_a_bridge(lake, tmp_path):
    queries = {q.name: q for q in clean_room_assets.protected_queries(CONFIG, CONFIG.collaboration)}
    for name in ("ages_counted", "ages_ranked"):
        protected_query.run(queries[name], lake, EmbeddedCleanRoom(tmp_path / "scratch", "500MB"), "r")
    told = {row["query"]: row["state"] for row in lake.read(DIFFERENCING).to_pylist()}
    assert told == dict.fromkeys(("ages_counted", "ages_ranked"), "watched")
    [row] = lake.read(RELEASED_GROUPS).to_pylist()
    assert (row["people"], row["largest_share"], row["runner_people"]) == (40, 0.025, 40)


def test_a_person_planted_behind_a_bridge_never_leaves(lake, tmp_path):
    """One customer is matched to the only partner row of its kind: no clause of ours makes it leave."""
    room = EmbeddedCleanRoom(tmp_path / "scratch", "500MB")
    joined = bridge_world.JOINED.format(ours="ours_free", theirs="theirs_free")
    theirs = lake.read(clean_room_assets.sources(CONFIG)["partner_audience"]).to_pydict()
    theirs["age_band"][0] = "planted"
    planted = {
        "partner_audience": pa.table(theirs),
        "customers": lake.read(clean_room_assets.sources(CONFIG)["customers"]),
    }
    for sql in (
        f"SELECT p.age_band, COUNT(DISTINCT c.customer_id) AS n FROM {joined} GROUP BY p.age_band",
        f"SELECT p.age_band, COUNT(*) AS n FROM {joined} WHERE c.customer_id = 'c00' GROUP BY p.age_band",
        f"WITH k AS (SELECT p.age_band, COUNT(*) AS n FROM {joined} GROUP BY p.age_band) SELECT age_band, n FROM k",
        f"SELECT p.age_band, COUNT(*) AS n FROM {joined} CROSS JOIN ours_free o GROUP BY p.age_band",
        "SELECT p.age_band, COUNT(*) AS n FROM theirs_free p LEFT JOIN people m ON m.target_id = p.email_sha256 "
        "RIGHT JOIN ours_free c ON c.customer_id = m.source_id GROUP BY p.age_band",
    ):
        checked = check(sql, OFFERED)
        assert checked.verdict.code == "OK", (sql, checked.verdict)
        rows = room.run(checked.runnable(), lambda t: offered.rows(t, lambda name, of: planted[name].select(of)))
        assert "planted" not in rows["age_band"].to_pylist(), sql


def test_another_rule_or_side_is_another_question():
    fewer = bridge_world.config(match=bridge_world.BRIDGE["match"][:1])
    other = clean_room_assets.declared(fewer, fewer.collaboration)
    assert other.version_of({"people"}) != OFFERED.version_of({"people"})


REFUSED = [
    ("SELECT DISTINCT m.source_id FROM ours_listed c JOIN people m ON c.customer_id = m.source_id "
     "JOIN theirs_listed p ON m.target_id = p.email_sha256", "IDMT_COLUMN_NOT_ALLOWED"),
    ("SELECT DISTINCT p.age_band FROM theirs_listed p JOIN people m ON p.email_sha256 = m.target_id", "JOIN_REQUIRED"),
    ("SELECT p.age_band, COUNT(*) AS n FROM people m JOIN theirs_free p ON p.email_sha256 = m.target_id "
     "GROUP BY p.age_band", "IDMT_OVERLAP_REQUIRED"),
    ("SELECT COUNT(*) FROM people m LEFT JOIN theirs_free p ON p.email_sha256 = m.target_id "
     "JOIN ours_free c ON c.customer_id = m.source_id", "IDMT_OUTER_SIDE"),
    ("SELECT COUNT(*) AS n FROM people", "IDMT_OVERLAP_REQUIRED"),
    ("SELECT m.* FROM people m JOIN ours_free c ON c.customer_id = m.source_id JOIN theirs_free p ON p.email_sha256 = "
     "m.target_id", "IDMT_COLUMN_NOT_ALLOWED"),
]  # fmt: skip


@pytest.mark.parametrize(("sql", "code"), REFUSED)
def test_it_is_joined_on_both_sides_and_never_shown(sql, code):
    assert check(sql, OFFERED).verdict.code == code


def test_a_bridge_is_no_table_of_the_runner_though_its_id_may_be_shown():
    shown = bridge_world.config(source=bridge_world.BRIDGE["source"] | {"may_be_shown": True})
    offered = clean_room_assets.declared(shown, shown.collaboration)
    alone = "SELECT DISTINCT m.source_id, p.age_band FROM theirs_listed p JOIN people m ON p.email_sha256 = m.target_id"
    assert check(alone, offered).verdict.code == "JOIN_REQUIRED"
    whole = alone + " JOIN ours_listed c ON c.customer_id = m.source_id"
    assert check(whole, offered).verdict.code == "OK"
    assert "JOIN_REQUIRED" not in {f.code for f in check(whole, OFFERED).verdict.findings}


def test_two_ids_that_may_be_shown_are_warned_of():
    sides = {s: bridge_world.BRIDGE[s] | {"may_be_shown": True} for s in ("source", "target")}
    config = bridge_world.config(**sides)
    assert any(
        line.startswith("people: both ids") for line in lint(clean_room_assets.declared(config, config.collaboration))
    )
    assert not any(line.startswith("people") for line in lint(OFFERED))


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"source": {"table": "customers", "id": "custmer_id"}},
         'id_mapping_tables.people.source.id: no column "custmer_id" in customers (did you mean "customer_id"?)'),
        ({"match": [{"email_sha256": "email_sh256"}]},
         'id_mapping_tables.people.match: no column "email_sh256" in partner_audience (did you mean "email_sha256"?)'),
        ({"match": [{"endpoints": "email_sha256"}]},
         "id_mapping_tables.people.match: endpoints is int64 and email_sha256 is string: match columns of one type"),
    ],
)  # fmt: skip
def test_what_does_not_fit_the_tables_is_one_sentence(changes, told):
    config = bridge_world.config(**changes)
    with pytest.raises(CollaborationError) as refused:
        clean_room_assets.declared(config, config.collaboration)
    assert str(refused.value) == f"segmentation.yaml: collaboration.{told}"


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"source": {"table": "partner_audience", "id": "email_sha256"}}, "name a table of each member"),
        ({"match": []}, "at least 1 item"),
        ({"match": [{}]}, "a rule without columns would match everybody"),
        ({"target": {"table": "partner_audience", "id": "email_sha256", "purpose": "insurance"}},
         "collaboration.id_mapping_tables.people.purpose: insurance is no purpose"),
    ],
)  # fmt: skip
def test_what_makes_no_bridge_is_refused_when_the_file_is_read(changes: dict[str, Any], told):
    with pytest.raises(ValidationError, match=told):
        bridge_world.config(**changes)


NOISY = {
    "table": "partner_audience",
    "allowed_columns": ["email_sha256", "age_band"],
    "custom": {
        "allowed_analyses": ["ANY_QUERY"],
        "allowed_authors": ["grocer"],
        "user_column": "email_sha256",
        "privacy": {"rows_per_person": 1},
    },
}
COUNTED = "SELECT COUNT(DISTINCT t.email_sha256) AS n FROM noisy t JOIN people m ON t.email_sha256 = m.{theirs} "
COUNTED += "JOIN ours_free o ON o.customer_id = m.{ours}"


def with_noise(text: str, noisy: dict[str, Any] = NOISY, **changes: Any) -> list[PrivateQuery]:
    config = bridge_world.config(**changes)
    plain = config.collaboration.model_dump(mode="json", by_alias=True, exclude_none=True)
    plain["configured_tables"]["noisy"] = noisy
    plain["privacy_budget"] = {"epsilon": 20, "users_noise_per_query": 10}
    plain["queries"] = {"q": {"sql": text, "description": "How many."}}
    return clean_room_assets.private_queries(config, type(config.collaboration).model_validate(plain))


TURNED = {"source": bridge_world.BRIDGE["target"], "target": bridge_world.BRIDGE["source"]}


def test_under_noise_the_protected_table_is_the_source_by_its_user_column(lake, tmp_path):
    [query] = with_noise(COUNTED.format(theirs="source_id", ours="target_id"), **TURNED)
    private_query.run(query, lake, EmbeddedCleanRoom(tmp_path / "clean_room" / "scratch", "500MB"), "r")
    [row] = lake.read(query.table).to_pylist()
    assert abs(row["n"] - 60) < 60


def test_one_person_of_the_target_decides_over_the_rows_of_others_and_is_refused_under_noise():
    """The runner gives each of its rows one person's mail, and for the second rule another's phone."""
    bridge = Bridge(Side("ours", "id"), Side("theirs", "id"), ((("mail", "mail"),), (("phone", "phone"),)))
    ours = rows(*((f"s{i}", "the one", f"p{i}", None) for i in range(50)))
    others = rows(*((f"t{i}", f"m{i}", f"p{i}", None) for i in range(50)))
    known = id_mapping.resolved(bridge, ours, others)
    assert len(set(known["target_id"].to_pylist())) == 50
    with_one = pa.concat_tables([others, rows(("one", "the one", None, None))])
    assert set(id_mapping.resolved(bridge, ours, with_one)["target_id"].to_pylist()) == {"one"}
    with pytest.raises(QueryRefusedError, match="people: make partner_audience its source, by email_sha256"):
        with_noise(COUNTED.format(theirs="target_id", ours="source_id"))
    turned = TURNED | {"source": TURNED["source"] | {"id": "age_band"}}
    with pytest.raises(QueryRefusedError, match="as its target one person would decide"):
        with_noise(COUNTED.format(theirs="source_id", ours="target_id"), **turned)


def test_one_person_of_a_source_moves_its_own_partner_alone():
    bridge = Bridge(Side("theirs", "id"), Side("ours", "id"), ((("mail", "mail"),), (("phone", "phone"),)))
    theirs = rows(*((f"t{i}", f"m{i % 3}", f"p{i % 5}", None) for i in range(12)))
    ours = rows(*((f"s{i}", f"m{i}", f"p{i}", None) for i in range(4)))
    whole = dict(zip(*id_mapping.resolved(bridge, theirs, ours).to_pydict().values(), strict=True))
    for i in range(12):
        without = id_mapping.resolved(bridge, pa.concat_tables([theirs.slice(0, i), theirs.slice(i + 1)]), ours)
        left = dict(zip(*without.to_pydict().values(), strict=True))
        assert left == {k: v for k, v in whole.items() if k != f"t{i}"}


def test_a_share_is_not_measured_under_noise_and_its_table_is_refused_there():
    config = bridge_world.config()
    plain = config.collaboration.model_dump(mode="json", by_alias=True, exclude_none=True)
    plain["configured_tables"]["noisy"] = NOISY
    plain["privacy_budget"] = {"epsilon": 20, "users_noise_per_query": 10}
    text = "SELECT COUNT(DISTINCT t.email_sha256) AS n FROM noisy t JOIN shared o ON o.email_sha256 = t.email_sha256"
    plain["configured_tables"]["shared"] = {
        "table": "partner_audience",
        "allowed_columns": ["email_sha256"],
        "custom": {
            "allowed_analyses": ["ANY_QUERY"],
            "allowed_authors": ["grocer"],
            "minimum_identities": {"column": "email_sha256", "minimum": 25},
        },
        "largest_share": 0.5,
    }
    plain["queries"] = {"q": {"sql": text, "description": "How many."}}
    offered = type(config.collaboration).model_validate(plain)
    with pytest.raises(QueryRefusedError, match="MIXED_RULE_TYPES: shared has a minimum of people and noisy is under"):
        [*clean_room_assets.private_queries(config, offered), *clean_room_assets.protected_queries(config, offered)]
