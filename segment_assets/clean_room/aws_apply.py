"""Look at two accounts' Clean Rooms, and carry a plan out in them; each account is entered with its own session."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

from segment_assets.aws import client, session, telling
from segment_assets.aws_config import Aws
from segment_assets.clean_room.aws_names import Names
from segment_assets.clean_room.aws_patience import tries
from segment_assets.clean_room.aws_plan import OURS, PARTNERS, PlanError, Resource, Step, canonical, privacy_budget

IAM_SECONDS = 120.0


class Rooms:
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
            found += [*self._associations(account), *self._budgets(account)]
        return found

    def take(self, step: Step) -> None:
        """Make one call.

        Raises:
            AwsRefusedError: AWS refused, with the permission or the field.
        """
        resource, verb = step.resource, step.verb
        doing = _CALLS[verb, resource.kind]
        operation = "".join(word.capitalize() for word in doing.split("_"))
        asked = getattr(self, f"_{resource.kind}")(resource, verb)
        call = getattr(self._clients[resource.account], doing)
        with telling(f"cleanrooms:{operation} on {resource.label}"):
            answer = self._patiently(lambda: call(**asked), self._clients[resource.account])
        if verb == "create" and resource.kind not in ("analysis_rule", "association_rule"):
            [made] = [v for v in answer.values() if isinstance(v, dict) and "id" in v]
            self._ids[resource.label] = made["id"]
            if resource.kind == "analysis_template":
                self._arns[resource.name] = made["arn"]

    def _patiently(self, call: Callable[[], Any], on: Any) -> Any:
        for last in tries(self.patience, 1.0):
            try:
                return call()
            except on.exceptions.ClientError as refused:
                if last or refused.response.get("reason") != "IAM_SYNCHRONIZATION_DELAY":
                    raise
        raise AssertionError("the last try returns or raises")

    def _collaboration(self, resource: Resource, verb: str) -> dict[str, Any]:
        if verb != "create":
            engine = {"analyticsEngine": resource.settings["analyticsEngine"]} if verb == "change" else {}
            return {"collaborationIdentifier": self._ids[resource.label], **engine}
        members = resource.settings["members"]
        return {
            "name": resource.name,
            "creatorDisplayName": self.runner,
            "creatorMemberAbilities": members[self.runner],
            "members": [
                {
                    "accountId": self.aws.partner.role_arn.split(":")[4],
                    "displayName": self.provider,
                    "memberAbilities": members[self.provider],
                }
            ],
            "queryLogStatus": "ENABLED",
            "analyticsEngine": resource.settings["analyticsEngine"],
        }

    def _membership(self, resource: Resource, verb: str) -> dict[str, Any]:
        logs = {} if verb == "delete" else {"queryLogStatus": resource.settings["queryLogStatus"]}
        if verb != "create":
            return {"membershipIdentifier": self._ids[resource.label], **logs}
        label = f"{OURS}/collaboration/{self.name}"
        if label not in self._ids:
            raise PlanError(f"{resource.label}: there is no {label} that this account was invited to: make it first")
        return {"collaborationIdentifier": self._ids[label], **logs}

    def _configured_table(self, resource: Resource, verb: str) -> dict[str, Any]:
        of = {} if verb == "create" else {"configuredTableIdentifier": self._ids[resource.label]}
        if verb == "delete":
            return of
        database, _, table = resource.settings["table"].partition(".")
        return of | {
            "name": resource.name,
            "tableReference": {"glue": {"databaseName": database, "tableName": table}},
            "allowedColumns": resource.settings["allowedColumns"],
            "analysisMethod": "DIRECT_QUERY",
        }

    def _analysis_rule(self, resource: Resource, verb: str) -> dict[str, Any]:
        table, _, kind = resource.name.rpartition(".")
        of = {"configuredTableIdentifier": self._ids[f"{resource.account}/configured_table/{table}"]}
        policy = {} if verb == "delete" else {"analysisRulePolicy": self._names.to_aws(resource.settings["policy"])}
        return {**of, "analysisRuleType": kind, **policy}

    def _analysis_template(self, resource: Resource, verb: str) -> dict[str, Any]:
        of = {"membershipIdentifier": self._ids[f"{resource.account}/membership/{self.name}"]}
        if verb != "create":
            return {**of, "analysisTemplateIdentifier": self._ids[resource.label]}
        source = {"text": resource.settings["text"]}
        parameters = resource.settings["parameters"]
        asked = {**of, "name": resource.name, "format": "SQL", "source": source}
        return asked | ({"analysisParameters": parameters} if parameters else {})

    def _association_rule(self, resource: Resource, verb: str) -> dict[str, Any]:
        table, _, kind = resource.name.rpartition(".")
        of = {
            "membershipIdentifier": self._ids[f"{resource.account}/membership/{self.name}"],
            "configuredTableAssociationIdentifier": self._ids[f"{resource.account}/association/{table}"],
        }
        policy = {} if verb == "delete" else {"analysisRulePolicy": self._names.to_aws(resource.settings["policy"])}
        return {**of, "analysisRuleType": kind, **policy}

    def _access_budget(self, resource: Resource, verb: str) -> dict[str, Any]:
        membership = self._ids[f"{resource.account}/membership/{self.name}"]
        of = {"membershipIdentifier": membership}
        if verb != "create":
            of["privacyBudgetTemplateIdentifier"] = self._ids[resource.label]
        if verb == "delete":
            return of
        budget = {"budgetParameters": resource.settings["budgets"]}
        if verb == "create":
            meta = self._clients[resource.account].meta
            where = f"arn:{meta.partition}:cleanrooms:{meta.region_name}:{self._names.account(resource.account)}"
            association = self._ids[f"{resource.account}/association/{resource.name}"]
            budget["resourceArn"] = f"{where}:membership/{membership}/configuredtableassociation/{association}"
        return {**of, "privacyBudgetType": "ACCESS_BUDGET", "parameters": {"accessBudget": budget}}

    def _privacy_budget(self, resource: Resource, verb: str) -> dict[str, Any]:
        of = {"membershipIdentifier": self._ids[f"{resource.account}/membership/{self.name}"]}
        if verb != "create":
            of["privacyBudgetTemplateIdentifier"] = self._ids[resource.label]
        if verb == "delete":
            return of
        noise = {k: resource.settings[k] for k in ("epsilon", "usersNoisePerQuery")}
        asked = {**of, "privacyBudgetType": "DIFFERENTIAL_PRIVACY", "parameters": {"differentialPrivacy": noise}}
        return asked | ({"autoRefresh": resource.settings["autoRefresh"]} if verb == "create" else {})

    def _association(self, resource: Resource, verb: str) -> dict[str, Any]:
        of = {"membershipIdentifier": self._ids[f"{resource.account}/membership/{self.name}"]}
        role = {} if verb == "delete" else {"roleArn": resource.settings["roleArn"]}
        if verb != "create":
            return {**of, "configuredTableAssociationIdentifier": self._ids[resource.label], **role}
        table = self._ids[f"{resource.account}/configured_table/{resource.settings['configuredTable']}"]
        return {**of, "name": resource.name, "configuredTableIdentifier": table, **role}

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


_CALLS = {
    (verb, kind): f"{'update' if verb == 'change' else verb}_{called}"
    for kind, called in {
        "collaboration": "collaboration",
        "membership": "membership",
        "configured_table": "configured_table",
        "analysis_rule": "configured_table_analysis_rule",
        "association": "configured_table_association",
        "analysis_template": "analysis_template",
        "association_rule": "configured_table_association_analysis_rule",
        "access_budget": "privacy_budget_template",
        "privacy_budget": "privacy_budget_template",
    }.items()
    for verb in ("create", "change", "delete")
}
