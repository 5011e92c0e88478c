"""Bring everything up to date without a daemon: the same sensors and the same conditions, in this process.

`make demo` and `make next-day` use it where no `dagster dev` is running. One pass is what the daemon does in ticks:
landing sensors, then conditions, then a run for what was requested, until nothing is.
"""

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path
from typing import Any
from uuid import uuid4

import dagster as dg
from dagster._core.definitions.asset_daemon_cursor import AssetDaemonCursor
from dagster_shared.serdes import deserialize_value, serialize_value

from segment_assets.automation import arrival_days

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


@dataclass
class Refresh:
    """Definitions on an instance, and where the last pass got to.

    Attributes:
        defs: the platform.
        instance: where runs and events are kept.
        state: folder for the cursors of the sensors and the conditions.
        on_run: told before each run: its id and how many steps it has.
        runs: what was run, in order.
    """

    defs: dg.Definitions
    instance: dg.DagsterInstance
    state: Path
    on_run: Callable[[str, int], None] = lambda run_id, steps: None
    runs: list[Run] = field(default_factory=list)

    def run(self) -> list[Run]:
        """Look at the landing places, then build until nothing is requested.

        The cursor of the conditions is kept only after runs that all succeeded: what a kill or a failure left unbuilt
        is requested again by the next call.
        """
        fail_abandoned_runs(self.instance)
        self.listen()
        while True:
            tick = dg.evaluate_automation_conditions(self.defs, self.instance, cursor=self._cursor())
            requested = _by_partitions(self.defs, self.instance, tick)
            ended = [self.execute(keys, partitions) for keys, partitions in requested]
            if not all(run.success for run in ended):
                return self.runs
            self._keep(tick.cursor)
            if not requested:
                return self.runs

    def listen(self) -> None:
        """Evaluate every landing sensor once and record what it reports."""
        for sensor in self.defs.sensors or ():
            if isinstance(sensor, dg.SensorDefinition) and sensor.name.startswith("landing_"):
                self._evaluate(sensor)

    def _evaluate(self, sensor: dg.SensorDefinition) -> None:
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
            return
        for request in result.dynamic_partitions_requests or ():
            if isinstance(request, dg.AddDynamicPartitionsRequest):
                self.instance.add_dynamic_partitions(request.partitions_def_name, list(request.partition_keys))
        for event in result.asset_events or ():
            self.instance.report_runless_asset_event(event)
        if result.cursor is not None:
            _write(cursor_file, result.cursor)

    def execute(self, keys: Sequence[dg.AssetKey], partitions: Sequence[str]) -> Run:
        """Build some assets in one run of this process, for the arrival days given where they have them."""
        job = self.defs.resolve_implicit_global_asset_job_def()
        tags = {PROCESS_TAG: str(os.getpid())}
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
        return self.runs[-1]

    def _cursor(self) -> AssetDaemonCursor | None:
        path = self.state / "conditions.cursor"
        return deserialize_value(path.read_text(), AssetDaemonCursor) if path.exists() else None

    def _keep(self, cursor: AssetDaemonCursor) -> None:
        _write(self.state / "conditions.cursor", serialize_value(cursor))


def fail_abandoned_runs(instance: dg.DagsterInstance) -> int:
    """Mark runs whose process is gone as failed: a run that seems in progress would block its assets for ever."""
    running = instance.get_runs(dg.RunsFilter(statuses=[dg.DagsterRunStatus.STARTED, dg.DagsterRunStatus.STARTING]))
    abandoned = [r for r in running if PROCESS_TAG in r.tags and not _alive(int(r.tags[PROCESS_TAG]))]
    for run in abandoned:
        instance.report_run_failed(run, "The process that ran it is gone.")
    return len(abandoned)


def _alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _by_partitions(
    defs: dg.Definitions, instance: dg.DagsterInstance, tick: Any
) -> list[tuple[list[dg.AssetKey], list[str]]]:
    """Requested assets as runs: one per stretch of neighbouring arrival days, one for all without partitions."""
    plain: list[dg.AssetKey] = []
    runs: list[tuple[list[dg.AssetKey], list[str]]] = []
    days = instance.get_dynamic_partitions(str(arrival_days.name))
    for key in defs.resolve_asset_graph().toposorted_asset_keys:
        partitions = tick.get_requested_partitions(key)
        if partitions == {None}:
            plain.append(key)
        elif partitions:
            runs += [([key], stretch) for stretch in _stretches(days, partitions)]
    return runs + ([(plain, [])] if plain else [])


def _stretches(days: Sequence[str], wanted: set[str]) -> list[list[str]]:
    """Runs of neighbours among the days, in the order Dagster knows them."""
    groups = groupby(days, key=lambda day: day in wanted)
    return [list(stretch) for among, stretch in groups if among]


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_suffix(".new")
    beside.write_text(text)
    beside.replace(path)
