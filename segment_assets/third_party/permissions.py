"""What the partner's people agreed to, and what their rows may be used for: carried along, and kept to."""

import json
import re
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache

import pyarrow as pa

from segment_assets.audience_config import PurposesColumn, folded
from segment_assets.people.consent import State

Purposes = tuple[str, ...]
BETWEEN = ","


def purposes_reader(column: PurposesColumn) -> Callable[[str | None], Purposes]:
    """Reads permitted purposes: `Marketing; measurement` or a JSON list. Nothing written permits nothing."""
    meant = {folded(word): purpose for purpose, words in column.values.items() for word in (purpose, *words)}

    @lru_cache(maxsize=4096)
    def read(text: str | None) -> Purposes:
        slugs = ((folded(word), _slug(word)) for word in _words(text or ""))
        return tuple(sorted({meant.get(word, slug) for word, slug in slugs if slug}))

    return read


def permits(state: State | None, purposes: Sequence[str] | None, purpose: str) -> bool:
    """Whether a row may be used for a purpose.

    Args:
        state: of consent; None where the partner delivers none, and the contract between the parties holds.
        purposes: that are permitted; None where the partner names none.
        purpose: what for.
    """
    return state in (None, "granted") and (purposes is None or purpose in purposes)


def permitted_rows(rows: pa.Table, purpose: str) -> pa.Table:
    """Rows of `partner_audience` that may be used for a purpose."""
    names = rows.column_names
    states = rows["consent"].to_pylist() if "consent" in names else [None] * rows.num_rows
    listed = rows["permitted_purposes"].to_pylist() if "permitted_purposes" in names else [None] * rows.num_rows
    # A column that is there and empty says nothing, and nothing is no consent.
    kept = [
        permits(state or ("unknown" if "consent" in names else None),
                (given or "").split(BETWEEN) if "permitted_purposes" in names else None, purpose)
        for state, given in zip(states, listed, strict=True)
    ]  # fmt: skip
    return rows.filter(pa.array(kept, pa.bool_()))


def strictest(states: Iterable[State | None]) -> State | None:
    """What holds for a person of whom several rows speak: denied before granted, and unknown only where none speaks."""
    said = set(states)
    order: tuple[State, ...] = ("denied", "granted", "unknown")
    return next((state for state in order if state in said), None)


def shared(purposes: Iterable[Purposes | None]) -> Purposes | None:
    """What every row of a person permits."""
    sets = [set(p) for p in purposes if p is not None]
    return tuple(sorted(set.intersection(*sets))) if sets else None


def _words(text: str) -> list[str]:
    if text.startswith("["):
        try:
            listed = json.loads(text)
        except ValueError:
            listed = None
        if isinstance(listed, list):
            return [str(word) for word in listed]
    return re.split(r"[,;|]", text)


def _slug(word: str) -> str:
    return re.sub(r"[^a-z0-9]+", "_", word.lower()).strip("_")
