"""What lies in the landing place, by arrival day: the one answer that sensors and loads share."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date
from functools import partial
from itertools import chain, groupby
from operator import itemgetter
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from segment_assets.first_party.formats import Delivered, Format
from segment_assets.first_party.staging import Staged
from segment_assets.first_party.tables import QUARANTINED_RECORDS, RAW_EVENTS
from segment_assets.lake import ObjectStore, StoredObject, combined, content_hash
from segment_assets.lake.arrivals import arrival_day, fingerprint
from segment_assets.lake.workers import one_ahead, spread
from segment_assets.landing_config import EventsLanding

# The day of an object of which neither its key nor any of its records says one: all of it is in quarantine.
NO_DAY = date(1970, 1, 1)
# Decompressed bytes that are held at once; gzip makes such JSON about a tenth.
CHUNK, GZIP_RATIO = 48_000_000, 10
# What one process reads at a time. More than one such part is worth a second process.
PART = CHUNK // 8


@dataclass(frozen=True)
class Loaded:
    """Records of some arrival days.

    Attributes:
        days: the days asked for, whether anything arrived or not.
        raw: rows of raw_events.
        quarantined: rows of quarantined_records.
        objects: how many objects delivered something for a day.
    """

    days: list[date]
    raw: pa.Table
    quarantined: pa.Table
    objects: Mapping[date, int]


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
    store: ObjectStore, form: Format, objects: list[StoredObject], days: Collection[date], scratch: Path
) -> Iterator[Loaded]:
    """Everything that arrived on the days, in chunks of neighbouring days that fit in memory; each object is read once.

    Args:
        store: the landing place.
        form: the format of its objects.
        objects: everything in it, as `event_objects` gives it.
        days: arrival days to load.
        scratch: private folder for what is read of objects without a day in their key, until its day is written.
    """
    dated: dict[date, list[StoredObject]] = {day: [] for day in sorted(days)}
    others = []
    for stored in objects:
        day = day_of(form, stored.key)
        if day is None:
            others.append(stored)
        elif day in dated:
            dated[day].append(stored)
    with Staged(RAW_EVENTS.schema, scratch) as raw, Staged(QUARANTINED_RECORDS.schema, scratch) as quarantined:
        told = _Others(raw, quarantined, {day: set() for day in dated})
        told.read(store, form, others)
        chunks = _chunks({day: told.bytes(day) + sum(map(weight, group)) for day, group in dated.items()})
        yield from one_ahead(
            told.added_to(_load(store, form, days, [o for day in days for o in dated[day]])) for days in chunks
        )


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

    def read(self, store: ObjectStore, form: Format, objects: list[StoredObject]) -> None:
        wanted = pa.array(list(self.objects), pa.date32())
        for key, records, refused in _undated(store, form, objects):
            for into, rows in ((self.raw, records), (self.quarantined, refused)):
                its = rows.filter(pc.is_in(rows["arrival_date"], value_set=wanted))
                into.add(its)
                for day in _days(its):
                    self.objects[day].add(key)

    def bytes(self, day: date) -> int:
        return self.raw.bytes[day] + self.quarantined.bytes[day]

    def added_to(self, loaded: Loaded) -> Loaded:
        days = loaded.days
        return Loaded(
            days,
            pa.concat_tables([loaded.raw, self.raw.of(days)]),
            pa.concat_tables([loaded.quarantined, self.quarantined.of(days)]),
            {day: loaded.objects[day] + len(self.objects[day]) for day in days},
        )


def _undated(store: ObjectStore, form: Format, objects: list[StoredObject]) -> Iterator[tuple[str, pa.Table, pa.Table]]:
    """Rows of raw_events and of quarantined_records, piece by piece, with the object's key.

    What was refused comes after the last piece of its object: a broken row has no day, and stays with the first day.
    """
    pieces = ((o.key, piece) for o in objects for piece in form.pieces(o.key, store.read(o.key)))
    read = spread(partial(_read_piece, form), pieces, worthwhile=sum(map(weight, objects)) > PART)
    for key, found in groupby(read, key=itemgetter(0)):
        refused, first = [], None
        for _, delivered in found:
            records = delivered.records
            refused.append(delivered.quarantined)
            first = min((d for d in (first, pc.min(records["arrived"]).as_py()) if d), default=None)
            yield key, _placed(RAW_EVENTS.schema, records, key, records["arrived"]), QUARANTINED_RECORDS.empty()
        bad = pa.concat_tables(refused)
        days = _repeat(first or NO_DAY, pa.date32(), bad.num_rows)
        yield key, RAW_EVENTS.empty(), _placed(QUARANTINED_RECORDS.schema, bad, key, days)


def _read_piece(form: Format, part: tuple[str, Any]) -> tuple[str, Delivered]:
    key, piece = part
    return key, form.read(key, piece)


def _load(store: ObjectStore, form: Format, days: list[date], objects: list[StoredObject]) -> Loaded:
    parts = list(_parts(objects))
    contents = ([(stored.key, store.read(stored.key)) for stored in part] for part in parts)
    read = partial(_read_all, form)
    raw, quarantined, present = zip(*spread(read, contents, worthwhile=len(parts) > 1), strict=True)
    counts = dict.fromkeys(days, 0)
    for day in chain.from_iterable(present):
        counts[day] += 1
    return Loaded(days, pa.concat_tables(raw), pa.concat_tables(quarantined), counts)


def _read_all(form: Format, contents: list[tuple[str, bytes]]) -> tuple[pa.Table, pa.Table, list[date]]:
    """Records, records refused, and the day of each object."""
    raw, quarantined = [RAW_EVENTS.empty()], [QUARANTINED_RECORDS.empty()]
    present: list[date] = []
    for key, content in contents:
        found, day = form.read(key, content), day_of(form, key)
        for rows, table, into in (
            (found.records, RAW_EVENTS, raw),
            (found.quarantined, QUARANTINED_RECORDS, quarantined),
        ):
            into.append(_placed(table.schema, rows, key, _repeat(day, pa.date32(), rows.num_rows)))
        present += [day] if day else []
    return pa.concat_tables(raw).combine_chunks(), pa.concat_tables(quarantined).combine_chunks(), present


def _parts(objects: list[StoredObject]) -> Iterator[list[StoredObject]]:
    """Neighbours of about the same weight in all; one part, even of nothing, at least."""
    part: list[StoredObject] = []
    held = 0
    for stored in objects:
        part.append(stored)
        held += weight(stored)
        if held > PART:
            yield part
            part, held = [], 0
    if part or not objects:
        yield part


def _days(rows: pa.Table) -> set[date]:
    return set(pc.unique(rows["arrival_date"]).to_pylist())


def _placed(schema: pa.Schema, rows: pa.Table, key: str, days: pa.Array) -> pa.Table:
    extra = {"arrival_date": days, "object_key": _repeat(key, pa.string(), rows.num_rows)}
    return pa.table([extra[n] if n in extra else rows[n] for n in schema.names], schema=schema)


def _repeat(value: object, kind: pa.DataType, times: int) -> pa.Array:
    return pa.repeat(pa.scalar(value, kind), times)


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
