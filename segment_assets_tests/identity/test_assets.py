"""Step 6 as Dagster runs it: what it shows, what it writes twice, and what it refuses."""

from pathlib import Path

import dagster as dg
import pytest

from segment_assets.identity import invariants
from segment_assets.identity.assets import assets
from segment_assets.identity.embedded import LadybugGraph
from segment_assets.identity.keys import KEY_VARIABLE, graph_key
from segment_assets.identity.tables import HOUSEHOLDS, IDENTITY_EDGES, PERSONS
from segment_assets.identity_config import Identity, Placeholders
from segment_assets.lake import Lake
from segment_assets.segmentation import DEMO_FILE, Segmentation, load
from segment_assets_tests.identity.worlds import write_customers

WORLD = {
    "ann@shop.io": ["email:ann@shop.io", "phone:+12065550101", "device:d1"],
    "ann 2": ["email:ann@shop.io", "address:1 oak"],
    "ben": ["address:1 oak", "device:d2", "email:none@example.com"],
    "çem": ["email:none@example.com"],
}


@pytest.fixture(scope="module")
def config() -> Segmentation:
    return load(DEMO_FILE)


@pytest.fixture
def graph(tmp_path: Path) -> LadybugGraph:
    return LadybugGraph(tmp_path / "graph", memory=2**28)


def materialize(config: Segmentation, lake: Lake, graph: LadybugGraph) -> dg.ExecuteInProcessResult:
    return dg.materialize(assets(config), resources={"lake": lake, "graph": graph})


def versions(run: dg.ExecuteInProcessResult) -> dict[str, str]:
    events = run.get_asset_materialization_events()
    return {
        e.asset_key.to_user_string(): e.materialization.tags["dagster/data_version"]
        for e in events
        if e.asset_key and e.materialization.tags
    }


def test_step_six_runs_and_shows_what_it_did(config: Segmentation, lake: Lake, graph: LadybugGraph):
    write_customers(lake, WORLD)
    run = materialize(config, lake, graph)
    assert set(versions(run)) == {"identity_edges", "persons", "households", "identity_graph"}
    assert all(check.passed for check in run.get_asset_check_evaluations())
    assert len(run.get_asset_check_evaluations()) == 9
    shown = {e.asset_key.to_user_string(): e.materialization.metadata for e in run.get_asset_materialization_events()}
    assert shown["identity_edges"]["graph_key"].value == "development"
    assert shown["persons"]["clusters"].value == 3
    assert shown["households"]["clusters"].value == 2
    assert shown["identity_graph"]["counts"].value["Customer"] == 4
    assert shown["identity_graph"]["dagster/row_count"].value == sum(shown["identity_graph"]["counts"].value.values())


def test_that_many_times_as_many_are_joined_as_before_is_told(config: Segmentation, lake: Lake, graph: LadybugGraph):
    def told(world: dict[str, list[str]]) -> dict[str, str | None]:
        write_customers(lake, world)
        found = materialize(config, lake, graph).get_asset_check_evaluations()
        return {c.asset_key.to_user_string(): c.description for c in found if c.check_name == "joined_as_before"}

    alone = {f"c{n}": [f"email:{n}@shop.io"] for n in range(120)}
    two = alone | {"twin": ["email:0@shop.io"]}
    assert told(two) == {"persons": None, "households": None}
    # A kiosk's address that only six share is below every cap, and there are twenty kiosks.
    kiosks = {f"c{n}": [f"email:kiosk{n % 20}@shop.io"] for n in range(120)}
    assert str(told(two | kiosks)["persons"]).startswith(
        "300 pairs of customers are in one, where the run before had 1:"
    )
    assert told(two | kiosks) == {"persons": None, "households": None}, "it is as it was the time before"
    assert str(told(two)["persons"]).startswith("1 pairs of customers are in one, where the run before had 300:")
    assert told(alone) == {"persons": None, "households": None}
    assert "where the run before had 0:" in str(told(alone | kiosks)["persons"]), "from nothing, too"


def test_a_share_in_quarantine_is_told_every_time(config: Segmentation, lake: Lake, graph: LadybugGraph):
    def told(world: dict[str, list[str]]) -> dict[str, str | None]:
        write_customers(lake, world)
        run = materialize(config, lake, graph)
        shown = {e.asset_key.path[-1]: e.materialization.metadata for e in run.get_asset_materialization_events()}
        assert shown["households"]["largest_before_it_was_taken_apart"].value == largest
        assert shown["households"]["largest"].value == 3
        found = [c for c in run.get_asset_check_evaluations() if c.check_name == "few_in_quarantine"]
        assert {c.severity for c in found} == {dg.AssetCheckSeverity.WARN}
        return {c.asset_key.to_user_string(): c.description for c in found}

    # Households of three by their landline; front desks that ten each share chain some of them into one.
    homes = {f"c{n:04}": [f"email:{n}@shop.io", f"phone:+1206{n // 3:07}"] for n in range(1_500)}
    largest = 18
    assert told(homes | chained(homes, 6)) == {"persons": None, "households": None}, "18 of 1,500 are few"
    largest = 60
    worse = homes | chained(homes, 20)
    first = told(worse)
    assert first["persons"] is None
    assert str(first["households"]).startswith("60 of 1,500 persons are in quarantine, and nobody of them is sent to:")
    assert told(worse) == first, "also where the run before had them"


