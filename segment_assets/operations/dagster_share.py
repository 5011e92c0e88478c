"""How much of the time was Dagster's own: everything but the assets' functions."""

from collections.abc import Iterable

import dagster as dg

_OUTCOMES = {dg.DagsterEventType.ASSET_MATERIALIZATION, dg.DagsterEventType.STEP_OUTPUT}


def seconds_in_assets(instance: dg.DagsterInstance, run_ids: Iterable[str]) -> float:
    """Seconds between each step's start and its first outcome, as the event log has them."""
    return sum(_seconds(instance, run_id) for run_id in run_ids)


def _seconds(instance: dg.DagsterInstance, run_id: str) -> float:
    started: dict[str, float] = {}
    worked: dict[str, float] = {}
    for entry in instance.all_logs(run_id, of_type={dg.DagsterEventType.STEP_START, *_OUTCOMES}):
        step = entry.step_key or ""
        if entry.dagster_event_type == dg.DagsterEventType.STEP_START:
            started[step] = entry.timestamp
        elif step in started:
            worked.setdefault(step, entry.timestamp - started[step])
    return sum(worked.values())
