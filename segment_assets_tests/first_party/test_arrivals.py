from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from segment_assets.lake import StoredObject
from segment_assets.lake.arrivals import arrival_day, arrival_hour, by_day, changed_days, fingerprint, fingerprints

NAME = "pinpoint-events-1-2026-09-21-14-13-20-3f0e5d0a-6a0c-4a2e-9c3e-0a6b1c2d3e4f"


@pytest.mark.parametrize(
    ("key", "day", "hour"),
    [
        (f"events/2026/09/21/14/{NAME}.gz", date(2026, 9, 21), 14),
        (f"events/year=2026/month=09/day=21/hour=14/{NAME}", date(2026, 9, 21), 14),
        ("events/dt=2026-09-21/part-0.parquet", date(2026, 9, 21), None),
        (f"events/dt=2026-09-21/hour=13/{NAME}", date(2026, 9, 21), 13),
        (f"events/2026-09-21/13/{NAME}", date(2026, 9, 21), 13),
        (f"events/dt=2026-09-21/part=3/{NAME}", date(2026, 9, 21), 14),
        (f"events/2026/09/21/{NAME}", date(2026, 9, 21), 14),
        (f"events/dt=2026-09-22/{NAME}", date(2026, 9, 22), None),
        ("customers/2026/09/21/endpoints.jsonl.gz", date(2026, 9, 21), None),
        ("endpoint_exports/2026/9/1/x.gz", date(2026, 9, 1), None),
        (NAME, date(2026, 9, 21), 14),
        ("events/2026/02/30/14/x", None, None),
        ("events/orders.csv", None, None),
    ],
)
def test_the_day_and_hour_of_a_key(key, day, hour):
    assert (arrival_day(key), arrival_hour(key)) == (day, hour)


def test_firehose_keys_of_the_spec_have_their_day(example_files):
    keys = [line.split("#")[0].strip() for line in (example_files / "firehose_keys.txt").read_text().splitlines()]
    assert {arrival_day(key) for key in keys} == {date(2026, 9, 21)}


def test_days_change_when_objects_come_change_or_go():
    first, second = StoredObject("e/2026/01/01/00/a", 1, "x"), StoredObject("e/2026/01/02/00/b", 1, "y")
    before = fingerprints([first, second])
    assert changed_days(fingerprints([first, second]), before) == {}
    assert list(changed_days(fingerprints([first, StoredObject(second.key, 1, "z")]), before)) == ["2026-01-02"]
    assert list(changed_days(fingerprints([first, second, StoredObject("e/2026/01/01/05/late", 1, "l")]), before)) == [
        "2026-01-01"
    ]
    assert changed_days(fingerprints([first]), before) == {"2026-01-02": fingerprint([])}
    assert list(by_day([second, first])) == ["2026-01-01", "2026-01-02"]


@given(st.lists(st.tuples(st.text("ab/", max_size=4), st.text("xy", max_size=2)), max_size=6), st.randoms())
def test_a_fingerprint_does_not_depend_on_the_order(pairs, random):
    objects = [StoredObject(key, 0, etag) for key, etag in pairs]
    assert fingerprint(random.sample(objects, len(objects))) == fingerprint(objects)
