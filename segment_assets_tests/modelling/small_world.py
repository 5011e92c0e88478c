"""A few customers and events in a real lake, for the tests of features, targets and leakage."""

import hashlib
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any

import pyarrow as pa

from segment_assets.first_party.tables import ARRIVAL_DAYS, CUSTOMER_ENDPOINTS, CUSTOMERS, ENGAGEMENT_EVENTS
from segment_assets.lake import Lake, Table
from segment_assets.modelling import features
from segment_assets.modelling.features import Features
from segment_assets.segmentation import Segmentation

# A day on the grid of 28 days since 1970, and the last day of the data.
GRID = date(2025, 10, 23)
CLOCK = date(2025, 10, 28)


@dataclass(frozen=True)
class Event:
    """One engagement event; it is known when it happens unless said otherwise."""

    customer: str | None
    name: str
    at: datetime
    received: datetime | None = None
    metrics: dict[str, float] = field(default_factory=dict)
    channel: str | None = "app"
    source_type: str | None = None
    endpoint: str | None = None
    engagement: bool = True

    def row(self, number: int) -> dict[str, Any]:
        received = self.received or self.at
        return {
            "arrival_date": received.date(),
            "schema_version": 1,
            "event_id": hashlib.sha256(f"{number}{self}".encode()).hexdigest()[:32],
            "source": "custom",
            "source_event_type": self.source_type,
            "event_name": self.name,
            "channel": self.channel,
            "occurred_at": self.at,
            "received_at": received,
            "endpoint_id": self.endpoint,
            "user_id": self.customer,
            "metrics": list(self.metrics.items()) or None,
            "is_engagement": self.engagement,
            "is_suppression": False,
            "raw_uri": "memory",
            "raw_ordinal": number,
        }


def days_before(cutoff: date, days: float) -> datetime:
    return datetime.combine(cutoff, datetime.min.time()) - timedelta(days=days)


def put(lake: Lake, table: Table, rows: list[dict[str, Any]], as_of: date | None = CLOCK) -> None:
    lake.write(table, pa.Table.from_pylist(rows, schema=table.schema), "test", as_of=as_of)


def fill(lake: Lake, events: list[Event], *, customers: dict[str, datetime] | None = None, clock: date = CLOCK) -> None:
    """Write events, and customers with the time they were first known, as the steps before would."""
    put(lake, ENGAGEMENT_EVENTS, [e.row(n) for n, e in enumerate(events)], clock)
    day = {"arrival_date": clock, "objects": 1, "delivered": len(events), "good": len(events), "quarantined": 0}
    put(lake, ARRIVAL_DAYS, [day], clock)
    known = customers or {}
    put(lake, CUSTOMERS, [{"customer_id": c, "endpoints": 1, "known_at": at} for c, at in known.items()], clock)
    endpoints = [
        {"customer_id": c, "endpoint_id": f"endpoint-{c}", "channel": "email", "active": True, "effective_at": at}
        for c, at in known.items()
    ]
    put(lake, CUSTOMER_ENDPOINTS, endpoints, clock)


def config(**targets: dict[str, Any]) -> Segmentation:
    wanted = targets or {"churn": {"kind": "absence", "event": "purchase", "horizon": "28d"}}
    return Segmentation.model_validate({"name": "test", "targets": wanted})


def build(lake: Lake, events: list[Event], **kwargs: Any) -> Features:
    fill(lake, events, **kwargs)
    return features.build(lake, config())


def row(built: Features, customer: str, cutoff: date) -> dict[str, Any]:
    [found] = [r for r in built.rows.to_pylist() if r["customer_id"] == customer and r["cutoff"] == cutoff]
    return dict(found)
