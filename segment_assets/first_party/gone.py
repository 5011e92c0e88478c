"""Objects of the landing place that are gone, or hold nothing any more: their events leave, and somebody is to know."""

from datetime import date

import pyarrow as pa
import pyarrow.compute as pc

from segment_assets.first_party.tables import ENGAGEMENT_EVENTS, QUARANTINED_RECORDS, RAW_EVENTS
from segment_assets.lake import Lake


def without_records(lake: Lake, column: str, these: pa.Table, days: tuple[date, date]) -> pa.Table:
    """Those of the rows of which raw events hold no record any more, told by one of their columns.

    Args:
        lake: with raw events as they are now.
        column: event_id or object_key.
        these: rows with that column.
        days: where most of them are: of all days only the files for the rest are opened.
    """
    for between in (days, None):
        if not these.num_rows:
            break
        with lake.connect(RAW_EVENTS, between=between, these=these) as db:
            there = db.sql(f"SELECT DISTINCT {column} FROM raw_events SEMI JOIN these USING ({column})")
            known = there.to_arrow_table()[column].combine_chunks()
        these = these.filter(pc.invert(pc.is_in(these[column], value_set=known)))
    return these


def leaving(lake: Lake, days: list[date]) -> dict[str, int]:
    """Objects whose events are about to leave, for nothing of them lies there any more: key -> how many, most first.

    Args:
        lake: with raw events as they are now, and engagement events as they were.
        days: that are about to be made again.
    """
    if not days:
        return {}
    first, last = min(days), max(days)
    wanted = pa.table({"arrival_date": pa.array(days, pa.date32())})
    with lake.connect(ENGAGEMENT_EVENTS, between=(first, last), days=wanted) as db:
        every = db.sql(
            "SELECT DISTINCT raw_uri AS object_key FROM engagement_events SEMI JOIN days USING (arrival_date)"
        )
        gone = without_records(lake, "object_key", every.to_arrow_table(), (first, last))
        if not gone.num_rows:
            return {}
        db.register("gone", gone)
        held = db.sql(
            "SELECT raw_uri AS object_key, event_id FROM engagement_events SEMI JOIN days USING (arrival_date) "
            "SEMI JOIN gone ON gone.object_key = raw_uri"
        )
        events = held.to_arrow_table()
    # Of an object that was only given another name nothing leaves.
    events = without_records(lake, "event_id", events, (first, last))
    with lake.connect(QUARANTINED_RECORDS, events=events) as db:  # of what is there altogether something else is told
        found = db.sql(
            "SELECT object_key, COUNT(*) AS events FROM events ANTI JOIN quarantined_records USING (object_key) "
            "GROUP BY object_key ORDER BY events DESC, object_key"
        )
        return dict(found.fetchall())
