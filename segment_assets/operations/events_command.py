"""What `segment-assets events normalise`, `events replay-errors` and `events forget` do."""

import os
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import dagster as dg
from rich.console import Console

from segment_assets import deployment, segmentation
from segment_assets.first_party import failed_deliveries, heard
from segment_assets.first_party.errors import LandingError
from segment_assets.first_party.formats.several import path_in
from segment_assets.first_party.normalise import Normalised, files, found, key_of
from segment_assets.lake.objects import printable
from segment_assets.landing_config import EventsLanding
from segment_assets.operations.instance import opened
from segment_assets.operations.refresh import Refresh
from segment_assets.operations.turn import turn
from segment_assets.operations.words import counted
from segment_assets.segmentation import Segmentation


def normalise(console: Console, named: Sequence[str], out: Path, form: str | None) -> bool:
    """Events of files into one Parquet file; what is no valid record goes into another beside it.

    Raises:
        LandingError: a file can't be read, or the output can't be written.
    """
    landing, said = _format(form)
    paths = found(named)
    if not out.name:
        raise LandingError("--out names no file: give it the path of the Parquet file to write")
    try:
        out = out.resolve() if out.is_symlink() else out  # what a link leads to is written
        beside = out.with_name(f"{out.stem}.quarantined.parquet")
        _refuse_place(out, beside, paths)
        # In the output's folder: readable records are as private there as they will be, and there is room for them.
        scratch = TemporaryDirectory(prefix=".segment-assets-", dir=out.parent)
    except OSError as refused:
        raise LandingError(f"{out}: can't be written: {refused.strerror or refused}") from refused
    with scratch as folder:
        held = files(paths, landing, Path(folder).resolve())
        held.write(out, beside)
    _tell(console, held, len(paths), out, beside)
    console.print(f"read as      {_read_as(landing, paths)}, as {said}", markup=False, soft_wrap=True)
    return True


def _format(form: str | None) -> tuple[EventsLanding, str]:
    """Whose stream the files are, and who said so; the demo's file says nothing of anybody's own files."""
    if form:
        return segmentation.events_of(form), "--format says"
    path = segmentation.own_path()
    if path is None:
        return segmentation.events_of("auto"), "there is no segmentation.yaml: each record is told by its keys"
    return segmentation.load(path).landing.events, f"{path} says"


def _read_as(landing: EventsLanding, paths: Sequence[Path]) -> str:
    """The format; of several sources, how many files are of which."""
    if not landing.sources:
        return landing.format
    names = {one.path: name for name, one in landing.sources.items()}
    found = Counter(names.get(path_in(key_of(path), names) or "", "auto") for path in paths)
    return ", ".join(f"{name} ({counted(number, 'file')})" for name, number in sorted(found.items()))


def _refuse_place(out: Path, beside: Path, paths: Sequence[Path]) -> None:
    """Say so before the work is done."""
    if not out.parent.is_dir():
        raise LandingError(f"{out}: there is no folder {out.parent}")
    for path in (out, beside):
        if path.exists() and not path.is_file():
            raise LandingError(f"{path}: is no file, and is not written over: name a file")
    if not os.access(out.parent, os.W_OK) or (out.exists() and not os.access(out, os.W_OK)):
        raise LandingError(f"{out}: can't be written: permission denied")
    if taken := {out.resolve(), beside.resolve()} & {path.resolve() for path in paths}:
        raise LandingError(f"{min(taken)}: is one of the files to read: write to another")


def replay_errors(console: Console, *, dry_run: bool) -> bool:
    """Put what Firehose could not deliver where it would have gone."""
    settings = deployment.settings(segmentation.load())
    landing = settings.segmentation.landing.events
    replayed = failed_deliveries.replay(deployment.resource(settings, "landing"), landing, dry_run=dry_run)
    for code, number in sorted(replayed.records.items()):
        console.print(f"{counted(number, 'record')}: {code}", markup=False)
    for (key, why), number in sorted(replayed.unreadable.items()):
        told = f"{counted(number, 'error record')} of {key} can't be replayed, and stay there: {why}"
        console.print(told, markup=False, soft_wrap=True)
    verb = "would be written" if dry_run else "written"
    there = f"{replayed.known:,} {'is' if replayed.known == 1 else 'are'} there already"
    console.print(f"{counted(len(replayed.written), 'object')} {verb}, {there}")
    return True


def forget(console: Console, home: Path, object_key: str, *, dry_run: bool) -> bool:
    """Take back the opt-outs of an object that should never have landed.

    Raises:
        LandingError: nothing is remembered of it.
        AtWorkError: another command builds; nothing was done.
    """
    config = segmentation.load()
    lake = deployment.resource(deployment.settings(config, under=home), "lake")
    with turn(home, "events forget"):
        found = heard.forget(lake, object_key, "events forget", dry_run=dry_run)
        for name, number in sorted(found.items()):
            console.print(f"{counted(number, 'event')}: {name}", markup=False)
        taken = f"{counted(sum(found.values()), 'event')} of {printable(object_key)}"
        if dry_run:
            console.print(f"{taken} would be taken back", markup=False, soft_wrap=True)
            return True
        console.print(f"{taken} taken back; the next refresh decides without them", markup=False, soft_wrap=True)
        return _made_again(config, home)


def _made_again(config: Segmentation, home: Path) -> bool:
    """Build engagement_events, whose version then differs: what rests on them is asked for."""
    from segment_assets.definitions import platform

    with opened(home) as instance:
        refresh = Refresh(platform(config, deployment.settings(config, under=home)), instance, home / "state")
        return refresh.execute([dg.AssetKey("engagement_events")], ()).success


def _tell(console: Console, held: Normalised, number: int, out: Path, beside: Path) -> None:
    account = held.account
    console.print(
        f"{counted(held.delivered, 'record')} in {counted(number, 'file')} = "
        f"{counted(account.events, 'event')} + {counted(account.duplicates, 'duplicate')} + "
        f"{counted(account.probes, 'probe')} + {held.refused:,} quarantined",
        soft_wrap=True,
    )
    for reason, count in held.reasons.items():
        console.print(f"  {count:,} {reason} (docs/quarantine.md)", markup=False)
    if account.unknown_types:
        unknown = counted(account.unknown_types, "event")
        console.print(f"{unknown} of a type that has no name in the vocabulary, kept as app")
    console.print(f"events       {out}", markup=False, soft_wrap=True)
    if held.refused:
        console.print(f"quarantined  {beside}: readable personal data, as delivered", markup=False, soft_wrap=True)
