"""An endpoint answers with the model in service, as batches do; it is changed when that changes, and then alone."""

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import boto3
import pyarrow as pa
import pytest

from segment_assets.aws import AwsRefusedError
from segment_assets.aws_config import AwsSageMaker, AwsServerless
from segment_assets.lake.aws import Bucket
from segment_assets.modelling import exchange, scoring
from segment_assets.modelling.artefact import Stored, dumps
from segment_assets.modelling.aws import SageMaker as Trainer
from segment_assets.modelling.embedded import InProcess
from segment_assets.modelling.port import TrainerError
from segment_assets.modelling.training import final
from segment_assets.waiting import Pace
from segment_assets_tests.aws_double.front import OURS, AwsDouble, Fault
from segment_assets_tests.aws_double.sagemaker import SageMaker
from segment_assets_tests.aws_double.services import the
from segment_assets_tests.aws_double.world import world
from segment_assets_tests.modelling.synthetic import rows, task

HOW = AwsSageMaker(
    image_uri="our/image:1", role_arn=f"arn:aws:iam::{OURS}:role/SageMaker", serverless=AwsServerless(memory_mb=1024)
)
NAME = "segment-assets-dev-churn"
LOOKS = ["DescribeEndpoint"]


class KilledError(Exception):
    """Stands for SIGKILL: nothing is tidied up."""


@dataclass
class Served:
    """SageMaker on the double, and our end of it."""

    aws: AwsDouble
    double: SageMaker
    store: Bucket
    trainer: Trainer

    def stored(self, version: str = "version1", content: bytes = b"a model") -> Stored:
        """A model that won its contest, was registered and approved."""
        sha, won = hashlib.sha256(content).hexdigest(), {"reasons": ["It won."]}
        stored = Stored("churn", version, sha, {}, [], "2026-01-01", 80, won, won, "")
        self.store.write(f"{version}/model.tar.gz", exchange.to_tar({exchange.MODEL: content}))
        self.trainer._registry.register(stored, self.store.uri(f"{version}/model.tar.gz"), "job")
        self.trainer.promote(stored)
        return stored

    def slowly(self, pause: Callable[[float], None]) -> Trainer:
        """Our end, waiting in another way."""
        return Trainer("dev", HOW, self.store, self.store, Pace(first=0.02, most=0.05, pause=pause))

    def calls(self) -> list[str]:
        """What SageMaker was asked since the last time."""
        found = [call.operation for call in self.aws.calls if call.service == "sagemaker"]
        self.aws.calls.clear()
        return found

    @property
    def config(self) -> str:
        return self.double.endpoints[NAME].config


@pytest.fixture(scope="module")
def shared() -> Iterator[Served]:
    with pytest.MonkeyPatch.context() as patch, world(patch) as (aws, where):
        store = Bucket(where.exports_bucket, "dev/exports/")
        yield Served(aws, the(aws, SageMaker), store, Trainer("dev", HOW, store, store, Pace(first=0.02, most=0.05)))


@pytest.fixture
def served(shared: Served) -> Served:
    """A SageMaker that was told nothing yet."""
    vars(shared.double).update(vars(SageMaker()) | {"runtime": shared.double.runtime})
    shared.aws.faults.clear()
    shared.aws.calls.clear()
    return replace(shared, trainer=Trainer("dev", HOW, shared.store, Pace(first=0.02, most=0.05)))


def test_an_endpoint_says_what_a_batch_says(served: Served) -> None:
    model = final(rows(customers=80, cutoffs=4), task(), "logistic")
    stored = served.stored(content=dumps(model))
    assert served.trainer.serve(stored) == f"SageMaker's endpoint {NAME}"
    today = rows(customers=80, cutoffs=1, seed=7).drop_columns(["label"])
    asked = today.select([c for c in today.column_names if c in {"customer_id", *model.features}])
    runtime = boto3.client("sagemaker-runtime")
    answer = runtime.invoke_endpoint(
        EndpointName=NAME,
        Body=exchange.to_parquet(asked),
        ContentType=exchange.PARQUET_TYPE,
        Accept=exchange.PARQUET_TYPE,
    )
    said = exchange.from_parquet(answer["Body"].read())
    assert isinstance(said, pa.Table)
    assert scoring.ranked(today, said, "v").equals(scoring.scores(today, model, "v"))
    with pytest.raises(runtime.exceptions.ClientError, match="larger than 4 MB"):
        runtime.invoke_endpoint(EndpointName=NAME, Body=b"x" * (4 * 2**20 + 1))


def test_an_unchanged_model_is_one_look(served: Served) -> None:
    stored = served.stored()
    served.trainer.serve(stored)
    served.calls()
    served.trainer.serve(stored)
    assert served.calls() == LOOKS


def test_the_next_model_takes_over_and_what_the_last_was_made_of_goes(served: Served) -> None:
    served.trainer.serve(served.stored())
    before = served.config
    served.trainer.serve(served.stored("version2", b"another"))
    assert served.config != before
    assert list(served.double.configs) == [served.config]
    assert [name for name in served.double.models if name in (before, served.config)] == [served.config]
    [variant] = served.double.configs[served.config]["ProductionVariants"]
    assert variant["ServerlessConfig"] == {"MemorySizeInMB": 1024, "MaxConcurrency": 5}


def test_another_size_is_another_configuration(served: Served) -> None:
    stored = served.stored()
    served.trainer.serve(stored)
    before = served.config
    how = HOW.model_copy(update={"serverless": AwsServerless(memory_mb=2048)})
    Trainer("dev", how, served.store, Pace(first=0.02, most=0.05)).serve(stored)
    assert served.config != before


