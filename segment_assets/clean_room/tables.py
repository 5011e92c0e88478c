"""Tables of steps 4 and 5: one result per query, and the record of every query."""

import pyarrow as pa

from segment_assets.lake import Table, column

# Beside a result stand the day and the rows of the partner's table that the query read: whoever uses the result learns
# them here, and need not be let into the partner's account.
PARTNERS_DAY, PARTNERS_ROWS = "partner.as_of", "partner.rows"

QUERY_LOG = Table(
    "clean_room.query_log",
    "Every protected query that was started, once per content: its cost counts against the budget.",
    pa.schema(
        [
            column("content_key", pa.string(), "Hash of the query, its rules and its inputs' versions", required=True),
            column("query", pa.string(), "Query name", required=True),
            column("as_of", pa.date32(), "Newest day of the data the query ran on", required=True),
            column("status", pa.string(), "STARTED, SUCCESS or FAILED; each of them counts", required=True),
            column("rule_type", pa.string(), "LIST, AGGREGATION or CUSTOM", required=True),
            column("tables", pa.string(), "Configured tables used, sorted, comma separated", required=True),
            column("query_text", pa.string(), "The query as submitted", required=True),
        ]
    ),
    key=("content_key",),
)

# In the owner's namespace, for the owner's eyes: nothing of it is shown to who runs queries.
DIFFERENCING = Table(
    "partner.query_releases",
    "Every result that left, and what the differencing monitor has to say to the owner of the data about it.",
    pa.schema(
        [
            column("content_key", pa.string(), "Hash of the query, its rules and its inputs' versions", required=True),
            column("source", pa.string(), "Catalog table whose people are watched", required=True),
            column("identity", pa.string(), "Its column that tells people apart", required=True),
            column("query", pa.string(), "Query name", required=True),
            column("runner", pa.string(), "Who asked", required=True),
            column("as_of", pa.string(), "Newest day of the data the query ran on", required=True),
            column("minimum", pa.int64(), "People that two different populations must differ by", required=True),
            column("conditions", pa.string(), "Every condition of the query, normalised, as JSON", required=True),
            column("state", pa.string(), "Whether its people were compared with earlier releases", required=True),
            column("warnings", pa.int64(), "Earlier populations that differ by fewer people", required=True),
            column("close_to", pa.string(), "The first of them, with the difference, as JSON", required=True),
        ]
    ),
    key=("content_key", "source", "identity"),
)

# In the owner's namespace too.
RELEASED_GROUPS = Table(
    "partner.released_groups",
    "Of every aggregated row that left: how much of it is one person, and how many of its people the runner brought.",
    pa.schema(
        [
            column("content_key", pa.string(), "Hash of the query, its rules and its inputs' versions", required=True),
            column("source", pa.string(), "Catalog table whose people are counted", required=True),
            column("identity", pa.string(), "Its column that tells people apart", required=True),
            column("row", pa.int64(), "Number of the row in the result, from 0", required=True),
            column("query", pa.string(), "Query name", required=True),
            column("runner", pa.string(), "Who asked", required=True),
            column("as_of", pa.string(), "Newest day of the data the query ran on", required=True),
            column("people", pa.int64(), "Distinct people of the source behind the row", required=True),
            column("largest_share", pa.float64(), "Share of the one person with most rows behind it", required=True),
            column("runner_people", pa.int64(), "Distinct people that the runner's own table counts"),
            column("runner_share", pa.float64(), "The runner's people among both sides' people"),
            column("left", pa.bool_(), "Whether the row left: the owner may keep back what one person weighs on"),
        ]
    ),
    key=("content_key", "source", "identity", "row"),
)


def result_table(query: str, fields: list[pa.Field], key: tuple[str, ...], description: str) -> Table:
    """The table a query's result is written to."""
    return Table(f"clean_room.{query}", description, pa.schema(fields), key=key)
