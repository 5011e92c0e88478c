"""How new a row is, by the column of `audience.duplicates.by`: a time, or a number of the partner's own."""

import math
import re
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import NamedTuple

from segment_assets.audience_config import Duplicates
from segment_assets.third_party.numbers import number

_DAY = timedelta(days=1) - timedelta(microseconds=1)
_DIGITS = re.compile("(?:19|20)[0-9]{6}")  # 20261120
_UNIX = (1, 1_000, 1_000_000)  # to a second: 10, 13 and 16 digits are times from 2001 to 2286


class When(NamedTuple):
    """When a row was written, as far as its text tells.

    Attributes:
        earliest: seconds since 1970, or the number.
        latest: the same, but of a day its last microsecond. Where the text tells nothing it may have been ever.
        clock: it is a time; a number can't be compared with one.
    """

    earliest: float
    latest: float
    clock: bool


UNKNOWN = When(-math.inf, math.inf, clock=False)


def reader(duplicates: Duplicates) -> Callable[[str | None], When]:
    """Reads the column; without a `format` ISO 8601 (naive: UTC), Unix time, or any number."""
    form = duplicates.format

    @lru_cache(maxsize=8192)
    def read(text: str | None) -> When:
        if text is None:
            return UNKNOWN
        given = None if form else number(text)
        try:
            # Numbers first: of 13 digits many would be a time of ISO 8601 too.
            if given is None or _DIGITS.fullmatch(text):
                return _written(text, form) if form else _time(text)
        except (ValueError, OverflowError):
            pass
        return UNKNOWN if given is None else _number(given)

    return read


def _written(text: str, form: str) -> When:
    time = datetime.strptime(text, form)  # noqa: DTZ007  naive is UTC
    return _between(time, _DAY if not re.search("%[HIcX]", form) else timedelta())


def _time(text: str) -> When:
    try:
        day = date.fromisoformat(text)
    except ValueError:
        return _between(datetime.fromisoformat(text.removesuffix(" UTC")), timedelta())
    return _between(datetime(day.year, day.month, day.day, tzinfo=UTC), _DAY)


def _between(time: datetime, lasting: timedelta) -> When:
    first = (time if time.tzinfo else time.replace(tzinfo=UTC)).timestamp()
    return When(first, first + lasting.total_seconds(), clock=True)


def _number(given: float) -> When:
    for unit in _UNIX:
        if 1e9 <= given / unit < 1e10:
            return When(given / unit, given / unit, clock=True)
    return When(given, given, clock=False)
