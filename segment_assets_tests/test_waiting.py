"""How it is waited: soon at first, then less often, and not for ever."""

import pytest

from segment_assets.waiting import Pace


@pytest.fixture
def waited() -> list[float]:
    return []


def test_pauses_grow_to_the_longest(waited: list[float]) -> None:
    pace = Pace(first=1, most=5, growth=2, deadline=3600, pause=waited.append)
    turns = pace.turns()
    assert [next(turns) for _ in range(6)] == [False] * 6
    assert waited == [1, 2, 4, 5, 5]


def test_behind_the_deadline_there_is_one_look_more(waited: list[float]) -> None:
    pace = Pace(deadline=0, pause=waited.append)
    assert list(pace.turns()) == [True]
    assert pace.until(lambda: None) is None
    assert pace.until(lambda: "found") == "found"
    assert waited == []


def test_no_pause_is_longer_than_what_is_left(waited: list[float]) -> None:
    for _ in Pace(first=60, deadline=0.05, pause=waited.append).turns():
        if waited:
            break
    assert waited[0] <= 0.05


def test_jitter_stays_within_its_share(waited: list[float]) -> None:
    for _ in range(20):
        turns = Pace(first=1, deadline=3600, jitter=0.25, pause=waited.append).turns()
        next(turns), next(turns)
    assert all(0.75 <= pause <= 1.25 for pause in waited)
    assert len({*waited}) > 1
