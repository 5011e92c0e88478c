"""What tells the first party's sensor that objects came or went."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar


@dataclass(frozen=True)
class Message:
    """One message of a queue.

    Attributes:
        id: given by the queue, the same however often it is received.
        receipt: what it is forgotten by; another each time it is received.
        body: its text.
        sent: when it was sent, milliseconds since 1970.
    """

    id: str
    receipt: str
    body: str
    sent: int


class Arrivals(ABC):
    """Messages about the landing place. Each is told again, after some minutes, until it is forgotten.

    Attributes:
        speaks: whether there is anything that tells; where there is not, the landing place is listed.
        bucket: whose objects the messages are about.
    """

    speaks: ClassVar[bool]
    bucket: str = ""

    @abstractmethod
    def received(self) -> Iterator[Message]:
        """Messages as they are taken from the queue, a few at a time; the end is a queue that gives none."""

    @abstractmethod
    def forget(self, receipts: Sequence[str]) -> None:
        """Remove messages for good; those that are gone already, or received again since, change nothing."""
