"""Neptune's data plane: it reads Gremlin CSV from S3 through the same port, and answers openCypher from that."""

import json
from dataclasses import dataclass, field
from typing import Any, ClassVar
from uuid import uuid4

import boto3
from botocore.exceptions import ClientError

from segment_assets_tests.aws_double.neptune_engine import Engine
from segment_assets_tests.aws_double.neptune_files import Loaded, RefusedError, load
from segment_assets_tests.aws_double.service import AwsError, Caller, FakeService, NotBuiltError

_GOING = ("LOAD_NOT_STARTED", "LOAD_IN_PROGRESS")


@dataclass
class Load:
    """One bulk load: the work is done at once, and told of poll by poll.

    Attributes:
        source: prefix in S3.
        states: what the polls to come are told; the last one stays.
        counted: records and duplicates.
        errors: what went wrong.
        files: how many were read.
    """

    source: str
    states: list[str]
    counted: Loaded = field(default_factory=Loaded)
    errors: list[dict[str, Any]] = field(default_factory=list)
    files: int = 0


class NeptuneData(FakeService):
    """One cluster, for every account that asks.

    Attributes:
        slow: polls during which each load to come is in progress.
        ends: state in which the next load ends, whatever it did, such as `LOAD_FAILED`.
        loses: records that the next load leaves out, and says nothing of.
        statistics: whether the summary is to be had.
    """

    name: ClassVar[str] = "neptunedata"

    def __init__(self) -> None:
        super().__init__()
        self.slow, self.loses, self.statistics = 0, 0, True
        self.ends: str | None = None
        self.loads: dict[str, Load] = {}
        self.engine = Engine()

    def get_engine_status(self, caller: Caller) -> dict[str, Any]:
        """Up, and which version it claims to be."""
        return {
            "status": "healthy",
            "dbEngineVersion": "1.4.5.1.R1",
            "role": "writer",
            "opencypher": {"version": "Neptune-9.0.20190305-1.0"},
        }

    def start_loader_job(self, caller: Caller, **asked: Any) -> dict[str, Any]:
        """Load what lies below a prefix."""
        built = asked["format"] == "csv" and asked.get("mode") == "NEW" and asked.get("userProvidedEdgeIds", True)
        if not built or set(asked) & {"dependencies", "edgeOnlyLoad", "parserConfiguration"}:
            raise NotBuiltError(f"neptunedata: StartLoaderJob with {asked} is not built in the double")
        if asked.get("parallelism", "HIGH") not in ("LOW", "MEDIUM", "HIGH", "OVERSUBSCRIBE"):
            raise AwsError("InvalidParameterException", f"parallelism: {asked['parallelism']}")
        if asked["s3BucketRegion"] != caller.region:
            raise AwsError("S3Exception", "the bucket is not in the cluster's region")
        with self.engine.lock:
            if not asked.get("queueRequest") and any(one.states[0] in _GOING for one in self.loads.values()):
                raise AwsError("BadRequestException", "Max concurrent load limit breached. Limit is 1")
            job, name = Load(asked["source"], []), str(uuid4())
            final = self._do(job, caller, asked)
            job.states = [_GOING[0], *[_GOING[1]] * self.slow, self.ends or final]
            self.ends, self.loses = None, 0
            self.loads[name] = job
        return {"status": "200 OK", "payload": {"loadId": name}}

    def get_loader_job_status(self, caller: Caller, **asked: Any) -> dict[str, Any]:
        """How far a load is."""
        job = self._load(asked["loadId"])
        with self.engine.lock:
            state = job.states.pop(0) if len(job.states) > 1 else job.states[0]
        overall = {
            "fullUri": job.source, "runNumber": 1, "retryNumber": 0, "status": state, "totalTimeSpent": 1,
            "startTime": 1, "totalRecords": job.counted.records, "totalDuplicates": job.counted.duplicates,
            "parsingErrors": sum(e["errorCode"] == "PARSING_ERROR" for e in job.errors), "datatypeMismatchErrors": 0,
            "insertErrors": sum(e["errorCode"] != "PARSING_ERROR" for e in job.errors),
        }  # fmt: skip
        payload: dict[str, Any] = {"feedCount": [{state: max(job.files, 1)}], "overallStatus": overall}
        if asked.get("details"):
            payload["failedFeeds"] = [{**overall, "fullUri": e["fileName"]} for e in job.errors[:1]]
        if asked.get("errors") and state not in _GOING:
            first, many = asked.get("page", 1) - 1, asked.get("errorsPerPage", 10)
            shown = job.errors[first * many : (first + 1) * many]
            at = {"startIndex": first * many + 1, "endIndex": first * many + len(shown), "loadId": asked["loadId"]}
            payload["errors"] = {**at, "errorLogs": shown}
        return {"status": "200 OK", "payload": payload}

    def list_loader_jobs(self, caller: Caller, **asked: Any) -> dict[str, Any]:
        """Loads, the newest first."""
        limit = asked.get("limit", 100)
        if not 1 <= limit <= 100:
            raise AwsError("InvalidParameterException", "limit: 1 to 100")
        return {"status": "200 OK", "payload": {"loadIds": list(reversed(self.loads))[:limit]}}

    def cancel_loader_job(self, caller: Caller, **asked: Any) -> dict[str, Any]:
        """Stop a load; what it has loaded stays."""
        job = self._load(asked["loadId"])
        with self.engine.lock:
            if job.states[0] not in _GOING:
                raise AwsError("BadRequestException", f"the load is {job.states[0]}")
            job.states = ["LOAD_CANCELLED_BY_USER"]
        return {"status": "200 OK"}

    def get_propertygraph_summary(self, caller: Caller, **asked: Any) -> dict[str, Any]:
        """Counts and labels, always of this moment: Neptune's are of its latest statistics."""
        if asked.get("mode", "basic") != "basic":
            raise NotBuiltError("neptunedata: the detailed summary is not built in the double")
        if not self.statistics:
            raise AwsError("StatisticsNotAvailableException", "statistics are disabled")
        with self.engine.lock:
            nodes, edges = self.engine.counts()
        summary = {
            "numNodes": sum(nodes.values()), "numEdges": sum(edges.values()), "nodeLabels": sorted(nodes),
            "numNodeLabels": len(nodes), "edgeLabels": sorted(edges), "numEdgeLabels": len(edges),
        }  # fmt: skip
        return {"statusCode": 200, "payload": {"version": "v1", "graphSummary": summary}}

    def execute_open_cypher_query(self, caller: Caller, **asked: Any) -> dict[str, Any]:
        """Rows, or what is wrong with the query."""
        try:
            return {"results": self.engine.ask(asked["openCypherQuery"], json.loads(asked.get("parameters", "{}")))}
        except RuntimeError as wrong:
            raise AwsError("MalformedQueryException", str(wrong)) from wrong

    def _do(self, job: Load, caller: Caller, asked: dict[str, Any]) -> str:
        try:
            objects = _read(job.source, caller, asked["iamRoleArn"])
        except ClientError:
            return "LOAD_S3_ACCESS_DENIED_ERROR"
        if not objects:
            return "LOAD_FAILED_INVALID_REQUEST"
        job.files = len(objects)
        try:
            replace = asked.get("updateSingleCardinalityProperties", False)
            job.counted = load(self.engine, objects, replace=replace, loses=self.loses)
        except RefusedError as wrong:
            if not asked.get("failOnError", True):
                raise NotBuiltError("failOnError=FALSE with a record in error is not built in the double") from wrong
            job.errors.append(wrong.told)
            return "LOAD_FAILED"
        return "LOAD_COMPLETED"

    def _load(self, name: str) -> Load:
        if name not in self.loads:
            raise AwsError("BulkLoadIdNotFoundException", f"no load is {name}", 404)
        return self.loads[name]


def _read(source: str, caller: Caller, role: str) -> dict[str, bytes]:
    """Every object whose key starts with the prefix, as the role that Neptune was given reads them."""
    ours = {"endpoint_url": caller.endpoint, "region_name": caller.region}
    sts = boto3.client("sts", **ours, aws_access_key_id="neptune", aws_secret_access_key="loopback")  # noqa: S106
    entered = sts.assume_role(RoleArn=role, RoleSessionName="neptune")["Credentials"]
    s3 = boto3.client(
        "s3",
        aws_access_key_id=entered["AccessKeyId"],
        aws_secret_access_key=entered["SecretAccessKey"],
        aws_session_token=entered["SessionToken"],
        **ours,
    )
    bucket, _, prefix = source.removeprefix("s3://").partition("/")
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
    keys = [found["Key"] for page in pages for found in page.get("Contents", ())]
    return {f"s3://{bucket}/{key}": s3.get_object(Bucket=bucket, Key=key)["Body"].read() for key in keys}
