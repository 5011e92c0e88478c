"""The partner's latest delivery: CSV, JSON lines or Parquet, read into rows of text with their place."""

import codecs
import csv
import gzip
import io
import json
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from segment_assets.config_file import nearest_column
from segment_assets.lake import ObjectStore, StoredObject
from segment_assets.lake.arrivals import arrival_day

Columns = dict[str, str | None]
LARGEST = 4 << 30  # bytes of a file, unpacked: more than that is a mistake, or meant to fill the memory


class DeliveryError(Exception):
    """What is wrong with the partner's file, which file, and how to mend it. Never a value of the file."""


@dataclass(frozen=True)
class Row:
    """One delivered row.

    Attributes:
        object_key: the file.
        position: ordinal of the row in its file, from 0.
        values: column -> text, only of the columns asked for; None where the row could not be read.
    """

    object_key: str
    position: int
    values: Columns | None


@dataclass(frozen=True)
class Delivery:
    """The files of the newest day.

    Attributes:
        objects: files, by key.
        as_of: the day their keys name; None where they name none.
    """

    objects: tuple[StoredObject, ...]
    as_of: date | None


def latest(objects: Iterable[StoredObject]) -> Delivery:
    """The delivery with the newest date in its keys; where no key has a date, all of them."""
    found = files(objects)
    day = max((d for o in found if (d := arrival_day(o.key))), default=None)
    return Delivery(tuple(o for o in found if arrival_day(o.key) == day), day)


def files(objects: Iterable[StoredObject]) -> list[StoredObject]:
    """Objects that are files of a delivery, by key: no marks, nothing hidden."""
    # A key that ends in / is what S3's console leaves where somebody made a folder.
    return [o for o in sorted(objects) if not o.key.rpartition("/")[2].startswith(("_", ".")) and o.key[-1] != "/"]


def rows(
    store: ObjectStore,
    delivery: Delivery,
    columns: Mapping[str, str],
    promised: Iterable[str] = (),
    missing: list[tuple[str, str]] | None = None,
) -> Iterator[Row]:
    """Every row of a delivery, with the columns asked for.

    Args:
        store: the partner's landing place.
        delivery: from `latest`.
        columns: the partner's column -> where segmentation.yaml names it.
        promised: further columns; one that a file lacks is empty.
        missing: gets file and column where a file lacks a promised one.

    Raises:
        DeliveryError: a file lacks a column, or can't be read at all.
    """
    names = list(dict.fromkeys([*columns, *promised]))
    for stored in delivery.objects:
        header, records = _open(stored.key, store.read(stored.key), names)
        if header is not None:
            _refuse_missing(stored.key, header, columns)
            if missing is not None:
                missing += [(stored.key, name) for name in names if name not in header]
        for position, record in enumerate(records):
            if record is not None:
                get = record.get
                record = {name: None if (v := get(name)) is None else _text(v) for name in names}
            yield Row(stored.key, position, record)


def _open(
    key: str, content: bytes, names: Sequence[str]
) -> tuple[list[str] | None, Iterator[Mapping[str, Any] | None]]:
    name = key.lower()
    if name.endswith(".gz"):
        name = name.removesuffix(".gz")
        content = _unzipped(key, content)
    if name.endswith(".parquet"):
        return _parquet(key, content, names)
    try:
        content.decode("utf-8-sig")
    except UnicodeDecodeError as bad:
        # Not `from` the cause: it holds the bytes.
        raise DeliveryError(f"{key}: is not UTF-8 (byte {bad.start}); deliver it in UTF-8") from None
    if name.endswith(".csv"):
        return _csv(key, content, names)
    if name.endswith((".json", ".jsonl", ".ndjson")):
        return _json_lines(content)
    raise DeliveryError(f"{key}: is neither .csv, .jsonl nor .parquet (each but the last may be .gz)")


def _unzipped(key: str, content: bytes) -> bytes:
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(content)) as zipped:
            plain = zipped.read(LARGEST + 1)
    except (OSError, EOFError, zlib.error):
        raise DeliveryError(f"{key}: is no gzip file, or half of one; deliver it again") from None
    if len(plain) > LARGEST:
        raise DeliveryError(f"{key}: is more than {LARGEST >> 30} GiB unpacked; deliver it in several files")
    return plain


