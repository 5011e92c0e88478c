"""Who watches from outside: numbers go to them, and events."""

from abc import ABC, abstractmethod
from collections.abc import Sequence

from segment_assets.operations.metrics import Metric, Note


class MonitorError(Exception):
    """What could not be told, and what mends it. Nothing that was told before is lost."""


class Monitor(ABC):
    """Takes metrics and events.

    Attributes:
        listens: whether anybody does; where nobody does, nothing is gathered.
    """

    listens: bool = True

    @abstractmethod
    def measure(self, metrics: Sequence[Metric]) -> None:
        """Take numbers.

        Raises:
            MonitorError: they could not be told.
        """

    @abstractmethod
    def announce(self, notes: Sequence[Note]) -> None:
        """Take events.

        Raises:
            MonitorError: some could not be told.
        """
