"""A look at the landing place is bounded, and what many looks find is what one listing of everything would."""

import json
from bisect import bisect_right
from contextlib import AbstractContextManager
from datetime import date
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from segment_assets.first_party import watch
from segment_assets.first_party.formats.choice import format_of
from segment_assets.first_party.watch import Known, Look
from segment_assets.lake import FolderStore, ObjectStore, StoredObject
from segment_assets.lake.arrivals import fingerprint, fingerprints
from segment_assets.landing_config import EventsLanding

LANDING = EventsLanding()
TODAY, TOMORROW = date(2026, 11, 20), date(2026, 11, 21)


class Memory(ObjectStore):
    """Objects in memory, and how many a look was shown."""

    def __init__(self, keys: list[str]) -> None:
        self.etags = dict.fromkeys(keys, "1")
        self.keys = sorted(keys)
        self.shown = 0

    def after(self, prefix: str, key: str, limit: int) -> list[StoredObject]:
        start = max(bisect_right(self.keys, key), bisect_right(self.keys, prefix[:-1]) if prefix else 0)
        found = []
        for name in self.keys[start:]:
            if len(found) == limit or (name > prefix and not name.startswith(prefix)):
                break
            if name.startswith(prefix):
                found.append(StoredObject(name, 1, self.etags[name]))
        self.shown += len(found)
        return found

    def list(self, prefix: str) -> list[StoredObject]:
        return self.after(prefix, "", len(self.keys))

    def read(self, key: str) -> bytes:
        return (
            b'{"event_type":"a","event_timestamp":1767225600000,"arrival_timestamp":1767225600000}'
            if key in self.etags
            else b""
        )

    def file(self, key: str) -> AbstractContextManager[Path]:
        raise NotImplementedError("each is small")

    def write(self, key: str, content: bytes) -> None:
        self.etags[key] = content.decode()
        self.keys = sorted(self.etags)

    def remove(self, key: str) -> None:
        del self.etags[key]
        self.keys = sorted(self.etags)

    def uri(self, key: str) -> str:
        return key


def tick(store: ObjectStore, known: Known, today: date = TODAY) -> list[str]:
    """As the sensor that lists does it, with a restart before: what is known goes through its written form."""
    known.__dict__.update(Known.read(json.loads(json.dumps(known.kept()))).__dict__)
    look = Look(store, LANDING, format_of(LANDING), known)
    look.around(today)
    return list(look.changed())


def settle(store: ObjectStore, known: Known, today: date = TODAY) -> list[str]:
    found: list[str] = []
    while True:
        before = known.kept()
        found += tick(store, known, today)
        if known.kept() == before:
            return found


def key(day: int, n: int, month: int = 1) -> str:
    return f"events/2026/{month:02}/{day:02}/12/s-1-2026-{month:02}-{day:02}-12-00-00-{n:06}.gz"


def test_a_hundred_thousand_objects_are_looked_at_in_stretches_and_then_by_the_newest_days() -> None:
    store = Memory([key(d, n, m) for m in range(1, 13) for d in range(1, 29) for n in range(300)])
    known, ticks = Known(), 0
    while known.place is not None:
        store.shown = 0
        tick(store, known)
        ticks += 1
        assert store.shown <= watch.STRETCH + 300, "a stretch, and the rest of its last day"
    assert ticks == 10
    assert known.days == fingerprints(store.list("events/"))
    store.shown = 0
    assert tick(store, known) == []
    assert store.shown == 300 * watch.RECENT
    store.shown = 0
    tick(store, known, TOMORROW)
    assert store.shown <= watch.STRETCH + 300 * (1 + watch.RECENT)


def test_a_burst_of_ten_thousand_in_one_second_is_found_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch, "STRETCH", 3_000)
    store = Memory([key(1, n) for n in range(5)])
    known = Known()
    settle(store, known)
    for n in range(10_000):
        store.etags[key(2, n)] = "1"
    store.keys = sorted(store.etags)
    assert settle(store, known) == ["2026-01-02"], "once: a day is listed whole"
    assert known.days == fingerprints(store.list("events/"))


