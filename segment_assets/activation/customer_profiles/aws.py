"""Customer Profiles on AWS: upload jobs through the path that the service signs, snapshots through our exports."""

import base64
import hashlib
import json
from collections.abc import Callable, Iterator
from typing import Any, TypeVar, cast

from botocore.awsrequest import AWSRequest
from botocore.exceptions import HTTPClientError
from botocore.httpsession import URLLib3Session

from segment_assets.activation.customer_profiles.port import (
    CustomerProfilesService,
    Profile,
    SegmentGroups,
    UploadJob,
    UploadJobRequest,
    of_snapshots,
)
from segment_assets.activation.port import ActivationError
from segment_assets.aws import REFUSED, AwsRefusedError, client, code, once, sentence, without_retries
from segment_assets.lake.aws import Bucket, exports
from segment_assets.settings import Settings
from segment_assets.waiting import Pace

T = TypeVar("T")
PUTS = 4


def customer_profiles(settings: Settings) -> "AwsCustomerProfiles":
    """Customer Profiles of our account, in the region of the environment."""
    return AwsCustomerProfiles(exports(settings), settings.aws.customer_profiles_role_arn)


class AwsCustomerProfiles(CustomerProfilesService):
    """Domains of our account.

    Args:
        store: the exports: copies of what is sent, and snapshots.
        role_arn: role that Customer Profiles takes to write snapshots.
    """

    def __init__(self, store: Bucket, role_arn: str | None) -> None:
        self.store, self.role_arn = store, role_arn

    @property
    def _profiles(self) -> Any:
        return client("customer-profiles")

    @property
    def _once(self) -> Any:
        return without_retries("customer-profiles")

    def ready(self, domain: str) -> None:
        """The domain is there, and a role that writes snapshots is named.

        Raises:
            ActivationError: one of them is not.
        """
        if not self.role_arn:
            raise ActivationError(
                "segmentation.yaml: aws.customer_profiles_role_arn is missing: the role that Customer Profiles takes "
                "to write the snapshots that activations are held against"
            )
        if _asked(lambda: self._profiles.get_domain(DomainName=domain), "GetDomain", domain, missing=True) is None:
            raise ActivationError(f"Customer Profiles has no domain {domain} in this account and region")

    def put(self, key: str, content: bytes) -> None:
        """An object below `customer_profiles/` of the exports."""
        self.store.write(self.location(key), content)

    def location(self, key: str) -> str:
        """The same in the store of exports."""
        return f"customer_profiles/{key}"

    def create_upload_job(self, request: UploadJobRequest) -> str:
        """A new job; one, though the answer be lost on the way."""

        def create() -> str:
            return str(self._once.create_upload_job(**request)["JobId"])

        def find() -> str | None:
            jobs = self.list_upload_jobs(request["DomainName"])
            return next((job["JobId"] for job in jobs if job["DisplayName"] == request["DisplayName"]), None)

        return _asked(lambda: once(create, find), "CreateUploadJob", request["DomainName"])

    def list_upload_jobs(self, domain: str) -> list[UploadJob]:
        """ListUploadJobs, all pages."""
        pages = self._profiles.get_paginator("list_upload_jobs").paginate(DomainName=domain)
        return _asked(lambda: [job for page in pages for job in page.get("Items", ())], "ListUploadJobs", domain)

    def get_upload_job(self, domain: str, job_id: str) -> UploadJob:
        """GetUploadJob."""
        job: UploadJob = _asked(
            lambda: self._profiles.get_upload_job(DomainName=domain, JobId=job_id), "GetUploadJob", domain
        )
        return job

    def upload(self, domain: str, job_id: str, content: bytes) -> None:
        """GetUploadJobPath and a PUT; again with a new path where the first is lost or no longer valid."""
        for _ in zip(range(PUTS), Pace(self.poll_seconds).turns(), strict=False):
            path = _asked(
                lambda: self._profiles.get_upload_job_path(DomainName=domain, JobId=job_id), "GetUploadJobPath", domain
            )
            status = _put(path["Url"], content, encryption_headers(path.get("ClientToken")))
            if status < 300:
                return
        raise AwsRefusedError(f"the file of upload job {job_id} was not taken: its signed path answered {status}")

    def start_upload_job(self, domain: str, job_id: str) -> None:
        """StartUploadJob; where it was refused because an answer was lost, the job is left to go on."""
        try:
            self._profiles.start_upload_job(DomainName=domain, JobId=job_id)
        except REFUSED as refused:
            if code(refused) == "BadRequestException" and self.get_upload_job(domain, job_id)["Status"] != "CREATED":
                return
            raise AwsRefusedError(sentence(refused, f"profile:StartUploadJob on {domain}")) from refused

    def segment_groups(self, domain: str, name: str) -> SegmentGroups | None:
        """GetSegmentDefinition."""
        found = _asked(
            lambda: self._profiles.get_segment_definition(DomainName=domain, SegmentDefinitionName=name),
            "GetSegmentDefinition",
            domain,
            missing=True,
        )
        # One in SQL has no groups: it asks for something else than ours.
        return None if found is None else found.get("SegmentGroups", {"Groups": []})

    def create_segment_definition(self, domain: str, name: str, display_name: str, groups: SegmentGroups) -> None:
        """CreateSegmentDefinition; the name is its key, so a lost answer makes no second."""

        def create() -> bool:
            self._once.create_segment_definition(
                DomainName=domain,
                SegmentDefinitionName=name,
                DisplayName=display_name,
                SegmentGroups=groups,
                Tags={"managed-by": "segment-assets"},
            )
            return True

        _asked(lambda: once(create, lambda: self.segment_groups(domain, name) is not None or None),
               "CreateSegmentDefinition", domain)  # fmt: skip

    def create_segment_snapshot(self, domain: str, name: str, key: str) -> str:
        """CreateSegmentSnapshot below the exports. A second one, after a lost answer, writes the same once more."""
        asked = {
            "DomainName": domain,
            "SegmentDefinitionName": name,
            "DataFormat": "JSONL",
            "RoleArn": self.role_arn,
            "DestinationUri": self.store.uri(self.location(key)),
        }
        made = _asked(lambda: self._profiles.create_segment_snapshot(**asked), "CreateSegmentSnapshot", domain)
        return str(made["SnapshotId"])

    def snapshot_status(self, domain: str, name: str, snapshot_id: str) -> str:
        """GetSegmentSnapshot."""
        asked = {"DomainName": domain, "SegmentDefinitionName": name, "SnapshotId": snapshot_id}
        return str(_asked(lambda: self._profiles.get_segment_snapshot(**asked), "GetSegmentSnapshot", domain)["Status"])

    def read_snapshot(self, key: str) -> Iterator[Profile]:
        """Every profile in the objects below the key."""
        for found in self.store.list(self.location(key)):
            for line in self.store.read(found.key).splitlines():
                if line.strip():
                    yield json.loads(line)

    def remove_snapshots(self, below: str) -> None:
        """Their objects, and with them, a day later, what the bucket keeps of what is removed."""
        self.store.remove(of_snapshots(self.store, self.location(below)))


