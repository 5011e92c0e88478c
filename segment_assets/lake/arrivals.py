"""Which day an object arrived, and which days changed: what every landing sensor decides with."""

import hashlib
import re
from collections.abc import Iterable, Mapping
from datetime import date, timedelta

from segment_assets.lake.objects import StoredObject

# Firehose's own prefix, a Hive-style prefix, a date as one part of the path, and at last Firehose's object name.
_PATTERNS = (
    re.compile(r"(?:^|/)(\d{4})/(\d{1,2})/(\d{1,2})(?:/(\d{1,2}))?(?=/)"),
    re.compile(r"(?:^|/)year=(\d{4})/month=(\d{1,2})/day=(\d{1,2})(?:/hour=(\d{1,2}))?(?=/)"),
    re.compile(r"(?:^|/)(?:[a-z_]+=)?(\d{4})-(\d{2})-(\d{2})(?:/(?:hour=|hh=)?(\d{1,2}))?(?=/)"),
    re.compile(r"-(\d{4})-(\d{2})-(\d{2})-(\d{2})-\d{2}-\d{2}-[^/]*$"),
)
_NAME = _PATTERNS[-1:]


def arrival_day(key: str) -> date | None:
    """The day a key names; None where it names none, or no day of the calendar."""
    found = _arrival(key)
    return found[0] if found else None


def day_part(key: str) -> tuple[str, str] | None:
    """What of a key stands before the day, and its beginning with the day; None where it names none.

    All keys with that beginning are neighbours in a listing, and of that day.
    """
    found = _found(key)
    return (key[: found.start(1)], key[: found.end(3) + 1]) if found else None


def arrival_hour(key: str) -> int | None:
    """The hour (UTC) a key names beside its day; None where it names none.

    Where folders name the day alone, Firehose's object name tells the hour, if it is of that day.
    """
    if not (found := _arrival(key)):
        return None
    day, hour = found
    named = _arrival(key, _NAME)
    return named[1] if hour is None and named and named[0] == day else hour


def folder_hour(key: str) -> int | None:
    """The hour that folders name beside the day; None where they name none, whatever the object's name says."""
    found = _arrival(key, _PATTERNS[:-1])
    return found[1] if found else None


def fingerprint(objects: Iterable[StoredObject]) -> str:
    """16 hex digits that change when an object comes, goes or changes; order does not matter."""
    lines = sorted(f"{o.key}\t{o.etag}" for o in objects)
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:16]


def by_day(objects: Iterable[StoredObject]) -> dict[str, list[StoredObject]]:
    """Objects by the day their key names (ISO), in the order of days; objects without a day are left out."""
    days: dict[str, list[StoredObject]] = {}
    for stored in sorted(objects):
        if day := arrival_day(stored.key):
            days.setdefault(day.isoformat(), []).append(stored)
    return dict(sorted(days.items()))


def fingerprints(objects: Iterable[StoredObject]) -> dict[str, str]:
    """The fingerprint of every day that has objects."""
    return {day: fingerprint(group) for day, group in by_day(objects).items()}


def changed_days(now: Mapping[str, str], previous: Mapping[str, str]) -> dict[str, str]:
    """Days whose fingerprint differs, with the new one; a day that is gone has the fingerprint of no objects.

    Args:
        now: day -> fingerprint, as `fingerprints` gives it.
        previous: the same, from the last time.
    """
    gone = dict.fromkeys((d for d in previous if d not in now), fingerprint(()))
    every = dict(now) | gone
    return {day: every[day] for day in sorted(every) if previous.get(day) != every[day]}


def not_yet(key: str, day: date | None, today: date) -> str | None:
    """Why the latest delivery can't be it: one of a day to come would hide every real one until then.

    Args:
        key: one of its objects.
        day: the day its keys name; None where they name none.
        today: of the clock; where it was delivered it may be tomorrow.
    """
    if day is None or day <= today + timedelta(days=1):
        return None
    return (
        f"{key}: its day, {day}, is in the future, and would hide every delivery until then; deliver it under the day "
        "on which it was made, and remove this one"
    )


def _arrival(key: str, patterns: Iterable[re.Pattern[str]] = _PATTERNS) -> tuple[date, int | None] | None:
    if not (found := _found(key, patterns)):
        return None
    year, month, day, hour = found.groups()
    return date(int(year), int(month), int(day)), int(hour) if hour and int(hour) < 24 else None


def _found(key: str, patterns: Iterable[re.Pattern[str]] = _PATTERNS) -> re.Match[str] | None:
    for pattern in patterns:
        if found := pattern.search(key):
            year, month, day, _ = found.groups()
            try:
                date(int(year), int(month), int(day))
            except ValueError:
                continue
            return found
    return None
