"""The services of our own that stand before moto."""

from segment_assets_tests.aws_double.cleanrooms import CleanRooms
from segment_assets_tests.aws_double.service import FakeService

OWN: tuple[type[FakeService], ...] = (CleanRooms,)


def own() -> list[FakeService]:
    """One of each, with nothing in it."""
    return [service() for service in OWN]
