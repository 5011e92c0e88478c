"""Customer Profiles on one machine: a folder that does with an upload what the documentation says the service does.

This is a simulation. It judges the file by the documented rules (`rules`), keeps job records in the shape of
GetUploadJob, profiles with the attributes they were told, and answers snapshots from them. Nothing expires, and nothing
is sent to anybody. Any domain that is named exists.
"""

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

from segment_assets.activation.customer_profiles.port import (
    CustomerProfilesService,
    Profile,
    SegmentGroups,
    UploadJob,
    UploadJobRequest,
    of_snapshots,
)
from segment_assets.activation.customer_profiles.rules import is_member, take_in
from segment_assets.lake import FolderStore
from segment_assets.settings import Settings


def customer_profiles(settings: Settings) -> "FolderCustomerProfiles":
    """The stand-in, in the folder of exports."""
    return FolderCustomerProfiles(settings.home / "exports" / "customer_profiles")


class FolderCustomerProfiles(CustomerProfilesService):
    """A folder that stands in for Customer Profiles: what was sent, and below `domains/` what each domain keeps.

    Args:
        folder: where to keep both.
    """

    poll_seconds = 0.0
    settles_within = 0.0

    def __init__(self, folder: Path) -> None:
        self.store = FolderStore(folder)

    def put(self, key: str, content: bytes) -> None:
        """A file in the folder."""
        self.store.write(key, content)

    def location(self, key: str) -> str:
        """The folder below the store of exports."""
        return f"customer_profiles/{key}"

    def create_upload_job(self, request: UploadJobRequest) -> str:
        """A new job in state CREATED."""
        domain = request["DomainName"]
        number = len(self.list_upload_jobs(domain))
        job_id = hashlib.sha256(f"{domain} {request['DisplayName']} {number}".encode()).hexdigest()[:32]
        described = {name: value for name, value in request.items() if name != "DomainName"}
        self._keep(domain, cast(UploadJob, {"JobId": job_id, "Status": "CREATED", **described}))
        return job_id

    def list_upload_jobs(self, domain: str) -> list[UploadJob]:
        """Every job of the domain."""
        return [self._read(found.key) for found in self.store.list(f"domains/{domain}/jobs/")]

    def get_upload_job(self, domain: str, job_id: str) -> UploadJob:
        """The job; one that was started is done at the first look."""
        job: UploadJob = self._read(f"domains/{domain}/jobs/{job_id}.json")
        return self._process(domain, job) if job["Status"] == "IN_PROGRESS" else job

    def upload(self, domain: str, job_id: str, content: bytes) -> None:
        """The job's file."""
        self.store.write(f"domains/{domain}/uploads/{job_id}.csv", content)

    def start_upload_job(self, domain: str, job_id: str) -> None:
        """CREATED becomes IN_PROGRESS."""
        job: UploadJob = self._read(f"domains/{domain}/jobs/{job_id}.json")
        if job["Status"] == "CREATED":
            job["Status"] = "IN_PROGRESS"
            self._keep(domain, job)

    def segment_groups(self, domain: str, name: str) -> SegmentGroups | None:
        """What the segment asks for."""
        try:
            definition = self._read(f"domains/{domain}/segments/{name}.json")
        except FileNotFoundError:
            return None
        groups: SegmentGroups = definition["SegmentGroups"]
        return groups

    def create_segment_definition(self, domain: str, name: str, display_name: str, groups: SegmentGroups) -> None:
        """A definition of that name."""
        definition = {"SegmentDefinitionName": name, "DisplayName": display_name, "SegmentGroups": groups}
        self._write(f"domains/{domain}/segments/{name}.json", definition)

    def create_segment_snapshot(self, domain: str, name: str, key: str) -> str:
        """Every profile in the segment, as JSON lines."""
        groups = self.segment_groups(domain, name) or {"Groups": []}
        members = [p for p in self._profiles(domain).values() if is_member(p, groups)]
        lines = "".join(json.dumps(profile, sort_keys=True) + "\n" for profile in members)
        self.store.write(f"{key}part-000.jsonl", lines.encode())
        return hashlib.sha256(key.encode()).hexdigest()[:32]

    def snapshot_status(self, domain: str, name: str, snapshot_id: str) -> str:
        """Done as soon as it is asked for."""
        return "COMPLETED"

    def read_snapshot(self, key: str) -> Iterator[Profile]:
        """Every profile below the key."""
        for found in self.store.list(key):
            for line in self.store.read(found.key).splitlines():
                yield json.loads(line)

    def remove_snapshots(self, below: str) -> None:
        """Their files."""
        self.store.remove(of_snapshots(self.store, below))

    def _process(self, domain: str, job: UploadJob) -> UploadJob:
        content = self.store.read(f"domains/{domain}/uploads/{job['JobId']}.csv")
        profiles = self._profiles(domain)
        ended = take_in(content, job, profiles)
        self._write(f"domains/{domain}/profiles.json", profiles)
        return self._keep(domain, ended)

    def _profiles(self, domain: str) -> dict[str, Profile]:
        """Customer -> profile."""
        try:
            kept: dict[str, Profile] = self._read(f"domains/{domain}/profiles.json")
        except FileNotFoundError:
            return {}
        return kept

    def _read(self, key: str) -> Any:
        return json.loads(self.store.read(key))

    def _write(self, key: str, record: Any) -> None:
        self.store.write(key, (json.dumps(record, indent=2, sort_keys=True) + "\n").encode())

    def _keep(self, domain: str, job: UploadJob) -> UploadJob:
        self._write(f"domains/{domain}/jobs/{job['JobId']}.json", job)
        return job
