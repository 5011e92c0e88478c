"""One file of the partner's, as rows: CSV, JSON lines or Parquet, the first two also gzipped."""

import codecs
import csv
import gzip
import io
import json
import math
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from segment_assets.separated import Separated
from segment_assets.third_party.errors import DeliveryError

LARGEST = 4 << 30  # bytes of a file, unpacked: more than that is a mistake, or meant to fill the memory
Found = tuple[int | None, Mapping[str, Any] | None]


@dataclass(frozen=True)
class Opened:
    """A file, opened.

    Attributes:
        header: its columns; None where nothing says them.
        records: line in the file, from 1 (None in Parquet), and values; None where they can't be read.
        held: rows that it holds, counted by its lines or told by its footer rather than by reading rows; to be asked
            when every record was read.
    """

    header: list[str] | None
    records: Iterator[Found]
    held: Callable[[], int]


def opened(key: str, content: bytes, names: Sequence[str]) -> Opened:
    """A file's columns and rows.

    Args:
        key: its key, whose end says the format.
        content: its bytes.
        names: columns that are asked for.

    Raises:
        DeliveryError: it can't be read; also from `records`, where it breaks off.
    """
    name = key.lower()
    if name.endswith(".gz"):
        name = name.removesuffix(".gz")
        content = _unzipped(key, content)
    if name.endswith(".parquet"):
        return _parquet(key, content, names)
    if name.endswith((".xlsx", ".xls", ".xlsm", ".ods")):
        raise DeliveryError(f"{key}: is a spreadsheet; save it as CSV")
    if not name.endswith((".csv", ".json", ".jsonl", ".ndjson")):
        raise DeliveryError(
            f"{key}: is neither .csv, .jsonl nor .parquet (each but the last may be .gz); if it is no data, take it "
            "out of the folder, or let its name begin with _ or ."
        )
    try:
        content.decode("utf-8-sig")
    except UnicodeDecodeError as bad:
        # Not `from` the cause: it holds the bytes.
        raise DeliveryError(f"{key}: is not UTF-8 (byte {bad.start}); deliver it in UTF-8") from None
    return _csv(key, content, names) if name.endswith(".csv") else _json_lines(content)


class Nested(str):
    """Several values where a column has one, as JSON: a list of purposes can be read so, and no attribute is."""


def text_of(value: Any) -> str | None:
    """A value as text, written one way whatever file it came in; empty, NaN and infinity are null."""
    if type(value) is str:
        return value.strip() or None
    if value is None:
        return None
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return _shortest(Decimal(repr(value))) if math.isfinite(value) else None
    if isinstance(value, Decimal):
        return _shortest(value)
    if isinstance(value, bytes):  # a text, as some writers of Parquet keep it
        try:
            return value.decode().strip() or None
        except UnicodeDecodeError:
            return None
    if isinstance(value, dict | list):
        return Nested(json.dumps(value, sort_keys=True, ensure_ascii=False))
    return str(value).strip() or None


def _shortest(number: Decimal) -> str:
    # Not Decimal.normalize: it rounds to 28 digits, and a Parquet decimal may have 38.
    written = format(number, "f")
    return written.rstrip("0").rstrip(".") if "." in written else written


def _unzipped(key: str, content: bytes) -> bytes:
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(content)) as zipped:
            plain = zipped.read(LARGEST + 1)
    except (OSError, EOFError, zlib.error):
        raise DeliveryError(f"{key}: is no gzip file, or half of one; deliver it again") from None
    if len(plain) > LARGEST:
        raise DeliveryError(f"{key}: is more than {LARGEST >> 30} GiB unpacked; deliver it in several files")
    return plain


def _csv(key: str, content: bytes, names: Sequence[str]) -> Opened:
    # Decoded as it is read: a text of a million rows would take four times its bytes.
    text = io.TextIOWrapper(io.BytesIO(content), encoding="utf-8-sig", newline="")
    try:
        records = Separated(text, names)
        header = records.header()
    except csv.Error:
        raise DeliveryError(
            f"{key}: begins with a text of over {csv.field_size_limit():,} characters, which is no column's name; a "
            "CSV file starts with a line of column names"
        ) from None
    if not header:
        raise DeliveryError(f"{key}: is empty; a CSV file starts with a line of column names")
    if any("\n" in name or "\r" in name for name in header):
        raise DeliveryError(f"{key}: has a quote in its header that is not closed there; close it")
    return Opened(header, _rows(key, records, header, names), lambda: records.filled - 1)


def _rows(key: str, records: Separated, header: list[str], names: Sequence[str]) -> Iterator[Found]:
    width = len(header)
    wanted = [(name, header.index(name)) for name in names if name in header]
    for values, lines, number, ended in records:
        if ended or (values is None and len(lines) > 1):
            raise DeliveryError(
                f"{key}: the quote that opens in line {number} is not closed, so what follows it is no row; close it "
                "or leave it out, and deliver the file again"
            )
        if len(lines) > 1:
            # A value of several lines is most often what follows a stray quote: the rows of other people. None of
            # these lines says for sure whom it is about.
            yield from ((at, None) for at, line in enumerate(lines, number) if not records.blank(line))
        elif values is None or len(values) != width:
            yield number, None  # which value belongs to which column is unknown
        else:
            yield number, {name: values[at] for name, at in wanted}


def _json_lines(content: bytes) -> Opened:
    # Read twice rather than held: a key may be left out of some records, but not of all. Lines end in \n alone: JSON
    # may hold U+2028.
    content = content.removeprefix(codecs.BOM_UTF8)
    known = {name for _, record in _objects(content) if record for name in record}
    held = sum(bool(line.strip()) for line in io.BytesIO(content))
    return Opened(sorted(known) if known else None, _objects(content), lambda: held)


def _objects(content: bytes) -> Iterator[Found]:
    for number, line in enumerate(io.BytesIO(content), 1):
        if line.strip():
            yield number, _object(line)


def _object(line: bytes) -> Mapping[str, Any] | None:
    try:
        value = json.loads(line)
        if b"\\ud" in line.lower():
            json.dumps(value, ensure_ascii=False).encode()  # half a pair is no text, and could be written nowhere
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def _parquet(key: str, content: bytes, names: Sequence[str]) -> Opened:
    try:
        file = pq.ParquetFile(pa.BufferReader(content))
        header = file.schema_arrow.names
    except (pa.ArrowException, OSError) as bad:
        raise DeliveryError(f"{key}: is no Parquet file, or half of one; deliver it again") from bad
    records = _records(key, file, [name for name in names if name in header])
    return Opened(header, records, lambda: int(file.metadata.num_rows))


def _records(key: str, file: pq.ParquetFile, names: Sequence[str]) -> Iterator[Found]:
    try:
        for batch in file.iter_batches(columns=list(names)):
            yield from ((None, record) for record in batch.to_pylist())
    except (pa.ArrowException, OSError):
        # Not `from` the cause: its message may quote data.
        raise DeliveryError(f"{key}: is no Parquet file, or half of one; deliver it again") from None
