"""Dagster's SQLite event log, with its connections kept and without a disk flush for each event.

One event of a partition is two writes, and a year of arrival days is 1,100 of them: Dagster's own storage makes a new
SQLAlchemy engine for each, and SQLite waits for the disk each time. See docs/decisions/0007-event-log.md.
"""

import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

from dagster._cli.utils import TMP_DAGSTER_HOME_PREFIX
from dagster._config import UserConfigSchema
from dagster._core.errors import DagsterHomeNotSetError, raise_execution_interrupts
from dagster._core.storage.event_log.sqlite.sqlite_event_log import SqliteEventLogStorage
from dagster._core.storage.sqlite import SQLITE_BUSY_TIMEOUT_SECONDS
from dagster._serdes import ConfigurableClassData
from dagster._utils.concurrency import ConcurrencyClaimStatus
from sqlalchemy import Connection, Engine, QueuePool, create_engine, event

# Every run has a file of its own: connections to the runs seen last are kept.
KEPT = 8
# How long a step waits before it asks again for its place in a pool.
PAUSE_SECONDS = 0.5


class QuickSqliteEventLogStorage(SqliteEventLogStorage):
    """The event log under DAGSTER_HOME, in the same files and format as Dagster's own."""

    def __init__(self, base_dir: str, inst_data: ConfigurableClassData | None = None) -> None:
        self._engines: dict[str, Engine] = {}
        super().__init__(base_dir, inst_data)

    @classmethod
    def config_type(cls) -> UserConfigSchema:
        """Nothing to configure: the place is Dagster's default."""
        return {}

    @classmethod
    def from_config_value(cls, inst_data: ConfigurableClassData | None, config_value: Any) -> Self:
        """Where Dagster would keep it without any configuration.

        Raises:
            DagsterHomeNotSetError: there is no home, and no command of Dagster's made one for itself.
        """
        return cls(str(_home() / "history" / "runs"), inst_data)

    def claim_concurrency_slot(
        self, concurrency_key: str, run_id: str, step_key: str, priority: int | None = None
    ) -> ConcurrencyClaimStatus:
        """A place in a pool; whoever gets none pauses here, and can be interrupted.

        Dagster 1.13 waits in a loop that never sleeps, its time to the next question being at most zero
        (`interval_to_next_pending_claim_check`), and that looks for no interrupt.
        """
        with raise_execution_interrupts():
            status: ConcurrencyClaimStatus = super().claim_concurrency_slot(concurrency_key, run_id, step_key, priority)
            if not status.is_claimed:
                time.sleep(PAUSE_SECONDS)
                status = status.with_sleep_interval(0.0)
        return status

    @contextmanager
    def _connect(self, shard: str) -> Iterator[Connection]:
        with self._db_lock:
            engine = self._engine(shard)
            if shard not in self._initialized_dbs:
                self._initdb(engine)
                self._initialized_dbs.add(shard)
            with engine.connect() as connection, connection.begin():
                yield connection

    def _engine(self, shard: str) -> Engine:
        if shard not in self._engines:
            while len(self._engines) >= KEPT:
                self._engines.pop(next(iter(self._engines))).dispose()
            engine = create_engine(
                self.conn_string_for_shard(shard),
                poolclass=QueuePool,
                connect_args={"timeout": SQLITE_BUSY_TIMEOUT_SECONDS},
            )
            event.listen(engine, "connect", _no_flush_per_commit)
            self._engines[shard] = engine
        return self._engines[shard]


def _no_flush_per_commit(connection: sqlite3.Connection, _: object) -> None:
    # In WAL mode a killed process loses nothing and a power cut the last events, which the next refresh builds again.
    connection.execute("PRAGMA synchronous=NORMAL")


def _home() -> Path:
    """DAGSTER_HOME, or the folder that a command of Dagster's made in the working directory because there is none."""
    if home := os.environ.get("DAGSTER_HOME"):
        return Path(home)
    if made := sorted(Path.cwd().glob(f"{TMP_DAGSTER_HOME_PREFIX}*"), key=lambda folder: folder.stat().st_ctime):
        return made[-1].resolve()
    raise DagsterHomeNotSetError(
        "DAGSTER_HOME is not set: `segment-assets dev` and `refresh` set it; for Dagster's own commands, set it to "
        "`.home/dagster` in the folder of segmentation.yaml, as a full path"
    )
