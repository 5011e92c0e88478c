"""Differential privacy on AWS: Clean Rooms adds its own noise, takes its own limits, and keeps the budget."""

from collections.abc import Mapping
from datetime import date
from typing import Any, Protocol

import pyarrow as pa

from segment_assets.clean_room.circumstances import Run
from segment_assets.clean_room.custom.check import Accepted
from segment_assets.clean_room.privacy.ledger import PrivacyBudgetError
from segment_assets.clean_room.privacy.service import NoiseService, Noisy
from segment_assets.clean_room.privacy.template import BudgetTemplate
from segment_assets.clean_room.runnable import Runnable

Answered = tuple[pa.Table, dict[str, Any]]


class Room(Protocol):
    """What of the clean room on AWS is used here."""

    def budgets(self, kind: str) -> list[dict[str, Any]]:
        """Every privacy budget of a type in the collaboration."""

    def preview(self, epsilon: int, users_noise_per_query: int) -> list[dict[str, Any]]:
        """How many aggregates of each type a privacy budget of these numbers would pay for."""

    def begun(self, key: str) -> bool:
        """Whether a query of this content runs, or ended well and its result is there."""

    def answered(self, query: Runnable, as_of: date | None, key: str, of: Run | None) -> Answered:
        """The result, and what Clean Rooms tells of the query."""

    def cost(self, key: str) -> Mapping[str, float]:
        """What was billed."""


class AwsNoise(NoiseService):
    """The noise of one collaboration.

    Args:
        room: where its queries run.
    """

    def __init__(self, room: Room) -> None:
        self._room = room

    def left(self) -> list[dict[str, Any]]:
        """As Clean Rooms counts it: each type as if the whole budget went to it."""
        told = self._room.budgets("DIFFERENTIAL_PRIVACY")
        return [a for one in told for a in one["differentialPrivacy"]["aggregations"]]

    def preview(self, template: BudgetTemplate) -> list[dict[str, Any]]:
        """As Clean Rooms says before anything is spent, or made."""
        return self._room.preview(template.epsilon, template.users)

    def admit(self, query: str, wanted: Mapping[str, int], key: str) -> None:
        """By what is left of each type. A mixture may still be too much: then Clean Rooms refuses it."""
        if self._room.begun(key):
            return
        if not (left := {one["type"]: one["remainingCount"] for one in self.left()}):
            raise PrivacyBudgetError(
                "DP_POLICY_MISSING",
                f"{query} reads a table under differential privacy, and the collaboration has no privacy budget: its "
                "owner's `segment-assets aws apply` makes it",
            )
        for kind, number in sorted(wanted.items()):
            if number > left.get(kind, 0):
                raise PrivacyBudgetError(
                    "DP_BUDGET_EXHAUSTED",
                    f"{query} needs noise for {number} {kind}, and Clean Rooms' privacy budget pays for "
                    f"{left.get(kind, 0)}: ask for fewer, wait for the next month where it refreshes, or let "
                    "segmentation.yaml: collaboration.privacy_budget.epsilon grow",
                )

    def ask(self, query: Accepted, key: str, as_of: date | None = None, of: Run | None = None) -> Noisy:
        """The text as it was written, without any limit or noise of ours."""
        rows, told = self._room.answered(query, as_of, key, of)
        said = told.get("differentialPrivacy", {}).get("sensitivityParameters", [])
        return Noisy(rows, said, self._room.cost(key))
