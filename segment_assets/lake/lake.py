"""The lake: Iceberg tables written atomically, read by DuckDB, each with the version of its content.

The content hash of every partition is a table property set in the same commit as the rows, so a version can never
disagree with the data it names, whenever a process is killed.
"""

import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from itertools import accumulate
from pathlib import Path
from typing import Any, cast
from urllib.parse import unquote, urlparse
from uuid import uuid4

import duckdb
import pyarrow as pa
import pyarrow.compute as pc
from pyiceberg.catalog import Catalog
from pyiceberg.exceptions import CommitFailedException, NoSuchTableError
from pyiceberg.expressions import AlwaysTrue, BooleanExpression, In, Reference
from pyiceberg.io import FileIO
from pyiceberg.io.pyarrow import write_file
from pyiceberg.partitioning import PartitionFieldValue, PartitionKey, PartitionSpec
from pyiceberg.schema import Schema
from pyiceberg.table import Table as IcebergTable
from pyiceberg.table import Transaction, WriteTask

from segment_assets.lake.content import combined, content_hash
from segment_assets.lake.files import Files, LocalFiles
from segment_assets.lake.reading import attach
from segment_assets.lake.table import Table

# Clean Rooms reads Snappy or gzip, format v1 or v2; pyiceberg's own default is Zstandard.
PROPERTIES = {
    "format-version": "2",
    "write.parquet.compression-codec": "snappy",
    "write.metadata.delete-after-commit.enabled": "true",
    "write.metadata.previous-versions-max": "20",
    # Every write adds a manifest: 365 days, loaded one by one, were 365 files to open before the first row was read.
    "commit.manifest-merge.enabled": "true",
    "commit.manifest.min-count-to-merge": "10",
}
CONTENT, INPUT, AS_OF = "content.", "input.", "as-of"
WHOLE = "all"


@dataclass(frozen=True)
class Written:
    """What a write left behind.

    Attributes:
        table: the table written.
        rows: rows in the whole table after the write.
        versions: content hash per partition (`all` for a table without partitions).
        as_of: the oldest data time the rows rest on; None where it is not known.
    """

    table: Table
    rows: int
    versions: Mapping[str, str]
    as_of: date | None = None

    @property
    def version(self) -> str:
        """One content hash for the whole table."""
        return combined(dict(self.versions))


