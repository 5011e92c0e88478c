"""What came in: events, the partner's audience, and who belongs together."""

from collections import Counter
from typing import Any

from segment_assets.clean_room.tables import PARTNERS_ROWS, QUERY_LOG, result_table
from segment_assets.collaboration_config import Collaboration
from segment_assets.dashboards.datasets import DataSet, Reader, Row, Value
from segment_assets.dashboards.disclosure import breakdown, histogram, part, people, share
from segment_assets.dashboards.groups import MOST_GROUPS, columns_of, is_id, is_list, minimum_group
from segment_assets.first_party.tables import ARRIVAL_DAYS, CUSTOMERS, ENGAGEMENT_EVENTS, NO_DAY
from segment_assets.identity.tables import HOUSEHOLDS, IDENTITY_EDGES, PERSONS
from segment_assets.lake import Table
from segment_assets.segmentation import Segmentation

PERSON_RULES = {
    "alone": "No shared identifier: a person of their own",
    "same_email": "Same e-mail address",
    "two_identifiers": "A telephone and a device in common",
    "quarantined": "Quarantined: of a cluster too large to be one person",
}


def result(query: str) -> Table:
    """A clean-room result whose columns the query decides; enough to find it."""
    return result_table(query, [], (), "")


def engagement(reader: Reader) -> dict[str, DataSet]:
    """What was delivered, and what became of it."""
    days = reader.ask("arrivals", arrival_days=ARRIVAL_DAYS)
    good, delivered = sum(d["good"] for d in days), sum(d["delivered"] for d in days)
    dated = [d for d in days if d["day"] != NO_DAY]
    events = reader.count(ENGAGEMENT_EVENTS)
    counted = reader.exists(ENGAGEMENT_EVENTS)
    totals: Row = {
        "customers": reader.count(CUSTOMERS) if reader.exists(CUSTOMERS) else None,
        "events": events if counted else None,
        "delivered": delivered,
        "duplicates": good - events if counted else None,
        "quarantined": delivered - good,
    }
    return {
        "delivery": reader.dataset([totals] if days else [], ARRIVAL_DAYS, ENGAGEMENT_EVENTS, CUSTOMERS),
        "arrivals": reader.dataset(dated, ARRIVAL_DAYS),
        "arrival_months": reader.dataset(_months(dated), ARRIVAL_DAYS),
    }


def partner(reader: Reader, config: Segmentation) -> dict[str, DataSet]:
    """What the partner adds, and what asking for it cost."""
    if config.audience is None or config.collaboration is None:
        return {}
    queries = config.collaboration.queries
    found: dict[str, DataSet] = {"partner": _match(reader, config.collaboration)}
    days = reader.ask("query_days", query_log=QUERY_LOG)
    spent: list[Row] = [
        {
            "total": sum(d["spent"] for d in days),
            "on_last_day": d["spent"],
            "budget": config.collaboration.queries_per_day,
        }
        for d in days[:1]
    ]
    found["query_budget"] = reader.dataset(spent, QUERY_LOG)
    found["queries"] = reader.dataset(reader.ask("queries", query_log=QUERY_LOG), QUERY_LOG)
    for name in queries:
        if minimum_group(config.collaboration, name) is not None:
            found[f"query/{name}"] = _groups(reader, name)
    return found


def identity(reader: Reader) -> dict[str, DataSet]:
    """Persons and households."""
    rules = {r["rule"]: r for r in reader.ask("persons", persons=PERSONS)}
    households = {r["size"]: r["households"] for r in reader.ask("households", households=HOUSEHOLDS)}
    guards = reader.ask("guarded", identity_edges=IDENTITY_EDGES)
    customers = breakdown({name: r["customers"] for name, r in rules.items()}, blur=["alone"])
    totals: Row = {
        "customers": sum(r["customers"] for r in rules.values()),
        "persons": reader.ask("distinct_persons", persons=PERSONS)[0]["persons"],
        "households": sum(households.values()),
        "quarantined": customers.get("quarantined", people(0)),
        "apart": people(reader.ask("quarantined_persons", households=HOUSEHOLDS)[0]["persons"]),
        "guarded": sum(g["identifiers"] for g in guards),
    }
    by_rule: list[Row] = [
        {"rule": PERSON_RULES.get(name, name), "customers": count} for name, count in sorted(customers.items())
    ]
    sizes: list[Row] = [{"size": label, "households": count} for label, count in histogram(households).items()]
    return {
        "identity": reader.dataset([totals] if rules and households else [], PERSONS, HOUSEHOLDS, IDENTITY_EDGES),
        "person_rules": reader.dataset(by_rule, PERSONS),
        "household_sizes": reader.dataset(sizes, HOUSEHOLDS),
    }


def _months(days: list[dict[str, Any]]) -> list[Row]:
    counted = ("delivered", "good", "quarantined")
    months: dict[str, Counter[str]] = {}
    for row in days:
        counts = months.setdefault(f"{row['day']:%Y-%m}", Counter())
        counts.update({"days": 1} | {name: row[name] for name in counted})
    return [{"month": month} | {name: counts[name] for name in ("days", *counted)} for month, counts in months.items()]


def _match(reader: Reader, collaboration: Collaboration) -> DataSet:
    lists = [name for name in collaboration.queries if is_list(collaboration, name)]
    query = next((name for name in lists if reader.exists(result(name))), None)
    if query is None:
        return reader.dataset([], *(result(name) for name in lists[:1]))
    [counts] = reader.ask("matched", result=result(query), customers=CUSTOMERS)
    # Several customers may have one address: the partner's people are counted by the hash that the query joins on.
    named = columns_of(collaboration, query) - {"customer_id"}
    matched = min((counts[name] for name in counts if name in named), default=counts["customer_id"])
    # Of the partner's own table we may know how long it was when the query read it, and nothing else.
    told = reader.lake.inputs(result(query)).get(PARTNERS_ROWS)
    rows, customers = int(told) if told else None, reader.count(CUSTOMERS)
    row: Row = {
        "audience": rows,
        "matched": people(matched) if rows is None else part(matched, rows),
        "match_rate": None if rows is None else share(matched, rows),
        "coverage": share(counts["customer_id"], customers),
    }
    return reader.dataset([row], result(query), CUSTOMERS)


def _groups(reader: Reader, query: str) -> DataSet:
    table = result(query)
    if not reader.exists(table):
        return reader.dataset([], table)
    with reader.lake.connect(table) as db:
        # Every column orders: the result's key is not known here, and equal rows are equal in any order.
        shown = db.sql(f'SELECT * FROM "{table.short_name}" ORDER BY ALL LIMIT {MOST_GROUPS}').to_arrow_table()
    # The table may be of an earlier query of this name, which listed people.
    found = [] if any(map(is_id, shown.column_names)) else shown.to_pylist()
    rows: list[dict[str, Value]] = [
        {k: v if v is None or isinstance(v, int | float) else str(v) for k, v in r.items()} for r in found
    ]
    return reader.dataset(rows, table)
