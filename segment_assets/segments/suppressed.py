"""Who must not be written to, on which of the channels a segment may use."""

from datetime import datetime
from typing import get_args

import pyarrow as pa

from segment_assets import sql
from segment_assets.first_party.tables import CUSTOMER_ENDPOINTS, ENGAGEMENT_EVENTS
from segment_assets.lake import Lake
from segment_assets.people.suppression import suppression_query
from segment_assets.segmentation import Channel

# A suppression counts as soon as it is in the table: unlike a feature, it is never too new to be heeded.
ALWAYS = datetime(9999, 12, 31)  # noqa: DTZ001  naive UTC, as every time in the lake


def suppressed_channels(lake: Lake) -> pa.Table:
    """`customer_id`, `channel` of everyone who unsubscribed, complained or bounced for good; in order."""
    channels = pa.table({"channel": list(get_args(Channel))})
    with lake.connect(ENGAGEMENT_EVENTS, CUSTOMER_ENDPOINTS, channels=channels) as db:
        suppression = db.sql(sql.to_duckdb(suppression_query(ALWAYS)))
        db.register("suppression", suppression.to_arrow_table())
        tree = sql.load("segment_assets.segments", "suppressed_channels")
        return db.sql(sql.to_duckdb(tree)).to_arrow_table()
