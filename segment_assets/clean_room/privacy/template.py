"""AWS's privacy budget template: the one budget of a collaboration, as a model that reads and writes AWS's JSON.

Shape: API_CreatePrivacyBudgetTemplate of the AWS Clean Rooms API reference (2022-02-17).
"""

from typing import Any, Literal

from pydantic import Field

from segment_assets import collaboration_config
from segment_assets.clean_room.part import Part

Refresh = Literal["CALENDAR_MONTH", "NONE"]


class Numbers(Part):
    """How much may be learnt in a refresh period, and how many persons one answer hides."""

    epsilon: int = Field(ge=1, le=20)
    users_noise_per_query: int = Field(ge=10, le=100)


class Parameters(Part):
    """AWS's union of parameters by the type of the budget; of the two types this is the one with noise."""

    differential_privacy: Numbers


class BudgetTemplate(Part):
    """The privacy budget template of a collaboration."""

    privacy_budget_type: Literal["DIFFERENTIAL_PRIVACY"] = "DIFFERENTIAL_PRIVACY"
    auto_refresh: Refresh
    parameters: Parameters

    @property
    def epsilon(self) -> int:
        """How much may be learnt in a refresh period."""
        return self.parameters.differential_privacy.epsilon

    @property
    def users(self) -> int:
        """Noise as a number of persons: 99 of 100 answers to COUNT(DISTINCT person) are within it."""
        return self.parameters.differential_privacy.users_noise_per_query

    def to_aws(self) -> dict[str, Any]:
        """What CreatePrivacyBudgetTemplate takes, without the membership."""
        return self.model_dump(mode="json", by_alias=True)


def of(epsilon: int, users: int, auto_refresh: Refresh = "CALENDAR_MONTH") -> BudgetTemplate:
    """A template from its three numbers."""
    numbers = Numbers(epsilon=epsilon, users_noise_per_query=users)
    return BudgetTemplate(auto_refresh=auto_refresh, parameters=Parameters(differential_privacy=numbers))


def from_config(budget: collaboration_config.PrivacyBudget) -> BudgetTemplate:
    """The template that segmentation.yaml declares."""
    return of(budget.epsilon, budget.users_noise_per_query, budget.auto_refresh)
