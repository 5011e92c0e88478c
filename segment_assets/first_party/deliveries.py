"""What lies in the landing place, by arrival day: the one answer that sensors and loads share."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date
from functools import partial
from itertools import chain

import pyarrow as pa
import pyarrow.compute as pc

from segment_assets.first_party.formats import Format
from segment_assets.first_party.tables import QUARANTINED_RECORDS, RAW_EVENTS
from segment_assets.lake import ObjectStore, StoredObject, content_hash
from segment_assets.lake.arrivals import arrival_day, fingerprint
from segment_assets.lake.workers import one_ahead, spread
from segment_assets.segmentation import EventsLanding

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
    return [o for o in store.list(landing.path) if o.size and not _ignored(o.key, landing)]


def days_of(store: ObjectStore, form: Format, stored: StoredObject) -> dict[str, str]:
    """Arrival days of an object that tells them by its records, each with the hash of what it holds of that day."""
    records, refused = _read(form, stored.key, store.read(stored.key))
    return {
        day.isoformat(): content_hash(_of(records, day).select(["position", "event_id"]))[:16]
        + content_hash(_of(refused, day).select(["position", "reason"]))[:8]
        for day in sorted(_days(records) | _days(refused))
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


def load(store: ObjectStore, form: Format, objects: list[StoredObject], days: Collection[date]) -> Iterator[Loaded]:
    """Everything that arrived on the days, in chunks of neighbouring days that fit in memory.

    Args:
        store: the landing place.
        form: the format of its objects.
        objects: everything in it, as `event_objects` gives it.
        days: arrival days to load.
    """
    dated: dict[date, list[StoredObject]] = {day: [] for day in sorted(days)}
    others = []
    for stored in objects:
        day = day_of(form, stored.key)
        if day is None:
            others.append(stored)
        elif day in dated:
            dated[day].append(stored)
    each = sum(map(_weight, others)) // max(1, len(dated))
    chunks = _chunks({day: each + sum(map(_weight, group)) for day, group in dated.items()})
    yield from one_ahead(_load(store, form, days, [o for day in days for o in dated[day]] + others) for days in chunks)


def _load(store: ObjectStore, form: Format, days: list[date], objects: list[StoredObject]) -> Loaded:
    parts = list(_parts(objects))
    contents = ([(stored.key, store.read(stored.key)) for stored in part] for part in parts)
    read = partial(_read_all, form, days)
    raw, quarantined, present = zip(*spread(read, contents, worthwhile=len(parts) > 1), strict=True)
    counts = dict.fromkeys(days, 0)
    for day in chain.from_iterable(present):
        counts[day] += 1
    return Loaded(days, pa.concat_tables(raw), pa.concat_tables(quarantined), counts)


def _read_all(
    form: Format, days: list[date], contents: list[tuple[str, bytes]]
) -> tuple[pa.Table, pa.Table, list[date]]:
    """Records of the days, records refused, and the days of each object."""
    raw, quarantined = [RAW_EVENTS.empty()], [QUARANTINED_RECORDS.empty()]
    present: list[date] = []
    wanted = pa.array(days, pa.date32())
    for key, content in contents:
        records, refused = (t.filter(pc.is_in(t["arrival_date"], value_set=wanted)) for t in _read(form, key, content))
        day = day_of(form, key)
        present += [day] if day else _days(records) | _days(refused)
        raw.append(records)
        quarantined.append(refused)
    return pa.concat_tables(raw).combine_chunks(), pa.concat_tables(quarantined).combine_chunks(), present


def _parts(objects: list[StoredObject]) -> Iterator[list[StoredObject]]:
    """Neighbours of about the same weight in all; one part, even of nothing, at least."""
    part: list[StoredObject] = []
    held = 0
    for stored in objects:
        part.append(stored)
        held += _weight(stored)
        if held > PART:
            yield part
            part, held = [], 0
    if part or not objects:
        yield part


def _read(form: Format, key: str, content: bytes) -> tuple[pa.Table, pa.Table]:
    found = form.read(key, content)
    records, refused = found.records, found.quarantined
    day = day_of(form, key)
    arrived = records["arrived"] if day is None else _repeat(day, pa.date32(), records.num_rows)
    # A broken row has no day: it stays with the first day of its object.
    first = day or pc.min(records["arrived"]).as_py() or NO_DAY
    return (
        _placed(RAW_EVENTS.schema, records, key, arrived),
        _placed(QUARANTINED_RECORDS.schema, refused, key, _repeat(first, pa.date32(), refused.num_rows)),
    )


def _days(rows: pa.Table) -> set[date]:
    return set(pc.unique(rows["arrival_date"]).to_pylist())


def _placed(schema: pa.Schema, rows: pa.Table, key: str, days: pa.Array) -> pa.Table:
    extra = {"arrival_date": days, "object_key": _repeat(key, pa.string(), rows.num_rows)}
    return pa.table([extra[n] if n in extra else rows[n] for n in schema.names], schema=schema)


def _repeat(value: object, kind: pa.DataType, times: int) -> pa.Array:
    return pa.repeat(pa.scalar(value, kind), times)


def _of(rows: pa.Table, day: date) -> pa.Table:
    return rows.filter(pc.equal(rows["arrival_date"], pa.scalar(day, pa.date32())))


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


def _weight(stored: StoredObject) -> int:
    return stored.size * (1 if stored.key.endswith((".json", ".jsonl", ".csv")) else GZIP_RATIO)


def _ignored(key: str, landing: EventsLanding) -> bool:
    folders, name = key.removeprefix(landing.path).split("/")[:-1], key.rpartition("/")[2]
    iceberg = landing.format == "table" and "metadata" in folders
    return key.startswith(landing.errors_path) or name.startswith(("_", ".")) or iceberg
