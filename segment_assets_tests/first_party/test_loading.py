import gzip
import json
from dataclasses import replace
from datetime import datetime
from functools import partial
from itertools import chain

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from segment_assets.first_party import engagement, loading, staged_events
from segment_assets.first_party.engagement import WINDOW, stale_days
from segment_assets.first_party.engagement_days import Finer, divide
from segment_assets.first_party.event_account import departures
from segment_assets.first_party.tables import (
    ARRIVAL_DAYS,
    ENGAGEMENT_EVENTS,
    QUARANTINED_RECORDS,
    RAW_EVENTS,
)
from segment_assets.first_party.vocabulary import NAMES
from segment_assets.lake import FolderStore, Lake
from segment_assets.lake.embedded import open_catalog
from segment_assets_tests.first_party.loading import (
    PINPOINT,
    days_in,
    event,
    load_days,
    normalise,
    of_every_family,
    put,
    text,
)


def test_every_delivered_record_is_accounted_for(lake, landing):
    copy = event(number=1)
    put(landing, 1, "a", copy, event(number=2), b"{broken", event("_test.event_stream"))
    put(landing, 2, "b", copy, event(number=3))
    load_days(lake, landing)
    account, _, _ = normalise(lake)
    assert [(r["delivered"], r["good"], r["quarantined"]) for r in lake.read(ARRIVAL_DAYS).to_pylist()] == [
        (4, 3, 1),
        (2, 2, 0),
    ]
    assert (account.good, account.events, account.duplicates, account.probes) == (5, 3, 1, 1)


def test_empty_objects_and_the_error_prefix_are_ignored(lake, landing):
    put(landing, 1, "a", event())
    landing.write("events/2026/01/02/00/empty.gz", b"")
    landing.write("errors/processing-failed/2026/01/03/00/x", text(event()))
    assert list(days_in(landing)) == ["2026-01-01"]


def test_errors_below_the_events_prefix_are_ignored_too(landing):
    landing.write("events/errors/2026/01/03/00/x", text(event()))
    where = PINPOINT.model_copy(update={"errors_path": "events/errors/"})
    assert days_in(landing, where) == {}


def test_a_day_whose_objects_vanished_becomes_an_empty_partition(lake, landing):
    put(landing, 1, "a", event(number=1))
    put(landing, 2, "b", event(number=2))
    load_days(lake, landing)
    normalise(lake)
    assert str(lake.as_of(ARRIVAL_DAYS)) == "2026-01-02"
    for path in (landing.root / "events/2026/01/02").rglob("*.gz"):
        path.unlink()
    load_days(lake, landing, ["2026-01-02"])
    normalise(lake)
    assert [r["objects"] for r in lake.read(ARRIVAL_DAYS).to_pylist()] == [1, 0]
    assert lake.read(ENGAGEMENT_EVENTS).num_rows == 1
    assert str(lake.as_of(ARRIVAL_DAYS)) == "2026-01-01"


def test_loading_an_old_day_again_does_not_turn_back_the_clock(lake, landing):
    put(landing, 1, "a", event(number=1))
    put(landing, 9, "b", event(number=2))
    load_days(lake, landing)
    load_days(lake, landing, ["2026-01-01"])
    assert str(lake.as_of(ARRIVAL_DAYS)) == "2026-01-09"


def test_a_replayed_day_keeps_its_version_and_makes_nothing(lake, landing):
    put(landing, 1, "a", event(number=1))
    first = load_days(lake, landing)
    normalise(lake)
    assert load_days(lake, landing) == first
    assert normalise(lake)[1] == 0


def test_a_late_record_changes_its_arrival_day_and_the_window_after_it(lake, landing):
    for day in range(1, 12):
        put(landing, day, "a", event(day=day, number=day))
    load_days(lake, landing)
    normalise(lake)
    before = lake.state(ENGAGEMENT_EVENTS).versions
    put(landing, 3, "late", event(day=1, number=99))
    changed = load_days(lake, landing, ["2026-01-03"])
    _, made, written = normalise(lake)
    assert list(changed) == ["2026-01-03"]
    assert made == 1 + WINDOW
    assert [day for day in before if written.versions[day] != before[day]] == ["2026-01-03"]


