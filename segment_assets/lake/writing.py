"""What a write changes in a table, in one commit."""

import warnings
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from itertools import accumulate
from typing import Any, cast

import pyarrow as pa
import pyarrow.compute as pc
from pyiceberg.expressions import AlwaysTrue, BooleanExpression, In, Reference
from pyiceberg.io import FileIO
from pyiceberg.io.pyarrow import write_file
from pyiceberg.partitioning import PartitionFieldValue, PartitionKey, PartitionSpec
from pyiceberg.schema import Schema
from pyiceberg.table import Table as IcebergTable
from pyiceberg.table import Transaction, WriteTask

from segment_assets.lake.as_read import CONTENT, AsRead
from segment_assets.lake.parts import Part
from segment_assets.lake.placing import placed
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
INPUT, AS_OF = "input.", "as-of"
RUN = "segment-assets.run-id"  # of the snapshot that holds the rows of a write
WHOLE = "all"


@dataclass(frozen=True)
class Change:
    """What a write is to change, whatever files the table consists of.

    Attributes:
        table: what is written.
        schema: of the rows.
        by_part: the rows by partition, in memory or in files.
        fresh: the content hash of each.
        whole: all of the table is replaced, not the partitions named alone.
        recorded: properties to keep with them.
        run_id: recorded in the snapshot.
    """

    table: Table
    schema: pa.Schema
    by_part: Mapping[str, pa.Table] | Mapping[str, Part]
    fresh: Mapping[str, str]
    whole: bool
    recorded: Mapping[str, str]
    run_id: str

    def commit(self, iceberg: IcebergTable, known: Mapping[str, str], required: AsRead) -> None:
        """In one commit; in none, where nothing differs.

        Args:
            iceberg: the table as it stands.
            known: content hash per partition, as it stands.
            required: what must still be so when it is committed.

        Raises:
            CommitFailedException: another writer came first.
            ValidationException: another writer came first, and so did what is required change.
        """
        by_part, fresh, recorded = self.by_part, self.fresh, dict(self.recorded)
        docs = {field.name: field.doc or "" for field in iceberg.schema().fields}
        there = list(docs)
        # A column that came later stands at the end in the catalog, wherever it is described.
        schema_differs = set(there) != set(self.schema.names)
        docs_differ = docs != {field.name: _doc(field) for field in self.schema}  # no row is written for that
        changed = [n for n in by_part if schema_differs or known.get(n) != fresh[n]]
        if schema_differs and not self.whole:
            _refuse_gaps(self.table, there, len(known.keys() - by_part.keys()))
        stale = [n for n in known if n not in fresh] if self.whole else []
        if not (changed or stale or docs_differ or any(iceberg.properties.get(k) != v for k, v in recorded.items())):
            return
        with warnings.catch_warnings():
            # The first overwrite of a partition finds nothing to delete, and says so.
            warnings.filterwarnings("ignore", message="Delete operation did not match any records")
            with iceberg.transaction() as commit:
                required.add_to(commit)
                if docs_differ:
                    _evolve(commit, self.schema)
                if missing := described(self.table).items() - iceberg.properties.items():
                    commit.set_properties(dict(missing))  # before the rows: how they are added depends on them
                if changed or stale:
                    # A day that was never written has nothing to delete: to look for it opens every manifest.
                    if there_before := [n for n in changed if n in known] if not self.whole else list(known):
                        commit.delete(these(self.table, None if self.whole else there_before))
                    parts = {n: by_part[n] for n in (by_part if self.whole else changed)}
                    told = {RUN: self.run_id}
                    if ready := {n: part for n, part in parts.items() if isinstance(part, Part)}:
                        _place(commit, iceberg.io, ready, told)
                    else:
                        _append(commit, iceberg.io, [p for p in parts.values() if isinstance(p, pa.Table)], told)
                commit.set_properties({f"{CONTENT}{n}": fresh[n] for n in changed} | recorded)
                if stale:
                    commit.remove_properties(*(f"{CONTENT}{n}" for n in stale))


def described(table: Table) -> dict[str, str]:
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


def refuse_repeated_keys(table: Table, rows: pa.Table) -> None:
    """A key that is there twice is a mistake of ours.

    Raises:
        ValueError: with how many there are.
    """
    if not table.key or rows.num_rows < 2:
        return
    distinct = rows.group_by(list(table.key)).aggregate([]).num_rows
    if distinct != rows.num_rows:
        raise ValueError(
            f"{table.name}: {rows.num_rows - distinct} rows repeat a key ({', '.join(table.key)}); nothing was written"
        )


def split(table: Table, rows: pa.Table, partitions: Iterable[date] | None) -> dict[str, pa.Table]:
    """Rows by partition, WHOLE for a table without any.

    Raises:
        ValueError: rows lie outside the partitions named, or there are none to name.
    """
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


def _place(commit: Transaction, io: FileIO, parts: Mapping[str, Part], properties: dict[str, str]) -> None:
    """Add the files of the partitions in one snapshot."""
    metadata = commit.table_metadata
    days = {None if name == WHOLE else date.fromisoformat(name): part for name, part in parts.items()}
    with commit.update_snapshot(snapshot_properties=properties).merge_append() as snapshot:
        for file in placed(io, metadata, days, snapshot.commit_uuid):
            snapshot.append_data_file(file)


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
                partition_key=partition_of(part, spec, schema) if spec.fields else None,
            )
            for number, part in enumerate(parts)
            if part.num_rows
        )
        for file in write_file(io=io, table_metadata=metadata, tasks=tasks):
            snapshot.append_data_file(file)


def partition_of(part: pa.Table, spec: PartitionSpec, schema: Schema) -> PartitionKey:
    """The partition that all rows are of."""
    [field] = spec.fields
    value = part[schema.find_field(field.source_id).name][0].as_py()
    return PartitionKey([PartitionFieldValue(field, value)], spec, schema)


def these(table: Table, partitions: list[str] | None) -> BooleanExpression:
    """Which partitions; all where none are named."""
    if partitions is None:
        return AlwaysTrue()
    # pyiceberg builds In in __new__, which the pydantic plugin of mypy cannot see.
    found: BooleanExpression = cast(Any, In)(Reference(str(table.partition)), set(partitions))
    return found


def _doc(field: pa.Field) -> str:
    return str((field.metadata or {}).get(b"doc", b"").decode())


def _evolve(commit: Transaction, schema: pa.Schema) -> None:
    with commit.update_schema(allow_incompatible_changes=True) as update:
        for name in set(commit.table_metadata.schema().as_arrow().names) - set(schema.names):
            update.delete_column(name)
        update.union_by_name(schema)
