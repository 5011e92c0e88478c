"""Pinpoint on AWS, through the bucket of exports."""

from typing import Any, NoReturn
from urllib.parse import urlparse

from botocore.client import BaseClient

from segment_assets.activation.port import ActivationError, ImportJobRequest, ImportJobResponse, PinpointService
from segment_assets.aws import REFUSED, AwsRefusedError, client, code, once, sentence, without_retries
from segment_assets.lake import ObjectStore
from segment_assets.lake.aws import exports
from segment_assets.settings import Settings

ENDED = (
    "Amazon Pinpoint's segments, endpoints and imports ended on 2026-10-30, so nothing was written and nothing sent: "
    "in segmentation.yaml, send the segment to a destination of kind customer_profiles_import (Amazon Connect Customer "
    "Profiles) or file_handoff instead"
)
PAGE = "100"
_LIVE = (".amazonaws.com", ".amazonaws.com.cn", ".api.aws")


def pinpoint(settings: Settings) -> "AwsPinpoint":
    """Pinpoint of our account, in the region of the environment."""
    return AwsPinpoint(exports(settings), settings.aws.pinpoint_role_arn)


class AwsPinpoint(PinpointService):
    """Import jobs of Pinpoint, whose files lie in the bucket of exports.

    Args:
        store: the exports.
        role_arn: role that Pinpoint takes to read them.
    """

    def __init__(self, store: ObjectStore, role_arn: str | None) -> None:
        self.store = store
        self.role_arn = role_arn or ""

    @property
    def _pinpoint(self) -> Any:
        return client("pinpoint")

    @property
    def _once(self) -> Any:
        return without_retries("pinpoint")

    def ready(self, application_id: str) -> None:
        """Refuse the live service, which has ended; elsewhere, look whether the application is there.

        Raises:
            ActivationError: Pinpoint has ended, the application is not there, or no role is named.
        """
        if is_live(self._pinpoint):
            raise ActivationError(ENDED)
        if not self.role_arn:
            raise ActivationError(
                "segmentation.yaml: aws.pinpoint_role_arn is missing: the role that Pinpoint takes to read the file"
            )
        try:
            self._pinpoint.get_app(ApplicationId=application_id)
        except REFUSED as refused:
            if code(refused) == "NotFoundException":
                raise ActivationError(f"Pinpoint has no application {application_id} in this account and region") from (
                    refused
                )
            _refuse(refused, f"mobiletargeting:GetApp on {application_id}")

    def put(self, key: str, content: bytes) -> None:
        """An object below `pinpoint/imports/` of the exports."""
        self.store.write(self.location(key), content)

    def url(self, key: str) -> str:
        """Its URL in S3's form."""
        return self.store.uri(self.location(key))

    def location(self, key: str) -> str:
        """The same in the store of exports."""
        return f"pinpoint/imports/{key}"

    def create_import_job(self, application_id: str, request: ImportJobRequest) -> ImportJobResponse:
        """A new job; one, though the answer be lost on the way."""
        before = {job["Id"] for job in self._for(application_id, request)}

        def create() -> ImportJobResponse:
            return _job(self._once.create_import_job(ApplicationId=application_id, ImportJobRequest=request))

        def find() -> ImportJobResponse | None:
            return next((job for job in self._for(application_id, request) if job["Id"] not in before), None)

        try:
            return once(create, find)
        except REFUSED as refused:
            _refuse(refused, f"mobiletargeting:CreateImportJob on {application_id} (with iam:PassRole on its role)")

    def get_import_job(self, application_id: str, job_id: str) -> ImportJobResponse:
        """GetImportJob."""
        try:
            return _job(self._pinpoint.get_import_job(ApplicationId=application_id, JobId=job_id))
        except REFUSED as refused:
            _refuse(refused, f"mobiletargeting:GetImportJob on {application_id}")

    def list_import_jobs(self, application_id: str) -> list[ImportJobResponse]:
        """GetImportJobs, all pages."""
        found: list[ImportJobResponse] = []
        asked = {"ApplicationId": application_id, "PageSize": PAGE}
        while True:
            try:
                page = self._pinpoint.get_import_jobs(**asked)["ImportJobsResponse"]
            except REFUSED as refused:
                _refuse(refused, f"mobiletargeting:GetImportJobs on {application_id}")
            found += page["Item"]
            if not page.get("NextToken"):
                return found
            asked["Token"] = page["NextToken"]

    def _for(self, application_id: str, request: ImportJobRequest) -> list[ImportJobResponse]:
        return [job for job in self.list_import_jobs(application_id) if job["Definition"]["S3Url"] == request["S3Url"]]


def is_live(of: BaseClient) -> bool:
    """The client talks to AWS itself, and not to a double or a proxy of one's own."""
    return (urlparse(of.meta.endpoint_url).hostname or "").endswith(_LIVE)


def _refuse(error: BaseException, doing: str) -> NoReturn:
    """Pinpoint says Forbidden to whoever lacks a permission; it may be what it says to all since its end, too."""
    if code(error) == "ForbiddenException":
        raise AwsRefusedError(
            f"{doing} was denied: the role that runs this needs that permission (see deploy/), if Pinpoint still is: "
            + ENDED
        ) from error
    raise AwsRefusedError(sentence(error, doing)) from error


def _job(answer: Any) -> ImportJobResponse:
    job: ImportJobResponse = answer["ImportJobResponse"]
    return job
