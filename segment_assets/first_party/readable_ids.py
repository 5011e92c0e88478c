"""Ids that are addresses: whoever is called by one stays readable wherever an id goes."""

from collections.abc import Mapping

from segment_assets.first_party.tables import CUSTOMER_ENDPOINTS, CUSTOMERS, ENGAGEMENT_EVENTS
from segment_assets.lake import Lake, Table

OF_CUSTOMERS: Mapping[Table, tuple[str, ...]] = {CUSTOMERS: ("customer_id",), CUSTOMER_ENDPOINTS: ("endpoint_id",)}
OF_EVENTS: Mapping[Table, tuple[str, ...]] = {ENGAGEMENT_EVENTS: ("user_id", "endpoint_id")}
# As `addresses.looks_like_an_address`, for millions of ids.
_ADDRESS = r"[^@\s]@[^@\s.]+\.[^@\s]|\+\d[\d ().-]{6,18}\d"


def count(lake: Lake, columns: Mapping[Table, tuple[str, ...]]) -> dict[str, int]:
    """`table.column` -> how many of its ids look like an e-mail address or a telephone number, where any do."""
    found = {}
    for table, names in columns.items():
        with lake.connect(table) as db:
            for name in names:
                # What has neither sign is no address: of millions of ids that is all that is looked at.
                [(ids,)] = db.execute(
                    f"SELECT COUNT(*) FROM (SELECT DISTINCT {name} FROM {table.short_name} "
                    f"WHERE (contains({name}, '@') OR contains({name}, '+')) AND regexp_matches({name}, ?))",
                    [_ADDRESS],
                ).fetchall()
                if ids:
                    found[f"{table.short_name}.{name}"] = ids
    return found
