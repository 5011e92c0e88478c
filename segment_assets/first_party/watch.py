"""What is known of the events' landing place, and what one look at a part of it changes.

A look is bounded, whatever lies there: a stretch of the listing that ends where an arrival day ends, and single days. A
day's version is made of all its objects, so it is the same whichever way a look was led to the day.
"""

import json
import logging
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field, fields
from datetime import date
from hashlib import sha256
from typing import Any

from segment_assets.first_party.deliveries import LandingDay, day_of, is_event, landing_days, weight
from segment_assets.first_party.errors import LandingError
from segment_assets.first_party.formats import Format
from segment_assets.first_party.tables import NO_DAY
from segment_assets.first_party.undated import days_of
from segment_assets.lake import ObjectStore, StoredObject
from segment_assets.lake.arrivals import changed_days, day_part, fingerprint
from segment_assets.landing_config import EventsLanding

_log = logging.getLogger(__name__)

STRETCH = 10_000  # objects in one look: ten calls of S3
RECENT = 5  # arrival days that every look sees in a larger place: the newest, and 96 hours for what is late
READ = 200_000_000  # bytes read in one look of objects whose records tell their days
WHY = 20  # objects that can't be read of which the reason is kept, and told at once
LAST = "\U0010ffff"  # comes after every key with the same beginning
NOTHING = LandingDay(fingerprint(()), 0, 0)


@dataclass
class Known:
    """What earlier looks found.

    Attributes:
        days: arrival day -> its version.
        parts: arrival day -> the beginnings of its objects' keys.
        told: object whose records tell its days -> its etag, its size, and the version of what it holds of each day.
        unread: of those the ones that can't be read at all -> the mapping that could not, as a hash, and why, which is
            kept of the first few: a wrong mapping may refuse a hundred thousand.
        mapping: the one that the days were told by, as a hash.
        place: key that the sweep has come to; empty before it begins, None after its end.
        seen: objects seen by the sweep that is going on, or by the last.
        swept: the day, by the clock on the wall, on which the last sweep ended.
    """

    days: dict[str, str] = field(default_factory=dict)
    parts: dict[str, list[str]] = field(default_factory=dict)
    told: dict[str, tuple[str, int, dict[str, str]]] = field(default_factory=dict)
    unread: dict[str, tuple[str, str]] = field(default_factory=dict)
    mapping: str = ""
    place: str | None = ""
    seen: int = 0
    swept: str = ""

    @classmethod
    def read(cls, kept: dict[str, Any]) -> "Known":
        """As `kept` wrote it. Of another version's form only the days are taken: the next sweep finds the rest."""
        if kept.keys() == {column.name for column in fields(cls)}:
            return cls(**kept)
        if kept:
            _log.warning(
                "The cursor of the landing sensor was written by another version of this code: of what it knew the "
                "days are taken, and the landing place is listed anew."
            )
        return cls(days=kept.get("days", {}))

    def kept(self) -> dict[str, Any]:
        """For a cursor."""
        return asdict(self)

    def is_due(self, today: date) -> bool:
        """Whether a sweep is going on, or today's was not made yet."""
        return self.place is not None or self.swept != today.isoformat()

    @property
    def is_small(self) -> bool:
        """Whether one stretch holds all there is."""
        return self.place is None and self.seen < STRETCH


