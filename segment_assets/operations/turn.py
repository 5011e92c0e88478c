"""One command at a time builds in a home folder: of two, each would go on from the cursors that the other moves.

The system ends a lock with the process that holds it, however that ends. It holds between processes of one machine.
"""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO


class AtWorkError(Exception):
    """Another command has the home folder; its sentence says which, and what to do."""


@contextmanager
def turn(home: Path, command: str) -> Iterator[None]:
    """The home folder for one command, from before its instance is opened until the block ends.

    Raises:
        AtWorkError: another command has it; nothing was done.
    """
    home.mkdir(parents=True, exist_ok=True)
    with (home / "turn.lock").open("a+") as file:
        if not _taken(file):
            file.seek(0)
            raise AtWorkError(
                f"{home}: {file.read() or 'another command'} is at work here, and nothing was done: run this again "
                "when it has ended; what came meanwhile is seen then"
            )
        file.truncate(0)
        print(f"`segment-assets {command}` (process {os.getpid()})", end="", file=file, flush=True)
        yield


def open_dev(home: Path) -> None:
    """Keep the home folder as one where `segment-assets dev` is open, until this process ends, whatever it becomes.

    Raises:
        AtWorkError: another command has it, or it is open already.
    """
    with turn(home, "dev"):
        kept = os.open(home / "dev.lock", os.O_WRONLY | os.O_CREAT, 0o666)
        if not _taken(kept):
            os.close(kept)
            raise AtWorkError(f"{home}: `segment-assets dev` is open here already: use its page, or stop it first")
        os.set_inheritable(kept, True)


def dev_is_open(home: Path) -> bool:
    """Whether the daemon of `segment-assets dev` builds here, or soon will; whoever asks has the turn."""
    with (home / "dev.lock").open("a") as file:
        return not _taken(file)


def _taken(file: IO[str] | int) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
