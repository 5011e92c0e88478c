"""The Digital User Engagement database's `all_events`: Pinpoint records that Firehose converted to Parquet.

Maps come as maps or as lists of pairs; the record of a row is the JSON it was made from, as far as the layout kept it.
"""

import io
import json
from collections.abc import Iterator
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from segment_assets.first_party.records import KEPT_IN_QUARANTINE, MalformedError, Piece, canonical, event_id

# As a list of pairs an empty map can't be told from a list.
_MAPS = frozenset(("sdk", "platform", "session", "attributes", "custom", "link_tags"))


def pieces(content: bytes) -> Iterator[Piece]:
    """One piece per row, in file order; a file that can't be read is one piece."""
    import duckdb  # 0.2 s and 40 MB, for processes that mostly read JSON

    try:
        table = pq.read_table(io.BytesIO(content))
        with duckdb.connect(config={"threads": 1}) as db:
            db.register("all_events", table)
            # 0.6 s for 7,000 rows; pyarrow's to_pylist of the same nested maps takes 5.5 s.
            rows = db.sql("SELECT CAST(to_json(row) AS VARCHAR) FROM all_events AS row").to_arrow_table().column(0)
    except (pa.ArrowException, duckdb.Error, OSError) as unreadable:
        del unreadable  # its text may quote data
        yield Piece(content[:KEPT_IN_QUARANTINE], None, "bad_parquet")
        return
    for row in rows:
        yield _piece(json.loads(row.as_py()))


def _piece(row: dict[str, Any]) -> Piece:
    # The layout has a null where a JSON record has no key.
    record = json.dumps(_plain(row), sort_keys=True, ensure_ascii=False, separators=(",", ":")).encode()
    try:
        return Piece(record, event_id(canonical(record)), None)
    except MalformedError as bad:
        return Piece(record[:KEPT_IN_QUARANTINE], None, bad.reason)


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {k: {} if v == [] and k in _MAPS else _plain(v) for k, v in value.items() if v is not None}
    if isinstance(value, list):
        if value and all(isinstance(pair, dict) and pair.keys() == {"key", "value"} for pair in value):
            return {pair["key"]: _plain(pair["value"]) for pair in value if pair["value"] is not None}
        return [_plain(v) for v in value]
    return value
