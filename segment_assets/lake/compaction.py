"""Few files for many: the small files of a partition are written anew as one. Rows stay, and so does every version.

A version is a hash of rows that the write kept as a property; this commit touches no property, so nothing downstream
sees a change. pyiceberg 0.12 has expiry of snapshots and no compaction; its overwrite of named files is used here.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from pyiceberg.exceptions import CommitFailedException, NoSuchTableError, ValidationException
from pyiceberg.expressions import AlwaysTrue
from pyiceberg.io.pyarrow import ArrowScan, write_file
from pyiceberg.partitioning import PartitionKey
from pyiceberg.table import FileScanTask, WriteTask
from pyiceberg.table import Table as IcebergTable

from segment_assets.lake.lake import Lake
from segment_assets.lake.table import Table
from segment_assets.lake.writing import partition_of

# The policy: a partition is compacted when it has so many files that are smaller than this; new ones are at most as
# large as the second size, which a process holds as a table of about ten times that.
FEWEST = 8
SMALL = 16 * 1024 * 1024
TARGET = 48 * 1024 * 1024
MARK = "segment-assets.compaction"


@dataclass(frozen=True)
class Compacted:
    """What was compacted, or would be.

    Attributes:
        table: the table's name.
        before: small files that were replaced.
        after: files that replace them.
        overtaken: another writer came first; nothing was replaced, and the next time does it.
    """

    table: str
    before: int = 0
    after: int = 0
    overtaken: bool = False


def compact(lake: Lake, tables: Iterable[Table], *, dry_run: bool = False) -> list[Compacted]:
    """Compact partitions of many small files, a commit per table.

    It is safe beside others: readers keep the files that they plan to read until the clean-up removes them, a writer
    who comes first makes this give way, and one who comes later writes again on what is there (`Lake.write`).

    Args:
        lake: with the tables.
        tables: which of them; one without partitions is replaced whole by every write, and left alone.
        dry_run: count, and write nothing.
    """
    return [_compact(lake, table, dry_run) for table in tables if table.partition]


def _compact(lake: Lake, table: Table, dry_run: bool) -> Compacted:
    try:
        iceberg = lake.catalog.load_table(table.name)
    except NoSuchTableError:
        return Compacted(table.name)
    groups = list(_groups(iceberg.scan().plan_files()))
    before = sum(map(len, groups))
    if groups and not dry_run:
        try:
            _replace(iceberg, groups)
        except (CommitFailedException, ValidationException):
            return Compacted(table.name, overtaken=True)
    return Compacted(table.name, before, len(groups))


def _groups(tasks: Iterable[FileScanTask]) -> Iterator[list[FileScanTask]]:
    """Small files of one partition that become one, where it has many of them."""
    partitions: dict[str, list[FileScanTask]] = {}
    for task in tasks:
        if not task.delete_files and task.file.file_size_in_bytes < SMALL:
            partitions.setdefault(f"{task.file.spec_id} {task.file.partition}", []).append(task)
    for _, small in sorted(partitions.items()):
        if len(small) < FEWEST:
            continue
        group: list[FileScanTask] = []
        held = 0
        for task in sorted(small, key=lambda t: (t.file.file_size_in_bytes, t.file.file_path)):
            if len(group) > 1 and held + task.file.file_size_in_bytes > TARGET:
                yield group
                group, held = [], 0
            group.append(task)
            held += task.file.file_size_in_bytes
        if len(group) > 1:
            yield group


def _replace(iceberg: IcebergTable, groups: list[list[FileScanTask]]) -> None:
    metadata = iceberg.metadata
    spec, schema = metadata.spec(), metadata.schema()
    scan = ArrowScan(metadata, iceberg.io, schema, AlwaysTrue())
    with iceberg.transaction() as commit, commit.update_snapshot({MARK: "true"}).overwrite() as snapshot:
        for number, group in enumerate(groups):
            rows = scan.to_table(group)
            key: PartitionKey | None = partition_of(rows, spec, schema) if spec.fields else None
            task = WriteTask(snapshot.commit_uuid, number, schema, rows.combine_chunks().to_batches(), None, key)
            for file in write_file(iceberg.io, metadata, iter([task])):
                snapshot.append_data_file(file)
            for old in group:
                snapshot.delete_data_file(old.file)
