"""A query in the log of all queries: it stands there before it runs, and how it ended after; whoever else writes it."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import pyarrow as pa
from pyiceberg.exceptions import CommitFailedException

from segment_assets.clean_room import budget
from segment_assets.clean_room.port import CleanRoom
from segment_assets.clean_room.tables import QUERY_LOG
from segment_assets.lake import Lake, Table
from segment_assets.lake.changing import changed


@dataclass(frozen=True)
class Logged:
    """One query's row in the log.

    Attributes:
        entry: what is written there.
        lake: where the log is.
        room: where the query runs.
        run_id: recorded with the log.
    """

    entry: budget.Entry
    lake: Lake
    room: CleanRoom
    run_id: str

    def begin(self, per_day: int, pay: Callable[[bool], object]) -> bool:
        """Charge the query before it runs; whether its content ended well before.

        Args:
            per_day: the query budget.
            pay: pays what else it costs, or refuses: then it was not charged. It is told whether the content ended well
                before, and asked once more where another writer of the log came between.

        Raises:
            BudgetExhaustedError: the day's queries are used up.
        """
        known = False

        def charged(log: pa.Table) -> pa.Table:
            nonlocal known
            known = budget.status(log, self.entry.content_key) == "SUCCESS"
            after = budget.charge(log, self.entry, per_day)
            pay(known)
            return after

        with self.room.exclusively():
            changed(self.lake, QUERY_LOG, charged, self.run_id)
        return known

    def end(self, outcome: str) -> None:
        """Say how it ended: SUCCESS or FAILED."""
        with self.room.exclusively():
            changed(self.lake, QUERY_LOG, lambda log: budget.close(log, self.entry, outcome), self.run_id)

    def refuse_if_overtaken(self, inputs: Iterable[Table], still: Lake) -> None:
        """See that a room that reads the tables itself has read those that the content key was made of.

        Args:
            inputs: the catalog tables of the query.
            still: the lake in which they are as they were then.

        Raises:
            CommitFailedException: one was written meanwhile. The query is closed as failed, and what it answered is
                no answer to anything: who asks the same again, asks anew.
        """
        if not self.room.reads_by_itself:
            return
        try:
            self.lake.refuse_if_overtaken({table: still.state(table) for table in inputs})
        except CommitFailedException:
            self.room.forget(self.entry.content_key)
            self.end("FAILED")
            raise
