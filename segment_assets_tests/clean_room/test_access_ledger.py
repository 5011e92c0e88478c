"""Access budgets: what is paid is paid once, and two runs never overdraw one together."""

import os
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from segment_assets.clean_room.access_ledger import AccessBudget, AccessBudgetError, AccessLedger

DAY, WEEK, MONTH, EVER = (AccessBudget(t, 2) for t in ("CALENDAR_DAY", "CALENDAR_WEEK", "CALENDAR_MONTH", "LIFETIME"))
ONCE = AccessBudget("CALENDAR_DAY", 2, auto_refresh=False)


class Clock:
    def __init__(self, day: str) -> None:
        self.day = day

    def __call__(self) -> datetime:
        return datetime.fromisoformat(self.day).replace(tzinfo=UTC)


def spend(ledger: AccessLedger, budget: AccessBudget, number: int = 1) -> int:
    """How often a table can be used before it is refused."""
    for i in range(10):
        try:
            ledger.charge("c", {"t": [budget]}, {"t": number}, f"{ledger.now()} {i}")
        except AccessBudgetError:
            return i
    raise AssertionError("never refused")


@pytest.mark.parametrize(
    ("budget", "next_day", "next_week", "next_month"),
    [
        (DAY, 2, 2, 2),
        (WEEK, 0, 2, 2),
        (MONTH, 0, 0, 2),
        (EVER, 0, 0, 0),
        (ONCE, 0, 0, 0),
    ],
)
def test_a_period_brings_a_new_budget(budget, next_day, next_week, next_month, tmp_path):
    clock = Clock("2026-11-10")
    ledger = AccessLedger(tmp_path / "a.db", clock)
    assert spend(ledger, budget) == 2
    for day, expected in (("2026-11-11", next_day), ("2026-11-17", next_week), ("2026-12-08", next_month)):
        clock.day = day
        assert spend(ledger, budget) == expected
    # A clock that goes back brings nothing back.
    clock.day = "2026-10-01"
    assert spend(ledger, budget) == 0


def test_a_content_is_paid_once(tmp_path):
    ledger = AccessLedger(tmp_path / "a.db")
    for _ in range(5):
        ledger.charge("c", {"t": [EVER]}, {"t": 2}, "same")
    [standing] = ledger.standings("c", {"t": [EVER]})
    assert (standing.used, standing.left) == (2, 0)


def test_a_query_is_paid_for_all_of_its_tables_or_for_none(tmp_path):
    ledger = AccessLedger(tmp_path / "a.db")
    budgets = {"a": [EVER], "z": [AccessBudget("LIFETIME", 0)]}
    with pytest.raises(AccessBudgetError, match="z: 0 of 0 uses are spent"):
        ledger.charge("c", budgets, {"a": 1, "z": 1}, "k")
    assert [s.used for s in ledger.standings("c", budgets)] == [0, 0]
    ledger.charge("c", budgets, {"a": 1, "free": 7}, "k")
    assert [s.used for s in ledger.standings("c", budgets)] == [1, 0]
    assert [s.used for s in ledger.standings("another", budgets)] == [0, 0]


def test_the_smaller_of_two_budgets_holds(tmp_path):
    ledger = AccessLedger(tmp_path / "a.db")
    both = {"t": [AccessBudget("LIFETIME", 5), DAY]}
    ledger.charge("c", both, {"t": 2}, "one")
    with pytest.raises(AccessBudgetError, match="2 of 2 uses"):
        ledger.charge("c", both, {"t": 1}, "two")


def test_asking_makes_no_file(tmp_path):
    assert [s.left for s in AccessLedger(tmp_path / "a.db").standings("c", {"t": [DAY]})] == [2]
    assert list(tmp_path.iterdir()) == []


def test_runs_at_once_do_not_overdraw(tmp_path):
    ledger = AccessLedger(tmp_path / "a.db")
    budget = {"t": [AccessBudget("LIFETIME", 7)]}

    def one(i: int) -> bool:
        try:
            ledger.charge("c", budget, {"t": 1}, str(i))
        except AccessBudgetError:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(one, range(20))) == 7


def test_a_kill_leaves_what_was_paid(tmp_path):
    code = (
        "import sys; from pathlib import Path; from segment_assets.clean_room.access_ledger import *\n"
        "ledger, i = AccessLedger(Path(sys.argv[1])), 0\n"
        "while True:\n"
        "    i += 1\n"
        "    ledger.charge('c', {'t': [AccessBudget('LIFETIME', 10**6)]}, {'t': 1}, str(i))\n"
        "    print(i, flush=True)\n"
    )
    path = tmp_path / "a.db"
    with subprocess.Popen([sys.executable, "-c", code, path], stdout=subprocess.PIPE, text=True, env=_env()) as process:
        assert process.stdout
        told = [process.stdout.readline() for _ in range(3)]
        process.send_signal(signal.SIGKILL)
        told += process.stdout.readlines()
    [standing] = AccessLedger(path).standings("c", {"t": [AccessBudget("LIFETIME", 10**6)]})
    # What was paid and not yet told may be one more.
    assert standing.used - len(told) in (0, 1)


def _env() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(uses=st.lists(st.tuples(st.sampled_from("ab"), st.integers(1, 3)), max_size=12), budget=st.integers(0, 6))
def test_no_order_of_uses_overdraws(uses, budget, tmp_path_factory):
    ledger = AccessLedger(tmp_path_factory.mktemp("ledger") / "a.db")
    budgets = {t: [AccessBudget("LIFETIME", budget)] for t in "ab"}
    for i, (table, number) in enumerate(uses):
        try:
            ledger.charge("c", budgets, {table: number}, str(i))
        except AccessBudgetError:
            continue
    assert all(s.used <= budget for s in ledger.standings("c", budgets))


def test_the_file_is_for_nobody_else_to_read_also_where_it_was_made_so_before(tmp_path: Path):
    path = tmp_path / "access.db"
    path.touch(mode=0o644)
    AccessLedger(path).charge("c", {"t": [EVER]}, {"t": 1}, "key")
    assert path.stat().st_mode & 0o777 == 0o600
