"""Any files of events through the pipeline's own code, without a landing place: for people, and for checks."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from functools import partial
from pathlib import Path, PurePosixPath

import pyarrow as pa

from segment_assets.first_party import engagement, raw_events
from segment_assets.first_party.deliveries import day_of, days_of, landing_days, load
from segment_assets.first_party.errors import LandingError
from segment_assets.first_party.formats.choice import format_of
from segment_assets.first_party.tables import ENGAGEMENT_EVENTS, QUARANTINED_RECORDS
from segment_assets.lake import Lake, StoredObject
from segment_assets.lake.embedded import open_catalog
from segment_assets.lake.objects import FolderStore
from segment_assets.landing_config import EventsLanding

_RUN = "segment-assets events normalise"


@dataclass(frozen=True)
class Normalised:
    """What files hold.

    Attributes:
        events: rows of engagement_events, by arrival day and event.
        quarantined: rows of quarantined_records, by arrival day, file and position.
        account: where every good record went.
    """

    events: pa.Table
    quarantined: pa.Table
    account: engagement.Account

    @property
    def delivered(self) -> int:
        """Every record in the files."""
        return self.account.good + int(self.quarantined.num_rows)


class _Files(FolderStore):
    """Files from anywhere; a key is a file's path as it was given, so that the hour of a Firehose prefix counts."""

    def __init__(self, paths: Sequence[Path]) -> None:
        super().__init__(Path())
        self._paths = {str(PurePosixPath(*(p for p in path.parts if p not in ("/", "..")))): path for path in paths}

    def list(self, prefix: str = "") -> list[StoredObject]:
        return sorted(self._describe(path, key) for key, path in self._paths.items())

    def _path(self, key: str) -> Path:
        return self._paths[key]


def files(paths: Sequence[Path], landing: EventsLanding, scratch: Path) -> Normalised:
    """Events of some files, each once, by the same code that loads a landing place.

    Args:
        paths: files as a stream delivers them, or tables.
        landing: their format.
        scratch: an empty folder; a lake is made in it.

    Raises:
        LandingError: two files of one name, or columns that the mapping names are not there.
    """
    store, form = _Files(paths), format_of(landing)
    objects = [stored for stored in store.list() if stored.size]
    if len(store.list()) < len(paths):
        raise LandingError("two of the files have the same path: give each once")
    lake = Lake(partial(open_catalog, scratch), scratch / "scratch")
    told = {o.key: days_of(store, form, o) for o in objects if day_of(form, o.key) is None}
    days = [date.fromisoformat(day) for day in landing_days(form, objects, told)]
    for loaded in load(store, form, objects, days, lake.scratch):
        raw_events.write(lake, loaded, _RUN)
    engagement.update(lake, form, "1", _RUN)
    events = lake.read(ENGAGEMENT_EVENTS).sort_by([("arrival_date", "ascending"), ("event_id", "ascending")])
    events = events.cast(ENGAGEMENT_EVENTS.schema)
    order = [(name, "ascending") for name in ("arrival_date", "object_key", "position")]
    return Normalised(events, lake.read(QUARANTINED_RECORDS).sort_by(order), engagement.account(lake))