def encryption_headers(token: str | None) -> dict[str, str]:
    """Headers of a PUT that S3 encrypts with the key that the service gave; none where it gave none.

    The token is the key in base64, as S3 wants it; the digest beside it is that of the key's own bytes:
    https://docs.aws.amazon.com/AmazonS3/latest/userguide/ServerSideEncryptionCustomerKeys.html
    """
    if not token:
        return {}
    digest = hashlib.md5(base64.b64decode(token), usedforsecurity=False).digest()
    before = "x-amz-server-side-encryption-customer-"
    return {
        f"{before}algorithm": "AES256",
        f"{before}key": token,
        f"{before}key-MD5": base64.b64encode(digest).decode(),
    }


def _put(url: str, content: bytes, headers: dict[str, str]) -> int:
    """HTTP's status; 599 where there was no answer."""
    request = AWSRequest(method="PUT", url=url, data=content, headers=headers).prepare()
    try:
        return int(URLLib3Session().send(request).status_code)
    except HTTPClientError:
        return 599


def _asked(call: Callable[[], T], operation: str, domain: str, *, missing: bool = False) -> T:
    """What the call gives; None where `missing` is allowed and the thing is not there.

    Raises:
        AwsRefusedError: AWS refused it for good.
    """
    try:
        return call()
    except REFUSED as refused:
        if missing and code(refused) == "ResourceNotFoundException":
            return cast(T, None)
        raise AwsRefusedError(sentence(refused, f"profile:{operation} on {domain}")) from refused
