"""Which formats the configuration names."""

from segment_assets.first_party.formats import Format
from segment_assets.first_party.formats.connect import CONNECT
from segment_assets.first_party.formats.end_user_messaging import END_USER_MESSAGING
from segment_assets.first_party.formats.own_table import OwnTable
from segment_assets.first_party.formats.pinpoint import PINPOINT
from segment_assets.first_party.formats.ses import SES
from segment_assets.first_party.formats.several import Nobodys, Several
from segment_assets.first_party.formats.stream import Stream
from segment_assets.first_party.formats.whatsapp import WHATSAPP
from segment_assets.landing_config import EventsLanding, EventSource

# Connect before those whose parts its records carry beside their own keys: they say what became of a message, and not
# of which campaign and segment it was.
KINDS = {
    "connect": CONNECT,
    "pinpoint": PINPOINT,
    "ses": SES,
    "end_user_messaging": END_USER_MESSAGING,
    "whatsapp": WHATSAPP,
}


def format_of(landing: EventsLanding) -> Format:
    """How the objects of the landing place are read."""
    by_path = _by_path(landing)
    return Several(by_path, Nobodys()) if landing.sources else by_path[landing.path]


def format_of_files(landing: EventsLanding) -> Format:
    """How files from anywhere are read: as the source whose path is part of theirs, else each record by its keys."""
    by_path = _by_path(landing)
    return Several(by_path, Stream(tuple(KINDS.values())), anywhere=True) if landing.sources else by_path[landing.path]


def _by_path(landing: EventsLanding) -> dict[str, Format]:
    return {one.path: _format(one, place) for place, one in landing.by_place.items()}


def _format(source: EventSource, place: str) -> Format:
    if source.table:
        return OwnTable(source.table, f"{place}.table")
    return Stream([KINDS[source.format]] if source.format in KINDS else tuple(KINDS.values()))
