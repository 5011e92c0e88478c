"""A DuckDB with no way out, for whatever is computed of members' rows: a query, and what is counted of it again.

Depth, not the gate: after the lock `query('...')`, `duckdb_settings()` and PRAGMA still run in DuckDB 2.0: what keeps
them out is the allow-list of the checker.
"""

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import duckdb
import pyarrow as pa

from segment_assets.clean_room.port import QueryFailedError
from segment_assets.lake.private import private_folder

DEADLINE_SECONDS = 600.0
_AGAIN_SECONDS = 0.1
Execute = Callable[[str, dict[str, pa.Table]], pa.Table]  # SQL over tables by name, with nothing else in reach


@dataclass(frozen=True)
class Locked:
    """What every such DuckDB is limited to.

    Attributes:
        scratch: above the folders for spill files, which hold members' rows: each private, and removed with its query.
        memory_limit: in DuckDB's notation.
        threads: threads of one query.
        deadline: seconds until what runs is interrupted.
    """

    scratch: Path
    memory_limit: str = "1GB"
    threads: int = 2
    deadline: float = DEADLINE_SECONDS

    def execute(self, sql: str, tables: Mapping[str, pa.Table]) -> pa.Table:
        """The rows of one query over these tables.

        Raises:
            QueryFailedError: as `opened`.
        """
        with self.opened(tables) as db:
            return db.sql(sql).to_arrow_table()

    @contextmanager
    def opened(self, tables: Mapping[str, pa.Table]) -> Iterator[duckdb.DuckDBPyConnection]:
        """A database with these tables and nothing else in reach.

        Raises:
            QueryFailedError: it reached a limit, or failed; DuckDB's own message may print a value, and goes nowhere.
        """
        with (
            private_folder(self.scratch) as spill,
            connected(tables, self.memory_limit, self.threads, spill) as db,
            _interrupted(db, self.deadline),
        ):
            try:
                yield db
            except (duckdb.InterruptException, duckdb.OutOfMemoryException):
                raise QueryFailedError("RESOURCE_LIMIT", "the query reached a limit of memory, disk or time") from None
            except duckdb.Error:
                raise QueryFailedError("FAILED", "the query failed while running; its cause is not shown") from None


@contextmanager
def connected(
    tables: Mapping[str, pa.Table], memory_limit: str = "1GB", threads: int = 1, spill: Path | None = None
) -> Iterator[duckdb.DuckDBPyConnection]:
    """A DuckDB with these tables and no way out: no files, no network, no extensions, no settings.

    Args:
        tables: by the names that queries use.
        memory_limit: in DuckDB's notation.
        threads: threads of one query.
        spill: an empty folder of its own, which DuckDB 2.0 lets queries read and write; None: nothing goes to disk.
    """
    config: dict[str, str | bool | int | float | list[str]] = {
        "memory_limit": memory_limit,
        "threads": threads,
        "temp_directory": str(spill or ""),
        "max_temp_directory_size": "10GB",
        "autoinstall_known_extensions": False,
        "autoload_known_extensions": False,
        "allow_community_extensions": False,
    }
    db = duckdb.connect(config=config)
    try:
        db.execute("SET TimeZone='UTC'; SET python_enable_replacements=false")
        # It takes what stands twice out of the TRY around it, and what raises there ends the query.
        db.execute("SET disabled_optimizers='common_subexpressions'")
        for name, rows in tables.items():
            db.register(name, rows)
        db.execute("SET enable_external_access=false; SET lock_configuration=true")
        yield db
    finally:
        db.close()


@contextmanager
def _interrupted(db: duckdb.DuckDBPyConnection, deadline: float) -> Iterator[None]:
    """Interrupt what runs after the deadline, and go on with it: between two queries an interrupt meets nothing."""
    done = threading.Event()

    def watch() -> None:
        late = done.wait(deadline)
        while not late:
            db.interrupt()
            late = done.wait(_AGAIN_SECONDS)

    watching = threading.Thread(target=watch, daemon=True)
    watching.start()
    try:
        yield
    finally:
        done.set()
        watching.join()
