"""A progress bar for runs in this process: which asset is at work, and how far the run is."""

import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import dagster as dg
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

POLL_SECONDS = 0.3


class RunProgress:
    """Follows runs through their event log. On a terminal a bar; elsewhere one line per asset.

    Args:
        instance: where the runs log.
        console: where to show them.
    """

    def __init__(self, instance: dg.DagsterInstance, console: Console) -> None:
        self.instance = instance
        self.console = console
        self._run: str | None = None
        self._bar = Progress(
            SpinnerColumn(),
            TextColumn("{task.description:<48}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            console=console,
            transient=True,
            disable=not sys.stdout.isatty(),
        )
        self._task = self._bar.add_task("looking for new data", total=None)
        self._stop = threading.Event()

    def on_run(self, run_id: str, steps: int) -> None:
        """A run begins: as `Refresh.on_run`."""
        self._run = run_id
        self._bar.update(self._task, total=steps, completed=0, description="starting a run")

    @contextmanager
    def following(self) -> Iterator["RunProgress"]:
        """Show the bar until the block ends."""
        watcher = threading.Thread(target=self._watch, daemon=True)
        with self._bar:
            watcher.start()
            try:
                yield self
            finally:
                self._stop.set()
                watcher.join()

    def _watch(self) -> None:
        started: set[str] = set()
        while not self._stop.wait(POLL_SECONDS):
            if self._run:
                started = self._show(self._run, started)

    def _show(self, run_id: str, told: set[str]) -> set[str]:
        kinds = {dg.DagsterEventType.STEP_START, dg.DagsterEventType.STEP_SUCCESS, dg.DagsterEventType.STEP_FAILURE}
        begun, ended = [], set()
        for entry in self.instance.all_logs(run_id, of_type=kinds):
            step = entry.step_key or ""
            if entry.dagster_event_type == dg.DagsterEventType.STEP_START:
                begun.append(step)
            else:
                ended.add(step)
        working = [s for s in begun if s not in ended]
        name = working[-1].replace("__", "/") if working else "finishing"
        self._bar.update(self._task, completed=len(ended), description=name)
        if not sys.stdout.isatty():
            for step in begun:
                if (run_id + step) not in told:
                    self.console.print(f"  building {step.replace('__', '/')}", highlight=False)
        return told | {run_id + s for s in begun}
