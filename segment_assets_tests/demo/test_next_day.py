"""After the year the year begins again, one arrival day at a time."""

import shutil
from datetime import timedelta

import pytest

from segment_assets.demo.replay import last_day, next_day, replay
from segment_assets.demo.source import DemoError
from segment_assets.lake import FolderStore
from segment_assets_tests.demo.conftest import TODAY, contents, sound_records
from segment_assets_tests.small_world import small_next_day, small_source, small_world

SIZE = {"customers": 40, "days": 60}


def test_the_next_day_is_one_new_arrival_day_and_nothing_else(landing, tmp_path):
    partner = FolderStore(tmp_path / "partner")
    small_world(landing, partner, **SIZE)
    before = contents(landing) | contents(partner)
    done = small_next_day(landing, partner, **SIZE)
    new = {k: v for k, v in (contents(landing) | contents(partner)).items() if before.get(k) != v}
    assert done.first_day == done.last_day == last_day(landing) == TODAY + timedelta(days=1)
    assert new
    assert all(key.startswith("events/2026/11/21/") for key in new)
    assert len(new) == done.written == done.objects <= 4
    small_next_day(landing, partner, **SIZE)
    assert last_day(landing) == TODAY + timedelta(days=2)


def test_a_next_day_that_was_killed_is_finished_before_another_begins(landing, tmp_path):
    partner = FolderStore(tmp_path / "partner")
    small_world(landing, partner, **SIZE)
    small_next_day(landing, partner, **SIZE)
    whole = contents(landing)
    (lost,) = landing.list("events/2026/11/21/")[:1]
    landing.root.joinpath(lost.key).unlink()
    assert small_next_day(landing, partner, **SIZE).written == 1
    assert contents(landing) == whole


def test_a_replay_that_was_killed_is_finished_with_the_same_bytes(landing, tmp_path):
    partner = FolderStore(tmp_path / "partner")
    small_world(landing, partner, **SIZE)
    whole = contents(landing)
    shutil.rmtree(landing.root / "events/2026/10")
    assert small_world(landing, partner, **SIZE).written == sum("events/2026/10" in key for key in whole)
    assert contents(landing) == whole


def test_without_a_replay_there_is_no_next_day(landing, tmp_path):
    with pytest.raises(DemoError, match="no whole replay"):
        next_day(landing, FolderStore(tmp_path), data=small_source(10, 50, 0))


def test_a_copy_of_the_customers_does_the_same_a_minute_later(landing, tmp_path):
    twice = replay(landing, FolderStore(tmp_path / "p"), TODAY, customers_factor=2, data=small_source(30, 60, 0))
    once = replay(FolderStore(tmp_path / "l1"), FolderStore(tmp_path / "p1"), TODAY, data=small_source(30, 60, 0))
    assert (twice.baskets, twice.customers, twice.partner_rows) == (
        2 * once.baskets,
        2 * once.customers,
        2 * once.partner_rows,
    )
    basket_ids = {r.attributes.get("basket_id") for _, _, r in sound_records(landing)} - {None}
    assert len(basket_ids) == twice.baskets
