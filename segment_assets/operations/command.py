"""What `segment-assets refresh` and `validate` do."""

import resource
import time
from pathlib import Path

import dagster as dg
from rich.console import Console

from segment_assets import deployment, segmentation
from segment_assets.lake import garbage
from segment_assets.lake.embedded import lake
from segment_assets.operations.dagster_share import seconds_in_assets
from segment_assets.operations.instance import daemon_is_awake, opened
from segment_assets.operations.progress import RunProgress
from segment_assets.operations.refresh import Refresh, Run
from segment_assets.operations.summary import Summary


def refresh(console: Console, home: Path, next_steps: str = "") -> bool:
    """Bring everything up to date, or leave it to the daemon that is awake; then one screen of what there is."""
    started = time.monotonic()
    from segment_assets.definitions import platform

    config = segmentation.load()
    settings = deployment.settings(config, under=home)
    defs = platform(config, settings)
    with opened(home) as instance:
        if daemon_is_awake(instance):
            console.print("A daemon is awake on this instance and builds what the new data asks for: watch the UI.")
            return True
        at_rest = peak_memory_mb()
        progress = RunProgress(instance, console)
        with progress.following():
            runs = Refresh(defs, instance, home / "state", progress.on_run).run()
        Summary(config, settings, (defs.resources or {})["lake"]).show(console)
        spent = time.monotonic() - started
        _tell_runs(console, runs)
        _tell_cost(console, spent, seconds_in_assets(instance, [r.run_id for r in runs]), at_rest)
    console.print(next_steps)
    return all(run.success for run in runs)


def validate(console: Console) -> bool:
    """Load the file and the definitions; whatever is wrong is said by the exception that ends it."""
    from segment_assets.definitions import platform

    path = segmentation.default_path()
    config = segmentation.load(path)
    defs = platform(config, deployment.settings(config))
    dg.Definitions.validate_loadable(defs)
    console.print(
        f"{path.name} is valid: {len(config.targets)} targets, {len(config.segments)} segments, "
        f"{len(defs.resolve_asset_graph().get_all_asset_keys())} assets."
    )
    return True


def clean_lake(console: Console, home: Path, *, dry_run: bool) -> bool:
    """Remove what no snapshot needs, and say how much that was."""
    settings = deployment.settings(segmentation.load(), under=home)
    removed = garbage.collect(lake(settings), dry_run=dry_run)
    files, size = sum(r.files for r in removed), sum(r.size for r in removed)
    console.print(f"{'Would remove' if dry_run else 'Removed'} {files:,} files, {size / 1e6:,.1f} MB.")
    return True


def peak_memory_mb() -> int:
    """The most memory this process ever had, in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


def _tell_runs(console: Console, runs: list[Run]) -> None:
    built = sum(len(run.partitions) or len(run.keys) for run in runs if run.success)
    failed = [run.run_id for run in runs if not run.success]
    if not runs:
        console.print("\nEverything was up to date: nothing was built again.")
    else:
        console.print(f"\nBuilt {built} assets and arrival days in {len(runs)} runs.")
    for run_id in failed:
        console.print(f"[red]Run {run_id} failed: `make dev` shows where and why.[/red]")


def _tell_cost(console: Console, spent: float, in_assets: float, at_rest: int) -> None:
    console.print(
        f"Took {spent:.0f} s, of which Dagster's own share {spent - in_assets:.0f} s (loading, conditions, event log); "
        f"at most {peak_memory_mb():,} MB of memory, {at_rest:,} MB of it before the first asset (Dagster, libraries)."
    )
