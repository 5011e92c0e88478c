"""The ledger is never overdrawn: not by processes at once, not by a kill at any moment, not by a changed template."""

import os
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest

from segment_assets.clean_room.privacy import template
from segment_assets.clean_room.privacy.accounting import DELTA
from segment_assets.clean_room.privacy.ledger import Ledger, PrivacyBudgetError

BUDGET = template.of(3, 30)  # 27 units
SPEND = """
import sys
from pathlib import Path
from segment_assets.clean_room.privacy import template
from segment_assets.clean_room.privacy.ledger import Ledger, PrivacyBudgetError
ledger, paid = Ledger(Path(sys.argv[1])), 0
print("ready", flush=True)
while True:
    try:
        ledger.reserve("c", template.of(3, 30), f"{sys.argv[2]}-{paid}", "q", 1)
    except PrivacyBudgetError as refused:
        assert refused.code == "DP_BUDGET_EXHAUSTED"
        break
    paid += 1
    print(paid, flush=True)
"""


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    return Ledger(tmp_path / "owner" / "ledger.db", lambda: datetime(2026, 11, 30, 23, 0, tzinfo=UTC))


def spender(ledger: Ledger, name: str) -> subprocess.Popen[str]:
    return subprocess.Popen([sys.executable, "-c", SPEND, str(ledger.path), name], stdout=subprocess.PIPE, text=True)


def rows(ledger: Ledger, sql: str) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(ledger.path)) as db:
        return db.execute(sql).fetchall()


def test_processes_at_once_pay_for_what_there_is_and_no_more(ledger: Ledger):
    running = [spender(ledger, str(i)) for i in range(4)]
    paid = [len(p.communicate(timeout=60)[0].splitlines()) - 1 for p in running]
    assert sum(paid) == 27
    assert [p.returncode for p in running] == [0] * 4
    standing = Ledger(ledger.path).statement("c", BUDGET)
    assert standing.spent <= standing.price.total
    assert standing.price.left(standing.spent) == 0


def test_kill_at_any_moment_gives_nothing_back_and_breaks_nothing(ledger: Ledger):
    for i in range(3):
        with spender(ledger, str(i)) as running:
            assert running.stdout
            told = [running.stdout.readline() for _ in range(3)]
            assert told[0] == "ready\n"
            time.sleep(0.002 * i)
            os.kill(running.pid, signal.SIGKILL)
            told += running.stdout.read().splitlines()
        assert rows(ledger, "PRAGMA integrity_check") == [("ok",)]
        # Whatever it was told it had paid stands in the ledger.
        known = {k for (k,) in rows(ledger, "SELECT content_key FROM spent")}
        assert {f"{i}-{n}" for n in range(len(told) - 1)} <= known
    rest = spender(ledger, "rest").communicate(timeout=60)[0].splitlines()
    assert rows(ledger, "SELECT sum(units) FROM spent") == [(27,)]
    assert len(rest) - 1 <= 27 - 6


HANG = """
import sys, time
from pathlib import Path
from segment_assets.clean_room.privacy import template
from segment_assets.clean_room.privacy.ledger import Ledger
ledger = Ledger(Path(sys.argv[1]))
with ledger.one_at_a_time("key"):
    ledger.reserve("c", template.of(3, 30), "key", "q", 5)
    print("paid", flush=True)
    time.sleep(60)
"""


