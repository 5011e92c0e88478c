"""Any files of events through the pipeline's own code, without a landing place: for people, and for checks."""

import os
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import partial
from glob import glob
from pathlib import Path, PurePosixPath

import pyarrow as pa
import pyarrow.parquet as pq

from segment_assets.first_party import engagement, event_account, raw_events
from segment_assets.first_party.deliveries import day_of, landing_days
from segment_assets.first_party.errors import LandingError
from segment_assets.first_party.formats.choice import format_of_files
from segment_assets.first_party.loading import load
from segment_assets.first_party.tables import ENGAGEMENT_EVENTS, QUARANTINED_RECORDS
from segment_assets.first_party.undated import days_of
from segment_assets.lake import Lake, StoredObject, Table
from segment_assets.lake.embedded import open_catalog
from segment_assets.lake.objects import FolderStore, printable
from segment_assets.landing_config import EventsLanding

_RUN, _CODE = "segment-assets events normalise", "1"


@dataclass(frozen=True)
class Normalised:
    """What files hold, in a lake of its own: it may be more than memory holds.

    Attributes:
        lake: with engagement_events and quarantined_records.
        account: where every good record went.
        reasons: how many records were refused, by reason.
    """

    lake: Lake
    account: event_account.Account
    reasons: Mapping[str, int]

    @property
    def refused(self) -> int:
        """Records in quarantine."""
        return sum(self.reasons.values())

    @property
    def delivered(self) -> int:
        """Every record in the files."""
        return self.account.good + self.refused

    @property
    def events(self) -> pa.Table:
        """Rows of engagement_events, by arrival day and event."""
        return self.lake.read(ENGAGEMENT_EVENTS).cast(ENGAGEMENT_EVENTS.schema)

    @property
    def quarantined(self) -> pa.Table:
        """Rows of quarantined_records, by arrival day, file and position."""
        return self.lake.read(QUARANTINED_RECORDS)

    def write(self, out: Path, beside: Path) -> None:
        """The events into one Parquet file, and what was refused into another, if anything was; each whole or not.

        Raises:
            LandingError: a file can't be written.
        """
        try:
            _write(self.lake, ENGAGEMENT_EVENTS, out)
            if self.refused:
                _write(self.lake, QUARANTINED_RECORDS, beside)
            else:
                beside.unlink(missing_ok=True)
        except OSError as refused:
            raise LandingError(f"{out}: can't be written: {refused.strerror or refused}") from refused


def _write(lake: Lake, table: Table, out: Path) -> None:
    half = out.with_name(f".{out.name}.half")
    try:
        with pq.ParquetWriter(half, table.schema, compression="snappy") as file:
            for batch in lake.batches(table):
                file.write_table(pa.Table.from_batches([batch]).cast(table.schema))
        half.replace(out)
    finally:
        half.unlink(missing_ok=True)


def found(named: Sequence[str]) -> list[Path]:
    """The files that are named: themselves, all below a folder, or those that a pattern such as `*.gz` matches.

    Raises:
        LandingError: one is not there, can't be read, or is standard input.
    """
    paths: list[Path] = []
    for name in named:
        path = Path(name)
        if name == "-":
            raise LandingError("standard input is not read: the path of a file says when it arrived; name files")
        if path.is_dir():
            more = [p for p in path.rglob("*") if p.is_file() and not p.name.startswith((".", "_"))]
        elif path.is_file():
            more = [path]
        else:
            matched = glob(name, recursive=True)  # noqa: PTH207  Path's takes no pattern that begins at the root
            more = [p for p in map(Path, matched) if p.is_file()]
        if not more:
            raise LandingError(f"{printable(name)}: there is no such file, and no file below it")
        paths += sorted(more)
    if closed := [path for path in paths if not os.access(path, os.R_OK)]:
        raise LandingError(f"{printable(str(closed[0]))}: can't be read: permission denied")
    return paths


class _Files(FolderStore):
    """Files from anywhere; a key is a file's path as it was given, so that the hour of a Firehose prefix counts."""

    def __init__(self, paths: Sequence[Path]) -> None:
        super().__init__(Path())
        self._paths = {key_of(path): path for path in paths}

    def list(self, prefix: str = "") -> list[StoredObject]:
        return sorted(self._describe(path, key) for key, path in self._paths.items())

    def _path(self, key: str) -> Path:
        return self._paths[key]


def key_of(path: Path) -> str:
    """The key of a file: its path, from which its arrival day and its source are read."""
    # Where a path goes up, what it comes down to is another file than the rest of the path would name.
    path = path.resolve() if ".." in path.parts else path
    return printable(str(PurePosixPath(*(part for part in path.parts if part != "/"))))


def files(paths: Sequence[Path], landing: EventsLanding, scratch: Path) -> Normalised:
    """Events of some files, each once, by the same code that loads a landing place.

    Args:
        paths: files as a stream delivers them, or tables.
        landing: their format, or those of several sources: a file is of the one whose path is part of its own.
        scratch: an empty folder; a lake is made in it.

    Raises:
        LandingError: a file that is named twice, or columns that the mapping names are not there.
    """
    store, form = _Files(paths), format_of_files(landing)
    objects = [stored for stored in store.list() if stored.size]
    if twice := [path for path, times in Counter(map(key_of, paths)).items() if times > 1]:
        raise LandingError(f"{printable(str(twice[0]))}: is named twice: name each file once")
    lake = Lake(partial(open_catalog, scratch), scratch / "scratch")
    told = {o.key: days_of(store, form, o) for o in objects if day_of(form, o.key) is None}
    days = [date.fromisoformat(day) for day in landing_days(form, objects, told)]
    for loaded in load(store, form, objects, days, lake.scratch):
        raw_events.write(lake, loaded, _RUN, _CODE)
    engagement.update(lake, form, _CODE, _RUN)
    counted = lake.read(QUARANTINED_RECORDS, ["reason"])["reason"].value_counts().to_pylist()
    reasons = {str(pair["values"]): int(pair["counts"]) for pair in counted}
    return Normalised(lake, event_account.account(lake), dict(sorted(reasons.items())))
