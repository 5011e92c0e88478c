"""IAM before the whole double: every call of a role that a stack makes needs what the stack gives it.

One evaluator (`iam.allows`) decides for moto's services and for our own. Whoever signs with the double's own key is the
account itself, or AWS: so the world can be made, and services do their own work.
"""

import gzip
import json
from collections.abc import Mapping
from typing import Any

from moto.sts.models import sts_backends
from werkzeug.wrappers import Request, Response

from segment_assets_tests.aws_double.front import AwsDouble
from segment_assets_tests.aws_double.refusals import refusal
from segment_assets_tests.aws_double.service import _parameters
from segment_assets_tests.deploy import iam
from segment_assets_tests.deploy.needs import needed
from segment_assets_tests.deploy.templates import NAMES, OURS, PARTNER, resources


class Guard:
    """A gate for a double.

    Args:
        double: whose calls.
        lacking: role's name -> an action that is taken from it.

    Attributes:
        denied: role, action and resource of what was refused, in order.
    """

    def __init__(self, double: AwsDouble, lacking: Mapping[str, str] | None = None) -> None:
        self.lacking = dict(lacking or {})
        self.denied: list[tuple[str, str, str]] = []
        self._services = {service.name: service for service in double.services}
        self._roles: dict[str, str] = {}
        self._may: dict[str, list[iam.Statement]] = {}
        self._trust: dict[str, list[iam.Statement]] = {}
        for stack in NAMES:
            self._learn(stack, PARTNER if stack == "partner" else OURS)
        self._learn("collaboration", PARTNER, Member="partner")

    def __call__(self, key: str, service: str, operation: str, request: Request) -> Response | None:
        """The refusal of what the caller's role may not do."""
        role = self._role(key)
        if role not in self._may:
            return None
        account, name = role.split(":")[4], role.rpartition("/")[2]
        for action, resource, said in needed(service, operation, request, self._asked(service, request), account):
            taken = iam.like(action, self.lacking.get(name, ""))
            trusted = action != "sts:AssumeRole" or self._trusted(role, request)
            if taken or not trusted or not iam.allows(self._may[role], action, resource, said):
                self.denied.append((name, action, resource))
                told = f"User: {role} is not authorized to perform: {action} on resource: {resource}"
                return refusal(
                    service, "AccessDenied" if service in ("s3", "sts") else "AccessDeniedException", told, 403
                )
        return None

    def _learn(self, stack: str, account: str, **given: str) -> None:
        made = resources(stack, account, **given)
        for name, statements in iam.roles(made, account).items():
            self._may[f"arn:aws:iam::{account}:role/{name}"] = statements
        for resource in made.values():
            if resource["Type"] == "AWS::IAM::Role":
                own = resource["Properties"]
                arn = f"arn:aws:iam::{account}:role/{own['RoleName']}"
                self._trust[arn] = own["AssumeRolePolicyDocument"]["Statement"]

    def _role(self, key: str) -> str:
        if key not in self._roles:
            held = (r for account in (OURS, PARTNER) for r in sts_backends[account]["aws"].assumed_roles)
            self._roles |= {r.access_key_id: r.role_arn for r in held}
        return self._roles.get(key, "")

    def _asked(self, service: str, request: Request) -> dict[str, Any]:
        content = request.get_data()
        if request.headers.get("Content-Encoding") == "gzip":  # CloudWatch's
            content = gzip.decompress(content)
        elif own := self._services.get(service):
            operation, uri = own._operation(request)
            return _parameters(operation, request, uri)
        # What is put into S3 may be JSON too, and asks for nothing.
        return dict(json.loads(content)) if service not in ("s3", "sts") and content[:1] == b"{" else {}

    def _trusted(self, role: str, request: Request) -> bool:
        account, entered = role.split(":")[4], request.form["RoleArn"]
        said = {"aws:PrincipalArn": role}
        if "ExternalId" in request.form:
            said["sts:ExternalId"] = request.form["ExternalId"]
        named = (f"arn:aws:iam::{account}:root", role)
        of_me = [s for s in self._trust.get(entered, ()) if s["Principal"].get("AWS") in named]
        return iam.allows(of_me, "sts:AssumeRole", entered, said)
