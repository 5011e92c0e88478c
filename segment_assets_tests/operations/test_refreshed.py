"""What changed between a refresh and the daemon's first look is said, for the daemon can't know it."""

from pathlib import Path

from segment_assets.operations.refreshed import changed, keep
from segment_assets.segmentation import load
from segment_assets_tests.small_world import SMALL_SEGMENTATION


def test_another_configuration_than_the_last_refresh_saw_is_noticed(tmp_path: Path) -> None:
    config = load(SMALL_SEGMENTATION)
    keep(tmp_path, config)
    assert not changed(tmp_path, config)
    other = {name: segment.model_copy(update={"holdout": 0.25}) for name, segment in config.segments.items()}
    assert changed(tmp_path, config.model_copy(update={"segments": other}))


def test_before_the_first_refresh_everything_is_built_anyway(tmp_path: Path) -> None:
    assert not changed(tmp_path, load(SMALL_SEGMENTATION))
