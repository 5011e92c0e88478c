"""The privacy budget's ledger: paid before a query runs, in one transaction, so that no two runs overdraw it together.

SQLite, in one file for all collaborations of a deployment. What was reserved is spent, whatever becomes of the run: a
process that is killed after the noise was drawn may have shown it. A released result is kept beside what was paid for
it: the same question on the same data gets the same answer again, and pays nothing.

The month is that of the wall clock, in UTC, as on AWS, and never an earlier one than the ledger has seen. The clock of
the data would do for no budget: the runner delivers data too, and one row with a future date would bring a new month.
"""

import fcntl
import hashlib
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import cast

from segment_assets.clean_room.privacy.accounting import DELTA, Accountant, Price, price
from segment_assets.clean_room.privacy.template import BudgetTemplate
from segment_assets.clean_room.sqlite_file import transaction

_SCHEMA = """
CREATE TABLE IF NOT EXISTS template (
  collaboration TEXT PRIMARY KEY, epsilon INTEGER NOT NULL, auto_refresh TEXT NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS spent (
  id INTEGER PRIMARY KEY, collaboration TEXT NOT NULL, period TEXT NOT NULL, accountant TEXT NOT NULL,
  content_key TEXT NOT NULL, query TEXT NOT NULL, units INTEGER NOT NULL, cost REAL NOT NULL, delta REAL NOT NULL,
  state TEXT NOT NULL, at TEXT NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS released (
  collaboration TEXT NOT NULL, content_key TEXT NOT NULL, result BLOB NOT NULL, at TEXT NOT NULL,
  PRIMARY KEY (collaboration, content_key)) STRICT;
"""


