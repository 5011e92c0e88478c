"""Bring everything up to date without a daemon: the same sensors and the same conditions, in this process.

`make demo` and `make next-day` use it where no `dagster dev` is running. One pass is what the daemon does in ticks:
landing sensors, then conditions, then a run for what was requested, until nothing is.
"""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path
from typing import Any
from uuid import uuid4

import dagster as dg
from dagster._core.definitions.asset_daemon_cursor import AssetDaemonCursor
from dagster._core.events import EngineEventData, RunFailureReason
from dagster._core.storage.event_log import SqliteEventLogStorage
from dagster_shared.serdes import deserialize_value, serialize_value

from segment_assets.automation import arrival_days
from segment_assets.lake.processes import is_running, is_running_since, this_process
from segment_assets.operations import ended_runs, owed
from segment_assets.operations.owed import Wanted
from segment_assets.operations.port import MonitorError

PROCESS_TAG = "segment_assets/process"
_QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}


@dataclass(frozen=True)
class Run:
    """One run that refresh launched.

    Attributes:
        run_id: Dagster's id of it.
        keys: assets it was asked to build.
        partitions: arrival days, where the assets have them.
        success: whether every asset was built.
    """

    run_id: str
    keys: Sequence[dg.AssetKey]
    partitions: Sequence[str]
    success: bool

    def unbuilt(self, instance: dg.DagsterInstance) -> Wanted:
        """What it was asked for and did not build."""
        wanted = {key: list(self.partitions) for key in self.keys}
        return {} if self.success else owed.unbuilt(instance, self.run_id, wanted)


@dataclass
class Refresh:
    """Definitions on an instance, and where the last pass got to.

    Attributes:
        defs: the platform.
        instance: where runs and events are kept.
        state: folder for the cursors of the sensors and the conditions.
        on_run: told before each run: its id and how many steps it has.
        runs: what was run, in order.
        untold: why a monitor could not be told of them; the next call tells it.
    """

    defs: dg.Definitions
    instance: dg.DagsterInstance
    state: Path
    on_run: Callable[[str, int], None] = lambda run_id, steps: None
    runs: list[Run] = field(default_factory=list)
    untold: str = ""

    def run(self) -> list[Run]:
        """Look at the landing places, then build until nothing is requested.

        What is requested is kept as owed before the cursor of the conditions moves on: what a kill or a failure left
        unbuilt is built by the next call. Within this call what failed is tried again only once what it rests on
        was built anew since, and what lies below it waits for it; all else goes on.
        """
        fail_abandoned_runs(self.instance)
        self.listen()
        known = self.defs.resolve_asset_graph().toposorted_asset_keys
        left = {key: days for key, days in owed.read(self._owed_file).items() if key in known}
        failed: Wanted = {}
        tried = set[dg.AssetKey]()
        looked_at = len(self.runs)
        while True:
            tick = dg.evaluate_automation_conditions(self.defs, self.instance, cursor=self._cursor())
            asked = _requested(self.defs, tick)
            anew = self._below_built(self.runs[looked_at:], failed)
            looked_at = len(self.runs)
            failed = {key: days for key, days in failed.items() if key not in anew or key not in asked}
            requested = {key: days for key, days in asked.items() if key not in failed}
            wanted = owed.payable(self.defs, self.instance, left, requested)
            left = {key: days for key, days in left.items() if key not in wanted}
            self._keep(owed.union(left, failed, wanted), tick.cursor)
            for keys, partitions in self._as_runs(wanted):
                # Below what failed nothing is built on the old: it waits, and is owed as well.
                waiting = owed.waiting(self.defs, self.instance, failed)
                failed = owed.union(failed, {key: list(partitions) for key in keys if key in waiting})
                if ready := [key for key in keys if key not in waiting]:
                    run = self.execute(ready, partitions)
                    unbuilt = run.unbuilt(self.instance)
                    free = self._free(run, unbuilt, tried)
                    tried |= free.keys()
                    left = owed.union(left, free)
                    failed = owed.union(failed, {key: days for key, days in unbuilt.items() if key not in free})
            if not wanted:
                self.tell()
                return self.runs

    def _below_built(self, runs: Sequence[Run], failed: Wanted) -> set[dg.AssetKey]:
        """Of what failed, that of which a parent was built by one of the runs, and which is not of that run itself."""
        graph, found = self.defs.resolve_asset_graph(), set[dg.AssetKey]()
        for run in runs:
            built = {*run.keys} - run.unbuilt(self.instance).keys()
            found |= {key for key in failed if key not in run.keys and graph.get(key).parent_keys & built}
        return found

    def _free(self, run: Run, unbuilt: Wanted, tried: Collection[dg.AssetKey]) -> Wanted:
        """What only waited in the run below what failed, and may go on in another; it is tried once."""
        broken = owed.broken(self.instance, run.run_id)
        held = {*broken, *owed.waiting(self.defs, self.instance, broken), *tried}
        return {key: days for key, days in unbuilt.items() if key not in held} if broken else {}

    def listen(self) -> None:
        """Evaluate every landing sensor until it has seen all there is, and record what it reports."""
        for sensor in self.defs.sensors or ():
            if isinstance(sensor, dg.SensorDefinition) and sensor.name.startswith("landing_"):
                while self._evaluate(sensor):
                    pass

    def tell(self) -> None:
        """Tell whoever watches from outside of the runs that ended, as the daemon's sensor does."""
        monitor = (self.defs.resources or {}).get("monitor")
        try:
            while monitor and ended_runs.tell(self.instance, monitor):
                pass
        except MonitorError as failure:
            self.untold = str(failure)

    def _evaluate(self, sensor: dg.SensorDefinition) -> bool:
        """One tick; whether the sensor got on, and so may have more to see: a tick sees no more than it is allowed."""
        cursor_file = self.state / f"{sensor.name}.cursor"
        cursor = cursor_file.read_text() if cursor_file.exists() else None
        with dg.build_sensor_context(
            instance=self.instance,
            cursor=cursor,
            definitions=self.defs,
            resources=dict(self.defs.resources or {}),
        ) as context:
            result = sensor(context)
        if not isinstance(result, dg.SensorResult):
            return False
        for request in result.dynamic_partitions_requests or ():
            if isinstance(request, dg.AddDynamicPartitionsRequest):
                self.instance.add_dynamic_partitions(request.partitions_def_name, list(request.partition_keys))
        for event in result.asset_events or ():
            self.instance.report_runless_asset_event(event)
        if result.cursor is None or result.cursor == cursor:
            return False
        _write(cursor_file, result.cursor)
        return True

    def execute(self, keys: Sequence[dg.AssetKey], partitions: Sequence[str]) -> Run:
        """Build some assets in one run of this process, for the arrival days given where they have them.

        Raises:
            KeyboardInterrupt: Ctrl-C, or SIGTERM, ended it.
        """
        job = self.defs.resolve_implicit_global_asset_job_def()
        tags = {PROCESS_TAG: this_process()}
        if partitions:
            tags |= {
                "dagster/asset_partition_range_start": partitions[0],
                "dagster/asset_partition_range_end": partitions[-1],
            }
        run_id = str(uuid4())
        self.on_run(run_id, len(keys))
        result = job.execute_in_process(
            instance=self.instance,
            run_id=run_id,
            asset_selection=list(keys),
            tags=tags,
            run_config=_QUIET,
            raise_on_error=False,
        )
        self.runs.append(Run(run_id, keys, partitions, result.success))
        if _was_interrupted(result):
            raise KeyboardInterrupt  # Dagster takes it for the end of this run alone
        return self.runs[-1]

    def _cursor(self) -> AssetDaemonCursor | None:
        path = self.state / "conditions.cursor"
        return deserialize_value(path.read_text(), AssetDaemonCursor) if path.exists() else None

    @property
    def _owed_file(self) -> Path:
        return self.state / "owed.json"

    def _keep(self, left: Wanted, cursor: AssetDaemonCursor) -> None:
        _write(self._owed_file, owed.text(left))
        _write(self.state / "conditions.cursor", serialize_value(cursor))

    def _as_runs(self, wanted: Wanted) -> list[tuple[list[dg.AssetKey], list[str]]]:
        """One run per stretch of neighbouring arrival days, one for all assets without partitions."""
        days = self.instance.get_dynamic_partitions(str(arrival_days.name))
        of_days = [
            ([k], part)
            for k, wanted_days in wanted.items()
            if wanted_days
            for part in _stretches(days, set(wanted_days))
        ]
        plain = [key for key, wanted_days in wanted.items() if not wanted_days]
        return of_days + ([(plain, [])] if plain else [])


