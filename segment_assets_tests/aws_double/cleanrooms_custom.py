"""What custom rules need beside tables: analysis templates, rules of associations, and access budgets."""

import shutil
import weakref
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

from segment_assets.clean_room.access_ledger import AccessBudget, AccessLedger
from segment_assets.clean_room.templates import Parameter, Template
from segment_assets_tests.aws_double.cleanrooms_members import _times, missing
from segment_assets_tests.aws_double.cleanrooms_tables import Tables
from segment_assets_tests.aws_double.service import AwsError, Caller


class CustomRules(Tables):
    """Stores are by id; what each query used of a table is in a ledger, by association.

    Attributes:
        folder: where ledgers lie; gone with the service.
    """

    def __init__(self) -> None:
        super().__init__()
        self.templates: dict[str, dict[str, Any]] = {}
        self.association_rules: dict[str, dict[str, Any]] = {}
        self.budgets: dict[str, dict[str, Any]] = {}
        self.folder = Path(mkdtemp(prefix="cleanrooms-"))
        weakref.finalize(self, shutil.rmtree, self.folder, ignore_errors=True)
        self.ledger = AccessLedger(self.folder / "access.db")

    def create_analysis_template(self, caller: Caller, membershipIdentifier: str, **asked: Any) -> dict[str, Any]:  # noqa: N803
        membership = self._membership(caller, membershipIdentifier)
        if any(t["name"] == asked["name"] for t in self.templates.values()):
            raise AwsError("ConflictException", "the name is taken", 409, reason="ALREADY_EXISTS")
        new = self._new(caller, "membership", f"{membership['id']}/analysistemplate/")
        kept = {k: asked[k] for k in ("name", "format", "source", "analysisParameters", "description") if k in asked}
        self.templates[new["id"]] = new | kept | _of(membership) | {"schema": {"referencedTables": []}}
        return {"analysisTemplate": self.templates[new["id"]]}

    def get_analysis_template(
        self,
        caller: Caller,
        membershipIdentifier: str,  # noqa: N803
        analysisTemplateIdentifier: str,  # noqa: N803
    ) -> dict[str, Any]:
        self._membership(caller, membershipIdentifier)
        found = self.templates.get(analysisTemplateIdentifier)
        if not found or found["membershipId"] != membershipIdentifier:
            raise missing("ANALYSIS_TEMPLATE", analysisTemplateIdentifier)
        return {"analysisTemplate": found}

    def list_analysis_templates(self, caller: Caller, membershipIdentifier: str, **asked: Any) -> dict[str, Any]:  # noqa: N803
        membership = self._membership(caller, membershipIdentifier)
        mine = [t for t in self.templates.values() if t["membershipId"] == membership["id"]]
        return self._page("analysisTemplateSummaries", [_summary(t) for t in mine], asked)

    def list_collaboration_analysis_templates(
        self,
        caller: Caller,
        collaborationIdentifier: str,  # noqa: N803
        **asked: Any,
    ) -> dict[str, Any]:
        of = self._collaboration(caller, collaborationIdentifier)
        left_out = {"membershipId", "membershipArn"}
        shown = [
            {k: v for k, v in _summary(t).items() if k not in left_out} | {"creatorAccountId": self.account_of[i]}
            for i, t in self.templates.items()
            if t["collaborationId"] == of["id"]
        ]
        return self._page("collaborationAnalysisTemplateSummaries", shown, asked)

    def delete_analysis_template(
        self,
        caller: Caller,
        membershipIdentifier: str,  # noqa: N803
        analysisTemplateIdentifier: str,  # noqa: N803
    ) -> dict[str, Any]:
        self.get_analysis_template(caller, membershipIdentifier, analysisTemplateIdentifier)
        del self.templates[analysisTemplateIdentifier]
        return {}

    def create_configured_table_association_analysis_rule(
        self,
        caller: Caller,
        membershipIdentifier: str,  # noqa: N803
        configuredTableAssociationIdentifier: str,  # noqa: N803
        analysisRuleType: str,  # noqa: N803
        analysisRulePolicy: dict[str, Any],  # noqa: N803
    ) -> dict[str, Any]:
        of = (membershipIdentifier, configuredTableAssociationIdentifier)
        association = self.get_configured_table_association(caller, *of)["configuredTableAssociation"]
        if association["id"] in self.association_rules:
            raise AwsError("ConflictException", "the association has a rule", 409, reason="ALREADY_EXISTS")
        association["analysisRuleTypes"] = [analysisRuleType]
        self.association_rules[association["id"]] = _times() | {
            "membershipIdentifier": membershipIdentifier,
            "configuredTableAssociationId": association["id"],
            "configuredTableAssociationArn": association["arn"],
            "type": analysisRuleType,
            "policy": analysisRulePolicy,
        }
        return {"analysisRule": self.association_rules[association["id"]]}

    def get_configured_table_association_analysis_rule(
        self,
        caller: Caller,
        membershipIdentifier: str,  # noqa: N803
        configuredTableAssociationIdentifier: str,  # noqa: N803
        analysisRuleType: str,  # noqa: N803
    ) -> dict[str, Any]:
        self.get_configured_table_association(caller, membershipIdentifier, configuredTableAssociationIdentifier)
        found = self.association_rules.get(configuredTableAssociationIdentifier)
        if not found or found["type"] != analysisRuleType:
            raise missing("CONFIGURED_TABLE_ASSOCIATION", configuredTableAssociationIdentifier)
        return {"analysisRule": found}

    def update_configured_table_association_analysis_rule(
        self,
        caller: Caller,
        analysisRulePolicy: dict[str, Any],  # noqa: N803
        **of: str,
    ) -> dict[str, Any]:
        answer = self.get_configured_table_association_analysis_rule(caller, **of)
        answer["analysisRule"]["policy"] = analysisRulePolicy
        return answer

    def delete_configured_table_association_analysis_rule(self, caller: Caller, **of: str) -> dict[str, Any]:
        self.get_configured_table_association_analysis_rule(caller, **of)
        del self.association_rules[of["configuredTableAssociationIdentifier"]]
        self.associations[of["configuredTableAssociationIdentifier"]].pop("analysisRuleTypes")
        return {}

    def create_privacy_budget_template(
        self,
        caller: Caller,
        membershipIdentifier: str,  # noqa: N803
        privacyBudgetType: str,  # noqa: N803
        parameters: dict[str, Any],
        **asked: Any,
    ) -> dict[str, Any]:
        membership = self._membership(caller, membershipIdentifier)
        resource = parameters["accessBudget"]["resourceArn"]
        if resource.rpartition("/")[2] not in self.associations:
            raise missing("CONFIGURED_TABLE_ASSOCIATION", resource)
        if resource.rpartition("/")[2] in self._access_budgets():
            raise AwsError("ConflictException", "the table has a budget", 409, reason="ALREADY_EXISTS")
        new = self._new(caller, "privacybudgettemplate")
        self.budgets[new["id"]] = (
            new
            | _of(membership)
            | {
                "privacyBudgetType": privacyBudgetType,
                "parameters": parameters,
                "autoRefresh": asked.get("autoRefresh", "NONE"),
            }
        )
        return {"privacyBudgetTemplate": self.budgets[new["id"]]}

    def get_privacy_budget_template(
        self,
        caller: Caller,
        membershipIdentifier: str,  # noqa: N803
        privacyBudgetTemplateIdentifier: str,  # noqa: N803
    ) -> dict[str, Any]:
        self._membership(caller, membershipIdentifier)
        if privacyBudgetTemplateIdentifier not in self.budgets:
            raise missing("PRIVACY_BUDGET_TEMPLATE", privacyBudgetTemplateIdentifier)
        return {"privacyBudgetTemplate": self.budgets[privacyBudgetTemplateIdentifier]}

    def list_privacy_budget_templates(self, caller: Caller, membershipIdentifier: str, **asked: Any) -> dict[str, Any]:  # noqa: N803
        membership = self._membership(caller, membershipIdentifier)
        mine = [b for b in self.budgets.values() if b["membershipId"] == membership["id"]]
        shown = [{k: v for k, v in b.items() if k not in ("parameters", "autoRefresh")} for b in mine]
        return self._page("privacyBudgetTemplateSummaries", shown, asked)

    def update_privacy_budget_template(
        self,
        caller: Caller,
        privacyBudgetType: str,  # noqa: N803
        parameters: dict[str, Any],
        **of: str,
    ) -> dict[str, Any]:
        answer = self.get_privacy_budget_template(caller, **of)
        if answer["privacyBudgetTemplate"]["privacyBudgetType"] != privacyBudgetType:
            raise AwsError("ValidationException", "another type", reason="FIELD_VALIDATION_FAILED")
        answer["privacyBudgetTemplate"]["parameters"]["accessBudget"].update(parameters["accessBudget"])
        return answer

    def delete_privacy_budget_template(self, caller: Caller, **of: str) -> dict[str, Any]:
        self.get_privacy_budget_template(caller, **of)
        del self.budgets[of["privacyBudgetTemplateIdentifier"]]
        return {}

    def list_collaboration_privacy_budgets(
        self,
        caller: Caller,
        collaborationIdentifier: str,  # noqa: N803
        **asked: Any,
    ) -> dict[str, Any]:
        of = self._collaboration(caller, collaborationIdentifier)
        shown = [
            _times()
            | {
                "id": ident,
                "privacyBudgetTemplateId": ident,
                "privacyBudgetTemplateArn": budget["arn"],
                "collaborationId": of["id"],
                "collaborationArn": of["arn"],
                "creatorAccountId": self.account_of[ident],
                "type": "ACCESS_BUDGET",
                "budget": {"accessBudget": self._standing(of["id"], budget["parameters"]["accessBudget"])},
            }
            for ident, budget in self.budgets.items()
            if (budget["collaborationId"], budget["privacyBudgetType"]) == (of["id"], "ACCESS_BUDGET")
        ]
        return self._page("collaborationPrivacyBudgetSummaries", shown, asked)

    def _standing(self, collaboration: str, budget: dict[str, Any]) -> dict[str, Any]:
        declared = budget["budgetParameters"]
        association = budget["resourceArn"].rpartition("/")[2]
        stands = self.ledger.standings(collaboration, {association: [_declared(d) for d in declared]})
        details = [
            {
                "startTime": datetime.now(UTC),
                "remainingBudget": s.left,
                "budget": s.budget,
                "budgetType": d["type"],
                "autoRefresh": d.get("autoRefresh", "DISABLED"),
            }
            for s, d in zip(stands, declared, strict=True)
        ]
        least = min(s.left for s in stands)
        return {"resourceArn": budget["resourceArn"], "details": details, "aggregateRemainingBudget": least}

    def _access_budgets(self) -> dict[str, tuple[AccessBudget, ...]]:
        """Of each association that has any."""
        found = {}
        for budget in self.budgets.values():
            if budget["privacyBudgetType"] != "ACCESS_BUDGET":
                continue
            told = budget["parameters"]["accessBudget"]
            found[told["resourceArn"].rpartition("/")[2]] = tuple(_declared(d) for d in told["budgetParameters"])
        return found

    def _receivers(self, association: str) -> tuple[str, ...] | None:
        rule = self.association_rules.get(association)
        told = rule["policy"]["v1"][rule["type"].lower()].get("allowedResultReceivers") if rule else None
        return None if told is None else tuple(told)

    def _known_templates(self, collaboration: str) -> Iterator[Template]:
        for ident, one in self.templates.items():
            if one["collaborationId"] == collaboration:
                parameters = tuple(
                    Parameter(p["name"], p["type"], p.get("defaultValue")) for p in one.get("analysisParameters", ())
                )
                yield Template(one["arn"], self.account_of[ident], one["source"]["text"], parameters)


def _declared(told: Mapping[str, Any]) -> AccessBudget:
    return AccessBudget(told["type"], told["budget"], told.get("autoRefresh", "DISABLED") == "ENABLED")


def _of(membership: dict[str, Any]) -> dict[str, Any]:
    return {
        "membershipId": membership["id"],
        "membershipArn": membership["arn"],
        "collaborationId": membership["collaborationId"],
        "collaborationArn": membership["collaborationArn"],
    }


def _summary(template: dict[str, Any]) -> dict[str, Any]:
    return {k: v for k, v in template.items() if k not in ("format", "source", "analysisParameters", "schema")}
