"""A small file that several runs write at once: every look and every change is one transaction, alone in its time."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

WAIT_SECONDS = 60.0  # for another run's transaction, which takes milliseconds


@contextmanager
def transaction(path: Path, schema: str) -> Iterator[sqlite3.Connection]:
    """A transaction that no other is beside; once it ended it is on the disk, and nothing of it where it failed.

    Args:
        path: the SQLite file, for nobody else to read; it is made, and so is its folder where there is none.
        schema: `CREATE TABLE IF NOT EXISTS` statements, with a semicolon between them.
    """
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    path.touch(mode=0o600)  # SQLite would let everybody read it; the journal beside it takes after it
    path.chmod(0o600)
    with closing(sqlite3.connect(path, timeout=WAIT_SECONDS, isolation_level=None)) as db:
        db.execute("PRAGMA synchronous = FULL")
        db.execute("BEGIN IMMEDIATE")
        try:
            for statement in schema.split(";"):
                db.execute(statement)
            yield db
        except BaseException:
            db.execute("ROLLBACK")
            raise
        db.execute("COMMIT")