def _csv(key: str, content: bytes, names: Sequence[str]) -> tuple[list[str], Iterator[Mapping[str, Any] | None]]:
    # Decoded as it is read: a text of a million rows would take four times its bytes.
    text = io.TextIOWrapper(io.BytesIO(content), encoding="utf-8-sig", newline="")
    reader = csv.reader(text, delimiter=_delimiter(content))
    header = [name.strip() for name in next(reader, [])]
    if not header:
        raise DeliveryError(f"{key}: is empty; a CSV file starts with a line of column names")
    width = len(header)
    # A blank line is no row; a row of another width can't be read: which value belongs to which column is unknown.
    whole = (r if r is None or len(r) == width else None for r in _each(reader) if r != [])
    wanted = [(name, header.index(name)) for name in names if name in header]
    return header, (None if r is None else {name: r[at] for name, at in wanted} for r in whole)


def _delimiter(content: bytes) -> str:
    """The one that gives most columns."""
    first = content.split(b"\n", 1)[0].decode("utf-8-sig")
    return max(",;\t|", key=lambda delimiter: len(next(csv.reader([first], delimiter=delimiter), [])))


def _each(reader: Iterator[list[str]]) -> Iterator[list[str] | None]:
    """Values of each row; None where a field is longer than any should be, such as after a quote that never closes."""
    while True:
        try:
            yield next(reader)
        except StopIteration:
            return
        except csv.Error:
            yield None


def _json_lines(content: bytes) -> tuple[list[str] | None, Iterator[Mapping[str, Any] | None]]:
    # Read twice rather than held: a key may be left out of some records, but not of all. Lines end in \n alone: JSON
    # may hold U+2028.
    known = {name for record in _objects(content) if record for name in record}
    return (sorted(known) if known else None), _objects(content)


def _objects(content: bytes) -> Iterator[Mapping[str, Any] | None]:
    for line in io.BytesIO(content.removeprefix(codecs.BOM_UTF8)):
        if line.strip():
            yield _object(line)


def _object(line: bytes) -> Mapping[str, Any] | None:
    try:
        value = json.loads(line)
        if b"\\ud" in line.lower():
            json.dumps(value, ensure_ascii=False).encode()  # half a pair is no text, and could be written nowhere
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def _parquet(key: str, content: bytes, names: Sequence[str]) -> tuple[list[str], Iterator[Mapping[str, Any] | None]]:
    try:
        file = pq.ParquetFile(pa.BufferReader(content))
        header = file.schema_arrow.names
    except (pa.ArrowException, OSError) as bad:
        raise DeliveryError(f"{key}: is no Parquet file, or half of one; deliver it again") from bad
    return header, _records(key, file, [name for name in names if name in header])


def _records(key: str, file: pq.ParquetFile, names: Sequence[str]) -> Iterator[Mapping[str, Any]]:
    try:
        for batch in file.iter_batches(columns=list(names)):
            yield from batch.to_pylist()
    except (pa.ArrowException, OSError):
        # Not `from` the cause: its message may quote data.
        raise DeliveryError(f"{key}: is no Parquet file, or half of one; deliver it again") from None


def _refuse_missing(key: str, header: list[str], columns: Mapping[str, str]) -> None:
    for name, place in columns.items():
        if name not in header:
            near = nearest_column(name, header)
            raise DeliveryError(f'{key}: there is no column "{name}" {near}; segmentation.yaml: {place} names it')
        if header.count(name) > 1:
            raise DeliveryError(f'{key}: the column "{name}" is there {header.count(name)} times; name it once')


def _text(value: Any) -> str | None:
    """A value as text; empty is null."""
    if type(value) is str:
        return value.strip() or None
    if value is None:
        return None
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return None if value != value else format(Decimal(repr(value)).normalize(), "f")
    if isinstance(value, bytes):  # a text, as some writers of Parquet keep it
        try:
            return value.decode().strip() or None
        except UnicodeDecodeError:
            return None
    if isinstance(value, dict | list):
        return json.dumps(value, sort_keys=True, ensure_ascii=False)
    return str(value).strip() or None
