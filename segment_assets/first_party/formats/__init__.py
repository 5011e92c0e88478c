"""The formats that events arrive in: one module each, behind the one signature `Format`."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Protocol

import numpy as np
import pyarrow as pa

from segment_assets.first_party.compression import Content
from segment_assets.first_party.records import Piece
from segment_assets.first_party.tables import QUARANTINED_RECORDS, RAW_EVENTS

_RECORDS = pa.schema([RAW_EVENTS.schema.field(n) for n in ("position", "event_id", "record")])
_REFUSED = pa.schema([QUARANTINED_RECORDS.schema.field(n) for n in ("position", "reason", "record")])
_ARRIVED = pa.field("arrived", pa.date32())


@dataclass(frozen=True)
class Delivered:
    """What one piece of an object delivered.

    Attributes:
        records: position, event_id, record, and arrived: the day the record itself says it arrived (UTC).
        quarantined: position, reason, record. Positions are unique over both in the object.
        events: what the records mean, in their order, without probes, where that was asked for.
    """

    records: pa.Table
    quarantined: pa.Table
    events: pa.Table | None = None


class Format(Protocol):
    """How objects are read, and what their records mean."""

    def own_days(self, key: str) -> bool:
        """Whether every record of an object says the day it arrived; otherwise its key does, where it names a day."""
        ...

    def by_piece(self, key: str) -> bool:
        """Whether positions in an object count from the beginning of a piece, and not of all of it."""
        ...

    def pieces(self, key: str, content: Content) -> Iterator[Any]:
        """An object cut into what is read at a time; at least one piece, whose kind is the format's own.

        Args:
            key: the object's key, for messages.
            content: its bytes as delivered.
        """
        ...

    def read(self, key: str, piece: Any) -> Delivered:
        """Every record of a piece, good or not: nothing is left out."""
        ...

    def read_day(self, key: str, day: date, content: Content) -> Iterator[Delivered]:
        """The same of a whole object, all of which arrived on a day: some thousand records at a time, with events."""
        ...

    def normalise(self, raw: pa.Table) -> pa.Table:
        """Rows of raw_events as rows of engagement_events, in the same order; probes are left out."""
        ...


def delivered(good: Sequence[Sequence[Any]], bad: list[tuple[int, Piece]], events: pa.Table | None = None) -> Delivered:
    """Lists as tables.

    Args:
        good: positions, event ids, records and arrivals in microseconds, a list of each; nothing where there is none.
        bad: position and the piece with its reason.
        events: what the good ones mean.
    """
    positions, ids, records, arrived = good or ((), (), (), ())
    times = pa.array(arrived, pa.timestamp("us")).cast(pa.date32(), safe=False)
    rows = [pa.array(positions, pa.int64()), pa.array(ids, pa.string()), _texts(records), times]
    refused = [[p for p, _ in bad], [piece.reason for _, piece in bad], [piece.content for _, piece in bad]]
    return Delivered(
        pa.Table.from_arrays(rows, schema=_RECORDS.append(_ARRIVED)),
        pa.Table.from_arrays([pa.array(v, f.type) for v, f in zip(refused, _REFUSED, strict=True)], schema=_REFUSED),
        events,
    )


def _texts(records: Sequence[bytes]) -> pa.Array:
    """Decoded records, so they are UTF-8: a third of the time of an array that is looked at again."""
    ends = np.zeros(len(records) + 1, np.int64)
    np.cumsum(list(map(len, records)), out=ends[1:])
    data = pa.py_buffer(b"".join(records))
    if ends[-1] > np.iinfo(np.int32).max:
        return pa.LargeStringArray.from_buffers(len(records), pa.py_buffer(ends), data).cast(pa.string())
    return pa.StringArray.from_buffers(len(records), pa.py_buffer(ends.astype(np.int32)), data)
