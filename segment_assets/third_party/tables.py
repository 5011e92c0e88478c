"""Tables of step 3: the partner's data, cleaned, in the partner's own catalog namespace."""

from dataclasses import replace

import pyarrow as pa

from segment_assets.audience_config import Audience
from segment_assets.lake import Table, column
from segment_assets.third_party.attributes import kind

REASONS = ("not_normalisable", "wrong_hash", "duplicate", "conflict", "malformed")
KEYS = {"email": "email_sha256", "phone": "phone_sha256_e164", "name_and_postal": "name_postal_sha256"}
NAMESPACE, NAME = "partner", "partner_audience"
_TEXT = pa.string()

_EMAIL = [
    column("email_sha256", _TEXT, "SHA-256 of the trimmed, lower-cased e-mail address"),
    column("email_sha256_plain", _TEXT, "The same of the address without its plus-tag: ann+news@ is ann@"),
]
_PHONE = column("phone_sha256_e164", _TEXT, "SHA-256 of the phone number in E.164 form, with +")
_PERMITTED = [
    column("consent", _TEXT, "granted, denied or unknown; unknown is no consent; empty where none is delivered"),
    column("permitted_purposes", _TEXT, "What the row may be used for, sorted, comma separated"),
]


def partner_audience(audience: Audience | None = None) -> Table:
    """The partner's audience, one row per person; without a declaration just its name and key."""
    by = audience.identified_by if audience else "email"
    key = KEYS[by]
    form = column("identifier_form", _TEXT, "How the identifier came: normal, mended (case, spaces) or hashed")
    fields = [_EMAIL[0] if by == "email" else _PHONE if by == "phone" else _NAME_AND_POSTAL]
    if audience:
        fields += [column(n, kind(a), f"The partner's column {a.column}") for n, a in audience.attributes.items()]
        fields += [*([_EMAIL[1]] if by == "email" else []), form, *others(audience)]
        fields += _PERMITTED[:1] if audience.consent else []
        fields += _PERMITTED[1:] if audience.purposes else []
    fields[0] = fields[0].with_nullable(False)
    said = {"email": "hashed e-mail address", "phone": "hashed phone number", "name_and_postal": "hashed name and home"}
    description = f"What the partner knows about people, one row per {said[by]}."
    return Table(f"{NAMESPACE}.{NAME}", description, pa.schema(fields), key=(key,))


_NAME_AND_POSTAL = column("name_postal_sha256", _TEXT, "SHA-256 of `person:`, the normalised name, | and the address")


def others(audience: Audience) -> list[pa.Field]:
    """Columns of what identifies people besides the key, in the order of `identifiers.reader`."""
    by = audience.identified_by
    return [
        *(_EMAIL if audience.email and by != "email" else []),
        *([_PHONE] if audience.phone and by != "phone" else []),
        *([column("name_sha256", _TEXT, "SHA-256 of `name:` and the normalised name")] if audience.name else []),
        *(
            [column("postal_sha256", _TEXT, "SHA-256 of `postal:` and the normalised postal address")]
            if audience.postal
            else []
        ),
    ]


def permitted_name(purpose: str) -> str:
    """Short name of the table with the rows that may be used for a purpose."""
    return f"{NAME}_for_{purpose}"


def whole_name(table: str) -> str:
    """Short name of the table that one is, or is the rows for a purpose of."""
    return NAME if table.startswith(permitted_name("")) else table


def permitted_audience(audience: Audience, purpose: str) -> Table:
    """Rows of the audience that may be used for a purpose: what a configured table of that purpose shows."""
    return replace(
        partner_audience(audience),
        name=f"{NAMESPACE}.{permitted_name(purpose)}",
        description=f"What the partner knows about people who let it be used for {purpose}.",
    )


QUARANTINED_AUDIENCE = Table(
    f"{NAMESPACE}.quarantined_audience",
    "Partner rows that were set aside, with the reason. In the partner's own namespace.",
    pa.schema(
        [
            column("object_key", _TEXT, "Landing object", required=True),
            column("position", pa.int64(), "Ordinal of the row in its object, from 0", required=True),
            column("reason", _TEXT, f"One of {', '.join(REASONS)}", required=True),
            # The row as written stays in the partner's landing place: readable addresses leave it nowhere.
            column("record", pa.binary(), "Attributes as JSON; never the readable address"),
            column("identifier", _TEXT, "The hash that tells people apart; of a wrong hash, that hash"),
            column("identifier_plain", _TEXT, "The same of the address without its plus-tag"),
            column("identifier_form", _TEXT, "How it came: normal, mended, hashed, wrong_hash or unusable"),
            *_PERMITTED,
        ]
    ),
    key=("object_key", "position"),
)
