"""The common vocabulary of events, and the row that every format's events become."""

from collections.abc import Iterable, Sequence
from decimal import Decimal
from operator import attrgetter

import msgspec
import pyarrow as pa

from segment_assets.first_party.tables import ENGAGEMENT_EVENTS

SCHEMA_VERSION = 1
NAMES = frozenset(
    (
        "queued", "attempt", "send", "delivered", "open", "click", "read", "bounce_hard", "bounce_soft", "complaint",
        "reject", "render_fail", "delayed", "fail", "unsubscribe", "subscribe", "session_start", "session_stop",
        "session_pause", "session_resume", "purchase", "sign_in", "sign_up", "auth_fail", "app",
    )
)  # fmt: skip
ENGAGEMENT = frozenset(("open", "click", "read", "session_start", "purchase", "sign_in", "sign_up", "app"))
SUPPRESSION = frozenset(("bounce_hard", "complaint", "unsubscribe"))

# 2000-01-01 to 2100-01-01 in microseconds: milliseconds read as seconds, or the reverse, fall outside.
EARLIEST, LATEST = 946_684_800_000_000, 4_102_444_800_000_000


class Event(msgspec.Struct, kw_only=True, gc=False):
    """One row of engagement_events; the columns are described in `tables.py`. Times are microseconds, UTC."""

    arrival_date: object = None
    arrival_hour: int | None = None
    schema_version: int = SCHEMA_VERSION
    event_id: str = ""
    source: str
    source_event_type: str
    event_name: str
    channel: str | None
    occurred_at: int
    received_at: int
    occurred_at_quality: str = "exact"
    account_id: str | None = None
    app_id: str | None = None
    endpoint_id: str | None = None
    user_id: str | None = None
    session_id: str | None = None
    address_type: str | None = None
    address_hash: str | None = None
    message_id: str | None = None
    campaign_id: str | None = None
    treatment_id: str | None = None
    activity_id: str | None = None
    journey_id: str | None = None
    journey_run_id: str | None = None
    segment_ref: str | None = None
    outcome: str | None = None
    country: str | None = None
    cost_usd: Decimal | None = None
    properties: Sequence[tuple[str, str]] = ()
    metrics: Sequence[tuple[str, float]] = ()
    is_engagement: bool
    is_suppression: bool
    raw_uri: str = ""
    raw_ordinal: int = 0


_values = attrgetter(*ENGAGEMENT_EVENTS.schema.names)


def to_table(events: Iterable[Event]) -> pa.Table:
    """Events as rows of engagement_events, in the order given."""
    schema = ENGAGEMENT_EVENTS.schema
    columns = list(zip(*map(_values, events), strict=True)) or [()] * len(schema)
    arrays = [pa.array(values, field.type) for values, field in zip(columns, schema, strict=True)]
    return pa.Table.from_arrays(arrays, schema=schema)
