"""Tables of steps 8 and 9: who is in a segment, who is not, and why."""

import pyarrow as pa

from segment_assets.first_party.tables import CONSENT_STATE, CUSTOMER_ENDPOINTS, CUSTOMERS
from segment_assets.lake import Lake, Table, column

# Every customer has exactly one: the order in which they are asked is in decisions.py.
REASONS = ("in", "below_threshold", "not_eligible", "no_consent", "suppressed", "unreachable", "holdout")

# Under this name a segment keeps the version of the suppression lists that its decisions heeded.
LISTS = "suppression_lists"


def heeded(lake: Lake) -> dict[str, str]:
    """Versions of what says who our customers are, where they are reached and what they agreed to.

    A segment keeps those that its decisions heeded: on others it is not sent.
    """
    return {table.name: lake.state(table).version for table in (CUSTOMERS, CUSTOMER_ENDPOINTS, CONSENT_STATE)}


def predictive_segments(segment: str) -> Table:
    """One decision record for every customer."""
    return Table(
        f"segments.predictive_segments_{segment}",
        f"Who is in {segment} and who is not, and why: one decision per customer.",
        pa.schema(
            [
                column("customer_id", pa.string(), "Customer", required=True),
                column("household_id", pa.string(), "Household: control households are never treated", required=True),
                column("state", pa.string(), "in or out", required=True),
                column("reason", pa.string(), f"One of {', '.join(REASONS)}", required=True),
                column("channels", pa.list_(pa.string()), "Channels the customer may be reached on", required=True),
                column("score", pa.float64(), "Score the decision rests on; null where not eligible"),
                column("decile", pa.int32(), "1 is the highest tenth"),
                column(
                    "holdout_draw",
                    pa.float64(),
                    "The household's draw from 0 to 1: below the segment's holdout share it is a control household",
                    required=True,
                ),
                column("as_of", pa.date32(), "Cutoff of the score", required=True),
            ]
        ),
        key=("customer_id",),
    )
