"""The small world other tests stand on: quick, the same every time, and with something to learn in it."""

import duckdb

from segment_assets import segmentation
from segment_assets.demo.replay import replay
from segment_assets.lake import FolderStore
from segment_assets_tests.demo.conftest import contents
from segment_assets_tests.small_world import SMALL_SEGMENTATION, TODAY, small_source, small_world


def test_the_same_arguments_give_the_same_bytes_and_another_seed_others(tmp_path):
    def world(name: str, seed: int) -> dict[str, bytes]:
        landing, partner = FolderStore(tmp_path / name / "l"), FolderStore(tmp_path / name / "p")
        small_world(landing, partner, customers=20, days=40, seed=seed)
        return contents(landing) | contents(partner)

    assert world("a", 1) == world("b", 1) != world("c", 2)


def test_it_has_some_of_everything(landing, tmp_path):
    done = small_world(landing, FolderStore(tmp_path / "p"))
    assert min(done.baskets, done.sends, done.redemptions, done.duplicates, done.malformed, done.late) > 0
    assert (done.last_day - done.first_day).days + 1 == 200
    assert done.partner_rows == 72


def test_its_configuration_loads_and_names_the_same_targets_as_the_demos():
    small, demo = segmentation.load(SMALL_SEGMENTATION), segmentation.load(segmentation.DEMO_FILE)
    assert small.targets == demo.targets
    assert set(small.segments) == set(demo.segments)


def test_who_buys_often_rarely_stays_away():
    with duckdb.connect() as db:
        db.register("baskets", small_source(120, 200, 0).baskets)
        seen = db.sql(
            """
            SELECT household_id,
              COUNT(*) FILTER (WHERE occurred_at < DATE '2017-12-01' AND occurred_at >= DATE '2017-09-08') AS bought,
              COUNT(*) FILTER (WHERE occurred_at >= DATE '2017-12-01') = 0 AS stayed_away
            FROM baskets GROUP BY household_id HAVING bought > 0 ORDER BY household_id
            """
        ).fetchall()
    often = [away for _, bought, away in seen if bought > 9]
    seldom = [away for _, bought, away in seen if bought <= 9]
    assert sum(often) / len(often) < 0.15 < sum(seldom) / len(seldom)


def test_progress_counts_arrival_days_and_ends_with_all_of_them(landing, tmp_path):
    told: list[tuple[int, int]] = []
    data = small_source(30, 60, 0)
    done = replay(landing, FolderStore(tmp_path / "p"), TODAY, data=data, on_progress=lambda *days: told.append(days))
    days = (done.last_day - done.first_day).days + 1
    assert told == sorted(told)
    assert told[-1] == (days, days)
