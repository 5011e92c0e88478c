"""Which format the configuration names."""

from segment_assets.first_party.formats import Format
from segment_assets.first_party.formats.connect import CONNECT
from segment_assets.first_party.formats.end_user_messaging import END_USER_MESSAGING
from segment_assets.first_party.formats.own_table import OwnTable
from segment_assets.first_party.formats.pinpoint import PINPOINT
from segment_assets.first_party.formats.ses import SES
from segment_assets.first_party.formats.stream import Stream
from segment_assets.first_party.formats.whatsapp import WHATSAPP
from segment_assets.landing_config import EventsLanding

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
    """The format of the objects under `landing.events.path`."""
    if landing.table:
        return OwnTable(landing.table)
    return Stream([KINDS[landing.format]] if landing.format in KINDS else tuple(KINDS.values()))
