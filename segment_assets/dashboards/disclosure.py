"""Counts of people: a group below ten is never shown exactly, and can't be worked out from what stands beside it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

MINIMUM = 10


@dataclass(frozen=True)
class People:
    """A count of people, as it may be shown.

    Attributes:
        text: the exact count, `<10`, `all but <10`, or `about 1,230`.
        drawn: what a chart draws; says no more than the text.
    """

    text: str
    drawn: float


def people(count: int) -> People:
    """A count on its own: exact from ten on (and zero), else `<10`."""
    return People("<10", MINIMUM / 2) if 0 < count < MINIMUM else People(f"{count:,}", count)


def part(count: int, whole: int) -> People:
    """A part of a whole that stands beside it: neither the part nor the rest is told exactly below ten."""
    if 0 < whole - count < MINIMUM <= count:
        return People("all but <10", whole - MINIMUM / 2)
    return people(count)


def share(count: int, whole: int) -> float | None:
    """A part's share of its whole, to a thousandth; unknown where `part` would not tell the part exactly."""
    small = 0 < count < MINIMUM or 0 < whole - count < MINIMUM
    return None if small or not whole else round(count / whole, 3)


def breakdown(counts: Mapping[str, int], blur: Sequence[str]) -> dict[str, People]:
    """The parts of a known whole.

    One `<10` beside exact parts would follow by subtraction. So one large part is blurred to the sum of itself and all
    small parts, to the nearest ten: a number that follows from the whole and the exact parts, and hence adds nothing.

    Args:
        counts: part -> people.
        blur: the parts to blur rather than others, best first: those whose exact count is told nowhere else.
    """
    shown = {name: people(count) for name, count in counts.items()}
    small = [name for name, count in counts.items() if 0 < count < MINIMUM]
    large = [name for name in (*blur, *counts) if counts.get(name, 0) >= MINIMUM]
    if small and large:
        together = counts[large[0]] + sum(counts[name] for name in small)
        rounded = (together + 5) // 10 * 10
        shown[large[0]] = People(f"about {rounded:,}", rounded)
    return shown


def histogram(counts: Mapping[int, int]) -> dict[str, People]:
    """Groups by size, with the tail pooled until every bar holds ten: `1`, `2`, `3 or more`."""
    bars: list[tuple[int, bool, int]] = []
    for size in sorted(counts, reverse=True):
        if bars and bars[-1][2] < MINIMUM:
            bars[-1] = (size, True, bars[-1][2] + counts[size])
        else:
            bars.append((size, False, counts[size]))
    if len(bars) > 1 and bars[-1][2] < MINIMUM:
        _, _, rest = bars.pop()
        size, _, above = bars.pop()
        bars.append((min(counts), True, above + rest))
    return {f"{size} or more" if pooled else str(size): people(count) for size, pooled, count in reversed(bars)}
