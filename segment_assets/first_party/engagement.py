"""Engagement events from raw events: only days are made again whose outcome can differ."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
import pyarrow as pa

from segment_assets.first_party.formats import Format
from segment_assets.first_party.tables import ARRIVAL_DAYS, ENGAGEMENT_EVENTS, RAW_EVENTS
from segment_assets.lake import Lake, Written, combined
from segment_assets.lake.workers import one_ahead, spread
from segment_assets.sql import bind, load, to_duckdb

# Copies are searched in the 96 hours before: 72 for carriers' receipts, 24 for Firehose's retries.
WINDOW = 4
# Records normalised and written at once: about 80 MB with their events, and twice that while the next come.
CHUNK = 50_000
# Records that one process normalises at a time: about a second. More than one such part is worth a second process.
PART = 12_000


@dataclass(frozen=True)
class Account:
    """Where every good record went, over the whole table; the names are those of `event_account.sql`.

    Attributes:
        good: records in raw_events.
        events: rows of engagement_events.
        duplicates: copies of a record that arrived in the 96 hours before.
        probes: test records of the event stream, without their copies.
        keys: distinct keys of engagement_events.
        unknown_types: events of AWS's own whose type has no name in the vocabulary.
        late: events known more than 24 hours after they occurred.
        in_future: events that occurred more than 5 minutes after they were received.
        without_user: events that name no customer.
    """

    good: int
    duplicates: int
    probes: int
    events: int
    keys: int
    unknown_types: int
    late: int
    in_future: int
    without_user: int

    @property
    def nothing_lost(self) -> bool:
        """The law: good = events + duplicates + probes."""
        return self.good == self.events + self.duplicates + self.probes


def stale_days(raw: Mapping[str, str], made_from: Mapping[str, str], code: str) -> dict[str, str]:
    """Days whose events can differ from those in the table, with the version of what they are to be made from.

    Args:
        raw: day -> content version of raw_events.
        made_from: the same as this function gave it, for the days in the table.
        code: version of the code and configuration.
    """
    wanted = {day: _made_from(raw, date.fromisoformat(day), code) for day in sorted(raw)}
    return {day: version for day, version in wanted.items() if made_from.get(day) != version}


def update(
    lake: Lake, form: Format, code: str, run_id: str, asked: tuple[date, date] | None = None
) -> tuple[Written, int]:
    """Make the stale days again: the table as it is then, and how many days were made.

    Args:
        lake: with raw events.
        form: what their records mean.
        code: version of the code and configuration.
        run_id: recorded in the snapshots.
        asked: first and last of the days that are to be made again, stale or not, and no other.
    """
    raw = lake.state(RAW_EVENTS).versions
    stale = stale_days(raw, {} if asked else lake.inputs(ENGAGEMENT_EVENTS), code)
    if asked:
        stale = {day: version for day, version in stale.items() if str(asked[0]) <= day <= str(asked[1])}
    as_of = lake.as_of(RAW_EVENTS)
    if not stale and not lake.state(ENGAGEMENT_EVENTS).versions:
        lake.write(ENGAGEMENT_EVENTS, ENGAGEMENT_EVENTS.empty(), run_id, partitions=[], as_of=as_of)
    chunks = _chunks(lake, [date.fromisoformat(day) for day in stale])
    for days, events in one_ahead((days, normalised(form, unique_records(lake, days))) for days in chunks):
        made_from = {str(day): stale[str(day)] for day in days}
        lake.write(ENGAGEMENT_EVENTS, events, run_id, partitions=days, inputs=made_from, as_of=as_of)
    return lake.state(ENGAGEMENT_EVENTS), len(stale)


def unique_records(lake: Lake, days: list[date]) -> pa.Table:
    """Rows of raw_events that arrived on the days, without copies, in key order."""
    tree = bind(
        load("segment_assets.first_party", "unique_records"),
        {"first": min(days) - timedelta(days=WINDOW), "last": max(days), "window": WINDOW},
    )
    wanted = pa.table({"arrival_date": pa.array(days, pa.date32())})
    with lake.connect(RAW_EVENTS, wanted_days=wanted) as db:
        return db.sql(to_duckdb(tree)).to_arrow_table()


def normalised(form: Format, records: pa.Table) -> pa.Table:
    """Rows of raw_events as rows of engagement_events, in the same order."""
    if records.num_rows <= PART:
        return form.normalise(records)
    rows = np.arange(records.num_rows)
    parts = (records.take(rows[at : at + PART]) for at in range(0, records.num_rows, PART))
    return pa.concat_tables(spread(form.normalise, parts, worthwhile=True))


def account(lake: Lake) -> Account:
    """Count where every good record went."""
    tree = bind(load("segment_assets.first_party", "event_account"), {"window": WINDOW})
    with lake.connect(RAW_EVENTS, ENGAGEMENT_EVENTS) as db:
        counts = db.sql(to_duckdb(tree)).to_arrow_table().to_pylist()[0]
    return Account(**{name: int(count or 0) for name, count in counts.items()})


def _made_from(raw: Mapping[str, str], day: date, code: str) -> str:
    window = (str(day - timedelta(days=back)) for back in range(WINDOW + 1))
    # The code stands apart: which days another mapping made can be told without what they were made from.
    return f"{code}:{combined({d: raw[d] for d in window if d in raw})}"


def _chunks(lake: Lake, days: list[date]) -> Iterator[list[date]]:
    good = lake.read(ARRIVAL_DAYS, ["arrival_date", "good"])
    weights = dict(zip(good["arrival_date"].to_pylist(), good["good"].to_pylist(), strict=True))
    chunk: list[date] = []
    held = 0
    for day in sorted(days):
        if chunk and held + weights.get(day, 0) > CHUNK:
            yield chunk
            chunk, held = [], 0
        chunk.append(day)
        held += weights.get(day, 0)
    if chunk:
        yield chunk


def departures(lake: Lake, names: Collection[str]) -> list[str]:
    """In what the table differs from its description: column names, types, and event names outside the vocabulary."""
    with lake.connect(ENGAGEMENT_EVENTS) as db:
        schema = db.sql("SELECT * FROM engagement_events LIMIT 0").to_arrow_table().schema
        found = db.sql("SELECT DISTINCT event_name FROM engagement_events ORDER BY event_name").to_arrow_table()
    # A query shows what is described; a column that the table lacks is a departure all the same.
    there = lake.columns(ENGAGEMENT_EVENTS)
    described, schema = ENGAGEMENT_EVENTS.schema, pa.schema([f for f in schema if f.name in there])
    columns = [
        f"column {n}" for n in dict.fromkeys([*described.names, *schema.names]) if _differs(n, described, schema)
    ]
    return columns + [f"event name {name}" for name in found["event_name"].to_pylist() if name not in names]


def _differs(name: str, described: pa.Schema, there: pa.Schema) -> bool:
    if name not in described.names or name not in there.names:
        return True
    return str(described.field(name).type) != str(there.field(name).type)
