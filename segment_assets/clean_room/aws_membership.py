"""Our membership in the collaboration on AWS: what stands in it, and what is left to spend."""

from collections.abc import Mapping
from functools import cached_property
from typing import Any

from segment_assets.aws import AwsRefusedError, client, telling
from segment_assets.aws_config import Aws
from segment_assets.clean_room.access_ledger import Standing
from segment_assets.clean_room.aws_plan import resource_name, template_name
from segment_assets.clean_room.circumstances import Run
from segment_assets.clean_room.collaboration import Collaboration
from segment_assets.clean_room.templates import Template


class InCollaboration:
    """What a member can ask of the declared collaboration.

    Args:
        aws: where things are.
        collaboration: its declared name; None where there is none.
        templates: analysis templates by their declared name.
    """

    def __init__(self, aws: Aws, collaboration: str | None, templates: Mapping[str, Template] | None = None) -> None:
        self.aws, self.collaboration, self.templates = aws, collaboration, templates

    @property
    def _rooms(self) -> Any:
        return client("cleanrooms")

    @cached_property
    def _membership(self) -> dict[str, Any]:
        """Our membership in the declared collaboration."""
        if self.collaboration is None:
            raise AwsRefusedError("segmentation.yaml: no collaboration is declared, so no query can run")
        wanted = resource_name(self.aws.deployment, self.collaboration)
        pages = self._rooms.get_paginator("list_memberships").paginate(status="ACTIVE")
        with telling("cleanrooms:ListMemberships"):
            found = [m for page in pages for m in page["membershipSummaries"] if m["collaborationName"] == wanted]
        if len(found) != 1:
            many = "no membership" if not found else f"{len(found)} memberships"
            raise AwsRefusedError(
                f'Clean Rooms: this account has {many} in a collaboration named "{wanted}": '
                "`segment-assets aws plan` shows what is there, `segment-assets aws apply` makes what is not"
            )
        return dict(found[0])

    def access(self, collaboration: Collaboration) -> list[Standing]:
        """As Clean Rooms counts it: of our own tables and of the partner's."""
        told = [one["accessBudget"] for one in self.budgets("ACCESS_BUDGET")]
        names = self._associations() if told else {}
        return [
            Standing(
                names.get(one["resourceArn"].rpartition("/")[2], one["resourceArn"]), _period(d), _used(d), d["budget"]
            )
            for one in told
            for d in one["details"]
        ]

    def budgets(self, kind: str) -> list[dict[str, Any]]:
        """Every privacy budget of a type that we are told of: of access, or of noise.

        Those of our own membership, and those that the collaboration shows of every member's; each once.
        """
        own = self._rooms.get_paginator("list_privacy_budgets").paginate(
            membershipIdentifier=self._membership["id"], privacyBudgetType=kind
        )
        with telling("cleanrooms:ListPrivacyBudgets"):
            found = {one["id"]: one["budget"] for page in own for one in page["privacyBudgetSummaries"]}
        every = self._rooms.get_paginator("list_collaboration_privacy_budgets").paginate(
            collaborationIdentifier=self._membership["collaborationId"], privacyBudgetType=kind
        )
        with telling("cleanrooms:ListCollaborationPrivacyBudgets"):
            found |= {one["id"]: one["budget"] for page in every for one in page["collaborationPrivacyBudgetSummaries"]}
        return list(found.values())

    def preview(self, epsilon: int, users_noise_per_query: int) -> list[dict[str, Any]]:
        """How many aggregates of each type a privacy budget of these numbers would pay for."""
        numbers = {"epsilon": epsilon, "usersNoisePerQuery": users_noise_per_query}
        asked = {"membershipIdentifier": self._membership["id"], "parameters": {"differentialPrivacy": numbers}}
        with telling("cleanrooms:PreviewPrivacyImpact"):
            told: dict[str, Any] = self._rooms.preview_privacy_impact(**asked)["privacyImpact"]
        return list(told["differentialPrivacy"]["aggregations"])

    def _associations(self) -> dict[str, str]:
        """Id -> name of every table in the collaboration, the partner's too."""
        of = {"collaborationIdentifier": self._membership["collaborationId"]}
        pages = self._rooms.get_paginator("list_schemas").paginate(**of)
        with telling("cleanrooms:ListSchemas"):
            every = [schema for page in pages for schema in page["schemaSummaries"]]
        return {s["resourceArn"].rpartition("/")[2]: s["name"] for s in every if "resourceArn" in s}

    def _of_template(self, of: Run) -> dict[str, Any]:
        """The template as `aws apply` made it: its name tells its text, which can't change."""
        if self.templates is None or of.arn not in self.templates:
            raise AwsRefusedError(f'segmentation.yaml: collaboration.templates: none is called "{of.arn}"')
        name = template_name(self.aws.deployment, self.templates[of.arn])
        pages = self._rooms.get_paginator("list_collaboration_analysis_templates").paginate(
            collaborationIdentifier=self._membership["collaborationId"]
        )
        with telling("cleanrooms:ListCollaborationAnalysisTemplates"):
            found = [t for p in pages for t in p["collaborationAnalysisTemplateSummaries"] if t["name"] == name]
        if not found:
            raise AwsRefusedError(
                f'Clean Rooms: the collaboration has no analysis template "{name}", which is {of.arn} with its present '
                "text: `segment-assets aws apply` makes it"
            )
        return {"analysisTemplateArn": found[0]["arn"], "parameters": dict(of.values)}


def _period(detail: Mapping[str, Any]) -> str:
    return f"{detail['budgetType'].lower().removeprefix('calendar_')} from {detail['startTime']:%Y-%m-%d}"


def _used(detail: Mapping[str, Any]) -> int:
    return int(detail["budget"]) - int(detail["remainingBudget"])
