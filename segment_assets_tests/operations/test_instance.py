"""Whether somebody else builds on an instance."""

import threading
import time

import dagster as dg
from dagster._daemon.types import DaemonHeartbeat

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
