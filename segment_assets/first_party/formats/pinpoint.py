"""The Pinpoint event stream: app, campaign, journey, e-mail and SMS events.

As JSON, or in the Parquet layout of the Digital User Engagement database.

Shapes: https://docs.aws.amazon.com/pinpoint/latest/developerguide/event-streams-data-app.html and its neighbours.
"""

from collections.abc import Callable, Iterator
from typing import Any

import msgspec
import pyarrow as pa

from segment_assets.first_party.formats import Delivered, delivered, due_parquet
from segment_assets.first_party.formats.pinpoint_events import to_event
from segment_assets.first_party.formats.pinpoint_shape import PROBE, Record
from segment_assets.first_party.records import MalformedError, Piece, decompress, pieces
from segment_assets.first_party.vocabulary import EARLIEST, LATEST, to_table
from segment_assets.lake.arrivals import arrival_hour

_decode: Callable[[bytes | str], Record] = msgspec.json.Decoder(Record).decode


class Pinpoint:
    """Objects of a Pinpoint event stream, as Firehose delivers them."""

    own_days = False

    def pieces(self, key: str, content: bytes) -> Iterator[bytes]:
        """The object as it is: Firehose writes at most some megabytes."""
        yield content

    def read(self, key: str, content: bytes) -> Delivered:
        """Every record of an object; a record is good when it has a type and two times within this century."""
        good, bad = [], []
        for position, piece in enumerate(_pieces(content)):
            try:
                if piece.event_id is None:
                    raise MalformedError(str(piece.reason))
                received = check(piece.content)
                good.append((position, piece.event_id, piece.content.decode(), received))
            except MalformedError as refused:
                bad.append((position, piece._replace(reason=refused.reason)))
        return delivered(good, bad)

    def normalise(self, raw: pa.Table) -> pa.Table:
        """One event per record, by the rules of the module `pinpoint_events`."""
        names = ("arrival_date", "object_key", "position", "event_id", "record")
        hours: dict[str, int | None] = {}
        events = []
        for day, key, position, event_id, text in zip(*(raw[n].to_pylist() for n in names), strict=True):
            record = _decode(text)
            if record.event_type == PROBE:
                continue
            event = to_event(record)
            if key not in hours:
                hours[key] = arrival_hour(key)
            hour = hours[key]
            event.arrival_hour = event.received_at // 3_600_000_000 % 24 if hour is None else hour
            event.arrival_date, event.event_id, event.raw_uri, event.raw_ordinal = day, event_id, key, position
            events.append(event)
        return to_table(events)


def check(record: bytes) -> int:
    """When a record arrived, in microseconds, by its own account.

    Raises:
        MalformedError: missing_key, wrong_type or absurd_time.
    """
    try:
        read = _decode(record)
    except msgspec.ValidationError as bad:
        raise MalformedError("missing_key" if "missing required field" in str(bad) else "wrong_type") from bad
    if not read.event_type:
        raise MalformedError("missing_key")
    for milliseconds in (read.event_timestamp, read.arrival_timestamp):
        if not EARLIEST <= milliseconds * 1000 < LATEST:
            raise MalformedError("absurd_time")
    return read.arrival_timestamp * 1000


def _pieces(content: bytes) -> Iterator[Piece]:
    if content.startswith(b"PAR1"):
        yield from due_parquet.pieces(content)
        return
    plain, broken = decompress(content)
    yield from pieces(plain, _is_event)
    if broken:
        yield broken


def _is_event(value: Any) -> bool:
    return isinstance(value, dict) and "event_type" in value and "event_timestamp" in value
