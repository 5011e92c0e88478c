"""A set of people in a few kilobytes, from which the difference of two sets can be counted when it is small.

An invertible Bloom lookup table (Goodrich and Mitzenmacher 2011): each member is added to one cell of four tables; two
sketches subtracted hold the members of one set alone, and cells with one member are peeled off until none is left. The
size depends on the smallest difference that is no alarm, and not on the number of people. A small difference is missed
with a chance below one in a million; a large one is never taken for a small one.
"""

import zlib
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Hashes = npt.NDArray[np.uint64]
_TABLES = 4
_LEAST = 256  # cells of a table: two of 25 people in the same four cells have a chance of one in 10^7
_SEEDS = (0x9E3779B97F4A7C15, 0xC2B2AE3D27D4EB4F, 0x165667B19E3779F9, 0xD6E8FEB86659FD93)
_CHECK = 0xA0761D6478BD642F


@dataclass
class Sketch:
    """A set of 64-bit hashes.

    Attributes:
        counts: members in each cell.
        sums: of the members of each cell.
        checks: of a second hash of them: tells one member from several.
    """

    counts: npt.NDArray[np.int64]
    sums: Hashes
    checks: Hashes

    @classmethod
    def empty(cls, minimum: int) -> "Sketch":
        """Of nobody, to tell differences of fewer than so many people."""
        cells = _TABLES * max(_LEAST, 1 << (minimum - 1).bit_length())
        return cls(np.zeros(cells, np.int64), np.zeros(cells, np.uint64), np.zeros(cells, np.uint64))

    @property
    def people(self) -> int:
        """How many there are."""
        return int(self.counts[: len(self.counts) // _TABLES].sum())

    def add(self, members: Hashes, sign: int = 1) -> None:
        """Add members that are not in it, or take away such as are."""
        size = len(self.counts) // _TABLES
        signed = members if sign > 0 else _negative(members)
        check = _mixed(members, _CHECK)
        checks = check if sign > 0 else _negative(check)
        for i, seed in enumerate(_SEEDS):
            cells = (_mixed(members, seed) % np.uint64(size)).astype(np.int64) + i * size
            np.add.at(self.counts, cells, sign)
            np.add.at(self.sums, cells, signed)
            np.add.at(self.checks, cells, checks)

    def packed(self) -> bytes:
        """As bytes."""
        return zlib.compress(b"".join(part.tobytes() for part in (self.counts, self.sums, self.checks)), 1)

    @classmethod
    def unpacked(cls, packed: bytes) -> "Sketch":
        """From bytes."""
        parts = np.frombuffer(zlib.decompress(packed), np.uint64).reshape(3, -1)
        return cls(parts[0].astype(np.int64), parts[1].copy(), parts[2].copy())


def apart(one: Sketch, other: Sketch, fewer_than: int) -> int | None:
    """How many people are in one of two sets alone, where they are fewer than so many; else None."""
    if len(one.counts) != len(other.counts) or abs(one.people - other.people) >= fewer_than:
        return None
    left = Sketch(one.counts - other.counts, one.sums - other.sums, one.checks - other.checks)
    size = len(left.counts) // _TABLES
    # Every cell that differs holds at least one person who is in one set alone.
    if int(np.count_nonzero(left.counts[:size] | left.sums[:size].view(np.int64))) >= fewer_than:
        return None
    found = 0
    while found < fewer_than:
        single = np.abs(left.counts) == 1
        member = np.where(left.counts < 0, _negative(left.sums), left.sums)
        check = np.where(left.counts < 0, _negative(left.checks), left.checks)
        single &= _mixed(member, _CHECK) == check
        if not single.any():
            break
        for sign in (1, -1):
            members = np.unique(member[single & (left.counts == sign)])
            found += len(members)
            left.add(members, -sign)
    empty = not (left.counts.any() or left.sums.any())
    return found if empty and found < fewer_than else None


def _mixed(members: Hashes, seed: int) -> Hashes:
    """Another hash of each (the finaliser of splitmix64)."""
    x = members ^ np.uint64(seed)
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))


def _negative(values: Hashes) -> Hashes:
    return np.uint64(0) - values
