"""A small table that is read, changed and written whole, whoever else does the same at that moment."""

from collections.abc import Callable

import pyarrow as pa
from pyiceberg.exceptions import CommitFailedException, ValidationException

from segment_assets.lake.lake import Lake, Written
from segment_assets.lake.table import Table

ATTEMPTS = 10


def changed(lake: Lake, table: Table, change: Callable[[pa.Table], pa.Table], run_id: str) -> Written:
    """Read a table, change its rows, write them; from the start again where another writer came between.

    Args:
        lake: where the table is.
        table: without partitions; without rows where it was never written.
        change: from the rows that are there to those that shall be. It is asked once more for each writer that came
            between, and what it raises ends the change: nothing is written then.
        run_id: recorded in the snapshot.

    Raises:
        CommitFailedException: others came between each time.
    """
    for left in reversed(range(ATTEMPTS)):
        before = lake.state(table)
        rows = change(table.conform(lake.read(table)))
        try:
            return lake.write(table, rows, run_id, replacing=before)
        except (CommitFailedException, ValidationException):
            if not left:
                raise
    raise AssertionError("the last attempt returns or raises")
