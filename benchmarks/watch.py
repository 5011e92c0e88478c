"""Seconds, CPU seconds and peak memory of a piece of work and of every process it starts: Linux only."""

import os
import subprocess
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

EVERY = 0.05  # seconds between two looks
_TICK, _PAGE = os.sysconf("SC_CLK_TCK"), os.sysconf("SC_PAGE_SIZE")


@dataclass
class Measured:
    """What a piece of work took.

    Attributes:
        seconds: on the wall.
        cpu: seconds of all processors.
        peak: MB that all its processes had together at one time.
        told: what it printed.
    """

    seconds: float
    cpu: float
    peak: int
    told: str


def measured(command: Sequence[str]) -> Measured:
    """Run a command; its start, and Python's, count too.

    Raises:
        CalledProcessError: it failed.
    """
    started = time.monotonic()
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        watch = _Watch(process.pid)
        told, _ = process.communicate()
        seconds = time.monotonic() - started
        watch.stop()
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, command)
    return Measured(seconds, sum(watch.cpu.values()), watch.peak // 2**20, told.strip())


class _Watch:
    def __init__(self, root: int) -> None:
        self.root, self.peak, self._on = root, 0, True
        self.cpu: dict[int, float] = {}
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._on = False
        self._thread.join()

    def _run(self) -> None:
        while self._on:
            self._look()
            time.sleep(EVERY)
        self._look()

    def _look(self) -> None:
        known = {}
        for folder in Path("/proc").iterdir():
            if folder.name.isdigit():
                try:
                    known[int(folder.name)] = (folder / "stat").read_text().rpartition(")")[2].split()
                except OSError:
                    continue
        tree = {self.root}
        for _ in range(4):  # as deep as a worker's worker
            tree |= {pid for pid, stat in known.items() if int(stat[1]) in tree}
        held = 0
        for pid in tree & known.keys():
            # Pages that processes share are counted for each: rather too much than too little.
            held += int(known[pid][21]) * _PAGE
            self.cpu[pid] = (int(known[pid][11]) + int(known[pid][12])) / _TICK
        self.peak = max(self.peak, held)