def test_new_code_makes_every_day_again(lake, landing):
    put(landing, 1, "a", event(number=1))
    put(landing, 2, "a", event(number=2))
    load_days(lake, landing)
    normalise(lake)
    assert normalise(lake, code="newer code")[1] == 2


def test_stale_days_are_those_whose_window_changed():
    raw = {f"2026-01-{day:02d}": str(day) for day in range(1, 10)}
    made = stale_days(raw, {}, "code")
    assert list(made) == list(raw)
    assert stale_days(raw, made, "code") == {}
    again = stale_days(raw | {"2026-01-04": "new"}, made, "code")
    assert list(again) == [f"2026-01-0{day}" for day in range(4, 9)]


def test_the_first_copy_stays_in_whatever_order_days_are_loaded(lake, landing):
    copy = event(number=1)
    put(landing, 2, "b", copy)
    load_days(lake, landing)
    normalise(lake)
    put(landing, 1, "a", copy)
    load_days(lake, landing)
    account, _, _ = normalise(lake)
    assert (account.events, account.duplicates) == (1, 1)
    assert str(lake.read(ENGAGEMENT_EVENTS)["arrival_date"][0]) == "2026-01-01"


@pytest.mark.parametrize(("distance", "events"), [(4, 1), (5, 2)])
def test_copies_are_searched_in_the_96_hours_before(lake, landing, distance, events):
    put(landing, 1, "a", event(number=1))
    put(landing, 1 + distance, "b", event(number=1))
    load_days(lake, landing)
    assert normalise(lake)[0].events == events


def test_broken_gzip_is_quarantined_and_the_other_objects_are_read(lake, landing):
    whole = gzip.compress(text(*(event(number=n) for n in range(2_000))))
    landing.write("events/2026/01/01/12/cut.gz", whole[:-40])
    landing.write("events/2026/01/01/12/junk.gz", b"\x1f\x8b" + b"junk" * 10)
    put(landing, 1, "whole", event(number=5_000))
    load_days(lake, landing)
    reasons = [(r["object_key"].rpartition("/")[2], r["reason"]) for r in lake.read(QUARANTINED_RECORDS).to_pylist()]
    assert ("cut.gz", "truncated_gzip") in reasons
    assert ("junk.gz", "bad_gzip") in reasons
    assert lake.read(RAW_EVENTS).num_rows > 1_000


def test_an_object_without_a_day_in_its_key_tells_it_by_its_records(lake, landing):
    landing.write("events/export.json", text(event(day=3, number=1), b"{broken", event(day=5, number=2)))
    assert list(days_in(landing)) == ["2026-01-03", "2026-01-05"]
    load_days(lake, landing)
    normalise(lake)
    assert [str(r["arrival_date"]) for r in lake.read(QUARANTINED_RECORDS).to_pylist()] == ["2026-01-03"]
    assert lake.read(ENGAGEMENT_EVENTS).num_rows == 2


def test_the_aws_sample_loads_as_half_a_year_of_arrival_days(lake, landing, shared):
    sample = shared / "data" / "aws_sample" / "sample_pinpoint_events.parquet"
    landing.write("events/sample_pinpoint_events.parquet", sample.read_bytes())
    load_days(lake, landing)
    account, _, _ = normalise(lake)
    assert (account.events, account.duplicates) == (6_999, 0)
    assert str(lake.as_of(ENGAGEMENT_EVENTS)) == "2019-09-27"


def test_a_table_that_departs_from_its_description_is_named(lake, landing):
    put(landing, 1, "a", event())
    load_days(lake, landing)
    normalise(lake)
    assert departures(lake, NAMES) == []
    assert departures(lake, NAMES - {"app"}) == ["event name app"]
    narrow = replace(ENGAGEMENT_EVENTS, schema=ENGAGEMENT_EVENTS.schema.remove(5))
    lake.write(narrow, lake.read(ENGAGEMENT_EVENTS), "run")
    assert departures(lake, NAMES) == ["column source_event_type"]


