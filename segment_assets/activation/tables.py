"""Tables of step 9: what was sent where, once."""

import pyarrow as pa

from segment_assets import sql
from segment_assets.lake import Lake, Table, column
from segment_assets.segmentation import Segmentation

ACTIVATION_LEDGER = Table(
    "activation.activation_ledger",
    "What each destination holds: one row per committed activation; content that is in here is never sent again.",
    pa.schema(
        [
            column("destination", pa.string(), "Destination name", required=True),
            column("segment", pa.string(), "Segment name", required=True),
            column(
                "sequence",
                pa.int64(),
                "1 for the first activation of the segment at the destination; one that was begun has spent its number",
                required=True,
            ),
            column("content_key", pa.string(), "Hash of what the destination holds since then", required=True),
            column("purpose", pa.string(), "What the segment is for", required=True),
            column("as_of", pa.date32(), "Day of the data", required=True),
            column("members", pa.int64(), "Customers the destination holds as in since then", required=True),
            column("joined", pa.int64(), "Customers that entered since the last activation", required=True),
            column("left", pa.int64(), "Customers that left", required=True),
            column("stayed", pa.int64(), "Customers that were in, and are", required=True),
            column("rows_sent", pa.int64(), "Rows in the files", required=True),
            column("job_id", pa.string(), "The destination's job"),
            column("location", pa.string(), "Where the files are, in the store of exports", required=True),
            column("state", pa.string(), "SUCCEEDED or PARTIAL", required=True),
            column("guard", pa.string(), "Why only departures were sent; empty where the whole segment was"),
            column("place", pa.string(), "Where the destination keeps who is in, and under which name"),
        ]
    ),
    key=("destination", "segment", "sequence"),
)


def asset_path(config: Segmentation, segment: str, destination: str) -> list[str]:
    """The asset's key: `<kind>/<segment>`; the destination between them where the segment uses two of a kind."""
    kind = config.destinations[destination].kind
    twins = [d for d in dict.fromkeys(config.segments[segment].destinations) if config.destinations[d].kind == kind]
    return [kind, segment] if len(twins) == 1 else [kind, destination, segment]


def left_in(lake: Lake, config: Segmentation) -> list[tuple[str, str, int]]:
    """Segment, destination and customers in, of each pair that is configured no more: nobody tells them to leave.

    Args:
        lake: read for the ledger.
        config: the user's file.
    """
    with lake.connect(ACTIVATION_LEDGER) as db:
        every = db.sql(sql.to_duckdb(sql.load(__package__, "held"))).fetchall()
    configured = {(name, destination) for name, asked in config.segments.items() for destination in asked.destinations}
    return [
        (s, destination, members) for s, destination, members in every if members and (s, destination) not in configured
    ]


def active_members(destination: str, segment: str) -> Table:
    """Recipients of each activation that was begun; a table of its own, so that no two assets write one table.

    Rows are written before anything is sent, and count as told once the ledger holds their activation. Recipients of
    an activation that was begun and never committed may have been told, and are told to leave with the next one.
    Rows of the last activation that no guard cut short stay, too: changes are measured against it. Whoever is told to
    leave is in here as `out`: each activation that was begun has a row, and nobody begins another of its number.
    """
    return Table(
        f"activation.active_members_{destination}_{segment}",
        f"What {destination} was told of who is in {segment}: who leaves next is known from here.",
        pa.schema(
            [
                column("sequence", pa.int64(), "The activation's number in the ledger", required=True),
                column("content_key", pa.string(), "The activation's content", required=True),
                column("customer_id", pa.string(), "Customer", required=True),
                column(
                    "recipient",
                    pa.string(),
                    "Endpoint that was told; the customer, where the destination knows customers",
                    required=True,
                ),
                column("channel", pa.string(), "Channel, as told"),
                column("address_sha256", pa.string(), "Hash of the address that was told"),
                column("score", pa.float64(), "Score, as told"),
                column("band", pa.string(), "Band, as told"),
                column("state", pa.string(), "in or out, as told; empty, of before there was an out, means in"),
            ]
        ),
        key=("sequence", "content_key", "customer_id", "recipient"),
    )
