"""What `segment-assets refresh` and `validate` do."""

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import chain
from pathlib import Path

import dagster as dg
from rich.console import Console

from segment_assets import deployment, segmentation
from segment_assets.first_party.customer_exports import passed_over
from segment_assets.lake import ObjectStore, garbage
from segment_assets.lake.workers import keep_what_is_loaded, peak_memory_mb
from segment_assets.operations import held_back, landed, quarantined
from segment_assets.operations.dagster_share import seconds_in_assets
from segment_assets.operations.failures import Failure, blocked, failures, warned
from segment_assets.operations.instance import can_be_stopped, daemon_is_awake, opened
from segment_assets.operations.owed import blocking_checks
from segment_assets.operations.progress import RunProgress
from segment_assets.operations.refresh import Refresh, Run
from segment_assets.operations.summary import Summary
from segment_assets.operations.turn import dev_is_open, turn
from segment_assets.operations.words import counted
from segment_assets.segmentation import Segmentation

DAEMON = "A daemon is awake on this instance and builds what the new data asks for: watch the UI."


def refresh(console: Console, home: Path) -> bool:
    """Bring everything up to date.

    Raises:
        AtWorkError: another command does so; nothing was done.
    """
    config = segmentation.load()
    with turn(home, "refresh"):
        return build(console, config, home)


def build(console: Console, config: Segmentation, home: Path, next_steps: str = "") -> bool:
    """Build what new data asks for, or leave it to the daemon that is awake; then one screen of what there is.

    Args:
        console: where to show it.
        config: the user's file.
        home: whose turn the caller has.
        next_steps: said in the end.
    """
    started = time.monotonic()
    if dev_is_open(home):
        console.print(DAEMON)
        return True
    from segment_assets.definitions import platform

    settings = deployment.settings(config, under=home)
    defs = platform(config, settings)
    can_be_stopped()
    with opened(home) as instance:
        if daemon_is_awake(instance):
            console.print(DAEMON)
            return True
        keep_what_is_loaded()
        at_rest = peak_memory_mb()
        progress = RunProgress(instance, console)
        with progress.following(), _errors_alone(logging.getLogger("dagster")):
            refreshed = Refresh(defs, instance, home / "state", progress.on_run)
            runs = refreshed.run()
        resources = defs.resources or {}
        invented = segmentation.default_path() == segmentation.DEMO_FILE
        waiting = held_back.sentences(instance, config)
        repeated = _repeated_customers(instance)
        Summary(config, settings, resources["lake"], resources["exports"], invented, waiting, repeated).show(console)
        spent = time.monotonic() - started
        _tell_runs(console, instance, runs)
        _tell_cost(console, spent, seconds_in_assets(instance, [r.run_id for r in runs]), at_rest)
        _tell_nothing_landed(console, instance, config, resources["landing"], resources["partner_landing"])
        if bare := landed.without_records(config, resources["landing"], resources["lake"]):
            console.print(bare, style="yellow", markup=False, soft_wrap=True)
        checks = sorted(defs.resolve_asset_graph().asset_check_keys)
        empty = passed_over(resources["landing"], config.landing.customers)
        told = (quarantined.warnings(resources["lake"], config.landing), [empty] if empty else [])
        for sentence in chain(*told, warned(instance, checks)):
            console.print(sentence, style="yellow", markup=False, soft_wrap=True)
        wrong = list(dict.fromkeys(_failures(defs, instance, runs)))
        _tell_failures(console, wrong)
        if refreshed.untold:
            console.print(
                f"{refreshed.untold}; the next refresh tells it", style="yellow", markup=False, soft_wrap=True
            )
    console.print(next_steps)
    return not wrong and all(run.success for run in runs)


@contextmanager
def _errors_alone(logger: logging.Logger) -> Iterator[None]:
    """For more than 100 new arrival days Dagster warns about a shortcut of its own; its runs set the level anew."""

    def is_error(record: logging.LogRecord) -> bool:
        return record.levelno >= logging.ERROR

    logger.addFilter(is_error)
    try:
        yield
    finally:
        logger.removeFilter(is_error)


def validate(console: Console) -> bool:
    """Load the file and the definitions, and begin to read what landed last.

    Whatever is wrong with the file is said by the exception that ends it; what does not fit it, in a sentence each.
    """
    from segment_assets.definitions import platform

    path = segmentation.default_path()
    config = segmentation.load(path)
    defs = platform(config, deployment.settings(config))
    dg.Definitions.validate_loadable(defs)
    console.print(
        f"{path} is valid: {counted(len(config.targets), 'target')}, {counted(len(config.segments), 'segment')}, "
        f"{counted(len(defs.resolve_asset_graph().get_all_asset_keys()), 'asset')}.",
        markup=False,
        soft_wrap=True,
    )
    found = list(landed.misfits(config, defs.resources or {}))
    for sentence in found:
        console.print(sentence, style="red", markup=False, soft_wrap=True)
    return not found


