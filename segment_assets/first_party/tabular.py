"""One's own tables as rows of text: CSV with a header, plain or gzip, or Parquet (also as Iceberg wrote it)."""

import csv
import io
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from typing import Protocol

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from segment_assets.first_party.errors import LandingError
from segment_assets.first_party.records import KEPT_IN_QUARANTINE, Piece, decompress
from segment_assets.segmentation import nearest

_DELIMITERS = ",;\t|"


class _Reader(Protocol):
    """What csv.reader returns: its class has no public name."""

    @property
    def line_num(self) -> int: ...
    def __next__(self) -> list[str]: ...


@dataclass
class Rows:
    """The rows of one object.

    Attributes:
        names: the columns' names; a name may repeat in a CSV.
        good: position and values; an empty text is None.
        bad: position and the bytes that are no row.
    """

    names: list[str]
    good: list[tuple[int, tuple[str | None, ...]]] = field(default_factory=list)
    bad: list[tuple[int, Piece]] = field(default_factory=list)


def read(key: str, content: bytes, wanted: Collection[str], place: str) -> Rows:
    """Rows in file order; positions count from 0 over good and bad rows.

    Args:
        key: the object's key, for the message.
        content: the object's bytes.
        wanted: columns that must be there.
        place: path in segmentation.yaml of the mapping, for the message.

    Raises:
        LandingError: a wanted column is missing.
    """
    rows = _parquet(content) if content.startswith(b"PAR1") else _separated(content, wanted)
    if missing := [name for name in wanted if rows.names and name not in rows.names]:
        raise LandingError(
            f'segmentation.yaml: {place}: {key} has no column "{missing[0]}" {nearest(missing[0], rows.names)}'
        )
    return rows


def _parquet(content: bytes) -> Rows:
    try:
        table = pq.read_table(io.BytesIO(content))
        with duckdb.connect(config={"threads": 1}) as db:
            db.execute("SET TimeZone='UTC'").register("own_table", table)
            texts = db.sql("SELECT CAST(COLUMNS(*) AS VARCHAR) FROM own_table").to_arrow_table()
    except (pa.ArrowException, duckdb.Error, OSError) as unreadable:
        del unreadable  # its text may quote data
        return Rows([], bad=[(0, Piece(content[:KEPT_IN_QUARANTINE], None, "bad_parquet"))])
    values = zip(*(column.to_pylist() for column in texts.columns), strict=True)
    return Rows(list(table.column_names), good=[(i, _without_blanks(v)) for i, v in enumerate(values)])


def _separated(content: bytes, wanted: Collection[str]) -> Rows:
    plain, broken = decompress(content)
    lines = list(io.StringIO(plain.decode("utf-8", "surrogateescape").removeprefix("\ufeff"), newline=""))
    reader = csv.reader(iter(lines), delimiter=_delimiter(lines[0] if lines else "", wanted))
    rows = Rows([name.strip() for name in next(reader, [])])
    position = 0
    for values, raw in _each(reader, lines):
        if values == []:
            continue
        reason = "bad_csv" if values is None else "wrong_columns" if len(values) != len(rows.names) else None
        try:
            whole = raw.encode()
        except UnicodeEncodeError:
            whole, reason = raw.encode("utf-8", "surrogateescape"), "not_utf8"
        if reason or values is None:
            rows.bad.append((position, Piece(whole[:KEPT_IN_QUARANTINE], None, reason)))
        else:
            rows.good.append((position, _without_blanks(tuple(values))))
        position += 1
    if broken:
        rows.bad.append((position, broken))
    return rows


def _each(reader: _Reader, lines: list[str]) -> Iterator[tuple[list[str] | None, str]]:
    """Values and raw text of each row; no values where the row is longer than any row should be."""
    while True:
        before = reader.line_num
        try:
            yield next(reader), "".join(lines[before : reader.line_num])
        except StopIteration:
            return
        except csv.Error:
            yield None, "".join(lines[before : reader.line_num])


def _delimiter(header: str, wanted: Collection[str]) -> str:
    """The one that gives most of the wanted columns, and of those the one that gives most columns."""

    def fit(delimiter: str) -> tuple[int, int]:
        names = [name.strip() for name in next(csv.reader([header], delimiter=delimiter), [])]
        return len(set(wanted) & set(names)), len(names)

    return max(_DELIMITERS, key=fit)


def _without_blanks(values: tuple[str | None, ...]) -> tuple[str | None, ...]:
    return tuple(v if v and not v.isspace() else None for v in values)
