"""Entity Resolution, as far as Clean Rooms uses it: workflows that were made before, and the jobs that run them."""

from dataclasses import dataclass
from typing import Any, ClassVar
from uuid import UUID, uuid4

from segment_assets.clean_room.id_mapping import Bridge
from segment_assets_tests.aws_double.cleanrooms_members import _times
from segment_assets_tests.aws_double.service import AwsError, Caller, FakeService


@dataclass(frozen=True)
class Workflow:
    """An ID mapping workflow, and the namespaces and rules it was made with.

    Attributes:
        source: ARN of the source's ID namespace.
        target: ARN of the target's.
        bridge: catalog tables by Glue's name (database.table), ids and rules.
    """

    source: str
    target: str
    bridge: Bridge


class EntityResolution(FakeService):
    """The service.

    Attributes:
        workflows: by their ARN.
        jobs: looks at a job until it has ended, by its id.
        looks: how many looks a new job takes.
        failing: new jobs fail.
    """

    name: ClassVar[str] = "entityresolution"

    def __init__(self) -> None:
        super().__init__()
        self.workflows: dict[str, Workflow] = {}
        self.jobs: dict[str, int] = {}
        self.looks = 1
        self.failing = False

    def begin(self) -> str:
        """A job's id as Clean Rooms gives it."""
        ident = uuid4()
        self.jobs[ident.hex] = -1 if self.failing else self.looks
        return str(ident)

    def get_id_mapping_job(self, caller: Caller, workflowName: str, jobId: str) -> dict[str, Any]:  # noqa: N803
        known = {arn.rpartition("/")[2] for arn in self.workflows}
        if workflowName not in known or UUID(jobId).hex not in self.jobs:
            raise AwsError("ResourceNotFoundException", "no such job", 404)
        left = self.jobs[jobId]
        self.jobs[jobId] = left - 1 if left > 0 else left
        status = "FAILED" if left < 0 else "RUNNING" if left else "SUCCEEDED"
        return {"jobId": jobId, "status": status, "startTime": _times()["createTime"]}
