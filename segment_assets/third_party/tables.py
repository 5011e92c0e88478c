"""Tables of step 3: the partner's data, cleaned, in the partner's own catalog namespace."""

import pyarrow as pa

from segment_assets.lake import Table, column


def partner_audience(attributes: dict[str, str]) -> Table:
    """The partner's audience; `attributes` maps each attribute's name to the partner's own column."""
    return Table(
        "partner.partner_audience",
        "What the partner knows about people, one row per hashed e-mail address.",
        pa.schema(
            [
                column(
                    "email_sha256", pa.string(), "SHA-256 of the trimmed, lower-cased e-mail address", required=True
                ),
                *(column(n, pa.string(), f"The partner's column {c}") for n, c in attributes.items()),
            ]
        ),
        key=("email_sha256",),
    )


QUARANTINED_AUDIENCE = Table(
    "partner.quarantined_audience",
    "Partner rows that can't be used, with the reason. In the partner's own namespace.",
    pa.schema(
        [
            column("object_key", pa.string(), "Landing object", required=True),
            column("position", pa.int64(), "Ordinal of the row in its object, from 0", required=True),
            column("reason", pa.string(), "not_normalisable, duplicate or conflict", required=True),
            column("record", pa.binary(), "The row as JSON"),
        ]
    ),
    key=("object_key", "position"),
)
