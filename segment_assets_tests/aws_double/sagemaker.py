"""SageMaker: training jobs that run the script they name, transform jobs that serve the model they are given.

A job is a process of its own, with the folders and the environment of SageMaker's container, and no credentials. What
the image is called does not matter: every image is this machine's Python.
"""

import threading
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, ClassVar

from segment_assets_tests.aws_double.sagemaker_container import JobFailedError, StoppedError, trained, transformed
from segment_assets_tests.aws_double.sagemaker_endpoints import Endpoints
from segment_assets_tests.aws_double.service import AwsError, Caller

KINDS = {"Training": "training-job", "Transform": "transform-job"}


@dataclass
class Job:
    """One job, from its request to its end."""

    kind: str
    request: dict[str, Any]
    arn: str
    status: str = "InProgress"
    failure: str | None = None
    artefacts: str = ""
    created: datetime = field(default_factory=lambda: datetime.now(UTC))
    stop: threading.Event = field(default_factory=threading.Event)


class SageMaker(Endpoints):
    """Jobs, models, and the model registry; endpoints are beside.

    Attributes:
        failing: reasons with which the jobs to come fail, one each.
        seconds: how long a job takes before it does anything.
    """

    name: ClassVar[str] = "sagemaker"

    def __init__(self) -> None:
        super().__init__()
        self.failing: list[str] = []
        self.seconds = 0.0
        self.jobs: dict[tuple[str, str], Job] = {}
        self.models: dict[str, dict[str, Any]] = {}
        self.groups: dict[str, dict[str, Any]] = {}
        self.packages: list[dict[str, Any]] = []
        self._lock = threading.Lock()

    def create_training_job(self, caller: Caller, **asked: Any) -> dict[str, Any]:
        return {"TrainingJobArn": self._start(caller, "Training", asked).arn}

    def describe_training_job(self, caller: Caller, TrainingJobName: str) -> dict[str, Any]:  # noqa: N803
        job = self._job("Training", TrainingJobName)
        kept = ("HyperParameters", "InputDataConfig", "OutputDataConfig", "ResourceConfig", "RoleArn")
        return self._described(job) | {
            **{name: job.request[name] for name in kept if name in job.request},
            "AlgorithmSpecification": job.request["AlgorithmSpecification"],
            "StoppingCondition": job.request["StoppingCondition"],
            "SecondaryStatus": "Training" if job.status == "InProgress" else job.status,
            "ModelArtifacts": {"S3ModelArtifacts": job.artefacts},
        }

    def stop_training_job(self, caller: Caller, TrainingJobName: str) -> None:  # noqa: N803
        self._end(self._job("Training", TrainingJobName))

    def create_model(self, caller: Caller, **asked: Any) -> dict[str, Any]:
        arn = _arn(caller, "model", asked["ModelName"])
        with self._lock:
            if asked["ModelName"] in self.models:
                raise AwsError("ValidationException", f'Cannot create already existing model "{arn}".')
            self.packed(asked["PrimaryContainer"])
            self.models[asked["ModelName"]] = asked
        return {"ModelArn": arn}

    def delete_model(self, caller: Caller, ModelName: str) -> None:  # noqa: N803
        with self._lock:
            if self.models.pop(ModelName, None) is None:
                raise AwsError("ValidationException", f'Could not find model "{ModelName}".')

    def create_transform_job(self, caller: Caller, **asked: Any) -> dict[str, Any]:
        if asked["ModelName"] not in self.models:
            raise AwsError("ValidationException", f'Could not find model "{asked["ModelName"]}".')
        return {"TransformJobArn": self._start(caller, "Transform", asked).arn}

    def describe_transform_job(self, caller: Caller, TransformJobName: str) -> dict[str, Any]:  # noqa: N803
        job = self._job("Transform", TransformJobName)
        kept = ("ModelName", "TransformInput", "TransformOutput", "TransformResources", "MaxPayloadInMB")
        return self._described(job) | {name: job.request[name] for name in kept if name in job.request}

    def stop_transform_job(self, caller: Caller, TransformJobName: str) -> None:  # noqa: N803
        self._end(self._job("Transform", TransformJobName))

    def create_model_package_group(self, caller: Caller, **asked: Any) -> dict[str, Any]:
        name = asked["ModelPackageGroupName"]
        arn = _arn(caller, "model-package-group", name)
        with self._lock:
            if name in self.groups:
                raise AwsError("ValidationException", f"Model Package Group already exists: {arn}")
            self.groups[name] = asked
        return {"ModelPackageGroupArn": arn}

    def describe_model_package_group(self, caller: Caller, ModelPackageGroupName: str) -> dict[str, Any]:  # noqa: N803
        arn = _arn(caller, "model-package-group", ModelPackageGroupName)
        if ModelPackageGroupName not in self.groups:
            raise AwsError("ValidationException", f"ModelPackageGroup {arn} does not exist.")
        return {
            "ModelPackageGroupName": ModelPackageGroupName,
            "ModelPackageGroupArn": arn,
            "CreationTime": datetime.now(UTC),
            "CreatedBy": {},
            "ModelPackageGroupStatus": "Completed",
        }

    def create_model_package(self, caller: Caller, **asked: Any) -> dict[str, Any]:
        group = asked["ModelPackageGroupName"]
        if group not in self.groups:
            raise AwsError("ValidationException", f"Model Package Group {group} does not exist.")
        with self._lock:
            for made in self.packages:
                if made["ClientToken"] == asked.get("ClientToken"):
                    return {"ModelPackageArn": made["ModelPackageArn"]}
            number = 1 + sum(p["ModelPackageGroupName"] == group for p in self.packages)
            arn = _arn(caller, "model-package", f"{group}/{number}")
            self.packages.append({**asked, "ModelPackageArn": arn, "ModelPackageVersion": number})
        return {"ModelPackageArn": arn}

    def list_model_packages(self, caller: Caller, ModelPackageGroupName: str, **_: Any) -> dict[str, Any]:  # noqa: N803
        if ModelPackageGroupName not in self.groups:
            raise AwsError("ValidationException", f"Model Package Group {ModelPackageGroupName} does not exist.")
        told = ("ModelPackageArn", "ModelPackageGroupName", "ModelPackageVersion", "ModelPackageDescription")
        return {
            "ModelPackageSummaryList": [
                {name: package[name] for name in (*told, "ModelApprovalStatus")}
                | {"CreationTime": datetime.now(UTC), "ModelPackageStatus": "Completed"}
                for package in self.packages
                if package["ModelPackageGroupName"] == ModelPackageGroupName
            ]
        }

    def update_model_package(self, caller: Caller, ModelPackageArn: str, **changed: Any) -> dict[str, Any]:  # noqa: N803
        for package in self.packages:
            if package["ModelPackageArn"] == ModelPackageArn:
                package |= changed
                return {"ModelPackageArn": ModelPackageArn}
        raise AwsError("ValidationException", f"ModelPackage {ModelPackageArn} does not exist.")

    def _start(self, caller: Caller, kind: str, asked: dict[str, Any]) -> Job:
        name = asked[f"{kind}JobName"]
        job = Job(kind, asked, _arn(caller, KINDS[kind], name))
        with self._lock:
            if (kind, name) in self.jobs:
                raise AwsError("ResourceInUse", f"{kind} job names must be unique: {name} already exists.")
            self.jobs[kind, name] = job
        failing = self.failing.pop(0) if self.failing else None
        threading.Thread(target=self._run, args=(job, caller, failing), daemon=True).start()
        return job

    def _run(self, job: Job, caller: Caller, failing: str | None) -> None:
        try:
            if job.stop.wait(self.seconds):
                raise StoppedError
            if failing:
                raise JobFailedError(failing)
            if job.kind == "Training":
                job.artefacts = trained(job.request, caller.endpoint, job.stop)
            else:
                transformed(job.request, self.models[job.request["ModelName"]], caller.endpoint, job.stop)
            job.status = "Completed"
        except StoppedError:
            job.status = "Stopped"
        except Exception as failed:  # noqa: BLE001 - a job's end is told by its description
            job.failure, job.status = str(failed) or type(failed).__name__, "Failed"

    def _end(self, job: Job) -> None:
        with suppress(KeyError):
            if job.status == "InProgress":
                job.status = "Stopping"
            job.stop.set()

    def _job(self, kind: str, name: str) -> Job:
        if (kind, name) not in self.jobs:
            raise AwsError("ValidationException", "Requested resource not found.")  # as live; not ResourceNotFound
        return self.jobs[kind, name]

    def _described(self, job: Job) -> dict[str, Any]:
        found = {
            f"{job.kind}JobName": job.request[f"{job.kind}JobName"],
            f"{job.kind}JobArn": job.arn,
            f"{job.kind}JobStatus": job.status,
            "CreationTime": job.created,
        }
        return found | ({"FailureReason": job.failure[:1024]} if job.failure else {})


def _arn(caller: Caller, kind: str, name: str) -> str:
    return f"arn:aws:sagemaker:{caller.region}:{caller.account}:{kind}/{name}"
