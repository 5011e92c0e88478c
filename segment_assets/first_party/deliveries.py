"""What lies in the landing place, by arrival day: the one answer that sensors and loads share."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date

from segment_assets.first_party.formats import Format
from segment_assets.lake import ObjectStore, StoredObject
from segment_assets.lake.arrivals import arrival_day, fingerprint
from segment_assets.landing_config import EventsLanding

# Gzip makes such JSON a tenth of what it was; where it is less, twice as much is held as is said here.
GZIP_RATIO = 10


@dataclass(frozen=True)
class LandingDay:
    """What the landing place holds of one arrival day.

    Attributes:
        version: changes when, and only when, that does.
        objects: objects with records of the day.
        bytes: their size; an object of many days counts on each.
    """

    version: str
    objects: int
    bytes: int


def event_objects(store: ObjectStore, landing: EventsLanding) -> list[StoredObject]:
    """Objects that hold events, by key: no empty ones, none under an error prefix, no marks or metadata."""
    return [o for place in landing.places for o in store.list(place) if is_event(o, landing)]


def is_event(stored: StoredObject, landing: EventsLanding) -> bool:
    """Whether an object below the landing place holds events."""
    return bool(stored.size) and not _ignored(stored.key, landing)


def day_of(form: Format, key: str) -> date | None:
    """The arrival day of everything in an object; None where its records tell."""
    return None if form.own_days(key) else arrival_day(key)


def landing_days(
    form: Format, objects: Iterable[StoredObject], told: Mapping[str, Mapping[str, str]]
) -> dict[str, LandingDay]:
    """What the landing place holds, by arrival day.

    Args:
        form: the format of the objects.
        objects: everything in the landing place.
        told: for each object without a day in its key, what `days_of` said.
    """
    held: dict[str, list[tuple[StoredObject, str]]] = {}
    for stored in objects:
        day = day_of(form, stored.key)
        versions = {day.isoformat(): stored.etag} if day else told[stored.key]
        for own, version in versions.items():
            held.setdefault(own, []).append((stored, version))
    return {
        day: LandingDay(
            fingerprint(replace(stored, etag=version) for stored, version in held[day]),
            len(held[day]),
            sum(stored.size for stored, _ in held[day]),
        )
        for day in sorted(held)
    }


def weight(stored: StoredObject) -> int:
    """About how many bytes an object is when decompressed."""
    return stored.size * (1 if stored.key.endswith((".json", ".jsonl", ".csv")) else GZIP_RATIO)


def _ignored(key: str, landing: EventsLanding) -> bool:
    source, name = landing.source_of(key), key.rpartition("/")[2]
    below = key.removeprefix(source.path).split("/")[:-1] if source else []
    iceberg = bool(source and source.table) and "metadata" in below
    return key.startswith(tuple(landing.errors_places)) or name.startswith(("_", ".")) or iceberg
