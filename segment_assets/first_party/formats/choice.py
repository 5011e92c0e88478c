"""Which format the configuration names."""

from segment_assets.first_party.formats import Format
from segment_assets.first_party.formats.own_table import OwnTable
from segment_assets.first_party.formats.pinpoint import Pinpoint
from segment_assets.segmentation import EventsLanding


def format_of(landing: EventsLanding) -> Format:
    """The format of the objects under `landing.events.path`."""
    return OwnTable(landing.table) if landing.table else Pinpoint()