@dataclass
class Look:
    """One look at the landing place. It brings up to date what is known.

    Attributes:
        store: the landing place.
        landing: where events lie in it.
        form: their format.
        known: what earlier looks found.
        touched: arrival days that may have changed.
        refused: why an object can't be read, of those that this look tried.
    """

    store: ObjectStore
    landing: EventsLanding
    form: Format
    known: Known
    touched: set[str] = field(default_factory=set)
    refused: list[str] = field(default_factory=list)
    _listed: dict[str, list[StoredObject]] = field(default_factory=dict)
    _read: int = 0

    def around(self, today: date) -> None:
        """What a tick looks at where nothing tells it what came: a small place whole; of a larger one the newest days.

        Args:
            today: by the clock on the wall, which says when to sweep, and nothing else.
        """
        small = self.known.is_small
        if self.known.swept and not small:
            self.recent()
        if small or self.known.is_due(today):
            self.sweep(today)

    def again(self) -> None:
        """What an earlier mapping read, or could not read, by the one in force: it may be of other days.

        What could not be read is tried at once; everything else when a sweep, which begins now, comes to it.
        """
        known = self.known
        if known.mapping != self._mapping:
            known.mapping, known.place = self._mapping, ""
            known.told = {key: ("", size, days) for key, (_, size, days) in known.told.items()}
        for key in [key for key, (mapping, _) in known.unread.items() if mapping != self._mapping]:
            if not self.at(key):
                return

    def sweep(self, today: date) -> None:
        """The next stretch of everything there is; what is not there any more is missed."""
        after = self.known.place or ""
        if not after:
            self.known.seen = 0
        objects, end = self._stretch(self.landing.places, after)
        seen = self._see(objects)
        if seen < len(objects):
            objects, end = objects[:seen], objects[seen - 1].key if seen else after
        self._miss(after, end, {o.key for o in objects})
        self.known.seen += len(objects)
        self.known.place = end
        if end is None:
            self.known.swept = today.isoformat()
            alive = self.known.parts.keys() | {day for *_, days in self.known.told.values() for day in days}
            self.touched |= self.known.days.keys() - alive

    def recent(self) -> None:
        """The newest days, and what comes behind them: where a stream delivers, in a place larger than a stretch."""
        newest = sorted(self.known.parts)[-RECENT:]
        self.touched |= set(newest)
        parts: dict[str, list[str]] = {}
        for part in (part for day in newest for part in self.known.parts[day]):
            # Of Firehose's object names the day alone is no date without the time behind it.
            stem, _ = day_part(part) or day_part(f"{part}00-00-00-") or ("", "")
            parts.setdefault(stem, []).append(part)
        for stem, its in parts.items():
            # In one go from the oldest of them to the end: a flat folder is walked whole however little is asked for.
            objects = self.store.after(stem, min(its), STRETCH)
            broken = self._part(objects[-1].key) if len(objects) == STRETCH else LAST
            self._listed |= {p: [o for o in objects if self._part(o.key) == p] for p in its if p < broken}
            self._see(objects if broken == LAST else self._stretch([stem], max(its) + LAST)[0])
        for path in self.landing.by_path:
            told = [key for key in self.known.told if key.startswith(path)]
            if told or self.form.own_days(path):
                self._see(self._stretch([path], max(told, default=""))[0])

    def at(self, key: str) -> bool:
        """An object that is said to have come, changed or gone; False where this look has read enough to see it."""
        if not key.startswith(tuple(self.landing.places)):
            return True
        if day := day_of(self.form, key):
            self._touch(day, self._part(key))
            return True
        found = [o for o in self.store.list(key) if o.key == key]
        if not found:
            self._forget(key)
        return bool(self._see(found)) if found else True

    def changed(self) -> dict[str, LandingDay]:
        """Days that are not what they were, as they are now."""
        known, now = self.known, {day: self._day(day) for day in sorted(self.touched)}
        before = {day: known.days[day] for day in now if day in known.days}
        changed = changed_days({day: held.version for day, held in now.items() if held.objects}, before)
        kept = {day: version for day, version in (known.days | changed).items() if day not in now or now[day].objects}
        known.days = dict(sorted(kept.items()))
        return {day: now[day] for day in changed}

    def _stretch(self, prefixes: Sequence[str], after: str) -> tuple[list[StoredObject], str | None]:
        """Objects behind a key, and the key they end at, None at the end of everything; of a day all or none."""
        objects: list[StoredObject] = []
        for prefix in prefixes:
            objects += self.store.after(prefix, after, STRETCH - len(objects))
        if not objects:
            return [], None
        begun, broken = self._part(objects[0].key), self._part(objects[-1].key)
        cut = len(objects) == STRETCH
        for part in {begun if begun and after.startswith(begun) else "", broken if cut else ""} - {""}:
            self._listed.pop(part, None)
            objects = sorted({*(o for o in objects if self._part(o.key) != part), *self._all(part)})
        return objects, objects[-1].key if cut else None

    def _see(self, objects: Sequence[StoredObject]) -> int:
        """Note what there is; how many objects were seen before enough was read."""
        listed: dict[str, list[StoredObject]] = {}
        seen = 0
        for stored in objects:
            if day := day_of(self.form, stored.key):
                self._forget(stored.key)  # an earlier mapping may have let its records tell
                self._touch(day, part := self._part(stored.key))
                listed.setdefault(part, []).append(stored)
            elif not self._tell(stored):
                break
            seen += 1
        self._listed |= listed
        return seen

    def _tell(self, stored: StoredObject) -> bool:
        """Let an object's records tell its days, once per content; False where enough was read.

        One that can't be read at all keeps nobody waiting: it is of the day of those that tell none, where the load
        says what is wrong, and of the days it was of before, which are not made without it.
        """
        if not is_event(stored, self.landing):
            self._forget(stored.key)
            return True
        mapping, _ = self.known.unread.get(stored.key, (self._mapping, ""))
        if self.known.told.get(stored.key, ("",))[0] == stored.etag and mapping == self._mapping:
            return True
        if self._read > READ:
            return False
        self._read += weight(stored)
        before = self._forget(stored.key)
        try:
            days = days_of(self.store, self.form, stored)
        except LandingError as unreadable:
            self.refused.append(str(unreadable))
            why = str(unreadable) if len(self.known.unread) < WHY else ""
            self.known.unread[stored.key] = (self._mapping, why)
            days = dict.fromkeys(sorted({*before, NO_DAY.isoformat()}), f"unread {stored.etag}")
        self.known.told[stored.key] = (stored.etag, stored.size, days)
        self.touched |= days.keys()
        return True

    @property
    def _mapping(self) -> str:
        return sha256(json.dumps(self.landing.mapping).encode()).hexdigest()[:16]

    def _forget(self, key: str) -> Iterable[str]:
        """Know nothing of an object; the days it was of."""
        self.known.unread.pop(key, None)
        *_, days = self.known.told.pop(key, ("", 0, {}))
        self.touched |= days.keys()
        return days

    def _miss(self, after: str, end: str | None, seen: set[str]) -> None:
        """Days and objects that are known between two keys, and are not there."""
        for day, parts in self.known.parts.items():
            if any(after < part and (end is None or part <= end) and part not in self._listed for part in parts):
                self.touched.add(day)
        between = [k for k in self.known.told if after < k and (end is None or k <= end)]
        for key in between:
            if key not in seen:
                self._forget(key)

    def _touch(self, day: date, part: str) -> None:
        parts = self.known.parts.setdefault(day.isoformat(), [])
        if part not in parts:
            parts.append(part)
            parts.sort()
        self.touched.add(day.isoformat())

    def _day(self, day: str) -> LandingDay:
        parts = {part: self._all(part) for part in self.known.parts.pop(day, [])}
        if there := [part for part, objects in parts.items() if objects]:
            self.known.parts[day] = there
        dated = [o for objects in parts.values() for o in objects if is_event(o, self.landing)]
        told = {key: about for key, about in self.known.told.items() if day in about[2]}
        others = [StoredObject(key, size, etag) for key, (etag, size, _) in told.items()]
        held = landing_days(self.form, [*dated, *others], {key: {day: days[day]} for key, (*_, days) in told.items()})
        return held.get(day, NOTHING)

    def _all(self, part: str) -> list[StoredObject]:
        """Every object whose key begins so; listed once in a look."""
        if part not in self._listed:
            self._listed[part] = [o for o in self._below(part) if self._part(o.key) == part]
        return self._listed[part]

    def _below(self, part: str) -> Iterator[StoredObject]:
        """In stretches: a store that is a folder looks closely at these alone, and not at all that lies beside them."""
        some = self.store.after(part, "", STRETCH)
        while some:
            yield from some
            some = self.store.after(part, some[-1].key, STRETCH) if len(some) == STRETCH else []

    def _part(self, key: str) -> str:
        """The beginning of a key, with the day; empty where it names none that counts."""
        found = None if self.form.own_days(key) else day_part(key)
        return found[1] if found else ""
