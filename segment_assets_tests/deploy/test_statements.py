"""Every statement that allows names its actions and, where AWS lets it, its resources."""

import json
import re
from pathlib import Path
from typing import Any

import cfnlint
import pytest

from segment_assets_tests.deploy.iam import allowing, several
from segment_assets_tests.deploy.templates import FOLDER, KEY, NAMES, resources

# Actions that may stand beside the resource `*` although AWS knows a resource for them, each with its reason.
ALTHOUGH_NAMEABLE = {
    "cloudwatch:PutMetricData": "a metric is no resource; a condition holds it to the deployment's namespace",
}
# AWS's own policies, whose resources are AWS's choice.
AWS_OWN = {
    "arn:aws:iam::aws:policy/AWSBackupServiceRolePolicyForS3Backup": "a backup's rules change with the service",
    "arn:aws:iam::aws:policy/AWSBackupServiceRolePolicyForS3Restore": "the same, for the way back",
}
# AWS's Service Authorization Reference as cfn-lint ships it: which resources each action knows.
_LISTED = json.loads((Path(cfnlint.__file__).parent / "data/AdditionalSpecs/Policies.json").read_text())


def nameable(action: str) -> bool:
    service, name = action.split(":")
    return bool(_LISTED[service]["Actions"][name.lower()].get("Resources"))


@pytest.mark.parametrize("name", NAMES)
def test_no_statement_allows_whatever_to_whatever(name: str) -> None:
    for where, statement in allowing(resources(name, KmsKeyArn=KEY)):
        said = f"{name}.yaml: {where}: {statement}"
        actions = several(statement["Action"])
        assert "NotAction" not in statement, said
        assert "NotResource" not in statement, said
        assert not [a for a in actions if "*" in a], said
        if "*" in several(statement["Resource"]):
            assert not [a for a in actions if nameable(a) and a not in ALTHOUGH_NAMEABLE], said


def test_the_guard_rules_list_is_aws_s() -> None:
    listed = re.search(r"let nameless = \[(.*?)\]", (FOLDER / "rules.guard").read_text(), re.DOTALL)
    assert listed
    actions = re.findall(r"'([^']+)'", listed.group(1))
    assert [a for a in actions if nameable(a)] == [*ALTHOUGH_NAMEABLE]


def test_a_metric_is_put_into_a_namespace_that_is_named() -> None:
    found = [
        statement
        for name in NAMES
        for _, statement in allowing(resources(name))
        if "cloudwatch:PutMetricData" in several(statement["Action"])
    ]
    assert len(found) == 2, "the daemon tells, and SageMaker does"
    for statement in found:
        [namespaces] = [v["cloudwatch:namespace"] for v in statement["Condition"].values()]
        assert all(n not in ("*", "") for n in several(namespaces))


@pytest.mark.parametrize("name", NAMES)
def test_a_role_is_passed_to_one_service_and_by_name(name: str) -> None:
    for where, statement in allowing(resources(name)):
        if "iam:PassRole" in several(statement["Action"]):
            said = f"{name}.yaml: {where}"
            assert several(statement["Action"]) == ["iam:PassRole"], said
            assert all("*" not in r for r in several(statement["Resource"])), said
            assert isinstance(statement["Condition"]["StringEquals"]["iam:PassedToService"], str), said


@pytest.mark.parametrize("name", NAMES)
def test_policies_of_others_are_on_a_list(name: str) -> None:
    for resource in resources(name).values():
        attached = resource.get("Properties", {}).get("ManagedPolicyArns", ())
        assert {arn for arn in attached if ":aws:policy/" in arn} <= AWS_OWN.keys()


@pytest.mark.parametrize("name", NAMES)
def test_no_role_of_one_deployment_reaches_another(name: str) -> None:
    """Filled in for `prod`, no statement names anything of `dev`, and what is named by us carries `prod`."""
    for where, statement in allowing(resources(name, Deployment="prod")):
        for resource in several(statement["Resource"]):
            said = f"{name}.yaml: {where}: {resource}"
            assert "dev" not in resource, said
            assert "segment-assets-" not in resource or "segment-assets-prod" in resource, said


@pytest.mark.parametrize("name", NAMES)
def test_a_service_acts_for_this_account_alone(name: str) -> None:
    """Against the confused deputy: a service that may assume a role says for whom."""
    for where, resource in resources(name).items():
        if resource["Type"] == "AWS::IAM::Role":
            trust: list[dict[str, Any]] = resource["Properties"]["AssumeRolePolicyDocument"]["Statement"]
            for statement in trust:
                if "Service" in statement["Principal"]:
                    assert "aws:SourceAccount" in statement["Condition"]["StringEquals"], f"{name}.yaml: {where}"
