"""Whose double listens, and how it is started and stopped: it is asked, because a port or a pid may be anybody's.

What was built on a double lies in a home folder, which means nothing without that very double.
"""

import http.client
import json
import os
import shutil
import signal
import socket
import subprocess
import time
import urllib.request
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from segment_assets_tests.aws_double.front import WHO

PORT = 5055  # the demo's segmentation.yaml names it
MARK = "built-on-a-double-of-aws"  # in a home folder: it may be removed when its double is gone
# Started by this process, which ends before they do; where it does not, it buries them.
_started: list[subprocess.Popen[bytes]] = []


class DoubleError(Exception):
    """A double can't be had, and what would mend it."""


@dataclass(frozen=True)
class Double:
    """One that listens.

    Attributes:
        pid: its process.
        home: what is built on it.
    """

    pid: int
    home: str


def who(port: int = PORT) -> Double | None:
    """The double on a port; None where nothing listens.

    Raises:
        DoubleError: something else listens there.
    """
    if not _listens(port):
        return None
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{WHO}", timeout=10) as answer:
            told = json.load(answer)
            return Double(told["pid"], told["home"])
    except (OSError, ValueError, TypeError, KeyError, http.client.HTTPException) as other:
        raise DoubleError(
            f"port {port} is taken, and not by a double of AWS: end what listens there, and run the same command again"
        ) from other


def start(home: Path, command: Sequence[str], port: int = PORT) -> str:
    """A double in the background, unless this home's is there already; a sentence where something was given up for it.

    Args:
        home: what is built on it.
        command: what becomes the double.
        port: where it listens.

    Raises:
        DoubleError: the port is another's, the home is no double's, or it does not begin to listen.
    """
    if there := who(port):
        if there.home == str(home):
            _mark(home)
            return ""
        raise DoubleError(
            f"the double of AWS on port {port} is another's, whose home is {there.home}: stop it there "
            "(`make aws-stop`), and run the same command again"
        )
    began_afresh = _without_the_old(home)
    _mark(home)
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "start_new_session": True}
    _started.append(subprocess.Popen(command, **quiet))
    for _ in range(200):
        if (there := who(port)) and there.home == str(home):
            return began_afresh
        time.sleep(0.1)
    raise DoubleError(f"the double of AWS does not listen on port {port}")


def stop(home: Path, port: int = PORT) -> str:
    """End this home's double, and no other; what was built on it goes too. What was done, as a sentence.

    Raises:
        DoubleError: it does not end.
    """
    there = who(port)
    if there is None or there.home != str(home):
        _without_the_old(home)
        return "No double of AWS is at work for this folder."
    # It has just answered, so this pid is its own and not one that was given to another process since.
    os.kill(there.pid, signal.SIGTERM)
    for _ in range(100):
        if not _listens(port):
            _started[:] = [child for child in _started if child.poll() is None]
            _without_the_old(home)
            return "The double of AWS was stopped; what it held is gone."
        time.sleep(0.1)
    raise DoubleError(f"the double of AWS (process {there.pid}) does not end")


def _without_the_old(home: Path) -> str:
    """Remove what was built on a double that is gone; a sentence where there was some."""
    if not home.exists() or not any(home.iterdir()):
        return ""
    if not (home / MARK).exists():
        raise DoubleError(
            f"{home} was not built on a double of AWS: remove it, or name another folder in SEGMENT_ASSETS_HOME"
        )
    shutil.rmtree(home)
    return "The double of AWS that was here is gone, and with it what it held: this begins afresh."


def _mark(home: Path) -> None:
    home.mkdir(parents=True, exist_ok=True)
    (home / MARK).touch()


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
