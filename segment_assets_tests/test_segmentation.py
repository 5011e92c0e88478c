"""A mistake in segmentation.yaml is one sentence: file, path in the file, what is wrong, the nearest valid choice."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from segment_assets.segmentation import DEMO_FILE, ConfigError, load


def changed(tmp_path: Path, path: str, value: Any) -> Path:
    content = yaml.safe_load(DEMO_FILE.read_text())
    *parents, last = path.split(".")
    node = content
    for parent in parents:
        node = node[parent]
    if value is None:
        del node[last]
    else:
        node[last] = value
    file = tmp_path / "segmentation.yaml"
    file.write_text(yaml.safe_dump(content))
    return file


MISTAKES = [
    ("targets.churn_28d.horizn", "28d", 'churn_28d.horizn: no such key "horizn" (did you mean "horizon"?)'),
    ("targets.churn_28d.horizon", "2 moons", "targets.churn_28d.horizon: must be a number of days or weeks"),
    (
        "targets.churn_28d.kind",
        "abscence",
        'targets.churn_28d.kind: "abscence" is not a choice (did you mean "absence"?)',
    ),
    ("targets.spend_28d.metric", None, "targets.spend_28d: metric belongs to kind: value"),
    ("segments.win_back.target", "churn", 'segments.win_back.target: no target is named "churn"'),
    ("segments.win_back.destinations", ["pinpont"], 'no destination is named "pinpont" (did you mean "pinpoint"?)'),
    ("segments.win_back.purpose", None, "segments.win_back.purpose: is missing"),
    ("segments.win_back.channels", ["mail"], '"mail" is not a choice (did you mean "email"?)'),
    ("segments.win_back.where", None, "segments.win_back: give where (a predicate), top"),
    ("destinations.handoff.kind", "file", 'destinations.handoff: kind "file" is not a choice'),
    ("collaboration.configured_tables.audience_list.list", None, "give exactly one analysis rule"),
    ("audience", None, "audience and collaboration belong together"),
    ("landng", {}, 'landng: no such key "landng" (did you mean "landing"?)'),
    ("targets", {}, "targets: "),
    ("segments.win_back.holdout", 0.9, "segments.win_back.holdout: "),
]


@pytest.mark.parametrize(("path", "value", "sentence"), MISTAKES)
def test_a_mistake_is_said_in_one_sentence(tmp_path: Path, path: str, value: Any, sentence: str) -> None:
    with pytest.raises(ConfigError) as mistake:
        load(changed(tmp_path, path, value))
    assert sentence in str(mistake.value)
    assert all(line.startswith("segmentation.yaml: ") for line in str(mistake.value).splitlines())


def test_the_demos_own_file_and_the_starter_are_valid() -> None:
    assert load(DEMO_FILE).targets.keys() == {"churn_28d", "coupon_redemption_28d", "spend_28d"}
    starter = Path(__file__).parents[1] / "segment_assets" / "operations" / "starter.yaml"
    assert load(starter).landing.events.format == "table"


def test_what_is_no_yaml_or_no_file_is_said_so(tmp_path: Path) -> None:
    broken = tmp_path / "broken.yaml"
    broken.write_text("name: [")
    with pytest.raises(ConfigError, match="not YAML"):
        load(broken)
    with pytest.raises(ConfigError, match="segment-assets init"):
        load(tmp_path / "none.yaml")
