"""What became of every good record, and in what the table of events differs from what it should be."""

from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from math import ceil
from typing import Any

import pyarrow as pa

from segment_assets.first_party import staged_events
from segment_assets.first_party.engagement import WINDOW
from segment_assets.first_party.tables import ENGAGEMENT_EVENTS, RAW_EVENTS
from segment_assets.lake import Lake, Table
from segment_assets.people.addresses import looks_like_an_address
from segment_assets.sql import bind, load, to_duckdb

# Records that are accounted for at once: 1 KB of each is held.
ACCOUNTED = 750_000


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
        of_nobody: events that name neither a customer nor an endpoint; by its endpoint an event finds its customer.
        suppress_nobody: events that close a channel, and name no address either.
    """

    good: int
    duplicates: int
    probes: int
    events: int
    keys: int
    unknown_types: int
    late: int
    in_future: int
    of_nobody: int
    suppress_nobody: int

    @property
    def nothing_lost(self) -> bool:
        """The law: good = events + duplicates + probes."""
        return self.good == self.events + self.duplicates + self.probes


def account(lake: Lake) -> Account:
    """Count where every good record went, some days at a time: memory does not grow with the table."""
    tree = load("segment_assets.first_party", "event_account")
    counts: Counter[str] = Counter()
    for days, (start, end) in _account_parts(lake):
        first, last = days[0] - timedelta(days=WINDOW), days[-1]
        ids = {"from_id": start, "to_id": end}
        bound = bind(tree, {"from_day": first, "first": days[0], "last": last, "window": WINDOW, **ids})
        with lake.connect(RAW_EVENTS, ENGAGEMENT_EVENTS, between=(first, last)) as db:
            [found] = db.sql(to_duckdb(bound)).to_arrow_table().to_pylist()
        by_day: dict[date, list[dict[str, Any]]] = {}
        for place in found.pop("others") or ():
            by_day.setdefault(place["arrival_date"], []).append(place)
        counts["probes"] += sum(_probes(lake, day, places) for day, places in by_day.items())
        counts.update({name: int(count or 0) for name, count in found.items()})
    return Account(**{name: counts[name] for name in Account.__dataclass_fields__})


def _account_parts(lake: Lake) -> Iterator[tuple[list[date], tuple[str, str]]]:
    """Days, and a range of ids: of every record one such part tells where it went. Each has so many records at most."""
    rows, events = _rows_by_day(lake, RAW_EVENTS), _rows_by_day(lake, ENGAGEMENT_EVENTS)
    days = sorted(rows | events)
    chunk: list[date] = []
    for number, day in enumerate(days):
        chunk.append(day)
        if number + 1 < len(days) and _held(rows, chunk[0], days[number + 1]) <= ACCOUNTED:
            continue
        shares = max(ceil(_held(rows, chunk[0], day) / ACCOUNTED), 1)
        for share in range(shares):
            yield chunk, (staged_events.floor(share, shares), staged_events.floor(share + 1, shares))
        chunk = []


def _held(rows: Mapping[date, int], first: date, last: date) -> int:
    """Records that are looked at where copies on some days are looked for."""
    return sum(count for day, count in rows.items() if first - timedelta(days=WINDOW) <= day <= last)


def _rows_by_day(lake: Lake, table: Table) -> dict[date, int]:
    return lake.rows_of(table, [date.fromisoformat(day) for day in lake.state(table).versions])


def _probes(lake: Lake, day: date, places: list[dict[str, Any]]) -> int:
    tree, told = bind(load("segment_assets.first_party", "probes"), {"day": day}), pa.Table.from_pylist(places)
    with lake.connect(RAW_EVENTS, between=(day, day), places=told) as db:
        return int(db.sql(to_duckdb(tree)).to_arrow_table()["probes"][0].as_py())


def perhaps_suppressions(lake: Lake, meant: Collection[str], path: str = "") -> dict[str, int]:
    """Events of a table of one's own that suppress nobody, though their names sound so: name -> how many.

    Args:
        lake: with the events.
        meant: names that the mapping gives: somebody said that they are these.
        path: prefix of the table's objects.
    """
    tree = bind(load("segment_assets.first_party", "perhaps_suppressions"), {"path": path})
    with lake.connect(ENGAGEMENT_EVENTS) as db:
        found = db.sql(to_duckdb(tree)).to_arrow_table().to_pylist()
    named = ((row["source_event_type"], row["events"]) for row in found)
    return {name: events for name, events in named if name not in meant and not looks_like_an_address(name)}


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
