"""What is asked of QuickSight, and how its work is waited for."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

from segment_assets.pauses import FIRST, GROWTH, MOST

T = TypeVar("T")
Answer = dict[str, Any]


class Api(Protocol):
    """The calls of QuickSight in one account, each by its operation's name; a refusal is raised as one sentence."""

    def arn(self, kind: str, name: str) -> str:
        """The ARN of a data source, data set or dashboard."""

    def ask(self, operation: str, on: str, **request: Any) -> Answer:
        """Do it; it may be done twice."""

    def find(self, operation: str, on: str, **request: Any) -> Answer | None:
        """Do it; None where there is no such thing."""

    def make(self, operation: str, on: str, **request: Any) -> None:
        """Do it; that the thing is there already is as good: the call may have been made before, its answer lost."""

    def once(self, operation: str, on: str, is_done: Callable[[], bool], **request: Any) -> None:
        """Do what must not be done twice: after a lost answer, `is_done` is asked first."""


@dataclass(frozen=True)
class Pace:
    """How work is watched: pauses that grow, and an end to them.

    Attributes:
        first: seconds of the first pause.
        most: of the longest.
        growth: of one to the next.
        deadline: seconds after which it is given up.
        pause: what waits.
    """

    first: float = FIRST
    most: float = MOST
    growth: float = GROWTH
    deadline: float = 900.0
    pause: Callable[[float], None] = time.sleep

    def until(self, look: Callable[[], T | None]) -> T | None:
        """What is found at last; None where nothing was until the deadline."""
        ends, pause = time.monotonic() + self.deadline, self.first
        while (found := look()) is None and time.monotonic() < ends:
            self.pause(pause)
            pause = min(pause * self.growth, self.most)
        return found
