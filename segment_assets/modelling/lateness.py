"""How late outcomes come: a label is whole only when its horizon has ended and its events have arrived.

Without this the newest cutoffs would hold the outcomes that came early and miss the rest. Calibration uses the newest
one, so with events that come 10 to 50 days late scores were a third of the truth.
"""

from datetime import date, datetime, timedelta

import pyarrow as pa

from segment_assets.first_party.tables import ENGAGEMENT_EVENTS
from segment_assets.lake import Lake
from segment_assets.sql import bind, load, to_duckdb

# Of a hundred outcomes so many may come later than we wait: they move a rate of 20 % by less than half a point.
STRAGGLERS = 0.02
# What comes in the night after, or with the next day's file, is on time.
ON_TIME = timedelta(days=1)
# The newest events are left out: of them only those are known that came early. A season is enough to see who is late.
_TO_COME = timedelta(days=84)
# How events came long ago says little of today.
_LATELY = timedelta(days=365)


def measure(lake: Lake, event: str, first: date, clock: date) -> timedelta:
    """How long to wait, after a horizon has ended, until nearly all events of a name are known.

    Args:
        lake: with the events.
        event: the target's, as it is written in `segmentation.yaml`.
        first: the day the first of them was known.
        clock: the last day of the data.
    """
    start, end = window(first, clock)
    asked = bind(load(__package__, "lateness"), {"event": event, "first": _midnight(start), "until": _midnight(end)})
    with lake.connect(ENGAGEMENT_EVENTS) as db:
        return wait(db.sql(to_duckdb(asked)).to_arrow_table())


def window(first: date, clock: date) -> tuple[date, date]:
    """Of which days events are looked at, the last one exclusive.

    Not before the first day: what happened earlier came with the first load, however late that was. Where there is
    little history, its older half: of those events we have waited as long as the newer half lasts.
    """
    end = clock - min(_TO_COME, timedelta(days=(clock - first).days // 2))
    return max(first, end - _LATELY), end


def wait(counts: pa.Table) -> timedelta:
    """The fewest days by which all but a few events were known; zero where that is a day.

    Args:
        counts: `days` late, and `n` events that were. A single event is no habit, however few there are.
    """
    rows = sorted(((r["days"], r["n"]) for r in counts.to_pylist()), reverse=True)
    later, allowed = 0, max(1, int(STRAGGLERS * sum(n for _, n in rows)))
    for days, n in rows:
        later += n
        if later > allowed:
            late = timedelta(days=days)
            return late if late > ON_TIME else timedelta(0)
    return timedelta(0)


def _midnight(day: date) -> datetime:
    return datetime.combine(day, datetime.min.time())
