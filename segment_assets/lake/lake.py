"""The lake: Iceberg tables written atomically, read by DuckDB, each with the version of its content.

The content hash of every partition is a table property set in the same commit as the rows, so a version can never
disagree with the data it names, whenever a process is killed.
"""

import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from copy import copy
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cached_property
from pathlib import Path
from typing import cast
from urllib.parse import unquote, urlparse

import duckdb
import pyarrow as pa
from pyiceberg.catalog import Catalog
from pyiceberg.exceptions import CommitFailedException, ValidationException
from pyiceberg.schema import index_by_name
from pyiceberg.table import Table as IcebergTable

from segment_assets.lake.as_read import AsRead, overtaken, versions, with_prefix
from segment_assets.lake.content import combined, content_hash
from segment_assets.lake.files import Files, LocalFiles
from segment_assets.lake.parts import Part, with_field_ids
from segment_assets.lake.private import private_path
from segment_assets.lake.reading import attach, within
from segment_assets.lake.still import Still, found
from segment_assets.lake.table import Table
from segment_assets.lake.tags import PROPERTY as TAGS
from segment_assets.lake.tags import tags_of
from segment_assets.lake.writing import (
    AS_OF,
    INPUT,
    WHOLE,
    Change,
    described,
    refuse_repeated_keys,
    split,
    these,
)

