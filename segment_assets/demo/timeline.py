"""When each record of the replay happened, arrived and was delivered: columns of numbers, one row per delivery.

Chance is seeded by what a record is about, never by the run: the same day replayed is the same to the byte.
"""

from dataclasses import dataclass, fields, replace
from datetime import date
from itertools import pairwise

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from segment_assets.demo.chance import Keys, fractions, keys
from segment_assets.demo.firehose import BUFFER, DAY, HOUR
from segment_assets.demo.records import FLAWS
from segment_assets.demo.source import LAST_DAY, Source

Numbers = npt.NDArray[np.int64]

BASKET, EXPOSURE, REDEMPTION = range(3)
# 2 % arrive 1 to 72 hours late (the longest documented wait is a carrier's receipt, 72 h), 1 % are delivered twice.
LATE, LATE_HOURS = 0.02, (1, 72)
TWICE, TWICE_HOURS = 0.01, 48
BROKEN = 0.0005
COPY_SHIFT = 61_000  # a copy of the customers does the same 61 s later
SOUND, AGAIN = -1, -2  # values of `flaw` besides the indices of FLAWS


@dataclass(frozen=True)
class Timeline:
    """One row per delivered record, in the order of delivery. Times are milliseconds since 1970.

    Attributes:
        kind: BASKET, EXPOSURE or REDEMPTION.
        row: row in the source's table of that kind.
        copy: which copy of the customers.
        occurred: when it happened.
        arrived: when Pinpoint received it; the same in a second delivery.
        delivered: when it came to Firehose.
        flaw: SOUND, AGAIN (a second delivery), or an index of FLAWS.
    """

    kind: Numbers
    row: Numbers
    copy: Numbers
    occurred: Numbers
    arrived: Numbers
    delivered: Numbers
    flaw: Numbers

    def __len__(self) -> int:
        return len(self.kind)

    def take(self, rows: npt.NDArray[np.bool_] | Numbers | slice) -> "Timeline":
        """Some of the rows."""
        return Timeline(*(getattr(self, f.name)[rows] for f in fields(self)))

    def buffers(self) -> list["Timeline"]:
        """The rows of each delivered object."""
        ends = np.flatnonzero(np.diff(self.delivered // BUFFER)) + 1
        edges = [0, *ends.tolist(), len(self)]
        return [self.take(slice(a, b)) for a, b in pairwise(edges) if b > a]


@dataclass(frozen=True)
class _Events:
    """What happened, before anything is known of its delivery."""

    kind: Numbers
    row: Numbers
    occurred: Numbers
    luck: Keys

    def take(self, rows: npt.NDArray[np.bool_]) -> "_Events":
        return _Events(self.kind[rows], self.row[rows], self.occurred[rows], self.luck[rows])


def year(source: Source, today: date, copies: int = 1) -> Timeline:
    """The whole year, shifted by whole days so that its last day is `today`; nothing is delivered after that day."""
    shift, end = (today - LAST_DAY).days * DAY, day_start(today) + DAY
    parts = []
    for copy in range(copies):
        events = _events(source, copy, "year")
        occurred = events.occurred + shift
        arrived = _soon(occurred, events.luck, end)
        first, last = LATE_HOURS
        wait = ((first + fractions(events.luck, "wait") * (last - first)) * HOUR).astype(np.int64)
        late = (fractions(events.luck, "late") < LATE) & (occurred + wait < end)
        parts.append(_delivered(events, copy, occurred, np.where(late, occurred + wait, arrived), end))
    return _in_order(parts)


def later_day(source: Source, today: date, day: date, copies: int = 1) -> Timeline:
    """What arrives on a day after the year's last: the day 364 days before (or 728, ...), with new dates.

    The same weekday of the data, so a week keeps its shape. As many records as in the year are late: they happened
    one or two days before.

    Args:
        source: the year.
        today: the last day of the replay.
        day: the arrival day wanted, after `today`.
        copies: copies of the customers.
    """
    lap = laps(source, today, day)
    begin, end = day_start(day), day_start(day) + DAY
    again = day_start(LAST_DAY) + ((day - today).days - lap * source.lap_days) * DAY
    parts = []
    for copy in range(copies):
        events = _events(source, copy, f"lap {lap}")
        events = events.take(events.occurred // DAY == again // DAY)
        occurred = events.occurred + (begin - again)
        arrived = _soon(occurred, events.luck, end)
        late = fractions(events.luck, "late") < LATE
        days = 1 + (fractions(events.luck, "wait") < 0.4)
        parts.append(_delivered(events, copy, np.where(late, occurred - days * DAY, occurred), arrived, end))
    return _in_order(parts)


def laps(source: Source, today: date, day: date) -> int:
    """How often the data has been told by that day: 1 for the days after the replay's last, 364 days long."""
    return -(-(day - today).days // source.lap_days)


def day_start(day: date) -> int:
    """Milliseconds since 1970 when a day begins, UTC."""
    return (day - date(1970, 1, 1)).days * DAY


def _events(source: Source, copy: int, lap: str) -> _Events:
    """Every basket, exposure and redemption of the year at its own time, a copy of the customers a little later."""
    numbers = {n: source.exposures[n].to_numpy() for n in ("campaign_id", "household_id")}
    ids = (
        source.baskets["basket_id"].to_numpy(),
        numbers["campaign_id"] * 100_000 + numbers["household_id"],
        np.arange(source.redemptions.num_rows),
    )
    times = [_milliseconds(t["occurred_at"]) for t in (source.baskets, source.exposures, source.redemptions)]
    # Of exposures the data has the day, of redemptions the basket: a send takes half an hour, a coupon a minute.
    for kind, spread in ((EXPOSURE, 1_800_000), (REDEMPTION, 60_000)):
        times[kind] = times[kind] + (fractions(ids[kind], f"spread {kind}") * spread).astype(np.int64)
    return _Events(
        kind=np.concatenate([np.full(len(i), kind, np.int64) for kind, i in enumerate(ids)]),
        row=np.concatenate([np.arange(len(i), dtype=np.int64) for i in ids]),
        occurred=np.concatenate(times) + copy * COPY_SHIFT,
        luck=np.concatenate([keys(i, f"{lap}, copy {copy}, kind {kind}") for kind, i in enumerate(ids)]),
    )


def _soon(occurred: Numbers, luck: Keys, end: int) -> Numbers:
    """Most records arrive within three seconds."""
    return np.minimum(occurred + 200 + (fractions(luck, "network") * 2_800).astype(np.int64), end - 1)


def _delivered(events: _Events, copy: int, occurred: Numbers, arrived: Numbers, end: int) -> Timeline:
    """The records once each, and then the second deliveries and the broken ones."""
    sound = Timeline(
        events.kind, events.row, np.full(len(occurred), copy), occurred, arrived, arrived, np.full(len(occurred), SOUND)
    )
    luck = events.luck
    hours = fractions(luck, "again after") ** 3 * TWICE_HOURS  # mostly soon: half of them within six hours
    retry = arrived + 1_000 + (hours * (HOUR - 100)).astype(np.int64)
    retry = np.where(retry < end, retry, np.minimum(arrived + 1_000, end - 1))
    twice = replace(sound, delivered=retry, flaw=np.full(len(occurred), AGAIN))
    flaws = keys(luck, "flaw").astype(np.int64) % len(FLAWS)
    return _together(
        sound,
        twice.take(fractions(luck, "twice") < TWICE),
        replace(sound, flaw=flaws).take(fractions(luck, "broken") < BROKEN),
    )


def _together(*parts: Timeline) -> Timeline:
    return Timeline(*(np.concatenate([getattr(p, f.name) for p in parts]) for f in fields(Timeline)))


def _in_order(parts: list[Timeline]) -> Timeline:
    whole = _together(*parts)
    return whole.take(np.lexsort((whole.flaw, whole.copy, whole.row, whole.kind, whole.delivered)))


def _milliseconds(times: pa.ChunkedArray) -> Numbers:
    return np.asarray(times.cast(pa.timestamp("ms")).cast(pa.int64()).to_numpy(), np.int64)
