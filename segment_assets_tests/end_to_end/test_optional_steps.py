"""Steps 6 and 7, and the partner, are optional: everything else still runs."""

from pathlib import Path

import yaml

from segment_assets_tests.end_to_end.world import edited, opened_world
from segment_assets_tests.small_world import SMALL_SEGMENTATION


def test_without_graph_dashboard_and_partner_everything_else_is_built(tmp_path: Path) -> None:
    content = yaml.safe_load(SMALL_SEGMENTATION.read_text())
    one = {"churn_28d": content["targets"]["churn_28d"]}
    segments = {name: s for name, s in content["segments"].items() if s["target"] == "churn_28d"}
    config = edited(
        identity_graph=False, dashboard=False, audience=None, collaboration=None, targets=one, segments=segments
    )
    with opened_world(tmp_path, config) as world:
        built = {name.split("@")[0] for name in world.refresh()}
        names = {key.to_user_string() for key in world.defs.resolve_asset_graph().executable_asset_keys}
    assert built == names
    assert built.isdisjoint({"identity_graph", "dashboard", "partner_audience", "collaboration"})
    assert {"persons", "households", "features", "customer_scores/churn_28d", "predictive_segments/win_back"} <= built
