"""Time and peak memory of each step, on the demo's data and on the same data at ten times the customers; then events.

    python -m benchmarks            both sizes, and what the modules in LARGE measure
    python -m benchmarks 1 3        the sizes named, and nothing else

Each size runs in a process of its own, asset by asset, so that a step's peak is its own. The peak is the kernel's
VmHWM, reset before each asset: Linux only.
"""

import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import date
from pathlib import Path

from rich.console import Console
from rich.table import Table

SIZES = (1, 10)
TODAY = date(2026, 11, 23)
# Each beside its peers in the same run: generated records, objects in the landing place, and rows of the two members.
LARGE = {
    "benchmarks.ingest": (200_000,),
    "benchmarks.tick": (100_000,),
    "benchmarks.clean_room": (5_000_000, 1_000_000),
}


def measure(factor: int, home: Path) -> None:
    """Replay at one size, build asset by asset, and print what each took."""

    from segment_assets import deployment, segmentation
    from segment_assets.definitions import platform
    from segment_assets.demo.replay import replay
    from segment_assets.lake.embedded import landing, partner_landing
    from segment_assets.operations.instance import opened
    from segment_assets.operations.refresh import Refresh

    config = segmentation.load(segmentation.DEMO_FILE)
    settings = deployment.settings(config, under=home)
    table = Table(title=f"{factor} x the demo's customers", title_justify="left", box=None)
    for header in ("step", "seconds", "peak MB"):
        table.add_column(header, justify="left" if header == "step" else "right")

    def timed(step: str, work: Callable[[], object]) -> None:
        reset_peak()
        started = time.monotonic()
        work()
        table.add_row(step, f"{time.monotonic() - started:.1f}", f"{peak_mb():,}")

    timed("(replay)", lambda: replay(landing(settings), partner_landing(settings), TODAY, customers_factor=factor))
    defs = platform(config, settings)
    with opened(home) as instance:
        refresh = Refresh(defs, instance, home / "state")
        timed("(landing sensors)", refresh.listen)
        graph = defs.resolve_asset_graph()
        for key in graph.toposorted_asset_keys:
            if graph.get(key).is_executable:
                days = instance.get_dynamic_partitions("arrival_days") if graph.get(key).is_partitioned else []
                timed(key.to_user_string(), lambda key=key, days=days: refresh.execute([key], days))
    Console(width=100).print(table)
    if failed := [run for run in refresh.runs if not run.success]:
        keys = ", ".join(key.to_user_string() for run in failed for key in run.keys)
        sys.exit(f"not built: {keys}")


def reset_peak() -> None:
    """From here on VmHWM counts anew."""
    Path("/proc/self/clear_refs").write_text("5")


def peak_mb() -> int:
    """The most memory since the last reset, in MB."""
    status = Path("/proc/self/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) // 1024


def main() -> None:
    """One process for each size."""
    for size in sys.argv[1:] or map(str, SIZES):
        with tempfile.TemporaryDirectory() as folder:
            subprocess.run([sys.executable, "-c", CHILD, size, folder], check=True)
    if not sys.argv[1:]:
        for module, numbers in LARGE.items():
            subprocess.run([sys.executable, "-m", module, *map(str, numbers)], check=True)


CHILD = "import sys, pathlib, benchmarks.__main__ as b; b.measure(int(sys.argv[1]), pathlib.Path(sys.argv[2]))"

if __name__ == "__main__":
    main()
