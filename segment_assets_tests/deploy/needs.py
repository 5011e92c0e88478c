"""What a call needs: IAM's action, what it is made to, and what the request says, by AWS's Service Authorization
Reference. A role that is handed to a service is a need of its own."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from moto.s3.models import s3_backends
from werkzeug.wrappers import Request

from segment_assets_tests.deploy.iam import Context

Need = tuple[str, str, Context]
REGION = "eu-west-1"
GRAPH = "cluster-ABCDEFGHIJ"
_S3 = {
    "HeadObject": "GetObject",
    "HeadBucket": "ListBucket",
    "ListObjectsV2": "ListBucket",
    "CreateMultipartUpload": "PutObject",
    "UploadPart": "PutObject",
    "CompleteMultipartUpload": "PutObject",
}
_NEPTUNE = {"GetPropertygraphSummary": "GetGraphSummary"}
_SAGEMAKER = {
    "TrainingJobName": "training-job",
    "ModelName": "model",
    "TransformJobName": "transform-job",
    "ModelPackageGroupName": "model-package",
    "EndpointConfigName": "endpoint-config",
    "EndpointName": "endpoint",
}
_ROOMS = {
    "membershipIdentifier": "membership",
    "configuredTableIdentifier": "configuredtable",
    "collaborationIdentifier": "collaboration",
}
_NEW_ROOMS = {
    "CreateCollaboration": "collaboration",
    "CreateMembership": "membership",
    "CreateConfiguredTable": "configuredtable",
}
_QUICKSIGHT = {"DataSourceId": "datasource", "DataSetId": "dataset", "DashboardId": "dashboard"}
# Service, as botocore names it -> as IAM does.
_PREFIX = {
    "neptunedata": "neptune-db",
    "customer-profiles": "profile",
    "pinpoint": "mobiletargeting",
}


def needed(service: str, operation: str, request: Request, asked: Mapping[str, Any], account: str) -> Iterator[Need]:
    """Everything a call needs.

    Args:
        service: as botocore names it.
        operation: as botocore names it.
        request: as it came.
        asked: what it asks, by botocore's names; empty for S3 and STS.
        account: of the caller.
    """
    prefix = _PREFIX.get(service, service)
    at = f"arn:aws:{prefix}:{REGION}:{account}"
    match service:
        case "s3":
            yield from _objects(operation, request)
        case "sts":
            if operation == "AssumeRole":
                yield "sts:AssumeRole", request.form["RoleArn"], {}
        case "glue":
            for name in _glue(operation, asked):
                yield f"glue:{operation}", f"{at}:{name}", {}
        case "neptunedata":
            text = str(asked.get("openCypherQuery", ""))
            by_query = "DeleteDataViaQuery" if "DELETE" in text else "ReadDataViaQuery"
            action = by_query if operation == "ExecuteOpenCypherQuery" else _NEPTUNE.get(operation, operation)
            yield f"neptune-db:{action}", f"{at}:{GRAPH}/*", {}
        case "cleanrooms":
            yield f"cleanrooms:{operation}", _room(operation, asked, at), {}
            if template := asked.get("sqlParameters", {}).get("analysisTemplateArn"):
                yield "cleanrooms:GetCollaborationAnalysisTemplate", template, {}
        case "sqs":
            # A batch is permitted as the single call is.
            action = operation.removesuffix("Batch")
            yield f"sqs:{action}", f"{at}:{str(asked.get('QueueUrl', asked.get('QueueName'))).rpartition('/')[2]}", {}
        case "events":
            for entry in asked["Entries"]:
                bus = str(entry.get("EventBusName", "default")).rpartition("/")[2]
                yield "events:PutEvents", f"{at}:event-bus/{bus}", {"events:source": entry["Source"]}
        case "cloudwatch":
            yield "cloudwatch:PutMetricData", "*", {"cloudwatch:namespace": str(asked.get("Namespace"))}
        case "quicksight" if operation == "ListIngestions":
            yield "quicksight:ListIngestions", "*", {}
        case _:
            yield f"{prefix}:{operation}", f"{at}:{_named(service, asked)}", {}
    for role in _handed_over(asked):
        yield "iam:PassRole", role, {"iam:PassedToService": f"{_passed_to(service)}.amazonaws.com"}


def _objects(operation: str, request: Request) -> Iterator[Need]:
    bucket, _, key = request.path.lstrip("/").partition("/")
    _, owner = s3_backends.bucket_accounts[bucket]
    said: dict[str, str] = {"aws:ResourceAccount": owner}
    if operation == "ListObjectsV2":
        said["s3:prefix"] = request.args.get("prefix", "")
    keys = re.findall("<Key>(.*?)</Key>", request.get_data(as_text=True)) if operation == "DeleteObjects" else [key]
    action = "DeleteObject" if operation == "DeleteObjects" else _S3.get(operation, operation)
    for one in keys:
        yield f"s3:{action}", f"arn:aws:s3:::{bucket}/{one}" if one else f"arn:aws:s3:::{bucket}", said


def _glue(operation: str, asked: Mapping[str, Any]) -> list[str]:
    if operation == "GetDatabases":
        return ["catalog", "database/*"]
    database = asked.get("DatabaseName") or asked.get("DatabaseInput", asked)["Name"]
    table = asked.get("TableInput", asked).get("Name") if "DatabaseName" in asked else None
    tables = [f"table/{database}/{'*' if operation == 'GetTables' else table}"] if "Table" in operation else []
    return ["catalog", f"database/{database}", *tables]


def _room(operation: str, asked: Mapping[str, Any], at: str) -> str:
    if operation in _NEW_ROOMS:
        return f"{at}:{_NEW_ROOMS[operation]}/new"
    return next((f"{at}:{kind}/{asked[key]}" for key, kind in _ROOMS.items() if key in asked), "*")


def _named(service: str, asked: Mapping[str, Any]) -> str:
    if service == "customer-profiles":
        return f"domains/{asked['DomainName']}"
    if service == "pinpoint":
        return f"apps/{asked['ApplicationId']}"
    if service == "sagemaker":
        arn = next((v for k, v in asked.items() if k in ("ResourceArn", "ModelPackageArn", "ModelPackageName")), None)
        if arn:
            return str(arn).rpartition(":")[2] if "/" in arn.rpartition(":")[2] else ":".join(arn.split(":")[5:])
        found = next((key, kind) for key, kind in _SAGEMAKER.items() if key in asked)
        return f"{found[1]}/{asked[found[0]]}".lower() + ("/1" if found[1] == "model-package" else "")
    if service == "quicksight":
        found = next(((key, kind) for key, kind in _QUICKSIGHT.items() if key in asked), None)
        return f"{found[1]}/{asked[found[0]]}" if found else "*"
    raise NotImplementedError(f"{service}: say what its calls are made to")


def _handed_over(asked: Any) -> Iterator[str]:
    """Roles in a request, however deep they lie; Neptune's is the cluster's own, and not handed over."""
    if isinstance(asked, Mapping):
        for key, value in asked.items():
            if key.lower() in ("rolearn", "executionrolearn") and isinstance(value, str):
                yield value
            else:
                yield from _handed_over(value)


def _passed_to(service: str) -> str:
    return {"customer-profiles": "profile"}.get(service, service)