def test_in_a_large_place_new_days_and_late_ones_are_found_at_once_and_old_ones_by_the_sweep(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(watch, "STRETCH", 10)
    store = Memory([key(d, n) for d in range(1, 11) for n in range(4)])
    known = Known()
    assert settle(store, known) == [f"2026-01-{d:02}" for d in range(1, 11)]
    store.write(key(11, 0), b"new")
    store.write(key(28, 0), b"new, with a gap")
    store.write(key(8, 9), b"late")
    store.write(key(9, 0), b"overwritten")
    store.remove(key(10, 0))
    store.write(key(1, 9), b"very late")
    assert settle(store, known) == ["2026-01-08", "2026-01-09", "2026-01-10", "2026-01-11", "2026-01-28"]
    for n in range(4):
        store.remove(key(2, n))
    assert settle(store, known) == []
    assert settle(store, known, TOMORROW) == ["2026-01-01", "2026-01-02"]
    assert known.days == fingerprints(store.list("events/"))
    assert settle(store, known, TOMORROW) == []


def test_many_new_days_behind_a_full_day_are_found_stretch_by_stretch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch, "STRETCH", 4)
    store = Memory([key(1, n) for n in range(9)])
    known = Known()
    settle(store, known)
    for d in range(2, 20):
        for n in range(9):
            store.write(key(d, n), b"x")
    assert settle(store, known) == [f"2026-01-{d:02}" for d in range(2, 20)]


def test_a_cursor_of_the_earlier_form_is_read_and_nothing_is_reported_again() -> None:
    store = Memory([key(1, 0), key(2, 0)])
    known = Known.read({"days": fingerprints(store.list("events/")) | {"2025-12-31": "gone"}, "told": {"x": ["e", {}]}})
    assert settle(store, known) == ["2025-12-31"]


def test_two_streams_in_one_place_and_names_that_hold_the_day_are_one_day() -> None:
    mixed = ["events/a/2026/01/02/00/x", "events/b/2026/01/02/00/x", "events/s-1-2026-01-02-10-00-00-u", key(2, 0)]
    store = Memory(mixed)
    known = Known()
    assert settle(store, known) == ["2026-01-02"]
    assert known.days == {"2026-01-02": fingerprint(store.list("events/"))}
    assert known.parts == {
        "2026-01-02": ["events/2026/01/02/", "events/a/2026/01/02/", "events/b/2026/01/02/", "events/s-1-2026-01-02-"]
    }


