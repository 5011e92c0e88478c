"""Data age looks at data, not at runs."""

from datetime import date, timedelta

import pytest

from segment_assets.operations.data_age import ages, below

TODAY = date(2026, 11, 23)


def test_old_data_fails_and_young_or_undated_data_passes() -> None:
    limits = dict.fromkeys(("young", "old", "undated"), timedelta(days=3))
    found = ages({"young": date(2026, 11, 20), "old": date(2026, 11, 19), "undated": None}, limits, TODAY)
    assert {a.asset: a.passed for a in found} == {"young": True, "old": False, "undated": True}


def test_the_sentence_says_how_old_and_what_is_allowed() -> None:
    [age] = ages({"raw_events": date(2026, 11, 13)}, {"raw_events": timedelta(days=3)}, TODAY)
    assert age.sentence == "rests on data of 2026-11-13, 10 days old: beyond the 3 days allowed"


@pytest.mark.parametrize(
    ("day", "said"), [(24, "from tomorrow"), (26, "3 days ahead of the clock"), (23, "0 days old")]
)
def test_data_ahead_of_the_clock_is_not_some_negative_age(day: int, said: str) -> None:
    [age] = ages({"dashboard": date(2026, 11, day)}, {"dashboard": timedelta(days=3)}, TODAY)
    assert age.sentence == f"rests on data of 2026-11-{day}, {said}: within the 3 days allowed"


def test_below_is_the_asset_and_everything_downstream() -> None:
    parents = {"b": ["a"], "c": ["b", "x"], "d": ["x"], "x": []}
    assert below("a", parents) == {"a", "b", "c"}
