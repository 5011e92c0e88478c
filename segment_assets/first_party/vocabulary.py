"""The common vocabulary of events, and the row that every format's events become."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

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
_SIGNS = {ord(sign): None for sign in "-_"}


def letters(written: str) -> str:
    """A name in lower case without blanks, - and _: `Opt-Out`, `opt_out` and `OPT OUT` are one name, spelled thrice."""
    return "".join(written.lower().translate(_SIGNS).split())


_CLOSING = {letters(name): name for name in (*SUPPRESSION, "bounce_soft")}


def own_name(written: str) -> str:
    """The name of an event of one's own table: `app` for all that is none of ours.

    Names that close a channel are known by their letters: what was meant as one must not be lost to how it is spelled.
    """
    return written if written in NAMES else _CLOSING.get(letters(written), "app")


# 2000-01-01 to 2100-01-01 in microseconds: milliseconds read as seconds, or the reverse, fall outside.
EARLIEST, LATEST = 946_684_800_000_000, 4_102_444_800_000_000


class Event(msgspec.Struct, kw_only=True, gc=False):
    """What one record means: the columns of engagement_events that are its own. Times are microseconds, UTC."""

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


MEANING = Event.__struct_fields__


@dataclass(frozen=True)
class Origin:
    """Where some records came from.

    Attributes:
        days: arrival days.
        keys: of the landing objects.
        positions: of the records in them.
        ids: event ids.
        hours: of arrival, by the objects' keys; null where a key names none.
    """

    days: pa.Array
    keys: pa.Array
    positions: pa.Array
    ids: pa.Array
    hours: pa.Array


_TYPES = {field.name: field.type for field in ENGAGEMENT_EVENTS.schema}


def type_of(column: str) -> pa.DataType:
    """Of a column of engagement_events."""
    return _TYPES[column]


def to_columns(events: Sequence[Event]) -> dict[str, pa.Array]:
    """Events column by column, in the order given."""
    columns = list(zip(*map(msgspec.structs.astuple, events), strict=True)) or [()] * len(MEANING)
    return {name: pa.array(values, type_of(name)) for name, values in zip(MEANING, columns, strict=True)}


def placed(meaning: Mapping[str, pa.Array], origin: Origin) -> pa.Table:
    """What records mean and where they came from, as rows of engagement_events.

    White space around a customer's id is no part of it, here as in customers and in suppression lists.
    """
    customers = pc.utf8_trim_whitespace(meaning["user_id"])
    rows, utc_hour = len(origin.ids), pc.hour(meaning["received_at"]).cast(pa.int32())
    columns = {
        **meaning,
        "user_id": pc.if_else(pc.equal(customers, ""), None, customers),
        "arrival_date": origin.days,
        "arrival_hour": pc.coalesce(origin.hours, utc_hour),
        "schema_version": pa.repeat(pa.scalar(SCHEMA_VERSION, pa.int32()), rows),
        "event_id": origin.ids,
        "raw_uri": origin.keys,
        "raw_ordinal": origin.positions,
    }
    schema = ENGAGEMENT_EVENTS.schema
    return pa.Table.from_arrays([columns[name] for name in schema.names], schema=schema)
