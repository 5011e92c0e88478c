"""What lies in the landing place, by arrival day: the one answer that sensors and loads share."""

import shutil
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import ExitStack, closing
from dataclasses import dataclass, replace
from datetime import date
from functools import partial
from itertools import chain, groupby
from math import ceil
from operator import itemgetter
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from segment_assets.first_party import staged_events
from segment_assets.first_party.compression import Content
from segment_assets.first_party.contents import content_of
from segment_assets.first_party.errors import LandingError
from segment_assets.first_party.formats import Delivered, Format
from segment_assets.first_party.reading import Read, Unit, placed, repeat
from segment_assets.first_party.reading import read as read_unit
from segment_assets.first_party.staging import Staged
from segment_assets.first_party.tables import NO_DAY, QUARANTINED_RECORDS, RAW_EVENTS
from segment_assets.lake import ObjectStore, StoredObject, Table, combined, content_hash
from segment_assets.lake.arrivals import arrival_day, fingerprint
from segment_assets.lake.parts import Part, PartWriter, joined, version_of, with_field_ids
from segment_assets.lake.private import private_folder
from segment_assets.lake.workers import one_ahead, spread
from segment_assets.landing_config import EventsLanding

# Gzip makes such JSON a tenth of what it was; where it is less, twice as much is held as is said here.
GZIP_RATIO = 10
# Decompressed bytes whose days are written in one commit: they wait on disk, and a kill loses the work of a minute.
CHUNK = 500_000_000
# What one process reads at a time, at least. More than one such unit is worth a second process.
PART = 8_000_000
# The largest day that one process reads alone, for it holds the day's records.
WHOLE_DAY = 32_000_000
# Of a larger day as much is read at a time, and half of it put in order at a time: each is held several times over.
SHARE = 16_000_000


class Parts(dict[date, Part]):
    """Rows of a table in files, by day."""

    @property
    def num_rows(self) -> int:
        """Rows of all days."""
        return sum(part.rows for part in self.values())


@dataclass(frozen=True)
class Loaded:
    """Records of some arrival days, in files that are gone when the next days come.

    Attributes:
        days: the days asked for, whether anything arrived or not.
        raw: rows of raw_events.
        quarantined: rows of quarantined_records.
        objects: how many objects delivered something for a day.
        events: files of `staged_events`, of days for which that is all there is.
    """

    days: list[date]
    raw: Parts
    quarantined: Parts
    objects: Mapping[date, int]
    events: Mapping[date, list[Path]]


@dataclass(frozen=True)
class LandingDay:
    """What the landing place holds of one arrival day.

    Attributes:
        version: changes when, and only when, that does.
        objects: objects with records of the day.
        bytes: their size; an object of many days counts on each.
    """

    version: str
    objects: int
    bytes: int


def event_objects(store: ObjectStore, landing: EventsLanding) -> list[StoredObject]:
    """Objects that hold events, by key: no empty ones, none under the error prefix, no marks or metadata."""
    return [o for o in store.list(landing.path) if is_event(o, landing)]


def is_event(stored: StoredObject, landing: EventsLanding) -> bool:
    """Whether an object below the landing place holds events."""
    return bool(stored.size) and not _ignored(stored.key, landing)


def days_of(store: ObjectStore, form: Format, stored: StoredObject) -> dict[str, str]:
    """Arrival days of an object that tells them by its records, each with the hash of what it holds of that day."""
    good: dict[date, list[str]] = {}
    bad: dict[date, list[str]] = {}
    for _, records, refused in _undated(store, form, [stored]):
        for hashes, rows, names in ((good, records, ["position", "event_id"]), (bad, refused, ["position", "reason"])):
            for day, its in _by_day(rows.select(["arrival_date", *names])):
                hashes.setdefault(day, []).append(content_hash(its.select(names)))
    return {
        day.isoformat(): _hash_of(good.get(day, []))[:16] + _hash_of(bad.get(day, []))[:8]
        for day in sorted(good.keys() | bad.keys())
    }


def day_of(form: Format, key: str) -> date | None:
    """The arrival day of everything in an object; None where its records tell."""
    return None if form.own_days else arrival_day(key)


def landing_days(
    form: Format, objects: Iterable[StoredObject], told: Mapping[str, Mapping[str, str]]
) -> dict[str, LandingDay]:
    """What the landing place holds, by arrival day.

    Args:
        form: the format of the objects.
        objects: everything in the landing place.
        told: for each object without a day in its key, what `days_of` said.
    """
    held: dict[str, list[tuple[StoredObject, str]]] = {}
    for stored in objects:
        day = day_of(form, stored.key)
        versions = {day.isoformat(): stored.etag} if day else told[stored.key]
        for own, version in versions.items():
            held.setdefault(own, []).append((stored, version))
    return {
        day: LandingDay(
            fingerprint(replace(stored, etag=version) for stored, version in held[day]),
            len(held[day]),
            sum(stored.size for stored, _ in held[day]),
        )
        for day in sorted(held)
    }


