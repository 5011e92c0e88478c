"""The clean room on one machine: accepted queries run from their tree in a locked DuckDB."""

import fcntl
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import date
from pathlib import Path

import pyarrow as pa

from segment_assets.clean_room import custom_engine, runnable
from segment_assets.clean_room.access_ledger import AccessLedger, Standing
from segment_assets.clean_room.circumstances import Run
from segment_assets.clean_room.collaboration import Collaboration
from segment_assets.clean_room.custom.canonical import NotCanonicalError
from segment_assets.clean_room.custom.check import Accepted
from segment_assets.clean_room.custom.guarded import UndatedError
from segment_assets.clean_room.differencing.populations import Populations
from segment_assets.clean_room.locked import DEADLINE_SECONDS, Locked
from segment_assets.clean_room.names import Resolved
from segment_assets.clean_room.port import CleanRoom, QueryFailedError, ReadTable
from segment_assets.clean_room.privacy.accounting import Price
from segment_assets.clean_room.privacy.answer import answer
from segment_assets.clean_room.privacy.ledger import Ledger
from segment_assets.clean_room.privacy.plan import Plan
from segment_assets.clean_room.rewrite import Rewritten, rewrite
from segment_assets.clean_room.runnable import Runnable
from segment_assets.clean_room.spark import NotExecutableError
from segment_assets.settings import Settings


class EmbeddedCleanRoom(CleanRoom):
    """Runs queries in a DuckDB that sees allowed columns of configured tables, and nothing else.

    Args:
        scratch: folder for spill files, which hold partner rows: private, and removed with each query.
        memory_limit: in DuckDB's notation.
        threads: threads of one query.
        deadline: seconds until a query is interrupted.
        ledger: file that counts the uses of tables with an access budget.
    """

    def __init__(
        self,
        scratch: Path,
        memory_limit: str = "1GB",
        threads: int = 2,
        deadline: float = DEADLINE_SECONDS,
        ledger: Path | None = None,
    ) -> None:
        self.scratch = scratch
        self.memory_limit = memory_limit
        self.threads = threads
        self.deadline = deadline
        self.access_ledger = AccessLedger(ledger or scratch / "access_budgets.db")

    def run(
        self, query: Runnable, read: ReadTable, as_of: date | None = None, key: str = "", of: Run | None = None
    ) -> pa.Table:
        """Rewrite with the output constraints, execute from the tree, name the columns."""
        if isinstance(query, Accepted):
            return self.run_custom(query, read, as_of)
        rewritten = self.rewrite(query, as_of)
        tables = {t.name: read(t).select(list(t.columns)) for t in runnable.tables(query)}
        result = self._execute(rewritten.sql, tables)
        return result.rename_columns(list(rewritten.names))

    def run_custom(self, query: Accepted, read: ReadTable, as_of: date | None = None) -> pa.Table:
        """Execute an accepted custom query with nested queries, windows or set operations, in a total order.

        Raises:
            QueryFailedError: it needs noise, or what carries no identities; it reached a limit, or failed.
        """
        rewritten = custom_engine.rewritten(query, as_of)
        tables = {t.name: read(t).select(list(t.columns)) for t in query.tables}
        return self._execute(rewritten.sql, tables).rename_columns(list(rewritten.names))

    def run_private(self, plan: Plan, read: ReadTable, price: Price, as_of: date | None = None) -> pa.Table:
        """Execute a query under differential privacy: noise of the price that was paid for it."""
        from segment_assets.clean_room.privacy.noise import OpenDpNoise  # 3 s, for the few who need it

        tables = {t.name: read(t).select(list(t.columns)) for t in plan.tables}
        try:
            return answer(plan, tables, self._execute, OpenDpNoise(price), price.accountant, as_of)
        except (NotCanonicalError, UndatedError) as bad:
            raise QueryFailedError("FUNCTION_NOT_ALLOWED", str(bad)) from bad

    def rewrite(self, query: Resolved, as_of: date | None) -> Rewritten:
        """What will be executed.

        Raises:
            QueryFailedError: a function this engine does not run.
        """
        try:
            return rewrite(query, as_of)
        except NotExecutableError as bad:
            raise QueryFailedError("FUNCTION_NOT_ALLOWED", str(bad)) from bad

    @property
    def ledger(self) -> Ledger:
        """The privacy budgets, beside the scratch folder."""
        return Ledger(self.scratch.parent / "privacy" / "ledger.db")

    @property
    def populations(self) -> Populations:
        """The memory of the differencing monitor, in the owner's folder."""
        return Populations(self.scratch.parent / "owner" / "populations.db")

    def admit(self, collaboration: Collaboration, uses: Mapping[str, int], key: str) -> None:
        """Pay in the ledger."""
        tables = collaboration.tables
        if budgets := {name: b for name in uses if (b := tables[name].access_budgets)}:
            self.access_ledger.charge(collaboration.name, budgets, uses, key)

    def access(self, collaboration: Collaboration) -> list[Standing]:
        """As the ledger has it."""
        budgets = {t.name: t.access_budgets for t in collaboration.tables.values() if t.access_budgets}
        return self.access_ledger.standings(collaboration.name, budgets)

    @contextmanager
    def exclusively(self) -> Iterator[None]:
        """A lock on a file: it ends with the process, however that ends."""
        self.scratch.mkdir(parents=True, exist_ok=True)
        with (self.scratch / "budget.lock").open("w") as handle:
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield

    def _execute(self, sql: str, tables: dict[str, pa.Table]) -> pa.Table:
        return Locked(self.scratch, self.memory_limit, self.threads, self.deadline).execute(sql, tables)


def clean_room(settings: Settings) -> EmbeddedCleanRoom:
    """The clean room of the embedded deployment."""
    home = settings.home / "clean_room"
    ledger = home / "access_budgets.db"
    return EmbeddedCleanRoom(home / "scratch", settings.memory_limit, settings.threads, ledger=ledger)