class Lake:
    """Tables in an Iceberg catalog, and DuckDB to ask them.

    Args:
        open_catalog: opens a pyiceberg catalog (SQLite on one machine, Glue on AWS) at the first use, so that loading
            the definitions touches nothing.
        memory_limit: what DuckDB may use, in its own notation (`1GB`).
        threads: threads of one query.
        scratch: folder for DuckDB's spill files.
        fetch: where data files can be read on this machine, given where they lie.
        files: where files lie; default: on this machine.
    """

    def __init__(
        self,
        open_catalog: Callable[[], Catalog],
        scratch: Path,
        memory_limit: str = "1GB",
        threads: int = 2,
        *,
        fetch: Callable[[Sequence[str]], list[str]] | None = None,
        files: Files | None = None,
    ) -> None:
        self._fetch = fetch or _local_paths
        self.files = files or LocalFiles()
        self._open_catalog = open_catalog
        self.scratch = scratch
        self.memory_limit = memory_limit
        self.threads = threads

    @cached_property
    def catalog(self) -> Catalog:
        """The catalog, opened."""
        return self._open_catalog()

    @cached_property
    def _database(self) -> duckdb.DuckDBPyConnection:
        # DuckDB makes its own folder when it spills, and removes it with the database.
        self.scratch.mkdir(parents=True, exist_ok=True)
        spill = str(self.scratch / f"duckdb-{uuid4().hex[:12]}")
        db = duckdb.connect(
            config={
                "memory_limit": self.memory_limit,
                "threads": self.threads,
                "temp_directory": spill,
                "enable_external_file_cache": False,  # the system has one, and this one counts as our memory
            }
        )
        db.execute("SET TimeZone='UTC'; SET python_enable_replacements=false")
        return db

    def write(
        self,
        table: Table,
        rows: pa.Table,
        run_id: str,
        *,
        partitions: Iterable[date] | None = None,
        inputs: Mapping[str, str] | None = None,
        as_of: date | None = None,
        replacing: Written | None = None,
    ) -> Written:
        """Replace the whole table, or the named partitions, in one commit; unchanged content commits nothing.

        Args:
            table: what to write; created, or its schema evolved, when needed.
            rows: all rows of the partitions named (of the table, when none are).
            run_id: recorded in the snapshot.
            partitions: days to replace. A day without rows becomes empty, and stays known.
            inputs: what the rows were made from, by partition: kept as properties in the same commit.
            as_of: the oldest data time the rows rest on.
            replacing: the state the rows were made from, where several writers share the table.

        Raises:
            CommitFailedException: another writer came between `replacing` and this; read again, and retry.
            ValueError: rows lack a column, do not fit a type, repeat a key, or lie outside the partitions named.
        """
        rows = table.conform(rows)
        _refuse_repeated_keys(table, rows)
        by_part = _split(table, rows, partitions)
        fresh = {name: content_hash(part) for name, part in by_part.items()}
        iceberg = self._open_or_create(table)
        known = _prefixed(iceberg.properties, CONTENT)
        if replacing is not None and known != dict(replacing.versions):
            raise CommitFailedException(f"{table.name} was written by another since it was read; nothing was written")
        schema_differs = iceberg.schema().as_arrow().names != rows.schema.names
        changed = [n for n in by_part if schema_differs or known.get(n) != fresh[n]]
        if schema_differs and partitions is not None:
            _refuse_gaps(table, iceberg.schema().as_arrow().names, len(known.keys() - by_part.keys()))
        recorded = {f"{INPUT}{k}": v for k, v in (inputs or {}).items()} | ({AS_OF: str(as_of)} if as_of else {})
        stale = {} if partitions is not None else {n: "" for n in known if n not in fresh}
        if changed or stale or any(iceberg.properties.get(k) != v for k, v in recorded.items()):
            with warnings.catch_warnings():
                # The first overwrite of a partition finds nothing to delete, and says so.
                warnings.filterwarnings("ignore", message="Delete operation did not match any records")
                with iceberg.transaction() as commit:
                    if schema_differs:
                        _evolve(commit, rows.schema)
                    if missing := _properties(table).items() - iceberg.properties.items():
                        commit.set_properties(dict(missing))  # before the rows: how they are added depends on them
                    if changed or stale:
                        if known:
                            commit.delete(_these(table, changed if partitions is not None else None))
                        parts = [by_part[n] for n in (changed if partitions is not None else by_part)]
                        _append(commit, iceberg.io, parts, {"segment-assets.run-id": run_id})
                    commit.set_properties({f"{CONTENT}{n}": fresh[n] for n in changed} | recorded)
                    if stale:
                        commit.remove_properties(*(f"{CONTENT}{n}" for n in stale))
        return self.state(table)

    def state(self, table: Table) -> Written:
        """Rows and versions as they stand; no rows and no versions where the table was never written."""
        try:
            iceberg = self.catalog.load_table(table.name)
        except NoSuchTableError:
            return Written(table, 0, {})
        snapshot = iceberg.current_snapshot()
        rows = int(snapshot.summary["total-records"] or 0) if snapshot and snapshot.summary else 0
        as_of = iceberg.properties.get(AS_OF)
        return Written(
            table, rows, _prefixed(iceberg.properties, CONTENT), date.fromisoformat(as_of) if as_of else None
        )

    def as_of(self, *tables: Table) -> date | None:
        """The oldest data time of the tables; None where none of them knows its own."""
        return min((known for t in tables if (known := self.state(t).as_of)), default=None)

    def inputs(self, table: Table) -> dict[str, str]:
        """What each partition was made from, as given to `write`."""
        try:
            return _prefixed(self.catalog.load_table(table.name).properties, INPUT)
        except NoSuchTableError:
            return {}

    def columns(self, table: Table) -> list[str]:
        """The columns that the table has, whatever is described; those described where it was never written."""
        try:
            return list(self.catalog.load_table(table.name).schema().as_arrow().names)
        except NoSuchTableError:
            return list(table.schema.names)

    def read(self, table: Table, columns: list[str] | None = None) -> pa.Table:
        """The table's rows in key order; empty where it was never written, and so is a column described since then."""
        names = ", ".join(f'"{c}"' for c in columns or table.schema.names)
        with self.connect(table) as db:
            order = ", ".join(f'"{c}"' for c in table.key)
            return db.sql(f'SELECT {names} FROM "{table.short_name}" ORDER BY {order}').to_arrow_table()

    @contextmanager
    def connect(self, *tables: Table, **extra: pa.Table) -> Iterator[duckdb.DuckDBPyConnection]:
        """A private DuckDB that sees the tables by their short names, and Arrow tables by keyword.

        What is made in it must be temporary: anything else would stay, and be seen by the next.
        """
        # A cursor has temporary views of its own, and takes microseconds where a database takes 40 ms.
        db = self._database.cursor()
        try:
            for table in tables:
                attach(db, self.catalog, table, self._fetch)
            for name, rows in extra.items():
                db.register(name, rows)
            yield db
        finally:
            db.close()

    def _open_or_create(self, table: Table) -> IcebergTable:
        self.catalog.create_namespace_if_not_exists(table.name.split(".", 1)[0])
        iceberg = self.catalog.create_table_if_not_exists(
            table.name, schema=table.schema, properties=_properties(table)
        )
        if table.partition and not iceberg.spec().fields:
            with iceberg.update_spec() as spec:
                spec.add_identity(table.partition)
        return iceberg


