from math import inf

import pytest

from segment_assets.audience_config import Duplicates
from segment_assets.third_party.newness import UNKNOWN, reader

DAY = 86_400
READ = reader(Duplicates(rule="latest", by="at"))


@pytest.mark.parametrize(
    "same",
    ["2026-01-01T00:00:00Z", "2026-01-01 00:00:00", "2026-01-01T01:00:00+01:00", "2026-01-01 00:00:00 UTC",
     "1767225600", "1767225600.0", "1767225600000", "1767225600000000", "1.7672256e9"],
)  # fmt: skip
def test_a_time_is_the_same_however_it_is_written(same):
    assert READ(same) == (1_767_225_600, 1_767_225_600, True)


@pytest.mark.parametrize("day", ["2026-01-01", "20260101"])
def test_a_day_may_be_any_time_of_it(day):
    found = READ(day)
    assert found.earliest == 1_767_225_600
    assert DAY - 1 < found.latest - found.earliest < DAY


def test_other_numbers_are_no_times():
    assert READ("7") == (7, 7, False)
    assert READ("-5.5").earliest < READ("0").earliest < READ("20261399").earliest


@pytest.mark.parametrize("nothing", [None, "soon", "nan", "inf", "1_000", "01.03.2026", "0001-01-01T00:00:00+05:00x"])
def test_what_says_nothing_may_be_ever(nothing):
    assert READ(nothing) is UNKNOWN
    assert (-inf, inf, False) == UNKNOWN


def test_a_format_is_the_only_one_that_is_read():
    read = reader(Duplicates(rule="latest", by="at", format="%d.%m.%Y"))
    assert read("01.01.2026") == READ("2026-01-01")
    assert read("2026-01-01") is read("7") is UNKNOWN
    timed = reader(Duplicates(rule="latest", by="at", format="%d.%m.%Y %H:%M"))
    assert timed("01.01.2026 00:00") == READ("2026-01-01T00:00")
