"""A clean room that adds noise of its own and keeps the privacy budget itself: what it can be asked."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import pyarrow as pa

from segment_assets.clean_room.circumstances import Run
from segment_assets.clean_room.custom.check import Accepted
from segment_assets.clean_room.privacy.template import BudgetTemplate


@dataclass(frozen=True)
class Noisy:
    """A result with the service's noise.

    Attributes:
        rows: in the query's order, with the names of the result.
        sensitivity: how much of one person counted in each aggregate, in AWS's shape (`sensitivityParameters`).
        cost: what was billed, by unit.
    """

    rows: pa.Table
    sensitivity: list[dict[str, Any]]
    cost: Mapping[str, float] = field(default_factory=dict)


class NoiseService(ABC):
    """Noise and its budget, both out of our hands."""

    @abstractmethod
    def left(self) -> list[dict[str, Any]]:
        """What the budget holds, by type of aggregate, in AWS's shape: `type`, `maxCount`, `remainingCount`.

        Empty where the collaboration has no privacy budget.
        """

    @abstractmethod
    def preview(self, template: BudgetTemplate) -> list[dict[str, Any]]:
        """What a budget as it is declared would pay for, by type of aggregate, in AWS's shape: `type`, `maxCount`."""

    @abstractmethod
    def admit(self, query: str, wanted: Mapping[str, int], key: str) -> None:
        """Refuse a query that the budget can't pay for, before it is started; one that was started before is let in.

        Args:
            query: its name.
            wanted: type of aggregate -> how many of them get noise.
            key: hash of the query, its rules and its data.

        Raises:
            PrivacyBudgetError: there is no budget, or too little of it.
        """

    @abstractmethod
    def ask(self, query: Accepted, key: str, as_of: date | None = None, of: Run | None = None) -> Noisy:
        """The answer to a query; one that was asked under the same key before is not asked again.

        Args:
            query: an accepted query, as its author wrote it.
            key: hash of the query, its rules and its data.
            as_of: day of the data: what CURRENT_DATE means.
            of: the run of an analysis template that it is; None for free text.

        Raises:
            QueryFailedError: the query did not end well.
        """
