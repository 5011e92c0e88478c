"""Looking again and again at work that another does: soon at first, then less and less often, and not for ever."""

import random
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TypeVar

T = TypeVar("T")


@dataclass(frozen=True)
class Pace:
    """How often it is looked, and how long.

    Attributes:
        first: seconds between the first two looks.
        most: of the longest pause: a long job is asked about less often than any quota of AWS minds.
        growth: of one pause to the next.
        deadline: seconds after which there is one look more, and no other.
        jitter: share by which a pause may be longer or shorter, so that many callers do not come at once.
        pause: what waits.
    """

    first: float = 0.2
    most: float = 30.0
    growth: float = 2.0
    deadline: float = 900.0
    jitter: float = 0.0
    pause: Callable[[float], None] = time.sleep

    def turns(self) -> Iterator[bool]:
        """One turn for each look; the value is whether it is the last."""
        ends, wait = time.monotonic() + self.deadline, self.first
        while True:
            last = time.monotonic() >= ends
            yield last
            if last:
                return
            wanted = wait * random.uniform(1 - self.jitter, 1 + self.jitter)  # noqa: S311  no secret
            self.pause(max(0.0, min(wanted, ends - time.monotonic())))
            wait = min(wait * self.growth, self.most)

    def until(self, look: Callable[[], T | None]) -> T | None:
        """What is found at last; None where nothing was until the deadline."""
        for _ in self.turns():
            if (found := look()) is not None:
                return found
        return None
