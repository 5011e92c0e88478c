"""Which process made something, told apart from a later one that bears the same number.

Numbers are given anew after a restart, and in every container they begin at one.
"""

import os
from pathlib import Path

_PROC = Path("/proc")


def this_process() -> str:
    """A name for what this process makes, of digits, letters and dots: its number, and when it was started."""
    return f"{os.getpid()}.{_started(os.getpid())}"


def is_running(name: str) -> bool:
    """Whether the process of that name is there, whoever's it is.

    Where there is no /proc to say when a process was started, as on macOS, its number alone decides.
    """
    number, _, started = name.partition(".")
    if not number.isdigit() or not _is_there(int(number)):
        return False
    return _started(int(number)) in (started, "")


def is_running_since(process: int, moment: float) -> bool:
    """Whether the process of that number is there, and is no later one.

    Args:
        process: its number.
        moment: when it was at work, in seconds since 1970.
    """
    ticks, _, _ = _started(process).partition(".")
    if not _is_there(process) or not ticks.isdigit():
        return _is_there(process) and not ticks
    boot = next(int(line.split()[1]) for line in _read("stat").splitlines() if line.startswith("btime "))
    return boot + int(ticks) / os.sysconf("SC_CLK_TCK") <= moment + 1  # the boot's second is rounded


def _is_there(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return process > 0  # zero would mean all of our own group


def _started(process: int) -> str:
    """In ticks since the machine was, and which start of the machine that is; empty where the system does not say."""
    # Behind the program's name, which may hold blanks and brackets, stand the state and what else proc(5) lists.
    state, *others = _read(f"{process}/stat").rpartition(")")[2].split() or [""]
    if not others:
        return ""
    # One that has ended and waits for its parent to look has a number, and does nothing any more.
    return "ended" if state in "ZX" else f"{others[18]}.{_read('sys/kernel/random/boot_id')[:8]}"


def _read(told: str) -> str:
    try:
        return (_PROC / told).read_text()
    except OSError:
        return ""
