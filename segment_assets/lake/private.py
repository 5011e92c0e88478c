"""Folders for what is under way: rows of the raw zone are readable, so they are as private as the lake."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

from segment_assets.lake.processes import is_running, this_process

_READING = "reading-"


@contextmanager
def private_folder(scratch: Path) -> Iterator[Path]:
    """A folder that is gone in the end; what a killed process left is removed by the next."""
    _sweep(scratch)
    with tempfile.TemporaryDirectory(dir=scratch, prefix=f"{_READING}{this_process()}-") as folder:
        yield Path(folder)


def private_path(scratch: Path) -> Path:
    """A path for a folder that another makes and removes; what that one left, killed, is removed by the next."""
    _sweep(scratch)
    return scratch / f"{_READING}{this_process()}-{uuid4().hex[:12]}"


def _sweep(scratch: Path) -> None:
    scratch.mkdir(parents=True, exist_ok=True)
    for left in scratch.glob(f"{_READING}*"):
        if not is_running(left.name.split("-")[1]):
            shutil.rmtree(left, ignore_errors=True)
