"""A tick of the events sensor over many unchanged objects, beside a bare walk over the same files.

    python -m benchmarks.tick [OBJECTS]

The objects are small: what counts is how many they are, not what is in them.
"""

import json
import os
import sys
import tempfile
import time
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from rich.console import Console
from rich.table import Table

from segment_assets.first_party.formats.choice import format_of
from segment_assets.first_party.watch import Known, Look
from segment_assets.lake import FolderStore
from segment_assets.landing_config import EventsLanding

DAYS = 336
WHERE = EventsLanding(format="pinpoint")


def main() -> None:
    """Lay the objects, let the daily listing see them all, and time what comes after it."""
    number = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
    with tempfile.TemporaryDirectory() as folder:
        _lay(Path(folder), number)
        store, known = FolderStore(Path(folder)), Known()
        listing = [_timed(lambda: _tick(store, known))]
        while known.place is not None:
            listing.append(_timed(lambda: _tick(store, known)))
        again = [_timed(lambda: _tick(store, known)) for _ in range(3)]
        fresh = _timed(lambda: _tick(FolderStore(Path(folder)), Known.read(json.loads(json.dumps(known.kept())))))
        walk = _timed(lambda: _walk(folder))
    table = Table(title=f"{number:,} objects on {DAYS} days", title_justify="left", box=None)
    for header in ("", "seconds", "to a walk"):
        table.add_column(header, justify="right" if header else "left")
    for what, seconds in (
        ("a walk over all files", walk),
        (f"the slowest of {len(listing)} ticks of the first listing", max(listing)),
        ("a tick after it, nothing changed", max(again)),
        ("the same in a new process", fresh),
    ):
        table.add_row(what, f"{seconds:.2f}", f"{seconds / walk:.2f}")
    Console(width=110).print(table)


def _lay(folder: Path, number: int) -> None:
    for n in range(number):
        at = date(2025, 1, 1) + timedelta(days=n % DAYS)
        path = folder / f"events/{at:%Y/%m/%d}/12/events-1-{at:%Y-%m-%d}-12-00-00-{n:09}"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f'{{"n":{n}}}')


def _tick(store: FolderStore, known: Known) -> None:
    look = Look(store, WHERE, format_of(WHERE), known)
    look.around(datetime.now(UTC).date())
    look.changed()


def _walk(folder: str) -> None:
    for root, _, files in os.walk(folder):
        for name in files:
            Path(root, name).stat()


def _timed(work) -> float:
    started = time.monotonic()
    work()
    return time.monotonic() - started


if __name__ == "__main__":
    main()
