"""Raw events in the lake: a day is replaced whole, and accounts for every record delivered."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import date

import pyarrow as pa
import pyarrow.compute as pc

from segment_assets.first_party import staged_events
from segment_assets.first_party.engagement import stale_days
from segment_assets.first_party.loading import Loaded
from segment_assets.first_party.tables import ARRIVAL_DAYS, ENGAGEMENT_EVENTS, QUARANTINED_RECORDS, RAW_EVENTS
from segment_assets.lake import Lake, Table, Written, combined


def states(lake: Lake) -> dict[Table, Written]:
    """The tables as they are. To be asked before the landing place is listed: `write` then knows who came between."""
    return {table: lake.state(table) for table in (QUARANTINED_RECORDS, RAW_EVENTS, ARRIVAL_DAYS)}


def write(
    lake: Lake, loaded: Loaded, run_id: str, code: str = "", before: Mapping[Table, Written] | None = None
) -> dict[str, str]:
    """Write the days and return the version of each.

    Three commits; `arrival_days` comes last, so that a day it names is complete. A kill between them leaves days that
    the next run writes again, to the same content.

    Args:
        lake: to write to.
        loaded: the days.
        run_id: recorded in the snapshots.
        code: version of the code and mapping that read them. Where it is given, what the records mean is kept for the
            next step, of the days that it will make again.
        before: the tables as they were before the landing place was listed; default: as they are now.

    Raises:
        CommitFailedException: another run wrote one of the days since, perhaps from a newer listing; nothing of these
            was written.
    """
    before = before or states(lake)
    lake.refuse_if_overtaken(before, loaded.days)
    days = account(loaded)
    latest = _latest_day([lake.read(ARRIVAL_DAYS), days], loaded.days)
    written = [
        lake.replace(
            QUARANTINED_RECORDS, loaded.quarantined, run_id, as_of=latest, replacing=before[QUARANTINED_RECORDS]
        ),
        lake.replace(RAW_EVENTS, loaded.raw, run_id, as_of=latest, replacing=before[RAW_EVENTS]),
        lake.write(ARRIVAL_DAYS, days, run_id, partitions=loaded.days, as_of=latest, replacing=before[ARRIVAL_DAYS]),
    ]
    staged_events.forget(lake.scratch, loaded.days)
    if code:
        # Of the others nobody would take it, and it would stay.
        wanted = stale_days(written[1].versions, lake.inputs(ENGAGEMENT_EVENTS), code)
        kept = {day: files for day, files in loaded.events.items() if str(day) in wanted}
        staged_events.keep(lake.scratch, kept, written[1].versions, code)
    return {str(day): combined({w.table.name: w.versions[str(day)] for w in written}) for day in sorted(loaded.days)}


def loaded_from(lake: Lake, objects: Collection[str]) -> set[date]:
    """The days that hold something of some objects, by their keys."""
    keys = pa.table({"object_key": pa.array(objects, pa.string())})
    with lake.connect(RAW_EVENTS, QUARANTINED_RECORDS, keys=keys) as db:
        found = db.sql(
            "SELECT arrival_date FROM raw_events SEMI JOIN keys USING (object_key) UNION "
            "SELECT arrival_date FROM quarantined_records SEMI JOIN keys USING (object_key)"
        ).fetchall()
    return {day for (day,) in found}


def account(loaded: Loaded) -> pa.Table:
    """Rows of arrival_days: what was delivered on each day, and where it is now."""
    good, bad = ([part[day].rows for day in loaded.days] for part in (loaded.raw, loaded.quarantined))
    columns = {
        "arrival_date": loaded.days,
        "objects": [loaded.objects[day] for day in loaded.days],
        "delivered": [sum(both) for both in zip(good, bad, strict=True)],
        "good": good,
        "quarantined": bad,
    }
    return pa.table(columns, schema=ARRIVAL_DAYS.schema)


def _latest_day(known: Iterable[pa.Table], replaced: Iterable[date]) -> date | None:
    """The last arrival day that has objects: the clock of everything below."""
    before, now = known
    again = pa.array(list(replaced), pa.date32())
    kept = before.filter(pc.invert(pc.is_in(before["arrival_date"], value_set=again)))
    present = [t.filter(pc.greater(t["objects"], 0))["arrival_date"] for t in (kept, now)]
    return max((d for column in present for d in column.to_pylist()), default=None)


@dataclass(frozen=True)
class Count:
    """One arrival day as the lake holds it.

    Attributes:
        objects: landing objects that delivered something.
        delivered: records counted while reading.
        good: rows of raw_events.
        quarantined: rows of quarantined_records.
    """

    objects: int
    delivered: int
    good: int
    quarantined: int

    @property
    def nothing_lost(self) -> bool:
        """The law: delivered = good + quarantined."""
        return self.delivered == self.good + self.quarantined


def verify(lake: Lake, loaded: Loaded) -> dict[str, Count]:
    """Count the days again: what was counted while reading, beside what the tables' files hold."""
    stated = {r["arrival_date"]: r for r in lake.read(ARRIVAL_DAYS).to_pylist()}
    good, bad = (lake.rows_of(table, loaded.days) for table in (RAW_EVENTS, QUARANTINED_RECORDS))
    return {
        str(day): Count(stated[day]["objects"], stated[day]["delivered"], good.get(day, 0), bad.get(day, 0))
        for day in loaded.days
    }
