"""How long to wait between two looks at work that another does: short at first, then twice as long each time."""

from collections.abc import Iterator

# Seconds. A short job is seen soon; a long one is asked about less often than any quota of AWS minds.
FIRST, MOST, GROWTH = 0.2, 30.0, 2.0


def pauses(first: float) -> Iterator[float]:
    """Pauses without end, in seconds.

    Args:
        first: the first.
    """
    pause = first
    while True:
        yield min(pause, MOST)
        pause = min(pause * GROWTH, MOST)
