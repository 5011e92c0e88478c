"""Two accounts on the double, with the buckets and roles that the stacks in deploy/ make."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import boto3
import pytest
from moto.core.base_backend import BackendDict
from moto.core.model_instances import reset_model_data

from segment_assets import aws as accounts
from segment_assets.aws_config import Aws
from segment_assets.lake import Lake
from segment_assets.lake import aws as lake_on_aws
from segment_assets.segmentation import CustomerProfilesDestination, PinpointDestination, Segmentation
from segment_assets_tests.aws_double.customer_profiles import CustomerProfiles
from segment_assets_tests.aws_double.front import OURS, PARTNER, REGION, AwsDouble
from segment_assets_tests.aws_double.pinpoint import Pinpoint
from segment_assets_tests.aws_double.services import own, the

PLACES = Aws.model_validate(
    {
        "deployment": "dev",
        "landing_bucket": "our-landing",
        "lake_bucket": "our-lake",
        "exports_bucket": "our-exports",
        "partner": {
            "bucket": "partners-bucket",
            "role_arn": f"arn:aws:iam::{PARTNER}:role/SegmentAssetsPartner",
            "external_id": "loopback",
        },
        "clean_rooms": {
            "service_role_arn": f"arn:aws:iam::{OURS}:role/CleanRooms",
            "partner_service_role_arn": f"arn:aws:iam::{PARTNER}:role/CleanRooms",
        },
        "neptune": {
            "endpoint": "http://127.0.0.1",  # the double's own: see `world`
            "load_role_arn": f"arn:aws:iam::{OURS}:role/NeptuneLoad",
        },
        "sagemaker": {
            "image_uri": f"{OURS}.dkr.ecr.{REGION}.amazonaws.com/segment-assets:dev",
            "role_arn": f"arn:aws:iam::{OURS}:role/SageMaker",
        },
        "quicksight": {
            "principal_arn": f"arn:aws:quicksight:us-east-1:{OURS}:group/default/marketing",
            "role_arn": f"arn:aws:iam::{OURS}:role/QuickSightRead",
        },
        "pinpoint_role_arn": f"arn:aws:iam::{OURS}:role/PinpointImport",
        "customer_profiles_role_arn": f"arn:aws:iam::{OURS}:role/ProfileSnapshots",
        "event_bus": "default",
    }
)


def places(aws: AwsDouble) -> Aws:
    """Where things are on this double."""
    assert PLACES.neptune
    return PLACES.model_copy(update={"neptune": PLACES.neptune.model_copy(update={"endpoint": aws.endpoint})})


def make_buckets(where: Aws) -> None:
    """Ours in our account, the partner's in the partner's."""
    region = {"LocationConstraint": REGION}
    ours, theirs = boto3.client("s3"), accounts.session(where.partner.role_arn, where.partner.external_id).client("s3")
    for name in (where.landing_bucket, where.lake_bucket, where.exports_bucket):
        ours.create_bucket(Bucket=name, CreateBucketConfiguration=region)
    theirs.create_bucket(Bucket=where.partner.bucket, CreateBucketConfiguration=region)


def make_applications(aws: AwsDouble, config: Segmentation) -> None:
    """What the file sends to: Pinpoint's applications, as if made before its end, and domains without profiles."""
    for to in config.destinations.values():
        if isinstance(to, PinpointDestination):
            the(aws, Pinpoint).know(to.application_id)
        if isinstance(to, CustomerProfilesDestination):
            the(aws, CustomerProfiles).know(to.domain)


@contextmanager
def world(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[AwsDouble, Aws]]:
    """A double with buckets in it, and an environment that leads there."""
    forget_moto()
    with AwsDouble(own()) as aws:
        for name, value in aws.environment().items():
            monkeypatch.setenv(name, value)
        accounts.forget()
        # With the loader that all our sessions share: one of its own reads the models of AWS's services anew.
        boto3.DEFAULT_SESSION = accounts.session()
        make_buckets(places(aws))
        yield aws, places(aws)
        accounts.forget()
        boto3.DEFAULT_SESSION = None


def forget_moto() -> None:
    """What an earlier double in this process was told."""
    BackendDict.reset()
    reset_model_data()


def settings(where: Aws, home: Path, **more: Any) -> Any:
    """What adapters are made from."""
    return SimpleNamespace(home=home, aws=where, memory_limit="500MB", threads=2, **more)


def lake(where: Aws, home: Path) -> Lake:
    """The lake in both accounts."""
    return lake_on_aws.lake(settings(where, home))
