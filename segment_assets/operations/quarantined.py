"""What could not be read, as the screen tells it: the reasons, and deliveries of which nothing was read."""

from collections.abc import Iterator
from dataclasses import dataclass

import pyarrow.compute as pc

from segment_assets.first_party.tables import ARRIVAL_DAYS, QUARANTINED_RECORDS, RAW_EVENTS
from segment_assets.lake import Lake, Table
from segment_assets.landing_config import EventsLanding, Landing

SHOWN = 3
# Reason -> the key of a table of one's own that says how such values are written.
KEYS = {"bad_time": "time_format", "not_a_number": "decimal"}


@dataclass(frozen=True)
class Unread:
    """A delivery of which every record is in quarantine.

    Attributes:
        object_key: where it lies in the landing place.
        records: how many it has.
        reason: of most of them.
    """

    object_key: str
    records: int
    reason: str


def reasons(lake: Lake, table: Table) -> list[str]:
    """The most frequent reasons in a table of quarantined records, each with its share of them."""
    with lake.connect(table) as db:
        counts = db.sql(
            f'SELECT reason, count(*) AS n FROM "{table.short_name}" GROUP BY reason ORDER BY n DESC, reason'
        ).fetchall()
    whole = sum(count for _, count in counts)
    lines = [f"{count:,} of {whole:,}: {reason}" for reason, count in counts[:SHOWN]]
    rest = sum(count for _, count in counts[SHOWN:])
    return [*lines, f"{rest:,} of {whole:,}: other reasons"] if rest else lines


def unread(lake: Lake) -> list[Unread]:
    """Objects with events of which nothing could be read, the largest first.

    What is quarantined of an object lies on a day of its good records, where it has any.
    """
    with lake.connect(QUARANTINED_RECORDS, ARRIVAL_DAYS) as db:
        # Positions are of good and bad records: where bad ones alone reach the highest, the rest may be good, or not.
        perhaps = db.sql(
            "SELECT arrival_date, object_key, count(*) AS records, mode(reason) AS reason FROM quarantined_records "
            "JOIN arrival_days USING (arrival_date) WHERE objects > 0 "
            "GROUP BY arrival_date, object_key HAVING records = max(position) + 1"
        ).to_arrow_table()
    if not perhaps.num_rows:
        return []
    days = pc.min_max(perhaps["arrival_date"]).as_py()
    with lake.connect(RAW_EVENTS, between=(days["min"], days["max"]), perhaps=perhaps) as db:
        found = db.sql(
            "SELECT object_key, records, reason FROM perhaps ANTI JOIN raw_events USING (arrival_date, object_key) "
            "ORDER BY records DESC, object_key"
        ).fetchall()
    return [Unread(*row) for row in found]


def warnings(lake: Lake, landing: Landing) -> Iterator[str]:
    """A sentence for each of the largest deliveries of which nothing was read: what, why, how to mend it."""
    lost = unread(lake)
    for each in lost[:SHOWN]:
        mend = _mend(landing.events, each)
        yield (
            f"Nothing of {each.object_key} could be read: {_all(each)}. "
            f'To mend it, {mend}; to look at them: segment-assets sql "SELECT * FROM raw.quarantined_records"'
        )
    if len(lost) > SHOWN:
        yield f"Nothing of {len(lost) - SHOWN:,} more objects could be read."


def _mend(landing: EventsLanding, unread: Unread) -> str:
    if unread.reason == "no_source":
        return "name its path under landing.events.sources, or move it away"
    key = KEYS.get(unread.reason)
    tables = (place for place, one in landing.by_place.items() if one.table and unread.object_key.startswith(one.path))
    place = next(tables, None)
    return f"say how they are written under {place}.table.{key}" if place and key else "docs/quarantine.md says how"


def _all(each: Unread) -> str:
    if each.records == 1:
        return f"its one record is in quarantine as {each.reason}"
    return f"all {each.records:,} records are in quarantine, most as {each.reason}"
