"""Tables of steps 1 and 2: every delivered record, and what the records mean."""

from collections.abc import Iterable, Mapping
from datetime import date

import pyarrow as pa

from segment_assets.lake import Table, column, utc_timestamp
from segment_assets.people.suppression import EVENT_COLUMNS

_TEXT = pa.string()

# The day of an object of which neither its key nor any of its records says one: all of it is in quarantine.
NO_DAY = date(1970, 1, 1)

_PROVENANCE = [
    column("arrival_date", pa.date32(), "Day the record arrived, from the landing object's key", required=True),
    column("object_key", _TEXT, "Landing object the record was read from", required=True),
    column("position", pa.int64(), "Ordinal of the record in its object, from 0", required=True),
]

RAW_EVENTS = Table(
    "raw.raw_events",
    "Every delivered record that could be parsed, as delivered, with where it came from.",
    pa.schema(
        [
            *_PROVENANCE,
            column("event_id", _TEXT, "First 32 hex digits of the SHA-256 of the canonical JSON", required=True),
            # The id is a hash of what the record says, but not of an envelope around it: a checksum sees that.
            column("record", _TEXT, "The record's JSON as delivered", required=True, said_by="event_id"),
        ]
    ),
    key=("arrival_date", "object_key", "position"),
    partition="arrival_date",
)

QUARANTINED_RECORDS = Table(
    "raw.quarantined_records",
    "Delivered bytes that are no valid record, with the reason.",
    pa.schema(
        [
            *_PROVENANCE,
            column("reason", _TEXT, "Why: one of the reason codes in docs/quarantine.md", required=True),
            column("record", pa.binary(), "The bytes as delivered"),
        ]
    ),
    key=("arrival_date", "object_key", "position"),
    partition="arrival_date",
)

ARRIVAL_DAYS = Table(
    "raw.arrival_days",
    "One row per arrival day present in the landing place: what was delivered, and that nothing was lost.",
    pa.schema(
        [
            column("arrival_date", pa.date32(), "The arrival day", required=True),
            column("objects", pa.int64(), "Landing objects of the day", required=True),
            column("delivered", pa.int64(), "Records delivered: good + quarantined", required=True),
            column("good", pa.int64(), "Records in raw_events", required=True),
            column("quarantined", pa.int64(), "Records in quarantined_records", required=True),
        ]
    ),
    key=("arrival_date",),
    partition="arrival_date",
)

ENGAGEMENT_EVENTS = Table(
    "first_party.engagement_events",
    "What customers did, one row per event, duplicates dropped, one schema for every source.",
    pa.schema(
        [
            column("arrival_date", pa.date32(), "Day the event arrived", required=True),
            column("arrival_hour", pa.int32(), "Hour of arrival in UTC, 0 to 23"),
            column("schema_version", pa.int32(), "Version of this schema: 1", required=True),
            column(
                "event_id",
                _TEXT,
                "Content hash of the record; the same event delivered twice has one id",
                required=True,
            ),
            column("source", _TEXT, "pinpoint, ses, eum, eum_social, connect_campaign or custom", required=True),
            column("source_event_type", _TEXT, "The source's own name of the event"),
            column("event_name", _TEXT, "The event's name in the common vocabulary", required=True),
            column("channel", _TEXT, "email, sms, mms, voice, rcs, whatsapp, push, in_app, custom or app"),
            column("occurred_at", utc_timestamp(), "When it happened, UTC", required=True),
            column("received_at", utc_timestamp(), "When it could first have been known, UTC", required=True),
            column("occurred_at_quality", _TEXT, "exact, or arrival where only the arrival time is meaningful"),
            column("account_id", _TEXT, "AWS account of the source"),
            column("app_id", _TEXT, "Application or configuration set"),
            column("endpoint_id", _TEXT, "Endpoint that was addressed or used"),
            column("user_id", _TEXT, "Customer, where the record names one"),
            column("session_id", _TEXT, "App session"),
            column("address_type", _TEXT, "email or phone"),
            column("address_hash", _TEXT, "SHA-256 of the normalised address with its type as prefix"),
            column("message_id", _TEXT, "Message"),
            column("campaign_id", _TEXT, "Campaign"),
            column("treatment_id", _TEXT, "Treatment of an A/B test"),
            column("activity_id", _TEXT, "Campaign or journey activity"),
            column("journey_id", _TEXT, "Journey"),
            column("journey_run_id", _TEXT, "Run of a journey or campaign"),
            column("segment_ref", _TEXT, "Segment the message was sent to"),
            column("outcome", _TEXT, "Bounce type, status, reason or response, where there is one"),
            column("country", _TEXT, "Country (ISO 3166 alpha-2)"),
            column("cost_usd", pa.decimal128(12, 6), "Cost of the message in US dollars"),
            column("properties", pa.map_(_TEXT, _TEXT), "Other attributes of the event"),
            column("metrics", pa.map_(_TEXT, pa.float64()), "Numbers of the event, such as amount"),
            column("is_engagement", pa.bool_(), "The customer did something positive", required=True),
            column("is_suppression", pa.bool_(), "The customer must not be written to again", required=True),
            column("raw_uri", _TEXT, "Landing object of the copy that was kept", required=True),
            column("raw_ordinal", pa.int64(), "Ordinal of the record in that object", required=True),
        ]
    ),
    key=("arrival_date", "event_id"),
    partition="arrival_date",
)

