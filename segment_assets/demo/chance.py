"""Chance that is seeded by content: the same thing has the same luck in every run, in every order."""

import hashlib

import numpy as np
import numpy.typing as npt

Keys = npt.NDArray[np.uint64]


def keys(ids: npt.ArrayLike, purpose: str) -> Keys:
    """64 bits per id that look random and are not (splitmix64, https://prng.di.unimi.it/splitmix64.c).

    Args:
        ids: whole numbers, or keys already.
        purpose: what the bits are for; another purpose gives unrelated bits.
    """
    seed = int.from_bytes(hashlib.sha256(purpose.encode()).digest()[:8], "little")
    state = np.atleast_1d(np.asarray(ids)).astype(np.uint64) + np.uint64(seed)
    state = (state ^ (state >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    state = (state ^ (state >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return np.asarray(state ^ (state >> np.uint64(31)), np.uint64)


def fractions(ids: npt.ArrayLike, purpose: str) -> npt.NDArray[np.float64]:
    """One number from 0 up to 1 per id."""
    return np.asarray((keys(ids, purpose) >> np.uint64(11)) * 2.0**-53, np.float64)
