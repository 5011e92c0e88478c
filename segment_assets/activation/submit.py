"""The one place that opens readable addresses, and only to hand them over.

Rule 8 of the house: a test fails when any other module of the package names the table.
"""

import pyarrow as pa

from segment_assets import sql
from segment_assets.first_party.tables import CONTACT_ADDRESSES
from segment_assets.lake import Lake


def with_addresses(lake: Lake, rows: pa.Table) -> pa.Table:
    """The rows with a column `address`: null for who leaves, and where the channel's address is not known.

    Args:
        lake: read for the raw zone's addresses.
        rows: a plan's rows.
    """
    with lake.connect(CONTACT_ADDRESSES, to_send=rows) as db:
        return db.sql(sql.to_duckdb(sql.load("segment_assets.activation", "addressed"))).to_arrow_table()
