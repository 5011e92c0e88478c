"""The owner's report: one person's share of each row that left, and the runner's; and a share that keeps a row back."""

import io
from typing import Any

import pyarrow as pa
import pytest
from rich.console import Console

from segment_assets import deployment, segmentation
from segment_assets.clean_room import assets as clean_room_assets
from segment_assets.clean_room import protected_query, shares
from segment_assets.clean_room.collaboration import CollaborationError
from segment_assets.clean_room.embedded import EmbeddedCleanRoom
from segment_assets.clean_room.port import QueryFailedError
from segment_assets.clean_room.protected_query import ProtectedQuery
from segment_assets.clean_room.reasons import QueryRefusedError
from segment_assets.clean_room.shares import sentences
from segment_assets.clean_room.tables import RELEASED_GROUPS
from segment_assets.first_party.tables import CUSTOMERS
from segment_assets.lake import Lake
from segment_assets.operations import clean_room_command
from segment_assets_tests.clean_room import custom_world, world

PLAIN = (
    "SELECT p.age_band, COUNT(*) AS n FROM customers_custom c JOIN audience_custom p "
    "ON c.email_sha256 = p.email_sha256 "
)


def asked(text: str, **audience: Any) -> ProtectedQuery:
    config = custom_world.config(audience_custom=audience)
    query = type(config.collaboration.queries["age_ranks"])(sql=text, description="A query.")
    offered = config.collaboration.model_copy(update={"queries": {"q": query}})
    [found] = clean_room_assets.protected_queries(config, offered)
    return found


@pytest.fixture
def room(tmp_path) -> EmbeddedCleanRoom:
    return EmbeddedCleanRoom(tmp_path / "clean_room" / "scratch", "500MB")


def fan_out(lake: Lake, times: int) -> None:
    """The runner lists one of its customers many times."""
    rows = lake.read(CUSTOMERS)
    again = [rows.slice(1, 1).set_column(0, "customer_id", pa.array([f"x{i}"])) for i in range(times)]
    lake.write(CUSTOMERS, pa.concat_tables([rows, *again]), "r")


def test_one_person_s_share_of_every_row_is_told_to_the_owner_alone(lake, room):
    world.fill(lake)
    fan_out(lake, 60)
    outcome = protected_query.run(asked(PLAIN + "GROUP BY p.age_band"), lake, room, "r")
    assert outcome.rows.to_pylist() == [{"age_band": "19-24", "n": 120}]
    [told] = lake.read(RELEASED_GROUPS).to_pylist()
    # 60 people with a row each, and one of them 60 times more.
    assert (told["people"], told["largest_share"], told["left"]) == (60, round(61 / 120, 6), True)
    assert RELEASED_GROUPS.name.startswith("partner.")
    assert "share" not in str(outcome.written)


def test_the_runner_s_share_of_the_people_is_told(lake, room):
    world.fill(lake)
    fan_out(lake, 60)
    config = custom_world.config()
    [overlap] = [
        q for q in clean_room_assets.protected_queries(config, config.collaboration) if q.name == "audience_overlap"
    ]
    protected_query.run(overlap, lake, room, "r")
    [told] = lake.read(RELEASED_GROUPS).to_pylist()
    # 60 people of the partner, for whom the runner counts 120 customers.
    assert (told["people"], told["runner_people"], told["runner_share"]) == (60, 120, round(120 / 180, 6))
    assert list(sentences([told])) == [
        "audience_overlap of undated data, row 1: 60 people of partner_audience, 51% of it is one person, 67% of both "
        "sides' people are of grocer"
    ]


def test_a_row_that_one_person_weighs_too_much_on_does_not_leave(lake, room):
    world.fill(lake)
    limited = asked(PLAIN + "GROUP BY p.age_band", largest_share=0.5)
    assert protected_query.run(limited, lake, room, "r").rows.num_rows == 1
    fan_out(lake, 60)
    outcome = protected_query.run(limited, lake, room, "r2")
    assert outcome.rows.num_rows == 0
    # To the runner it is as if nobody were there.
    assert (outcome.minimum_kept, outcome.keys_unique) == (True, True)
    assert sorted(lake.read(RELEASED_GROUPS)["left"].to_pylist()) == [False, True]


@pytest.mark.parametrize("tables", [("limited", "audience_custom"), ("audience_custom", "limited")])
def test_of_two_tables_of_one_source_the_smaller_limit_holds_wherever_it_stands(lake, room, tables):
    world.fill(lake)
    fan_out(lake, 60)
    config = custom_world.config(audience_custom={"largest_share": 0.9})
    offered = config.collaboration
    limited = offered.configured_tables["audience_custom"].model_copy(update={"largest_share": 0.5})
    text = (
        "SELECT p.age_band, COUNT(*) AS n FROM customers_custom c JOIN {} x ON c.email_sha256 = x.email_sha256 "
        "JOIN {} p ON c.email_sha256 = p.email_sha256 GROUP BY p.age_band"
    )
    asked_ = offered.queries["age_ranks"].model_copy(update={"sql": text.format(*tables)})
    changes = {"configured_tables": offered.configured_tables | {"limited": limited}, "queries": {"q": asked_}}
    [query] = clean_room_assets.protected_queries(config, offered.model_copy(update=changes))
    assert protected_query.run(query, lake, room, "r").rows.num_rows == 0
    assert lake.read(RELEASED_GROUPS)["left"].to_pylist() == [False]


