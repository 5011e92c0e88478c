"""One activation in a process of its own, killed after the step named; without a kill it checks that all was sent once.

Usage: python -m segment_assets_tests.activation.killed FOLDER STEP
"""

import os
import signal
import sys
from functools import partial
from pathlib import Path

from segment_assets.activation.activate import stages
from segment_assets.activation.embedded import FolderPinpoint
from segment_assets.activation.recipients import wanted
from segment_assets.activation.tables import ACTIVATION_LEDGER
from segment_assets.lake import Lake
from segment_assets.lake.embedded import open_catalog
from segment_assets_tests.activation.world import addresses, files, jobs, members, order, pinpoint_import


def main(home: Path, kill_after: str) -> None:
    lake = Lake(partial(open_catalog, home), home / "scratch")
    service = FolderPinpoint(home / "exports" / "pinpoint")
    addresses(lake)
    members(lake, {"anna": 0.9})
    for step in stages(lake, pinpoint_import(service), order(), wanted(lake, "win_back", "endpoints"), "run"):
        if step == kill_after:
            os.kill(os.getpid(), signal.SIGKILL)
    assert len(jobs(service)) == len(files(service)) == lake.state(ACTIVATION_LEDGER).rows == 1


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
