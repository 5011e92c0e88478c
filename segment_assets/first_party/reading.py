"""What one process does with landing objects: records, what was refused, and events, each into a file of its own."""

from dataclasses import dataclass
from datetime import date
from itertools import groupby
from operator import itemgetter
from pathlib import Path

import pyarrow as pa

from segment_assets.first_party import staged_events
from segment_assets.first_party.formats import Format
from segment_assets.first_party.tables import QUARANTINED_RECORDS, RAW_EVENTS
from segment_assets.lake import Table, content_hash
from segment_assets.lake.parts import Part, PartWriter, with_field_ids


@dataclass(frozen=True)
class Unit:
    """What one process reads at a time.

    Attributes:
        number: of the unit, in the order of days and keys.
        contents: day, key and content of some objects, by day and key.
        folder: where the files go.
        shares: into how many parts the events of a day are put; 1 where the unit holds all of each of its days.
    """

    number: int
    contents: list[tuple[date, str, bytes]]
    folder: Path
    shares: int


@dataclass(frozen=True)
class Read:
    """What a unit holds of one day. Versions are those of whole days; empty where the day is too large for one unit.

    Attributes:
        day: the day.
        objects: how many.
        raw: rows of raw_events.
        quarantined: rows of quarantined_records.
        events: file of `staged_events`.
    """

    day: date
    objects: int
    raw: Part
    quarantined: Part
    events: Path


def read(form: Format, unit: Unit) -> list[Read]:
    """Read the unit's objects, by day."""
    days = groupby(unit.contents, key=itemgetter(0))
    return [_day(form, unit, day, [(key, content) for _, key, content in objects]) for day, objects in days]


def _day(form: Format, unit: Unit, day: date, objects: list[tuple[str, bytes]]) -> Read:
    raw, refused = (_Rows(t, unit, day) for t in (RAW_EVENTS, QUARANTINED_RECORDS))
    events = []
    with raw.file, refused.file:
        for key, content in objects:
            for found in form.read_day(key, day, content):
                raw.add(placed(RAW_EVENTS.schema, found.records, key, repeat(day, pa.date32(), found.records)))
                bad = found.quarantined
                refused.add(placed(QUARANTINED_RECORDS.schema, bad, key, repeat(day, pa.date32(), bad)))
                events.append(found.events)
    # The records are given up before their events are put in order: a day of either may be 60 MB.
    parts = raw.part(), refused.part()
    del raw, refused
    path, found = unit.folder / f"{unit.number:06}-{day}.arrow", pa.concat_tables(e for e in events if e is not None)
    if unit.shares == 1 and found.num_rows:
        return Read(day, len(objects), *parts, staged_events.write_day(path, found))
    staged_events.write(path, found, unit.shares)
    return Read(day, len(objects), *parts, path)


class _Rows:
    """Rows of one table on their way to a file, and kept for their hash where the unit holds all of them."""

    def __init__(self, table: Table, unit: Unit, day: date) -> None:
        path = unit.folder / f"{unit.number:06}-{day}-{table.short_name}.parquet"
        self.file = PartWriter(path, with_field_ids(table.schema), plain=("record",))
        self._kept = [table.empty()]
        self._whole = unit.shares == 1

    def add(self, rows: pa.Table) -> None:
        if self._whole:
            self._kept.append(rows)
        self.file.add(rows)

    def part(self) -> Part:
        version = content_hash(pa.concat_tables(self._kept)) if self._whole else ""
        return Part(self.file.files, self.file.rows, version)


def placed(schema: pa.Schema, rows: pa.Table, key: str, days: pa.Array) -> pa.Table:
    """Rows of an object with where they came from."""
    extra = {"arrival_date": days, "object_key": repeat(key, pa.string(), rows)}
    return pa.table([extra[n] if n in extra else rows[n] for n in schema.names], schema=schema)


def repeat(value: object, kind: pa.DataType, rows: pa.Table) -> pa.Array:
    """The value, for every row."""
    return pa.repeat(pa.scalar(value, kind), rows.num_rows)
