"""Pinpoint's import jobs: the file is read from S3 and judged by the documented rules, and endpoints are kept.

What the service answers since its end on 2026-10-30 is not documented; the double says 403, ForbiddenException.
"""

import csv
import io
import uuid
from datetime import UTC, datetime
from typing import Any, ClassVar
from urllib.parse import urlparse

from segment_assets.activation.pinpoint_rules import judge
from segment_assets_tests.aws_double.inside import in_role
from segment_assets_tests.aws_double.service import AwsError, Caller, FakeService

FAILURES_SHOWN = 100
STEPS = ("CREATED", "PREPARING_FOR_INITIALIZATION", "INITIALIZING", "PROCESSING")


class Pinpoint(FakeService):
    """Applications, import jobs and the endpoints that imports made.

    Attributes:
        ended: answer as the service does after its end of support.
        endpoints: application -> endpoint id -> the last row imported for it.
    """

    name: ClassVar[str] = "pinpoint"

    def __init__(self) -> None:
        super().__init__()
        self.ended = False
        self.apps: dict[str, dict[str, Any]] = {}
        self.jobs: dict[str, dict[str, dict[str, Any]]] = {}
        self.endpoints: dict[str, dict[str, dict[str, str]]] = {}

    def know(self, application_id: str, account: str = "123456789012") -> None:
        """An application that is there from the start, by its id."""
        arn = f"arn:aws:mobiletargeting:eu-west-1:{account}:apps/{application_id}"
        self.apps[application_id] = {"Arn": arn, "Id": application_id, "Name": "known", "CreationDate": _now()}
        self.jobs[application_id], self.endpoints[application_id] = {}, {}

    def create_app(self, caller: Caller, **asked: Any) -> dict[str, Any]:
        self._still_there()
        application_id = uuid.uuid4().hex
        self.know(application_id, caller.account)
        self.apps[application_id] |= asked["CreateApplicationRequest"]
        return {"ApplicationResponse": self.apps[application_id]}

    def get_app(self, caller: Caller, **asked: Any) -> dict[str, Any]:
        return {"ApplicationResponse": self._app(asked["ApplicationId"])}

    def create_import_job(self, caller: Caller, **asked: Any) -> dict[str, Any]:
        """There is no client token: two calls make two jobs."""
        application, definition = self._app(asked["ApplicationId"])["Id"], asked["ImportJobRequest"]
        if urlparse(definition["S3Url"]).scheme != "s3":
            raise AwsError("BadRequestException", "S3Url must start with s3://")
        if not definition["RoleArn"].startswith("arn:aws:iam::"):
            raise AwsError("BadRequestException", "RoleArn is no role")
        job = {
            "ApplicationId": application,
            "CreationDate": _now(),
            "Definition": definition,
            "Id": uuid.uuid4().hex,
            "JobStatus": STEPS[0],
            "Type": "IMPORT",
        }
        self.jobs[application][job["Id"]] = job
        return {"ImportJobResponse": job}

    def get_import_job(self, caller: Caller, **asked: Any) -> dict[str, Any]:
        """One state further at each look."""
        job = self.jobs[self._app(asked["ApplicationId"])["Id"]].get(asked["JobId"])
        if job is None:
            raise AwsError("NotFoundException", "no such job", 404)
        if job["JobStatus"] == STEPS[-1]:
            self._process(caller, job)
        elif job["JobStatus"] in STEPS:
            job["JobStatus"] = STEPS[STEPS.index(job["JobStatus"]) + 1]
        return {"ImportJobResponse": job}

    def get_import_jobs(self, caller: Caller, **asked: Any) -> dict[str, Any]:
        jobs = [*self.jobs[self._app(asked["ApplicationId"])["Id"]].values()]
        start, size = int(asked.get("Token", "0")), int(asked.get("PageSize", "100"))
        page: dict[str, Any] = {"Item": jobs[start : start + size]}
        return {"ImportJobsResponse": page | ({"NextToken": str(start + size)} if start + size < len(jobs) else {})}

    def _process(self, caller: Caller, job: dict[str, Any]) -> None:
        failures: list[str] = []
        rows = refused = failed_pieces = 0
        try:
            files = _below(in_role(caller, job["Definition"]["RoleArn"]), job["Definition"]["S3Url"])
        except Exception as error:  # noqa: BLE001  whatever S3 says
            files, failed_pieces, failures = [], 1, [f"{type(error).__name__} reading s3 object"]
        for content in files:
            verdict = judge(content)
            rows += verdict.rows
            refused += len(verdict.refused)
            failed_pieces += verdict.file is not None
            failures += [str(p) for p in ([verdict.file] if verdict.file else verdict.refused)]
            if not verdict.file and job["Definition"].get("RegisterEndpoints"):
                self._register(job["ApplicationId"], content, {problem.line for problem in verdict.refused})
        pieces = max(len(files), failed_pieces)
        job |= {"JobStatus": "FAILED" if failed_pieces else "COMPLETED", "CompletionDate": _now()}
        job |= {"TotalPieces": pieces, "FailedPieces": failed_pieces, "CompletedPieces": pieces - failed_pieces}
        job |= {"TotalProcessed": rows - refused, "TotalFailures": refused}
        if failures:
            job["Failures"] = failures[:FAILURES_SHOWN]

    def _register(self, application: str, content: bytes, refused: set[int]) -> None:
        reader = csv.DictReader(io.StringIO(content.decode(), newline=""))
        for row in reader:
            if reader.line_num not in refused:
                told = {name: value for name, value in row.items() if value}
                known = self.endpoints[application].setdefault(row.get("Id") or uuid.uuid4().hex, {})
                known.update(told)

    def _app(self, application_id: str) -> dict[str, Any]:
        self._still_there()
        if application_id not in self.apps:
            raise AwsError("NotFoundException", "Resource not found", 404)
        return self.apps[application_id]

    def _still_there(self) -> None:
        if self.ended:
            raise AwsError("ForbiddenException", "Amazon Pinpoint reached its end of support on 2026-10-30", 403)


def _below(s3: Any, url: str) -> list[bytes]:
    """Every object below the URL: Pinpoint takes in all subfolders."""
    where = urlparse(url)
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=where.netloc, Prefix=where.path.removeprefix("/"))
    keys = [item["Key"] for page in pages for item in page.get("Contents", ())]
    return [s3.get_object(Bucket=where.netloc, Key=key)["Body"].read() for key in keys]


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
