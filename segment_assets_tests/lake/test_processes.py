"""What a killed process left is known as such, though another process bears its number now."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator

import pytest

from segment_assets.lake.private import private_folder, private_path
from segment_assets.lake.processes import is_running, is_running_since, this_process

SAY = "from segment_assets.lake.processes import this_process; print(this_process(), flush=True); input()"
# Started in another second, or on another day: of what bears our number, or that of the first process of all.
EARLIER = [f"{os.getpid()}.1.00000000", "1.1.00000000", "1", str(os.getpid())]


@pytest.fixture
def other() -> Iterator[subprocess.Popen]:
    with subprocess.Popen([sys.executable, "-c", SAY], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as it:
        yield it
        it.kill()


def test_a_process_runs_until_it_is_killed_and_not_only_until_somebody_looks(other):
    name = other.stdout.readline().strip()
    assert is_running(this_process())
    assert is_running(name)
    assert name != this_process()
    other.kill()
    os.waitid(os.P_PID, other.pid, os.WEXITED | os.WNOWAIT)  # its number is still taken
    assert not is_running(name)
    other.wait()
    assert not is_running(name)


def test_a_number_alone_is_no_process_nor_is_one_that_was_given_anew():
    assert not any(map(is_running, [*EARLIER, "0", "", "no-process", "999999999.1.0"]))


def test_what_a_killed_process_left_is_removed_whoever_has_its_number(tmp_path, other):
    names = [*EARLIER, this_process(), other.stdout.readline().strip()]
    for name in names:
        (tmp_path / f"reading-{name}-x").mkdir()
    private_path(tmp_path)
    assert {p.name for p in tmp_path.iterdir()} == {f"reading-{name}-x" for name in names[-2:]}
    with private_folder(tmp_path) as mine:
        private_path(tmp_path)
        assert mine.exists()


def test_a_process_that_was_started_later_is_not_the_one_that_was_at_work():
    own, now = os.getpid(), time.time()
    assert is_running_since(own, now)
    assert not is_running_since(own, now - 365 * 86_400)
    assert not is_running_since(999_999_999, now)
