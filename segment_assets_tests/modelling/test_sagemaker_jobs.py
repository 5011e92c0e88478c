"""A job is started once, found again, watched, stopped with its run, and its end is told in one sentence.

The double runs the command that a training job names; here it is a line of Python, so that a job takes no time.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import pytest

from segment_assets.aws import AwsRefusedError
from segment_assets.modelling.aws import Calls
from segment_assets.modelling.port import TrainerError
from segment_assets.modelling.sagemaker_jobs import PACE, Jobs, content_key, group_of, name_of
from segment_assets.waiting import Pace
from segment_assets_tests.aws_double.front import OURS, AwsDouble, Fault
from segment_assets_tests.aws_double.sagemaker import SageMaker
from segment_assets_tests.aws_double.services import the
from segment_assets_tests.aws_double.world import world

ROLE = f"arn:aws:iam::{OURS}:role/SageMaker"
QUICK = Pace(first=0.02, most=0.1)
# On one line: so AWS takes it.
FAILS = (
    'import os, pathlib; pathlib.Path(os.environ["SM_OUTPUT_DIR"], "failure").write_text("no rows\\nTraceback"); '
    "raise SystemExit(3)"
)


class KilledError(Exception):
    """Stands for SIGKILL: nothing is tidied up."""


@dataclass
class Started:
    """SageMaker on the double, and what it was asked."""

    aws: AwsDouble
    double: SageMaker
    jobs: Jobs
    bucket: str

    def run(self, script: str = "pass", jobs: Jobs | None = None, *, is_there: bool = True) -> dict[str, Any]:
        def start() -> dict[str, Any]:
            return {
                "AlgorithmSpecification": {
                    "TrainingImage": "image",
                    "TrainingInputMode": "File",
                    "ContainerEntrypoint": ["python", "-c", script],
                },
                "RoleArn": ROLE,
                "OutputDataConfig": {"S3OutputPath": f"s3://{self.bucket}/output"},
                "ResourceConfig": {"InstanceType": "ml.m5.xlarge", "InstanceCount": 1, "VolumeSizeInGB": 1},
                "StoppingCondition": {"MaxRuntimeInSeconds": 60},
            }

        return (jobs or self.jobs).run("Training", "churn-0123", start, lambda _: is_there)

    def called(self, operation: str) -> int:
        return sum(c.operation == operation for c in self.aws.calls)

    def states(self) -> dict[str, str]:
        return {name: job.status for (_, name), job in self.double.jobs.items()}


@pytest.fixture
def sagemaker(monkeypatch: pytest.MonkeyPatch) -> Iterator[Started]:
    with world(monkeypatch) as (aws, where):
        yield Started(aws, the(aws, SageMaker), Jobs(Calls(ROLE), replace(QUICK, deadline=60)), where.exports_bucket)


def raising(error: type[BaseException], after: int = 1) -> Callable[[float], None]:
    looks = iter(range(after))

    def pause(_: float) -> None:
        if next(looks, None) is None:
            raise error

    return pause


def test_a_job_runs_to_its_end_and_is_not_started_again(sagemaker):
    done = sagemaker.run()
    assert done["TrainingJobStatus"] == "Completed"
    assert sagemaker.run()["TrainingJobName"] == done["TrainingJobName"] == "churn-0123-1"
    assert sagemaker.called("CreateTrainingJob") == 1


def test_a_killed_run_leaves_its_job_and_the_next_one_takes_it_up(sagemaker):
    sagemaker.double.seconds = 0.3
    with pytest.raises(KilledError):
        sagemaker.run(jobs=replace(sagemaker.jobs, pace=replace(QUICK, pause=raising(KilledError))))
    assert sagemaker.run()["TrainingJobName"] == "churn-0123-1"
    assert sagemaker.states() == {"churn-0123-1": "Completed"}


@pytest.mark.parametrize("end", [KeyboardInterrupt, SystemExit])
def test_a_cancelled_run_stops_its_job_and_the_next_one_starts_another(sagemaker, end):
    sagemaker.double.seconds = 30
    with pytest.raises(end):
        sagemaker.run(jobs=replace(sagemaker.jobs, pace=replace(QUICK, pause=raising(end))))
    assert sagemaker.states()["churn-0123-1"] in ("Stopping", "Stopped")
    sagemaker.double.seconds = 0
    assert sagemaker.run()["TrainingJobName"] == "churn-0123-2"


def test_a_failed_job_is_one_sentence_with_the_first_line_of_its_reason(sagemaker):
    with pytest.raises(TrainerError) as failed:
        sagemaker.run(FAILS)
    assert str(failed.value) == (
        "SageMaker's training job churn-0123-1 failed: AlgorithmError: no rows; a re-run starts another"
    )
    assert sagemaker.run()["TrainingJobName"] == "churn-0123-2"


def test_a_job_past_the_deadline_is_stopped_and_the_sentence_names_what_to_raise(sagemaker):
    sagemaker.double.seconds = 30
    with pytest.raises(TrainerError, match=r"was stopped: raise aws\.sagemaker\.minutes"):
        sagemaker.run(jobs=replace(sagemaker.jobs, pace=replace(QUICK, deadline=0.1)))
    assert sagemaker.states()["churn-0123-1"] in ("Stopping", "Stopped")


def test_a_job_that_somebody_stops_ends_the_run(sagemaker):
    sagemaker.double.seconds = 30

    def stop(_: float) -> None:
        sagemaker.double.jobs["Training", "churn-0123-1"].stop.set()

    with pytest.raises(TrainerError, match="was stopped; a re-run starts another"):
        sagemaker.run(jobs=replace(sagemaker.jobs, pace=replace(QUICK, pause=stop)))


def test_a_completed_job_whose_output_was_deleted_is_done_again(sagemaker):
    sagemaker.run()
    assert sagemaker.run(is_there=False)["TrainingJobName"] == "churn-0123-2"


@pytest.mark.parametrize("operation", ["CreateTrainingJob", "DescribeTrainingJob"])
@pytest.mark.parametrize(
    ("error", "status", "after"),
    [("ThrottlingException", 400, False), ("InternalFailure", 500, False), ("InternalFailure", 500, True)],
    ids=["throttled", "500", "answer lost"],
)
def test_transient_faults_end_with_one_job(sagemaker, operation, error, status, after):
    sagemaker.aws.faults.append(Fault(f"sagemaker.{operation}", error, status, after=after))
    sagemaker.run()
    assert sagemaker.states() == {"churn-0123-1": "Completed"}


@pytest.mark.parametrize("operation", ["CreateTrainingJob", "DescribeTrainingJob"])
def test_a_denied_call_names_its_permission(sagemaker, operation):
    sagemaker.aws.faults.append(Fault(f"sagemaker.{operation}", "AccessDeniedException", times=99))
    passing = re.escape(f" (with iam:PassRole on {ROLE})") if operation.startswith("Create") else ""
    with pytest.raises(AwsRefusedError, match=rf"^sagemaker:{operation} on churn-0123-1{passing} was denied: the role"):
        sagemaker.run()
    assert sagemaker.called(operation) == 1, "a refusal is not tried again"


def test_pauses_grow_to_the_longest(sagemaker):
    waited: list[float] = []
    sagemaker.double.seconds = 30

    def pause(seconds: float) -> None:
        waited.append(seconds)
        if len(waited) == 9:
            raise KilledError

    with pytest.raises(KilledError):
        sagemaker.run(jobs=replace(sagemaker.jobs, pace=replace(PACE, pause=pause)))
    assert waited[:3] == [5, 7.5, 11.25]
    assert waited[-1] == 60
    sagemaker.double.jobs["Training", "churn-0123-1"].stop.set()


def test_names_are_as_sagemaker_allows_them_however_long_their_parts():
    for name in (f"{name_of('d' * 60, 'churn__' * 9, content_key('x'))}-999", group_of("d" * 60, "churn__" * 9)):
        assert re.fullmatch(r"[a-zA-Z0-9](-*[a-zA-Z0-9]){0,62}", name)
    assert group_of("dev", "churn_28d") == "segment-assets-dev-churn-28d", "as deploy/ names it"
    assert content_key("a", "bc") != content_key("ab", "c")
