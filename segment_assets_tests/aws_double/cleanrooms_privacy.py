"""Differential privacy: a collaboration's one budget, and queries that get noise from the project's own engine.

AWS reads how much of one person counts off the data; the double takes fixed limits, ROWS and VALUES.
"""

from dataclasses import replace
from typing import Any

from sqlglot import exp

from segment_assets.clean_room.checker import Checked
from segment_assets.clean_room.circumstances import PrivacyBudget
from segment_assets.clean_room.collaboration import Collaboration
from segment_assets.clean_room.custom.check import Accepted
from segment_assets.clean_room.custom.privacy import is_private
from segment_assets.clean_room.dialect import SPARK
from segment_assets.clean_room.privacy import template
from segment_assets.clean_room.privacy.accounting import Price
from segment_assets.clean_room.privacy.ledger import Ledger, PrivacyBudgetError
from segment_assets.clean_room.privacy.limits import Bounds, Limits
from segment_assets.clean_room.privacy.plan import Plan, plan
from segment_assets.clean_room.privacy.report import aggregations, sensitivity_parameters
from segment_assets.clean_room.privacy.template import BudgetTemplate
from segment_assets_tests.aws_double.cleanrooms_custom import CustomRules, _of
from segment_assets_tests.aws_double.cleanrooms_members import _times
from segment_assets_tests.aws_double.service import AwsError, Caller

PRIVATE = "DIFFERENTIAL_PRIVACY"
ROWS, VALUES = 1, (0.0, 10.0)


