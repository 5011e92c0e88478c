"""Folders for what is under way: rows of the raw zone are readable, so they are as private as the lake."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

_READING = "reading-"


@contextmanager
def private_folder(scratch: Path) -> Iterator[Path]:
    """A folder that is gone in the end; what a killed process left is removed by the next."""
    _sweep(scratch)
    with tempfile.TemporaryDirectory(dir=scratch, prefix=f"{_READING}{os.getpid()}-") as folder:
        yield Path(folder)


def private_path(scratch: Path) -> Path:
    """A path for a folder that another makes and removes; what that one left, killed, is removed by the next."""
    _sweep(scratch)
    return scratch / f"{_READING}{os.getpid()}-{uuid4().hex[:12]}"


def _sweep(scratch: Path) -> None:
    scratch.mkdir(parents=True, exist_ok=True)
    for left in scratch.glob(f"{_READING}*"):
        if not is_running(int(left.name.split("-")[1])):
            shutil.rmtree(left, ignore_errors=True)


def is_running(process: int) -> bool:
    """Whether a process of this machine is there, whoever's it is."""
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return process > 0  # zero would mean all of our own group
