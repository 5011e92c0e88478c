"""Times as they are written, by hand, by databases and by programs."""

from datetime import UTC, datetime

import pytest

from segment_assets.first_party.formats.own_table import OwnTable
from segment_assets.first_party.times import microseconds
from segment_assets.landing_config import EventTable

AT = int(datetime(2026, 9, 21, 14, 13, 20, tzinfo=UTC).timestamp()) * 1_000_000


@pytest.mark.parametrize(
    ("written", "more"),
    [
        ("1790000000", 0), ("1790000000.25", 250_000), ("1790000000.1234567", 123_456), ("1790000000123", 123_000),
        ("1790000000123.4567", 123_456), ("1790000000123456", 123_456), ("1790000000123456.9", 123_456),
        ("1790000000123456789", 123_456), (" 1790000000 ", 0), ("2026-09-21T14:13:20Z", 0), ("20260921T141320Z", 0),
        ("2026-09-21 16:13:20+02:00", 0), ("2026-09-21 14:13:20 UTC", 0),
    ],
)  # fmt: skip
def test_a_time_is_one_however_fine_it_is_written(written, more):
    assert microseconds(written) == microseconds(written, zone="Europe/Berlin") == AT + more


@pytest.mark.parametrize(
    "written",
    ["2026092114132000", "2026092114132000123", "20260921141320", "179000000", "17900000001", "1790000000.", ""],
)
def test_digits_that_may_be_a_clock_s_or_are_too_many_are_no_unix_time(written):
    assert microseconds(written) is None


@pytest.mark.parametrize(
    ("written", "utc"),
    [
        ("2026-01-01", (2025, 12, 31, 23)),
        ("2026-07-01 00:30", (2026, 6, 30, 22, 30)),
        ("2026-03-29 02:30", (2026, 3, 29, 1, 30)),  # an hour that never was, as the clock before it would go on
        ("2026-10-25 02:30", (2026, 10, 25, 0, 30)),  # the first of the two
        ("2026-07-01T00:30-04:00", (2026, 7, 1, 4, 30)),
    ],
)
def test_a_time_without_a_zone_is_of_the_zone_that_is_given(written, utc):
    expected = int(datetime(*utc, tzinfo=UTC).timestamp()) * 1_000_000
    assert microseconds(written, zone="Europe/Berlin") == expected


def test_rows_of_a_table_are_of_its_time_zone_whatever_form_their_times_have():
    content = b"who,when\nC1,01.07.2026 00:30\n"
    mapping = EventTable(
        customer="who", time="when", event_name="x", time_format="%d.%m.%Y %H:%M", time_zone="Europe/Berlin"
    )
    form = OwnTable(mapping)
    [found] = [form.read("x", rows) for rows in form.pieces("x", content)]
    assert [str(day) for day in found.records["arrived"].to_pylist()] == ["2026-06-30"]


@pytest.mark.parametrize("name", ["CET+1", "Berlin", "", "../etc/passwd", "Europe/berlin "])
def test_a_time_zone_that_nobody_knows_is_refused(name):
    with pytest.raises(ValueError, match=r"is no time zone: write its IANA name, such as Europe/Berlin"):
        EventTable(customer="who", time="when", event_name="x", time_zone=name)