def test_what_somebody_else_named_is_not_removed(served: Served) -> None:
    stored = served.stored()
    served.trainer.serve(stored)
    client, mine = boto3.client("sagemaker"), served.config
    by_hand = [
        {"VariantName": "v", "ModelName": mine, "ServerlessConfig": {"MemorySizeInMB": 1024, "MaxConcurrency": 1}}
    ]
    client.create_endpoint_config(EndpointConfigName="by-hand", ProductionVariants=by_hand)
    served.double.endpoints[NAME].config = "by-hand"
    served.trainer.serve(stored)
    assert (served.config, sorted(served.double.configs)) == (mine, sorted(["by-hand", mine]))


def test_a_model_without_an_approved_package_is_not_served_and_the_page_says_why(served: Served) -> None:
    stored = served.stored()
    assert served.trainer.serve(replace(stored, target="spend")).startswith("no endpoint (it has no package")
    served.double.packages[0]["ModelApprovalStatus"] = "Rejected"
    assert served.trainer.serve(stored).startswith("no endpoint (its package is Rejected")
    assert served.double.endpoints == {}


def test_without_a_section_serverless_nothing_is_asked(served: Served) -> None:
    how = HOW.model_copy(update={"serverless": None})
    stored = served.stored()
    served.calls()
    assert (
        Trainer("dev", how, served.store, served.store).serve(stored)
        == "no endpoint (segmentation.yaml has no aws.sagemaker.serverless)"
    )
    assert InProcess().serve(stored) == "no endpoint"
    assert served.calls() == []


def test_an_endpoint_that_never_came_into_service_is_told_and_made_anew_by_the_next_run(served: Served) -> None:
    stored = served.stored()
    served.double.refusing.append("no ping was answered\nSee the log.")
    with pytest.raises(TrainerError) as failed:
        served.trainer.serve(stored)
    assert str(failed.value) == (
        f"SageMaker's endpoint {NAME} did not take the model: no ping was answered; "
        "nothing answers there, and a re-run tries again"
    )
    assert served.trainer.serve(stored) == f"SageMaker's endpoint {NAME}"


def test_a_change_that_was_rolled_back_is_told_and_tried_again_by_the_next_run(served: Served) -> None:
    served.trainer.serve(served.stored())
    before, new = served.config, served.stored("version2", b"another")
    served.double.refusing.append("no capacity")
    with pytest.raises(TrainerError, match="no capacity; it goes on with the model before, and a re-run tries again"):
        served.trainer.serve(new)
    assert served.config == before
    served.trainer.serve(new)
    assert served.config != before


def test_an_archive_that_is_gone_is_told(served: Served) -> None:
    stored = served.stored()
    boto3.client("s3").delete_object(Bucket=served.store.name, Key=served.store.prefix + "version1/model.tar.gz")
    with pytest.raises(TrainerError, match="Failed to download model data from s3://"):
        served.trainer.serve(stored)


@pytest.mark.parametrize("changing", [False, True], ids=["made", "changed"])
def test_a_killed_run_s_endpoint_is_awaited_by_the_next(served: Served, changing: bool) -> None:
    if changing:
        served.trainer.serve(served.stored())

    def die(_: float) -> None:
        raise KilledError

    stored = served.stored("version2", b"another")
    served.double.seconds_to_serve = 0.3
    with pytest.raises(KilledError):
        served.slowly(die).serve(stored)
    served.calls()
    assert served.trainer.serve(stored) == f"SageMaker's endpoint {NAME}"
    assert set(served.calls()) == {"DescribeEndpoint"}


def test_an_endpoint_past_the_deadline_is_left_and_the_sentence_says_what_to_do(served: Served) -> None:
    stored = served.stored()
    served.double.seconds_to_serve = 0.3
    hurried = HOW.model_copy(update={"minutes": 0})
    ours = Trainer("dev", hurried, served.store, served.store, Pace(first=0.02, most=0.05))
    with pytest.raises(TrainerError, match=r"was still Creating after 0 minutes; .* \(aws\.sagemaker\.minutes\)"):
        ours.serve(stored)


LOST = [("InternalFailure", 500, True, name) for name in ("CreateModel", "CreateEndpointConfig", "CreateEndpoint")]
LOST += [("InternalFailure", 500, True, name) for name in ("UpdateEndpoint", "DeleteEndpointConfig", "DeleteModel")]


@pytest.mark.parametrize(
    ("error", "status", "after", "operation"), [("ThrottlingException", 400, False, "CreateEndpoint"), *LOST]
)
def test_transient_faults_end_with_one_endpoint_that_answers(
    served: Served, error: str, status: int, after: bool, operation: str
) -> None:
    served.double.seconds_to_serve = 0.2
    if not operation.startswith("Create"):
        served.trainer.serve(served.stored("version0", b"the first"))
    served.aws.faults.append(Fault(f"sagemaker.{operation}", error, status, after=after))
    served.trainer.serve(served.stored())
    assert (list(served.double.endpoints), list(served.double.configs)) == ([NAME], [served.config])
    assert served.double.endpoints[NAME].status == "InService"


@pytest.mark.parametrize("operation", ["CreateEndpoint", "DescribeEndpoint"])
def test_a_denied_call_names_its_permission(served: Served, operation: str) -> None:
    stored = served.stored()
    served.aws.faults.append(Fault(f"sagemaker.{operation}", "AccessDeniedException", times=9))
    with pytest.raises(AwsRefusedError, match=rf"^sagemaker:{operation} on {NAME}.* was denied: the role"):
        served.trainer.serve(stored)
