"""Who said no keeps saying no: what suppresses is remembered when its record is in the landing place no more.

A rolling export is overwritten, a lifecycle rule removes a day, a file is moved away: engagement_events are made of
what lies there now, and the unsubscribe that lay there once would be forgotten.
"""

from collections.abc import Collection
from datetime import date

import pyarrow as pa
import pyarrow.compute as pc

from segment_assets.first_party.errors import LandingError
from segment_assets.first_party.gone import without_records
from segment_assets.first_party.tables import ENGAGEMENT_EVENTS, HEARD_SUPPRESSIONS
from segment_assets.lake import Lake, Written, combined
from segment_assets.lake.objects import printable
from segment_assets.people.addresses import without_addresses
from segment_assets.sql import load, to_duckdb

SHOWN = 5


def remember(lake: Lake, days: Collection[date], run_id: str) -> None:
    """Keep what suppresses and is about to leave engagement_events with its record: before the days are replaced.

    A record that is there still, and that a mended mapping reads as something else, is not kept: it is withdrawn. A
    kill behind it leaves events in both tables, of which the query counts one; done twice it adds nothing.

    Args:
        lake: with raw events as they are now, and engagement events as they were.
        days: that are about to be made again.
        run_id: recorded in the snapshot.

    Raises:
        CommitFailedException: another run remembered meanwhile.
    """
    before, first, last = lake.state(HEARD_SUPPRESSIONS), min(days), max(days)
    wanted = pa.table({"arrival_date": pa.array(sorted(days), pa.date32())})
    with lake.connect(ENGAGEMENT_EVENTS, HEARD_SUPPRESSIONS, between=(first, last), days=wanted) as db:
        tree = load("segment_assets.first_party", "leaving_suppressions")
        leaving = db.sql(to_duckdb(tree)).to_arrow_table()
    # Most come back at once, for the day was only added to.
    leaving = without_records(lake, "event_id", leaving, (first, last))
    if leaving.num_rows:
        known = lake.read(HEARD_SUPPRESSIONS)
        more = leaving.select(known.column_names).cast(known.schema)
        lake.write(HEARD_SUPPRESSIONS, pa.concat_tables([known, more]), run_id, replacing=before)


def forget(lake: Lake, object_key: str, run_id: str, *, dry_run: bool = False) -> dict[str, int]:
    """Take back what is remembered of an object that should never have landed: event name -> how many.

    Raises:
        LandingError: nothing is remembered of it.
        CommitFailedException: a run remembered meanwhile: nothing was taken back.
    """
    before, known = lake.state(HEARD_SUPPRESSIONS), lake.read(HEARD_SUPPRESSIONS)
    its = pc.equal(known["object_key"], object_key)
    found = known.filter(its)
    if not found.num_rows:
        raise LandingError(f"nothing is remembered of {printable(object_key)}: {_remembered(known)}")
    if not dry_run:
        lake.write(HEARD_SUPPRESSIONS, known.filter(pc.invert(its)), run_id, replacing=before)
    return {row["values"]: row["counts"] for row in pc.value_counts(found["event_name"]).to_pylist()}


def heard_with(events: Written, heard: Written) -> str:
    """The version of engagement_events: what rests on them is decided anew when something is taken back."""
    return combined({"events": events.version, "heard": heard.version}) if heard.rows else events.version


def _remembered(known: pa.Table) -> str:
    keys = pc.unique(known["object_key"]).sort().to_pylist()
    if not keys:
        return "no unsubscribe, complaint or bounce is; what lies in the landing place counts as long as it lies there"
    shown = ", ".join(without_addresses(printable(key)) for key in keys[:SHOWN])
    return f"objects of which something is are {shown}{f' and {len(keys) - SHOWN:,} more' * (len(keys) > SHOWN)}"
