"""Rows in files that are ready for a table: several processes write them, one puts them there in one commit.

No row goes from process to process, and nothing here needs a catalog.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import accumulate, count, pairwise
from pathlib import Path
from types import TracebackType
from typing import Self

import pyarrow as pa
import pyarrow.parquet as pq

from segment_assets.lake.content import ROWS, group_hash, of_groups
from segment_assets.lake.workers import spread

# Arrow bytes of a row group: what is held until it is written.
GROUP = 8_000_000
_FEW = 30  # groups of rows that are hashed before another process would have started
_ID = b"PARQUET:field_id"


@dataclass(frozen=True)
class Part:
    """All rows of one partition, or some.

    Attributes:
        files: Parquet files of them, in row order; none where there is no row.
        rows: how many.
        version: their content hash; empty where they are some of a partition's, whose own is found by `joined`.
    """

    files: tuple[Path, ...]
    rows: int
    version: str


class PartWriter:
    """A Parquet file that is written a row group at a time; no file where no row comes.

    Args:
        path: where.
        schema: of the rows, with the field ids of the table.
        plain: columns that no value of repeats: a dictionary of them is given up only when it is full.
    """

    def __init__(self, path: Path, schema: pa.Schema, plain: Sequence[str] = ()) -> None:
        self.path, self.schema, self.rows = path, schema, 0
        self._coded = [name for name in schema.names if name not in plain]
        self._waiting: list[pa.Table] = []
        self._held = 0  # bytes of what is waiting
        self._file: pq.ParquetWriter | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self._write()
        if self._file:
            self._file.close()

    def add(self, rows: pa.Table) -> None:
        """More rows, behind those before."""
        if rows.num_rows:
            self._waiting.append(rows)
            self.rows += rows.num_rows
            self._held += rows.nbytes
        if self._held > GROUP:
            self._write()

    @property
    def files(self) -> tuple[Path, ...]:
        """The file, where there is one."""
        return (self.path,) if self.rows else ()

    def part(self, schema: pa.Schema) -> Part:
        """What was written, once the file is closed: its version is found by reading it."""
        return Part(self.files, self.rows, version_of(schema, self.files))

    def _write(self) -> None:
        if not self._waiting:
            return
        if not self._file:
            # As pyiceberg writes: Clean Rooms reads Snappy, and Iceberg's decimals are integers in Parquet.
            self._file = pq.ParquetWriter(
                self.path,
                self.schema,
                compression="snappy",
                use_dictionary=self._coded,
                store_decimal_as_integer=True,
            )
        rows = pa.concat_tables(self._waiting).cast(self.schema)
        self._file.write_table(rows, row_group_size=max(rows.num_rows, 1))
        self._waiting, self._held = [], 0


def version_of(schema: pa.Schema, files: Sequence[Path]) -> str:
    """The content hash of rows in files, in their order, each read once; of many rows by several processes."""
    ends = list(accumulate((pq.read_metadata(path).num_rows for path in files), initial=0))
    starts = range(0, max(ends[-1], 1), ROWS)
    groups = (_cut(files, ends, start, start + ROWS) for start in starts)
    return of_groups(spread(partial(_hash, schema), groups, worthwhile=len(starts) > _FEW))


def _cut(files: Sequence[Path], ends: Sequence[int], start: int, end: int) -> list[tuple[Path, int, int]]:
    """Which rows of which files lie between two rows of all: the files, and first and last row in each."""
    found = ((path, max(start - a, 0), min(end, b) - a) for path, (a, b) in zip(files, pairwise(ends), strict=True))
    return [(path, first, last) for path, first, last in found if first < last]


def _hash(schema: pa.Schema, cut: list[tuple[Path, int, int]]) -> str:
    rows = [_read(path, first, last).cast(schema) for path, first, last in cut]
    return group_hash(pa.concat_tables([schema.empty_table(), *rows]))


def _read(path: Path, first: int, last: int) -> pa.Table:
    with pq.ParquetFile(path) as file:
        sizes = (file.metadata.row_group(n).num_rows for n in range(file.num_row_groups))
        ends = list(accumulate(sizes, initial=0))
        wanted = [n for n, (a, b) in enumerate(pairwise(ends)) if a < last and b > first]
        return file.read_row_groups(wanted, use_threads=False).slice(first - ends[wanted[0]], last - first)


def joined(schema: pa.Schema, parts: Sequence[Part]) -> Part:
    """Parts of one partition, in order, as one; a hash that none of them has is found by reading them."""
    if len(parts) == 1 and parts[0].version:
        return parts[0]
    files = tuple(file for part in parts for file in part.files)
    return Part(files, sum(part.rows for part in parts), version_of(schema, files))


def with_field_ids(schema: pa.Schema, ids: Mapping[str, int] | None = None) -> pa.Schema:
    """The schema with Iceberg's field ids.

    Args:
        schema: flat, but for maps of plain values.
        ids: of each field by its name, and of `name.key` and `name.value`; default: those of a table that is made new.
    """
    ids = ids or _fresh(schema)
    return pa.schema([_numbered(field, field.name, ids) for field in schema])


def field_ids(schema: pa.Schema) -> list[bytes]:
    """The ids that a file's schema states, those of a map's parts behind its own."""
    return [(f.metadata or {}).get(_ID, b"") for field in schema for f in (field, *_inside(field.type))]


def _fresh(schema: pa.Schema) -> dict[str, int]:
    numbers = count(1)
    ids = {name: next(numbers) for name in schema.names}
    return ids | {f"{field.name}.{part.name}": next(numbers) for field in schema for part in _inside(field.type)}


def _numbered(field: pa.Field, name: str, ids: Mapping[str, int]) -> pa.Field:
    if inside := [_numbered(part, f"{name}.{part.name}", ids) for part in _inside(field.type)]:
        field = field.with_type(pa.map_(*inside))
    return field.with_metadata((field.metadata or {}) | {_ID: str(ids[name]).encode()})


def _inside(kind: pa.DataType) -> Iterable[pa.Field]:
    if pa.types.is_map(kind):
        return (kind.key_field.with_name("key"), kind.item_field.with_name("value"))
    if pa.types.is_nested(kind):
        raise ValueError(f"{kind} has no field ids yet")
    return ()
