"""That features never know what was not known: the canary, and the checks that watch for it."""

from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import pyarrow as pa
import pyarrow.compute as pc
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from segment_assets.lake import Lake, content_hash
from segment_assets.lake.embedded import open_catalog
from segment_assets.modelling import feature_sql, features
from segment_assets.modelling.features import Features
from segment_assets.sql import load, parse, to_duckdb
from segment_assets_tests.modelling.small_world import GRID, Event, build, config, days_before, fill

HISTORY = [
    Event(customer, name, days_before(GRID, days), metrics={"amount": days + 0.1})
    for customer in ("ann", "bob", "cat")
    for name in ("purchase", "click")
    for days in (1, 6, 13, 40, 90, 150)
]


def earlier(built: Features) -> pa.Table:
    return built.rows.filter(pc.less_equal(built.rows["cutoff"], pa.scalar(GRID)))


def fresh_lake(folder: str) -> Lake:
    return Lake(partial(open_catalog, Path(folder)), Path(folder) / "scratch", memory_limit="500MB")


@pytest.fixture(scope="module")
def past() -> pa.Table:
    with TemporaryDirectory() as folder:
        return earlier(build(fresh_lake(folder), HISTORY))


# Known at or after the newest past cutoff, whenever it happened: days before the cutoff to days after it.
known_later = st.builds(
    lambda customer, name, happened, delay, amount: Event(
        customer,
        name,
        days_before(GRID, happened),
        received=max(days_before(GRID, happened), days_before(GRID, 0)) + timedelta(minutes=delay),
        metrics={"amount": amount},
    ),
    st.sampled_from(["ann", "bob", "cat", "newcomer"]),
    st.sampled_from(["purchase", "click"]),
    st.floats(-5.9, 200),
    st.integers(0, 60 * 24 * 3),
    st.floats(-1e6, 1e6),
)


@settings(max_examples=6)
@given(later=st.lists(known_later, min_size=1, max_size=30))
def test_what_became_known_later_leaves_every_earlier_row_byte_identical(past: pa.Table, later: list[Event]):
    with TemporaryDirectory() as folder:
        built = build(fresh_lake(folder), [*HISTORY, *later])
    assert content_hash(earlier(built)) == content_hash(past)
    assert (built.late_rows, built.differing) == (0, 0)


def test_the_canary_sings_when_a_record_was_known_before(lake: Lake, past: pa.Table):
    one = Event("ann", "purchase", days_before(GRID, 3), received=days_before(GRID, 0.001), metrics={"amount": 1.0})
    assert content_hash(earlier(build(lake, [*HISTORY, one]))) != content_hash(past)


def test_the_order_of_records_changes_nothing(lake: Lake, past: pa.Table):
    assert content_hash(earlier(build(lake, HISTORY[::-1]))) == content_hash(past)


@pytest.mark.parametrize("condition", ["r.received_at < a.cutoff + INTERVAL 3 DAYS", "TRUE"])
def test_a_query_that_looks_ahead_is_caught_twice(lake: Lake, monkeypatch: pytest.MonkeyPatch, condition: str):
    late = Event("ann", "click", days_before(GRID, 3), received=days_before(GRID, -1))
    honest = load("segment_assets.modelling", "known").sql(dialect="spark")
    assert "r.received_at < a.cutoff" in honest
    leaking = parse(honest.replace("r.received_at < a.cutoff", condition))

    def read(package: str, name: str):
        return leaking.copy() if name == "known" else load(package, name)

    monkeypatch.setattr(feature_sql, "load", read)
    built = build(lake, [*HISTORY, late])
    assert built.late_rows == 1
    assert built.differing == 1


def test_a_fact_at_midnight_of_the_cutoff_is_too_late():
    rows = pa.table({"known_until": [datetime(2025, 10, 23)], "cutoff": pa.array([GRID], pa.date32())})
    assert features.late_rows(rows) == 1
    rows = pa.table({"known_until": [datetime(2025, 10, 22, 23, 59, 59)], "cutoff": pa.array([GRID], pa.date32())})
    assert features.late_rows(rows) == 0


def test_the_same_input_gives_the_same_bytes_twenty_times_with_two_threads(lake: Lake):
    assert lake.threads == 2
    many = [
        Event(f"c{n % 211}", "purchase", days_before(GRID, (n % 40) + n / 9000), metrics={"amount": n / 7})
        for n in range(6000)
    ]
    fill(lake, many)
    asked = features.plan(lake, config())
    query = to_duckdb(asked.tree)
    with lake.connect(*feature_sql.SOURCES, **asked.given) as db:
        assert len({content_hash(db.sql(query).to_arrow_table()) for _ in range(20)}) == 1
