"""Streams of JSON records: how their objects are read, whatever kind the records are.

A kind of record is one module of this folder, behind the one signature `Kind`. Where a stream may hold several kinds,
each record is recognised by the keys at its top.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from itertools import chain, islice
from typing import Any, NamedTuple, TypeAlias, TypeVar

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from segment_assets.first_party.compression import Content, unpacked
from segment_assets.first_party.contents import blocks, records_in
from segment_assets.first_party.formats import Delivered, delivered, due_parquet
from segment_assets.first_party.formats.envelopes import opened
from segment_assets.first_party.records import (
    Json,
    MalformedError,
    Piece,
    canonical,
    event_id,
    id_of,
    refused,
    value_of,
)
from segment_assets.first_party.tables import ENGAGEMENT_EVENTS
from segment_assets.first_party.vocabulary import EARLIEST, LATEST, Event, Origin, placed, to_columns
from segment_assets.lake.arrivals import arrival_day, arrival_hour

# Records held as Python's values until they are columns: with their text as much as a core's own cache holds.
AT_ONCE = 500
T = TypeVar("T")


@dataclass(frozen=True, eq=False)
class Kind:
    """One kind of record, and what it means.

    Attributes:
        is_mine: whether a JSON object with these keys at its top is of this kind.
        read: the fields of a record that are looked at; raises MalformedError where it is none.
        received: when a record arrived by its own account, in microseconds; raises MalformedError where it says none.
        events: what records mean, as columns of engagement_events, given for each the end of the hour in its object's
            key where that names one. The caller adds where they came from.
        probe: source_event_type of records that test the stream and are no events.
        parts: a record that carries several events as the JSON of one record for each.
        core: the part of a record whose content says which event it is: what copies of it have in common.
        in_envelopes: whether SNS or EventBridge may stand around a record.
    """

    is_mine: Callable[[Mapping[str, Any]], bool]
    read: Callable[[Json], Any]
    received: Callable[[Any], int]
    events: Callable[[Sequence[Any], Sequence[int | None]], Mapping[str, pa.Array]]
    probe: str | None = None
    parts: Callable[[Json], list[bytes]] | None = None
    core: Callable[[Json], Json] | None = None
    in_envelopes: bool = True


class Stream:
    """Objects of JSON records, as Firehose delivers them, or of the same records in Parquet.

    Args:
        kinds: what the records may be; where it is one, a record is of that kind or malformed.
    """

    def __init__(self, kinds: Sequence[Kind]) -> None:
        self.kinds = tuple(kinds)
        self._envelopes = any(kind.in_envelopes for kind in self.kinds)

    def own_days(self, key: str) -> bool:
        """Only where its key names none."""
        return False

    def by_piece(self, key: str) -> bool:
        """They do: a piece is read without those before it."""
        return True

    def pieces(self, key: str, content: Content) -> Iterator["_Object"]:
        """A small object as it is, which is what Firehose writes; a large one some megabytes at a time."""
        if isinstance(content, bytes):
            yield content
        elif due_parquet.is_parquet(content):
            yield from due_parquet.tables(content)
        else:
            yield from blocks(unpacked(content), self._is_record)

    def read(self, key: str, piece: "_Object") -> Delivered:
        """Every record of a piece; a record is good when its kind says what it is and when it was."""
        every = list(self._read(key, None, piece))
        return Delivered(
            pa.concat_tables(part.records for part in every), pa.concat_tables(part.quarantined for part in every)
        )

    def read_day(self, key: str, day: date, content: Content) -> Iterator[Delivered]:
        """The same, some records at a time, with what they mean: each is decoded once for both."""
        return self._read(key, day, content)

    def normalise(self, raw: pa.Table) -> pa.Table:
        """One event per record, by the rules of its kind."""
        found: list[_Found] = []
        for position, id_, text in zip(*(raw[n].to_pylist() for n in ("position", "event_id", "record")), strict=True):
            kind, inner = self._meant(value_of(text.encode()))
            found.append((position, id_, b"", kind, kind.read(inner), 0))
        return _events(_rows(found), *(raw[name].combine_chunks() for name in ("arrival_date", "object_key")))

    def _read(self, key: str, day: date | None, content: "_Object") -> Iterator[Delivered]:
        told, first = self._told(content), 0
        while True:
            good: list[_Found] = []
            bad: list[tuple[int, Piece]] = []
            for position, (piece, kind, value) in enumerate(islice(told, AT_ONCE), first):
                if piece.event_id is None or kind is None:
                    bad.append((position, piece))
                    continue
                try:
                    record = kind.read(value)
                    good.append((position, piece.event_id, piece.content, kind, record, kind.received(record)))
                except MalformedError as malformed:
                    bad.append((position, refused(piece.content, malformed.reason)))
            rows, events = _rows(good), None
            if day:
                places = (pa.scalar(day, pa.date32()), pa.scalar(key, pa.string()))
                events = _events(rows, *(pa.repeat(place, len(good)) for place in places))
            yield delivered((rows.positions, rows.ids, rows.contents, rows.arrived), bad, events)
            first += AT_ONCE
            if len(good) + len(bad) < AT_ONCE:
                return

    def _told(self, content: "_Object") -> Iterator["_Told"]:
        for piece in _pieces(content, self._is_record):
            try:
                yield from self._apart(piece)
            except MalformedError as malformed:
                yield refused(piece.content, malformed.reason), None, {}

    def _apart(self, piece: Piece) -> list["_Told"]:
        """What a piece says: mostly one thing."""
        if piece.event_id is None:
            return [(piece, None, {})]
        value = value_of(piece.content) if piece.value is None else piece.value
        kind, inner = self._meant(value)
        if kind.parts and len(parts := kind.parts(inner)) > 1:
            return [(Piece(part, event_id(canonical(part)), None), kind, value_of(part)) for part in parts]
        # One event: the record stays as it was delivered, envelope and all.
        core = kind.core(inner) if kind.core else inner
        return [(piece if core is value else piece._replace(event_id=id_of(core)), kind, inner)]

    def _meant(self, value: Json) -> tuple[Kind, Json]:
        inner = opened(value) if self._envelopes else value
        if len(self.kinds) == 1:
            return self.kinds[0], inner
        for kind in self.kinds:
            if kind.is_mine(inner):
                return kind, inner
        raise MalformedError("unknown_kind")

    def _is_record(self, value: Any) -> bool:
        if not isinstance(value, dict):
            return False
        try:
            inner = opened(value) if self._envelopes else value
        except MalformedError:
            return True  # an envelope, around something broken
        return any(kind.is_mine(inner) for kind in self.kinds)


@dataclass(frozen=True)
class OneByOne:
    """The columns of a kind whose records are looked at one by one.

    Attributes:
        event: a record as an event, given the end of the hour in its object's key where that names one.
    """

    event: Callable[[Any, int | None], Event]

    def __call__(self, records: Sequence[Any], ends: Sequence[int | None]) -> Mapping[str, pa.Array]:
        """As `Kind.events`."""
        return to_columns(list(map(self.event, records, ends)))


def read_as(form: type[T], record: Json) -> T:
    """A record in the form of its kind.

    Raises:
        MalformedError: missing_key or wrong_type.
    """
    try:
        return msgspec.convert(record, form)
    except msgspec.ValidationError as bad:
        raise MalformedError("missing_key" if "missing required field" in str(bad) else "wrong_type") from bad


def in_this_century(time: int | None) -> int:
    """The time, in microseconds.

    Raises:
        MalformedError: bad_time, where there is none; absurd_time, where it is before 2000 or after 2099.
    """
    if time is None:
        raise MalformedError("bad_time")
    if not EARLIEST <= time < LATEST:
        raise MalformedError("absurd_time")
    return time


def _pieces(content: "_Object", is_record: Callable[[Any], bool]) -> Iterator[Piece]:
    if isinstance(content, Piece):
        yield content
    elif isinstance(content, pa.Table):
        yield from due_parquet.rows(content)
    elif due_parquet.is_parquet(content):
        yield from chain.from_iterable(_pieces(part, is_record) for part in due_parquet.tables(content))
    else:
        yield from records_in(content, is_record)


# An object, a block of one, rows of one in Parquet, or what of one can't be read.
_Object: TypeAlias = Content | pa.Table | Piece
# A piece, its kind, and what it says without its envelope; no kind where it says nothing.
_Told = tuple[Piece, Kind | None, Json]
# A record that is one: its position, event id, bytes, kind, fields, and arrival in microseconds.
_Found = tuple[int, str, bytes, Kind, Any, int]


class _Rows(NamedTuple):
    """Records that are ones, column by column."""

    positions: Sequence[int]
    ids: Sequence[str]
    contents: Sequence[bytes]
    kinds: Sequence[Kind]
    records: Sequence[Any]
    arrived: Sequence[int]


def _rows(found: list[_Found]) -> _Rows:
    return _Rows(*zip(*found, strict=True)) if found else _Rows((), (), (), (), (), ())


def _events(found: _Rows, days: pa.Array, keys: pa.Array) -> pa.Table:
    """What records mean, in their order, without probes.

    Args:
        found: the records.
        days: of each, when it arrived.
        keys: of each, the object it was in.
    """
    every = pa.array(found.positions, pa.int64()), pa.array(found.ids, pa.string())
    ends, hours = _hours(keys)
    tables, order = [], []
    for kind in dict.fromkeys(found.kinds):
        rows = [n for n, own in enumerate(found.kinds) if own is kind]
        meaning = kind.events([found.records[n] for n in rows], [ends[n] for n in rows])
        events = placed(meaning, Origin(*(_of(values, rows) for values in (days, keys, *every, hours))))
        if kind.probe:
            is_event = pc.not_equal(events["source_event_type"], kind.probe)
            if not pc.all(is_event).as_py():
                events, rows = events.filter(is_event), np.array(rows)[is_event.to_numpy()].tolist()
        tables.append(events)
        order += rows
    if not tables:
        return ENGAGEMENT_EVENTS.empty()
    events = pa.concat_tables(tables)
    return events.take(np.argsort(order)) if len(tables) > 1 else events


def _of(values: pa.Array, rows: Sequence[int]) -> pa.Array:
    return values if len(values) == len(rows) else values.take(pa.array(rows, pa.int64()))


def _hours(keys: pa.Array) -> tuple[list[int | None], pa.Array]:
    """The end of the hour in each key, in microseconds, and the hour; neither where it names none."""
    coded = keys.dictionary_encode()
    found = [_hour_of(key) for key in coded.dictionary.to_pylist()]
    ends = [found[code][0] for code in coded.indices.to_pylist()]
    return ends, pa.array([hour for _, hour in found], pa.int32()).take(coded.indices)


@lru_cache(maxsize=4_096)
def _hour_of(key: str) -> tuple[int | None, int | None]:
    """The end of the hour in a key, in microseconds, and the hour; neither where the key names none."""
    day, hour = arrival_day(key), arrival_hour(key)
    if day is None or hour is None:
        return None, None
    end = datetime(day.year, day.month, day.day, hour, tzinfo=UTC) + timedelta(hours=1)
    return int(end.timestamp()) * 1_000_000, hour
