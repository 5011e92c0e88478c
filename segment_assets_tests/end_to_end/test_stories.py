"""What runs when, told as stories on the real definitions."""

import json

import dagster as dg
import yaml

from segment_assets.operations.refresh import Refresh
from segment_assets_tests.end_to_end.world import World, edited
from segment_assets_tests.small_world import SMALL_SEGMENTATION, TODAY, small_next_day

LATE = {
    "event_type": "_monetization.purchase",
    "event_timestamp": 1794262000000,  # 2026-11-09, a day before it arrived
    "arrival_timestamp": 1794351599000,
    "event_version": "3.1",
    "application": {"app_id": "a", "sdk": {}},
    "client": {"client_id": "late"},
    "device": {},
    "session": {},
    "attributes": {},
    "metrics": {"amount": 1.5},
    "awsAccountId": "111122223333",
}
GATES = {"customers", "partner_audience", "collaboration"}


def names(built: list[str]) -> set[str]:
    return {name.split("@")[0] for name in built}


def test_everything_is_built_from_nothing(world: World) -> None:
    graph = world.defs.resolve_asset_graph()
    assert names(world.built) == {k.to_user_string() for k in graph.executable_asset_keys}
    assert len([n for n in world.built if n.startswith("raw_events@")]) == 200


def test_where_nothing_arrived_nothing_is_built(world: World) -> None:
    assert world.refresh() == []


def test_an_unchanged_day_replayed_builds_nothing_below_the_gates(world: World) -> None:
    world.force("raw_events", str(TODAY))
    assert world.refresh() == []


def test_a_touched_object_is_no_new_object(world: World) -> None:
    for file in world.landing.root.rglob("*.gz"):
        file.touch()
    assert world.refresh() == []


def test_a_new_day_loads_its_partition_and_what_may_see_it(world: World) -> None:
    small_next_day(world.landing, world.partner_landing)
    built = world.refresh()
    assert [n for n in built if n.startswith("raw_events")] == ["raw_events@2026-11-21"]
    assert {"engagement_events", "features", "customer_scores/churn_28d"} <= names(built)
    assert names(built).isdisjoint(GATES | {"trained_model/churn_28d", "clean_room_results/audience_overlap"})


def test_a_late_record_changes_its_partition_and_the_features(world: World) -> None:
    world.landing.write("events/2026/11/10/23/late-1-2026-11-10-23-59-59-0", json.dumps(LATE).encode())
    built = world.refresh()
    assert [n for n in built if n.startswith("raw_events")] == ["raw_events@2026-11-10"]
    assert {"engagement_events", "features"} <= names(built)


def test_changed_partner_data_refreshes_what_depends_on_it_and_not_raw_events(world: World) -> None:
    [newest] = world.partner_landing.list("partner/audience/")[-1:]
    header, _, *others = world.partner_landing.read(newest.key).decode().splitlines(keepends=True)
    world.partner_landing.write(newest.key, "".join([header, *others]).encode())
    built = names(world.refresh())
    assert {"partner_audience", "collaboration"} <= built
    assert built.isdisjoint({"raw_events", "engagement_events", "customers"})


def test_new_configuration_rebuilds_its_target_and_no_gate(world: World) -> None:
    content = yaml.safe_load(SMALL_SEGMENTATION.read_text())
    content["targets"]["churn_28d"]["seed"] = 7
    world.use(edited(targets=content["targets"]))
    built = names(world.refresh())
    assert {"trained_model/churn_28d", "model_evaluation/churn_28d"} <= built
    assert built.isdisjoint(GATES | {"raw_events", "engagement_events"})
    assert "trained_model/spend_28d" not in built


def test_a_run_whose_process_is_gone_blocks_nothing(world: World) -> None:
    key = dg.AssetKey("features")
    run = world.instance.create_run_for_job(
        world.defs.resolve_implicit_global_asset_job_def(),
        asset_selection={key},
        tags={"segment_assets/process": "999999999"},
        status=dg.DagsterRunStatus.STARTED,
    )
    world.refresh()
    assert world.instance.get_run_by_id(run.run_id).status == dg.DagsterRunStatus.FAILURE


def test_after_a_new_mapping_nothing_is_sent_until_every_day_is_of_it(world: World) -> None:
    landing = yaml.safe_load(SMALL_SEGMENTATION.read_text())["landing"]
    landing["events"]["format"] = "auto"
    world.use(edited(landing=landing))
    sent, handoff = world.hashes()["activation.activation_ledger"], dg.AssetKey(["file_handoff", "win_back"])
    assert not Refresh(world.defs, world.instance, world.home / "state").execute([handoff], []).success
    assert world.hashes()["activation.activation_ledger"] == sent
    world.force("engagement_events")
    world.force("file_handoff/win_back")
