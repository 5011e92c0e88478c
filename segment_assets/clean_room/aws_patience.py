"""How Clean Rooms is asked again: by both accounts, and by several runs of each."""

from collections.abc import Iterator

from segment_assets.waiting import Pace


def patience(seconds: float, first: float, most: float = 10.0) -> Iterator[bool]:
    """One turn per try; the value is whether it is the last.

    Args:
        seconds: until the last try.
        first: before the second try; each later pause is half as long again.
        most: of a pause.
    """
    return Pace(first, most, growth=1.5, deadline=seconds, jitter=0.25).turns()
