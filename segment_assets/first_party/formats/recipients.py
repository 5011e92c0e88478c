"""A bounce or complaint of several recipients, taken apart: each of them is suppressed."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from segment_assets.first_party.records import Json


def of_each(record: Json, path: Sequence[str], lists: Mapping[str, str]) -> list[bytes]:
    """The record for each recipient that it names, in the same form; none where it names one at most.

    Args:
        record: as delivered.
        path: keys to the object that says what happened.
        lists: a part of that object -> the key of its list of recipients.
    """
    return [json.dumps(one, ensure_ascii=False).encode() for one in _each(record, path, lists)]


def _each(value: Any, path: Sequence[str], lists: Mapping[str, str]) -> list[Json]:
    if not isinstance(value, dict):
        return []
    if path:
        return [value | {path[0]: inner} for inner in _each(value.get(path[0]), path[1:], lists)]
    for part, key in lists.items():
        what = value.get(part)
        if isinstance(what, dict) and isinstance(named := what.get(key), list) and len(named) > 1:
            return [value | {part: what | {key: [one]}} for one in named]
    return []
