"""moto's IAM enforcement, completed.

moto checks the caller's signature and collects the role's policies; it then ignores what a call is made to (except in
S3, SQS, STS and IAM) and denies whatever has a condition. Here the decision is made over both: by `iam.allows`, for
every thing the call needs, a role passed to a service among them.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import parse_qs, urlsplit
from urllib.request import Request, urlopen

import pytest
from moto.iam.access_control import IAMPolicy, IAMRequestBase
from moto.iam.models import iam_backends
from moto.s3.models import s3_backends

from segment_assets_tests.deploy.iam import Context, Statement, allows

Need = tuple[str, str, Context]
PASSED = ("RoleArn", "ExecutionRoleArn")
SAGEMAKER = {
    "TrainingJobName": "training-job",
    "ModelName": "model",
    "TransformJobName": "transform-job",
    "ModelPackageGroupName": "model-package",
    "EndpointName": "endpoint",
}


@contextmanager
def enforced(endpoint: str) -> Iterator[None]:
    """From here on every call to the server needs a permission."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(IAMRequestBase, "check_action_permitted", _check)
        _calls_without_a_check(endpoint, "0")
        try:
            yield
        finally:
            _calls_without_a_check(endpoint, "inf")


def _calls_without_a_check(endpoint: str, number: str) -> None:
    # As text: moto reads no form here. The server is on the loopback, made by the test.
    asked = Request(f"{endpoint}/moto-api/reset-auth", number.encode(), {"Content-Type": "text/plain"}, method="POST")  # noqa: S310
    urlopen(asked).close()  # noqa: S310


def _check(request: Any, resource: str) -> None:
    role = request._access_key
    statements = [s for policy in role.collect_policies() for s in IAMPolicy(policy)._policy_json["Statement"]]
    needs = list(_needed(request, resource))
    if not all(allows(statements, *need) for need in needs) or not _trusted(request, role.account_id):
        request._raise_access_denied()


def _needed(request: Any, resource: str) -> Iterator[Need]:
    service, operation = request._action.split(":")
    asked = json.loads(request._body) if request._body[:1] == b"{" else {}
    if service == "s3":
        prefix = parse_qs(urlsplit(request._path).query).get("prefix", [""])[0]
        _, owner = s3_backends.bucket_accounts[resource.removeprefix("arn:aws:s3:::").split("/")[0]]
        listed = {"s3:prefix": prefix} if operation == "ListBucket" else {}
        yield request._action, resource, listed | {"aws:ResourceAccount": owner}
    elif service == "sts":
        yield request._action, _form(request)["RoleArn"], {}
    elif service == "sqs":
        yield request._action.removesuffix("Batch"), resource, {}  # a batch needs the permission of its one
    else:
        at = f"arn:aws:{service}:{request._region}:{request.account_id}"
        for name in _named(service, operation, asked):
            yield request._action, f"{at}:{name}", {}
        for role in (asked[key] for key in PASSED if key in asked):
            yield "iam:PassRole", role, {"iam:PassedToService": f"{service}.amazonaws.com"}


def _named(service: str, operation: str, asked: dict[str, Any]) -> list[str]:
    """What a call is made to, as AWS's Service Authorization Reference says for each action used here."""
    if (service, operation) == ("glue", "GetDatabases"):
        return ["catalog", "database/*"]
    if service == "glue":
        database = asked.get("DatabaseName") or asked.get("DatabaseInput", asked)["Name"]
        table = asked.get("TableInput", asked).get("Name") if "DatabaseName" in asked else None
        tables = [f"table/{database}/{'*' if operation == 'GetTables' else table}"] if "Table" in operation else []
        return ["catalog", f"database/{database}", *tables]
    if service == "firehose":
        return [f"deliverystream/{asked['DeliveryStreamName']}"]
    if service == "sagemaker":
        # A package is created in, and listed by, its group.
        found = next((key, kind) for key, kind in SAGEMAKER.items() if key in asked)
        return [f"{found[1]}/{asked[found[0]]}".lower() + ("/1" if found[1] == "model-package" else "")]
    raise NotImplementedError(f"{service}:{operation}: say what it is made to")


def _trusted(request: Any, caller: str) -> bool:
    if request._action != "sts:AssumeRole":
        return True
    asked = _form(request)
    account = asked["RoleArn"].split(":")[4]
    role = iam_backends[account]["aws"].get_role_by_arn(asked["RoleArn"])
    trust: list[Statement] = json.loads(role.assume_role_policy_document)["Statement"]
    mine = f"arn:aws:iam::{caller}:role/{request._access_key._owner_role_name}"
    context = {"aws:PrincipalArn": mine} | ({"sts:ExternalId": asked["ExternalId"]} if "ExternalId" in asked else {})
    of_me = [s for s in trust if s["Principal"].get("AWS") in (f"arn:aws:iam::{caller}:root", mine)]
    return allows(of_me, "sts:AssumeRole", asked["RoleArn"], context)


def _form(request: Any) -> dict[str, str]:
    return {key: value[0] if isinstance(value, list) else value for key, value in request._data.items()}
