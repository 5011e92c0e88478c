"""Of one customer, what each segment decided and why: only read from the tables, so that it can't say otherwise."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from difflib import get_close_matches
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from sqlglot import exp

from segment_assets import sql
from segment_assets.activation.ledger import held
from segment_assets.first_party.tables import (
    CONSENT_STATE,
    CUSTOMER_ENDPOINTS,
    CUSTOMERS,
)
from segment_assets.identity.tables import HOUSEHOLDS, PERSONS
from segment_assets.lake import Lake, Table
from segment_assets.modelling.tables import FEATURES, customer_scores
from segment_assets.people.consent import holding
from segment_assets.segmentation import Segment, Segmentation
from segment_assets.segments.tables import predictive_segments, suppressed_channels, suppressions

Row = Mapping[str, Any]


class ExplainError(Exception):
    """Why a customer can't be explained, and what to do."""


@dataclass(frozen=True)
class Reached:
    """Whether a customer may be written to on a channel.

    Attributes:
        channel: such as email.
        consent: granted, denied or unknown.
        since: when that was said; None where it has no time, or nobody said anything.
        source: what says so.
        suppressed: an unsubscribe, complaint, bounce or list closes the channel.
        closed_by: which, and since when; empty where the channel is open.
        address: an active endpoint has an address that is one.
    """

    channel: str
    consent: str
    since: datetime | None
    source: str
    suppressed: bool
    closed_by: str
    address: bool


@dataclass(frozen=True)
class Decided:
    """What a segment decided of a customer.

    Attributes:
        segment: its name.
        asked: whom it asks for.
        decision: a row of `predictive_segments`.
        score: a row of `customer_scores`; None where the customer has none.
        lowest: the lowest score among those it asked for and may reach; None where there are none.
        known: what the columns of `where` and the score's reasons are of this customer.
        told: destination -> whether it holds the customer as in; None where it was never told of the segment.
    """

    segment: str
    asked: Segment
    decision: Row
    score: Row | None
    lowest: float | None
    known: Row
    told: Mapping[str, bool | None]


@dataclass(frozen=True)
class Explained:
    """What is known of why a customer is where.

    Attributes:
        person: a row of `persons`, with the columns of `households` beside; None where identity knows none.
        reached: for each channel of the segments.
        decided: for each segment that was built.
        unbuilt: the others.
    """

    person: Row | None
    reached: Sequence[Reached]
    decided: Sequence[Decided]
    unbuilt: Sequence[str]


def explained(lake: Lake, config: Segmentation, customer: str) -> Explained:
    """Ask the tables about one customer.

    Raises:
        ExplainError: there is no such customer.
    """
    if not _rows(lake, CUSTOMERS, customer):
        raise ExplainError(_nobody(lake, customer))
    persons = _rows(lake, PERSONS, customer)
    households = _rows(lake, HOUSEHOLDS, persons[0]["person_id"], "person_id") if persons else []
    built = [name for name in config.segments if lake.catalog.table_exists(predictive_segments(name).name)]
    return Explained(
        {**(households[0] if households else {}), **persons[0]} if persons else None,
        _reached(lake, config, customer),
        [_decided(lake, config, name, rows[0]) for name in built if (rows := _decision(lake, name, customer))],
        [name for name in config.segments if name not in built or not _decision(lake, name, customer)],
    )


def _nobody(lake: Lake, customer: str) -> str:
    if not lake.state(CUSTOMERS).rows:
        return "explain: there are no customers yet: run `segment-assets refresh` first"
    with lake.connect(CUSTOMERS) as db:
        # A mistyped end or case is the usual reason, and the table may be large.
        like = db.execute(
            "SELECT customer_id FROM customers WHERE lower(customer_id)[:3] = lower(?)[:3] LIMIT 10000", [customer]
        ).fetchall()
    near = get_close_matches(customer, [name for (name,) in like], n=1)
    mend = f'did you mean "{near[0]}"?' if near else "ids are those of the customers table: `SELECT * FROM customers`"
    return f'explain: no customer is called "{customer}" ({mend})'