ATTEMPTS = 4  # of a write under which files were compacted; pyiceberg itself tries an addition again
EPOCH = date(1970, 1, 1)  # Iceberg counts days from here


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
        # DuckDB makes its own folder when it spills, and removes it with the database; a killed one's the next removes.
        spill = str(private_path(self.scratch))
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
            replacing: the state the rows were made from, or that was there before what they were made from was read.
                Default: as it is now.

        Raises:
            CommitFailedException: another writer came between `replacing` and the commit of this, and changed what is
                replaced: nothing was written; read again, and retry.
            ValueError: rows lack a column, do not fit a type, repeat a key, or lie outside the partitions named.
        """
        rows = table.conform(rows)
        refuse_repeated_keys(table, rows)
        by_part = split(table, rows, partitions)
        fresh = {name: content_hash(part) for name, part in by_part.items()}
        change = Change(table, rows.schema, by_part, fresh, partitions is None, _recorded(table, inputs, as_of), run_id)
        return self._commit(change, replacing)

    def replace(
        self,
        table: Table,
        days: Mapping[date, Part],
        run_id: str,
        *,
        inputs: Mapping[str, str] | None = None,
        as_of: date | None = None,
        replacing: Written | None = None,
    ) -> Written:
        """Replace days by rows that are in files already, in one commit; files of unchanged content are left alone.

        Args:
            table: what to write; created, or its schema evolved, when needed.
            days: all rows of each day, in key order and without a key twice. The files are copied.
            run_id: recorded in the snapshot.
            inputs: what the rows were made from, as in `write`.
            as_of: the oldest data time the rows rest on.
            replacing: the state the rows were made from, as in `write`.

        Raises:
            CommitFailedException: another writer came first, as in `write`.
        """
        by_part = {str(day): part for day, part in days.items()}
        fresh = {name: part.version for name, part in by_part.items()}
        return self._commit(
            Change(table, table.schema, by_part, fresh, False, _recorded(table, inputs, as_of), run_id), replacing
        )

    def replace_all(
        self,
        table: Table,
        rows: Part,
        run_id: str,
        *,
        as_of: date | None = None,
        replacing: Written | None = None,
    ) -> Written:
        """Replace a whole table without partitions by rows that are in files already, in one commit.

        Args:
            table: what to write; created, or its schema evolved, when needed.
            rows: in key order and without a key twice. The files are copied.
            run_id: recorded in the snapshot.
            as_of: the oldest data time the rows rest on.
            replacing: the state the rows were made from, as in `write`.

        Raises:
            CommitFailedException: another writer came first, as in `write`.
        """
        recorded = _recorded(table, None, as_of)
        change = Change(table, table.schema, {WHOLE: rows}, {WHOLE: rows.version}, True, recorded, run_id)
        return self._commit(change, replacing)

    def file_schema(self, table: Table) -> pa.Schema:
        """The columns as files for `replace` state them: with the field ids of the table, as far as it has them."""
        if (iceberg := self._there(table)) is None:
            return with_field_ids(table.schema)
        ids = index_by_name(iceberg.schema())
        # A column that the table lacks gets its id from the commit, and the file is written anew.
        return with_field_ids(table.schema, ids if set(table.schema.names) <= ids.keys() else None)

    def rows_of(self, table: Table, days: Iterable[date]) -> dict[date, int]:
        """Rows of the days, as the table's files state them; a day without rows is left out."""
        if (iceberg := self._there(table)) is None:
            return {}
        counts: Counter[date] = Counter()
        for task in iceberg.scan(row_filter=these(table, [str(day) for day in days])).plan_files():
            counts[EPOCH + timedelta(days=task.file.partition[0])] += task.file.record_count
        return dict(counts)

    def _commit(self, change: Change, replacing: Written | None) -> Written:
        table = change.table
        only = None if change.whole else frozenset(change.by_part)
        for attempt in range(ATTEMPTS):
            iceberg = self._open_or_create(table)
            known = versions(iceberg.properties)
            required = AsRead(replacing.versions if replacing else known, only)
            if not required.holds(known):
                raise overtaken(table.name)
            try:
                change.commit(iceberg, known, required)
            except (CommitFailedException, ValidationException) as refused:
                if not required.holds(self.state(table).versions):
                    raise overtaken(table.name) from refused
                # A compaction has replaced files and no content, or other days were written: on that it goes.
                if attempt + 1 == ATTEMPTS:
                    raise
                continue
            break
        return self.state(table)

    def refuse_if_overtaken(self, before: Mapping[Table, Written], days: Iterable[date] | None = None) -> None:
        """For who writes several tables: before the first of them, that none is written where the next is refused.

        Args:
            before: each table, as it was before what the rows are made from was read.
            days: which are to be replaced; default: all of each table.

        Raises:
            CommitFailedException: another writer came first, as in `write`.
        """
        only = None if days is None else frozenset(map(str, days))
        for table, then in before.items():
            if not AsRead(then.versions, only).holds(self.state(table).versions):
                raise overtaken(table.name)

    def state(self, table: Table) -> Written:
        """Rows and versions as they stand; no rows and no versions where the table was never written."""
        if (iceberg := self._there(table)) is None:
            return Written(table, 0, {})
        snapshot = iceberg.current_snapshot()
        rows = int(snapshot.summary["total-records"] or 0) if snapshot and snapshot.summary else 0
        as_of = iceberg.properties.get(AS_OF)
        return Written(table, rows, versions(iceberg.properties), date.fromisoformat(as_of) if as_of else None)

    def states(self, *tables: Table) -> dict[Table, Written]:
        """`state` of each; asked before what is written to them is read, `write` and the like know who came between."""
        return {table: self.state(table) for table in tables}

    def standing_still(self, *tables: Table) -> "Lake":
        """This lake to read from, in which these tables stay as they are now, whoever writes them meanwhile."""
        still = copy(self)
        still.catalog = cast(Catalog, Still(self.catalog, *(t.name for t in tables)))
        still._database = self._database
        return still

    def as_of(self, *tables: Table) -> date | None:
        """The oldest data time of the tables; None where none of them knows its own."""
        return min((known for t in tables if (known := self.state(t).as_of)), default=None)

    def inputs(self, table: Table) -> dict[str, str]:
        """What each partition was made from, as given to `write`."""
        iceberg = self._there(table)
        return with_prefix(iceberg.properties, INPUT) if iceberg else {}

    def tags(self, table: Table) -> dict[str, dict[str, str]]:
        """Column -> its tags, as they were when the table was written last."""
        iceberg = self._there(table)
        told = iceberg.properties.get(TAGS, "{}") if iceberg else "{}"
        return {column: dict(tags) for column, tags in json.loads(told).items()}

    def columns(self, table: Table) -> list[str]:
        """The columns that the table has, whatever is described; those described where it was never written."""
        iceberg = self._there(table)
        return list(iceberg.schema().as_arrow().names if iceberg else table.schema.names)

    def read(self, table: Table, columns: list[str] | None = None) -> pa.Table:
        """The table's rows in key order; empty where it was never written, and so is a column described since then."""
        with self.connect(table) as db:
            return db.sql(_in_key_order(table, columns or table.schema.names)).to_arrow_table()

    def batches(self, table: Table, rows: int = 20_000) -> Iterator[pa.RecordBatch]:
        """The table's rows in key order, some at a time: what does not fit in memory is sorted on disk."""
        with self.connect(table) as db:
            yield from db.sql(_in_key_order(table, table.schema.names)).to_arrow_reader(rows)

    @contextmanager
    def connect(
        self, *tables: Table, between: tuple[date, date] | None = None, **extra: pa.Table
    ) -> Iterator[duckdb.DuckDBPyConnection]:
        """A private DuckDB that sees the tables by their short names, and Arrow tables by keyword.

        What is made in it must be temporary: anything else would stay, and be seen by the next.

        Args:
            tables: to be seen.
            between: days that are asked for. Files of others are not opened: each day more would cost a millisecond.
            extra: Arrow tables.
        """
        # A cursor has temporary views of its own, and takes microseconds where a database takes 40 ms.
        db = self._database.cursor()
        try:
            for table in tables:
                attach(db, self.catalog, table, self._fetch, within(table, between))
            for name, rows in extra.items():
                db.register(name, rows)
            yield db
        finally:
            db.close()

    def _there(self, table: Table) -> IcebergTable | None:
        return found(self.catalog, table.name)

    def _open_or_create(self, table: Table) -> IcebergTable:
        self.catalog.create_namespace_if_not_exists(table.name.split(".", 1)[0])
        iceberg = self.catalog.create_table_if_not_exists(table.name, schema=table.schema, properties=described(table))
        if table.partition and not iceberg.spec().fields:
            try:
                with iceberg.update_spec() as spec:
                    spec.add_identity(table.partition)
            except CommitFailedException:  # another process found it new as well, and was first
                iceberg.refresh()
        return iceberg


def _recorded(table: Table, inputs: Mapping[str, str] | None, as_of: date | None) -> dict[str, str]:
    recorded = {f"{INPUT}{k}": v for k, v in (inputs or {}).items()} | ({AS_OF: str(as_of)} if as_of else {})
    if tags := tags_of(table.schema):
        recorded[TAGS] = json.dumps(tags, sort_keys=True)
    return recorded


def _in_key_order(table: Table, columns: Iterable[str]) -> str:
    names, order = (", ".join(f'"{c}"' for c in some) for some in (columns, table.key))
    return f'SELECT {names} FROM "{table.short_name}" ORDER BY {order}'


def _local_paths(uris: Sequence[str]) -> list[str]:
    return [unquote(urlparse(uri).path) for uri in uris]
