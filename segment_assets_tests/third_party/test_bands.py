import pytest
from hypothesis import given
from hypothesis import strategies as st

from segment_assets.third_party.bands import band, labels

AGES = [18, 25, 35, 65]
INCOMES = [25_000, 50_000, 75_000]


def test_bands_are_called_by_what_is_in_them():
    assert labels(AGES) == ["under 18", "18-24", "25-34", "35-64", "65+"]
    assert labels([1, 2, 3]) == ["under 1", "1", "2", "3+"]
    assert labels([0.5, 1.5]) == ["under 0.5", "0.5-1.5", "1.5+"]


@pytest.mark.parametrize(
    ("text", "edges", "at"),
    [
        ("17.9", AGES, 0), ("18", AGES, 1), ("24", AGES, 1), ("1e2", AGES, 4), ("25-34", AGES, 2), ("18-18", AGES, 1),
        ("25 to 34", AGES, 2), ("25\u201334", AGES, 2), ("65+", AGES, 4), ("65 or more", AGES, 4), ("< 18", AGES, 0),
        ("under 18", AGES, 0), ("up to 17", AGES, 0), ("$52,500", INCOMES, 2), ("60k", INCOMES, 2),
        ("$50K-$74K", INCOMES, 2), ("$50-74K", INCOMES, 2), ("50,000 - 74,999", INCOMES, 2), ("$50K-$75K", INCOMES, 2),
        ("Under $25K", INCOMES, 0), ("75K+", INCOMES, 3),
    ],
)  # fmt: skip
def test_a_number_or_a_range_lies_in_a_band(text, edges, at):
    assert band(text, edges, ranges=True) == at


@pytest.mark.parametrize(
    "text", ["24-26", "60+", "under 19", "34-25", "up to 18", "nan", "inf", "old", "", "25-", "-", "18/24"]
)
def test_what_lies_in_two_bands_or_is_no_number_lies_in_none(text):
    assert band(text, AGES, ranges=True) is None


def test_ranges_are_taken_only_where_they_are_declared():
    assert band("25-34", AGES, ranges=False) is None


@given(st.floats(-1e6, 1e6), st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=5, unique=True).map(sorted))
def test_every_number_lies_in_the_one_band_whose_edges_are_around_it(number, edges):
    at = band(repr(number), edges, ranges=True)
    ends = [float("-inf"), *edges, float("inf")]
    assert at is not None
    assert ends[at] <= number < ends[at + 1]
