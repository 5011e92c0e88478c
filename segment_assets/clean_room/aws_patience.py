"""Asking again: pauses that grow, with jitter, and an end."""

import random
import time
from collections.abc import Iterator


def tries(seconds: float, pause: float, ceiling: float = 10.0) -> Iterator[bool]:
    """One turn per try; the value is whether it is the last.

    Args:
        seconds: until the last try.
        pause: before the second try; each later one is half as long again.
        ceiling: of the pause.
    """
    until = time.monotonic() + seconds
    while True:
        last = time.monotonic() >= until
        yield last
        if last:
            return
        wanted = pause * random.uniform(0.75, 1.25)  # noqa: S311  spreads callers, hides nothing
        time.sleep(max(0.0, min(wanted, until - time.monotonic())))
        pause = min(pause * 1.5, ceiling)
