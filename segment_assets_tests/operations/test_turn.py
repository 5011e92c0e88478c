"""One command at a time builds in a home folder, and it can be ended; one that was killed is in nobody's way."""

import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from io import StringIO
from pathlib import Path

import dagster as dg
import pytest
from click.testing import CliRunner
from rich.console import Console

from segment_assets import deployment, segmentation
from segment_assets.cli import main
from segment_assets.operations import starter
from segment_assets.operations.instance import opened
from segment_assets.operations.refresh import fail_abandoned_runs
from segment_assets.operations.turn import AtWorkError, dev_is_open, open_dev, turn

IN_TURN = "from segment_assets.operations.turn import turn, open_dev; from pathlib import Path; import os, sys, time\n"
AT_WORK = IN_TURN + "with turn(Path('.home'), 'refresh'): print('go', flush=True); time.sleep(600)"
DEV = IN_TURN + "open_dev(Path('.home')); os.execvp('sh', ['sh', '-c', 'echo go; exec sleep 600'])"


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """In a folder as `init` writes it, where events have landed."""
    for name in (segmentation.CONFIG_VARIABLE, deployment.HOME_VARIABLE):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("DAGSTER_HOME", "")  # put back afterwards: `opened` sets it
    monkeypatch.chdir(tmp_path)
    starter.write(Console(file=StringIO()), tmp_path)
    (tmp_path / "landing/events/a.csv").write_text("time,customer_id,event,amount\n2026-01-01,c1,purchase,3\n")
    return tmp_path / ".home"


@pytest.fixture
def beside(home: Path) -> Iterator[subprocess.Popen[str]]:
    """Another process that has its turn there."""
    with subprocess.Popen([sys.executable, "-c", AT_WORK], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        assert process.stdout.readline() == "go\n"
        yield process
        process.kill()


@pytest.mark.parametrize("command", ["refresh", "next-day", "demo", "dev"])
def test_a_command_beside_one_that_builds_ends_with_a_sentence_and_does_nothing(home, beside, command, monkeypatch):
    monkeypatch.setenv(segmentation.CONFIG_VARIABLE, str(home.parent / "segmentation.yaml"))  # put back: demo sets it
    before = set(home.parent.rglob("*"))
    told = CliRunner().invoke(main, [command])
    assert told.exit_code == 1
    assert told.output.startswith(
        f"{home}: `segment-assets refresh` (process {beside.pid}) is at work here, and nothing"
    )
    assert set(home.parent.rglob("*")) == before


def test_a_command_that_was_killed_has_no_turn_any_more(home, beside):
    beside.kill()
    beside.wait()
    with turn(home, "refresh"):
        pass


def test_dev_has_the_home_folder_as_long_as_the_process_runs_that_it_becomes(home):
    with subprocess.Popen([sys.executable, "-c", DEV], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        assert process.stdout.readline() == "go\n"
        assert dev_is_open(home)
        told = CliRunner().invoke(main, ["refresh"])
        assert (told.exit_code, told.output.startswith("A daemon is awake on this instance")) == (0, True)
        assert not (home / "dagster").exists()
        with pytest.raises(AtWorkError, match="`segment-assets dev` is open here already"):
            open_dev(home)
        process.kill()
        process.wait()
    assert not dev_is_open(home)


@pytest.mark.parametrize("ends", [signal.SIGINT, signal.SIGTERM])
def test_a_refresh_that_waits_for_another_run_can_be_ended_and_goes_on_the_next_time(home, ends):
    with opened(home) as instance:
        other, storage = dg.DagsterRun("a_run_by_hand", status=dg.DagsterRunStatus.STARTED), instance.event_log_storage
        instance.add_run(other)
        storage.initialize_concurrency_limit_to_default("events")
        assert storage.claim_concurrency_slot("events", other.run_id, "raw_events").is_claimed
        with subprocess.Popen(
            [sys.executable, "-m", "segment_assets.cli", "refresh"], stdout=subprocess.PIPE, text=True
        ) as process:
            while not any(p.run_id != other.run_id for p in storage.get_concurrency_info("events").pending_steps):
                assert process.poll() is None
                time.sleep(0.2)
            process.send_signal(ends)
            said, _ = process.communicate(timeout=60)
        assert (process.returncode, said.splitlines()[-1]) == (130, "Stopped. The same command can be run again.")
        assert "raw_events" in json.loads((home / "state" / "owed.json").read_text())
        assert [r.is_finished for r in instance.get_runs() if r.run_id != other.run_id] == [True]
        assert {p.run_id for p in storage.get_concurrency_info("events").pending_steps} <= {other.run_id}


def test_a_run_by_hand_whose_process_was_killed_does_not_block_its_assets_for_ever(home):
    killed = (
        "import os, signal, dagster as dg\n"
        "@dg.asset\n"
        "def model(): os.kill(os.getpid(), signal.SIGKILL)\n"
        "dg.materialize([model], instance=dg.DagsterInstance.get())"
    )
    with opened(home) as instance:
        ended = subprocess.run([sys.executable, "-c", killed], capture_output=True, check=False)
        assert ended.returncode == -signal.SIGKILL
        [before] = instance.get_runs()
        assert fail_abandoned_runs(instance) == 1
        [after] = instance.get_runs()
    assert (before.status, after.status) == (dg.DagsterRunStatus.STARTED, dg.DagsterRunStatus.FAILURE)
