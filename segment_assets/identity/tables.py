"""Tables of step 6: who is the same person, who lives together, and by which evidence."""

import pyarrow as pa

from segment_assets.lake import Table, column, utc_timestamp

_TEXT = pa.string()

IDENTITY_EDGES = Table(
    "identity.identity_edges",
    "Which identifier each customer uses; identifiers are keyed hashes.",
    pa.schema(
        [
            column("customer_id", _TEXT, "Customer", required=True),
            column("kind", _TEXT, "email, phone, device or address", required=True),
            column(
                "identifier",
                _TEXT,
                "HMAC-SHA-256 of the hashed identifier, prefixed eml_, phn_, dev_ or adr_",
                required=True,
            ),
            column("device_kind", _TEXT, "Platform, for devices"),
            column("since", utc_timestamp(), "When the link was first known, UTC"),
            column("degree", pa.int64(), "Customers that share the identifier", required=True),
            column(
                "guard",
                _TEXT,
                "Why the identifier may not join the customer to others: placeholder (nobody's own), shared (by more "
                "than a household), inactive (the source calls it that), old (confirmed last before "
                "identity.confirmed_within), household_only (by more than a person); null where it may",
            ),
        ]
    ),
    key=("customer_id", "kind", "identifier"),
)

PERSONS = Table(
    "identity.persons",
    "Which customers are one person, and why.",
    pa.schema(
        [
            column("customer_id", _TEXT, "Customer", required=True),
            column("person_id", _TEXT, "Person, prefixed per_; stable from run to run", required=True),
            column("rule", _TEXT, "same_email, two_identifiers, alone or quarantined", required=True),
            column("customers", pa.int64(), "Customers of the person", required=True),
        ]
    ),
    key=("customer_id",),
)

HOUSEHOLDS = Table(
    "identity.households",
    "Which persons live together, and why.",
    pa.schema(
        [
            column("person_id", _TEXT, "Person", required=True),
            column("household_id", _TEXT, "Household, prefixed hh_; stable from run to run", required=True),
            column("rule", _TEXT, "shared_identifier, alone or quarantined", required=True),
            column("persons", pa.int64(), "Persons of the household", required=True),
        ]
    ),
    key=("person_id",),
)

_ALIAS = pa.schema(
    [
        column("old_id", _TEXT, "Id that is no more", required=True),
        column("became", _TEXT, "Id that took its place when it went; null where nobody was left"),
        column("new_id", _TEXT, "Id to use today: `became`, followed to its end; null where nobody is left"),
        column(
            "reason",
            _TEXT,
            "merged (all its members went to one), split (to several; the largest part is named) or gone",
            required=True,
        ),
    ]
)

# Two tables, each written by the asset whose ids it explains: a table with two writers could be half old after a kill.
PERSON_ALIAS = Table(
    "identity.person_alias",
    "Person ids that are no more, and what they became; ids are never used again.",
    _ALIAS,
    key=("old_id",),
)

HOUSEHOLD_ALIAS = Table(
    "identity.household_alias",
    "Household ids that are no more, and what they became; ids are never used again.",
    _ALIAS,
    key=("old_id",),
)
