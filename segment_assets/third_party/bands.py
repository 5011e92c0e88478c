"""Numbers and ranges of numbers as the bands they lie in."""

import math
import re
from bisect import bisect_left, bisect_right
from collections.abc import Sequence

from segment_assets.third_party.numbers import number

_AMOUNT = r"[€$£¥]?\s*(\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d+(?:\.\d+)?)\s*([km])?"
_PLAIN = re.compile(_AMOUNT)
_BETWEEN = re.compile(rf"{_AMOUNT}\s*(?:-|\u2013|\u2014|to)\s*{_AMOUNT}")
_FROM = re.compile(rf"(?:>=\s*|from\s+){_AMOUNT}|{_AMOUNT}\s*(?:\+|plus|or more|and over|and above|or older)")
_UNDER = re.compile(rf"(?:<\s*|under\s+|below\s+|less than\s+){_AMOUNT}")
_UP_TO = re.compile(rf"(?:<=\s*|up to\s+){_AMOUNT}")
_TIMES = {"": 1.0, "k": 1e3, "m": 1e6}


def labels(edges: Sequence[float]) -> list[str]:
    """Names of the bands: under 18, 18-24, 25-34, 65+. Bands of whole numbers end one below the next edge."""
    whole = all(edge == int(edge) for edge in edges)
    shown = [f"{edge:.0f}" if whole else f"{edge:g}" for edge in edges]
    between = []
    for low, high, begin, end in zip(edges, edges[1:], shown, shown[1:], strict=False):
        last = f"{high - 1:.0f}" if whole else end
        between.append(begin if whole and high - low == 1 else f"{begin}-{last}")
    return [f"under {shown[0]}", *between, f"{shown[-1]}+"]


def band(text: str, edges: Sequence[float], *, ranges: bool) -> int | None:
    """The number of the band a text lies in, 0 being below the first edge; None where it lies in none, or in two.

    Args:
        text: a number; with `ranges` also `25-34`, `$50K-$74K`, `65+`, `under 18`.
        edges: where bands begin, ascending: an edge belongs to the band above it.
        ranges: whether ranges are taken.
    """
    single = _single(text)
    if single is not None:
        return bisect_right(edges, single)
    found = _range(" ".join(text.lower().split())) if ranges else None
    if found is None:
        return None
    low, high, exclusive = found
    if low > high:
        return None
    first, last = bisect_right(edges, low), (bisect_left if exclusive else bisect_right)(edges, high)
    # 50-75 beside the edge 75 ends where the next band begins, and is meant to.
    if last == first + 1 and -math.inf < low < high == edges[first]:
        last = first
    return first if first == last else None


def _single(text: str) -> float | None:
    if (plain := number(text)) is not None:
        return plain
    found = _PLAIN.fullmatch(text.lower())
    return _amount(*found.groups()) if found else None


def _range(text: str) -> tuple[float, float, bool] | None:
    if found := _BETWEEN.fullmatch(text):
        low, low_times, high, high_times = found.groups()
        # $50-74K is $50K-$74K.
        return _amount(low, low_times or high_times), _amount(high, high_times), False
    if found := _FROM.fullmatch(text):
        one, one_times, other, other_times = found.groups()
        return _amount(one or other, one_times or other_times), math.inf, False
    for pattern, exclusive in ((_UNDER, True), (_UP_TO, False)):
        if found := pattern.fullmatch(text):
            return -math.inf, _amount(*found.groups()), exclusive
    return None


def _amount(digits: str, times: str | None) -> float:
    return float(digits.replace(",", "")) * _TIMES[times or ""]
