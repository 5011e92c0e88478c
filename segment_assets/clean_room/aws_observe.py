"""What two accounts' Clean Rooms hold of one collaboration; each account is entered with its own session."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

from segment_assets.aws import client, session, telling, without_retries
from segment_assets.aws_config import Aws
from segment_assets.clean_room.aws_names import Names
from segment_assets.clean_room.aws_plan import OURS, PARTNERS, Resource, canonical, privacy_budget

IAM_SECONDS = 120.0


class Observed:
    """Clean Rooms of our account and the partner's, as far as one collaboration goes.

    Args:
        aws: where things are.
        names: the collaboration's name in the account, and the display names of its runner and its provider.
        accounts: those that are looked at; the partner may keep its own to itself.
        patience: seconds to wait until a role that was just made is known everywhere.
    """

    def __init__(
        self,
        aws: Aws,
        names: tuple[str, str, str],
        accounts: Sequence[str] = (OURS, PARTNERS),
        patience: float = IAM_SECONDS,
    ) -> None:
        self.aws, self.accounts, self.patience = aws, accounts, patience
        self.name, self.runner, self.provider = names
        enter: dict[str, Callable[[], Any]] = {
            OURS: session,
            PARTNERS: partial(session, aws.partner.role_arn, aws.partner.external_id),
        }
        self._clients: dict[str, Any] = {account: client("cleanrooms", enter[account]()) for account in accounts}
        self._makers: dict[str, Any] = {a: without_retries("cleanrooms", enter[a]()) for a in accounts}
        self._ids: dict[str, str] = {}
        self._arns: dict[str, str] = {}  # of analysis templates, by name
        self._names = Names(aws, self.runner, self.provider, self._arns)

    def observe(self) -> list[Resource]:
        """Everything there is of this deployment in the accounts that are looked at.

        Raises:
            AwsRefusedError: AWS refused, with the permission it wants.
        """
        found = list(self._collaborations())
        for account in self.accounts:
            found += [*self._memberships(account), *self._templates(account), *self._tables(account)]
            found += [*self._associations(account), *self._budgets(account), *self._bridges(account)]
        return found

    def _collaborations(self) -> Iterator[Resource]:
        account = self.accounts[0]  # each member sees it
        for one in self._list(account, "list_collaborations", "collaborationList"):
            if one["name"] == self.name:
                of = {"collaborationIdentifier": one["id"]}
                whole = self._ask(account, "get_collaboration", **of)["collaboration"]
                every = self._list(account, "list_members", "memberSummaries", **of)
                members = {m["displayName"]: sorted(m["abilities"]) for m in every}
                settings = {"members": members, "analyticsEngine": whole.get("analyticsEngine")}
                found = self._noted(Resource(OURS, "collaboration", self.name, settings), one["id"])
                if whole.get("memberStatus") == "ACTIVE":
                    asked = ("list_collaboration_analysis_templates", "collaborationAnalysisTemplateSummaries")
                    self._arns |= {t["name"]: t["arn"] for t in self._list(account, *asked, **of)}
                if account == OURS:
                    yield found

    def _memberships(self, account: str) -> Iterator[Resource]:
        for one in self._list(account, "list_memberships", "membershipSummaries", status="ACTIVE"):
            if one["collaborationName"] == self.name:
                whole = self._ask(account, "get_membership", membershipIdentifier=one["id"])["membership"]
                settings = {"queryLogStatus": whole["queryLogStatus"]}
                yield self._noted(Resource(account, "membership", self.name, settings), one["id"])

    def _templates(self, account: str) -> Iterator[Resource]:
        if (membership := self._ids.get(f"{account}/membership/{self.name}")) is None:
            return
        of = {"membershipIdentifier": membership}
        for one in self._list(account, "list_analysis_templates", "analysisTemplateSummaries", **of):
            if one["name"].startswith(f"{self.aws.deployment}_"):
                which = of | {"analysisTemplateIdentifier": one["id"]}
                whole = self._ask(account, "get_analysis_template", **which)["analysisTemplate"]
                said = {
                    "text": whole["source"].get("text", ""),
                    "parameters": canonical(whole.get("analysisParameters", [])),
                }
                self._arns[one["name"]] = one["arn"]
                yield self._noted(Resource(account, "analysis_template", one["name"], said), one["id"])

    def _budgets(self, account: str) -> Iterator[Resource]:
        if (membership := self._ids.get(f"{account}/membership/{self.name}")) is None:
            return
        of = {"membershipIdentifier": membership}
        names = {i: label.rpartition("/")[2] for label, i in self._ids.items() if "/association/" in label}
        for one in self._list(account, "list_privacy_budget_templates", "privacyBudgetTemplateSummaries", **of):
            which = of | {"privacyBudgetTemplateIdentifier": one["id"]}
            whole = self._ask(account, "get_privacy_budget_template", **which)["privacyBudgetTemplate"]
            if one["privacyBudgetType"] == "DIFFERENTIAL_PRIVACY":
                settings = privacy_budget(whole) | {"used": self._is_used(account, whole)}
                yield self._noted(Resource(account, "privacy_budget", self.name, settings), one["id"])
            else:
                budget = whole["parameters"]["accessBudget"]
                ident = budget["resourceArn"].rpartition("/")[2]
                settings = {"budgets": canonical(budget["budgetParameters"])}
                yield self._noted(Resource(account, "access_budget", names.get(ident, ident), settings), one["id"])

    def _is_used(self, account: str, template: Mapping[str, Any]) -> bool:
        """Whether this period's privacy budget was used; of earlier periods AWS itself knows."""
        of = {"collaborationIdentifier": template["collaborationId"], "privacyBudgetType": "DIFFERENTIAL_PRIVACY"}
        every = self._list(account, "list_collaboration_privacy_budgets", "collaborationPrivacyBudgetSummaries", **of)
        counts = [c for b in every for c in b["budget"]["differentialPrivacy"]["aggregations"]]
        return any(c["remainingCount"] < c["maxCount"] for c in counts)

    def _tables(self, account: str) -> Iterator[Resource]:
        for one in self._list(account, "list_configured_tables", "configuredTableSummaries"):
            if not one["name"].startswith(f"{self.aws.deployment}_"):
                continue
            of = {"configuredTableIdentifier": one["id"]}
            whole = self._ask(account, "get_configured_table", **of)["configuredTable"]
            glue = whole["tableReference"].get("glue", {})
            settings = {
                "table": f"{glue.get('databaseName')}.{glue.get('tableName')}",
                "allowedColumns": sorted(whole["allowedColumns"]),
            }
            yield self._noted(Resource(account, "configured_table", one["name"], settings), one["id"])
            for kind in one["analysisRuleTypes"]:
                rule = self._ask(account, "get_configured_table_analysis_rule", **of, analysisRuleType=kind)
                policy = {"policy": canonical(self._names.from_aws(rule["analysisRule"]["policy"]))}
                yield Resource(account, "analysis_rule", f"{one['name']}.{kind}", policy)

    def _associations(self, account: str) -> Iterator[Resource]:
        membership = self._ids.get(f"{account}/membership/{self.name}")
        if membership is None:
            return
        names = {i: label.rpartition("/")[2] for label, i in self._ids.items() if "/configured_table/" in label}
        of, many = {"membershipIdentifier": membership}, "configuredTableAssociationSummaries"
        for one in self._list(account, "list_configured_table_associations", many, **of):
            which = of | {"configuredTableAssociationIdentifier": one["id"]}
            whole = self._ask(account, "get_configured_table_association", **which)["configuredTableAssociation"]
            table = names.get(one["configuredTableId"], one["configuredTableId"])
            settings = {"configuredTable": table, "roleArn": whole["roleArn"]}
            yield self._noted(Resource(account, "association", one["name"], settings), one["id"])
            for kind in whole.get("analysisRuleTypes", ()):
                asked = which | {"analysisRuleType": kind}
                rule = self._ask(account, "get_configured_table_association_analysis_rule", **asked)["analysisRule"]
                policy = {"policy": canonical(self._names.from_aws(rule["policy"]))}
                yield Resource(account, "association_rule", f"{one['name']}.{kind}", policy)

    def _bridges(self, account: str) -> Iterator[Resource]:
        """ID namespaces that were brought, and the ID mapping tables made of them."""
        if (membership := self._ids.get(f"{account}/membership/{self.name}")) is None:
            return
        of = {"membershipIdentifier": membership}
        for one in self._list(account, "list_id_namespace_associations", "idNamespaceAssociationSummaries", **of):
            which = of | {"idNamespaceAssociationIdentifier": one["id"]}
            whole = self._ask(account, "get_id_namespace_association", **which)["idNamespaceAssociation"]
            shown = whole.get("idMappingConfig", {}).get("allowUseAsDimensionColumn", False)
            said = {"namespace": whole["inputReferenceConfig"]["inputReferenceArn"], "mayBeShown": shown}
            yield self._noted(Resource(account, "id_namespace", one["name"], said), one["id"])
        for one in self._list(account, "list_id_mapping_tables", "idMappingTableSummaries", **of):
            said = {"workflow": one["inputReferenceConfig"]["inputReferenceArn"]}
            yield self._noted(Resource(account, "id_mapping_table", one["name"], said), one["id"])

    def _noted(self, resource: Resource, ident: str) -> Resource:
        self._ids[resource.label] = ident
        return resource

    def _list(self, account: str, operation: str, many: str, **asked: Any) -> list[dict[str, Any]]:
        with telling(f"{_permission(operation)} in the account {account}"):
            pages = self._clients[account].get_paginator(operation).paginate(**asked)
            return [one for page in pages for one in page[many]]

    def _ask(self, account: str, operation: str, **asked: Any) -> Mapping[str, Any]:
        with telling(f"{_permission(operation)} in the account {account}"):
            answer: Mapping[str, Any] = getattr(self._clients[account], operation)(**asked)
        return answer


def _permission(operation: str) -> str:
    return f"cleanrooms:{''.join(word.capitalize() for word in operation.split('_'))}"
