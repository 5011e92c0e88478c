"""Objects whose path names no day: their records tell when they arrived."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from functools import partial
from heapq import merge
from itertools import chain, groupby
from operator import itemgetter
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from segment_assets.first_party.contents import content_of
from segment_assets.first_party.deliveries import weight
from segment_assets.first_party.errors import LandingError
from segment_assets.first_party.formats import Delivered, Format
from segment_assets.first_party.reading import placed, repeat
from segment_assets.first_party.staging import Staged
from segment_assets.first_party.tables import NO_DAY, QUARANTINED_RECORDS, RAW_EVENTS
from segment_assets.lake import ObjectStore, StoredObject, Table, combined, content_hash
from segment_assets.lake.parts import Part, PartWriter, joined, version_of, with_field_ids
from segment_assets.lake.workers import spread

# Decompressed bytes that are worth a second process.
MUCH = 8_000_000


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


@dataclass(frozen=True)
class Undated:
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
        """How much it is of a day, decompressed."""
        return self.raw.bytes[day] + self.quarantined.bytes[day]

    def added_to(self, dated: list[Part], table: Table, day: date, folder: Path) -> Part:
        """All rows of a day: those of objects with the day in their key, and these."""
        if not self.objects[day]:
            return joined(table.schema, dated)
        its = (self.raw if table is RAW_EVENTS else self.quarantined).of(day)
        if any(part.rows for part in dated):
            # Both kinds of objects on one day, each kind by key: of neither more is held than is read at a time.
            both = merge(_by_object(_rows(dated)), _by_object(its), key=itemgetter(0))
            its = (rows for _, rows in both)
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
    read = spread(partial(_read_piece, form), pieces, worthwhile=sum(map(weight, objects)) > MUCH)
    for key, found in groupby(read, key=itemgetter(0)):
        refused, first, before = [], None, 0
        for _, delivered in found:
            records, bad = (_behind(t, before) for t in (delivered.records, delivered.quarantined))
            before += (records.num_rows + bad.num_rows) * form.by_piece(key)
            refused.append(bad)
            first = min((d for d in (first, pc.min(records["arrived"]).as_py()) if d), default=None)
            yield key, placed(RAW_EVENTS.schema, records, key, records["arrived"]), QUARANTINED_RECORDS.empty()
        bad = pa.concat_tables(refused)
        days = repeat(first or NO_DAY, pa.date32(), bad)
        yield key, RAW_EVENTS.empty(), placed(QUARANTINED_RECORDS.schema, bad, key, days)


def _rows(parts: list[Part]) -> Iterator[pa.Table]:
    for path in (path for part in parts for path in part.files):
        with pq.ParquetFile(path) as file:
            yield from (file.read_row_group(number) for number in range(file.num_row_groups))


def _by_object(tables: Iterator[pa.Table]) -> Iterator[tuple[str, pa.Table]]:
    """Neighbouring rows of one object, with its key."""
    for rows in tables:
        runs = pc.run_end_encode(rows["object_key"].combine_chunks())
        ends = runs.run_ends.to_pylist()
        for key, start, end in zip(runs.values.to_pylist(), [0, *ends], ends, strict=False):
            yield key, rows.slice(start, end - start)


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


def _behind(rows: pa.Table, records: int) -> pa.Table:
    """Rows of a piece, where so many records come before it."""
    at = rows.schema.get_field_index("position")
    return rows.set_column(at, rows.schema.field(at), pc.add(rows["position"], records)) if records else rows


def _read_piece(form: Format, part: tuple[str, Any]) -> tuple[str, Delivered]:
    key, piece = part
    return key, form.read(key, piece)


def _days(rows: pa.Table) -> set[date]:
    return set(pc.unique(rows["arrival_date"]).to_pylist())


def _by_day(rows: pa.Table) -> Iterator[tuple[date, pa.Table]]:
    for day in sorted(_days(rows)):
        yield day, rows.filter(pc.equal(rows["arrival_date"], pa.scalar(day, pa.date32())))


def _hash_of(hashes: list[str]) -> str:
    return combined({f"{number:09}": found for number, found in enumerate(hashes)})
