"""The Pinpoint event stream: app, campaign, journey, e-mail and SMS events.

As JSON, or in the Parquet layout of the Digital User Engagement database.

Shapes: https://docs.aws.amazon.com/pinpoint/latest/developerguide/event-streams-data-app.html and its neighbours.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa

from segment_assets.first_party.formats.pinpoint_events import EVENT_NAMES, cost, to_columns
from segment_assets.first_party.formats.pinpoint_shape import PROBE, Record
from segment_assets.first_party.formats.recipients import of_each
from segment_assets.first_party.formats.stream import Kind, in_this_century, read_as
from segment_assets.first_party.records import Json, MalformedError
from segment_assets.first_party.vocabulary import SUPPRESSION

# Parts that say neither who it was nor what they did.
_IDLE = frozenset(("application", "device", "session", "metrics", "awsAccountId", "awsaccountid"))
_OF_RECIPIENTS = ("_email.hardbounce", "_email.softbounce", "_email.complaint")


def _is_mine(top: Mapping[str, Any]) -> bool:
    return "event_type" in top and ("event_timestamp" in top or "arrival_timestamp" in top)


def _read(record: Json) -> Record:
    """A record; one that suppresses is read without what decides nothing, where that is of a wrong type or absurd."""
    try:
        return _whole(record)
    except MalformedError:
        kind = record.get("event_type")
        if not isinstance(kind, str) or EVENT_NAMES.get(kind) not in SUPPRESSION:
            raise
        return _whole({name: value for name, value in record.items() if name not in _IDLE})


def _whole(record: Json) -> Record:
    read = read_as(Record, record)
    if not read.event_type:
        raise MalformedError("missing_key")
    cost(read)
    return read


def _received(read: Record) -> int:
    happened = in_this_century(read.event_timestamp * 1000)
    arrived = in_this_century(read.arrival_timestamp * 1000)
    return max(happened, arrived) if read.event_type.startswith("_SMS.") else arrived


def _events(records: Sequence[Record], ends_of_hours: Sequence[int | None]) -> dict[str, pa.Array]:
    return to_columns(records)


def _parts(record: Json) -> list[bytes]:
    if record.get("event_type") not in _OF_RECIPIENTS:
        return []
    lists = {"bounce": "bounced_recipients", "complaint": "complained_recipients"}
    return of_each(record, ("facets", "email_channel", "mail_event"), lists)


PINPOINT = Kind(_is_mine, _read, _received, _events, probe=PROBE, parts=_parts, in_envelopes=False)