def test_a_run_that_is_killed_between_payment_and_answer_has_paid_and_holds_nobody_up(ledger: Ledger):
    command = [sys.executable, "-c", HANG, str(ledger.path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as running:
        assert running.stdout
        assert running.stdout.readline() == "paid\n"
        os.kill(running.pid, signal.SIGKILL)
    again = Ledger(ledger.path)
    with again.one_at_a_time("key"):
        assert again.released("c", "key") is None
        again.release("c", "key", again.reserve("c", BUDGET, "key", "q", 5), b"answer")
    standing = again.statement("c", BUDGET)
    assert (standing.queries, standing.price.left(standing.spent)) == (2, 17)


def test_the_same_content_is_answered_once(ledger: Ledger):
    first = ledger.reserve("c", BUDGET, "key", "q", 2)
    second = ledger.reserve("c", BUDGET, "key", "q", 2)
    assert ledger.released("c", "key") is None
    assert ledger.release("c", "key", first, b"answer") == b"answer"
    # Two noisy answers would tell more than was paid for by either.
    assert ledger.release("c", "key", second, b"another") == b"answer"
    assert ledger.released("c", "key") == b"answer"
    assert ledger.released("other", "key") is None


def test_a_failed_query_stays_paid(ledger: Ledger):
    ledger.failed(ledger.reserve("c", BUDGET, "key", "q", 26))
    with pytest.raises(PrivacyBudgetError, match=r"^DP_BUDGET_EXHAUSTED: q needs 2 noisy columns, and .* has 1 left"):
        ledger.reserve("c", BUDGET, "other", "q", 2)
    ledger.reserve("c", BUDGET, "other", "q", 1)


def test_a_new_month_of_utc_brings_a_new_budget_and_a_clock_set_back_brings_none(ledger: Ledger):
    ledger.reserve("c", BUDGET, "november", "q", 27)
    december = Ledger(ledger.path, lambda: datetime(2026, 12, 1, tzinfo=UTC))
    december.reserve("c", BUDGET, "december", "q", 20)
    assert ledger.statement("c", BUDGET).period == "2026-12"
    with pytest.raises(PrivacyBudgetError, match="DP_BUDGET_EXHAUSTED"):
        ledger.reserve("c", BUDGET, "november again", "q", 8)
    assert december.statement("other", BUDGET).spent == 0


def test_a_budget_without_refresh_is_one_for_ever(ledger: Ledger):
    ledger.reserve("c", template.of(3, 30, "NONE"), "k", "q", 27)
    later = Ledger(ledger.path, lambda: datetime(2030, 1, 1, tzinfo=UTC))
    with pytest.raises(PrivacyBudgetError, match="there will be no more"):
        later.reserve("c", template.of(3, 30, "NONE"), "k2", "q", 1)


def test_a_used_budget_grows_and_does_not_shrink_and_noise_moves_both_ways(ledger: Ledger):
    ledger.reserve("c", BUDGET, "k", "q", 27)
    with pytest.raises(PrivacyBudgetError, match="DP_BUDGET_EXHAUSTED"):
        ledger.reserve("c", BUDGET, "k2", "q", 1)
    with pytest.raises(PrivacyBudgetError, match=r"epsilon: a budget that was used can grow, and not shrink: .* 3$"):
        ledger.reserve("c", template.of(2, 30), "k2", "q", 1)
    with pytest.raises(PrivacyBudgetError, match="leave it at CALENDAR_MONTH"):
        ledger.reserve("c", template.of(3, 30, "NONE"), "k2", "q", 1)
    less, more = (ledger.statement("c", template.of(4, users)) for users in (60, 20))
    assert less.price.left(less.spent) > more.price.left(more.spent) > 0
    ledger.reserve("c", template.of(4, 20), "k2", "q", more.price.left(more.spent))


def test_a_period_is_counted_in_the_currency_it_began_with(ledger: Ledger):
    ledger.reserve("c", template.of(1, 10), "k", "q", 1)  # pure: two units in all
    standing = ledger.statement("c", template.of(5, 50))
    assert standing.price.accountant == "pure"
    assert standing.spent == pytest.approx(0.4605, abs=1e-4)


def test_the_delta_of_group_keys_is_counted_too(ledger: Ledger):
    ledger.reserve("c", BUDGET, "k", "q", 1, DELTA * 0.9)
    with pytest.raises(PrivacyBudgetError, match="DP_BUDGET_EXHAUSTED"):
        ledger.reserve("c", BUDGET, "k2", "q", 1, DELTA * 0.2)


def test_looking_at_a_budget_leaves_no_file(ledger: Ledger):
    standing = ledger.statement("c", BUDGET)
    assert (standing.price.left(standing.spent), standing.period) == (27, "2026-11")
    assert not ledger.path.exists()


def test_contents_share_a_bounded_number_of_lock_files(ledger):
    for i in range(600):
        with ledger.one_at_a_time(f"content {i}"):
            pass
    assert len(list((ledger.path.parent / "running").iterdir())) <= 256
