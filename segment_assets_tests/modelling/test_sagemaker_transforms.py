"""A transform job is started once and found again, whatever goes wrong with its calls; its failure is one sentence.

The image's serving module is a few lines here, so that a job takes no time: what the real one says is tried elsewhere.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import boto3
import pytest

from segment_assets.aws import AwsRefusedError
from segment_assets.lake.aws import Bucket
from segment_assets.modelling import exchange
from segment_assets.modelling.aws import Calls
from segment_assets.modelling.port import TrainerError
from segment_assets.modelling.sagemaker_jobs import Jobs
from segment_assets.waiting import Pace
from segment_assets_tests.aws_double.front import OURS, AwsDouble, Fault
from segment_assets_tests.aws_double.sagemaker import SageMaker
from segment_assets_tests.aws_double.services import the
from segment_assets_tests.aws_double.world import world

ROLE = f"arn:aws:iam::{OURS}:role/SageMaker"
QUICK = Pace(first=0.02, most=0.1)
ECHO = """
import os
from http.server import BaseHTTPRequestHandler, HTTPServer

class Echo(BaseHTTPRequestHandler):
    def do_GET(self):
        self.say(b"")

    def do_POST(self):
        self.say(self.rfile.read(int(self.headers["Content-Length"])))

    def say(self, content):
        self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

HTTPServer(("", int(os.environ["SAGEMAKER_BIND_TO_PORT"])), Echo).serve_forever()
"""


class KilledError(Exception):
    """Stands for SIGKILL: nothing is tidied up."""


@dataclass
class Started:
    """SageMaker on the double, and what it was asked."""

    aws: AwsDouble
    double: SageMaker
    jobs: Jobs
    store: Bucket

    def run(self, jobs: Jobs | None = None) -> dict[str, Any]:
        def start() -> dict[str, Any]:
            source = {"S3DataType": "S3Prefix", "S3Uri": self.store.uri("in/")}
            return {
                "ModelName": "echo",
                "TransformInput": {"DataSource": {"S3DataSource": source}, "ContentType": "text/plain"},
                "TransformOutput": {"S3OutputPath": self.store.uri("out"), "Accept": "text/plain"},
                "TransformResources": {"InstanceType": "ml.m5.xlarge", "InstanceCount": 1},
            }

        there = "out/part.txt.out"
        return (jobs or self.jobs).run(
            "Transform", "scores-0123", start, lambda _: there in {o.key for o in self.store.list("out/")}
        )

    def states(self) -> dict[str, str]:
        return {name: job.status for (_, name), job in self.double.jobs.items()}

    def pausing(self, pause: Callable[[float], None]) -> Jobs:
        return replace(self.jobs, pace=replace(QUICK, pause=pause))


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Started]:
    image = tmp_path_factory.mktemp("image") / "segment_assets" / "modelling" / "sagemaker_entry.py"
    image.parent.mkdir(parents=True)
    image.write_text(ECHO)
    with pytest.MonkeyPatch.context() as patch, world(patch) as (aws, where):
        store = Bucket(where.exports_bucket)
        store.write("model.tar.gz", exchange.to_tar({"model": b""}))
        store.write("in/part.txt", b"rows")
        boto3.client("sagemaker").create_model(
            ModelName="echo", ExecutionRoleArn=ROLE, PrimaryContainer=_container(store, image.parents[2])
        )
        yield Started(aws, the(aws, SageMaker), Jobs(Calls(ROLE), replace(QUICK, deadline=60)), store)


def _container(store: Bucket, image: Path) -> dict[str, Any]:
    place = {"PYTHONPATH": str(image)}
    return {"Image": "image", "ModelDataUrl": store.uri("model.tar.gz"), "Environment": place}


@pytest.fixture
def sagemaker(shared: Started) -> Started:
    """No job yet, and no output."""
    shared.double.jobs.clear()
    shared.double.seconds = 0.0
    shared.aws.faults.clear()
    shared.aws.calls.clear()
    boto3.client("s3").delete_object(Bucket=shared.store.name, Key="out/part.txt.out")
    return shared


@pytest.mark.parametrize("operation", ["CreateTransformJob", "DescribeTransformJob"])
@pytest.mark.parametrize(
    ("error", "status", "after"),
    [("ThrottlingException", 400, False), ("InternalFailure", 500, False), ("InternalFailure", 500, True)],
    ids=["throttled", "500", "answer lost"],
)
def test_transient_faults_end_with_one_job(
    sagemaker: Started, operation: str, error: str, status: int, after: bool
) -> None:
    sagemaker.aws.faults.append(Fault(f"sagemaker.{operation}", error, status, after=after))
    sagemaker.run()
    assert sagemaker.states() == {"scores-0123-1": "Completed"}
    assert sagemaker.store.read("out/part.txt.out") == b"rows"


@pytest.mark.parametrize("operation", ["CreateTransformJob", "DescribeTransformJob"])
def test_a_denied_call_names_its_permission(sagemaker: Started, operation: str) -> None:
    sagemaker.aws.faults.append(Fault(f"sagemaker.{operation}", "AccessDeniedException", times=99))
    passing = re.escape(f" (with iam:PassRole on {ROLE})") if operation.startswith("Create") else ""
    with pytest.raises(
        AwsRefusedError, match=rf"^sagemaker:{operation} on scores-0123-1{passing} was denied: the role"
    ):
        sagemaker.run()


def test_a_failed_job_is_one_sentence_and_the_next_run_starts_another(sagemaker: Started) -> None:
    sagemaker.double.failing.append("ClientError: part.txt: the model answered 400\nSee the log.")
    with pytest.raises(TrainerError) as failed:
        sagemaker.run()
    assert str(failed.value) == (
        "SageMaker's transform job scores-0123-1 failed: ClientError: part.txt: the model answered 400; "
        "a re-run starts another"
    )
    assert sagemaker.run()["TransformJobName"] == "scores-0123-2"


def test_a_killed_run_s_job_is_found_again(sagemaker: Started) -> None:
    def die(_: float) -> None:
        raise KilledError

    sagemaker.double.seconds = 0.3
    with pytest.raises(KilledError):
        sagemaker.run(sagemaker.pausing(die))
    assert sagemaker.run()["TransformJobName"] == "scores-0123-1"
    assert sagemaker.states() == {"scores-0123-1": "Completed"}


def test_a_cancelled_run_stops_its_job_and_the_next_one_starts_another(sagemaker: Started) -> None:
    def cancel(_: float) -> None:
        raise KeyboardInterrupt

    sagemaker.double.seconds = 30
    with pytest.raises(KeyboardInterrupt):
        sagemaker.run(sagemaker.pausing(cancel))
    assert sagemaker.states()["scores-0123-1"] in ("Stopping", "Stopped")
    sagemaker.double.seconds = 0
    assert sagemaker.run()["TransformJobName"] == "scores-0123-2"


def test_a_completed_job_whose_output_was_deleted_is_done_again(sagemaker: Started) -> None:
    sagemaker.run()
    boto3.client("s3").delete_object(Bucket=sagemaker.store.name, Key="out/part.txt.out")
    assert sagemaker.run()["TransformJobName"] == "scores-0123-2"