HEARD_SUPPRESSIONS = Table(
    "first_party.heard_suppressions",
    "Unsubscribes, complaints and bounces whose record is in the landing place no more: who said no keeps saying no. "
    "Rows come, and none goes but by `segment-assets events forget`.",
    pa.schema(
        [
            *(ENGAGEMENT_EVENTS.schema.field(name) for name in ("event_id", "arrival_date", *EVENT_COLUMNS[:-1])),
            column("object_key", _TEXT, "Landing object that it was read from", required=True),
        ]
    ),
    key=("event_id", "arrival_date"),
)

CUSTOMERS = Table(
    "first_party.customers",
    "Our customers, one row each: hashed addresses to join on, no readable address.",
    pa.schema(
        [
            column("customer_id", _TEXT, "Customer", required=True),
            column("email_sha256", _TEXT, "SHA-256 of the trimmed, lower-cased e-mail address: what partners deliver"),
            column("email_sha256_plain", _TEXT, "The same of the address without its plus-tag: ann+news@ is ann@"),
            column("email_sha256_google", _TEXT, "The same by Google's rule for dots in Gmail addresses"),
            column("phone_sha256_e164", _TEXT, "SHA-256 of the phone number in E.164 form, with +"),
            column("phone_sha256_digits", _TEXT, "SHA-256 of the phone number's digits: Meta's form"),
            column("country", _TEXT, "Country (ISO 3166 alpha-2)"),
            column("endpoints", pa.int64(), "Endpoints that were collapsed into this customer", required=True),
            column("known_at", utc_timestamp(), "When the newest of the endpoints took effect, UTC"),
        ]
    ),
    key=("customer_id",),
)

CUSTOMER_ENDPOINTS = Table(
    "first_party.customer_endpoints",
    "Which hashed addresses and devices each customer uses: what identity is resolved from.",
    pa.schema(
        [
            column("customer_id", _TEXT, "Customer", required=True),
            column("endpoint_id", _TEXT, "Endpoint", required=True),
            column("channel", _TEXT, "email, sms, push, voice or other", required=True),
            column(
                "address_sha256",
                _TEXT,
                "SHA-256 of the normalised address with its type as prefix, as in engagement_events.address_hash; "
                "null where it could not be normalised",
            ),
            column(
                "address_sha256_plain",
                _TEXT,
                "SHA-256 of the normalised e-mail address or E.164 number without that prefix, as lists and partners "
                "write it",
            ),
            column("address_sha256_digits", _TEXT, "SHA-256 of a phone number's digits: Meta's form"),
            column(
                "devices",
                pa.map_(_TEXT, _TEXT),
                "SHA-256 of each device's identifier, or of the token that push messages go to -> its platform",
            ),
            column(
                "postal_addresses",
                pa.map_(_TEXT, _TEXT),
                "SHA-256 of each normalised postal address -> that of its street by itself",
            ),
            column("active", pa.bool_(), "The endpoint can be written to", required=True),
            column("in_use", pa.bool_(), "The source does not call the endpoint inactive; null counts as in use"),
            column("effective_at", utc_timestamp(), "When the endpoint took effect, UTC"),
        ]
    ),
    key=("customer_id", "endpoint_id"),
)

