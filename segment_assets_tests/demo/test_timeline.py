"""Laws of the timeline, whatever the day."""

from dataclasses import fields
from datetime import date, timedelta

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from segment_assets.demo import timeline
from segment_assets.demo.firehose import DAY, HOUR
from segment_assets.demo.timeline import AGAIN, SOUND
from segment_assets_tests.small_world import small_source

SMALL = small_source(60, 120, 0)
days = st.dates(date(2000, 1, 1), date(2100, 1, 1))


@given(days, days)
@settings(max_examples=20, deadline=None)
def test_another_last_day_shifts_every_time_by_whole_days_and_changes_nothing_else(one, other):
    a, b = timeline.year(SMALL, one), timeline.year(SMALL, other)
    shift = (other - one).days * DAY
    for field in fields(a):
        moved = shift if field.name in ("occurred", "arrived", "delivered") else 0
        assert np.array_equal(getattr(a, field.name) + moved, getattr(b, field.name))


@given(days, st.integers(1, 400))
@settings(max_examples=30, deadline=None)
def test_a_later_day_delivers_on_that_day_alone(today, ahead):
    day = today + timedelta(days=ahead)
    rows = timeline.later_day(SMALL, today, day)
    assert set((rows.delivered // DAY).tolist()) <= {timeline.day_start(day) // DAY}
    assert (rows.occurred < rows.arrived).all()
    assert (rows.arrived - rows.occurred <= 48 * HOUR + 3_000).all()


@given(days)
@settings(max_examples=10, deadline=None)
def test_consecutive_later_days_tell_every_basket_of_the_lap_once(today):
    lap = SMALL.lap_days
    told = [
        row
        for ahead in range(1, lap + 1)
        for rows in [timeline.later_day(SMALL, today, today + timedelta(days=ahead))]
        for row in rows.row[(rows.kind == timeline.BASKET) & (rows.flaw == SOUND)].tolist()
    ]
    year = timeline.year(SMALL, today)
    sound = year.take((year.kind == timeline.BASKET) & (year.flaw == SOUND))
    of_lap = sound.row[sound.occurred >= timeline.day_start(today) - (lap - 1) * DAY]
    assert sorted(told) == sorted(of_lap.tolist())


def test_nothing_arrives_before_it_happened_or_after_the_last_day():
    rows = timeline.year(SMALL, date(2026, 11, 20), copies=3)
    assert (rows.occurred < rows.arrived).all()
    assert (rows.arrived <= rows.delivered).all()
    assert rows.delivered.max() < timeline.day_start(date(2026, 11, 21))
    assert (np.diff(rows.delivered) >= 0).all()


def test_late_means_up_to_three_days_and_twice_means_within_two():
    rows = timeline.year(SMALL, date(2026, 11, 20))
    assert (rows.arrived - rows.occurred <= 72 * HOUR).all()
    again = rows.take(rows.flaw == AGAIN)
    assert len(again) > 0
    assert (again.delivered - again.arrived <= 48 * HOUR).all()


def test_buffers_are_the_rows_in_order_cut_at_the_hours_of_delivery():
    rows = timeline.year(SMALL, date(2026, 11, 20))
    parts = rows.buffers()
    assert np.array_equal(np.concatenate([p.row for p in parts]), rows.row)
    assert all(len(set((p.delivered // (6 * HOUR)).tolist())) == 1 for p in parts)
