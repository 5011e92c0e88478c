"""Whether somebody else builds on an instance, and Dagster's own commands in a folder of ours."""

import os
import subprocess
import sys
import threading
import time
from io import StringIO
from pathlib import Path

import dagster as dg
from dagster._daemon.types import DaemonHeartbeat
from rich.console import Console

from segment_assets.operations import starter
from segment_assets.operations.instance import daemon_is_awake


def report(instance: dg.DagsterInstance, ago: float = 0.0) -> None:
    instance.add_daemon_heartbeat(DaemonHeartbeat(time.time() - ago, "SENSOR", "a daemon"))


def test_a_daemon_that_reports_is_awake_and_one_that_was_stopped_is_not() -> None:
    with dg.DagsterInstance.ephemeral() as instance:
        assert not daemon_is_awake(instance, reports=0.1), "there never was one"
        report(instance, ago=200)
        assert not daemon_is_awake(instance, reports=0.1), "it is long gone"
        report(instance, ago=5)
        assert not daemon_is_awake(instance, reports=0.1), "it reported, and was stopped"
        later = threading.Timer(0.5, report, [instance])
        later.start()
        assert daemon_is_awake(instance, reports=30)
        later.join()


def test_dagsters_own_commands_work_where_no_home_is_set(tmp_path: Path) -> None:
    starter.write(Console(file=StringIO()), tmp_path / "mine")
    without = {name: value for name, value in os.environ.items() if name != "DAGSTER_HOME"}
    command = [sys.executable, "-m", "dagster", "definitions", "validate"]
    done = subprocess.run(command, cwd=tmp_path / "mine", env=without, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
