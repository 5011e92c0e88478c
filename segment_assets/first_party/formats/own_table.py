"""One's own table of events, by a column mapping: a row per event, of whatever days the rows are."""

import re
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import date
from math import isfinite

import msgspec
import pyarrow as pa

from segment_assets.first_party import tabular
from segment_assets.first_party.compression import Content
from segment_assets.first_party.formats import Delivered, delivered
from segment_assets.first_party.formats.messages import is_an_address
from segment_assets.first_party.records import MalformedError, event_id, refused
from segment_assets.first_party.tabular import Rows
from segment_assets.first_party.times import microseconds
from segment_assets.first_party.vocabulary import (
    EARLIEST,
    ENGAGEMENT,
    LATEST,
    SUPPRESSION,
    Event,
    Origin,
    letters,
    own_name,
    placed,
    to_columns,
)
from segment_assets.landing_config import EventTable
from segment_assets.people.addresses import without_addresses

# Points that part thousands, where the decimal mark is a comma; nobody parts 0.123 so.
_GROUPED = re.compile(r"[+-]?[1-9][0-9]{0,2}(\.[0-9]{3})+(,[0-9]*)?")

Row = dict[str, str | None]
_encode = msgspec.json.Encoder(order="sorted").encode
_decode: Callable[[str], Row] = msgspec.json.Decoder(Row).decode


class OwnTable:
    """CSV, JSON lines or Parquet files of events.

    The record of a row is a JSON object of all its columns as text, so equal rows are copies of one event.

    Args:
        mapping: which column means what.
        place: path in segmentation.yaml where it stands, for messages.
    """

    def __init__(self, mapping: EventTable, place: str = "landing.events.table") -> None:
        self.mapping, self.place = mapping, place
        self._renamed: dict[str, str] = {}
        for written, name in reversed(mapping.rename.items()):
            self._renamed[letters(written)] = name
        named = (mapping.customer, mapping.time, mapping.event, mapping.received)
        self.columns = [*(n for n in named if n), *mapping.metrics.values(), *mapping.properties.values()]

    def own_days(self, key: str) -> bool:
        """Always: a row is of the day it became known."""
        return True

    def by_piece(self, key: str) -> bool:
        """They count from the beginning of the file."""
        return False

    def pieces(self, key: str, content: Content) -> Iterator[Rows]:
        """Some thousand rows at a time."""
        commas = self.mapping.metrics.values() if self.mapping.decimal == "," else ()
        return tabular.read(key, content, self.columns, self.place, blank=True, commas=commas)

    def read(self, key: str, rows: Rows) -> Delivered:
        """Every row; a row is good when it has a customer, an event, times of this century and numbers as metrics."""
        good, bad, names = [], rows.bad, _apart(rows.names)
        for position, values in rows.good:
            row = dict(zip(names, values, strict=True))
            record = _encode(row)
            try:
                good.append((position, event_id(record), record, self._arrived(row)))
            except MalformedError as malformed:
                bad.append((position, refused(record, malformed.reason)))
        return delivered(list(zip(*good, strict=True)), bad)

    def read_day(self, key: str, day: date, content: Content) -> Iterator[Delivered]:
        """Never asked for: rows tell their days themselves."""
        raise NotImplementedError("rows of a table of one's own tell their days themselves")

    def normalise(self, raw: pa.Table) -> pa.Table:
        """One event per row: source `custom`, the customer as user_id, the mapped metrics and properties."""
        meaning = to_columns([self._event(_decode(text)) for text in raw["record"].to_pylist()])
        own = ("arrival_date", "object_key", "position", "event_id")
        days, keys, positions, ids = (raw[name].combine_chunks() for name in own)
        return placed(meaning, Origin(days, keys, positions, ids, pa.nulls(raw.num_rows, pa.int32())))

    def _event(self, row: Row) -> Event:
        mapping = self.mapping
        kind = self.kind(row)
        name = own_name(kind)
        occurred = self._time(row[mapping.time]) or 0
        properties = ((name, row[column]) for name, column in mapping.properties.items())
        return Event(
            source="custom",
            source_event_type=without_addresses(kind),
            event_name=name,
            channel="app",
            occurred_at=occurred,
            received_at=self._received(row, occurred),
            user_id=row[mapping.customer],
            # An address stays in the raw zone.
            properties=sorted((k, v) for k, v in properties if v is not None and not is_an_address(k, v)),
            metrics=self._metrics(row),
            is_engagement=name in ENGAGEMENT,
            is_suppression=name in SUPPRESSION,
        )

    def kind(self, row: Row) -> str:
        """The event's name: renamed as it is written, or else by its letters, the first of them that fits."""
        if self.mapping.event is None:
            return str(self.mapping.event_name)
        written = (row[self.mapping.event] or "").strip()
        if not self.mapping.rename or written in self.mapping.rename:
            return self.mapping.rename.get(written, written)
        return self._renamed.get(letters(written), written)

    def _metrics(self, row: Row) -> list[tuple[str, float]]:
        """Numbers by name; of a row that suppresses without those that are none.

        `-` is no amount, and no reason to write to somebody who unsubscribed.
        """
        found = []
        for name, column in sorted(self.mapping.metrics.items()):
            if (written := row[column]) is None:
                continue
            try:
                found.append((name, _number(written, self.mapping.decimal)))
            except MalformedError:
                if own_name(self.kind(row)) not in SUPPRESSION:
                    raise
        return found

    def _received(self, row: Row, occurred: int) -> int:
        told = self._time(row[self.mapping.received]) if self.mapping.received else None
        return occurred if told is None else told

    def _arrived(self, row: Row) -> int:
        if row[self.mapping.customer] is None:
            raise MalformedError("missing_customer")
        if not self.kind(row):
            raise MalformedError("missing_event")
        times = [self._time(row[c]) for c in (self.mapping.time, self.mapping.received) if c and row[c] is not None]
        if row[self.mapping.time] is None or None in times:
            raise MalformedError("bad_time")
        if not all(time is not None and EARLIEST <= time < LATEST for time in times):
            raise MalformedError("absurd_time")
        self._metrics(row)
        return times[-1] or 0

    def _time(self, written: str | None) -> int | None:
        return microseconds(written, self.mapping.time_format, self.mapping.time_zone)


def _apart(names: list[str]) -> list[str]:
    """A name that repeats is numbered, so that no column of a row is lost: `shop`, `shop (2)`."""
    if len(set(names)) == len(names):
        return names
    seen, apart = Counter[str](), []
    for name in names:
        seen[name] += 1
        apart.append(name if seen[name] == 1 else f"{name} ({seen[name]})")
    return apart


def _number(written: str, decimal: str) -> float:
    """A metric; what the declared decimal mark makes no number is none, and nothing is guessed: 14.90 is not 1490."""
    if decimal == ",":
        if "." in written and not _GROUPED.fullmatch(written.strip()):
            raise MalformedError("not_a_number")
        written = written.replace(".", "").replace(",", ".")
    try:
        # Python would also take `1_000` and digits of other scripts.
        value = float(written.encode("ascii").replace(b"_", b"no"))
    except ValueError as bad:
        raise MalformedError("not_a_number") from bad
    if not isfinite(value):
        raise MalformedError("not_finite")
    return value
