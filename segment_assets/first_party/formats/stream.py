"""Streams of JSON records: how their objects are read, whatever kind the records are.

A kind of record is one module of this folder, behind the one signature `Kind`. Where a stream may hold several kinds,
each record is recognised by the keys at its top.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import Any, TypeVar

import msgspec
import pyarrow as pa

from segment_assets.first_party.compression import decompress
from segment_assets.first_party.formats import Delivered, delivered, due_parquet
from segment_assets.first_party.formats.envelopes import opened
from segment_assets.first_party.records import MalformedError, Piece, canonical, event_id, pieces
from segment_assets.first_party.vocabulary import EARLIEST, LATEST, Event, to_table
from segment_assets.lake.arrivals import arrival_day, arrival_hour

_HOUR = 3_600_000_000
# Records held as Python's values until they are columns: 2 MB of text, as much as a core has fast memory for.
AT_ONCE = 1_000
T = TypeVar("T")
_top: Callable[[bytes | str], dict[str, msgspec.Raw]] = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode


def _whole(record: bytes) -> list[bytes]:
    return [record]


def _same(record: bytes) -> bytes:
    return record


@dataclass(frozen=True)
class Kind:
    """One kind of record, and what it means.

    Attributes:
        is_mine: whether a JSON object with these keys at its top is of this kind.
        decode: the fields of a record that are looked at; raises MalformedError where it is none.
        received: when a record arrived by its own account, in microseconds; raises MalformedError where it says none.
        event: a record as an event, given the end of the hour in its object's key where that names one; None where it
            is a probe. The caller adds where it came from.
        parts: a record that carries several events as one record for each.
        core: the part of a record whose content says which event it is: what copies of it have in common.
        in_envelopes: whether SNS or EventBridge may stand around a record.
    """

    is_mine: Callable[[Mapping[str, Any]], bool]
    decode: Callable[[bytes], Any]
    received: Callable[[Any], int]
    event: Callable[[Any, int | None], Event | None]
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
        names = ("arrival_date", "object_key", "position", "event_id", "record")
        events = []
        for day, key, position, id_, text in zip(*(raw[n].to_pylist() for n in names), strict=True):
            inner = self._opened(text.encode())
            kind = self._kind(inner)
            if event := _placed(kind, kind.decode(inner), day, key, position, id_):
                events.append(event)
        return to_table(events)

    def _read(self, key: str, day: date | None, content: bytes) -> Iterator[Delivered]:
        good, bad, events = [], [], []
        kind = self.kinds[0]
        for position, piece in enumerate(self._parts(content)):
            try:
                if piece.event_id is None:
                    raise MalformedError(str(piece.reason))
                id_, inner = piece.event_id, piece.content
                if not self._bare:
                    inner = self._opened(inner)
                    kind = self._kind(inner)
                    core = kind.core(inner)
                    id_ = id_ if core is piece.content else event_id(canonical(core))
                record = kind.decode(inner)
                arrived = kind.received(record)
            except MalformedError as refused:
                bad.append((position, piece._replace(reason=refused.reason)))
                continue
            good.append((position, id_, piece.content, arrived))
            if day and (event := _placed(kind, record, day, key, position, id_)):
                events.append(event)
            if len(good) + len(bad) >= AT_ONCE:
                yield delivered(good, bad, to_table(events) if day else None)
                good, bad, events = [], [], []
        yield delivered(good, bad, to_table(events) if day else None)

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


def read_as(decode: Callable[[bytes], T], record: bytes) -> T:
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


def _placed(kind: Kind, record: Any, day: date, key: str, position: int, id_: str) -> Event | None:
    """The record's event, with where it came from."""
    end, hour = _hour_of(key)
    event = kind.event(record, end)
    if event:
        event.arrival_hour = event.received_at // _HOUR % 24 if hour is None else hour
        event.arrival_date, event.event_id, event.raw_uri, event.raw_ordinal = day, id_, key, position
    return event


@lru_cache(maxsize=4_096)
def _hour_of(key: str) -> tuple[int | None, int | None]:
    """The end of the hour in a key, in microseconds, and the hour; neither where the key names none."""
    day, hour = arrival_day(key), arrival_hour(key)
    if day is None or hour is None:
        return None, None
    end = datetime(day.year, day.month, day.day, hour, tzinfo=UTC) + timedelta(hours=1)
    return int(end.timestamp()) * 1_000_000, hour
