"""A small lake with every table the page reads, written row by row, and the numbers it must show."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta

import pyarrow as pa

from segment_assets.activation.tables import ACTIVATION_LEDGER
from segment_assets.clean_room.tables import PARTNERS_ROWS, QUERY_LOG, result_table
from segment_assets.first_party.tables import ARRIVAL_DAYS, CUSTOMERS, ENGAGEMENT_EVENTS
from segment_assets.identity.tables import HOUSEHOLDS, IDENTITY_EDGES, PERSONS
from segment_assets.lake import Lake, Table, column
from segment_assets.modelling.tables import customer_scores, model_evaluation
from segment_assets.segmentation import DEMO_FILE, Segmentation, load
from segment_assets.segments.tables import predictive_segments

LAST = date(2026, 3, 30)
CUTOFF = LAST + timedelta(days=1)  # decisions, and so activations, carry it
CUSTOMER_COUNT = 1200
# Decisions of each sample segment; three people are suppressed, too few to show.
DECISIONS = {"in": 214, "holdout": 31, "suppressed": 3, "no_consent": 122, "below_threshold": 613, "not_eligible": 217}
DECIDED = [reason for reason, count in DECISIONS.items() for _ in range(count)]

_TEXT = pa.string()
ENRICHMENT = result_table(
    "audience_enrichment",
    [column("customer_id", _TEXT, "Customer", required=True), column("age_band", _TEXT, "Age")],
    ("customer_id",),
    "Matched customers",
)
OVERLAP = result_table(
    "audience_overlap",
    [
        column("age_band", _TEXT, "Age", required=True),
        column("income_band", _TEXT, "Income", required=True),
        column("customers", pa.int64(), "Customers"),
    ],
    ("age_band", "income_band"),
    "Overlap",
)
# Contender -> value, low, high.
RANKING = {
    "model": (0.836, 0.811, 0.859),
    "logistic": (0.838, 0.814, 0.861),
    "frequency": (0.828, 0.803, 0.852),
    "recency": (0.771, 0.742, 0.799),
}
BETTER = RANKING | {"model": (0.912, 0.894, 0.929)}


def config() -> Segmentation:
    return load(DEMO_FILE)


def fill(lake: Lake) -> None:
    """Every table."""
    _delivery(lake)
    _partner(lake)
    _identity(lake)
    for target in ("churn_28d", "coupon_redemption_28d", "spend_28d"):
        _evaluation(lake, target)
        _scores(lake, target)
    for segment in ("win_back", "coupon_lovers", "big_baskets"):
        _segment(lake, segment)
    _activation(lake)


def write(lake: Lake, table: Table, rows: Sequence[Mapping[str, object]], as_of: date = LAST) -> None:
    """Rows as dictionaries; a column that is left out is null."""
    names = table.schema.names
    lake.write(
        table, pa.table({n: pa.array([r.get(n) for r in rows], table.schema.field(n).type) for n in names}), "a run",
        as_of=as_of,
    )  # fmt: skip


def customer(i: int) -> str:
    return f"customer-{i:04d}"


def _delivery(lake: Lake) -> None:
    days = [LAST - timedelta(days=89 - i) for i in range(90)]
    delivered = [40 + (i * 37) % 23 + (25 if i % 7 in (4, 5) else 0) for i in range(90)]
    write(
        lake,
        ARRIVAL_DAYS,
        [
            {
                "arrival_date": day,
                "objects": 4,
                "delivered": n,
                "good": n - int(i % 30 == 0),
                "quarantined": int(i % 30 == 0),
            }
            for i, (day, n) in enumerate(zip(days, delivered, strict=True))
        ],
    )
    good = sum(delivered) - 3
    moment = datetime(2026, 3, 1, 12)
    write(
        lake,
        ENGAGEMENT_EVENTS,
        [
            {
                "arrival_date": LAST, "schema_version": 1, "event_id": f"event-{i:05d}", "source": "pinpoint",
                "event_name": "purchase", "occurred_at": moment, "received_at": moment, "is_engagement": True,
                "is_suppression": False, "raw_uri": "an object", "raw_ordinal": i,
            }
            for i in range(good - 41)
        ],
    )  # fmt: skip
    write(
        lake,
        CUSTOMERS,
        [
            # The last of those whom the partner knows have the addresses of the first: 380 people, 400 customers.
            {"customer_id": customer(i), "endpoints": 1, "email_sha256": f"hash-{i % 380 if i < 400 else i}"}
            for i in range(CUSTOMER_COUNT)
        ],
    )


def _partner(lake: Lake) -> None:
    matched = [{"customer_id": customer(i), "age_band": "35-44"} for i in range(400)]
    rows = pa.Table.from_pylist(matched, ENRICHMENT.schema)
    lake.write(ENRICHMENT, rows, "a run", inputs={PARTNERS_ROWS: "500"}, as_of=date(2026, 3, 15))
    groups = [("25-34", "35-49K", 61), ("35-44", "50-74K", 102), ("45-54", "50-74K", 137), ("55-64", "35-49K", 48)]
    write(
        lake,
        OVERLAP,
        [{"age_band": age, "income_band": income, "customers": n} for age, income, n in groups],
        date(2026, 3, 15),
    )
    write(
        lake,
        QUERY_LOG,
        [
            {
                "content_key": f"{query}-{i}", "query": query, "as_of": LAST - timedelta(days=7 * i),
                "status": "SUCCESS", "rule_type": rule, "tables": "a,b", "query_text": "SELECT",
            }
            for i in range(3)
            for query, rule in (("audience_enrichment", "LIST"), ("audience_overlap", "AGGREGATION"))
        ],
    )  # fmt: skip


def _identity(lake: Lake) -> None:
    rules = ["same_email"] * 60 + ["two_identifiers"] * 20 + ["quarantined"] * 14 + ["alone"] * 1106
    persons = [f"per_{i // 2 if i < 80 else i:04d}" for i in range(CUSTOMER_COUNT)]
    write(
        lake,
        PERSONS,
        [
            {"customer_id": customer(i), "person_id": persons[i], "rule": rules[i], "customers": 2 if i < 80 else 1}
            for i in range(CUSTOMER_COUNT)
        ],
    )
    # Households of 1, 2, 3, 4 and 5 persons.
    sizes = [1] * 740 + [2] * 150 + [3] * 30 + [4] * 5 + [5] * 2
    distinct = iter(sorted(set(persons)))
    rows = [
        {
            "person_id": next(distinct), "household_id": f"hh_{household:04d}", "persons": size,
            "rule": "alone" if size == 1 else "shared_identifier",
        }
        for household, size in enumerate(sizes)
        for _ in range(size)
    ]  # fmt: skip
    write(lake, HOUSEHOLDS, rows)
    write(
        lake,
        IDENTITY_EDGES,
        [
            {
                "customer_id": customer(i), "kind": "phone", "identifier": f"phn_{i // 20}", "degree": 20,
                "guard": "shared",
            }
            for i in range(60)
        ],
    )  # fmt: skip


def _evaluation(lake: Lake, target: str) -> None:
    ranking = BETTER if target == "coupon_redemption_28d" else RANKING
    if target == "spend_28d":
        metrics = {
            "spearman": ranking,
            "mae": {name: (v + 20, lo + 20, hi + 20) for name, (v, lo, hi) in ranking.items()},
            "calibration_ratio": {"model": (1.01, 0.95, 1.08)},
        }
    else:
        metrics = {
            "roc_auc": ranking,
            "average_precision": {name: (v / 2, lo / 2, hi / 2) for name, (v, lo, hi) in ranking.items()},
            "lift_10": {name: (v * 4, lo * 4, hi * 4) for name, (v, lo, hi) in ranking.items()},
            "log_loss": {"model": (0.312, 0.298, 0.327), "logistic": (0.311, 0.297, 0.325)},
            "calibration_slope": {"model": (0.97, 0.88, 1.06)},
            "calibration_error": {"model": (0.014, 0.009, 0.023)},
        }
    write(
        lake,
        model_evaluation(target),
        [
            {
                "cutoff": cutoff, "contender": contender, "metric": metric, "value": v, "low": low, "high": high,
                "examples": 900,
            }
            for cutoff in ("2026-01-05", "2026-02-02", "pooled")
            for metric, contenders in metrics.items()
            for contender, (v, low, high) in contenders.items()
        ],
    )  # fmt: skip


def _scores(lake: Lake, target: str) -> None:
    scored = [i for i, reason in enumerate(DECIDED) if reason != "not_eligible"]
    write(
        lake,
        customer_scores(target),
        [
            {
                "customer_id": customer(i), "as_of": LAST, "score": round(0.9 - 0.0008 * i, 9),
                "decile": rank * 10 // len(scored) + 1, "base_value": -1.5,
                "reason_1": "purchase_recency_days", "contribution_1": 0.8,
                "reason_2": "purchase_count_84d", "contribution_2": -0.25,
                "reason_3": "age_band" if i < 4 else "email_click_rate_84d", "contribution_3": 0.125,
                "model_version": "abc123",
            }
            for rank, i in enumerate(scored)
        ],
    )  # fmt: skip


def _segment(lake: Lake, segment: str) -> None:
    write(
        lake,
        predictive_segments(segment),
        [
            {
                "customer_id": customer(i), "household_id": f"hh_{i:04d}", "state": "in" if reason == "in" else "out",
                "reason": reason, "channels": ["email", "sms"] if i < 90 else ["email"] if reason == "in" else [],
                "score": None if reason == "not_eligible" else 0.5, "decile": None,
                "holdout_draw": 0.5, "as_of": LAST,
            }
            for i, reason in enumerate(DECIDED)
        ],
    )  # fmt: skip


def _activation(lake: Lake) -> None:
    places = [("pinpoint", "win_back"), ("handoff", "win_back"), ("handoff", "big_baskets")]
    write(
        lake,
        ACTIVATION_LEDGER,
        [
            {
                "destination": destination, "segment": segment, "content_key": f"{destination}-{segment}-{i}",
                "sequence": i, "as_of": CUTOFF - timedelta(days=7 * (2 - i)), "members": 200 + 7 * i,
                "joined": 200 if i == 1 else 18,                "stayed": 0 if i == 1 else 196, "purpose": "A purpose",
                "left": 0 if i == 1 else 4, "rows_sent": 250 + i, "job_id": f"job-{i}",
                "location": f"{destination}/{segment}/{i}/", "state": "SUCCEEDED",
            }
            for destination, segment in places
            for i in (1, 2)
        ],
        CUTOFF,
    )  # fmt: skip


def empty(lake: Lake) -> None:
    """Every table written, and none with a row."""
    demo = config()
    tables = [
        ARRIVAL_DAYS,
        ENGAGEMENT_EVENTS,
        CUSTOMERS,
        ENRICHMENT,
        OVERLAP,
    ]
    tables += [QUERY_LOG, PERSONS, HOUSEHOLDS, IDENTITY_EDGES, ACTIVATION_LEDGER]
    tables += [make(name) for name in demo.targets for make in (model_evaluation, customer_scores)]
    tables += [predictive_segments(name) for name in demo.segments]
    for table in tables:
        write(lake, table, [])
