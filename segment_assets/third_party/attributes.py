"""Attributes as they are declared: spellings to categories, numbers to bands, texts to days and to yes and no."""

from collections.abc import Callable
from datetime import date, datetime
from functools import lru_cache
from typing import NamedTuple, assert_never

import pyarrow as pa

from segment_assets.audience_config import (
    Attribute,
    BandAttribute,
    BooleanAttribute,
    CategoryAttribute,
    DateAttribute,
    TextAttribute,
    folded,
)
from segment_assets.people.addresses import looks_like_an_address
from segment_assets.third_party import bands
from segment_assets.third_party.formats import Nested

Value = str | date | bool | None


class Read(NamedTuple):
    """What a text means.

    Attributes:
        value: of the attribute; None where there is none.
        known: whether the mapping knows the text; an empty one is known.
    """

    value: Value
    known: bool


NOTHING = Read(None, True)
Reader = Callable[[str | None], Read]


def kind(attribute: Attribute) -> pa.DataType:
    """The column's type."""
    if isinstance(attribute, DateAttribute):
        return pa.date32()
    return pa.bool_() if isinstance(attribute, BooleanAttribute) else pa.string()


def reader(attribute: Attribute) -> Reader:
    """Reads an attribute's texts; what was read before is remembered, because values repeat."""
    read = _reader(attribute)

    @lru_cache(maxsize=8192, typed=True)  # the same text is another one where it came as several values
    def remembered(text: str | None) -> Read:
        return NOTHING if text is None else read(text)

    return remembered


def _reader(attribute: Attribute) -> Callable[[str], Read]:
    match attribute:
        case TextAttribute():
            return _text
        case CategoryAttribute():
            return _category(attribute)
        case BandAttribute():
            return _band(attribute)
        case DateAttribute():
            return lambda text: _known(day(text, attribute.format))
        case BooleanAttribute():
            meant = {folded(t): True for t in attribute.when_true} | {folded(f): False for f in attribute.when_false}
            return lambda text: _known(meant.get(folded(text)))
    assert_never(attribute)


def _text(text: str) -> Read:
    # A readable address stays in the partner's place, whatever column it was put into; several values are no text.
    return Read(None, False) if isinstance(text, Nested) or looks_like_an_address(text) else Read(text, True)


def _category(attribute: CategoryAttribute) -> Callable[[str], Read]:
    meant = {folded(s): value for value, spellings in attribute.values.items() for s in (value, *spellings)}

    def read(text: str) -> Read:
        value = meant.get(folded(text))
        return Read(attribute.otherwise, False) if value is None else Read(value, True)

    return read


def _band(attribute: BandAttribute) -> Callable[[str], Read]:
    names = attribute.labels or bands.labels(attribute.edges)

    def read(text: str) -> Read:
        at = bands.band(text, attribute.edges, ranges=attribute.ranges)
        return Read(attribute.otherwise, False) if at is None else Read(names[at], True)

    return read


def day(text: str, form: str | None) -> date | None:
    """A day as it is written; None where it is none. A time of ISO 8601 is the day it names."""
    try:
        time = datetime.strptime(text, form) if form else datetime.fromisoformat(text)  # noqa: DTZ007  naive is UTC
        return time.date()
    except ValueError:
        return None


def _known(value: Value) -> Read:
    return Read(value, value is not None)
