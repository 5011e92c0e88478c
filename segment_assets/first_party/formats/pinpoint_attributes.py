"""What a Pinpoint record carries of the sender's own: attributes and metrics, of many records at once."""

import json
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

import pyarrow as pa

from segment_assets.first_party.vocabulary import type_of
from segment_assets.people.addresses import called_a_number, looks_like_a_number, looks_like_an_address

# Attributes that became a column, or that hold an address: they are no properties.
_OF_ALL = frozenset(
    (
        "campaign_id", "campaign_activity_id", "treatment_id", "journey_id", "journey_run_id", "journey_activity_id",
        "campaign_send_status", "journey_send_status",
    )
)  # fmt: skip
# These are Pinpoint's in events of messages; in an app's own events they are the app's.
_OF_MESSAGES = frozenset(
    (
        "record_status", "message_id", "iso_country_code", "destination_phone_number", "origination_phone_number",
        "customer_context", "feedback",
    )
)  # fmt: skip
_NOTHING: Mapping[str, Any] = {}


class Attributes:
    """Attributes of some records.

    Args:
        each: of every record; None where it has none.
        messages: whether the record is of a message.
    """

    def __init__(self, each: Sequence[Mapping[str, Any] | None], messages: Sequence[bool]) -> None:
        self.each = [attributes or _NOTHING for attributes in each]
        self.messages = messages
        self._there = set().union(*self.each)

    def text(self, name: str) -> Sequence[str | None]:
        """One of them, of every record: text that says something, or None."""
        if name not in self._there:
            return [None] * len(self.each)
        found = [(v or None) if isinstance(v := own.get(name), str) else None for own in self.each]
        if name in _OF_MESSAGES and name != "customer_context":  # an app may name its user in the same way
            return [text if message else None for text, message in zip(found, self.messages, strict=True)]
        return found


def properties(attributes: Attributes, links: Sequence[str | None]) -> pa.Array:
    """Other attributes as text. What is an address stays in the raw zone; a link goes without its query."""
    names: list[str] = []
    texts: list[str] = []
    ends = [0]
    for own, message, link in zip(attributes.each, attributes.messages, links, strict=True):
        for name, perhaps_a_number in _free(tuple(own), message, bool(link)):
            value = own[name]
            if value is None:
                continue
            text = value if isinstance(value, str) else json.dumps(value, sort_keys=True, ensure_ascii=False)
            if not looks_like_an_address(text) and not (perhaps_a_number and looks_like_a_number(text)):
                names.append(name)
                texts.append(text)
        if link and not looks_like_an_address(page := link.partition("?")[0].partition("#")[0]):
            start = ends[-1]
            pairs = sorted([*zip(names[start:], texts[start:], strict=True), ("link", page)])
            names[start:], texts[start:] = zip(*pairs, strict=True)
        ends.append(len(names))
    return _maps("properties", ends, names, texts)


def metrics(each: Sequence[Mapping[str, float | None] | None], cost: str) -> pa.Array:
    """Numbers by name, but for the one that is the cost."""
    names: list[str] = []
    values: list[float] = []
    ends = [0]
    for own in (metrics or _NOTHING for metrics in each):
        for name in sorted(own):
            if (value := own[name]) is not None and name != cost:
                names.append(name)
                values.append(value)
        ends.append(len(names))
    return _maps("metrics", ends, names, values)


def _maps(column: str, ends: list[int], names: list[str], values: list[Any]) -> pa.Array:
    kind = type_of(column)
    keys, items = pa.array(names, kind.key_type), pa.array(values, kind.item_type)
    return pa.MapArray.from_arrays(pa.array(ends, pa.int32()), keys, items, type=kind)


@lru_cache(maxsize=4_096)
def _free(names: tuple[str, ...], message: bool, link: bool) -> list[tuple[str, bool]]:
    """Those that are properties, in order, and whether they are called numbers; a link that was followed is `link`."""
    taken = _OF_ALL | (_OF_MESSAGES if message else set()) | ({"link"} if link else set())
    free = sorted(name for name in names if name not in taken and not looks_like_an_address(name))
    return [(name, called_a_number(name)) for name in free]
