"""Records in quarantine that name an unsubscribe, a complaint or a hard bounce: they suppress nobody."""

import re
from collections.abc import Callable

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


def count(lake: Lake, table: EventTable | None) -> int:
    """How many records in quarantine name what would suppress somebody.

    Args:
        lake: with the quarantine.
        table: of one's own, where events come so.
    """
    suppresses = _of_table(table) if table else _of_stream
    found = 0
    with lake.connect(QUARANTINED_RECORDS) as db:
        reader = db.sql("SELECT record FROM quarantined_records WHERE record IS NOT NULL").to_arrow_reader(_AT_ONCE)
        for batch in reader:
            found += sum(map(suppresses, batch.column(0).to_pylist()))
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
