"""Tables of step 3: the partner's data, cleaned, in the partner's own catalog namespace."""

import pyarrow as pa

from segment_assets.lake import Table, column

REASONS = ("not_normalisable", "duplicate", "conflict", "malformed")


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
            column("reason", pa.string(), f"One of {', '.join(REASONS)}", required=True),
            # The row as written stays in the partner's landing place: readable addresses leave it nowhere.
            column("record", pa.binary(), "Attributes and the hashed address as JSON; never the readable address"),
        ]
    ),
    key=("object_key", "position"),
)
