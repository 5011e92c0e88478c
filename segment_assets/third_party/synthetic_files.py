"""Rows of text as a file in the partner's formats; the same rows always make the same bytes."""

import csv
import gzip
import io
import json
from collections.abc import Iterable

import pyarrow as pa
import pyarrow.parquet as pq

from segment_assets.third_party.synthetic import SYNTHETIC, SynthesisError, Text


def write(rows: Iterable[dict[str, Text]], name: str) -> bytes:
    """The file's bytes.

    Args:
        rows: with the same columns, at least one.
        name: its suffix says the format.

    Raises:
        SynthesisError: the suffix says none.
    """
    plain = name.lower().removesuffix(".gz")
    if plain.endswith(".csv"):
        content = _csv(rows)
    elif plain.endswith((".json", ".jsonl", ".ndjson")):
        content = "".join(f"{json.dumps(row, ensure_ascii=False)}\n" for row in rows).encode()
    elif name.lower().endswith(".parquet"):
        content = _parquet(list(rows))
    else:
        raise SynthesisError(f"{name}: end its name in .csv or .jsonl (each may be .gz), or in .parquet")
    # Without a time in it: the same rows, the same bytes.
    return gzip.compress(content, mtime=0) if plain != name.lower() else content


def _csv(rows: Iterable[dict[str, Text]]) -> bytes:
    text = io.StringIO()
    out: csv.DictWriter[str] | None = None
    for row in rows:
        if out is None:
            out = csv.DictWriter(text, list(row), lineterminator="\n")
            out.writeheader()
        out.writerow(row)
    return text.getvalue().encode()


def _parquet(rows: list[dict[str, Text]]) -> bytes:
    schema = pa.schema([(name, pa.string()) for name in rows[0]], metadata={SYNTHETIC: "true"})
    buffer = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(rows, schema), buffer, compression="snappy")
    return buffer.getvalue()