def test_a_table_that_is_read_twice_is_measured_by_the_reading_in_which_one_person_weighs_most(lake, room):
    world.fill(lake)
    # Everybody stands beside everybody of one age, so in the first reading nobody weighs more than another.
    text = (
        "SELECT p.age_band, COUNT(*) AS n FROM audience_custom x JOIN audience_custom p ON x.age_band = p.age_band "
        "JOIN customers_custom c ON c.email_sha256 = p.email_sha256 GROUP BY p.age_band"
    )
    fan_out(lake, 60)
    outcome = protected_query.run(asked(text, largest_share=0.5), lake, room, "r")
    assert outcome.rows.num_rows == 0
    [told] = lake.read(RELEASED_GROUPS).to_pylist()
    assert (told["people"], told["largest_share"]) == (60, round(61 / 120, 6))


def test_a_share_that_nobody_would_measure_is_refused_when_it_is_declared():
    config = custom_world.config()
    tables = config.collaboration.configured_tables

    def refusal(name: str, **changes: Any) -> str:
        table = tables[name].model_copy(update={"largest_share": 0.5} | changes)
        content = config.collaboration.model_copy(update={"configured_tables": tables | {name: table}})
        with pytest.raises(CollaborationError) as refused:
            clean_room_assets.declared(config, content)
        return str(refused.value)

    bare = tables["audience_custom"].custom_rule.model_copy(update={"minimum_identities": None})
    assert refusal("audience_custom", custom_rule=bare) == (
        "segmentation.yaml: collaboration.configured_tables.audience_custom.largest_share: nothing says which column "
        "tells persons apart: give custom.minimum_identities beside it"
    )
    assert "customers_custom.largest_share: what is measured are people of demographics partner, and grocer" in refusal(
        "customers_custom"
    )


def test_a_share_that_can_not_be_measured_refuses_the_query(lake, room):
    world.fill(lake)
    with pytest.raises(QueryRefusedError, match=r"audience_custom\.largest_share is measured in queries of one SELECT"):
        asked("SELECT n FROM (SELECT COUNT(*) AS n FROM audience_custom) q", largest_share=0.5)

    class Elsewhere(EmbeddedCleanRoom):
        populations = None

    flat = asked(PLAIN + "GROUP BY p.age_band", largest_share=0.5)
    with pytest.raises(QueryFailedError, match="on one machine alone"):
        protected_query.run(flat, lake, Elsewhere(room.scratch), "r")


def test_the_record_keeps_the_newest_days_and_the_rows_in_which_one_person_weighs_most(monkeypatch):
    monkeypatch.setattr(shares, "MOST_KEPT", 3)

    def row(key: str, as_of: str, share: float) -> dict[str, Any]:
        who = {"source": "partner_audience", "identity": "email_sha256", "query": "q", "runner": "grocer", "row": 0}
        return who | {"content_key": key, "as_of": as_of, "largest_share": share, "people": 30, "left": True}

    before = [row("a", "2026-01-01", 0.9), row("b", "2026-01-02", 0.1), row("c", "2026-01-02", 0.2), row("e", "", 1.0)]
    report = [row("d", "2026-01-01", 0.0), row("f", "2026-01-01", 0.0)]
    tables = [pa.Table.from_pylist(rows, RELEASED_GROUPS.schema) for rows in (before, report)]
    assert shares.with_report(*tables)["content_key"].to_pylist() == ["c", "d", "f"]
    again = shares.with_report(shares.with_report(*tables), tables[1])
    assert sorted(again["content_key"].to_pylist()) == ["c", "d", "f"]


def test_a_list_is_of_people_and_has_no_share(lake, room):
    world.fill(lake)
    config = custom_world.config()
    found = clean_room_assets.protected_queries(config, config.collaboration)
    protected_query.run(found[0], lake, room, "r")
    assert lake.read(RELEASED_GROUPS).num_rows == 0
    tables = config.collaboration.configured_tables
    limited = tables["audience_list"].model_copy(update={"largest_share": 0.5})
    content = config.collaboration.model_copy(update={"configured_tables": tables | {"audience_list": limited}})
    with pytest.raises(CollaborationError, match=r"audience_list\.largest_share: it is for aggregated rows"):
        clean_room_assets.declared(config, content)


def test_the_commands_tell_shares_and_what_is_left_of_access_budgets(lake, room, monkeypatch):
    world.fill(lake)
    config = custom_world.config()
    by_name = {q.name: q for q in clean_room_assets.protected_queries(config, config.collaboration)}
    protected_query.run(by_name["age_ranks"], lake, room, "r")
    protected_query.run(by_name["audience_overlap"], lake, room, "r")
    monkeypatch.setattr(segmentation, "load", lambda *_: config)
    here = {"lake": lake, "clean_room": room}
    monkeypatch.setattr(deployment, "resource", lambda _, name: here[name])
    written = io.StringIO()
    console = Console(file=written, width=200)
    assert clean_room_command.budget(console)
    assert clean_room_command.shares(console)
    told = written.getvalue()
    assert "audience_custom: 1 of 3 uses spent" in told
    assert "audience_custom: 1 of 100 uses spent (for ever), 99 left" in told
    assert "2% of it is one person" in told
