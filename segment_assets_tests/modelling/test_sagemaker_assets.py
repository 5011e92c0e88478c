"""The assets with SageMaker behind them: approval is promotion, and a kill anywhere ends as if there had been none."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace

import dagster as dg
import pytest

from segment_assets.aws_config import AwsSageMaker
from segment_assets.lake import FolderStore, Lake, ObjectStore
from segment_assets.lake.aws import Bucket
from segment_assets.modelling import artefact, aws
from segment_assets.modelling.embedded import InProcess
from segment_assets.modelling.model_assets import model_assets
from segment_assets.modelling.port import Trainer, TrainerError
from segment_assets.modelling.tables import customer_scores
from segment_assets.segmentation import Segmentation
from segment_assets.waiting import Pace
from segment_assets_tests.aws_double.front import OURS, AwsDouble, Fault
from segment_assets_tests.aws_double.sagemaker import SageMaker
from segment_assets_tests.aws_double.services import the
from segment_assets_tests.aws_double.world import PLACES, world
from segment_assets_tests.modelling.synthetic import put, rows

CONFIG = Segmentation.model_validate(
    {"name": "test", "targets": {"churn": {"kind": "absence", "event": "purchase", "horizon": "28d"}}}
)
HOW = AwsSageMaker(image_uri="our/image:1", role_arn=f"arn:aws:iam::{OURS}:role/SageMaker")
TRAINED, SCORED = dg.AssetKey(["trained_model", "churn"]), dg.AssetKey(["customer_scores", "churn"])


@dataclass
class Loopback:
    """SageMaker on the double, and our end of it."""

    aws: AwsDouble
    double: SageMaker
    trainer: Trainer
    exports: ObjectStore

    @property
    def approvals(self) -> list[str]:
        return [package["ModelApprovalStatus"] for package in self.double.packages]

    def called(self, operation: str) -> int:
        return sum(c.operation == operation for c in self.aws.calls)


@pytest.fixture
def loopback(monkeypatch: pytest.MonkeyPatch) -> Iterator[Loopback]:
    with world(monkeypatch) as (double, where):
        exports = Bucket(where.exports_bucket, "dev/exports/")
        kept = Bucket(where.exports_bucket, "dev/models/")
        trainer = aws.SageMaker("dev", HOW, exports, kept, Pace(first=0.05, most=0.2))
        yield Loopback(double, the(double, SageMaker), trainer, exports)


def build(lake: Lake, models: ObjectStore, trainer: Trainer, *keys: dg.AssetKey) -> dg.ExecuteInProcessResult:
    chosen = dg.AssetSelection.assets(*keys)
    return dg.materialize(
        model_assets(CONFIG),
        selection=chosen,
        resources={"lake": lake, "models": models, "trainer": trainer},
        raise_on_error=True,
    )


def shown(result: dg.ExecuteInProcessResult, key: dg.AssetKey, name: str) -> object:
    [event] = result.asset_materializations_for_node(key.to_python_identifier())
    return event.metadata[name].value


def files(store: ObjectStore) -> dict[str, bytes]:
    return {o.key: store.read(o.key) for o in store.list("")}


class KilledError(Exception):
    """Stands for SIGKILL between two writes."""


class DyingStore(FolderStore):
    """Dies when the pointer is to be written."""

    def write(self, key: str, content: bytes) -> None:
        if key.endswith("current.json"):
            raise KilledError
        super().write(key, content)


def test_models_scores_and_approval_are_those_of_one_process_and_a_kill_changes_nothing(
    lake: Lake, loopback: Loopback, tmp_path: Path
) -> None:
    put(lake, rows(customers=80, cutoffs=5))
    here, there = FolderStore(tmp_path / "here"), FolderStore(tmp_path / "there")
    build(lake, here, InProcess(), TRAINED, SCORED)
    table = customer_scores("churn")
    expected, version = lake.read(table), lake.state(table).version

    loopback.aws.faults.append(Fault("sagemaker.CreateModelPackage", "InternalFailure", 500, after=True))
    with pytest.raises(KilledError):
        build(lake, DyingStore(tmp_path / "there"), loopback.trainer, TRAINED)
    assert artefact.current(there, "churn") is None
    result = build(lake, there, loopback.trainer, TRAINED, SCORED)

    assert files(there) == files(here)
    assert lake.read(table).equals(expected)
    assert lake.state(table).version == version
    assert loopback.approvals == ["Approved"]
    assert loopback.called("CreateTrainingJob") == loopback.called("CreateTransformJob") == 1
    assert str(shown(result, TRAINED, "trained_in")).startswith("SageMaker's training job segment-assets-dev-churn-")
    assert str(shown(result, SCORED, "scored_in")).startswith("SageMaker's transform job segment-assets-dev-churn-")


def test_a_model_that_somebody_rejected_does_not_go_into_service(
    lake: Lake, loopback: Loopback, tmp_path: Path
) -> None:
    put(lake, rows(customers=80, cutoffs=5))
    models = FolderStore(tmp_path / "models")
    loopback.aws.faults.append(Fault("sagemaker.UpdateModelPackage", "AccessDeniedException"))
    with pytest.raises(Exception, match=r"sagemaker:UpdateModelPackage on arn:.* was denied"):
        build(lake, models, loopback.trainer, TRAINED)
    assert loopback.approvals == ["PendingManualApproval"]
    loopback.double.packages[0]["ModelApprovalStatus"] = "Rejected"
    with pytest.raises(TrainerError, match="somebody rejected it, so it does not go into service"):
        build(lake, models, loopback.trainer, TRAINED)
    assert files(models) == {}
    loopback.double.packages[0]["ModelApprovalStatus"] = "Approved"
    build(lake, models, loopback.trainer, TRAINED)
    assert artefact.current(models, "churn")


def test_a_package_points_to_a_model_that_stays_when_what_the_job_wrote_is_gone(
    lake: Lake, loopback: Loopback, tmp_path: Path
) -> None:
    put(lake, rows(customers=80, cutoffs=5))
    models = FolderStore(tmp_path / "models")
    build(lake, models, loopback.trainer, TRAINED)
    stored = artefact.current(models, "churn")
    assert stored
    [package] = loopback.double.packages
    url = package["InferenceSpecification"]["Containers"][0]["ModelDataUrl"]
    place = f"churn/packages/{stored.sha256}/model.tar.gz"
    kept = Bucket(PLACES.exports_bucket, "dev/models/")  # of which deploy/data.yaml lets nothing expire
    assert url == kept.uri(place)
    assert aws.exchange.from_tar(kept.read(place)) == {"model.skops": models.read(stored.key)}


def test_a_model_that_is_not_the_one_ordered_is_refused(lake: Lake, loopback: Loopback, tmp_path: Path) -> None:
    put(lake, rows(customers=80, cutoffs=5))
    models = FolderStore(tmp_path / "models")
    build(lake, models, loopback.trainer, TRAINED)
    [archive] = [o.key for o in loopback.exports.list("training/churn/") if o.key.endswith("model.tar.gz")]
    inside = aws.exchange.from_tar(loopback.exports.read(archive))
    loopback.exports.write(archive, aws.exchange.to_tar(inside | {"model.skops": b"another"}))
    with pytest.raises(TrainerError, match=r"model\.tar\.gz is not what was ordered"):
        build(lake, FolderStore(tmp_path / "new"), loopback.trainer, TRAINED)


def test_without_a_section_sagemaker_the_run_trains_itself_and_says_so(lake: Lake, tmp_path: Path) -> None:
    put(lake, rows(customers=80, cutoffs=5))
    trainer = aws.trainer(SimpleNamespace(aws=SimpleNamespace(sagemaker=None)))  # type: ignore[arg-type]
    result = build(lake, FolderStore(tmp_path / "models"), trainer, TRAINED)
    told = "this run's process (segmentation.yaml has no aws.sagemaker)"
    assert shown(result, TRAINED, "trained_in") == told
    assert shown(result, TRAINED, "answered_by") == "no endpoint"