def _properties(table: Table) -> dict[str, str]:
    """What a table carries besides versions; Glue shows `Description` as its own."""
    return PROPERTIES | {"comment": table.description, "Description": table.description}


def _refuse_gaps(table: Table, there: list[str], days: int) -> None:
    """A column that allows no nulls can't be added while days keep files without it."""
    added = [f.name for f in table.schema if f.name not in there and not f.nullable]
    if added and days:
        raise ValueError(
            f"{table.name}: the new column {added[0]} must allow nulls, because {days} days keep files without it; "
            "nothing was written"
        )


def _refuse_repeated_keys(table: Table, rows: pa.Table) -> None:
    if not table.key or rows.num_rows < 2:
        return
    distinct = rows.group_by(list(table.key)).aggregate([]).num_rows
    if distinct != rows.num_rows:
        raise ValueError(
            f"{table.name}: {rows.num_rows - distinct} rows repeat a key ({', '.join(table.key)}); nothing was written"
        )


def _split(table: Table, rows: pa.Table, partitions: Iterable[date] | None) -> dict[str, pa.Table]:
    if table.partition is None:
        if partitions is not None:
            raise ValueError(f"{table.name} has no partitions")
        return {WHOLE: rows}
    present = pc.unique(rows[table.partition]).to_pylist()
    named = present if partitions is None else list(partitions)
    if outside := sorted(set(present) - set(named)):
        raise ValueError(f"{table.name}: rows of {outside[0]} lie outside the partitions named")
    if table.key[:1] == (table.partition,):
        # Rows are in key order, so a partition is a slice: a filter per day reads everything once per day.
        lengths = {pair["values"]: pair["counts"] for pair in pc.value_counts(rows[table.partition]).to_pylist()}
        ends = dict(zip(sorted(lengths), accumulate(lengths[day] for day in sorted(lengths)), strict=True))
        return {
            str(day): rows.slice(ends.get(day, 0) - lengths.get(day, 0), lengths.get(day, 0)) for day in sorted(named)
        }
    return {
        str(day): rows.filter(pc.equal(rows[table.partition], pa.scalar(day, pa.date32()))) for day in sorted(named)
    }


def _append(commit: Transaction, io: FileIO, parts: list[pa.Table], properties: dict[str, str]) -> None:
    """Add the parts, each of one partition, in one snapshot.

    pyiceberg's own append filters all rows once per partition: for 166,000 events of 366 days that took 100 s of CPU.
    """
    metadata = commit.table_metadata  # each asking copies the metadata: 15 ms
    spec, schema = metadata.spec(), metadata.schema()
    with commit.update_snapshot(snapshot_properties=properties).merge_append() as snapshot:
        tasks = (
            WriteTask(
                write_uuid=snapshot.commit_uuid,
                task_id=number,
                schema=schema,
                record_batches=part.combine_chunks().to_batches(),
                partition_key=_partition_of(part, spec, schema) if spec.fields else None,
            )
            for number, part in enumerate(parts)
            if part.num_rows
        )
        for file in write_file(io=io, table_metadata=metadata, tasks=tasks):
            snapshot.append_data_file(file)


def _partition_of(part: pa.Table, spec: PartitionSpec, schema: Schema) -> PartitionKey:
    [field] = spec.fields
    value = part[schema.find_field(field.source_id).name][0].as_py()
    return PartitionKey([PartitionFieldValue(field, value)], spec, schema)


def _these(table: Table, partitions: list[str] | None) -> BooleanExpression:
    if partitions is None:
        return AlwaysTrue()
    # pyiceberg builds In in __new__, which the pydantic plugin of mypy cannot see.
    found: BooleanExpression = cast(Any, In)(Reference(str(table.partition)), set(partitions))
    return found


def _evolve(commit: Transaction, schema: pa.Schema) -> None:
    with commit.update_schema(allow_incompatible_changes=True) as update:
        for name in set(commit.table_metadata.schema().as_arrow().names) - set(schema.names):
            update.delete_column(name)
        update.union_by_name(schema)


def _prefixed(properties: Mapping[str, str], prefix: str) -> dict[str, str]:
    return {k.removeprefix(prefix): v for k, v in properties.items() if k.startswith(prefix)}


def _local_paths(uris: Sequence[str]) -> list[str]:
    return [unquote(urlparse(uri).path) for uri in uris]
