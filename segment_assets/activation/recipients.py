"""Whom a destination is told of: endpoints where it sends itself, customers where it knows customers."""

from typing import Literal

import pyarrow as pa
import pyarrow.compute as pc

from segment_assets import sql
from segment_assets.first_party.tables import CUSTOMER_ENDPOINTS
from segment_assets.lake import Lake
from segment_assets.segments.tables import predictive_segments


def wanted(lake: Lake, segment: str, by: Literal["endpoints", "members"], reason: str = "in") -> pa.Table:
    """The segment's recipients, one row each, in the columns of `plan.WANTED`.

    Args:
        lake: read for the segment's decisions and the customers' endpoints; no readable address among them.
        segment: the segment's name.
        by: `endpoints`: the active ones on the channels each member may be reached on; `members`: the customers.
        reason: of the decision of those who are meant.
    """
    decisions = lake.read(predictive_segments(segment), ["customer_id", "reason", "channels", "score", "decile"])
    meant = decisions.filter(pc.equal(decisions["reason"], reason))
    with lake.connect(CUSTOMER_ENDPOINTS, decisions=meant) as db:
        return db.sql(sql.to_duckdb(sql.load("segment_assets.activation", by))).to_arrow_table()