CONSENT_STATE = Table(
    "first_party.consent_state",
    "All that was ever said about consent, per customer, channel and purpose: rows come and none goes. A missing row "
    "is no consent.",
    pa.schema(
        [
            column("customer_id", _TEXT, "Customer", required=True),
            column("channel", _TEXT, "email, sms or push", required=True),
            column("purpose", _TEXT, "What for: marketing", required=True),
            column("state", _TEXT, "granted, denied or unknown", required=True),
            column("source", _TEXT, "What says so: the attribute, the opt-out, the column", required=True),
            column("effective_at", utc_timestamp(), "Since when, UTC"),
            column("statement", pa.int64(), "Ordinal, from 1, of what exports said of this channel and purpose"),
            column("told_on", pa.date32(), "Day of the export that first said so; null where its key names none"),
            column("reading", _TEXT, "How exports were read: what was read in another way does not count any more"),
        ]
    ),
    key=("customer_id", "channel", "purpose", "statement"),
)

CONTACT_ADDRESSES = Table(
    "raw.contact_addresses",
    "Readable addresses. Opened by destinations' submit alone.",
    pa.schema(
        [
            column("customer_id", _TEXT, "Customer", required=True),
            column("channel", _TEXT, "email, sms or push", required=True),
            column("endpoint_id", _TEXT, "Endpoint", required=True),
            column(
                "address", _TEXT, "The trimmed e-mail address, the E.164 number, or the device's token", required=True
            ),
        ]
    ),
    key=("customer_id", "channel", "endpoint_id"),
)

QUARANTINED_CUSTOMERS = Table(
    "raw.quarantined_customers",
    "Customer records that are no valid record, with the reason.",
    pa.schema(
        [
            column("object_key", _TEXT, "Landing object", required=True),
            column("position", pa.int64(), "Ordinal of the record in its object, from 0", required=True),
            column("reason", _TEXT, "Why", required=True),
            column("record", pa.binary(), "The bytes as delivered"),
        ]
    ),
    key=("object_key", "position"),
)

SUPPRESSION_ENTRIES = Table(
    "first_party.suppression_entries",
    "Whom lists of our own name as not to be written to, as hashes.",
    pa.schema(
        [
            column("list_name", _TEXT, "List, as in landing.suppression", required=True),
            column("kind", _TEXT, "email, phone or customer", required=True),
            column(
                "entry",
                _TEXT,
                "SHA-256 of the normalised e-mail address, of the E.164 number or of its digits; of a customer the id",
                required=True,
            ),
            column("everywhere", pa.bool_(), "Holds on every channel, not on that of the address alone", required=True),
        ]
    ),
    key=("list_name", "kind", "entry"),
)

QUARANTINED_SUPPRESSIONS = Table(
    "raw.quarantined_suppressions",
    "Lines of suppression lists that name nobody, with the reason.",
    QUARANTINED_CUSTOMERS.schema,
    key=("object_key", "position"),
)

UNREAD = "unread"  # what a suppression list is made from whose file is not there


def unread_lists(made_from: Mapping[str, str], lists: Iterable[str]) -> list[str]:
    """Configured suppression lists of which nothing is known: never read, or their file is not there any more.

    Args:
        made_from: list -> what its entries were made from, as the lake keeps it.
        lists: the lists' names.
    """
    return sorted(name for name in lists if made_from.get(name, UNREAD) == UNREAD)


def of_another_mapping(made_from: Mapping[str, str], code: str) -> list[str]:
    """Days of engagement_events that another code or mapping made than the one in force.

    Args:
        made_from: day -> what it was made from, as the lake keeps it: the code's version, `:`, that of the raw events.
        code: the version in force, of `automation.events_version`.
    """
    return sorted(day for day, version in made_from.items() if version.partition(":")[0] != code)
