"""What a noisy answer costs and what a budget holds, in zero-concentrated or pure differential privacy.

A unit is one noisy column: COUNT, COUNT DISTINCT and SUM take one, AVG two, STDDEV three, a private release of group
keys one more. Gaussian noise of sigma0 persons costs rho = 1 / (2 sigma0^2) per unit, and (epsilon, delta) holds
rho = (sqrt(epsilon + L) - sqrt(L))^2 with L = ln(1 / delta) (Bun and Steinke 2016, proposition 1.3). A tiny budget
holds no such unit; there Laplace noise is counted in epsilon itself. AWS publishes none of its own.
"""

from dataclasses import dataclass
from math import ceil, floor, log, sqrt
from typing import Literal

from segment_assets.clean_room.privacy.template import BudgetTemplate

Accountant = Literal["zcdp", "pure"]
DELTA = 1e-9
# Each private release of keys may, so rarely, tell of a group of one person. The ledger lets all of them be DELTA.
KEYS_DELTA = 1e-13
CONFIDENCE = 2.576  # 99 of 100 draws of a Gaussian lie within so many sigma
UNITS = {"COUNT": 1, "COUNT_DISTINCT": 1, "SUM": 1, "AVG": 2, "STDDEV": 3}


@dataclass(frozen=True)
class Price:
    """What one unit costs, and what there is, in one currency.

    Attributes:
        accountant: zcdp (rho) or pure (epsilon).
        unit: cost of one unit.
        total: what a refresh period holds.
        scale: of the noise for a sensitivity of one: sigma of a discrete Gaussian, or b of a discrete Laplace.
    """

    accountant: Accountant
    unit: float
    total: float
    scale: float

    def left(self, spent: float) -> int:
        """Whole units that are left."""
        return max(0, floor((self.total - spent) / self.unit + 1e-9))

    def epsilon(self, spent: float) -> float:
        """What was spent, as epsilon at DELTA."""
        return spent if self.accountant == "pure" else spent + 2 * sqrt(spent * log(1 / DELTA))


def price(template: BudgetTemplate, accountant: Accountant | None = None) -> Price:
    """What units cost under a budget template.

    Args:
        template: the collaboration's.
        accountant: the one a period began with; None: the one that has more units for this template.
    """
    if accountant is None:
        found = [price(template, "zcdp"), price(template, "pure")]
        return max(found, key=lambda p: p.left(0))
    if accountant == "pure":
        scale = template.users / log(100)  # 99 of 100 draws within `users`
        return Price("pure", 1 / scale, float(template.epsilon), scale)
    scale, length = template.users / CONFIDENCE, log(1 / DELTA)
    total = (sqrt(template.epsilon + length) - sqrt(length)) ** 2
    return Price("zcdp", 1 / (2 * scale**2), total, scale)


def sensitivity(accountant: Accountant, *, largest: int = 1, rows: int = 1, groups: int = 1) -> int:
    """How far one person moves a column of answers, as whole numbers.

    A person with at most `rows` rows in all, whatever groups they are in, moves it by at most rows x largest in either
    norm. A person counted once in each of at most `groups` groups moves it by sqrt(groups) in the norm of the Gaussian.
    """
    if groups > 1:
        return largest * (ceil(sqrt(groups)) if accountant == "zcdp" else groups)
    return rows * largest
