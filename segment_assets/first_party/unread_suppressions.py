"""Records in quarantine that name an unsubscribe, a complaint or a hard bounce: they suppress nobody."""

import re
from collections.abc import Callable, Mapping

from segment_assets.first_party.formats.pinpoint_events import EVENT_NAMES
from segment_assets.first_party.tables import QUARANTINED_RECORDS
from segment_assets.first_party.vocabulary import SUPPRESSION, letters, own_name
from segment_assets.lake import Lake
from segment_assets.landing_config import EventTable

# Records that are looked at at a time, of 64 KiB at most.
_AT_ONCE = 500
_TYPES = (
    *(kind for kind, name in EVENT_NAMES.items() if name in SUPPRESSION),
    *("Bounce", "Complaint", "Subscription", "Unsubscribe"),
)
# A record may be cut off, or lie as text in an envelope, where each quote has a backslash.
_QUOTE = rb'\\*"'
_NAMED = re.compile(
    rb"(?:[eE]vent_?[tT]ype|notificationType)"
    + _QUOTE
    + rb"\s*:\s*"
    + _QUOTE
    + b"(?:"
    + "|".join(map(re.escape, _TYPES)).encode()
    + b")"
    + _QUOTE
)
_SOFT = re.compile(rb"bounceType" + _QUOTE + rb"\s*:\s*" + _QUOTE + rb"(?:Transient|Undetermined)")


def count(lake: Lake, tables: Mapping[str, EventTable]) -> int:
    """How many records in quarantine name what would suppress somebody.

    Args:
        lake: with the quarantine.
        tables: of one's own, by the prefix of their objects; all other objects are of streams.
    """
    suppresses = {path: _of_table(table) for path, table in tables.items()}
    found = 0
    with lake.connect(QUARANTINED_RECORDS) as db:
        held = db.sql("SELECT object_key, record FROM quarantined_records WHERE record IS NOT NULL")
        for batch in held.to_arrow_reader(_AT_ONCE):
            for key, record in zip(*(column.to_pylist() for column in batch.columns), strict=True):
                mine = (named for path, named in suppresses.items() if key.startswith(path))
                found += next(mine, _of_stream)(record)
    return found


def _of_stream(record: bytes) -> bool:
    return bool(_NAMED.search(record)) and not _SOFT.search(record)


def _of_table(table: EventTable) -> Callable[[bytes], bool]:
    if table.event is None:  # of such a table each row is the event
        every = own_name(str(table.event_name)) in SUPPRESSION
        return lambda record: every
    renamed = {letters(written): name for written, name in table.rename.items()}
    names = {letters(name): name for name in SUPPRESSION} | renamed
    written = [name for name, meant in names.items() if own_name(meant) in SUPPRESSION]
    # A field by itself, in a line of CSV or in the JSON of a row, however the name is spelled.
    spelled = "|".join(r"[-_\s]*".join(map(re.escape, name)) for name in written)
    field = re.compile(rf"""(?:^|[,;|\t"])[-_\s]*(?:{spelled})[-_\s]*(?:$|[,;|\t"])""", re.IGNORECASE | re.MULTILINE)
    return lambda record: bool(written) and bool(field.search(record.decode("utf-8", "replace")))
