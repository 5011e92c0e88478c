"""Kill the demo at random points and start it again: does it end with the same content in every table?

    python -m benchmarks.kill          20 kills
    python -m benchmarks.kill 5 42     5 kills, drawn with seed 42

One home is built without a disturbance, another is killed (SIGKILL) again and again on its way. Both end with the same
data, so every table must have the same content hash. Prints each kill and, at the end, the verdict; exits 1 on a
difference.
"""

import os
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from segment_assets.lake.embedded import open_catalog

KILLS, SEED = 20, 7
# Until a kill: from before the first table to a third of an undisturbed build. Each start loads anew and goes on from
# where the last was killed, so twenty kills lie all over one build; with later ones most would come after its end.
EARLIEST, LATEST_SHARE = 2.0, 0.35


def start(home: Path) -> subprocess.Popen[bytes]:
    environment = os.environ | {"SEGMENT_ASSETS_HOME": str(home)}
    command = [sys.executable, "-m", "segment_assets.cli", "demo"]
    return subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def hashes(home: Path) -> dict[str, dict[str, str]]:
    """Table -> partition -> content hash."""
    catalog = open_catalog((home / "lake").resolve())
    names = sorted(".".join(name) for space in catalog.list_namespaces() for name in catalog.list_tables(space))
    return {
        name: {k: v for k, v in catalog.load_table(name).properties.items() if k.startswith("content.")}
        for name in names
    }


def main() -> None:
    kills = int(sys.argv[1]) if len(sys.argv) > 1 else KILLS
    draw = random.Random(int(sys.argv[2]) if len(sys.argv) > 2 else SEED)
    with tempfile.TemporaryDirectory() as folder:
        calm, killed = Path(folder) / "calm", Path(folder) / "killed"
        began = time.monotonic()
        if start(calm).wait():
            sys.exit("the undisturbed demo failed")
        latest = LATEST_SHARE * (time.monotonic() - began)
        ended = 0
        for number in range(kills):
            process, wait = start(killed), draw.uniform(EARLIEST, latest)
            time.sleep(wait)
            ended += process.poll() is not None
            process.kill()
            process.wait()
            print(f"kill {number + 1:2} after {wait:4.1f} s: {len(hashes(killed))} tables so far", flush=True)
        if start(killed).wait():
            sys.exit("the demo failed after the kills")
        one, other = hashes(calm), hashes(killed)
    different = sorted(name for name in one.keys() | other.keys() if one.get(name) != other.get(name))
    print(
        f"{len(one)} tables, {kills} kills ({ended} came after the end): {'different: ' if different else 'all equal'}"
    )
    sys.exit(", ".join(different) or 0)


if __name__ == "__main__":
    main()
