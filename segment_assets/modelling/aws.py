"""Models fitted and asked by SageMaker: training jobs, batch transform jobs, the model registry.

The image is ours, with our scikit-learn (docs/decisions/0005-models-are-skops-files.md), and runs the functions that
the embedded trainer calls. Files of a job lie in the exports bucket below training/, under its content key.
"""

import hashlib
import re
from dataclasses import replace
from typing import Any

from botocore import xform_name
from botocore.exceptions import BotoCoreError, ClientError

from segment_assets.aws import AwsRefusedError, client, code, sentence
from segment_assets.aws_config import AwsSageMaker
from segment_assets.lake import ObjectStore, content_hash
from segment_assets.lake.aws import exports, models
from segment_assets.modelling import exchange, scoring
from segment_assets.modelling.artefact import Stored
from segment_assets.modelling.embedded import InProcess
from segment_assets.modelling.port import Learnt, Said, ScoringOrder, Trainer, TrainerError, TrainingOrder
from segment_assets.modelling.sagemaker_endpoint import Endpoints
from segment_assets.modelling.sagemaker_jobs import PACE, Described, Jobs, content_key, name_of
from segment_assets.modelling.sagemaker_registry import Registry
from segment_assets.modelling.sagemaker_serving import SHA256
from segment_assets.settings import Settings
from segment_assets.waiting import Pace

_ENTRY = ["python", "-m", "segment_assets.modelling.sagemaker_entry"]
# SageMaker has codes of its own for few of these: the rest are ValidationExceptions that say it in words.
_MISSING = re.compile(r"not found|could not find|does not exist", re.IGNORECASE)
_THERE = re.compile(r"already exist", re.IGNORECASE)
_TO_START = 30 * 60  # seconds that machines and image may take, besides the job's own time
_LARGEST_MB = 100


class Calls:
    """SageMaker's operations, with refusals as sentences. See `sagemaker_jobs.Api`."""

    def __init__(self, role_arn: str) -> None:
        self._role = role_arn

    @property
    def _client(self) -> Any:
        return client("sagemaker")

    def ask(self, operation: str, on: str, **request: Any) -> Described:
        """Do it."""
        try:
            return self._do(operation, request)
        except (ClientError, BotoCoreError) as refused:
            raise AwsRefusedError(self._told(refused, operation, on)) from refused

    def find(self, operation: str, on: str, **request: Any) -> Described | None:
        """Do it; None where there is no such thing."""
        try:
            return self._do(operation, request)
        except (ClientError, BotoCoreError) as refused:
            if code(refused) == "ResourceNotFound" or _says(refused, _MISSING):
                return None
            raise AwsRefusedError(self._told(refused, operation, on)) from refused

    def make(self, operation: str, on: str, **request: Any) -> None:
        """Do it, or find it done: by an earlier run, or by the call whose answer was lost."""
        try:
            self._do(operation, request)
        except (ClientError, BotoCoreError) as refused:
            if code(refused) not in ("ResourceInUse", "ConflictException") and not _says(refused, _THERE):
                raise AwsRefusedError(self._told(refused, operation, on)) from refused

    def _do(self, operation: str, request: dict[str, Any]) -> Described:
        answer: Described = getattr(self._client, xform_name(operation))(**request)
        return answer

    def _told(self, refused: BaseException, operation: str, on: str) -> str:
        # Whoever starts a job must also be allowed to hand over its role, and AWS denies both under one name.
        passing = f" (with iam:PassRole on {self._role})" if operation.startswith("Create") else ""
        return sentence(refused, f"sagemaker:{operation} on {on}{passing}")