def _decision(lake: Lake, segment: str, customer: str) -> list[dict[str, Any]]:
    return _rows(lake, predictive_segments(segment), customer)


def _rows(lake: Lake, table: Table, value: str, column: str = "customer_id") -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = _table(lake, table, value, column).to_pylist()
    return found


def _table(lake: Lake, table: Table, value: str, column: str = "customer_id") -> pa.Table:
    with lake.connect(table) as db:
        return db.sql(f'SELECT * FROM "{table.short_name}" WHERE {column} = ?', params=[value]).to_arrow_table()


def _reached(lake: Lake, config: Segmentation, customer: str) -> list[Reached]:
    said = {
        row["channel"]: row
        for row in holding(_table(lake, CONSENT_STATE, customer)).to_pylist()
        if row["purpose"] == "marketing"
    }
    closed = suppressed_channels(lake, sorted(config.landing.suppression))
    closed_here = closed.filter(pc.equal(closed["customer_id"], customer))["channel"].to_pylist()
    causes = suppressions(lake, sorted(config.landing.suppression)) if closed_here else None
    own = causes.filter(pc.equal(causes["customer_id"], customer)).to_pylist() if causes else []
    endpoints = _rows(lake, CUSTOMER_ENDPOINTS, customer)
    channels = dict.fromkeys(channel for segment in config.segments.values() for channel in segment.channels)
    return [
        Reached(
            channel,
            said[channel]["state"] if channel in said else "unknown",
            said[channel]["effective_at"] if channel in said else None,
            said[channel]["source"] if channel in said else "",
            channel in closed_here,
            _closed_by(channel, own) if channel in closed_here else "",
            any(e["channel"] == channel and e["active"] and e["address_sha256"] for e in endpoints),
        )
        for channel in channels
    ]


def _closed_by(channel: str, own: Sequence[Row]) -> str:
    """What closes a channel: the first that was said of it. `suppressed_channels.sql` says what closes which."""
    others = (None, "app", "custom", *(("mms", "rcs") if channel == "sms" else ()))
    fits = [row for row in own if row["channel"] == channel or row["channel"] in others]
    if not fits:
        return "what suppresses another customer with the same address"
    first = min(fits, key=lambda row: (row["since"] is None, row["since"] or 0, row["reason"]))
    return f"{first['reason']} since {first['since']:%Y-%m-%d %H:%M}" if first["since"] else str(first["reason"])


def _decided(lake: Lake, config: Segmentation, name: str, decision: Row) -> Decided:
    asked, table = config.segments[name], predictive_segments(name)
    scored = _rows(lake, customer_scores(asked.target), decision["customer_id"])
    with lake.connect(table) as db:
        [lowest] = db.execute(
            f"SELECT min(score) FROM \"{table.short_name}\" WHERE reason IN ('in', 'holdout')"
        ).fetchone() or [None]
    score = scored[0] if scored else None
    return Decided(
        name,
        asked,
        decision,
        score,
        lowest,
        _known(lake, asked, score) if score else {},
        {destination: _told(lake, destination, name, decision["customer_id"]) for destination in asked.destinations},
    )


def _known(lake: Lake, asked: Segment, score: Row) -> dict[str, Any]:
    """Values of the features that `where` names or the score's reasons are, as of the score."""
    named = [column.name for column in sql.predicate(asked.where or "TRUE", None).find_all(exp.Column)]
    moved = [score[f"reason_{number}"] for number in (1, 2, 3)]
    with lake.connect(FEATURES) as db:
        query = "SELECT * FROM features WHERE customer_id = ? AND cutoff = ?"
        rows = db.sql(query, params=[score["customer_id"], score["as_of"]]).to_arrow_table().to_pylist()
    return {name: rows[0][name] for name in dict.fromkeys([*named, *moved]) if rows and name in rows[0]}


def _told(lake: Lake, destination: str, segment: str, customer: str) -> bool | None:
    holds = held(lake, destination, segment)
    return customer in holds.told["customer_id"].to_pylist() if holds.sequence else None
