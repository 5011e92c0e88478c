"""The Dagster instance of the embedded deployment, and how `dagster dev` is started on it."""

import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn

import dagster as dg

from segment_assets import deployment, segmentation
from segment_assets.operations.turn import open_dev

# dagster.yaml and workspace.yaml as `init` writes them; those in the repository's own folder are the same.
PACKAGED = Path(__file__).parent / "project"
# A daemon reports every 30 seconds. One that did not for three times as long is gone.
REPORTS = 30.0
GONE = 3 * REPORTS


def dagster_home(home: Path) -> Path:
    """The instance's folder, with the dagster.yaml of the working directory (else the package's) copied into it.

    Dagster reads dagster.yaml from DAGSTER_HOME alone: one in the working directory is ignored.
    """
    folder = home / "dagster"
    folder.mkdir(parents=True, exist_ok=True)
    own = Path("dagster.yaml")
    text = (own if own.exists() else PACKAGED / own).read_text(encoding="utf-8")
    if text != _current(folder / "dagster.yaml"):
        (folder / "dagster.yaml").write_text(text, encoding="utf-8")
    return folder


@contextmanager
def opened(home: Path) -> Iterator[dg.DagsterInstance]:
    """The instance, closed afterwards."""
    folder = dagster_home(home)
    os.environ["DAGSTER_HOME"] = str(folder)
    with dg.DagsterInstance.get() as instance:
        yield instance


def daemon_is_awake(instance: dg.DagsterInstance, reports: float = REPORTS) -> bool:
    """Whether a daemon works on this instance, and will see new data by itself.

    One that reported lately may have been stopped since: its next report, within half a minute, tells.

    Args:
        instance: the instance.
        reports: seconds between two reports of a daemon.
    """
    last = _last_report(instance)
    if time.time() - last > GONE:
        return False
    until = time.monotonic() + 1.2 * reports
    while time.monotonic() < until:
        if _last_report(instance) > last:
            return True
        time.sleep(min(1.0, reports / 10))
    return False


def _last_report(instance: dg.DagsterInstance) -> float:
    return max((beat.timestamp for beat in instance.get_daemon_heartbeats().values()), default=0.0)


def become_dagster_dev(home: Path, port: int) -> NoReturn:
    """Replace this process by `dagster dev` on the instance, with the code locations of workspace.yaml where one is.

    Raises:
        AtWorkError: another command has the home folder.
        ConfigError: there is no segmentation.yaml.
    """
    config, workspace = segmentation.default_path().resolve(), Path("workspace.yaml").resolve()
    loaded = ["-w", str(workspace)] if workspace.exists() else ["-m", "segment_assets.definitions"]
    open_dev(home)
    folder = dagster_home(home)
    os.environ |= {
        "DAGSTER_HOME": str(folder),
        deployment.HOME_VARIABLE: str(home),
        segmentation.CONFIG_VARIABLE: str(config),
    }
    command = [sys.executable, "-W", "ignore:Function `dev_command` is superseded", "-m", "dagster", "dev"]
    command += [*loaded, "-p", str(port)]
    os.chdir(folder)  # a dagster.yaml in the working directory, that is not the one in use, is warned about
    can_be_stopped()
    os.execv(sys.executable, command)  # noqa: S606 - no shell is wanted


def can_be_stopped() -> None:
    """A shell in the background hands down SIGINT ignored; Dagster copies that to SIGTERM and could not be stopped."""
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGINT, signal.default_int_handler)


def _current(path: Path) -> str | None:
    return path.read_text() if path.exists() else None
