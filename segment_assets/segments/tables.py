"""Tables of steps 8 and 9: who is in a segment, who is not, and why."""

from collections.abc import Collection
from datetime import datetime
from typing import get_args

import pyarrow as pa
import pyarrow.compute as pc

from segment_assets import sql
from segment_assets.first_party.tables import (
    CONSENT_STATE,
    CUSTOMER_ENDPOINTS,
    CUSTOMERS,
    ENGAGEMENT_EVENTS,
    HEARD_SUPPRESSIONS,
    SUPPRESSION_ENTRIES,
)
from segment_assets.identity.tables import HOUSEHOLDS, PERSONS
from segment_assets.lake import Lake, Table, column, content_hash
from segment_assets.people.suppression import listed_query, suppression_query
from segment_assets.segmentation import Channel, Segment

# Every customer has exactly one: the order in which they are asked is in decisions.py.
REASONS = (
    "in", "below_threshold", "not_eligible", "no_consent", "suppressed", "unreachable", "quarantined", "holdout",
)  # fmt: skip

# Under this name a segment keeps the version of the suppression lists that its decisions heeded.
LISTS = "suppression_lists"
_WHO_LIVES_WITH_WHOM = (PERSONS, HOUSEHOLDS)
# A suppression counts as soon as it is in the table: unlike a feature, it is never too new to be heeded.
_ALWAYS = datetime(9999, 12, 31)  # noqa: DTZ001  naive UTC, as every time in the lake


def suppressed_channels(lake: Lake, lists: Collection[str] = ()) -> pa.Table:
    """`customer_id`, `channel` of everyone who unsubscribed, complained, bounced for good or is listed; in order.

    Args:
        lake: read for events, those that are remembered, endpoints and the entries of suppression lists.
        lists: names of the lists that are configured: one that was taken out of the file suppresses nobody.
    """
    channels = pa.table({"channel": list(get_args(Channel))})
    said = suppressions(lake, lists).select(["customer_id", "channel"])
    with lake.connect(CUSTOMER_ENDPOINTS, channels=channels, suppression=said) as db:
        tree = sql.load(__package__, "suppressed_channels")
        return db.sql(sql.to_duckdb(tree)).to_arrow_table()


def suppressions(lake: Lake, lists: Collection[str] = ()) -> pa.Table:
    """`customer_id`, `channel`, `reason`, `since` of what suppresses: of a list the reason is `list <name>`.

    Args:
        lake: as of `suppressed_channels`.
        lists: as of `suppressed_channels`.
    """
    names = pa.table({"list_name": pa.array([*lists], pa.string())})
    tables = (ENGAGEMENT_EVENTS, HEARD_SUPPRESSIONS, CUSTOMER_ENDPOINTS, SUPPRESSION_ENTRIES)
    with lake.connect(*tables, lists=names) as db:
        said, listed = (db.sql(sql.to_duckdb(q)).to_arrow_table() for q in (suppression_query(_ALWAYS), listed_query()))
    reason = pc.binary_join_element_wise("list", listed["list_name"], " ")
    named = listed.select(["customer_id", "channel"]).append_column("reason", reason)
    return pa.concat_tables([said, named.append_column("since", pa.nulls(named.num_rows, said["since"].type))])


def heeded(lake: Lake, suppressed: pa.Table) -> dict[str, str]:
    """Versions of what says who our customers are and who lives with whom, where they are reached, and who said no.

    A segment keeps those that its decisions heeded: on others it is not sent.

    Args:
        lake: where the tables are.
        suppressed: `customer_id`, `channel` that must not be written to.
    """
    tables = (CUSTOMERS, CUSTOMER_ENDPOINTS, CONSENT_STATE, *_WHO_LIVES_WITH_WHOM)
    versions = {table.name: lake.state(table).version for table in tables}
    return versions | {"suppressed_channels": content_hash(suppressed)}


def asks_for_nobody(decided: pa.Table, segment: Segment, kind: str) -> str:
    """Why a segment has nobody, though customers were scored and may be reached; empty where `where` means it.

    Args:
        decided: `reason`, `score` of each customer.
        segment: whom it asks for.
        kind: of its target.
    """
    open_to_it = decided.filter(pc.equal(decided["reason"], "below_threshold"))
    asked = pc.any(pc.is_in(decided["reason"], pa.array(["in", "holdout"]))).as_py()
    if asked or segment.where is None or segment.lets_all_leave or not open_to_it.num_rows:
        return ""
    named, highest = "value" if kind == "value" else "probability", pc.max(open_to_it["score"]).as_py()
    return (
        f"where asks for nobody of the {open_to_it.num_rows:,} customers who were scored and may be reached; their "
        f"highest {named} is {highest:.4g}"
    )


def outdated(lake: Lake, segment: str, suppressed: pa.Table) -> bool:
    """Whether anything that the segment's decisions had to heed is another by now.

    Decisions of a version that kept nothing of identity say nothing about it, and are judged by the rest.

    Args:
        lake: where the tables are.
        segment: the segment's name.
        suppressed: `customer_id`, `channel` that must not be written to.
    """
    then = lake.inputs(predictive_segments(segment))
    unsaid = {table.name for table in _WHO_LIVES_WITH_WHOM} - then.keys()
    return any(then.get(name) != now for name, now in heeded(lake, suppressed).items() if name not in unsaid)


def former_draws(segment: str) -> Table:
    """Their own draws of customers who are no customers any more: whoever comes back keeps theirs."""
    kept = predictive_segments(segment).schema
    return Table(
        f"segments.former_draws_{segment}",
        f"Draws of {segment} of those who were customers once: a control that comes back is one still.",
        pa.schema([kept.field(name) for name in ("customer_id", "household_id", "holdout_draw")]),
        key=("customer_id",),
    )


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
                column("decile", pa.int32(), "1 is the highest tenth of the customers who were scored"),
                column(
                    "holdout_draw",
                    pa.float64(),
                    "The household's draw from 0 to 1, and of households written to at one address the lowest: below "
                    "the segment's holdout share it is a control household",
                    required=True,
                ),
                column(
                    "own_draw", pa.float64(), "The customer's own draw: the household's is the lowest of its members'"
                ),
                column("as_of", pa.date32(), "Cutoff of the score", required=True),
            ]
        ),
        key=("customer_id",),
    )
