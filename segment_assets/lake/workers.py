"""Work of Python's own, such as parsing JSON, in processes beside this one: one process keeps one core busy."""

import atexit
import ctypes
import gc
import os
import re
import resource
import sys
import warnings
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from functools import lru_cache
from itertools import islice
from pathlib import Path
from typing import TypeVar

import pyarrow as pa

Part = TypeVar("Part")
Result = TypeVar("Result")

# As many as one DuckDB connection has threads.
PROCESSES = 2
# A start takes 1.7 s of imports: what follows within a minute finds them started.
IDLE_SECONDS = 60
# glibc's mallopt(3): blocks from this size on are asked of the kernel, and this much is kept at the end of the heap.
_M_MMAP_THRESHOLD, _M_TRIM_THRESHOLD = -3, -1
_KEPT = {_M_MMAP_THRESHOLD: 8 << 20, _M_TRIM_THRESHOLD: 64 << 20}
_GIVEN_BACK = {_M_MMAP_THRESHOLD: 128 << 10, _M_TRIM_THRESHOLD: 128 << 10}  # where a process begins
_STATUS = Path("/proc/self/status")
# Process -> the most memory it ever had, in KB.
_peaks: dict[int, int] = {}


def spread(
    work: Callable[[Part], Result], parts: Iterable[Part], *, worthwhile: bool, alike: bool = False
) -> Iterator[Result]:
    """`work` of every part, in the order of the parts.

    Args:
        work: a function that can be pickled, of its argument alone.
        parts: several for each process, so that none waits long for the last; asked for as they are needed. A slice
            of an Arrow table is sent with the whole table: copy it out.
        worthwhile: whether it is more than a few seconds of work; otherwise it is done here.
        alike: whether all parts are of one size, so that a process keeps the memory of one for the next.
    """
    if not worthwhile:
        yield from map(work, parts)
        return
    from joblib import Parallel, delayed  # 0.3 s, and most runs have little to do

    # A worker may leave, idle, at the moment that work comes; another is started. As an error the warning would end the
    # thread that does so, and this would wait for ever.
    warnings.filterwarnings("ignore", "A worker stopped while some jobs were given", UserWarning)
    jobs = (delayed(_measured)(work, part, alike) for part in _as_asked(parts))
    pool = Parallel(
        PROCESSES,
        backend="loky",
        return_as="generator",
        idle_worker_timeout=IDLE_SECONDS,
        batch_size=1,
        pre_dispatch=PROCESSES + 1,  # one waits, and no more: a part may be some megabytes
    )
    for process, peak, result in pool(jobs):
        _peaks[process] = peak
        yield result


def _as_asked(parts: Iterable[Part]) -> Iterator[Part]:
    """The parts, in the context of who asks for the first: joblib asks for most of them in a thread of its own.

    In the context stands which step is at work, and so in whose name objects are read.
    """
    context, rest = copy_context(), iter(parts)
    while part := context.run(list, islice(rest, 1)):
        yield part[0]


def one_ahead(items: Iterable[Result]) -> Generator[Result, None, None]:
    """The items, while the next one is already worked out: workers parse what comes while this process writes."""
    with ThreadPoolExecutor(1) as thread:
        rest = iter(items)

        def more() -> list[Result]:
            return list(islice(rest, 1))

        # With the context of who asks, as in `_as_asked`.
        coming = thread.submit(copy_context().run, more)
        while item := coming.result():
            coming = thread.submit(copy_context().run, more)
            yield item[0]


def peak_memory_mb() -> int:
    """The most memory this process ever had, and as many of its workers as run at once; in MB."""
    return (_peak() + sum(sorted(_peaks.values())[-PROCESSES:])) // 1024


def _peak() -> int:
    """The most memory this process ever had, in KB."""
    # What getrusage tells of a worker begins with what its parent had: Linux keeps it over fork and exec.
    if _STATUS.exists() and (found := re.search(r"^VmHWM:\s+(\d+) kB", _STATUS.read_text(), re.MULTILINE)):
        return int(found[1])
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most // 1024 if sys.platform == "darwin" else most


def keep_what_is_loaded() -> None:
    """Let the garbage collector walk over what comes from now on alone.

    Dagster and its definitions are a million objects that stay to the end: walking over them took the demo 6 s.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)
    atexit.register(gc.unfreeze)


@lru_cache(maxsize=1)
def _memory(kept: bool) -> None:
    """Whether freed memory stays with this process: the kernel takes 1 us a record to hand out the same again."""
    if mallopt := getattr(ctypes.CDLL(None), "mallopt", None):  # other systems have none, and keep what they like
        for setting, value in (_KEPT if kept else _GIVEN_BACK).items():
            mallopt(setting, value)


def _measured(work: Callable[[Part], Result], part: Part, keep: bool) -> tuple[int, int, Result]:
    # Arrow's own allocator keeps 50 MB more of a day of events than the system's.
    pa.set_memory_pool(pa.system_memory_pool())
    _memory(keep)
    # Parts make millions of values without a circle: to look through them took a third of the time.
    gc.disable()
    try:
        result = work(part)
    finally:
        gc.enable()
    if not keep:  # it takes a twentieth of the time of reading, and else is held while this process waits
        pa.system_memory_pool().release_unused()
    return os.getpid(), _peak(), result