class SageMaker(Trainer):
    """Training and scoring as jobs.

    Args:
        deployment: stands before names and is part of every place.
        how: image, role and machine.
        store: the bucket's part that jobs read from and write to; what lies there may go after a while.
        kept: the bucket's part where models stay.
        pace: of watching a job.
    """

    def __init__(
        self, deployment: str, how: AwsSageMaker, store: ObjectStore, kept: ObjectStore, pace: Pace | None = None
    ) -> None:
        self._deployment, self._how, self._store, self._kept = deployment, how, store, kept
        self._api = Calls(how.role_arn)
        self._pace = replace(pace or PACE, deadline=how.minutes * 60)
        self._jobs = Jobs(self._api, replace(self._pace, deadline=how.minutes * 60 + _TO_START))
        self._registry = Registry(self._api, deployment, how.image_uri, how.instance_type)

    def learn(self, order: TrainingOrder) -> Learnt:
        """By a training job; its model is registered, to be approved."""
        key = content_key(order.target, order.version, _sha256(order.champion or b""), self._how.image_uri)
        folder = f"training/{order.target}/{key}"
        name = name_of(self._deployment, order.target, key)
        done = self._jobs.run("Training", name, lambda: self._training(order, folder), self._model_is_there)
        job, url = done["TrainingJobName"], done["ModelArtifacts"]["S3ModelArtifacts"]
        model, data = (
            exchange.from_tar(self._store.read(self._key(place)))
            for place in (url, f"{url.rpartition('/')[0]}/output.tar.gz")
        )
        learnt = exchange.learnt(model, data, f"SageMaker's training job {job}")
        if learnt.facts["version"] != order.version or (
            learnt.stored and learnt.stored.sha256 != _sha256(learnt.content or b"")
        ):
            raise TrainerError(f"{url} is not what was ordered (version {order.version}); delete it, then re-run")
        if learnt.stored and learnt.content:
            # A package is of use for as long as its model, and a job's output goes after 90 days (deploy/data.yaml).
            place = f"{order.target}/packages/{learnt.stored.sha256}/model.tar.gz"
            self._kept.write(place, exchange.to_tar({exchange.MODEL: learnt.content}))
            self._registry.register(learnt.stored, self._kept.uri(place), job)
        return learnt

    def promote(self, stored: Stored) -> None:
        """Its package is approved before the pointer names it."""
        self._registry.approve(stored)

    def serve(self, stored: Stored) -> str:
        """By an endpoint without servers, where segmentation.yaml asks for one."""
        if self._how.serverless is None:
            return "no endpoint (segmentation.yaml has no aws.sagemaker.serverless)"
        parts = (self._how, self._how.serverless, self._registry, self._pace)
        return Endpoints(self._api, self._deployment, *parts).serve(stored)

    def say(self, order: ScoringOrder) -> Said:
        """By a transform job over parts of the rows."""
        if not order.rows.num_rows:
            return InProcess("nobody is eligible").say(order)
        sha = _sha256(order.content)
        key = content_key(order.target, order.version, sha, content_hash(order.rows), self._how.image_uri)
        folder, name = f"training/{order.target}/scores/{key}", name_of(self._deployment, order.target, key)
        parts = scoring.parts(order.rows)
        outputs = [f"{folder}/output/{_part(i)}.out" for i in range(len(parts))]

        def are_there(_: Described) -> bool:
            return set(outputs) <= {o.key for o in self._store.list(f"{folder}/output/")}

        done = self._jobs.run("Transform", name, lambda: self._transform(order, sha, folder), are_there)
        said = exchange.joined([self._store.read(output) for output in outputs])
        if not said["customer_id"].combine_chunks().equals(order.rows["customer_id"].combine_chunks()):
            raise TrainerError(f"{self._store.uri(folder)}: the scores are not of the customers asked; delete, re-run")
        return Said(said, f"SageMaker's transform job {done['TransformJobName']}")

    def _training(self, order: TrainingOrder, folder: str) -> dict[str, Any]:
        for name, content in exchange.packed(order).items():
            self._store.write(f"{folder}/input/{name}", content)
        how = self._how
        return {
            "AlgorithmSpecification": {
                "TrainingImage": how.image_uri,
                "TrainingInputMode": "File",
                "ContainerEntrypoint": _ENTRY,
                "ContainerArguments": ["train"],
            },
            "RoleArn": how.role_arn,
            "HyperParameters": exchange.hyperparameters(order),
            "InputDataConfig": [{"ChannelName": "training", "DataSource": {"S3DataSource": self._prefix(folder)}}],
            "OutputDataConfig": {"S3OutputPath": self._store.uri(f"{folder}/output")},
            "ResourceConfig": {
                "InstanceType": how.instance_type,
                "InstanceCount": 1,
                "VolumeSizeInGB": how.volume_gb,
            },
            "StoppingCondition": {"MaxRuntimeInSeconds": how.minutes * 60},
            "EnableNetworkIsolation": True,  # it needs no network, so what it reads can't leave by one
        }

    def _transform(self, order: ScoringOrder, sha: str, folder: str) -> dict[str, Any]:
        how, place = self._how, f"training/{order.target}/models/{sha}/model.tar.gz"
        # The checked file itself, not the training job's archive: a model trained elsewhere is scored alike.
        self._store.write(place, exchange.to_tar({exchange.MODEL: order.content}))
        read = {"customer_id", *order.model.features}
        rows = order.rows.select([c for c in order.rows.column_names if c in read])
        for i, part in enumerate(scoring.parts(rows)):
            self._store.write(f"{folder}/input/{_part(i)}", exchange.to_parquet(part))
        name = name_of(self._deployment, order.target, content_key(order.target, sha, how.image_uri))
        self._api.make(
            "CreateModel",
            name,
            ModelName=name,
            PrimaryContainer={
                "Image": how.image_uri,
                "ModelDataUrl": self._store.uri(place),
                "Environment": {SHA256: sha},
            },
            ExecutionRoleArn=how.role_arn,
            EnableNetworkIsolation=True,
        )
        return {
            "ModelName": name,
            "BatchStrategy": "SingleRecord",
            "MaxPayloadInMB": _LARGEST_MB,
            "MaxConcurrentTransforms": 1,  # times the payload, at most 100 MB
            "TransformInput": {
                "DataSource": {"S3DataSource": self._prefix(folder)},
                "ContentType": exchange.PARQUET_TYPE,
                "SplitType": "None",
            },
            "TransformOutput": {
                "S3OutputPath": self._store.uri(f"{folder}/output"),
                "Accept": exchange.PARQUET_TYPE,
                "AssembleWith": "None",
            },
            "TransformResources": {"InstanceType": how.instance_type, "InstanceCount": 1},
        }

    def _prefix(self, folder: str) -> dict[str, str]:
        return {"S3DataType": "S3Prefix", "S3Uri": self._store.uri(f"{folder}/input/")}

    def _model_is_there(self, done: Described) -> bool:
        return bool(self._store.list(self._key(done["ModelArtifacts"]["S3ModelArtifacts"])))

    def _key(self, uri: str) -> str:
        return uri.removeprefix(self._store.uri(""))


def trainer(settings: Settings) -> Trainer:
    """SageMaker, where segmentation.yaml says how; else the run's own process."""
    aws = settings.aws
    if aws.sagemaker is None:
        return InProcess("segmentation.yaml has no aws.sagemaker")
    return SageMaker(aws.deployment, aws.sagemaker, exports(settings), models(settings))


def _says(refused: BaseException, words: re.Pattern[str]) -> bool:
    told = refused.response["Error"].get("Message", "") if isinstance(refused, ClientError) else ""
    return code(refused) == "ValidationException" and bool(words.search(told))


def _part(number: int) -> str:
    return f"part-{number:05d}.parquet"


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