FAMILIES = sorted(of_every_family(0))
records = st.lists(
    st.one_of(
        st.builds(
            lambda n, of: json.dumps(of_every_family(n)[of]).encode(), st.integers(0, 2), st.sampled_from(FAMILIES)
        ),
        st.sampled_from([b"{broken", b"[1]", b'{"event_type":"x"}', json.dumps(event("_test.event_stream")).encode()]),
    ),
    min_size=1,
    max_size=8,
)


@settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(days=st.lists(records, min_size=1, max_size=3), data=st.data())
def test_splitting_order_and_replay_change_nothing(tmp_path_factory, days, data):
    def outcome(split, order, replay):
        home = tmp_path_factory.mktemp("law")
        lake, landing = Lake(partial(open_catalog, home / "lake"), home / "scratch"), FolderStore(home / "landing")
        for day, delivered in enumerate(days, 1):
            parts = [delivered[i : i + split] for i in range(0, len(delivered), split)]
            for number, part in enumerate(parts):
                landing.write(f"events/2026/01/{day:02d}/12/{number:03d}", b"\n".join(part))
        for day in order + order * replay:
            load_days(lake, landing, [f"2026-01-{day:02d}"])
            normalise(lake)
        account, _, _ = normalise(lake)
        totals = lake.read(ARRIVAL_DAYS).to_pylist()
        quarantined = sum(r["quarantined"] for r in totals)
        assert sum(map(len, days)) == account.events + account.duplicates + account.probes + quarantined
        events = lake.read(ENGAGEMENT_EVENTS, [n for n in ENGAGEMENT_EVENTS.schema.names if not n.startswith("raw_")])
        return account, quarantined, events.to_pylist()

    every = list(range(1, len(days) + 1))
    whole = outcome(split=100, order=every, replay=0)
    order = data.draw(st.permutations(every))
    assert outcome(split=data.draw(st.integers(1, 3)), order=order, replay=1) == whole


@pytest.mark.parametrize("large", ["", "large", "so large that shares are divided"])
def test_several_processes_and_chunks_make_the_same_tables_as_one(tmp_path, landing, monkeypatch, large):
    for day in (1, 2, 3):
        put(landing, day, "a", *(event(day=day, number=n) for n in range(40)), b"{broken")
        put(landing, day, "b", *(event(day=day, number=n) for n in range(35, 60)))
    alone, together = (Lake(partial(open_catalog, tmp_path / name), tmp_path / "scratch") for name in ("one", "two"))
    load_days(alone, landing)
    normalise(alone)
    monkeypatch.setattr(loading, "CHUNK", 30_000)
    monkeypatch.setattr(loading, "PART", 10_000)
    monkeypatch.setattr(engagement, "CHUNK", 80)
    monkeypatch.setattr(engagement, "PART", 30)
    if large:  # than what is read, or put in order, at once
        monkeypatch.setattr(loading, "PART", 1_000)
        monkeypatch.setattr(loading, "WHOLE_DAY", 5_000)
        monkeypatch.setattr(loading, "SHARE", 2_000)
        monkeypatch.setattr(engagement, "WHOLE_DAY", 20)
        monkeypatch.setattr(engagement, "AT_ONCE", 25)
    if "divided" in large:
        monkeypatch.setattr(staged_events, "SHARES", 3)
        monkeypatch.setattr(engagement, "WHOLE_DAY", 5)
    load_days(together, landing, code="code" if large else "")
    if large:
        kept = list((together.scratch / staged_events.FOLDER).iterdir())
        assert len(kept) == 3
        assert all(len(list(day.glob("*.arrow"))) > 1 for day in kept), "each day is read in parts"
    normalise(together)
    for table in (RAW_EVENTS, QUARANTINED_RECORDS, ARRIVAL_DAYS, ENGAGEMENT_EVENTS):
        assert together.state(table).version == alone.state(table).version


