"""The calls of Amazon Connect Customer Profiles that bring a segment in and read it back.

Shapes are the API's: https://docs.aws.amazon.com/connect/latest/APIReference/API_Operations_Amazon_Connect_Customer_Profiles.html
"""

from abc import ABC, abstractmethod
from collections.abc import Iterator
from datetime import datetime
from typing import Any, TypedDict

from segment_assets.lake import ObjectStore
from segment_assets.waiting import Pace

SegmentGroups = dict[str, Any]
Profile = dict[str, Any]


class ObjectTypeField(TypedDict):
    """Which column goes where: `_source.<column>` to `_profile.<field>`."""

    Source: str
    Target: str
    ContentType: str


class UploadJobRequest(TypedDict):
    """Body of CreateUploadJob."""

    DomainName: str
    DisplayName: str
    Fields: dict[str, ObjectTypeField]
    UniqueKey: str
    DataExpiry: int


class ResultsSummary(TypedDict, total=False):
    """What an upload did."""

    UpdatedRecords: int
    CreatedRecords: int
    FailedRecords: int


class UploadJob(TypedDict, total=False):
    """Answer of GetUploadJob; an item of ListUploadJobs has no ResultsSummary."""

    JobId: str
    DisplayName: str
    Status: str
    StatusReason: str
    Fields: dict[str, ObjectTypeField]
    UniqueKey: str
    DataExpiry: int
    CompletedAt: datetime
    ResultsSummary: ResultsSummary


class CustomerProfilesService(ABC):
    """Upload jobs, segment definitions and snapshots of a domain, and a place for files that people may read.

    Attributes:
        poll_seconds: the first pause between two looks at a job; later ones are longer.
        settles_within: seconds within which a finished upload is seen in a segment.
    """

    poll_seconds: float = Pace.first
    settles_within: float = 30 * 60.0

    def ready(self, domain: str) -> None:
        """Look whether the domain takes uploads.

        Raises:
            ActivationError: it does not, and what can be done.
        """
        return

    @abstractmethod
    def put(self, key: str, content: bytes) -> None:
        """Keep a copy of what is sent."""

    @abstractmethod
    def location(self, key: str) -> str:
        """Where in the store of exports the copy is."""

    @abstractmethod
    def create_upload_job(self, request: UploadJobRequest) -> str:
        """CreateUploadJob: the job's id. It knows no client token; the display name is looked for instead."""

    @abstractmethod
    def list_upload_jobs(self, domain: str) -> list[UploadJob]:
        """ListUploadJobs, all pages."""

    @abstractmethod
    def get_upload_job(self, domain: str, job_id: str) -> UploadJob:
        """GetUploadJob."""

    @abstractmethod
    def upload(self, domain: str, job_id: str, content: bytes) -> None:
        """GetUploadJobPath, and the file put there; a second time replaces the first."""

    @abstractmethod
    def start_upload_job(self, domain: str, job_id: str) -> None:
        """StartUploadJob; a job that was started already is left to go on."""

    @abstractmethod
    def segment_groups(self, domain: str, name: str) -> SegmentGroups | None:
        """GetSegmentDefinition: what the segment asks for; None where there is none of that name."""

    @abstractmethod
    def create_segment_definition(self, domain: str, name: str, display_name: str, groups: SegmentGroups) -> None:
        """CreateSegmentDefinition, of the classic kind."""

    @abstractmethod
    def create_segment_snapshot(self, domain: str, name: str, key: str) -> str:
        """CreateSegmentSnapshot, as JSON lines below `key`: the snapshot's id."""

    @abstractmethod
    def snapshot_status(self, domain: str, name: str, snapshot_id: str) -> str:
        """GetSegmentSnapshot: IN_PROGRESS, COMPLETED or FAILED."""

    @abstractmethod
    def read_snapshot(self, key: str) -> Iterator[Profile]:
        """Every profile of the snapshot below `key`."""

    @abstractmethod
    def remove_snapshots(self, below: str) -> None:
        """Remove every snapshot below the key: whole profiles, which nobody needs once they were compared."""


def of_snapshots(store: ObjectStore, below: str) -> list[str]:
    """Keys of the objects below a place that are of snapshots."""
    return [found.key for found in store.list(below) if "/snapshot-" in found.key.removeprefix(below)]