def chained(homes: dict[str, list[str]], number: int) -> dict[str, list[str]]:
    """The first so many households of three, each member of one sharing a device with one of the next."""
    return {
        f"c{home * 3 + end:04}": [*homes[f"c{home * 3 + end:04}"], f"device:{home + end // 2}"]
        for home in range(number)
        for end in (0, 2)
    }


def test_the_same_customers_again_change_no_version_and_no_file(config: Segmentation, lake: Lake, graph: LadybugGraph):
    write_customers(lake, WORLD)
    first, served = versions(materialize(config, lake, graph)), graph.served()
    assert versions(materialize(config, lake, graph)) == first
    assert graph.served() == served


def test_a_graph_is_found_from_a_customer(config: Segmentation, lake: Lake, graph: LadybugGraph):
    write_customers(lake, WORLD)
    materialize(config, lake, graph)
    ann = graph_key().identifier("customer", "ann@shop.io")
    card = graph.ask("customer_card", {"customer": ann})[0]
    assert (card["person_rule"], card["person_customers"], card["household_persons"]) == ("same_email", 2, 2)
    assert {len(r) for r in graph.ask("household_members", {"customer": ann})} == {4}
    assert len(graph.ask("household_members", {"customer": ann})) == 3


def test_no_address_and_no_customer_id_can_be_read_in_the_graph(config: Segmentation, lake: Lake, graph: LadybugGraph):
    write_customers(lake, WORLD)
    run = materialize(config, lake, graph)
    files = b"".join(path.read_bytes() for path in graph.root.rglob("*") if path.is_file())
    assert graph_key().identifier("customer", "ann@shop.io").encode() in files
    events = "".join(str(event) for event in run.all_events).encode()
    for value in ("ann@shop.io", "12065550101", "none@example.com", "çem"):
        assert value.encode() not in files
        assert value.encode() not in events


def test_without_the_graph_persons_and_households_are_still_there(config: Segmentation, lake: Lake):
    off = config.model_copy(update={"identity_graph": False})
    assert [a.key.to_user_string() for a in assets(off) if isinstance(a, dg.AssetsDefinition)] == [
        "identity_edges",
        "persons",
        "households",
    ]
    write_customers(lake, WORLD)
    assert dg.materialize(assets(off), resources={"lake": lake}).success
    assert (lake.state(PERSONS).rows, lake.state(HOUSEHOLDS).rows) == (4, 3)


def test_a_new_key_is_new_code_and_new_identifiers(
    config: Segmentation, lake: Lake, graph: LadybugGraph, monkeypatch: pytest.MonkeyPatch
):
    write_customers(lake, WORLD)
    monkeypatch.delenv(KEY_VARIABLE, raising=False)
    before = {a.key: a.code_versions_by_key[a.key] for a in assets(config) if isinstance(a, dg.AssetsDefinition)}
    first = versions(materialize(config, lake, graph))
    monkeypatch.setenv(KEY_VARIABLE, "0123456789abcdef0123456789abcdef")
    after = {a.key: a.code_versions_by_key[a.key] for a in assets(config) if isinstance(a, dg.AssetsDefinition)}
    second = versions(materialize(config, lake, graph))
    assert {k.to_user_string() for k in before if before[k] != after[k]} == {"identity_edges", "identity_graph"}
    assert {k for k in first if first[k] != second[k]} == {"identity_edges", "identity_graph"}


def test_another_placeholder_makes_the_edges_anew_and_nothing_else(config: Segmentation):
    own = config.model_copy(update={"identity": Identity(placeholders=Placeholders(email=["frontdesk@hotel.example"]))})
    before, after = (
        {a.key.to_user_string(): a.code_versions_by_key[a.key] for a in assets(c) if isinstance(a, dg.AssetsDefinition)}
        for c in (config, own)
    )
    assert [name for name in before if before[name] != after[name]] == ["identity_edges"]


def test_a_customer_lost_on_the_way_blocks_what_lies_below(
    config: Segmentation, lake: Lake, graph: LadybugGraph, monkeypatch: pytest.MonkeyPatch
):
    write_customers(lake, WORLD)
    write = lake.write

    def losing(table, rows, *args, **kwargs):
        return write(table, rows.slice(1) if table is PERSONS else rows, *args, **kwargs)

    monkeypatch.setattr(lake, "write", losing)
    run = dg.materialize(assets(config), resources={"lake": lake, "graph": graph}, raise_on_error=False)
    failed = [check.check_name for check in run.get_asset_check_evaluations() if not check.passed]
    assert failed == ["every_customer_is_one_person"]
    assert lake.state(HOUSEHOLDS).rows == 0
    assert lake.state(IDENTITY_EDGES).rows == 9


def test_persons_of_an_older_reading_do_not_replace_those_of_a_newer_one(
    config: Segmentation, lake: Lake, graph: LadybugGraph, monkeypatch: pytest.MonkeyPatch
):
    write_customers(lake, WORLD)
    counted = invariants.pairs

    def after_another(*asked: object) -> int:
        monkeypatch.setattr(invariants, "pairs", counted)
        write_customers(lake, WORLD | {"dan": ["email:dan@shop.io"]})
        materialize(config, lake, graph)
        return counted(*asked)

    monkeypatch.setattr(invariants, "pairs", after_another)
    materialize(config, lake, graph)
    assert lake.read(PERSONS)["customer_id"].to_pylist() == ["ann 2", "ann@shop.io", "ben", "dan", "çem"]
