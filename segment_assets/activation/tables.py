"""Tables of step 9: what was sent where, once."""

import pyarrow as pa

from segment_assets.lake import Table, column

ACTIVATION_LEDGER = Table(
    "activation.activation_ledger",
    "What each destination holds: one row per committed activation; content that is in here is never sent again.",
    pa.schema(
        [
            column("destination", pa.string(), "Destination name", required=True),
            column("segment", pa.string(), "Segment name", required=True),
            column("content_key", pa.string(), "Hash of what was sent", required=True),
            column(
                "sequence", pa.int64(), "1 for the first activation of the segment at the destination", required=True
            ),
            column("as_of", pa.date32(), "Day of the data", required=True),
            column("members", pa.int64(), "Customers in the segment", required=True),
            column("joined", pa.int64(), "Customers that entered since the last activation", required=True),
            column("left", pa.int64(), "Customers that left", required=True),
            column("rows_sent", pa.int64(), "Rows in the files", required=True),
            column("job_id", pa.string(), "The destination's job"),
            column("location", pa.string(), "Where the files are", required=True),
            column("state", pa.string(), "SUCCEEDED or PARTIAL", required=True),
        ]
    ),
    key=("destination", "segment", "content_key"),
)

ACTIVE_MEMBERS = Table(
    "activation.active_members",
    "Who was last told to each destination as being in a segment: what leaves next is known from here.",
    pa.schema(
        [
            column("destination", pa.string(), "Destination name", required=True),
            column("segment", pa.string(), "Segment name", required=True),
            column("customer_id", pa.string(), "Customer", required=True),
        ]
    ),
    key=("destination", "segment", "customer_id"),
)
