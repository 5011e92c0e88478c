"""CloudFormation templates as CloudFormation would see them: loops unrolled, parameters filled in, conditions decided.

Only the functions that the templates use are known; another one fails loudly.
"""

import re
from functools import cache
from pathlib import Path
from typing import Any

from cfnlint.decode import decode
from cfnlint.template import Template

FOLDER = Path(__file__).parents[2] / "deploy"
NAMES = ("data", "partner", "collaboration", "models", "pinpoint", "platform", "roles")
REGION, OURS, PARTNER = "eu-west-1", "123456789012", "222222222222"
KEY = f"arn:aws:kms:{REGION}:{OURS}:key/11111111-2222-3333-4444-555555555555"

# What the tests fill in; everything optional is on. A parameter not named here has its default.
GIVEN = {
    "Deployment": "dev",
    "PartnerAccountId": PARTNER,
    "FirstPartyAccountId": OURS,
    "ExternalId": "agreed-between-the-two",
    "FirstPartyManagesCleanRooms": "yes",
    "Member": "first-party",
    "Neptune": "yes",
    "NeptuneResourceId": "cluster-ABCDEFGHIJ",
    "PinpointApplicationId": "7f3c1d2e4b5a69788796a5b4c3d2e1f0",
    "VpcId": "vpc-00000000",
    "PrivateSubnets": ["subnet-00000000", "subnet-00000001"],
    "TaskSecurityGroup": "sg-00000000",
    "Image": f"{OURS}.dkr.ecr.{REGION}.amazonaws.com/segment-assets@sha256:{'0' * 64}",
    "AlarmEmail": "somebody@example.com",
}
GONE = object()


@cache
def _unrolled(name: str) -> dict[str, Any]:
    path = str(FOLDER / f"{name}.yaml")
    decoded, wrong = decode(path)
    assert not wrong, wrong
    template = Template(path, decoded, [REGION])
    assert not template.transform()
    found: dict[str, Any] = template.template
    return found


def resources(name: str, account: str | None = None, **given: Any) -> dict[str, Any]:
    """The resources that a stack of this template would hold."""
    return _Filled(_unrolled(name), account or (PARTNER if name == "partner" else OURS), GIVEN | given).resources()


class _Filled:
    def __init__(self, template: dict[str, Any], account: str, given: dict[str, Any]) -> None:
        self.template, self.account = template, account
        declared = template.get("Parameters", {})
        self.parameters = {n: given[n] if n in given else self._default(p) for n, p in declared.items()}
        self.pseudo = {"AWS::AccountId": account, "AWS::Region": REGION, "AWS::Partition": "aws"}

    @staticmethod
    def _default(parameter: dict[str, Any]) -> Any:
        default = parameter["Default"]
        return default.split(",") if parameter["Type"] == "CommaDelimitedList" else default

    def resources(self) -> dict[str, Any]:
        return {n: self._fill(r) for n, r in self.template["Resources"].items() if self._wanted(r)}

    def _wanted(self, resource: dict[str, Any]) -> bool:
        return "Condition" not in resource or self._true(resource["Condition"])

    def _true(self, condition: Any) -> bool:
        if isinstance(condition, str):
            return self._true(self.template["Conditions"][condition])
        [(function, argument)] = condition.items()
        if function == "Fn::Not":
            return not self._true(argument[0])
        assert function == "Fn::Equals", function
        return bool(self._fill(argument[0]) == self._fill(argument[1]))

    def _fill(self, node: Any) -> Any:
        if isinstance(node, list):
            return [f for item in node if (f := self._fill(item)) is not GONE]
        if not isinstance(node, dict):
            return node
        if len(node) == 1:
            [(function, argument)] = node.items()
            if function == "Ref" or function.startswith("Fn::"):
                return self._call(function, argument)
        return {k: f for k, v in node.items() if (f := self._fill(v)) is not GONE}

    def _call(self, function: str, argument: Any) -> Any:
        if function == "Ref":
            return self._ref(argument)
        if function == "Fn::If":
            return self._fill(argument[1] if self._true(argument[0]) else argument[2])
        if function == "Fn::GetAtt":
            return self._attribute(*(argument.split(".", 1) if isinstance(argument, str) else argument))
        if function == "Fn::FindInMap":
            outer, *keys = (self._fill(a) for a in argument)
            return self.template["Mappings"][outer][keys[0]][keys[1]]
        assert function == "Fn::Sub", function
        text, own = argument if isinstance(argument, list) else (argument, {})
        return re.sub(r"\$\{([^}!]+)\}", lambda m: str(self._named(m.group(1), own)), text)

    def _named(self, name: str, own: dict[str, Any]) -> Any:
        if name in own:
            return self._fill(own[name])
        return self._attribute(*name.split(".", 1)) if "." in name else self._ref(name)

    def _ref(self, name: str) -> Any:
        if name == "AWS::NoValue":
            return GONE
        if name in self.pseudo:
            return self.pseudo[name]
        if name in self.parameters:
            return self.parameters[name]
        resource = self.template["Resources"][name]
        if resource["Type"] == "AWS::IAM::ManagedPolicy":
            return f"arn:aws:iam::{self.account}:policy/{self._name(resource, name)}"
        if resource["Type"] == "AWS::SecretsManager::Secret":
            return f"arn:aws:secretsmanager:{REGION}:{self.account}:secret:{name}"
        return self._name(resource, name)

    def _attribute(self, name: str, attribute: str) -> str:
        resource = self.template["Resources"][name]
        called = self._name(resource, name)
        here = f"{REGION}:{self.account}"
        arns = {
            "AWS::S3::Bucket": f"arn:aws:s3:::{called}",
            "AWS::IAM::Role": f"arn:aws:iam::{self.account}:role/{called}",
            "AWS::SQS::Queue": f"arn:aws:sqs:{here}:{called}",
            "AWS::KinesisFirehose::DeliveryStream": f"arn:aws:firehose:{here}:deliverystream/{called}",
            "AWS::ECS::Cluster": f"arn:aws:ecs:{here}:cluster/{called}",
            "AWS::Events::EventBus": f"arn:aws:events:{here}:event-bus/{called}",
        }
        return arns[resource["Type"]] if attribute == "Arn" else f"{name}.{attribute}"

    def _name(self, resource: dict[str, Any], otherwise: str) -> str:
        properties = resource.get("Properties", {})
        keys = ("BucketName", "RoleName", "QueueName", "DeliveryStreamName", "ClusterName", "ManagedPolicyName")
        named = [properties[k] for k in (*keys, "LogGroupName", "TopicName") if k in properties]
        if not named and resource["Type"] == "AWS::Events::EventBus":
            named = [properties["Name"]]
        if not named and resource["Type"] == "AWS::Glue::Database":
            named = [properties["DatabaseInput"]["Name"]]
        # A role's policy names its role; that is not its own name.
        return str(self._fill(named[0])) if named and resource["Type"] != "AWS::IAM::RolePolicy" else otherwise
