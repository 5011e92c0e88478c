"""Training examples of a world whose truth is known: purchase counts say who stays, and by how much."""

from datetime import date, timedelta

import numpy as np
import pyarrow as pa

from segment_assets.lake import Lake
from segment_assets.modelling.model import Kind
from segment_assets.modelling.tables import FEATURES, training_examples
from segment_assets.modelling.training import Task

HORIZON = timedelta(days=28)
FIRST = date(2025, 1, 2)


def task(kind: Kind = "event", target: str = "churn") -> Task:
    found = {"recency": "days_since_purchase", "frequency": "purchase_count_84d", "past_spend": "purchase_amount_84d"}
    return Task(target, kind, HORIZON, 0, found)


def rows(
    kind: Kind = "event",
    *,
    customers: int = 300,
    cutoffs: int = 6,
    seed: int = 0,
    random: bool = False,
    rate: tuple[float, float] = (0.3, 0.3),
) -> pa.Table:
    """Examples by cutoff, then customer. `random` draws labels that nothing can tell, by a rate from first to last."""
    draw = np.random.default_rng(seed)
    n = customers * cutoffs
    count = draw.poisson(np.tile(draw.gamma(2.0, 2.0, customers), cutoffs)).astype(float)
    amount = np.round(count * draw.gamma(3.0, 5.0, n), 2)
    since = np.where(count > 0, draw.integers(1, 84, n) / (1 + count), np.nan)
    clicks = draw.poisson(1.0, n).astype(float)
    band = draw.choice(np.array(["25-34", "35-44", None], dtype=object), n)
    pull = 1.2 - 0.7 * count + 0.8 * clicks * (count < 4) + 0.6 * (band == "25-34")
    chance = np.repeat(np.linspace(*rate, cutoffs), customers)
    away = draw.random(n) < (chance if random else 1 / (1 + np.exp(-pull)))
    if kind == "value":
        spend = np.round(draw.gamma(2.0, 5.0 + 3.0 * count), 2)
        label = np.where(away, 0.0, np.round(draw.gamma(2.0, 10.0, n), 2) if random else spend)
    else:
        label = away.astype(float)
    days = [FIRST + i * HORIZON for i in range(cutoffs) for _ in range(customers)]
    return pa.table(
        {
            "customer_id": [f"c{i:04d}" for i in range(customers)] * cutoffs,
            "cutoff": pa.array(days, pa.date32()),
            "label": label,
            "age_band": pa.array(band, pa.string()),
            "days_since_purchase": pa.array(since, from_pandas=True),
            "email_click_count_28d": clicks,
            "purchase_amount_84d": amount,
            "purchase_count_84d": count,
        }
    )


def put(lake: Lake, table: pa.Table, target: str = "churn", late: timedelta = timedelta(0)) -> None:
    """The examples as the tables that come before a model, with the last cutoff still open: today's customers."""
    newest = max(table["cutoff"].to_pylist())
    features = table.drop_columns(["label"])
    known = pa.array(table["cutoff"].cast(pa.timestamp("us")))
    features = features.append_column("known_until", known)
    extra = [f for f in features.schema if f.name not in FEATURES.schema.names]
    lake.write(FEATURES.with_columns(*extra), features, "test", as_of=newest)
    closed = table.filter(pa.array([c < newest for c in table["cutoff"].to_pylist()]))
    until = pa.array([c + HORIZON for c in closed["cutoff"].to_pylist()], pa.date32())
    known = pa.array([c + HORIZON + late for c in closed["cutoff"].to_pylist()], pa.date32())
    examples = closed.select(["customer_id", "cutoff", "label"]).append_column("label_until", until)
    examples = examples.append_column("known_by", known)
    lake.write(training_examples(target), examples, "test", as_of=newest)
