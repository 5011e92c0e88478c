"""Suppression: who must not be written to again, whatever they once agreed to."""

from datetime import datetime

from sqlglot import exp

from segment_assets.sql import bind, load

EVENT_COLUMNS = (
    "user_id", "endpoint_id", "address_hash", "channel", "event_name", "is_suppression", "received_at", "event_id",
)  # fmt: skip
ENDPOINT_COLUMNS = ("customer_id", "endpoint_id", "address_sha256")


def suppression_query(cutoff: datetime) -> exp.Expr:
    """The query, for a step that has the tables in DuckDB already: `to_duckdb(suppression_query(cutoff))`.

    One row per customer and channel: customer_id, channel, reason, since. A customer is suppressed on a channel after
    an unsubscribe, a complaint that is not "not spam", a hard bounce, or the third soft bounce within 30 days. An
    event is the customer's when it names the customer, one of their endpoints, or one of their addresses.

    It reads `engagement_events` (EVENT_COLUMNS) and `customer_endpoints` (ENDPOINT_COLUMNS; its address_sha256 has the
    type as prefix).

    Args:
        cutoff: only what was known before it counts (naive, UTC).
    """
    return bind(load("segment_assets.people", "suppression"), {"cutoff": cutoff})


def listed_query() -> exp.Expr:
    """Whom suppression lists name, as customer_id, channel and list_name; channel is null where every one is meant.

    It reads `suppression_entries` (list_name, kind, entry, everywhere), `lists` (list_name: those that count) and
    `customer_endpoints` (customer_id, channel, address_sha256_plain, address_sha256_digits).
    """
    return load("segment_assets.people", "listed")
