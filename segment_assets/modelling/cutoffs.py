"""The days features are built as of, and which age of an event falls into which window."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import date, timedelta

import pyarrow as pa

from segment_assets.segmentation import Target

EPOCH = date(1970, 1, 1)
WINDOWS = (7, 14, 28, 56, 84, 365)
# Before this much history there is too little behind a cutoff to learn from.
WARM_UP = timedelta(days=28)
# More than two years of four weeks, so that a year's value can be learnt: three cutoffs lie a horizon apart. Still more
# would cost time for behaviour that is long past.
MOST_CUTOFFS = 30
# A bucket's days are a bit mask in one 64-bit word, whose sign bit stays free.
_LONGEST_BUCKET = 63


def scoring_cutoff(clock: date) -> date:
    """The newest cutoff: all that arrived up to and including the last day of the data counts."""
    return clock + timedelta(days=1)


def past_cutoffs(
    every: timedelta, first: date | None, clock: date, known_after: timedelta = timedelta(0)
) -> list[date]:
    """Past days on a grid that starts in 1970, not at the clock, so that history stays as it was.

    The newest `MOST_CUTOFFS`, and as many whose outcome is known: were those still open counted, a horizon as long as
    all of them would leave none to learn from.

    Args:
        every: distance between them.
        first: the day the first event was known; None for no events.
        clock: the last day of the data.
        known_after: from a cutoff to the day on which its outcome is known: the horizon, and how late outcomes come.
    """
    if first is None:
        return []
    step, newest = every.days, scoring_cutoff(clock)
    on_grid = [
        EPOCH + timedelta(days=day) for day in range((newest - EPOCH).days // step * step, (first - EPOCH).days, -step)
    ]
    known = [c for c in on_grid if c + known_after <= newest]
    return sorted(c for c in {*on_grid[:MOST_CUTOFFS], *known[:MOST_CUTOFFS]} if c - WARM_UP >= first)


def least_steps(every: timedelta, horizon: timedelta, late: timedelta = timedelta(0)) -> int:
    """Steps of the grid from a cutoff to fit on, over one to calibrate on, to one to test on; see `split`."""
    return -(-horizon // every) + -(-(horizon + late) // every)


@dataclass(frozen=True)
class Split:
    """Cutoffs to fit on and the later one to calibrate on."""

    fit: list[date]
    calibrate: date


def split(cutoffs: Iterable[date], horizon: timedelta, before: date, late: timedelta = timedelta(0)) -> Split | None:
    """What may be used before a day; None where it is not enough.

    Args:
        cutoffs: that have examples.
        horizon: from a cutoff to the end of what is predicted.
        before: the day.
        late: how much later than they happen outcomes are known. Of what is fitted and calibrated all must be known
            before the day; between the two it is enough that their horizons do not overlap.
    """
    known = [c for c in sorted(cutoffs) if c + horizon + late <= before]
    earlier = [c for c in known if c + horizon <= known[-1]]
    return Split(earlier, known[-1]) if earlier else None


def windows(targets: Iterable[Target]) -> tuple[int, ...]:
    """Window lengths in days that fit into the longest history asked for; always at least the shortest."""
    history = max((t.history.days for t in targets), default=WINDOWS[-1])
    return tuple(w for w in WINDOWS if w <= history) or WINDOWS[:1]


def buckets(lengths: Collection[int]) -> list[tuple[int, int]]:
    """First and last age of each bucket; every window is a whole number of buckets."""
    found: list[tuple[int, int]] = []
    start = 1
    for length in sorted(lengths):
        while start <= length:
            end = min(length, start + _LONGEST_BUCKET - 1)
            found.append((start, end))
            start = end + 1
    return found


def ages(cutoffs: Iterable[date], lengths: Collection[int]) -> pa.Table:
    """One row per cutoff and day that lies in its longest window.

    Columns: `cutoff`, `day`, `age` (calendar days from the day to the cutoff: yesterday is 1), `bucket` (0 is the
    newest), `bit` (the day's place in the bucket's mask).
    """
    rows = [
        (cutoff, cutoff - timedelta(days=age), age, number, age - start)
        for cutoff in cutoffs
        for number, (start, end) in enumerate(buckets(lengths))
        for age in range(start, end + 1)
    ]
    columns = list(zip(*rows, strict=True)) or [()] * 5
    kinds = [pa.date32(), pa.date32(), pa.int32(), pa.int32(), pa.int32()]
    names = ["cutoff", "day", "age", "bucket", "bit"]
    return pa.table([pa.array(c, k) for c, k in zip(columns, kinds, strict=True)], names=names)
