"""Streams of JSON records: how their objects are read, whatever kind the records are.

A kind of record is one module of this folder, behind the one signature `Kind`. Where a stream may hold several kinds,
each record is recognised by the keys at its top.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from itertools import islice
from typing import Any, NamedTuple, TypeVar

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from segment_assets.first_party.compression import decompress
from segment_assets.first_party.formats import Delivered, delivered, due_parquet
from segment_assets.first_party.formats.envelopes import opened
from segment_assets.first_party.records import MalformedError, Piece, canonical, event_id, pieces
from segment_assets.first_party.tables import ENGAGEMENT_EVENTS
from segment_assets.first_party.vocabulary import EARLIEST, LATEST, Event, Origin, placed, to_columns
from segment_assets.lake.arrivals import arrival_day, arrival_hour

# Records held as Python's values until they are columns: 2 MB of text, as much as a core has fast memory for.
AT_ONCE = 1_000
S = TypeVar("S")
T = TypeVar("T")
_top: Callable[[bytes | str], dict[str, msgspec.Raw]] = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode


def _whole(record: bytes) -> list[bytes]:
    return [record]


def _same(record: bytes) -> bytes:
    return record


@dataclass(frozen=True, eq=False)
class Kind:
    """One kind of record, and what it means.

    Attributes:
        is_mine: whether a JSON object with these keys at its top is of this kind.
        decode: the fields of a record that are looked at; raises MalformedError where it is none.
        received: when a record arrived by its own account, in microseconds; raises MalformedError where it says none.
        events: what records mean, as columns of engagement_events, given for each the end of the hour in its object's
            key where that names one. The caller adds where they came from.
        said: `decode` of a record that is JSON's values already; None where the kind needs the bytes.
        probe: source_event_type of records that test the stream and are no events.
        parts: a record that carries several events as one record for each.
        core: the part of a record whose content says which event it is: what copies of it have in common.
        in_envelopes: whether SNS or EventBridge may stand around a record.
    """

    is_mine: Callable[[Mapping[str, Any]], bool]
    decode: Callable[[bytes], Any]
    received: Callable[[Any], int]
    events: Callable[[Sequence[Any], Sequence[int | None]], Mapping[str, pa.Array]]
    said: Callable[[dict[str, Any]], Any] | None = None
    probe: str | None = None
    parts: Callable[[bytes], list[bytes]] = _whole
    core: Callable[[bytes], bytes] = _same
    in_envelopes: bool = True


class Stream:
    """Objects of JSON records, as Firehose delivers them, or of the same records in Parquet.

    Args:
        kinds: what the records may be; where it is one, a record is of that kind or malformed.
    """

    own_days = False

    def __init__(self, kinds: Sequence[Kind]) -> None:
        self.kinds = tuple(kinds)
        self._envelopes = any(kind.in_envelopes for kind in self.kinds)
        # Nothing stands around Pinpoint's records, and each is one event: five calls less for each.
        only = self.kinds[0]
        self._bare = len(self.kinds) == 1 and not self._envelopes and (only.parts, only.core) == (_whole, _same)

    def pieces(self, key: str, content: bytes) -> Iterator[bytes]:
        """The object as it is: Firehose writes at most some megabytes."""
        yield content

    def read(self, key: str, content: bytes) -> Delivered:
        """Every record of an object; a record is good when its kind says what it is and when it was."""
        every = list(self._read(key, None, content))
        return Delivered(
            pa.concat_tables(part.records for part in every), pa.concat_tables(part.quarantined for part in every)
        )

    def read_day(self, key: str, day: date, content: bytes) -> Iterator[Delivered]:
        """The same, some records at a time, with what they mean: each is decoded once for both."""
        return self._read(key, day, content)

    def normalise(self, raw: pa.Table) -> pa.Table:
        """One event per record, by the rules of its kind."""
        found: list[_Found] = []
        for position, id_, text in zip(*(raw[n].to_pylist() for n in ("position", "event_id", "record")), strict=True):
            inner = self._opened(text.encode())
            kind = self._kind(inner)
            found.append((position, id_, b"", kind, kind.decode(inner), 0))
        return _events(_rows(found), *(raw[name].combine_chunks() for name in ("arrival_date", "object_key")))

    def _read(self, key: str, day: date | None, content: bytes) -> Iterator[Delivered]:
        pieces, first = self._parts(content), 0
        while True:
            good: list[_Found] = []
            bad: list[tuple[int, Piece]] = []
            for position, piece in enumerate(islice(pieces, AT_ONCE), first):
                try:
                    good.append(self._found(position, piece))
                except MalformedError as refused:
                    bad.append((position, piece._replace(reason=refused.reason)))
            rows, events = _rows(good), None
            if day:
                places = (pa.scalar(day, pa.date32()), pa.scalar(key, pa.string()))
                events = _events(rows, *(pa.repeat(place, len(good)) for place in places))
            yield delivered((rows.positions, rows.ids, rows.contents, rows.arrived), bad, events)
            first += AT_ONCE
            if len(good) + len(bad) < AT_ONCE:
                return

    def _found(self, position: int, piece: Piece) -> "_Found":
        id_, inner, kind = piece.event_id, piece.content, self.kinds[0]
        if id_ is None:
            raise MalformedError(str(piece.reason))
        if not self._bare:
            inner = self._opened(inner)
            kind = self._kind(inner)
            core = kind.core(inner)
            id_ = id_ if core is piece.content else event_id(canonical(core))
        elif kind.said and piece.value is not None:
            record = kind.said(piece.value)
            return position, id_, inner, kind, record, kind.received(record)
        record = kind.decode(inner)
        return position, id_, piece.content, kind, record, kind.received(record)

    def _parts(self, content: bytes) -> Iterator[Piece]:
        every = _pieces(content, self._is_record)
        return every if self._bare else self._apart(every)

    def _apart(self, pieces: Iterator[Piece]) -> Iterator[Piece]:
        for piece in pieces:
            if piece.event_id is None:
                yield piece
                continue
            try:
                inner = self._opened(piece.content)
                parts = self._kind(inner).parts(inner)
            except MalformedError:
                parts = []
            # One event: the record stays as it was delivered, envelope and all.
            yield from [Piece(p, event_id(canonical(p)), None) for p in parts] if len(parts) > 1 else [piece]

    def _opened(self, record: bytes) -> bytes:
        return opened(record) if self._envelopes else record

    def _kind(self, record: bytes) -> Kind:
        if len(self.kinds) == 1:
            return self.kinds[0]
        top = _top(record)
        for kind in self.kinds:
            if kind.is_mine(top):
                return kind
        raise MalformedError("unknown_kind")

    def _is_record(self, value: Any) -> bool:
        return isinstance(value, dict) and any(kind.is_mine(value) for kind in self.kinds)


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


def read_as(decode: Callable[[S], T], record: S) -> T:
    """A record in the form of its kind.

    Raises:
        MalformedError: missing_key or wrong_type.
    """
    try:
        return decode(record)
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


def _pieces(content: bytes, is_record: Callable[[Any], bool]) -> Iterator[Piece]:
    if content.startswith(b"PAR1"):
        yield from due_parquet.pieces(content)
        return
    plain, broken = decompress(content)
    yield from pieces(plain, is_record)
    if broken:
        yield broken


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
