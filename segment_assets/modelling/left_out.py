"""Values that no sum holds: one sentence for each metric that has any."""

from segment_assets import sql
from segment_assets.first_party.tables import ENGAGEMENT_EVENTS
from segment_assets.lake import Lake


def warnings(lake: Lake) -> list[str]:
    """What was left out of sums because it is 10^15 or more, and how to mend it; the values are not shown."""
    with lake.connect(ENGAGEMENT_EVENTS) as db:
        found = db.sql(sql.to_duckdb(sql.load(__package__, "left_out"))).fetchall()
    return [
        f"{count:,} {'value' if count == 1 else 'values'} of {metric} of {name} events {'is' if count == 1 else 'are'} "
        "10^15 or more in size: too large to be summed exactly, so no sum and no target counts them. Mend them in the "
        "landing place, or leave them as they are"
        for name, metric, count in found
    ]
