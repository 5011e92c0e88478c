"""The Digital User Engagement database's `all_events`: Pinpoint records that Firehose converted to Parquet.

Maps come as maps or as lists of pairs; the record of a row is the JSON it was made from, as far as the layout kept it.
"""

import io
import json
from collections.abc import Iterator
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from segment_assets.first_party.records import KEPT_IN_QUARANTINE, Malformed, Piece, canonical, event_id


def pieces(content: bytes) -> Iterator[Piece]:
    """One piece per row, in file order; a file that can't be read is one piece."""
    try:
        file = pq.ParquetFile(io.BytesIO(content), pre_buffer=False)
        for group in range(file.num_row_groups):
            for row in file.read_row_group(group).to_pylist(maps_as_pydicts="lossy"):
                yield _piece(row)
    except (pa.ArrowException, OSError) as bad:
        del bad  # its text may quote data
        yield Piece(content[:KEPT_IN_QUARANTINE], None, "bad_parquet")


def _piece(row: dict[str, Any]) -> Piece:
    try:
        # 2019's layout has no metrics but the price, and nulls where a JSON record has no key.
        written = json.dumps(_plain(row), sort_keys=True, ensure_ascii=False, separators=(",", ":"), default=str)
        record = written.encode()
        return Piece(record, event_id(canonical(record)), None)
    except Malformed as bad:
        return Piece(record[:KEPT_IN_QUARANTINE], None, bad.reason)
    except UnicodeEncodeError:
        return Piece(written.encode("utf-8", "replace")[:KEPT_IN_QUARANTINE], None, "not_utf8")


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {k: _plain(v) for k, v in value.items() if v is not None}
    if isinstance(value, list):
        if value and all(isinstance(pair, dict) and pair.keys() == {"key", "value"} for pair in value):
            return {pair["key"]: _plain(pair["value"]) for pair in value if pair["value"] is not None}
        return [_plain(v) for v in value]
    return value