def fail_abandoned_runs(instance: dg.DagsterInstance) -> int:
    """Mark runs whose process is gone as failed: a run that seems in progress would block its assets for ever."""
    running = instance.get_runs(dg.RunsFilter(statuses=[dg.DagsterRunStatus.STARTED, dg.DagsterRunStatus.STARTING]))
    abandoned = [run for run in running if not _is_at_work(instance, run)]
    for run in abandoned:
        instance.report_run_failed(run, "The process that ran it is gone.")
    _free_pools(instance)
    return len(abandoned)


def _is_at_work(instance: dg.DagsterInstance, run: dg.DagsterRun) -> bool:
    """Whether the process of a run may still be there."""
    if PROCESS_TAG in run.tags:
        return is_running(run.tags[PROCESS_TAG])
    if not isinstance(instance.event_log_storage, SqliteEventLogStorage):
        return True  # it may be of another machine
    # One that a command of Dagster's, or its daemon, began: its first events name the process.
    for entry in instance.all_logs(run.run_id, of_type=dg.DagsterEventType.ENGINE_EVENT):
        data = entry.dagster_event.event_specific_data if entry.dagster_event else None
        if isinstance(data, EngineEventData) and "pid" in data.metadata:
            return is_running_since(int(str(data.metadata["pid"].value)), entry.timestamp)
    return True


def _free_pools(instance: dg.DagsterInstance) -> None:
    """Take their places in pools from runs that are over: a killed one keeps its own, and the next waits for ever."""
    for run_id in instance.event_log_storage.get_concurrency_run_ids():
        run = instance.get_run_by_id(run_id)
        if not run or run.is_finished:
            instance.event_log_storage.free_concurrency_slots_for_run(run_id)


def _was_interrupted(result: dg.ExecuteInProcessResult) -> bool:
    """Whether a signal ended the run."""
    failures = [e.job_failure_data for e in result.all_events if e.event_type == dg.DagsterEventType.RUN_FAILURE]
    return any(f.failure_reason == RunFailureReason.UNEXPECTED_TERMINATION for f in failures)


def _requested(defs: dg.Definitions, tick: Any) -> Wanted:
    """What the conditions ask for."""
    found = {key: tick.get_requested_partitions(key) for key in defs.resolve_asset_graph().toposorted_asset_keys}
    return {key: sorted(part for part in parts if part) for key, parts in found.items() if parts}


def _stretches(days: Sequence[str], wanted: set[str]) -> list[list[str]]:
    """Runs of neighbours among the days, in the order Dagster knows them."""
    groups = groupby(days, key=lambda day: day in wanted)
    return [list(stretch) for among, stretch in groups if among]


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_suffix(".new")
    beside.write_text(text)
    beside.replace(path)
