"""A segment as Pinpoint's import: attributes on endpoints, in the documented file, by an import job.

The contract with whoever sends: an endpoint is in the segment while `Attributes.<prefix><segment>` is `in`. Target it
with a dimensional segment on that attribute (`segment_definition`). The import defines no segment of its own: that one
would hold the tombstones too.
"""

import csv
import io
import re

import pyarrow as pa

from segment_assets.activation.pinpoint_rules import ENDPOINTS_PER_USER, NAME_LENGTH, judge
from segment_assets.activation.plan import Order, Plan
from segment_assets.activation.port import (
    ActivationError,
    Destination,
    ImportJobRequest,
    ImportJobResponse,
    PinpointService,
    Receipt,
    Sorted,
    State,
    Status,
)
from segment_assets.activation.sorting import by_verdict, newest
from segment_assets.activation.submit import with_addresses
from segment_assets.destination_config import endpoint_names
from segment_assets.lake import Lake
from segment_assets.segmentation import ConfigError

FILE = "endpoints.csv"
WORDING = "2"  # raise it when the file says something else for the same rows
TOLERANCE = 0.001  # share of rows that may be refused
_SHOWN = 3  # lines that an error names
# Push endpoints are updated by Id alone: which platform's they are is not ours to guess.
CHANNEL_TYPES = {"email": "EMAIL", "sms": "SMS"}

_STATES: dict[str, State] = {
    **dict.fromkeys(("CREATED", "PREPARING_FOR_INITIALIZATION", "INITIALIZING"), "PENDING"),
    **dict.fromkeys(("PROCESSING", "PENDING_JOB", "COMPLETING", "FAILING"), "RUNNING"),
    "COMPLETED": "SUCCEEDED",
    "FAILED": "FAILED",
}


class PinpointImport(Destination):
    """One import job per activation.

    Args:
        service: Pinpoint, or its stand-in.
        application_id: Pinpoint project.
        attribute: name of the attribute that says in or out.
    """

    def __init__(self, service: PinpointService, application_id: str, attribute: str) -> None:
        self.service = service
        self.application_id = application_id
        self.attribute = attribute
        self.poll_seconds = service.poll_seconds

    def ready(self) -> None:
        """The application takes imports."""
        self.service.ready(self.application_id)

    def running(self, order: Order) -> list[Receipt]:
        """Import jobs of folders of the segment that are neither COMPLETED nor FAILED."""
        below = self.service.url(f"{order.segment}/")
        jobs = [job for job in self.service.list_import_jobs(self.application_id) if _unended(job, below)]
        return [Receipt(job["Id"], job["Definition"]["S3Url"], 0) for job in jobs]

    def sort_out(self, rows: pa.Table) -> Sorted:
        """By the documented rules, before addresses are looked up: one that has a hash is an address."""
        few, surplus = newest(rows, ENDPOINTS_PER_USER)
        unaddressed = few.append_column("address", pa.nulls(few.num_rows, pa.string()))
        found = by_verdict(few, judge(import_file(unaddressed, self.attribute)), FILE)
        return Sorted(found.taken, {**found.refused, **surplus})

    def submit(self, lake: Lake, plan: Plan) -> Receipt:
        """Write the file and start the job, unless a job for this very folder is there already."""
        url = self.service.url(plan.folder)
        job = self._job(url, plan.rows.num_rows)
        if job is None:
            content = import_file(with_addresses(lake, plan.rows), self.attribute)
            refuse_what_pinpoint_would(content)
            self.service.put(plan.folder + FILE, content)
            job = self.service.create_import_job(self.application_id, request(url, self.service.role_arn))
        return Receipt(job["Id"], self.service.location(plan.folder), plan.rows.num_rows)

    def poll(self, receipt: Receipt) -> Status:
        """The job's state in our words; COMPLETED with failures is PARTIAL."""
        job = self.service.get_import_job(self.application_id, str(receipt.job_id))
        state, failed = _STATES[job["JobStatus"]], job.get("TotalFailures", 0)
        state = "FAILED" if job.get("FailedPieces", 0) and state == "SUCCEEDED" else state
        state = "PARTIAL" if failed and state == "SUCCEEDED" else state
        return Status(state, job.get("TotalProcessed", 0), failed, _places(job.get("Failures", [])))

    def verify(self, plan: Plan, receipt: Receipt, status: Status) -> None:
        """All pieces done, hardly a row refused, and as many rows as were sent.

        AWS's model does not say whether TotalProcessed includes failures: both are taken for complete.
        """
        complete = receipt.rows in (status.processed, status.processed + status.failed)
        if status.state == "FAILED" or status.failed > TOLERANCE * receipt.rows or not complete:
            raise ActivationError(
                f"{plan.order.destination}: import job {receipt.job_id} of {plan.order.segment} ended {status.state}: "
                f"{status.processed:,} of {receipt.rows:,} rows processed, {status.failed:,} refused"
                + (f" ({', '.join(status.errors[:_SHOWN])})" if status.errors else "")
                + ". Nothing was committed: mend the data (GetImportJob tells Pinpoint's own words), and run the asset "
                "again."
            )

    def _job(self, url: str, rows: int) -> ImportJobResponse | None:
        """The job for this folder that did not fail. There is no client token; the folder's name is one."""
        for job in self.service.list_import_jobs(self.application_id):
            failed = job.get("FailedPieces", 0) or job.get("TotalFailures", 0) > TOLERANCE * rows
            if job["Definition"]["S3Url"] == url and job["JobStatus"] not in ("FAILING", "FAILED") and not failed:
                return job
        return None


