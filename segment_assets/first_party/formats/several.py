"""Several sources in one landing place: an object is read as the source is whose path it lies under."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import date
from itertools import pairwise
from typing import Any

import numpy as np
import pyarrow as pa

from segment_assets.first_party.compression import Content
from segment_assets.first_party.formats import Delivered, Format, delivered
from segment_assets.first_party.records import refused
from segment_assets.first_party.tables import ENGAGEMENT_EVENTS


def path_in(key: str, paths: Iterable[str]) -> str | None:
    """Which of the paths stands somewhere in a key, from the beginning of one of its parts on."""
    return next((path for path in paths if f"/{path}" in f"/{key}"), None)


class Several:
    """Objects of several sources.

    Args:
        sources: the path of each, and how its objects are read; no path lies in another.
        others: how an object under none of the paths is read.
        anywhere: whether a path counts wherever it stands in a key, as where a key is the path of any file.
    """

    def __init__(self, sources: Mapping[str, Format], others: Format, *, anywhere: bool = False) -> None:
        self.sources, self.others, self._anywhere = dict(sources), others, anywhere

    def path_of(self, key: str) -> str | None:
        """The path of the source that an object is of."""
        if self._anywhere:
            return path_in(key, self.sources)
        return next((path for path in self.sources if key.startswith(path)), None)

    def own_days(self, key: str) -> bool:
        """As its source says."""
        return self._of(key).own_days(key)

    def by_piece(self, key: str) -> bool:
        """As its source says."""
        return self._of(key).by_piece(key)

    def pieces(self, key: str, content: Content) -> Iterator[Any]:
        """As its source cuts it."""
        return self._of(key).pieces(key, content)

    def read(self, key: str, piece: Any) -> Delivered:
        """As its source reads it."""
        return self._of(key).read(key, piece)

    def read_day(self, key: str, day: date, content: Content) -> Iterator[Delivered]:
        """As its source reads it."""
        return self._of(key).read_day(key, day, content)

    def normalise(self, raw: pa.Table) -> pa.Table:
        """Neighbours of one source at a time: rows come by their object, so they are few stretches."""
        coded = raw["object_key"].combine_chunks().dictionary_encode()
        paths = [self.path_of(key) for key in coded.dictionary.to_pylist()]
        numbers = {path: number for number, path in enumerate(dict.fromkeys(paths))}
        each = np.array([numbers[path] for path in paths], np.int64)[coded.indices.to_numpy()]
        ends = [0, *(np.flatnonzero(np.diff(each)) + 1).tolist(), len(each)]
        named = list(numbers)
        tables = [
            self._at(named[each[start]]).normalise(raw.slice(start, end - start))
            for start, end in pairwise(ends)
            if start < end
        ]
        return pa.concat_tables([ENGAGEMENT_EVENTS.empty(), *tables])

    def _of(self, key: str) -> Format:
        return self._at(self.path_of(key))

    def _at(self, path: str | None) -> Format:
        return self.others if path is None else self.sources[path]


class Nobodys:
    """Objects of no source: each is one record in quarantine, and its bytes stay where they were delivered."""

    def own_days(self, key: str) -> bool:
        """Never: nothing of it is read."""
        return False

    def by_piece(self, key: str) -> bool:
        """It is one piece."""
        return False

    def pieces(self, key: str, content: Content) -> Iterator[None]:
        """One piece, of which nothing is read."""
        yield None

    def read(self, key: str, piece: None) -> Delivered:
        """One record that is none."""
        return delivered([], [(0, refused(b"", "no_source"))])

    def read_day(self, key: str, day: date, content: Content) -> Iterator[Delivered]:
        """The same."""
        yield self.read(key, None)

    def normalise(self, raw: pa.Table) -> pa.Table:
        """Nothing of it is in raw_events."""
        return ENGAGEMENT_EVENTS.empty()