class PrivateRules(CustomRules):
    """Budgets are with those of access, by id; what was spent is in a ledger, by collaboration."""

    def __init__(self) -> None:
        super().__init__()
        self.spent = Ledger(self.folder / "privacy.db")

    def create_privacy_budget_template(
        self,
        caller: Caller,
        membershipIdentifier: str,  # noqa: N803
        privacyBudgetType: str,  # noqa: N803
        parameters: dict[str, Any],
        **asked: Any,
    ) -> dict[str, Any]:
        if privacyBudgetType != PRIVATE:
            of = (caller, membershipIdentifier, privacyBudgetType, parameters)
            return super().create_privacy_budget_template(*of, **asked)
        membership = self._membership(caller, membershipIdentifier)
        if self._noise_of(membership["collaborationId"]):
            raise AwsError("ConflictException", "the collaboration has a budget", 409, reason="ALREADY_EXISTS")
        refresh = {"autoRefresh": asked.get("autoRefresh", "NONE")}
        told = {"privacyBudgetType": PRIVATE, "parameters": parameters, **refresh}
        new = self._new(caller, "privacybudgettemplate") | _of(membership) | told
        self.budgets[new["id"]] = new
        return {"privacyBudgetTemplate": new}

    def update_privacy_budget_template(
        self,
        caller: Caller,
        privacyBudgetType: str,  # noqa: N803
        parameters: dict[str, Any],
        **of: str,
    ) -> dict[str, Any]:
        if privacyBudgetType != PRIVATE:
            return super().update_privacy_budget_template(caller, privacyBudgetType, parameters, **of)
        answer = self.get_privacy_budget_template(caller, **of)
        budget, wanted = answer["privacyBudgetTemplate"], parameters["differentialPrivacy"]
        numbers = budget["parameters"]["differentialPrivacy"]
        collaboration = budget["collaborationId"]
        used = self.spent.statement(collaboration, self._template(budget)).queries
        if used and wanted.get("epsilon", 20) < numbers["epsilon"]:
            raise AwsError("ValidationException", "a used budget can't shrink", reason="INVALID_CONFIGURATION")
        numbers.update(wanted)
        return answer

    def list_collaboration_privacy_budgets(
        self,
        caller: Caller,
        collaborationIdentifier: str,  # noqa: N803
        **asked: Any,
    ) -> dict[str, Any]:
        if asked["privacyBudgetType"] != PRIVATE:
            return super().list_collaboration_privacy_budgets(caller, collaborationIdentifier, **asked)
        of = self._collaboration(caller, collaborationIdentifier)
        shown = []
        for ident, budget in self._noise_of(of["id"]).items():
            told = self._template(budget)
            standing = self.spent.statement(of["id"], told)
            numbers = aggregations(standing.price, standing.spent)
            named = {
                "id": ident,
                "privacyBudgetTemplateId": ident,
                "privacyBudgetTemplateArn": budget["arn"],
                "collaborationId": of["id"],
                "collaborationArn": of["arn"],
                "creatorAccountId": self.account_of[ident],
                "type": PRIVATE,
            }
            left = {"differentialPrivacy": {"aggregations": numbers, "epsilon": told.epsilon}}
            shown.append(_times() | named | {"budget": left})
        return self._page("collaborationPrivacyBudgetSummaries", shown, asked)

    def preview_privacy_impact(
        self,
        caller: Caller,
        membershipIdentifier: str,  # noqa: N803
        parameters: dict[str, Any],
    ) -> dict[str, Any]:
        self._membership(caller, membershipIdentifier)
        numbers = parameters["differentialPrivacy"]
        told = template.of(numbers["epsilon"], numbers["usersNoisePerQuery"], "NONE")
        every = aggregations(self.spent.statement("nobody's", told).price, 0.0)
        shown = [{"type": one["type"], "maxCount": one["maxCount"]} for one in every]
        return {"privacyImpact": {"differentialPrivacy": {"aggregations": shown}}}

    def list_privacy_budgets(self, caller: Caller, membershipIdentifier: str, **asked: Any) -> dict[str, Any]:  # noqa: N803
        """Those of budget templates that this membership made; the others' the collaboration shows."""
        membership = self._membership(caller, membershipIdentifier)
        own = {i for i, b in self.budgets.items() if b["membershipId"] == membership["id"]}
        size, self.page_size = self.page_size, len(self.budgets) + 1
        of = {"collaborationIdentifier": membership["collaborationId"]}
        told = self.list_collaboration_privacy_budgets(caller, **of, privacyBudgetType=asked["privacyBudgetType"])
        self.page_size = size
        shown = [
            {k: v for k, v in one.items() if k != "creatorAccountId"} | _of(membership)
            for one in told["collaborationPrivacyBudgetSummaries"]
            if one["id"] in own
        ]
        return self._page("privacyBudgetSummaries", shown, asked)

    def _noise_of(self, collaboration: str) -> dict[str, dict[str, Any]]:
        """The one budget for noise, by its id; none where nobody made it."""
        return {
            ident: budget
            for ident, budget in self.budgets.items()
            if (budget["collaborationId"], budget["privacyBudgetType"]) == (collaboration, PRIVATE)
        }

    def _template(self, budget: dict[str, Any]) -> BudgetTemplate:
        numbers = budget["parameters"]["differentialPrivacy"]
        return template.of(numbers["epsilon"], numbers["usersNoisePerQuery"], budget["autoRefresh"])

    def _privacy_budget(self, collaboration: str) -> PrivacyBudget | None:
        """As the checker takes it."""
        for budget in self._noise_of(collaboration).values():
            told = self._template(budget)
            return PrivacyBudget(epsilon=told.epsilon, users_noise_per_query=told.users)
        return None

    def _noisy(self, checked: Checked, collaboration: str, ident: str) -> tuple[Plan, Price] | None:
        """What a query under differential privacy does, and the price that was paid; None for every other query."""
        accepted = checked.custom
        if accepted is None or not any(is_private(t) for t in accepted.tables):
            return None
        made = plan(accepted, _bounds(accepted))
        [budget] = self._noise_of(collaboration).values()
        try:
            paid = self.spent.reserve(collaboration, self._template(budget), ident, "query", made.units, made.delta)
        except PrivacyBudgetError as empty:
            raise AwsError("ValidationException", str(empty), reason="INVALID_QUERY") from empty
        return made, paid.price


def _bounds(accepted: Accepted) -> dict[str, Bounds]:
    """The same for everything that is summed."""
    summed = accepted.program.final.find_all(exp.Sum, exp.Avg, exp.Stddev)
    return {node.this.sql(dialect=SPARK): VALUES for node in summed}


def limited(collaboration: Collaboration) -> Collaboration:
    """The same, with the double's limits of one person on every table under differential privacy."""
    tables = {n: replace(t, limits=Limits(rows=ROWS)) if is_private(t) else t for n, t in collaboration.tables.items()}
    return replace(collaboration, tables=tables)


def told_of(noisy: tuple[Plan, Price]) -> dict[str, Any]:
    """`ProtectedQuery.differentialPrivacy`."""
    return {"sensitivityParameters": sensitivity_parameters(noisy[0])}