def test_of_large_files_without_a_day_in_their_key_a_look_reads_no_more_than_it_may(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(watch, "READ", 25)
    store = Memory([f"events/{n}" for n in range(9)] + [key(3, 0)])
    known = Known()
    tick(store, known)
    assert list(known.told) == ["events/0", "events/1", "events/2"]
    assert known.days.keys() == {"2026-01-01", "2026-01-03"}
    settle(store, known)
    assert len(known.told) == 9
    store.remove("events/4")
    assert settle(store, known) == ["2026-01-01"]
    assert len(known.told) == 8


names = st.sampled_from(
    [key(d, n) for d in range(1, 6) for n in range(3)] + [f"events/b/2026/01/0{d}/x" for d in (1, 2)]
)
changes = st.lists(st.tuples(names, st.sampled_from(["", "1", "2"])), max_size=12)


@given(st.lists(changes, min_size=1, max_size=4), st.integers(2, 5))
def test_whatever_happens_between_ticks_a_whole_sweep_knows_what_a_listing_knows(
    rounds: list[list[tuple[str, str]]], stretch: int
) -> None:
    store, known = Memory([]), Known()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(watch, "STRETCH", stretch)
        patch.setattr(watch, "RECENT", 1)
        for number, some in enumerate(rounds):
            for name, content in some:
                if content:
                    store.write(name, content.encode())
                elif name in store.etags:
                    store.remove(name)
                tick(store, known)
            settle(store, known, date(2027, 1, 1 + number))
            if not known.is_small:
                settle(store, known, date(2028, 1, 1 + number))
            assert known.days == fingerprints(store.list("events/"))


def test_what_another_version_of_the_code_kept_is_begun_anew_from_its_days(caplog: pytest.LogCaptureFixture) -> None:
    store = Memory([key(1, 1)])
    known = Known()
    settle(store, known)
    newer = known.kept() | {"a_field_to_come": 1}
    again = Known.read(json.loads(json.dumps(newer)))
    assert "written by another version" in caplog.text
    assert (again.days, again.parts, again.place) == (known.days, {}, "")
    assert settle(store, again) == [], "what was known is not reported once more"
    caplog.clear()
    assert (Known.read({}), Known.read(known.kept())) == (Known(), known)
    assert not caplog.text


def test_a_quiet_look_at_a_folder_walks_it_once_and_looks_closely_at_the_newest_days_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watch, "STRETCH", 6)
    store, known = FolderStore(tmp_path), Known()
    for day in range(1, 28):
        store.write(f"events/s-1-2026-01-{day:02}-12-00-00-1.gz", b"{}")
    settle(store, known)
    described: list[str] = []
    describe = FolderStore._describe
    monkeypatch.setattr(
        FolderStore, "_describe", lambda s, path, name: described.append(name) or describe(s, path, name)
    )
    walked: list[str] = []
    after = FolderStore.after
    monkeypatch.setattr(FolderStore, "after", lambda s, prefix, *of: walked.append(prefix) or after(s, prefix, *of))
    monkeypatch.setattr(FolderStore, "list", None)
    assert tick(store, known) == []
    assert walked == ["events/s-1-"]
    assert sorted(set(described)) == [f"events/s-1-2026-01-{day}-12-00-00-1.gz" for day in range(23, 28)]


def look(store: ObjectStore, known: Known, landing: EventsLanding) -> list[str]:
    """Looks, until one finds nothing: arrival days that changed."""
    found: list[str] = []
    while True:
        before = json.dumps(known.kept())
        now = Look(store, landing, format_of(landing), known)
        now.again()
        now.around(TODAY)
        found += now.changed()
        if json.dumps(known.kept()) == before:
            return found


def table(**more: str) -> EventsLanding:
    columns = {"customer": "who", "time": "at", "event_name": "purchase"} | more
    return EventsLanding.model_validate({"format": "table", "table": columns})


def test_a_new_mapping_asks_the_records_for_their_days_again(tmp_path: Path) -> None:
    store, known = FolderStore(tmp_path), Known()
    store.write("events/a.csv", b"who,at,seen\nann,01.02.2026,2026-03-04\n")
    assert look(store, known, table()) == ["1970-01-01"]
    assert look(store, known, table(time_format="%d.%m.%Y")) == ["1970-01-01", "2026-02-01"]
    assert known.days.keys() == {"2026-02-01"}
    assert look(store, known, table(time="seen")) == ["2026-02-01", "2026-03-04"]
    assert look(store, known, table(time="seen")) == []


def test_a_table_that_becomes_a_stream_and_a_table_again_is_of_the_days_that_the_mapping_says(tmp_path: Path) -> None:
    store, known, stream = FolderStore(tmp_path), Known(), EventsLanding()
    store.write("events/2026/05/06/a.csv", b"who,at\nann,2026-02-01\n")
    for landing, day in ((table(), "2026-02-01"), (stream, "2026-05-06"), (table(), "2026-02-01")):
        look(store, known, landing)
        assert known.days.keys() == {day}
        assert [*known.told] == (["events/2026/05/06/a.csv"] if landing.table else [])
        assert [*known.parts] == ([] if landing.table else [day])
