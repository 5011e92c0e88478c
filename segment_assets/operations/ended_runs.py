"""Runs that are over are told to whoever watches, each once: by a daemon's sensor, or at the end of a refresh.

Where the telling got to is kept in the instance itself, and moved on after each run. So it does not matter who tells,
and a kill between the telling and the note of it repeats one run.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Self

import dagster as dg

from segment_assets.operations.metrics import Built, Ended, measures, notes
from segment_assets.operations.port import Monitor

OUTCOMES = {
    dg.DagsterRunStatus.SUCCESS: "succeeded",
    dg.DagsterRunStatus.FAILURE: "failed",
    dg.DagsterRunStatus.CANCELED: "canceled",
}
CURSOR = "segment_assets/ended_runs"
AT_ONCE = 25
FIRST = timedelta(days=1)  # what was over before is no news to a monitor that has just begun
# A run may be seen a moment after one that ended later: two processes write, and one commits first.
OVERLAP = timedelta(minutes=10)


@dataclass
class _Told:
    """Up to when runs were told, and which of the last ones."""

    until: datetime
    runs: dict[str, datetime] = field(default_factory=dict)

    @classmethod
    def read(cls, instance: dg.DagsterInstance, now: datetime) -> Self:
        text = instance.daemon_cursor_storage.get_cursor_values({CURSOR}).get(CURSOR)
        if text is None:
            return cls(now - FIRST)
        kept = json.loads(text)
        return cls(
            datetime.fromisoformat(kept["until"]),
            {run: datetime.fromisoformat(at) for run, at in kept["runs"].items()},
        )

    def note(self, instance: dg.DagsterInstance, run_id: str, at: datetime) -> None:
        self.until = max(self.until, at)
        # Of older ones the time alone says that they were told.
        self.runs = {run: ended for run, ended in self.runs.items() if ended > self.until - OVERLAP} | {run_id: at}
        text = json.dumps(
            {"until": self.until.isoformat(), "runs": {run: ended.isoformat() for run, ended in self.runs.items()}}
        )
        instance.daemon_cursor_storage.set_cursor_values({CURSOR: text})


def tell(instance: dg.DagsterInstance, monitor: Monitor, most: int = AT_ONCE) -> int:
    """Tell the runs that ended since the last time, in order.

    Args:
        instance: where runs are kept.
        monitor: who is told.
        most: runs; the others wait for the next call.

    Returns:
        How many were told.

    Raises:
        MonitorError: one could not be told; it and those after it are told by the next call.
    """
    if not monitor.listens:
        return 0
    told = _Told.read(instance, datetime.now(UTC))
    new = list(_ended_since(instance, told))[:most]
    for record, ended in new:
        run = _read(instance, record, ended)
        # Events first: they carry a key by which a second telling is known, and metrics do not.
        monitor.announce(notes(run))
        monitor.measure(measures(run))
        told.note(instance, run.run_id, ended)
    return len(new)


def _ended_since(instance: dg.DagsterInstance, told: _Told) -> Iterator[tuple[dg.RunRecord, datetime]]:
    since = told.until - OVERLAP
    records = instance.get_run_records(dg.RunsFilter(statuses=list(OUTCOMES), updated_after=since))
    ended = [(r, datetime.fromtimestamp(r.end_time, UTC)) for r in records if r.end_time]
    # A run changes after its end, too, such as by a tag: it is its end that counts.
    yield from sorted(
        ((r, at) for r, at in ended if at > since and r.dagster_run.run_id not in told.runs), key=lambda one: one[1]
    )


def _read(instance: dg.DagsterInstance, record: dg.RunRecord, ended: datetime) -> Ended:
    run_id = record.dagster_run.run_id
    kinds = {
        dg.DagsterEventType.ASSET_MATERIALIZATION,
        dg.DagsterEventType.STEP_SUCCESS,
        dg.DagsterEventType.STEP_FAILURE,
    }
    built: list[Built] = []
    seconds: dict[str, float] = {}
    failed: list[str] = []
    for entry in instance.all_logs(run_id, of_type=kinds):
        event = entry.dagster_event
        if event is None:
            continue
        step = (event.step_key or "").replace("__", "/")
        if event.is_step_success:
            seconds[step] = event.step_success_data.duration_ms / 1000
        elif event.is_step_failure:
            failed.append(step)
        else:
            made = event.step_materialization_data.materialization
            at = datetime.fromtimestamp(entry.timestamp, UTC)
            built.append(Built(made.asset_key.to_user_string(), at, made.partition, _plain(made.metadata)))
    started = datetime.fromtimestamp(record.start_time, UTC) if record.start_time else ended
    return Ended(run_id, OUTCOMES[record.dagster_run.status], started, ended, built, seconds, failed)


def _plain(metadata: Any) -> dict[str, Any]:
    return {name: value.value for name, value in metadata.items() if isinstance(value.value, int | float | str)}
