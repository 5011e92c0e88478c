"""What a stream's object becomes: events as rows, and what was refused."""

from collections.abc import Sequence
from datetime import date
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from segment_assets.first_party.formats.stream import Kind, Stream
from segment_assets.first_party.tables import ENGAGEMENT_EVENTS

DAY = date(2026, 9, 21)


def read_stream(kinds: Sequence[Kind], content: bytes, key: str) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Events of an object, all of one day, and its quarantined records."""
    form = Stream(kinds)
    delivered = form.read(key, content)
    rows = delivered.records.num_rows
    raw = pa.table(
        {
            "arrival_date": pa.array([DAY] * rows, pa.date32()),
            "object_key": pa.array([key] * rows, pa.string()),
            **{name: delivered.records[name] for name in ("position", "event_id", "record")},
        }
    )
    events = form.normalise(raw)
    assert events.schema.equals(ENGAGEMENT_EVENTS.schema)
    at_once = pa.concat_tables(part.events for part in form.read_day(key, DAY, content) if part.events is not None)
    assert at_once.equals(events), "read with their records they are what the kept records say"
    return events.to_pylist(), delivered.quarantined.to_pylist()


def said(row: dict[str, Any]) -> dict[str, Any]:
    """The columns that hold something, without those that are the same in every row of a test."""
    same = ("arrival_date", "arrival_hour", "schema_version", "event_id", "source", "raw_uri", "raw_ordinal")
    return {k: v for k, v in row.items() if v not in (None, []) and k not in same}


def parquet(**columns):
    sink = pa.BufferOutputStream()
    pq.write_table(pa.table(columns), sink)
    return sink.getvalue().to_pybytes()
