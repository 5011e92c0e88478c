"""Suppression: who must not be written to again, whatever they once agreed to."""

from datetime import datetime

import duckdb
import pyarrow as pa
from sqlglot import exp

from segment_assets.sql import bind, load, to_duckdb

EVENT_COLUMNS = (
    "user_id", "endpoint_id", "address_hash", "channel", "event_name", "is_suppression", "received_at", "event_id",
)  # fmt: skip
ENDPOINT_COLUMNS = ("customer_id", "endpoint_id", "address_sha256")


def suppression_query(
    cutoff: datetime, events: str = "engagement_events", endpoints: str = "customer_endpoints"
) -> exp.Expr:
    """The query, for a step that has the tables in DuckDB already: `to_duckdb(suppression_query(cutoff))`.

    One row per customer and channel: customer_id, channel, reason, since. A customer is suppressed on a channel after
    an unsubscribe, a complaint that is not "not spam", a hard bounce, or the third soft bounce within 30 days. An
    event is the customer's when it names the customer, one of their endpoints, or one of their addresses. It counts
    though its record is in the landing place no more: it is in `heard_suppressions` then (EVENT_COLUMNS).

    Args:
        cutoff: only what was known before it counts (naive, UTC).
        events: name of a table with EVENT_COLUMNS.
        endpoints: name of a table with ENDPOINT_COLUMNS; its address_sha256 has the type as prefix.
    """
    names = {"engagement_events": events, "customer_endpoints": endpoints}

    def rename(node: exp.Expr) -> exp.Expr:
        if isinstance(node, exp.Table) and node.name in names:
            return exp.to_table(names[node.name], alias=node.alias or node.name)
        return node

    return bind(load("segment_assets.people", "suppression"), {"cutoff": cutoff}).transform(rename)


def listed_query() -> exp.Expr:
    """Whom suppression lists name, as customer_id, channel and list_name; channel is null where every one is meant.

    It reads `suppression_entries` (list_name, kind, entry, everywhere), `lists` (list_name: those that count) and
    `customer_endpoints` (customer_id, channel, address_sha256_plain, address_sha256_digits).
    """
    return load("segment_assets.people", "listed")


def suppressed(events: pa.Table, endpoints: pa.Table, cutoff: datetime, remembered: pa.Table | None = None) -> pa.Table:
    """Who is suppressed, from Arrow tables: see `suppression_query`; default: nothing is remembered."""
    held = events.slice(0, 0) if remembered is None else remembered
    with duckdb.connect(config={"threads": 1}) as db:
        db.register("engagement_events", events.select(list(EVENT_COLUMNS)))
        db.register("heard_suppressions", held.select(list(EVENT_COLUMNS)))
        db.register("customer_endpoints", endpoints.select(list(ENDPOINT_COLUMNS)))
        return db.sql(to_duckdb(suppression_query(cutoff))).to_arrow_table()
