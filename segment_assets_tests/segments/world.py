"""A small world to decide on: eight customers in literal tables."""

from datetime import date, datetime

import pyarrow as pa

from segment_assets.first_party.tables import CONSENT_STATE, CUSTOMER_ENDPOINTS, CUSTOMERS, ENGAGEMENT_EVENTS
from segment_assets.identity.tables import HOUSEHOLDS, PERSONS
from segment_assets.lake import Lake, Table, column
from segment_assets.modelling.tables import FEATURES, customer_scores
from segment_assets.segmentation import Segmentation

DAY = date(2026, 9, 21)
CUTOFF = date(2026, 9, 22)
PEOPLE = ["anna", "bo", "cleo", "dan", "eve", "finn", "gus", "hal"]
SCORES = {"anna": 0.9, "bo": 0.8, "cleo": 0.7, "dan": 0.6, "eve": 0.5, "finn": 0.2, "hal": 0.1}  # gus is not eligible
WITH_FEATURES = FEATURES.with_columns(
    column("purchase_count_28d", pa.int64(), "Purchases"), column("age_band", pa.string(), "The partner's")
)


def rows(table: Table, *records: dict) -> pa.Table:
    return pa.Table.from_pylist(list(records), table.schema)


def config(**segment) -> Segmentation:
    asked = {
        "target": "churn_28d",
        "purpose": "Win back",
        "channels": ["email"],
        "where": "probability >= 0.5",
        "holdout": 0.0,
        "destinations": ["handoff"],
    }
    return Segmentation.model_validate(
        {
            "name": "test",
            "targets": {"churn_28d": {"kind": "absence", "event": "purchase", "horizon": "28d"}},
            "segments": {"win_back": {k: v for k, v in (asked | segment).items() if v is not None}},
            "destinations": {
                "pinpoint": {"kind": "pinpoint_import", "application_id": "app"},
                "handoff": {"kind": "file_handoff"},
                "second": {"kind": "file_handoff", "format": "parquet"},
            },
        }
    )


def build(lake: Lake) -> None:
    """Everyone has an active e-mail endpoint and consent, but bo (denied), cleo (unsubscribed) and hal (inactive)."""
    write(lake, CUSTOMERS, *({"customer_id": p, "endpoints": 1} for p in PEOPLE))
    write(lake, CUSTOMER_ENDPOINTS, *(endpoint(p, active=p != "hal") for p in PEOPLE))
    write(lake, CONSENT_STATE, *(consent(p, "denied" if p == "bo" else "granted") for p in PEOPLE))
    write(lake, ENGAGEMENT_EVENTS, unsubscribe("cleo"))
    persons(lake)
    households(lake, {p: f"hh_{p}" for p in PEOPLE})
    scored(lake, SCORES)
    write(lake, WITH_FEATURES, *(feature(p, i) for i, p in enumerate(PEOPLE)))


def write(lake: Lake, table: Table, *records: dict) -> None:
    lake.write(table, rows(table, *records), "run", as_of=DAY)


def endpoint(customer: str, channel: str = "email", *, active: bool = True) -> dict:
    return {
        "customer_id": customer, "endpoint_id": f"ep-{customer}-{channel}", "channel": channel, "active": active,
        "address_sha256": f"hash of {customer} {channel}",
    }  # fmt: skip


def consent(customer: str, state: str, channel: str = "email") -> dict:
    return {"customer_id": customer, "channel": channel, "purpose": "marketing", "state": state, "source": "test"}


def unsubscribe(customer: str, channel: str | None = "email") -> dict:
    noon = datetime(2026, 9, 20, 12)
    return {
        "arrival_date": date(2026, 9, 20), "schema_version": 1, "event_id": f"e-{customer}", "source": "pinpoint",
        "event_name": "unsubscribe", "channel": channel, "occurred_at": noon, "received_at": noon, "user_id": customer,
        "is_engagement": False, "is_suppression": True, "raw_uri": "events/x", "raw_ordinal": 0,
    }  # fmt: skip


def persons(lake: Lake, *quarantined: str) -> None:
    rules = {p: "quarantined" if p in quarantined else "alone" for p in PEOPLE}
    write(
        lake, PERSONS, *({"customer_id": p, "person_id": f"per_{p}", "rule": rules[p], "customers": 1} for p in PEOPLE)
    )


def households(lake: Lake, of: dict[str, str], *quarantined: str) -> None:
    rules = {p: "quarantined" if p in quarantined else "alone" for p in of}
    found = ({"person_id": f"per_{p}", "household_id": h, "rule": rules[p], "persons": 1} for p, h in of.items())
    write(lake, HOUSEHOLDS, *found)


def scored(lake: Lake, scores: dict[str, float]) -> None:
    ranked = sorted(scores, key=scores.get, reverse=True)
    about = {"as_of": CUTOFF, "model_version": "m"}
    found = (
        about | {"customer_id": p, "score": scores[p], "decile": 1 + i * 10 // len(ranked)}
        for i, p in enumerate(ranked)
    )
    write(lake, customer_scores("churn_28d"), *found)


def feature(customer: str, purchases: int) -> dict:
    known = datetime(2026, 9, 21, 12)
    return {
        "customer_id": customer, "cutoff": CUTOFF, "known_until": known, "purchase_count_28d": purchases,
        "age_band": "35-44",
    }  # fmt: skip
