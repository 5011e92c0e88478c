"""Steps 1 and 2 on one machine."""

from collections.abc import Iterator, Sequence
from typing import ClassVar

from segment_assets.first_party.port import Arrivals, Message


class Silence(Arrivals):
    """Nothing tells: the landing place is listed."""

    speaks: ClassVar[bool] = False

    def received(self) -> Iterator[Message]:
        """Nothing."""
        return iter(())

    def forget(self, receipts: Sequence[str]) -> None:
        """Nothing was told."""


def arrivals(settings: object) -> Silence:
    """A folder tells nobody."""
    return Silence()