def load(
    store: ObjectStore,
    form: Format,
    objects: list[StoredObject],
    days: Collection[date],
    scratch: Path,
    loaded_from: Callable[[Collection[str]], Collection[date]] | None = None,
) -> Iterator[Loaded]:
    """Everything that arrived on the days, in chunks of neighbouring days; each object is read once.

    Args:
        store: the landing place.
        form: the format of its objects.
        objects: everything in it, as `event_objects` gives it.
        days: arrival days to load.
        scratch: private folder for what was read, until it is written.
        loaded_from: the days that were loaded from some objects before, by their keys. Where it is given, an object
            that can't be read at all holds up those days alone, which would lose what it delivered, and the day of
            objects that tell none.

    Raises:
        LandingError: an object can't be read at all: before the first day, or with `loaded_from` behind the last.
    """
    dated: dict[date, list[StoredObject]] = {day: [] for day in sorted(days)}
    others = []
    for stored in objects:
        day = day_of(form, stored.key)
        if day is None:
            others.append(stored)
        elif day in dated:
            dated[day].append(stored)
    with (
        Staged(RAW_EVENTS.schema, scratch) as raw,
        Staged(QUARANTINED_RECORDS.schema, scratch) as quarantined,
        private_folder(scratch) as folder,
    ):
        told = _Others(raw, quarantined, {day: set() for day in dated})
        unreadable: dict[str, LandingError] = {}
        told.read(store, form, others, unreadable if loaded_from else None)
        if loaded_from and unreadable:
            held_up = {NO_DAY, *loaded_from(unreadable)}
            dated = {day: group for day, group in dated.items() if day not in held_up}
        chunks = _chunks({day: told.bytes(day) + sum(map(weight, group)) for day, group in dated.items()})
        loads = (_load(store, form, {day: dated[day] for day in days}, told, folder / str(days[0])) for days in chunks)
        with closing(one_ahead(loads)) as ahead:
            for loaded in ahead:
                yield loaded
                shutil.rmtree(folder / str(loaded.days[0]))
        if unreadable:
            raise _one_of(list(unreadable.values()))


@dataclass(frozen=True)
class _Others:
    """What objects whose records tell their days hold of some days.

    Attributes:
        raw: their rows of raw_events.
        quarantined: their rows of quarantined_records.
        objects: the keys of the objects that delivered something, by day.
    """

    raw: Staged
    quarantined: Staged
    objects: dict[date, set[str]]

    def read(
        self, store: ObjectStore, form: Format, objects: list[StoredObject], unreadable: dict[str, LandingError] | None
    ) -> None:
        """Read the objects; those that can't be read are added to `unreadable`, or the first of them is raised."""
        wanted = pa.array(list(self.objects), pa.date32())
        for key, records, refused in _undated(store, form, objects, unreadable):
            for into, rows in ((self.raw, records), (self.quarantined, refused)):
                its = rows.filter(pc.is_in(rows["arrival_date"], value_set=wanted))
                into.add(its)
                for day in _days(its):
                    self.objects[day].add(key)

    def bytes(self, day: date) -> int:
        return self.raw.bytes[day] + self.quarantined.bytes[day]

    def added_to(self, dated: list[Part], table: Table, day: date, folder: Path) -> Part:
        """All rows of a day: those of objects with the day in their key, and these."""
        if not self.objects[day]:
            return joined(table.schema, dated)
        its = (self.raw if table is RAW_EVENTS else self.quarantined).of(day)
        if any(part.rows for part in dated):
            # Both kinds of objects on one day, and their keys may come in any order: the day is put in order in memory.
            both = pa.concat_tables([*(pq.read_table(file) for part in dated for file in part.files), *its])
            its = iter([both.sort_by([(name, "ascending") for name in table.key])])
        with PartWriter(folder / f"{day}-{table.short_name}.parquet", with_field_ids(table.schema)) as writer:
            for rows in its:
                writer.add(rows)
        return Part(writer.files, writer.rows, version_of(table.schema, writer.files))


def _undated(
    store: ObjectStore, form: Format, objects: list[StoredObject], unreadable: dict[str, LandingError] | None = None
) -> Iterator[tuple[str, pa.Table, pa.Table]]:
    """Rows of raw_events and of quarantined_records, piece by piece, with the object's key.

    What was refused comes after the last piece of its object: a broken row has no day, and stays with the first day.
    """
    pieces = chain.from_iterable(_pieces(store, form, stored, unreadable) for stored in objects)
    read = spread(partial(_read_piece, form), pieces, worthwhile=sum(map(weight, objects)) > PART)
    for key, found in groupby(read, key=itemgetter(0)):
        refused, first, before = [], None, 0
        for _, delivered in found:
            records, bad = (_behind(t, before) for t in (delivered.records, delivered.quarantined))
            before += (records.num_rows + bad.num_rows) * form.by_piece
            refused.append(bad)
            first = min((d for d in (first, pc.min(records["arrived"]).as_py()) if d), default=None)
            yield key, placed(RAW_EVENTS.schema, records, key, records["arrived"]), QUARANTINED_RECORDS.empty()
        bad = pa.concat_tables(refused)
        days = repeat(first or NO_DAY, pa.date32(), bad)
        yield key, RAW_EVENTS.empty(), placed(QUARANTINED_RECORDS.schema, bad, key, days)


