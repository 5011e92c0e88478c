"""What a destination must be able to do, and what Pinpoint must offer for its import to be one."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, TypedDict

import pyarrow as pa

from segment_assets.activation.plan import WANTED, Held, Order, Plan
from segment_assets.lake import Lake
from segment_assets.waiting import Pace

State = Literal["PENDING", "RUNNING", "SUCCEEDED", "PARTIAL", "FAILED"]


class ActivationError(Exception):
    """Why an activation did not come to its end; what was told is in the ledger, and a re-run takes it up."""


@dataclass(frozen=True)
class Receipt:
    """What `submit` handed over.

    Attributes:
        job_id: the destination's job; None where it has none.
        location: folder of the files in the store of exports.
        rows: rows in the files.
    """

    job_id: str | None
    location: str
    rows: int


@dataclass(frozen=True)
class Status:
    """How far the destination is.

    Attributes:
        state: PARTIAL is an end at which some rows were refused.
        processed: rows done so far.
        failed: rows refused.
        errors: the first reasons, without data in them.
    """

    state: State
    processed: int = 0
    failed: int = 0
    errors: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Sorted:
    """What a destination takes, and what it would refuse.

    Attributes:
        taken: `WANTED`, one row per recipient.
        refused: what is wrong, without a value in it -> the customers it is wrong of, once per recipient.
    """

    taken: pa.Table
    refused: Mapping[str, list[str]] = field(default_factory=dict)


class Destination(ABC):
    """A place a segment is told to. Every method may be called again after a kill."""

    poll_seconds: float = 0.0

    def ready(self) -> None:
        """Look whether anything can be told at all, before anything is written.

        Raises:
            ActivationError: it can't, and what can be done.
        """
        return

    def running(self, order: Order) -> list[Receipt]:
        """Jobs of the segment at this destination, of whatever activation, that have not come to an end."""
        return []

    def sort_out(self, rows: pa.Table) -> Sorted:
        """Part what can be told from what would be refused, before anything is written down.

        Args:
            rows: `WANTED` and `state`, as in a plan's rows.

        Raises:
            ActivationError: not a row of it can be told, such as where a file would be too large.
        """
        return Sorted(rows.select(WANTED.names))

    def absent(self, plan: Plan, held: Held) -> set[str]:
        """Customers whom the plan tells to leave though it is certain that nothing there says they are in.

        Args:
            plan: what is to be sent.
            held: what was told so far.
        """
        return set()

    @abstractmethod
    def submit(self, lake: Lake, plan: Plan) -> Receipt:
        """Hand the rows over; the same content at the same number is handed over once."""

    @abstractmethod
    def poll(self, receipt: Receipt) -> Status:
        """Ask how far it is."""

    @abstractmethod
    def verify(self, plan: Plan, receipt: Receipt, status: Status) -> None:
        """Hold what arrived against the plan.

        Raises:
            ActivationError: it is not what was planned.
        """


class ImportJobRequest(TypedDict):
    """Pinpoint's ImportJobRequest: https://docs.aws.amazon.com/pinpoint/latest/apireference/apps-application-id-jobs-import.html."""

    DefineSegment: bool
    Format: Literal["CSV", "JSON"]
    RegisterEndpoints: bool
    RoleArn: str
    S3Url: str


class ImportJobResponse(TypedDict, total=False):
    """Pinpoint's ImportJobResponse, from the same page."""

    ApplicationId: str
    Id: str
    Type: Literal["IMPORT"]
    JobStatus: str
    CreationDate: str
    CompletionDate: str
    CompletedPieces: int
    FailedPieces: int
    TotalPieces: int
    TotalProcessed: int
    TotalFailures: int
    Failures: list[str]
    Definition: ImportJobRequest


class PinpointService(ABC):
    """The calls of Pinpoint that an import needs, and the bucket it reads from.

    Attributes:
        role_arn: role that Pinpoint takes to read the bucket.
        poll_seconds: the first pause between two looks at a job; later ones are longer.
    """

    role_arn: str
    poll_seconds: float = Pace.first

    def ready(self, application_id: str) -> None:
        """Look whether the application takes imports.

        Raises:
            ActivationError: it does not, and what can be done.
        """
        return

    @abstractmethod
    def put(self, key: str, content: bytes) -> None:
        """Put an object where Pinpoint reads."""

    @abstractmethod
    def url(self, key: str) -> str:
        """The object's or folder's URL, as CreateImportJob wants it."""

    @abstractmethod
    def location(self, key: str) -> str:
        """The same in the store of exports: where a person finds it."""

    @abstractmethod
    def create_import_job(self, application_id: str, request: ImportJobRequest) -> ImportJobResponse:
        """CreateImportJob. It knows no client token: two calls make two jobs."""

    @abstractmethod
    def get_import_job(self, application_id: str, job_id: str) -> ImportJobResponse:
        """GetImportJob."""

    @abstractmethod
    def list_import_jobs(self, application_id: str) -> list[ImportJobResponse]:
        """GetImportJobs, all pages: where a job is found again after a kill, by its S3Url."""