def clean_lake(console: Console, home: Path, *, dry_run: bool) -> bool:
    """Compact small files, remove what no snapshot needs, and say how much that was."""
    from segment_assets.operations.cleanup import compacted

    lake = deployment.resource(deployment.settings(segmentation.load(), under=home), "lake")
    small = compacted(lake, dry_run=dry_run)
    before, after = sum(c.before for c in small), sum(c.after for c in small)
    if before:
        console.print(f"{'Would compact' if dry_run else 'Compacted'} {before:,} small files to {after:,}.")
    for table in (c.table for c in small if c.overtaken):
        console.print(f"{table} was written meanwhile: its files are compacted the next time.")
    removed = garbage.collect(lake, dry_run=dry_run)
    for table in (r.table for r in removed if r.overtaken):
        console.print(f"{table} was written meanwhile: its old snapshots are forgotten the next time.")
    files, size = sum(r.files for r in removed), sum(r.size for r in removed)
    console.print(f"{'Would remove' if dry_run else 'Removed'} {files:,} files, {size / 1e6:,.1f} MB.")
    return True


def _tell_runs(console: Console, instance: dg.DagsterInstance, runs: list[Run]) -> None:
    left = sum(len(days) or 1 for run in runs for days in run.unbuilt(instance).values())
    asked = sum(len(run.partitions) or len(run.keys) for run in runs)
    if not runs:
        console.print("\nNothing is new: nothing was built again.")
    else:
        built = f"{asked - left:,} assets and arrival days" if asked - left > 1 else "one asset" if asked > left else ""
        console.print(f"\nBuilt {built or 'nothing'} in {counted(len(runs), 'run')}.")


def _repeated_customers(instance: dg.DagsterInstance) -> int:
    """Rows of the newest export of customers whom another row is of: kept nowhere, and counted where it is read."""
    event = instance.get_latest_materialization_event(dg.AssetKey("customers"))
    made = event.asset_materialization if event else None
    return int(str(made.metadata["duplicates"].value)) if made and "duplicates" in made.metadata else 0


def _failures(defs: dg.Definitions, instance: dg.DagsterInstance, runs: list[Run]) -> Iterator[Failure]:
    for run in runs:
        if not run.success:
            yield from failures(instance, run.run_id)
    yield from blocked(instance, blocking_checks(defs))


def _tell_failures(console: Console, wrong: list[Failure]) -> None:
    """One line each: the sentence says what to mend; what lies below it was left as it was."""
    for failure in wrong:
        console.print(failure.line, style="red", markup=False, soft_wrap=True)
    if wrong:
        console.print("Mend it, and run the same command again: it goes on from here.")


def _tell_nothing_landed(
    console: Console, instance: dg.DagsterInstance, config: Segmentation, own: ObjectStore, theirs: ObjectStore
) -> None:
    """Where nothing lands nothing fails either: say what is waited for."""
    landing, audience = config.landing, config.audience
    sources = " or ".join(map(own.uri, landing.events.by_path))
    waited = {
        "landing_events": ("No events", sources, "every step waits for them."),
        "landing_customers": (
            "No customers",
            own.uri(landing.customers.path),
            "nobody is known to have given consent, so no one is scored or reached.",
        ),
    }
    if audience is not None:
        waited["landing_partner_audience"] = (
            "No files of the partner",
            theirs.uri(audience.path),
            "the clean room, and all that rests on its results, waits for them. segmentation.yaml names the place with "
            "audience.place and audience.path.",
        )
    for asset, (what, place, meaning) in waited.items():
        if instance.get_latest_materialization_event(dg.AssetKey(asset)) is None:
            line = f"{what} have landed in {place}: {meaning}"
            console.print(line, style="yellow", markup=False, soft_wrap=True)


def _tell_cost(console: Console, spent: float, in_assets: float, at_rest: int) -> None:
    console.print(
        f"Took {spent:.0f} s, of which Dagster's own share {spent - in_assets:.0f} s (loading, conditions, event log); "
        f"at most {peak_memory_mb():,} MB of memory, {at_rest:,} MB of it before the first asset (Dagster, libraries)."
    )
