"""What segmentation.yaml names by a name and AWS by an ARN or an account: members, and analysis templates."""

from collections.abc import Callable, Mapping
from typing import Any

from segment_assets.aws_config import Aws
from segment_assets.clean_room.aws_plan import OURS, PARTNERS, PlanError
from segment_assets.clean_room.custom_rule import ANY_JOB, ANY_QUERY


class Names:
    """Both ways, for policies of analysis rules.

    Args:
        aws: where things are: the accounts are those of the roles in it.
        runner: display name of the member who queries.
        provider: display name of the member who offers the audience.
        arns: of analysis templates by their names in the accounts; may grow.
    """

    def __init__(self, aws: Aws, runner: str, provider: str, arns: Mapping[str, str]) -> None:
        self._accounts = {
            OURS: aws.clean_rooms.service_role_arn.split(":")[4],
            PARTNERS: aws.partner.role_arn.split(":")[4],
        }
        self._members = {runner: self._accounts[OURS], provider: self._accounts[PARTNERS]}
        self._arns = arns

    def account(self, which: str) -> str:
        """The id of `ours` or `partner`."""
        return self._accounts[which]

    def to_aws(self, policy: Mapping[str, Any]) -> dict[str, Any]:
        """A policy as AWS takes it.

        Raises:
            PlanError: a template that is not there.
        """
        return _changed(policy, self._arn, lambda member: self._members.get(member, member))

    def from_aws(self, policy: Mapping[str, Any]) -> dict[str, Any]:
        """A policy of AWS by the names of segmentation.yaml; what has none stays as it is."""
        names = {arn: name for name, arn in self._arns.items()}
        members = {account: member for member, account in self._members.items()}
        return _changed(policy, lambda arn: names.get(arn, arn), lambda account: members.get(account, account))

    def _arn(self, name: str) -> str:
        if name in self._arns:
            return self._arns[name]
        raise PlanError(f"analysis template {name}: it is not in the collaboration yet: its author makes it first")


_Renamed = Callable[[str], str]


def _changed(policy: Mapping[str, Any], template: _Renamed, member: _Renamed) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for kind, parts in policy["v1"].items():
        found[kind] = dict(parts)
        if kind == "custom" and "allowedAnalyses" in parts:
            found[kind]["allowedAnalyses"] = [
                a if a in (ANY_QUERY, ANY_JOB) else template(a) for a in parts["allowedAnalyses"]
            ]
        for place in ("allowedAnalysisProviders", "allowedResultReceivers"):
            if parts.get(place) is not None:
                found[kind][place] = [member(m) for m in parts[place]]
    return {"v1": found}