def _pieces(
    store: ObjectStore, form: Format, stored: StoredObject, unreadable: dict[str, LandingError] | None
) -> Iterator[tuple[str, Any]]:
    try:
        with content_of(store, stored) as content:
            for piece in form.pieces(stored.key, content):
                yield stored.key, piece
    except LandingError as why:
        if unreadable is None:
            raise
        unreadable[stored.key] = why


def _one_of(mistakes: list[LandingError]) -> LandingError:
    """The first, and how many are like it."""
    more = f"; {len(mistakes) - 1:,} more can't be read either" if len(mistakes) > 1 else ""
    return LandingError(f"{mistakes[0]}{more}")


def _behind(rows: pa.Table, records: int) -> pa.Table:
    """Rows of a piece, where so many records come before it."""
    at = rows.schema.get_field_index("position")
    return rows.set_column(at, rows.schema.field(at), pc.add(rows["position"], records)) if records else rows


def _read_piece(form: Format, part: tuple[str, Any]) -> tuple[str, Delivered]:
    key, piece = part
    return key, form.read(key, piece)


def _load(
    store: ObjectStore, form: Format, days: dict[date, list[StoredObject]], told: _Others, folder: Path
) -> Loaded:
    folder.mkdir()
    plans = list(_units(days))
    found: dict[date, list[Read]] = {day: [] for day in days}
    with ExitStack() as files:

        def held(objects: list[tuple[date, StoredObject]]) -> list[tuple[date, str, Content]]:
            return [(day, stored.key, files.enter_context(content_of(store, stored))) for day, stored in objects]

        units = (Unit(number, held(objects), folder, shares) for number, (objects, shares) in enumerate(plans))
        alike = all(shares == 1 for _, shares in plans)
        reads = spread(partial(read_unit, form), units, worthwhile=len(plans) > 1, alike=alike)
        for read in chain.from_iterable(reads):
            found[read.day].append(read)
    raw = {day: told.added_to([r.raw for r in reads], RAW_EVENTS, day, folder) for day, reads in found.items()}
    quarantined = {
        day: told.added_to([r.quarantined for r in reads], QUARANTINED_RECORDS, day, folder)
        for day, reads in found.items()
    }
    return Loaded(
        list(days),
        Parts(raw),
        Parts(quarantined),
        {day: sum(r.objects for r in reads) + len(told.objects[day]) for day, reads in found.items()},
        {
            day: [file for r in reads for file in r.events]
            for day, reads in found.items()
            if reads and not told.objects[day]
        },
    )


def _units(days: Mapping[date, list[StoredObject]]) -> Iterator[tuple[list[tuple[date, StoredObject]], int]]:
    """Whole days of about the same weight in all, or about the same weight of one large day, and its shares."""
    unit: list[tuple[date, StoredObject]] = []
    held = 0
    for day, objects in days.items():
        whole = sum(map(weight, objects))
        shares = min(ceil(2 * whole / SHARE), staged_events.SHARES) if whole > WHOLE_DAY else 1
        if unit and (shares > 1 or held + whole > WHOLE_DAY):
            yield unit, 1
            unit, held = [], 0
        for stored in objects:
            unit.append((day, stored))
            held += weight(stored)
            if shares > 1 and held >= SHARE:
                yield unit, shares
                unit, held = [], 0
        if unit and (shares > 1 or held > PART):
            yield unit, shares
            unit, held = [], 0
    if unit:
        yield unit, 1


def _days(rows: pa.Table) -> set[date]:
    return set(pc.unique(rows["arrival_date"]).to_pylist())


def _by_day(rows: pa.Table) -> Iterator[tuple[date, pa.Table]]:
    for day in sorted(_days(rows)):
        yield day, rows.filter(pc.equal(rows["arrival_date"], pa.scalar(day, pa.date32())))


def _hash_of(hashes: list[str]) -> str:
    return combined({f"{number:09}": found for number, found in enumerate(hashes)})


def _chunks(weights: Mapping[date, int]) -> Iterator[list[date]]:
    chunk: list[date] = []
    held = 0
    for day, weight in weights.items():
        if chunk and held + weight > CHUNK:
            yield chunk
            chunk, held = [], 0
        chunk.append(day)
        held += weight
    if chunk:
        yield chunk


def weight(stored: StoredObject) -> int:
    """About how many bytes an object is when decompressed."""
    return stored.size * (1 if stored.key.endswith((".json", ".jsonl", ".csv")) else GZIP_RATIO)


def _ignored(key: str, landing: EventsLanding) -> bool:
    folders, name = key.removeprefix(landing.path).split("/")[:-1], key.rpartition("/")[2]
    iceberg = landing.format == "table" and "metadata" in folders
    return key.startswith(landing.errors_path) or name.startswith(("_", ".")) or iceberg
