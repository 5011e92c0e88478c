"""What a guard held back is said, with what lets it through."""

import dagster as dg
import pytest

from segment_assets.activation.assets import assets
from segment_assets.lake import FolderStore
from segment_assets.operations.held_back import sentences
from segment_assets_tests.activation.world import addresses, members
from segment_assets_tests.segments.world import config


@pytest.fixture
def told(lake, tmp_path, instance):
    """Tells the hand-off who is in, with the segment's guards; what is said of it afterwards."""
    addresses(lake)

    def tell(scores, **guards):
        members(lake, scores)
        settings = config(**guards)
        exports = FolderStore(tmp_path / "exports")
        dg.materialize(assets(settings), resources={"lake": lake, "exports": exports}, instance=instance)
        return sentences(instance, settings)

    return tell


def test_joiners_that_max_change_holds_back_are_said_until_they_are_let_through(told):
    assert told({"anna": 0.9}, max_change=0.05) == []
    [said] = told({"anna": 0.9, "bo": 0.8}, max_change=0.05)
    assert said == (
        "win_back at handoff is held back, nobody is told. max_change: 50% of the customers concerned would join or "
        "leave, and more than 5% is not activated. To let it through, raise segments.win_back.max_change in "
        "segmentation.yaml, refresh, and set it back."
    )
    assert told({"anna": 0.9, "bo": 0.8}, max_change=1.0) == []
    assert told({"anna": 0.9, "bo": 0.8}, max_change=0.05) == []


def test_where_only_departures_were_told_it_is_said_so(told):
    told({"anna": 0.9, "bo": 0.8}, min_size=2)
    [said] = told({"anna": 0.9}, min_size=2)
    assert said.startswith("win_back at handoff is held back, only who left was told. min_size: the segment has 1 ")
    assert "lower segments.win_back.min_size" in said


def test_what_was_never_activated_is_not_held_back(instance):
    assert sentences(instance, config()) == []


def test_where_nobody_is_wanted_nobody_is_held_back(told):
    told({"anna": 0.9, "bo": 0.8})
    assert told({}, where="FALSE") == []
    assert told({}, where="FALSE", max_change=0.05) == []


def test_where_that_nobody_meets_lets_nobody_out_who_may_be_reached(told):
    told({"anna": 0.9, "bo": 0.8})
    [said] = told({}, where="score > 0.95")
    assert said == (
        "win_back at handoff is held back, nobody is told. nobody: where asks for nobody of the 4 customers who were "
        "scored and may be reached; their highest probability is 0.3. To let it through, set segments.win_back.where: "
        '"FALSE" in segmentation.yaml, refresh, and set it back.'
    )
    assert told({}, where="FALSE") == []
    assert told({}, where="score > 0.95") == []
