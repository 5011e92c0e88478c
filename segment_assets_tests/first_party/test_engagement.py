"""Where every record went is told some days at a time, and days are made together only where that saves work."""

from datetime import date, timedelta

import pyarrow as pa
import pyarrow.compute as pc
import pytest

from segment_assets.first_party import engagement, event_account, staged_events
from segment_assets.first_party.tables import ENGAGEMENT_EVENTS
from segment_assets_tests.first_party.loading import event, load_days, normalise, put


@pytest.mark.parametrize("at_once", [1, 3, 7])
def test_every_record_is_accounted_for_however_few_are_looked_at_at_once(lake, landing, monkeypatch, at_once):
    for day in (1, 2, 5, 6, 12):
        records = [event(number=n) for n in (1, day, day + 1, 1)]
        put(landing, day, "a", *records, event("_test.event_stream", number=day))
    load_days(lake, landing)
    account, _, _ = normalise(lake)
    assert (account.good, account.probes) == (25, 5)
    monkeypatch.setattr(event_account, "ACCOUNTED", at_once)
    assert event_account.account(lake) == account


def test_a_lost_event_and_one_too_many_are_missed_whatever_part_they_are_in(lake, landing, monkeypatch):
    for day in (1, 9):
        put(landing, day, "a", *(event(number=10 * day + n) for n in range(4)))
    load_days(lake, landing)
    normalise(lake)
    monkeypatch.setattr(event_account, "ACCOUNTED", 2)
    last = date(2026, 1, 9)
    kept = lake.read(ENGAGEMENT_EVENTS).filter(pc.field("arrival_date") == pa.scalar(last))
    lake.write(ENGAGEMENT_EVENTS, kept[1:], "run", partitions=[last])
    assert not event_account.account(lake).nothing_lost
    more = kept[:1].set_column(kept.schema.get_field_index("event_id"), "event_id", pa.array(["0" * 32]))
    lake.write(ENGAGEMENT_EVENTS, pa.concat_tables([kept, more]), "run", partitions=[last])
    assert not event_account.account(lake).nothing_lost


def test_days_are_made_together_where_they_are_near_or_little_lies_between_them():
    days = [date(2026, 1, 1) + timedelta(days=n) for n in range(31)]
    busy, quiet = dict.fromkeys(days, 20_000), dict.fromkeys(days, 100)
    few = [days[0], days[1], days[5], days[30]]
    assert list(engagement._chunks(busy, few)) == [few[:3], few[3:]]
    assert list(engagement._chunks(quiet, few)) == [few]
    assert [len(chunk) for chunk in engagement._chunks(busy, days)] == [25, 6]


def test_of_a_day_that_is_read_again_and_is_the_same_nothing_is_kept(lake, landing):
    for day in (1, 9):
        put(landing, day, "a", event(number=day))
    load_days(lake, landing, code="code")
    normalise(lake)
    load_days(lake, landing, code="code")
    assert not list((lake.scratch / staged_events.FOLDER).iterdir())
    put(landing, 1, "b", event(number=2))
    load_days(lake, landing, code="code")
    assert [p.name[:10] for p in (lake.scratch / staged_events.FOLDER).iterdir()] == ["2026-01-01"]
