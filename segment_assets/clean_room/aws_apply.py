"""Carry a plan out in two accounts' Clean Rooms: one call of AWS for each step of it."""

from collections.abc import Callable
from functools import partial
from typing import Any

from segment_assets.aws import code, once, telling
from segment_assets.clean_room.aws_observe import Observed
from segment_assets.clean_room.aws_patience import patience
from segment_assets.clean_room.aws_plan import OURS, PlanError, Resource, Step


class Rooms(Observed):
    """Clean Rooms of our account and the partner's, as far as one collaboration goes."""

    def take(self, step: Step) -> None:
        """Make one call.

        Raises:
            AwsRefusedError: AWS refused, with the permission or the field.
        """
        resource, verb = step.resource, step.verb
        doing = _CALLS[verb, resource.kind]
        operation = "".join(word.capitalize() for word in doing.split("_"))
        asked = getattr(self, f"_{resource.kind}")(resource, verb)
        on = (self._makers if verb == "create" else self._clients)[resource.account]
        call = partial(getattr(on, doing), **asked)
        with telling(f"cleanrooms:{operation} on {resource.label}"):
            if verb == "create":
                self._patiently(lambda: self._create(resource, call), on)
            elif verb == "delete":
                self._delete(call, on)
            else:
                self._patiently(call, on)

    def _create(self, resource: Resource, call: Callable[[], Any]) -> None:
        """Clean Rooms knows no client token: where an answer was lost, what was made is looked for."""

        def find() -> bool | None:
            return any(found.label == resource.label for found in self.observe()) or None

        answer = once(call, find)
        if isinstance(answer, bool) or resource.kind in ("analysis_rule", "association_rule"):
            return
        [made] = [v for v in answer.values() if isinstance(v, dict) and "id" in v]
        self._ids[resource.label] = made["id"]
        if resource.kind == "analysis_template":
            self._arns[resource.name] = made["arn"]

    def _delete(self, call: Callable[[], Any], on: Any) -> None:
        try:
            call()
        except on.exceptions.ClientError as refused:
            # It was seen a moment ago: the answer to an earlier try of this very call was lost.
            if code(refused) != "ResourceNotFoundException":
                raise

    def _patiently(self, call: Callable[[], Any], on: Any) -> Any:
        for last in patience(self.patience, 1.0):
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

    def _id_namespace(self, resource: Resource, verb: str) -> dict[str, Any]:
        of = {"membershipIdentifier": self._ids[f"{resource.account}/membership/{self.name}"]}
        if verb != "create":
            of["idNamespaceAssociationIdentifier"] = self._ids[resource.label]
        if verb == "delete":
            return of
        asked = {**of, "idMappingConfig": {"allowUseAsDimensionColumn": resource.settings["mayBeShown"]}}
        if verb == "change":
            return asked
        # Clean Rooms writes into the namespace's resource policy that it may be read for this collaboration.
        reference = {"inputReferenceArn": resource.settings["namespace"], "manageResourcePolicies": True}
        return {**asked, "name": resource.name, "inputReferenceConfig": reference}

    def _id_mapping_table(self, resource: Resource, verb: str) -> dict[str, Any]:
        of = {"membershipIdentifier": self._ids[f"{resource.account}/membership/{self.name}"]}
        if verb != "create":
            return {**of, "idMappingTableIdentifier": self._ids[resource.label]}
        reference = {"inputReferenceArn": resource.settings["workflow"], "manageResourcePolicies": True}
        return {**of, "name": resource.name, "inputReferenceConfig": reference}


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
        "id_namespace": "id_namespace_association",
        "id_mapping_table": "id_mapping_table",
    }.items()
    for verb in ("create", "change", "delete")
}
