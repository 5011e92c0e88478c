"""Who must not be written to, on which of the channels a segment may use."""

from collections.abc import Collection
from datetime import datetime
from typing import get_args

import pyarrow as pa

from segment_assets import sql
from segment_assets.first_party.tables import CUSTOMER_ENDPOINTS, ENGAGEMENT_EVENTS, SUPPRESSION_ENTRIES
from segment_assets.lake import Lake
from segment_assets.people.suppression import listed_query, suppression_query
from segment_assets.segmentation import Channel

# A suppression counts as soon as it is in the table: unlike a feature, it is never too new to be heeded.
ALWAYS = datetime(9999, 12, 31)  # noqa: DTZ001  naive UTC, as every time in the lake


def suppressed_channels(lake: Lake, lists: Collection[str] = ()) -> pa.Table:
    """`customer_id`, `channel` of everyone who unsubscribed, complained, bounced for good or is listed; in order.

    Args:
        lake: read for events, endpoints and the entries of suppression lists.
        lists: names of the lists that are configured: one that was taken out of the file suppresses nobody.
    """
    channels = pa.table({"channel": list(get_args(Channel))})
    names = pa.table({"list_name": pa.array([*lists], pa.string())})
    tables = (ENGAGEMENT_EVENTS, CUSTOMER_ENDPOINTS, SUPPRESSION_ENTRIES)
    with lake.connect(*tables, channels=channels, lists=names) as db:
        said, listed = (db.sql(sql.to_duckdb(q)).to_arrow_table() for q in (suppression_query(ALWAYS), listed_query()))
        held = ["customer_id", "channel"]
        db.register("suppression", pa.concat_tables([said.select(held), listed.select(held)]))
        tree = sql.load("segment_assets.segments", "suppressed_channels")
        return db.sql(sql.to_duckdb(tree)).to_arrow_table()
