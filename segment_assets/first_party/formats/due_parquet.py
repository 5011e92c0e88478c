"""Records that Firehose converted to Parquet, as Pinpoint's in the Digital User Engagement database's `all_events`.

Maps come as maps or as lists of pairs; the record of a row is the JSON it was made from, as far as the layout kept it.
"""

import io
import json
from collections.abc import Iterator
from itertools import chain
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from segment_assets.first_party.compression import Content, head
from segment_assets.first_party.formats.ses_shape import with_its_keys
from segment_assets.first_party.records import MalformedError, Piece, canonical, event_id, refused

# As a list of pairs an empty map can't be told from a list.
_MAPS = frozenset(("sdk", "platform", "session", "attributes", "custom", "link_tags", "tags"))
_MAGIC = b"PAR1"
# Rows that are held at a time.
_AT_ONCE = 5_000


def is_parquet(content: Content) -> bool:
    """Whether an object begins as a Parquet file does."""
    return head(content, len(_MAGIC)) == _MAGIC


def tables(content: Content) -> Iterator[pa.Table | Piece]:
    """Rows in file order, some thousand at a time; where the file can't be read any more, a piece."""
    try:
        with pq.ParquetFile(io.BytesIO(content) if isinstance(content, bytes) else content, pre_buffer=False) as file:
            for batch in file.iter_batches(_AT_ONCE, use_threads=False):
                yield pa.Table.from_batches([batch])
    except (pa.ArrowException, OSError) as unreadable:
        del unreadable  # its text may quote data
        yield refused(head(content), "bad_parquet")


def rows(table: pa.Table) -> Iterator[Piece]:
    """One piece per row; one that can't be read as text is refused."""
    import duckdb  # 0.2 s and 40 MB, for processes that mostly read JSON

    try:
        found = _values(table)
    except (duckdb.Error, ValueError) as unreadable:
        del unreadable  # its text may quote data
        if table.num_rows > 1:
            half = table.num_rows // 2
            yield from chain(rows(table.slice(0, half)), rows(table.slice(half)))
        else:
            yield _alone(table)
        return
    yield from map(_piece, found)


def _values(table: pa.Table) -> list[dict[str, Any]]:
    import duckdb

    with duckdb.connect(config={"threads": 1}) as db:
        db.register("all_events", table)
        # 0.6 s for 7,000 rows; pyarrow's to_pylist of the same nested maps takes 5.5 s.
        found = db.sql("SELECT CAST(to_json(__row) AS VARCHAR) FROM all_events AS __row").to_arrow_table().column(0)
    return [json.loads(row.as_py()) for row in found]


def _alone(table: pa.Table) -> Piece:
    """A row that the engine does not take: of a key that a map has twice the last counts, as in JSON."""
    try:
        [row] = table.to_pylist()
    except UnicodeDecodeError:
        return refused(b"", "not_utf8")
    return _piece(row)


def _piece(row: dict[str, Any]) -> Piece:
    # The layout has a null where a JSON record has no key.
    said = with_its_keys(_plain(row))
    record = json.dumps(said, sort_keys=True, ensure_ascii=False, separators=(",", ":"), default=str).encode()
    try:
        return Piece(record, event_id(canonical(record)), None)
    except MalformedError as bad:
        return refused(record, bad.reason)


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {k: {} if v == [] and k in _MAPS else _plain(v) for k, v in value.items() if v is not None}
    if isinstance(value, list):
        if value and all(isinstance(pair, tuple) for pair in value):
            return {key: _plain(v) for key, v in value if v is not None}
        if value and all(isinstance(pair, dict) and pair.keys() == {"key", "value"} for pair in value):
            return {pair["key"]: _plain(pair["value"]) for pair in value if pair["value"] is not None}
        return [_plain(v) for v in value]
    return value
