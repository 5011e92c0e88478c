"""ID mapping tables on AWS: filled anew where the data behind them is new, and never twice for the same."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

from segment_assets.aws import AwsRefusedError, client, telling
from segment_assets.aws_config import Aws
from segment_assets.clean_room.aws_note import Notes
from segment_assets.clean_room.aws_patience import patience
from segment_assets.clean_room.port import QueryFailedError


class Filler:
    """Fills tables of one membership.

    Args:
        rooms: the client of Clean Rooms.
        aws: where things are.
        membership: its id.
        notes: where it is written which version a table was filled with, and by which job.
        deadline: seconds until a run waits no longer; the job goes on, and the next run finds it.
        pause: seconds between the first two looks at a job.
    """

    def __init__(self, rooms: Any, aws: Aws, membership: str, notes: Notes, deadline: float, pause: float) -> None:
        self._rooms, self._aws, self._notes = rooms, aws, notes
        self._of = {"membershipIdentifier": membership}
        self._deadline, self._pause = deadline, pause

    def fill(self, name: str, version: str, exclusively: Callable[[], AbstractContextManager[None]]) -> None:
        """See that a table holds the data of a version.

        Args:
            name: of the ID mapping table.
            version: of what it is resolved from.
            exclusively: one at a time, across processes.

        Raises:
            AwsRefusedError: AWS refused, the table is not there, or another run began to fill it meanwhile.
            QueryFailedError: the job failed, or did not end in time.
        """
        key = f"id_mapping_{name}"
        with exclusively():
            note = self._notes.read(key)
            if note.said.get("of") != version or self._status(name, note.said["job"]) == "FAILED":
                # Killed before the note, the next run fills it again: the same rows, paid for twice.
                note = self._notes.write(key, {"of": version, "job": self._begun(name)}, note)
            job = note.said["job"]
        for last in patience(self._deadline, self._pause, most=60.0):
            if (status := self._status(name, job)) == "SUCCEEDED":
                return
            if status == "FAILED":
                raise QueryFailedError("FAILED", f"ID mapping table {name}: job {job} of Entity Resolution failed")
            if last:
                break
        raise QueryFailedError(
            "RESOURCE_LIMIT", f"ID mapping table {name}: not filled within {self._deadline:.0f} s; try again later"
        )

    def _begun(self, name: str) -> str:
        """The job that fills the table."""
        with telling("cleanrooms:ListIdMappingTables"):
            pages = self._rooms.get_paginator("list_id_mapping_tables").paginate(**self._of)
            found = [t["id"] for page in pages for t in page["idMappingTableSummaries"] if t["name"] == name]
        if not found:
            raise AwsRefusedError(
                f'Clean Rooms: our membership has no ID mapping table "{name}": `segment-assets aws apply` makes it'
            )
        with telling(f"cleanrooms:PopulateIdMappingTable on {name}"):
            asked = {**self._of, "idMappingTableIdentifier": found[0]}
            return str(self._rooms.populate_id_mapping_table(**asked)["idMappingJobId"])

    def _status(self, name: str, job: str) -> str:
        workflow = self._aws.clean_rooms.id_mappings[name].workflow_arn.rpartition("/")[2]
        # Clean Rooms gives the id with hyphens, and Entity Resolution takes it without.
        with telling(f"entityresolution:GetIdMappingJob on {workflow}"):
            answer = client("entityresolution").get_id_mapping_job(workflowName=workflow, jobId=job.replace("-", ""))
        return str(answer["status"])
