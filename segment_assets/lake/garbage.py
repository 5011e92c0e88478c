"""Remove files that no retained snapshot needs. pyiceberg's own expiry forgets snapshots and deletes no file."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from pyiceberg.exceptions import CommitFailedException
from pyiceberg.table import Table as IcebergTable

from segment_assets.lake.files import Files
from segment_assets.lake.lake import Lake

# A reader or writer that began before may still hold a file: younger ones stay whatever refers to them.
GRACE = timedelta(hours=24)
KEEP_SNAPSHOTS = timedelta(days=7)


@dataclass(frozen=True)
class Removed:
    """What a clean-up removed, or would remove.

    Attributes:
        table: the table's name.
        snapshots: snapshots that were forgotten.
        files: files that no retained snapshot needs.
        size: their bytes.
        overtaken: a writer or another clean-up came first; no snapshot was forgotten, and the next time does it.
    """

    table: str
    snapshots: int
    files: int
    size: int
    overtaken: bool = False


def collect(
    lake: Lake,
    *,
    now: datetime | None = None,
    keep: timedelta = KEEP_SNAPSHOTS,
    dry_run: bool = False,
) -> list[Removed]:
    """Forget old snapshots of every table, then remove the files nobody needs.

    Args:
        lake: whose tables; on AWS the partner's too, which nobody but us writes.
        now: the wall clock; files are as old as the machine, or S3, says.
        keep: snapshots younger than this stay, and the current one always.
        dry_run: count, and remove nothing.
    """
    now = now or datetime.now(UTC)
    names = [".".join(name) for space in lake.catalog.list_namespaces() for name in lake.catalog.list_tables(space)]
    return [_collect(lake.catalog.load_table(name), lake.files, now, keep, dry_run) for name in sorted(names)]


def _collect(table: IcebergTable, files: Files, now: datetime, keep: timedelta, dry_run: bool) -> Removed:
    limit = int((now - keep).timestamp() * 1000)
    current = table.current_snapshot()
    old = [s.snapshot_id for s in table.snapshots() if s.timestamp_ms < limit and s != current]
    # Listed before the metadata is read again: what is written between the two is in neither list.
    there = files.below(table.location())
    overtaken = bool(old) and not dry_run and not _forget(table, old)
    if overtaken:
        old = []  # they can still be read, and need their files
    table = table.refresh()
    needed = _needed(table, files, set(old) if dry_run else set())
    unneeded = [f for f in there if f.name not in needed and now - f.modified >= GRACE]
    if not dry_run:
        files.remove([f.name for f in unneeded])
    return Removed(".".join(table.name()), len(old), len(unneeded), sum(f.size for f in unneeded), overtaken)


def _forget(table: IcebergTable, snapshots: list[int]) -> bool:
    """Whether it was done: a writer may replace the metadata meanwhile, and another clean-up may have come first."""
    try:
        table.maintenance.expire_snapshots().by_ids(snapshots).commit()
    except (CommitFailedException, ValueError):  # the second where a snapshot is no longer there
        return False
    return True


def _needed(table: IcebergTable, files: Files, without: set[int]) -> set[str]:
    """Every file that metadata, or a retained snapshot, refers to."""
    uris = {table.metadata_location, *(entry.metadata_file for entry in table.metadata.metadata_log)}
    for snapshot in table.snapshots():
        if snapshot.snapshot_id in without:
            continue
        uris.add(snapshot.manifest_list)
        for manifest in snapshot.manifests(table.io):
            uris.add(manifest.manifest_path)
            uris |= {e.data_file.file_path for e in manifest.fetch_manifest_entry(table.io, discard_deleted=True)}
    return {files.name(uri) for uri in uris}
