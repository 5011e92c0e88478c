"""Customer Profiles: uploads are read from S3, profiles kept, segments answered by snapshots in S3."""

import base64
import copy
import json
import secrets
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar, cast
from urllib.parse import urlparse

from segment_assets.activation.customer_profiles.port import UploadJob
from segment_assets.activation.customer_profiles.rules import is_member, merge, take_in
from segment_assets_tests.aws_double.inside import as_itself, in_role
from segment_assets_tests.aws_double.service import AwsError, Caller, FakeService

UPLOADS = "customer-profiles-uploads"  # the service's own bucket
PATH_SECONDS = 900


class CustomerProfiles(FakeService):
    """Domains with profiles, upload jobs and segment definitions.

    Attributes:
        fails: uploads that are to end FAILED, INTERNAL_FAILURE: how many.
        refuses: keys of rows that are refused whatever they hold.
        lag: snapshots that are to show how things were before the last upload: how many.
        domains: what each holds.
    """

    name: ClassVar[str] = "customer-profiles"

    def __init__(self) -> None:
        super().__init__()
        self.fails, self.lag = 0, 0
        self.refuses: set[str] = set()
        self.domains: dict[str, dict[str, Any]] = {}

    def know(self, domain: str, *customers: str, matching_key: str = "AccountNumber") -> None:
        """A domain that is there from the start, with the profiles of these customers."""
        self._make(DomainName=domain, DefaultExpirationDays=366)
        for customer in customers:
            profile = self.domains[domain]["profiles"].setdefault(customer, {"ProfileId": uuid.uuid4().hex})
            merge(profile, {matching_key: customer})

    def create_domain(self, caller: Caller, **asked: Any) -> dict[str, Any]:
        return self._make(**asked)

    def _make(self, **asked: Any) -> dict[str, Any]:
        now = datetime.now(UTC)
        about = {**asked, "CreatedAt": now, "LastUpdatedAt": now}
        kept: dict[str, Any] = {"profiles": {}, "before": {}, "jobs": {}, "segments": {}, "snapshots": {}}
        self.domains[asked["DomainName"]] = {"about": about, **kept}
        return about

    def get_domain(self, caller: Caller, **asked: Any) -> dict[str, Any]:
        domain = self._domain(asked)
        return domain["about"] | {"Stats": {"ProfileCount": len(domain["profiles"])}}

    def create_upload_job(self, caller: Caller, **asked: Any) -> dict[str, Any]:
        """There is no client token: two calls make two jobs."""
        domain = self._domain(asked)
        if asked["UniqueKey"] not in asked["Fields"]:
            raise AwsError("BadRequestException", "UniqueKey is no field")
        job = {name: value for name, value in asked.items() if name != "DomainName"}
        job |= {"JobId": uuid.uuid4().hex, "Status": "CREATED", "CreatedAt": datetime.now(UTC)}
        domain["jobs"][job["JobId"]] = {"DataExpiry": 14} | job
        return {"JobId": job["JobId"]}

    def get_upload_job_path(self, caller: Caller, **asked: Any) -> dict[str, Any]:
        job = self._job(asked)
        s3 = as_itself(caller)
        if UPLOADS not in [bucket["Name"] for bucket in s3.list_buckets()["Buckets"]]:
            s3.create_bucket(Bucket=UPLOADS, CreateBucketConfiguration={"LocationConstraint": caller.region})
        place = {"Bucket": UPLOADS, "Key": job["JobId"]}
        return {
            "Url": s3.generate_presigned_url("put_object", Params=place, ExpiresIn=PATH_SECONDS),
            "ClientToken": base64.b64encode(secrets.token_bytes(32)).decode(),
            "ValidUntil": datetime.now(UTC) + timedelta(seconds=PATH_SECONDS),
        }

    def start_upload_job(self, caller: Caller, **asked: Any) -> dict[str, Any]:
        job = self._job(asked)
        if job["Status"] != "CREATED":
            raise AwsError("BadRequestException", f"the job is {job['Status']}")
        job["Status"] = "IN_PROGRESS"
        return {}

    def stop_upload_job(self, caller: Caller, **asked: Any) -> dict[str, Any]:
        self._job(asked)["Status"] = "STOPPED"
        return {}

    def get_upload_job(self, caller: Caller, **asked: Any) -> dict[str, Any]:
        """IN_PROGRESS at the first look after the start, done at the second."""
        job = self._job(asked)
        if job["Status"] == "IN_PROGRESS" and job.pop("_seen", False):
            self._process(caller, self._domain(asked), job)
        elif job["Status"] == "IN_PROGRESS":
            job["_seen"] = True
        return {name: value for name, value in job.items() if name != "_seen"}

    def list_upload_jobs(self, caller: Caller, **asked: Any) -> dict[str, Any]:
        jobs = [*self._domain(asked)["jobs"].values()]
        start, size = int(asked.get("NextToken", "0")), asked.get("MaxResults", 100)
        shown = ("JobId", "DisplayName", "Status", "StatusReason", "CreatedAt", "CompletedAt", "DataExpiry")
        page = {"Items": [{n: job[n] for n in shown if n in job} for job in jobs[start : start + size]]}
        return page | ({"NextToken": str(start + size)} if start + size < len(jobs) else {})

    def create_segment_definition(self, caller: Caller, **asked: Any) -> dict[str, Any]:
        segments, name = self._domain(asked)["segments"], asked["SegmentDefinitionName"]
        if name in segments:
            raise AwsError("BadRequestException", "a segment definition of that name exists")
        if "SegmentGroups" not in asked:
            raise AwsError("NotImplementedException", "segments in SQL are not built in the double", 501)
        arn = (
            f"arn:aws:profile:{caller.region}:{caller.account}:domains/{asked['DomainName']}/segment-definitions/{name}"
        )
        about = {n: v for n, v in asked.items() if n != "DomainName"}
        segments[name] = about | {"SegmentDefinitionArn": arn, "CreatedAt": datetime.now(UTC), "SegmentType": "CLASSIC"}
        answered = ("SegmentDefinitionName", "DisplayName", "CreatedAt", "SegmentDefinitionArn", "Tags")
        return {n: segments[name][n] for n in answered if n in segments[name]}

    def get_segment_definition(self, caller: Caller, **asked: Any) -> dict[str, Any]:
        found: dict[str, Any] = self._segment(asked)
        return found

    def create_segment_snapshot(self, caller: Caller, **asked: Any) -> dict[str, Any]:
        domain, segment = self._domain(asked), self._segment(asked)
        if not asked.get("RoleArn") or not asked.get("DestinationUri"):
            raise AwsError("BadRequestException", "RoleArn and DestinationUri are needed to write a snapshot")
        if asked["DataFormat"] != "JSONL":
            raise AwsError("NotImplementedException", "snapshots are JSONL in the double", 501)
        profiles = domain["before"] if self.lag else domain["profiles"]
        self.lag -= self.lag > 0
        members = [profile for profile in profiles.values() if is_member(profile, segment["SegmentGroups"])]
        where, snapshot = urlparse(asked["DestinationUri"]), uuid.uuid4().hex
        lines = "".join(json.dumps(profile) + "\n" for profile in members).encode()
        key = f"{where.path.removeprefix('/').rstrip('/')}/{snapshot}.jsonl"
        in_role(caller, asked["RoleArn"]).put_object(Bucket=where.netloc, Key=key, Body=lines)
        about = {n: asked[n] for n in ("DataFormat", "RoleArn", "DestinationUri")}
        domain["snapshots"][snapshot] = about | {"SnapshotId": snapshot, "Status": "IN_PROGRESS"}
        return {"SnapshotId": snapshot}

    def get_segment_snapshot(self, caller: Caller, **asked: Any) -> dict[str, Any]:
        """IN_PROGRESS at the first look, COMPLETED at the second."""
        snapshot = self._domain(asked)["snapshots"].get(asked["SnapshotId"])
        if snapshot is None:
            raise AwsError("ResourceNotFoundException", "no such snapshot", 404)
        told_now: dict[str, Any] = dict(snapshot)
        snapshot["Status"] = "COMPLETED"
        return told_now

    def _process(self, caller: Caller, domain: dict[str, Any], job: dict[str, Any]) -> None:
        job["CompletedAt"] = datetime.now(UTC)
        try:
            content = as_itself(caller).get_object(Bucket=UPLOADS, Key=job["JobId"])["Body"].read()
        except Exception:  # noqa: BLE001  nothing was uploaded
            content = b""
        if self.fails:
            self.fails -= 1
            job |= {"Status": "FAILED", "StatusReason": "INTERNAL_FAILURE"}
            return
        domain["before"] = copy.deepcopy(domain["profiles"])
        job |= take_in(content, cast(UploadJob, job), domain["profiles"], self.refuses)
        for profile in domain["profiles"].values():
            profile.setdefault("ProfileId", uuid.uuid4().hex)

    def _domain(self, asked: dict[str, Any]) -> dict[str, Any]:
        if asked["DomainName"] not in self.domains:
            raise AwsError("ResourceNotFoundException", "no such domain", 404)
        return self.domains[asked["DomainName"]]

    def _job(self, asked: dict[str, Any]) -> dict[str, Any]:
        return self._named(asked, "jobs", "JobId")

    def _segment(self, asked: dict[str, Any]) -> dict[str, Any]:
        return self._named(asked, "segments", "SegmentDefinitionName")

    def _named(self, asked: dict[str, Any], kind: str, by: str) -> dict[str, Any]:
        found: dict[str, Any] | None = self._domain(asked)[kind].get(asked[by])
        if found is None:
            raise AwsError("ResourceNotFoundException", f"nothing of that {by}", 404)
        return found
