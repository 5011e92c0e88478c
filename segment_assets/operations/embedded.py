"""On one machine nobody watches from outside: the UI, the log and the alerts say it all."""

from collections.abc import Sequence

from segment_assets.operations.metrics import Metric, Note
from segment_assets.operations.port import Monitor


class Nobody(Monitor):
    """Takes nothing."""

    listens = False

    def measure(self, metrics: Sequence[Metric]) -> None:
        """Nothing is kept."""

    def announce(self, notes: Sequence[Note]) -> None:
        """Nothing is kept."""


def monitor(_: object) -> Nobody:
    """Nobody."""
    return Nobody()
