"""Records of whole arrival days, read by several processes into files that tables take over."""

import shutil
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import ExitStack, closing
from dataclasses import dataclass
from datetime import date
from functools import partial
from itertools import chain
from math import ceil
from pathlib import Path

from segment_assets.first_party import staged_events
from segment_assets.first_party.compression import Content
from segment_assets.first_party.contents import content_of
from segment_assets.first_party.deliveries import day_of, weight
from segment_assets.first_party.errors import LandingError
from segment_assets.first_party.formats import Format
from segment_assets.first_party.reading import Read, Unit
from segment_assets.first_party.reading import read as read_unit
from segment_assets.first_party.staging import Staged
from segment_assets.first_party.tables import NO_DAY, QUARANTINED_RECORDS, RAW_EVENTS
from segment_assets.first_party.undated import Undated
from segment_assets.lake import ObjectStore, StoredObject
from segment_assets.lake.parts import Part
from segment_assets.lake.private import private_folder
from segment_assets.lake.workers import one_ahead, spread

# Decompressed bytes whose days are written in one commit: they wait on disk, and a kill loses the work of a minute.
CHUNK = 500_000_000
# What one process reads at a time, at least.
PART = 8_000_000
# The largest day that one process reads alone, for it holds the day's records.
WHOLE_DAY = 32_000_000
# Of a larger day as much is read at a time, and half of it put in order at a time: each is held several times over.
SHARE = 16_000_000


class Parts(dict[date, Part]):
    """Rows of a table in files, by day."""

    @property
    def num_rows(self) -> int:
        """Rows of all days."""
        return sum(part.rows for part in self.values())


@dataclass(frozen=True)
class Loaded:
    """Records of some arrival days, in files that are gone when the next days come.

    Attributes:
        days: the days asked for, whether anything arrived or not.
        raw: rows of raw_events.
        quarantined: rows of quarantined_records.
        objects: how many objects delivered something for a day.
        events: files of `staged_events`, of days for which that is all there is.
    """

    days: list[date]
    raw: Parts
    quarantined: Parts
    objects: Mapping[date, int]
    events: Mapping[date, list[Path]]


def load(
    store: ObjectStore,
    form: Format,
    objects: list[StoredObject],
    days: Collection[date],
    scratch: Path,
    loaded_from: Callable[[Collection[str]], Collection[date]] | None = None,
) -> Iterator[Loaded]:
    """Everything that arrived on the days, in chunks of neighbouring days; each object is read once.

    Args:
        store: the landing place.
        form: the format of its objects.
        objects: everything in it, as `event_objects` gives it.
        days: arrival days to load.
        scratch: private folder for what was read, until it is written.
        loaded_from: the days that were loaded from some objects before, by their keys. Where it is given, an object
            that can't be read at all holds up those days alone, which would lose what it delivered, and the day of
            objects that tell none.

    Raises:
        LandingError: an object can't be read at all: before the first day, or with `loaded_from` behind the last.
    """
    dated: dict[date, list[StoredObject]] = {day: [] for day in sorted(days)}
    others = []
    for stored in objects:
        day = day_of(form, stored.key)
        if day is None:
            others.append(stored)
        elif day in dated:
            dated[day].append(stored)
    with (
        Staged(RAW_EVENTS.schema, scratch) as raw,
        Staged(QUARANTINED_RECORDS.schema, scratch) as quarantined,
        private_folder(scratch) as folder,
    ):
        told = Undated(raw, quarantined, {day: set() for day in dated})
        unreadable: dict[str, LandingError] = {}
        told.read(store, form, others, unreadable if loaded_from else None)
        if loaded_from and unreadable:
            held_up = {NO_DAY, *loaded_from(unreadable)}
            dated = {day: group for day, group in dated.items() if day not in held_up}
        chunks = _chunks({day: told.bytes(day) + sum(map(weight, group)) for day, group in dated.items()})
        loads = (_load(store, form, {day: dated[day] for day in days}, told, folder / str(days[0])) for days in chunks)
        with closing(one_ahead(loads)) as ahead:
            for loaded in ahead:
                yield loaded
                shutil.rmtree(folder / str(loaded.days[0]))
        if unreadable:
            raise _one_of(list(unreadable.values()))


def _load(
    store: ObjectStore, form: Format, days: dict[date, list[StoredObject]], told: Undated, folder: Path
) -> Loaded:
    folder.mkdir()
    plans = list(_units(days))
    found: dict[date, list[Read]] = {day: [] for day in days}
    with ExitStack() as files:

        def held(objects: list[tuple[date, StoredObject]]) -> list[tuple[date, str, Content]]:
            return [(day, stored.key, files.enter_context(content_of(store, stored))) for day, stored in objects]

        units = (Unit(number, held(objects), folder, shares) for number, (objects, shares) in enumerate(plans))
        alike = all(shares == 1 for _, shares in plans)
        reads = spread(partial(read_unit, form), units, worthwhile=len(plans) > 1, alike=alike)
        for read in chain.from_iterable(reads):
            found[read.day].append(read)
    raw = {day: told.added_to([r.raw for r in reads], RAW_EVENTS, day, folder) for day, reads in found.items()}
    quarantined = {
        day: told.added_to([r.quarantined for r in reads], QUARANTINED_RECORDS, day, folder)
        for day, reads in found.items()
    }
    return Loaded(
        list(days),
        Parts(raw),
        Parts(quarantined),
        {day: sum(r.objects for r in reads) + len(told.objects[day]) for day, reads in found.items()},
        {
            day: [file for r in reads for file in r.events]
            for day, reads in found.items()
            if reads and not told.objects[day]
        },
    )


def _units(days: Mapping[date, list[StoredObject]]) -> Iterator[tuple[list[tuple[date, StoredObject]], int]]:
    """Whole days of about the same weight in all, or about the same weight of one large day, and its shares."""
    unit: list[tuple[date, StoredObject]] = []
    held = 0
    for day, objects in days.items():
        whole = sum(map(weight, objects))
        shares = min(ceil(2 * whole / SHARE), staged_events.SHARES) if whole > WHOLE_DAY else 1
        if unit and (shares > 1 or held + whole > WHOLE_DAY):
            yield unit, 1
            unit, held = [], 0
        for stored in objects:
            unit.append((day, stored))
            held += weight(stored)
            if shares > 1 and held >= SHARE:
                yield unit, shares
                unit, held = [], 0
        if unit and (shares > 1 or held > PART):
            yield unit, shares
            unit, held = [], 0
    if unit:
        yield unit, 1


def _chunks(weights: Mapping[date, int]) -> Iterator[list[date]]:
    chunk: list[date] = []
    held = 0
    for day, its in weights.items():
        if chunk and held + its > CHUNK:
            yield chunk
            chunk, held = [], 0
        chunk.append(day)
        held += its
    if chunk:
        yield chunk


def _one_of(mistakes: list[LandingError]) -> LandingError:
    """The first, and how many are like it."""
    more = f"; {len(mistakes) - 1:,} more can't be read either" if len(mistakes) > 1 else ""
    return LandingError(f"{mistakes[0]}{more}")
