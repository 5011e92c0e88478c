"""Noise from OpenDP: discrete, so that no floating-point number tells what was added to what.

Whole columns at once: 10,000 single draws took 3.1 s, one vector of 10,000 took 0.3 s. The randomness is OpenDP's own,
of the operating system. There is no seed: whoever could set it could take the noise away.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import opendp.prelude as dp

from segment_assets.clean_room.privacy.accounting import KEYS_DELTA, Accountant, Price, sensitivity

dp.enable_features("contrib")  # OpenDP asks for it: not every proof in this part of it was vetted
_SLACK = 1 + 1e-6  # OpenDP rounds its claims up


class NoiseError(Exception):
    """OpenDP's own claim for a mechanism is larger than what was charged: nothing is released."""


class OpenDpNoise:
    """Discrete Gaussian or Laplace noise at the price that was paid."""

    def __init__(self, price: Price) -> None:
        self.price = price

    def on(self, values: Sequence[int], sensitivity: int) -> list[int]:
        """The values with noise; sums larger than 64 bits stay exact, because noise is drawn around zero."""
        if not values:
            return []
        drawn = self._mechanism(sensitivity)([0] * len(values))
        return [value + int(noise) for value, noise in zip(values, drawn, strict=True)]

    def keys(self, people: Mapping[str, int], groups: int) -> list[str]:
        """Those whose noisy number of persons exceeds a threshold that one person alone passes with KEYS_DELTA."""
        if not people:
            return []
        mechanism, _ = threshold(self.price, groups)
        return sorted(mechanism(dict(people)))

    def _mechanism(self, by: int) -> Any:
        domain, scale = dp.vector_domain(dp.atom_domain(T="i64")), self.price.scale * by
        mechanism: Any
        if self.price.accountant == "zcdp":
            mechanism = dp.m.make_gaussian(domain, dp.l2_distance(T="i64"), scale=scale)
        else:
            mechanism = dp.m.make_laplace(domain, dp.l1_distance(T="i64"), scale=scale)
        if mechanism.map(by) > self.price.unit * _SLACK:
            raise NoiseError("OpenDP claims more for this noise than the budget was charged")
        return mechanism


def threshold(price: Price, groups: int) -> tuple[Any, int]:
    """The mechanism that releases keys, and its threshold: the smallest that keeps KEYS_DELTA."""
    scale = price.scale * sensitivity(price.accountant, groups=groups)
    low, high = 1, 1 + int(40 * scale)
    while low < high:
        middle = (low + high) // 2
        if _claimed(price.accountant, scale, middle, groups)[1] <= KEYS_DELTA:
            high = middle
        else:
            low = middle + 1
    if _claimed(price.accountant, scale, low, groups)[0] > price.unit * _SLACK:
        raise NoiseError("OpenDP claims more for the release of group keys than the budget was charged")
    return _releasing(price.accountant, scale, low), low


def _claimed(accountant: Accountant, scale: float, limit: int, groups: int) -> tuple[float, float]:
    norm = sensitivity(accountant, groups=groups)
    cost, delta = _releasing(accountant, scale, limit).map((groups, norm, 1))
    return float(cost), float(delta)


def _releasing(accountant: Accountant, scale: float, limit: int) -> Any:
    counts = dp.map_domain(dp.atom_domain(T="String"), dp.atom_domain(T="i64"))
    if accountant == "zcdp":
        metric = dp.l02inf_distance(dp.absolute_distance("i64"))
        return dp.m.make_gaussian_threshold(counts, metric, scale=scale, threshold=limit)
    metric = dp.l01inf_distance(dp.absolute_distance("i64"))
    return dp.m.make_laplace_threshold(counts, metric, scale=scale, threshold=limit)
