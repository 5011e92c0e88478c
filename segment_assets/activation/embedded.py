"""Pinpoint on one machine: a folder that does with an import file what the documentation says Pinpoint does.

This is a simulation. It reads the file by the documented rules (`pinpoint_rules`), refuses what Pinpoint would refuse,
and keeps job records in the shape of ImportJobResponse. It holds no endpoints and sends nothing to anybody.
"""

import hashlib
import json
from datetime import UTC, datetime
from pathlib import Path

from segment_assets.activation.pinpoint_rules import judge
from segment_assets.activation.port import ImportJobRequest, ImportJobResponse, PinpointService
from segment_assets.lake import FolderStore
from segment_assets.settings import Settings

BUCKET = "s3://simulated-pinpoint/"
FAILURES_SHOWN = 100


class BadRequestError(Exception):
    """What Pinpoint answers with status 400."""


def pinpoint(settings: Settings) -> "FolderPinpoint":
    """The stand-in, in the folder of exports."""
    return FolderPinpoint(settings.home / "exports" / "pinpoint")


class FolderPinpoint(PinpointService):
    """A folder that stands in for Pinpoint: `imports/` is the bucket, `jobs/` what GetImportJob answers.

    Args:
        folder: where to keep both.
    """

    role_arn = "arn:aws:iam::000000000000:role/SimulatedPinpointImport"
    poll_seconds = 0.0

    def __init__(self, folder: Path) -> None:
        self.store = FolderStore(folder)

    def put(self, key: str, content: bytes) -> None:
        """A file under `imports/`."""
        self.store.write(f"imports/{key}", content)

    def url(self, key: str) -> str:
        """An address in S3's form; the simulation alone can read it."""
        return f"{BUCKET}{key}"

    def location(self, key: str) -> str:
        """The folder below the store of exports."""
        return f"pinpoint/imports/{key}"

    def create_import_job(self, application_id: str, request: ImportJobRequest) -> ImportJobResponse:
        """A new job in state CREATED.

        Raises:
            BadRequestError: the location is not the bucket's, or does not end in `/` and would take in its neighbours.
        """
        url = request["S3Url"]
        if not url.startswith(BUCKET) or not url.endswith("/"):
            raise BadRequestError(f"S3Url must be a folder below {BUCKET} and end in /")
        attempts = sum(job["Definition"]["S3Url"] == url for job in self.list_import_jobs(application_id))
        job: ImportJobResponse = {
            "ApplicationId": application_id,
            "CreationDate": _now(),
            "Definition": request,
            "Id": hashlib.sha256(f"{application_id} {url} {attempts}".encode()).hexdigest()[:32],
            "JobStatus": "CREATED",
            "Type": "IMPORT",
        }
        return self._keep(job)

    def get_import_job(self, application_id: str, job_id: str) -> ImportJobResponse:
        """The job, one step further at each look: CREATED, PROCESSING, then COMPLETED or FAILED."""
        job = self._read(f"jobs/{application_id}/{job_id}.json")
        if job["JobStatus"] == "CREATED":
            files = self._files(job)
            job |= {"JobStatus": "PROCESSING", "TotalPieces": len(files), "CompletedPieces": 0, "FailedPieces": 0}
            job |= {"TotalProcessed": 0, "TotalFailures": 0}
        elif job["JobStatus"] == "PROCESSING":
            self._process(job)
        return self._keep(job)

    def list_import_jobs(self, application_id: str) -> list[ImportJobResponse]:
        """Every job of the application."""
        return [self._read(found.key) for found in self.store.list(f"jobs/{application_id}/")]

    def _process(self, job: ImportJobResponse) -> None:
        failures: list[str] = []
        rows = refused = failed_pieces = 0
        for key in self._files(job):
            verdict = judge(self.store.read(key))
            rows += verdict.rows
            refused += len(verdict.refused)
            failed_pieces += verdict.file is not None
            failures += [str(p) for p in ([verdict.file] if verdict.file else verdict.refused)]
        job |= {"JobStatus": "FAILED" if failed_pieces else "COMPLETED", "CompletionDate": _now()}
        job |= {"FailedPieces": failed_pieces, "CompletedPieces": job["TotalPieces"] - failed_pieces}
        job |= {"TotalProcessed": rows - refused, "TotalFailures": refused}
        if failures:
            job["Failures"] = failures[:FAILURES_SHOWN]

    def _files(self, job: ImportJobResponse) -> list[str]:
        prefix = job["Definition"]["S3Url"].removeprefix(BUCKET)
        return [found.key for found in self.store.list(f"imports/{prefix}")]

    def _read(self, key: str) -> ImportJobResponse:
        job: ImportJobResponse = json.loads(self.store.read(key))
        return job

    def _keep(self, job: ImportJobResponse) -> ImportJobResponse:
        text = json.dumps(job, indent=2, sort_keys=True) + "\n"
        self.store.write(f"jobs/{job['ApplicationId']}/{job['Id']}.json", text.encode())
        return job


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