def _unended(job: ImportJobResponse, below: str) -> bool:
    return job["Definition"]["S3Url"].startswith(below) and _STATES[job["JobStatus"]] in ("PENDING", "RUNNING")


def _places(failures: list[str]) -> list[str]:
    """The lines that were refused: Pinpoint's words may quote an address, and errors are kept and shown to many."""
    return [f"line {found[1]}" for text in failures if (found := re.search(r"\bline\W{0,2}(\d+)", text, re.IGNORECASE))]


def attribute_names(segment: str, prefix: str) -> dict[str, str]:
    """Column -> name of what is written on endpoints.

    Raises:
        ConfigError: a name is longer than Pinpoint allows.
    """
    names = endpoint_names(segment, prefix)
    longest = max(names.values(), key=len)
    if len(longest) > NAME_LENGTH:
        raise ConfigError(
            f'segmentation.yaml: segments.{segment}: Pinpoint allows {NAME_LENGTH} characters, and "{longest}" has '
            f"{len(longest)}: shorten the segment's name or the destination's attribute_prefix"
        )
    return names


def import_file(rows: pa.Table, attribute: str) -> bytes:
    """The rows as CSV. OptOut is never written: OptOut=NONE would subscribe people again who left.

    Args:
        rows: a plan's rows with `address`.
        attribute: name of the attribute that says in or out.
    """
    text = io.StringIO(newline="")
    out = csv.writer(text, lineterminator="\n")
    ours = (f"Attributes.{attribute}", f"Attributes.{attribute}_band", f"Metrics.{attribute}_score")
    out.writerow(["Id", "ChannelType", "Address", "User.UserId", *ours])
    for row in rows.to_pylist():
        is_in = row["state"] == "in"
        address = row["address"] or ""
        channel = CHANNEL_TYPES.get(row["channel"], "") if address else ""
        # A leaver's score is 0, not empty: segments on `score >= threshold` must lose them too.
        told = [row["band"] if is_in else "out", f"{row['score']:.4f}" if is_in else "0"]
        out.writerow([row["recipient"], channel, address if channel else "", row["customer_id"], row["state"], *told])
    return text.getvalue().encode()


def request(url: str, role_arn: str) -> ImportJobRequest:
    """The body of CreateImportJob: it updates endpoints, and defines no segment."""
    return {"DefineSegment": False, "Format": "CSV", "RegisterEndpoints": True, "RoleArn": role_arn, "S3Url": url}


def segment_definition(segment: str, attribute: str) -> dict[str, object]:
    """WriteSegmentRequest of the dimensional segment to send to; for CreateSegment, once."""
    return {
        "Name": segment,
        "Dimensions": {"Attributes": {attribute: {"AttributeType": "INCLUSIVE", "Values": ["in"]}}},
    }


def refuse_what_pinpoint_would(content: bytes) -> None:
    """Find bad rows here, before anything is sent.

    Raises:
        ActivationError: the file or one of its rows would be refused.
    """
    verdict = judge(content)
    problems = [verdict.file] if verdict.file else verdict.refused
    if problems:
        raise ActivationError(
            f"Pinpoint would refuse {len(problems):,} rows of {FILE}, so nothing was sent: {problems[0]}"
        )
