"""A world of a hundred customers for tests of the whole graph: made up, seeded, in the demo's formats.

Who buys often and at even distances stays; the irregular stay away for weeks; a fifth leave for good on some day.
Some love coupons and redeem most of what they are sent. So every target of `small_segmentation.yaml` can be learnt.
"""

from collections.abc import Iterator
from datetime import date, datetime, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa

from segment_assets.demo.chance import fractions
from segment_assets.demo.replay import Replayed, next_day, replay
from segment_assets.demo.source import LAST_DAY, Source
from segment_assets.lake import ObjectStore

SMALL_SEGMENTATION = Path(__file__).parent / "small_segmentation.yaml"
TODAY = date(2026, 11, 20)


def small_world(
    landing: ObjectStore,
    partner: ObjectStore,
    *,
    customers: int = 120,
    days: int = 200,
    today: date = TODAY,
    seed: int = 0,
) -> Replayed:
    """Fill both landing places with `days` arrival days that end on `today`; the same arguments, the same bytes."""
    return replay(landing, partner, today, data=small_source(customers, days, seed))


def small_next_day(
    landing: ObjectStore, partner: ObjectStore, *, customers: int = 120, days: int = 200, seed: int = 0
) -> Replayed:
    """One more arrival day for the world that was made with the same arguments."""
    return next_day(landing, partner, data=small_source(customers, days, seed))


def small_source(customers: int, days: int, seed: int) -> Source:
    """The made-up year: baskets, exposures, redemptions and what the partner knows."""
    first_day = LAST_DAY - timedelta(days=days - 1)
    trips = [trip for n in range(1, customers + 1) for trip in _trips(n, first_day, days, seed)]
    exposures = [e for n in range(1, customers + 1) for e in _exposures(n, first_day, days, seed)]
    return Source(
        baskets=_table(
            trips,
            basket_id=pa.int64(), household_id=pa.int64(), store_id=pa.int64(), occurred_at=pa.timestamp("us"),
            amount=pa.int64(), retail_discount=pa.int64(), coupon_discount=pa.int64(), items=pa.int64(),
        ),
        exposures=_table(
            exposures, campaign_id=pa.int64(), household_id=pa.int64(), occurred_at=pa.timestamp("us")
        ),
        redemptions=_table(
            _redemptions(trips, exposures, seed),
            household_id=pa.int64(), coupon_upc=pa.int64(), campaign_id=pa.int64(), occurred_at=pa.timestamp("us"),
        ),
        demographics=pa.Table.from_pylist([_demographics(n, seed) for n in range(1, customers + 1) if n % 5 < 3]),
        first_day=first_day,
    )  # fmt: skip


def _trips(number: int, first_day: date, days: int, seed: int) -> Iterator[tuple]:
    who, pace, end = fractions([number], f"style {seed}")[0], *fractions([number, -number], f"pace {seed}")
    regular = who < 0.7
    gap = 3 + 6 * pace if regular else 12 + 33 * pace
    leaves = days * (0.2 + 0.75 * end) if 0.5 <= who < 0.7 else days
    luck = fractions(number * 10_000 + np.arange(400), f"trip {seed}")
    at, n = luck[0] * gap, 0
    while at < leaves and n < 399:
        n += 1
        when = datetime.combine(first_day, datetime.min.time()) + timedelta(days=int(at), seconds=int(luck[n] * 80_000))
        # Heavy baskets for every third customer: something for spend_28d to find.
        amount = int((1_000 + 6_000 * luck[n]) * (3 if number % 3 == 0 else 1))
        yield number * 10_000 + n, number, number % 4, when, amount, amount // 10, 100 * (n % 5 == 0), 1 + n % 9
        at += max(0.6, gap * (0.7 + 0.6 * luck[n]) if regular else -gap * np.log1p(-luck[n]))


def _exposures(number: int, first_day: date, days: int, seed: int) -> Iterator[tuple]:
    for campaign, day in enumerate(range(5, days, 28), start=1):
        if fractions([number], f"exposed {campaign} {seed}")[0] < 0.6:
            yield campaign, number, datetime.combine(first_day, datetime.min.time()) + timedelta(days=day, hours=14)


def _redemptions(trips: list[tuple], exposures: list[tuple], seed: int) -> list[tuple]:
    found = []
    for campaign, number, sent in exposures:
        lover = fractions([number], f"lover {seed}")[0] < 0.35
        if fractions([number], f"redeems {campaign} {seed}")[0] < (0.75 if lover else 0.05):
            soon = [t[3] for t in trips if t[1] == number and sent < t[3] < sent + timedelta(days=14)]
            found += [(number, 50_000_000_000 + campaign, campaign, when) for when in soon[:1]]
    return found


def _demographics(number: int, seed: int) -> dict[str, int | str | None]:
    age, income, size = (fractions([number], f"{what} {seed}")[0] for what in ("age", "income", "size"))
    return {
        "household_id": number,
        "age": "25-34" if age < 0.5 else "45-54",
        "income": "35-49K" if income < 0.5 else "50-74K",
        "home_ownership": "Homeowner" if income < 0.6 else None,
        "marital_status": "Married" if size < 0.5 else "Unmarried",
        "household_size": "1" if size < 0.4 else "2",
        "household_comp": "1 Adult No Kids" if size < 0.4 else "2 Adults No Kids",
        "kids_count": "0",
    }


def _table(rows: list[tuple], **columns: pa.DataType) -> pa.Table:
    schema = pa.schema(list(columns.items()))
    return pa.Table.from_pylist([dict(zip(columns, row, strict=True)) for row in rows], schema)
