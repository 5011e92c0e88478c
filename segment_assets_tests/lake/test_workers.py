import os
import subprocess
import sys
import threading
import warnings
from contextvars import ContextVar
from pathlib import Path

import pyarrow as pa
import pytest

from segment_assets.lake.workers import one_ahead, spread


def process(part: int) -> tuple[int, int]:
    return part, os.getpid()


def test_a_worker_that_leaves_as_work_comes_is_no_error_where_warnings_are():
    # joblib warns in the thread that starts another worker: as an error it would end that thread, and all would wait.
    list(spread(process, range(2), worthwhile=True))
    warnings.warn("A worker stopped while some jobs were given to the executor.", UserWarning, stacklevel=1)
    with pytest.raises(UserWarning, match="another"):
        warnings.warn("another", UserWarning, stacklevel=1)


def test_results_come_in_the_order_of_the_parts_from_other_processes() -> None:
    done = list(spread(process, range(7), worthwhile=True))
    assert [part for part, _ in done] == list(range(7))
    assert os.getpid() not in {where for _, where in done}


STEP = ContextVar("step", default="nobody")


def test_every_part_is_fetched_in_the_name_of_the_step_that_asks() -> None:
    names = []

    def parts():
        for number in range(8):  # more than are asked for before the first is done
            names.append(STEP.get())
            yield number

    STEP.set("raw_events")
    list(spread(process, parts(), worthwhile=True))
    assert names == ["raw_events"] * 8


def test_small_work_stays_here() -> None:
    assert list(spread(process, range(2), worthwhile=False)) == [(0, os.getpid()), (1, os.getpid())]


def refuse(part: int) -> int:
    raise ValueError(f"part {part} is bad")


def test_what_goes_wrong_in_a_worker_is_raised_here() -> None:
    with pytest.raises(ValueError, match="is bad"):
        list(spread(refuse, range(2), worthwhile=True))


def test_the_next_item_is_worked_out_while_one_is_used() -> None:
    begun = [threading.Event() for _ in range(3)]

    def items():
        for event in begun:
            event.set()
            yield pa.table({})  # false as a truth value, and no end

    used = 0
    for _ in one_ahead(items()):
        used += 1
        if used < 3:
            assert begun[used].wait(5)
    assert used == 3


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="getrusage is all that this system tells")
def test_what_a_process_was_started_from_is_no_memory_of_its_own() -> None:
    held = b"x" * 400_000_000
    asked = "from segment_assets.lake.workers import peak_memory_mb; print(peak_memory_mb())"
    told = subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True, check=True)
    assert 0 < int(told.stdout) < len(held) // 1_000_000