class PrivacyBudgetError(Exception):
    """The privacy budget does not allow it; the message begins with the reason code.

    Attributes:
        code: DP_BUDGET_EXHAUSTED or DP_POLICY_MISSING.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code


@dataclass(frozen=True)
class Reservation:
    """What was paid for a query that has not run yet.

    Attributes:
        id: in the ledger.
        price: what each unit cost: the noise must be of this price.
    """

    id: int
    price: Price


@dataclass(frozen=True)
class Statement:
    """How the budget of a collaboration stands.

    Attributes:
        period: the month (`2026-11`), or `for ever`.
        price: of a unit today, and what the period holds.
        spent: in the price's currency.
        queries: queries that were paid for in the period.
    """

    period: str
    price: Price
    spent: float
    queries: int


@dataclass(frozen=True)
class Ledger:
    """The budgets of a deployment.

    Attributes:
        path: the SQLite file; its folder is made.
        now: the clock.
    """

    path: Path
    now: Callable[[], datetime] = lambda: datetime.now(UTC)

    def reserve(
        self, collaboration: str, template: BudgetTemplate, key: str, query: str, units: int, delta: float = 0.0
    ) -> Reservation:
        """Pay for a query before it runs; what is paid is never given back.

        Args:
            collaboration: whose budget.
            template: as declared now.
            key: hash of the query, its rules and its inputs.
            query: its name.
            units: noisy columns, and one for the release of group keys.
            delta: what the release of group keys adds to delta.

        Raises:
            PrivacyBudgetError: not enough is left, or the template was changed as a used one can't be.
        """
        with transaction(self.path, _SCHEMA) as db:
            self._accept(db, collaboration, template)
            period = self._period(db, collaboration, template)
            standing, deltas = _standing(db, collaboration, template, period)
            if units > standing.price.left(standing.spent) or deltas + delta > DELTA:
                raise PrivacyBudgetError("DP_BUDGET_EXHAUSTED", _exhausted(query, units, standing))
            paid = standing.price
            row = (collaboration, period, paid.accountant, key, query, units, units * paid.unit, delta, "RESERVED")
            made = db.execute(
                "INSERT INTO spent (collaboration, period, accountant, content_key, query, units, cost, delta, state,"
                " at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (*row, self.now().isoformat()),
            )
            return Reservation(int(made.lastrowid or 0), paid)

    def release(self, collaboration: str, key: str, reservation: Reservation, result: bytes) -> bytes:
        """Keep a result, and give back what may be shown: an earlier answer of the same content goes before."""
        with transaction(self.path, _SCHEMA) as db:
            db.execute("UPDATE spent SET state = 'RELEASED' WHERE id = ?", (reservation.id,))
            db.execute(
                "INSERT OR IGNORE INTO released VALUES (?, ?, ?, ?)",
                (collaboration, key, result, self.now().isoformat()),
            )
            return _released(db, collaboration, key) or result

    def failed(self, reservation: Reservation) -> None:
        """Say that a query failed; it stays paid, because how it failed may tell something."""
        with transaction(self.path, _SCHEMA) as db:
            db.execute("UPDATE spent SET state = 'FAILED' WHERE id = ?", (reservation.id,))

    def released(self, collaboration: str, key: str) -> bytes | None:
        """The answer that this content got before."""
        if not self.path.exists():
            return None
        with transaction(self.path, _SCHEMA) as db:
            return _released(db, collaboration, key)

    def statement(self, collaboration: str, template: BudgetTemplate) -> Statement:
        """How the budget stands; asking makes no file and starts no period."""
        if not self.path.exists():
            return Statement(_period_of(self.now(), template), price(template), 0.0, 0)
        with transaction(self.path, _SCHEMA) as db:
            return _standing(db, collaboration, template, self._period(db, collaboration, template))[0]

    @contextmanager
    def one_at_a_time(self, key: str) -> Iterator[None]:
        """Hold a content, so that two runs of it do not both pay; it ends with the process, however that ends.

        A few contents share a lock, and then wait for one another: a lock for each would leave a file for each.
        """
        folder = self.path.parent / "running"
        folder.mkdir(parents=True, exist_ok=True)
        name = hashlib.sha256(key.encode()).hexdigest()[:2]
        with (folder / f"{name}.lock").open("w") as handle:
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield

    def _period(self, db: sqlite3.Connection, collaboration: str, template: BudgetTemplate) -> str:
        latest = db.execute("SELECT max(period) FROM spent WHERE collaboration = ?", (collaboration,)).fetchone()[0]
        return max(_period_of(self.now(), template), str(latest or ""))

    def _accept(self, db: sqlite3.Connection, collaboration: str, template: BudgetTemplate) -> None:
        known = db.execute("SELECT epsilon, auto_refresh FROM template WHERE collaboration = ?", (collaboration,))
        before = known.fetchone()
        where = "segmentation.yaml: collaboration.privacy_budget"
        if before and template.epsilon < before[0]:
            message = f"{where}.epsilon: a budget that was used can grow, and not shrink: give at least {before[0]}"
            raise PrivacyBudgetError("DP_POLICY_MISSING", message)
        if before and template.auto_refresh != before[1]:
            message = f"{where}.auto_refresh: it can't be changed once the budget was used: leave it at {before[1]}"
            raise PrivacyBudgetError("DP_POLICY_MISSING", message)
        row = (collaboration, template.epsilon, template.auto_refresh)
        db.execute("INSERT OR REPLACE INTO template VALUES (?, ?, ?)", row)


def _standing(
    db: sqlite3.Connection, collaboration: str, template: BudgetTemplate, period: str
) -> tuple[Statement, float]:
    found = db.execute(
        "SELECT min(accountant), total(cost), total(delta), count(*) FROM spent WHERE collaboration = ? AND period = ?",
        (collaboration, period),
    )
    accountant, spent, deltas, queries = found.fetchone()
    # A period is counted in the currency it began with: the two can't be added up.
    paid = price(template, cast("Accountant | None", accountant))
    return Statement(period, paid, float(spent), int(queries)), float(deltas)


def _released(db: sqlite3.Connection, collaboration: str, key: str) -> bytes | None:
    found = db.execute("SELECT result FROM released WHERE collaboration = ? AND content_key = ?", (collaboration, key))
    row = found.fetchone()
    return bytes(row[0]) if row else None


def _period_of(now: datetime, template: BudgetTemplate) -> str:
    return f"{now.astimezone(UTC):%Y-%m}" if template.auto_refresh == "CALENDAR_MONTH" else "for ever"


def _exhausted(query: str, units: int, standing: Statement) -> str:
    left = standing.price.left(standing.spent)
    until = "there will be no more" if standing.period == "for ever" else f"it is that of {standing.period}, in UTC"
    return (
        f"{query} needs {units} noisy columns, and the privacy budget has {left} left; {until}: ask for fewer, or let "
        "segmentation.yaml: collaboration.privacy_budget.epsilon grow"
    )
