"""What a table held before: Iceberg keeps its snapshots as long as `clean-lake` leaves them."""

from collections.abc import Sequence
from datetime import UTC, datetime

import pyarrow as pa
from pyiceberg.exceptions import NoSuchTableError
from pyiceberg.table.snapshots import Snapshot

from segment_assets.lake.lake import Lake
from segment_assets.lake.table import Table
from segment_assets.lake.writing import RUN


def last_two(lake: Lake, table: Table, columns: Sequence[str]) -> list[tuple[datetime, pa.Table]]:
    """When the table was written (UTC) and its rows: as it is, and behind that as the run before left it.

    One alone where no run wrote it before or that snapshot was removed, none where it was never written. A write of
    equal content is none, and compaction is none.
    """
    try:
        iceberg = lake.catalog.load_table(table.name)
    except NoSuchTableError:
        return []
    newest: dict[str, Snapshot] = {}
    for snapshot in iceberg.metadata.snapshots:
        if run := snapshot.summary[RUN] if snapshot.summary else None:
            newest.pop(run, None)
            newest[run] = snapshot
    return [
        (
            datetime.fromtimestamp(snapshot.timestamp_ms / 1000, UTC),
            iceberg.scan(snapshot_id=snapshot.snapshot_id, selected_fields=tuple(columns)).to_arrow(),
        )
        for snapshot in [*newest.values()][:-3:-1]
    ]
