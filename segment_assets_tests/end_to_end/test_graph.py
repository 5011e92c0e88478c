"""Every artefact of the picture is an asset, and says what it is, whose it is, and when it is built."""

import dagster as dg
import pytest

from segment_assets import deployment
from segment_assets.definitions import platform
from segment_assets.segmentation import DEMO_FILE, load
from segment_assets_tests.end_to_end.world import World

LANDINGS = {"landing_events", "landing_customers", "landing_partner_audience"}
PICTURE = LANDINGS | {
    *("raw_events", "engagement_events", "customers", "partner_audience", "collaboration"),
    *("clean_room_results/audience_enrichment", "clean_room_results/audience_overlap"),
    *("identity_edges", "persons", "households", "identity_graph", "features", "dashboard"),
    *(
        f"{artefact}/{target}"
        for artefact in ("training_examples", "trained_model", "model_evaluation", "customer_scores")
        for target in ("churn_28d", "coupon_redemption_28d", "spend_28d")
    ),
    *(f"predictive_segments/{segment}" for segment in ("win_back", "coupon_lovers", "big_baskets")),
    *("pinpoint_import/win_back", "pinpoint_import/coupon_lovers"),
    "customer_profiles_import/big_baskets",
    *("file_handoff/win_back", "file_handoff/coupon_lovers", "file_handoff/big_baskets"),
}
STEPS = {
    *("first_party", "third_party", "clean_room", "identity", "modelling", "segments", "activation", "dashboards"),
}


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> dg.Definitions:
    home = tmp_path_factory.mktemp("home")
    config = load(DEMO_FILE)
    return platform(config, deployment.settings(config, base=home, under=home))


def test_every_artefact_of_the_picture_is_an_asset(demo: dg.Definitions) -> None:
    keys = demo.resolve_asset_graph().get_all_asset_keys()
    assert {key.to_user_string() for key in keys} == PICTURE


def test_every_asset_says_what_it_is_whose_it_is_and_when_it_is_built(demo: dg.Definitions) -> None:
    graph = demo.resolve_asset_graph()
    for key in graph.get_all_asset_keys():
        node, name = graph.get(key), key.to_user_string()
        assert node.group_name in STEPS, name
        assert node.kinds, name
        assert node.owners == ["team:marketing-data"], name
        assert (node.description or "").splitlines()[0].endswith("."), name
        assert node.freshness_policy, name
        assert bool(node.automation_condition) == (name not in LANDINGS), name
        assert bool(node.code_version) == (name not in LANDINGS), name


def test_runs_that_would_replace_the_same_table_or_tell_the_same_segment_wait_for_one_another(
    demo: dg.Definitions,
) -> None:
    pools = {a.key.to_user_string(): a.op.pool for a in demo.assets or () if isinstance(a, dg.AssetsDefinition)}
    without_a_table = {"collaboration", "identity_graph", "dashboard"}
    replacing = {key for key in pools if key not in without_a_table and not key.startswith("clean_room_results/")}
    shared = dict.fromkeys(("raw_events", "engagement_events"), "events")
    assert pools == {key: shared.get(key, key) if key in replacing else None for key in pools}
    assert replacing >= {"raw_events", "persons", "predictive_segments/win_back", "file_handoff/win_back"}


def test_every_policy_has_a_check_on_data_age_beside_it(demo: dg.Definitions) -> None:
    graph = demo.resolve_asset_graph()
    checked = {key.asset_key for key in graph.asset_check_keys if key.name == "data_age"}
    assert checked == {key for key in graph.get_all_asset_keys() if graph.get(key).freshness_policy}


def test_what_was_built_shows_rows_schema_table_and_as_of(world: World) -> None:
    without_a_table = {"collaboration", "identity_graph", "dashboard", "raw_events"}
    handed_over = ("trained_model", "pinpoint_import", "customer_profiles_import", "file_handoff")
    for key in world.defs.resolve_asset_graph().executable_asset_keys:
        name = key.to_user_string()
        event = world.instance.get_latest_materialization_event(key)
        assert event is not None, name
        metadata = event.asset_materialization.metadata
        assert "as_of" in metadata, name
        if name not in without_a_table and not name.startswith(handed_over):
            assert metadata.keys() >= {"dagster/row_count", "dagster/column_schema", "dagster/table_name"}, name
            schema = metadata["dagster/column_schema"].schema
            assert [c.name for c in schema.columns if not c.description] == [], name


def test_a_feature_is_traced_to_the_partners_column(world: World) -> None:
    def lineage(key: dg.AssetKey) -> dict[str, list[dg.TableColumnDep]]:
        event = world.instance.get_latest_materialization_event(key)
        return event.asset_materialization.metadata["dagster/column_lineage"].value.deps_by_column

    enrichment = dg.AssetKey(["clean_room_results", "audience_enrichment"])
    [feature] = [name for name in lineage(dg.AssetKey("features")) if "income_band" in name]
    assert dg.TableColumnDep(enrichment, "income_band") in lineage(dg.AssetKey("features"))[feature]
    assert lineage(enrichment)["income_band"] == [dg.TableColumnDep(dg.AssetKey("partner_audience"), "income_band")]
