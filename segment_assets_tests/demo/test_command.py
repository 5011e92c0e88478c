"""Which replay `make demo` goes on with."""

import json
import shutil
from datetime import timedelta

from segment_assets.demo.command import Year, known
from segment_assets.lake import FolderStore
from segment_assets_tests.demo.conftest import TODAY
from segment_assets_tests.small_world import small_world

LATER = TODAY + timedelta(days=3)


def test_a_whole_replay_is_not_begun_again(landing, tmp_path):
    marker = tmp_path / "demo.json"
    assert known(marker, landing, TODAY) == Year("2026-11-20", complete=False)
    small_world(landing, FolderStore(tmp_path / "partner"), customers=40, days=60)
    marker.write_text(json.dumps({"today": "2026-11-20", "complete": True}))
    assert known(marker, landing, LATER) == Year("2026-11-20", complete=True)


def test_a_replay_that_was_killed_keeps_its_last_day(landing, tmp_path):
    small_world(landing, FolderStore(tmp_path / "partner"), customers=40, days=60)
    assert known(tmp_path / "demo.json", landing, LATER) == Year("2026-11-20", complete=False)


def test_a_landing_place_that_was_emptied_is_filled_anew_whatever_the_marker_says(landing, tmp_path):
    small_world(landing, FolderStore(tmp_path / "partner"), customers=40, days=60)
    marker = tmp_path / "demo.json"
    marker.write_text(json.dumps({"today": "2026-11-20", "complete": True}))
    shutil.rmtree(landing.root)
    assert known(marker, landing, LATER) == Year("2026-11-23", complete=False)
