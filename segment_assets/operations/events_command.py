"""What `segment-assets events normalise` and `events replay-errors` do."""

from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import pyarrow.parquet as pq
from rich.console import Console

from segment_assets import deployment, segmentation
from segment_assets.first_party import failed_deliveries
from segment_assets.first_party.normalise import Normalised, files


def normalise(console: Console, paths: Sequence[Path], out: Path, form: str | None) -> bool:
    """Events of files into one Parquet file; what is no valid record goes into another beside it."""
    landing = segmentation.events_of(form) if form else segmentation.load().landing.events
    with TemporaryDirectory(prefix="segment-assets-") as scratch:
        found = files(paths, landing, Path(scratch).resolve())
    pq.write_table(found.events, out, compression="snappy")
    beside = out.with_name(f"{out.stem}.quarantined.parquet")
    beside.unlink(missing_ok=True)
    if found.quarantined.num_rows:
        pq.write_table(found.quarantined, beside, compression="snappy")
    _tell(console, found, len(paths), out, beside)
    return True


def replay_errors(console: Console, *, dry_run: bool) -> bool:
    """Put what Firehose could not deliver where it would have gone."""
    settings = deployment.settings(segmentation.load())
    landing = settings.segmentation.landing.events
    found = failed_deliveries.replay(deployment.resource(settings, "landing"), landing, dry_run=dry_run)
    for code, number in sorted(found.records.items()):
        console.print(f"{number:,} records: {code}", markup=False)
    if found.unreadable:
        console.print(f"{found.unreadable:,} error records hold no record; they stay below {landing.errors_path}")
    verb = "would be written" if dry_run else "written"
    console.print(f"{len(found.written):,} objects {verb}, {found.known:,} are there already")
    return True


def _tell(console: Console, found: Normalised, number: int, out: Path, beside: Path) -> None:
    account, refused = found.account, found.quarantined.num_rows
    console.print(
        f"{found.delivered:,} records in {number:,} files = {account.events:,} events + {account.duplicates:,} "
        f"duplicates + {account.probes:,} probes + {refused:,} quarantined",
        soft_wrap=True,
    )
    reasons = found.quarantined["reason"].value_counts().to_pylist()
    for reason in sorted(reasons, key=lambda one: str(one["values"])):
        console.print(f"  {reason['counts']:,} {reason['values']} (docs/quarantine.md)", markup=False)
    if account.unknown_types:
        console.print(f"{account.unknown_types:,} events of a type that has no name in the vocabulary, kept as app")
    console.print(f"events       {out}", markup=False, soft_wrap=True)
    if refused:
        console.print(f"quarantined  {beside}: readable personal data, as delivered", markup=False, soft_wrap=True)
