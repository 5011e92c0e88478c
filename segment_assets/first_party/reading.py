"""What one process does with landing objects: records, what was refused, and events, each into a file of its own."""

from dataclasses import dataclass
from datetime import date
from itertools import groupby
from operator import itemgetter
from pathlib import Path

import pyarrow as pa

from segment_assets.first_party import staged_events
from segment_assets.first_party.compression import Content
from segment_assets.first_party.formats import Format
from segment_assets.first_party.tables import ENGAGEMENT_EVENTS, QUARANTINED_RECORDS, RAW_EVENTS
from segment_assets.lake import Table, content_hash
from segment_assets.lake.parts import Part, PartWriter, with_field_ids

# Events of a day that are held at once, to be put in order: they take 1 KB each, several times over.
WHOLE_DAY = 50_000
# Of a larger day as many are put into a file.
AT_ONCE = 16_000


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
    contents: list[tuple[date, str, Content]]
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
        events: files of `staged_events`.
    """

    day: date
    objects: int
    raw: Part
    quarantined: Part
    events: list[Path]


def read(form: Format, unit: Unit) -> list[Read]:
    """Read the unit's objects, by day."""
    days = groupby(unit.contents, key=itemgetter(0))
    return [_day(form, unit, day, [(key, content) for _, key, content in objects]) for day, objects in days]


def _day(form: Format, unit: Unit, day: date, objects: list[tuple[str, Content]]) -> Read:
    raw, refused = (_Rows(t, unit, day) for t in (RAW_EVENTS, QUARANTINED_RECORDS))
    events = _Events(unit, day)
    with raw.file, refused.file:
        for key, content in objects:
            for found in form.read_day(key, day, content):
                raw.add(placed(RAW_EVENTS.schema, found.records, key, repeat(day, pa.date32(), found.records)))
                bad = found.quarantined
                refused.add(placed(QUARANTINED_RECORDS.schema, bad, key, repeat(day, pa.date32(), bad)))
                events.add(found.events)
                if events.many:  # such a day turns out to be larger than it looked
                    raw.whole = refused.whole = False
    # The records are given up before their events are put in order: a day of either may be 60 MB.
    parts = raw.part(), refused.part()
    del raw, refused
    return Read(day, len(objects), *parts, events.files())


class _Events:
    """Events of a day on their way to files: one, or where they are many, one for some thousand each.

    Attributes:
        many: whether they are more than are held at once.
    """

    def __init__(self, unit: Unit, day: date) -> None:
        self.many = unit.shares > 1
        self._shares = unit.shares if self.many else staged_events.SHARES
        self._path = unit.folder / f"{unit.number:06}-{day}.arrow"
        self._held = [ENGAGEMENT_EVENTS.empty()]
        self._rows = 0
        self._files: list[Path] = []

    def add(self, events: pa.Table | None) -> None:
        if events is not None:
            self._held.append(events)
            self._rows += events.num_rows
        self.many = self.many or self._rows > WHOLE_DAY
        if self.many and self._rows >= AT_ONCE:
            self._write()

    def files(self) -> list[Path]:
        if self._rows and not self.many:
            return [staged_events.write_day(self._path, pa.concat_tables(self._held))]
        if self._rows or not self._files:
            self._write()
        return self._files

    def _write(self) -> None:
        path = self._path.with_stem(f"{self._path.stem}-{len(self._files):04}")
        staged_events.write(path, pa.concat_tables(self._held), self._shares)
        self._files.append(path)
        self._held, self._rows = [ENGAGEMENT_EVENTS.empty()], 0


class _Rows:
    """Rows of one table on their way to a file, and kept for their hash where they are all of the day.

    Attributes:
        whole: whether they are kept.
    """

    def __init__(self, table: Table, unit: Unit, day: date) -> None:
        path = unit.folder / f"{unit.number:06}-{day}-{table.short_name}.parquet"
        self.file = PartWriter(path, with_field_ids(table.schema), plain=("record",))
        self.whole = unit.shares == 1
        self._kept = [table.empty()]

    def add(self, rows: pa.Table) -> None:
        if self.whole:
            self._kept.append(rows)
        else:
            self._kept.clear()
        self.file.add(rows)

    def part(self) -> Part:
        version = content_hash(pa.concat_tables(self._kept)) if self.whole else ""
        return Part(self.file.files, self.file.rows, version)


def placed(schema: pa.Schema, rows: pa.Table, key: str, days: pa.Array) -> pa.Table:
    """Rows of an object with where they came from."""
    extra = {"arrival_date": days, "object_key": repeat(key, pa.string(), rows)}
    return pa.table([extra[n] if n in extra else rows[n] for n in schema.names], schema=schema)


def repeat(value: object, kind: pa.DataType, rows: pa.Table) -> pa.Array:
    """The value, for every row."""
    return pa.repeat(pa.scalar(value, kind), rows.num_rows)
