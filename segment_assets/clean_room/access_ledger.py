"""Access budgets: how often a table may be used, paid before a query runs, so that no two runs overdraw one together.

AWS's rule (user guide, access-budgets; model: AccessBudget): each use of a table in a query costs 1, and at 0 the query
is refused. A content is paid for once, however often its run is tried again; what was paid is never given back. The
period is that of the wall clock in UTC, as on AWS, and never an earlier one than the ledger has seen: the runner
delivers data too, and one row with a future date must not bring a new budget.
"""

import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path

from segment_assets.clean_room.sqlite_file import transaction

EVER = "for ever"
_SCHEMA = """
CREATE TABLE IF NOT EXISTS used (
  collaboration TEXT NOT NULL, "table" TEXT NOT NULL, content_key TEXT NOT NULL, uses INTEGER NOT NULL,
  day TEXT NOT NULL, PRIMARY KEY (collaboration, "table", content_key)) STRICT
"""


class AccessBudgetError(Exception):
    """A table's access budget does not pay for the query; the message begins with ACCESS_BUDGET_EXHAUSTED."""


@dataclass(frozen=True)
class AccessBudget:
    """How often a table may be used.

    Attributes:
        type: CALENDAR_DAY, CALENDAR_WEEK, CALENDAR_MONTH or LIFETIME.
        budget: uses.
        auto_refresh: a new budget in each period; without it, one for ever.
    """

    type: str
    budget: int
    auto_refresh: bool = True

    def period(self, day: date) -> str:
        """The period a day is in: `2026-11-26`, `2026-W48`, `2026-11` or `for ever`."""
        if self.type == "LIFETIME" or not self.auto_refresh:
            return EVER
        year, week, _ = day.isocalendar()
        named = {"CALENDAR_DAY": day.isoformat(), "CALENDAR_WEEK": f"{year}-W{week:02}"}
        return named.get(self.type, f"{day:%Y-%m}")


@dataclass(frozen=True)
class Standing:
    """How one budget of a table stands.

    Attributes:
        table: the configured table.
        period: that the uses are of.
        used: uses so far.
        budget: uses in all.
    """

    table: str
    period: str
    used: int
    budget: int

    @property
    def left(self) -> int:
        """Uses that are left."""
        return max(0, self.budget - self.used)


Budgets = Mapping[str, Sequence[AccessBudget]]


@dataclass(frozen=True)
class AccessLedger:
    """The access budgets of a deployment.

    Attributes:
        path: the SQLite file; its folder is made.
        now: the clock.
    """

    path: Path
    now: Callable[[], datetime] = lambda: datetime.now(UTC)

    def charge(self, collaboration: str, budgets: Budgets, uses: Mapping[str, int], key: str) -> None:
        """Pay for a query before it runs, for all of its tables or for none.

        Args:
            collaboration: whose budgets.
            budgets: of each configured table that has any.
            uses: how often the query uses each table.
            key: hash of the query, its rules and its inputs: what was paid for it before pays for it again.

        Raises:
            AccessBudgetError: a budget has less left than the query uses.
        """
        with transaction(self.path, _SCHEMA) as db:
            day = self._day(db)
            for table, number in sorted(uses.items()):
                paid = 'SELECT 1 FROM used WHERE collaboration = ? AND "table" = ? AND content_key = ?'
                if table not in budgets or db.execute(paid, (collaboration, table, key)).fetchone():
                    continue
                for standing in _standings(db, collaboration, table, budgets[table], day):
                    if standing.left < number:
                        raise AccessBudgetError(
                            f"ACCESS_BUDGET_EXHAUSTED: {table}: {standing.used:,} of {standing.budget:,} uses are "
                            f"spent ({standing.period}), and this query uses it {number} times: wait for the next "
                            f"period, or raise collaboration.configured_tables.{table}.access_budget"
                        )
                row = (collaboration, table, key, number, day.isoformat())
                db.execute("INSERT INTO used VALUES (?, ?, ?, ?, ?)", row)

    def standings(self, collaboration: str, budgets: Budgets) -> list[Standing]:
        """How every budget stands; asking makes no file."""
        if not self.path.exists():
            day = self.now().astimezone(UTC).date()
            return [Standing(t, b.period(day), 0, b.budget) for t, several in budgets.items() for b in several]
        with transaction(self.path, _SCHEMA) as db:
            day = self._day(db)
            return [s for t, several in budgets.items() for s in _standings(db, collaboration, t, several, day)]

    def _day(self, db: sqlite3.Connection) -> date:
        latest = db.execute("SELECT max(day) FROM used").fetchone()[0]
        return max(self.now().astimezone(UTC).date(), date.fromisoformat(latest) if latest else date.min)


def _standings(
    db: sqlite3.Connection, collaboration: str, table: str, budgets: Sequence[AccessBudget], day: date
) -> Iterator[Standing]:
    found = db.execute('SELECT day, uses FROM used WHERE collaboration = ? AND "table" = ?', (collaboration, table))
    rows = [(date.fromisoformat(d), uses) for d, uses in found]
    for budget in budgets:
        period = budget.period(day)
        used = sum(uses for d, uses in rows if budget.period(d) == period)
        yield Standing(table, period, used, budget.budget)