def test_a_large_day_in_one_object_has_a_version_of_its_own(lake, landing, monkeypatch):
    monkeypatch.setattr(loading, "WHOLE_DAY", 100)
    monkeypatch.setattr(loading, "SHARE", 100)
    put(landing, 1, "a", *(event(number=n) for n in range(20)))
    load_days(lake, landing)
    normalise(lake)
    before = lake.state(RAW_EVENTS).versions["2026-01-01"]
    put(landing, 1, "a", *(event(number=n) for n in range(5)))
    load_days(lake, landing)
    assert before != lake.state(RAW_EVENTS).versions["2026-01-01"]
    assert normalise(lake)[0].events == 5


def test_a_share_that_is_divided_keeps_every_event_within_the_bounds_of_the_finer_ones(tmp_path):
    ids = [f"{n * 2_654_435_761 % 2**32:032x}"[::-1] for n in range(60)]
    columns = [pa.array(ids) if f.name == "event_id" else pa.nulls(60, f.type) for f in ENGAGEMENT_EVENTS.schema]
    events = pa.table(columns, schema=ENGAGEMENT_EVENTS.schema)
    files = [tmp_path / "a.arrow", tmp_path / "b.arrow"]
    for file, half in zip(files, (events.slice(0, 30), events.slice(30)), strict=True):
        staged_events.write(file, half, 3)
    found = []
    for share in range(3):
        finer = divide(Finer(files, share, 4, 12, tmp_path / f"{share}.arrow"))
        for batch in range(4):
            start, end = (staged_events.floor(4 * share + batch + n, 12) for n in (0, 1))
            found.append(staged_events.read([finer], batch)["event_id"].to_pylist())
            assert all(start <= id_ < end for id_ in found[-1])
    assert sum(map(bool, found)) > 6
    assert list(chain.from_iterable(found)) == sorted(ids)


def test_what_was_read_is_kept_for_the_next_step_until_it_is_taken(lake, landing, monkeypatch):
    put(landing, 1, "a", event(number=1), event(number=1), event("_test.event_stream"))
    put(landing, 2, "a", event(number=1), event(number=2))
    load_days(lake, landing)
    normalise(lake)
    again = lake.state(ENGAGEMENT_EVENTS).version
    load_days(lake, landing, code="newer")
    assert len(list((lake.scratch / staged_events.FOLDER).iterdir())) == 2
    monkeypatch.setattr(engagement, "_records", None)  # no record is read again
    normalise(lake, code="newer")
    assert lake.state(ENGAGEMENT_EVENTS).version == again
    assert not list((lake.scratch / staged_events.FOLDER).iterdir())


def test_what_is_kept_of_another_mapping_or_of_other_records_is_not_taken(lake, landing):
    put(landing, 1, "a", event(number=1))
    load_days(lake, landing, code="other")
    assert normalise(lake)[0].events == 1
    load_days(lake, landing, code="code")
    put(landing, 1, "b", event(number=2))
    load_days(lake, landing)
    assert not list((lake.scratch / staged_events.FOLDER).iterdir())
    assert normalise(lake)[0].events == 2


def test_what_a_killed_reader_left_is_removed_by_the_next(lake, landing):
    left = lake.scratch / "reading-4194305-x"  # no process has that number
    left.mkdir(parents=True)
    load_days(lake, landing)
    assert not left.exists()


def test_a_corrected_time_in_an_envelope_arrives(lake, landing):
    campaign = {"campaign_event_type": "Click", "campaign_event_timestamp": "2026-01-01T10:00:00.000Z"}
    for told in ("2026-01-01T10:05:00.000Z", "2026-01-01T23:59:00.000Z"):
        around = {"ObjectTypeName": "Campaign-Email", "EventType": "CREATED", "EventTimestamp": told}
        put(landing, 1, "a", around | {"Object": campaign})
        load_days(lake, landing)
        normalise(lake)
    assert lake.read(ENGAGEMENT_EVENTS)["received_at"].to_pylist() == [datetime(2026, 1, 1, 23, 59)]
