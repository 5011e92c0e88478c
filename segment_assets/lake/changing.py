"""A small table that is read, changed and written whole, whoever else does the same at that moment."""

from collections.abc import Callable
from datetime import date

import pyarrow as pa
from pyiceberg.exceptions import CommitFailedException, ValidationException

from segment_assets.lake.lake import Lake, Written
from segment_assets.lake.table import Table

ATTEMPTS = 10


def changed(
    lake: Lake, table: Table, change: Callable[[pa.Table], pa.Table], run_id: str, as_of: date | None = None
) -> Written:
    """Read a table, change its rows, write them; from the start again where another writer came between.

    Args:
        lake: where the table is.
        table: without partitions; without rows where it was never written.
        change: from the rows that are there to those that shall be. It is asked once more for each writer that came
            between, and what it raises ends the change: nothing is written then.
        run_id: recorded in the snapshot.
        as_of: the newest day that the rows know of, unless those before know of a later one.

    Raises:
        CommitFailedException: others came between each time.
    """
    for left in reversed(range(ATTEMPTS)):
        before = lake.state(table)
        rows = change(table.conform(lake.read(table)))
        newest = max((day for day in (before.as_of, as_of) if day), default=None)
        try:
            return lake.write(table, rows, run_id, as_of=newest, replacing=before)
        except (CommitFailedException, ValidationException):
            if not left:
                raise
    raise AssertionError("the last attempt returns or raises")
