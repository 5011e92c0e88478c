"""What the events in the lake keep of their contract, arrival day by arrival day."""

from dataclasses import replace
from datetime import date, timedelta

from segment_assets.contract_config import ColumnPromise, EventsContract
from segment_assets.first_party.tables import ARRIVAL_DAYS, ENGAGEMENT_EVENTS, QUARANTINED_RECORDS, RAW_EVENTS
from segment_assets.lake import Lake
from segment_assets.landing_config import EventsLanding
from segment_assets.promises import Finding, fresh, volume, worst
from segment_assets.sql import bind, load, to_duckdb

EXAMPLES = 3
LIMITS = ("late", "unknown_types", "in_future")
# What the engine would take beside what events may hold is left out: 1_000, infinity, epoch, years BC.
_FITS = {
    "number": "COALESCE(isfinite(TRY_CAST({0} AS DOUBLE)), FALSE) AND NOT contains({0}, '_')",
    "whole number": "regexp_full_match({0}, '[+-]?[0-9]+')",
    "time": "(regexp_full_match({0}, '([0-9]{{10}}|[0-9]{{13}}|[0-9]{{16}}|[0-9]{{19}})([.][0-9]+)?') OR "
    "(regexp_full_match({0}, '[0-9TZUC:. +-]+') AND TRY_CAST({0} AS TIMESTAMP) IS NOT NULL))",
}


def of_every_source(lake: Lake, landing: EventsLanding, today: date) -> tuple[list[Finding], str]:
    """What is promised of all events and of single sources, and where in segmentation.yaml to look at it.

    Args:
        lake: with the events as they were just written.
        landing: the sources and their contracts.
        today: by the clock, UTC.
    """
    found = {place: findings(lake, of, today, path) for place, (path, of) in landing.contracts.items()}
    broken = [place for place, its in found.items() if not all(one.kept for one in its)]
    if list(found) == ["landing.events.contract"]:
        return found["landing.events.contract"], "landing.events.contract"
    named = [replace(one, of=f"{place}: {one.of}") for place, its in found.items() for one in its]
    return named, " and ".join(broken or found)


def findings(lake: Lake, contract: EventsContract, today: date, path: str = "") -> list[Finding]:
    """Every promise that is made, with what was measured.

    Args:
        lake: with the events as they were just written.
        contract: the promises.
        today: by the clock, UTC.
        path: prefix of the objects that they are about; empty: every one.
    """
    delivered = _delivered(lake, path)
    newest = max(delivered, default=None)
    found = [fresh(newest, today, contract.fresh_within)] if contract.fresh_within else []
    if contract.volume:
        amounts = {day: row["delivered"] for day, row in delivered.items()}
        found += volume(amounts, today, contract.volume, "records")
    if newest is None:
        return found
    first = newest - contract.over + timedelta(days=1)
    recent = {day: row for day, row in delivered.items() if day >= first}
    return found + _shares(lake, contract, first, recent, path) + _columns(lake, contract, first, path)


def _delivered(lake: Lake, path: str) -> dict[date, dict[str, int]]:
    """Of each arrival day, what came: delivered, good and quarantined."""
    if not path:
        return {row["arrival_date"]: row for row in lake.read(ARRIVAL_DAYS).to_pylist() if row["objects"]}
    tree = bind(load("segment_assets.first_party", "source_days"), {"path": path})
    with lake.connect(RAW_EVENTS, QUARANTINED_RECORDS) as db:
        return {row["arrival_date"]: row for row in db.sql(to_duckdb(tree)).to_arrow_table().to_pylist()}


def _shares(
    lake: Lake, contract: EventsContract, first: date, recent: dict[date, dict[str, int]], path: str
) -> list[Finding]:
    tree = bind(load("segment_assets.first_party", "event_days"), {"first": first, "path": path})
    with lake.connect(ENGAGEMENT_EVENTS) as db:
        days = {row["arrival_date"]: row for row in db.sql(to_duckdb(tree)).to_arrow_table().to_pylist()}
    events = {day: days[day]["events"] if day in days else 0 for day in recent}
    found = []
    if contract.quarantined is not None:
        bad = {day: (row["quarantined"], row["delivered"]) for day, row in recent.items()}
        found.append(worst("quarantined", "no valid record", bad, contract.quarantined)[0])
    if contract.duplicates is not None:
        copies = {day: (row["good"] - events[day], row["good"]) for day, row in recent.items()}
        found.append(worst("duplicates", "copies or probes", copies, contract.duplicates)[0])
    for name in LIMITS:
        if (allowed := getattr(contract, name)) is not None:
            said = name.replace("_", " ")
            found.append(worst(name, said, {d: (r[name], r["events"]) for d, r in days.items()}, allowed)[0])
    return found


def _columns(lake: Lake, contract: EventsContract, first: date, path: str) -> list[Finding]:
    asked = [
        (name, what, condition, allowed)
        for name, promise in contract.columns.items()
        for what, condition, allowed in _conditions(name, promise)
    ]
    if not asked:
        return []
    counts = ", ".join(f"COUNT_IF({condition})" for _, _, condition, _ in asked)
    found = []
    with lake.connect(ENGAGEMENT_EVENTS) as db:
        days = db.execute(
            f"SELECT arrival_date, COUNT(*), {counts} FROM engagement_events WHERE arrival_date >= ? "
            "AND starts_with(raw_uri, ?) GROUP BY arrival_date ORDER BY arrival_date",
            [first, path],
        ).fetchall()
        for number, (name, what, condition, allowed) in enumerate(asked, start=2):
            finding, day = worst(name, what, {row[0]: (row[number], row[1]) for row in days}, allowed)
            such: tuple[str, ...] = ()
            if not finding.kept:
                rows = db.execute(
                    f"SELECT event_id FROM engagement_events WHERE arrival_date = ? AND starts_with(raw_uri, ?) "
                    f"AND {condition} ORDER BY event_id LIMIT {EXAMPLES}",
                    [day, path],
                ).fetchall()
                such = tuple(f"event_id {row[0]}" for row in rows)
            found.append(Finding(finding.of, finding.measured, finding.allowed, finding.kept, such))
    return found


def _conditions(name: str, promise: ColumnPromise) -> list[tuple[str, str, float]]:
    """What breaks the promise: in words, in SQL, and how much of it is allowed."""
    holder, _, key = name.partition(".")
    # What holds the key is a name of the schema; the key is whatever its source calls it: `_item_price`, `cartId`.
    quoted = key.replace("'", "''")
    value = f"\"{holder}\"['{quoted}']" if key else f'"{holder}"'
    empty = [("empty", f"{value} IS NULL", promise.nulls)]
    if promise.type is None:
        return empty
    return [*empty, (f"no {promise.type}", f"{value} IS NOT NULL AND NOT {_FITS[promise.type].format(value)}", 0.0)]
