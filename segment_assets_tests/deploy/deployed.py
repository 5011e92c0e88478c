"""The double as deploy/ leaves two accounts: places and roles by the stacks' names, and a process that is a task."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import boto3
import pytest
import yaml

from segment_assets import aws as accounts
from segment_assets import deployment
from segment_assets.aws_config import Aws
from segment_assets.operations.refresh import Refresh
from segment_assets.segmentation import CONFIG_VARIABLE, Segmentation, load
from segment_assets_tests.aws_double.front import AwsDouble
from segment_assets_tests.aws_double.inside import as_itself, entered, in_role
from segment_assets_tests.aws_double.service import Caller
from segment_assets_tests.aws_double.world import make_applications
from segment_assets_tests.deploy.calls import PREFIX, bucket, role
from segment_assets_tests.deploy.templates import GIVEN, OURS, PARTNER, REGION
from segment_assets_tests.small_world import SMALL_SEGMENTATION

TARGET = "churn_28d"
DATABASES = ("raw", "first_party", "clean_room", "identity", "modelling", "segments", "activation")


def places(aws: AwsDouble) -> Aws:
    """The section aws, from the stacks' outputs."""
    return Aws.model_validate(
        {
            "deployment": "dev",
            "landing_bucket": bucket("landing"),
            "lake_bucket": bucket("lake"),
            "exports_bucket": bucket("exports"),
            "role_prefix": role(""),
            "partner": {
                "bucket": bucket("partner"),
                "role_arn": role("first-party", PARTNER),
                "external_id": GIVEN["ExternalId"],
            },
            "clean_rooms": {
                "service_role_arn": role("clean-rooms-service"),
                "partner_service_role_arn": role("clean-rooms-service", PARTNER),
            },
            "neptune": {"endpoint": aws.endpoint, "load_role_arn": role("neptune-load")},
            "pinpoint_role_arn": role("pinpoint-import"),
            "customer_profiles_role_arn": role("profiles-export"),
        }
    )


def segmentation(where: Aws) -> dict[str, Any]:
    """The small world's file with one target, on the stacks' things."""
    content: dict[str, Any] = yaml.safe_load(SMALL_SEGMENTATION.read_text())
    content["targets"] = {TARGET: content["targets"][TARGET]}
    content["segments"] = {n: s | {"target": TARGET} for n, s in content["segments"].items() if n != "coupon_lovers"}
    content["aws"] = where.model_dump(mode="json", exclude_none=True)
    content["destinations"]["profiles"]["domain"] = PREFIX
    content["destinations"]["pinpoint"]["application_id"] = GIVEN["PinpointApplicationId"]
    return content


def make(aws: AwsDouble, where: Aws, config: Segmentation) -> None:
    """Buckets, databases, applications: what the stacks make and the pipeline needs."""
    region = {"LocationConstraint": REGION}
    us, them = Caller(OURS, REGION, aws.endpoint), f"arn:aws:iam::{PARTNER}:role/the-partner-itself"
    for name in (where.landing_bucket, where.lake_bucket, where.exports_bucket):
        as_itself(us).create_bucket(Bucket=name, CreateBucketConfiguration=region)
    in_role(us, them).create_bucket(Bucket=where.partner.bucket, CreateBucketConfiguration=region)
    for name in DATABASES:
        as_itself(us, "glue").create_database(DatabaseInput={"Name": f"dev_{name}"})
    in_role(us, them, "glue").create_database(DatabaseInput={"Name": "dev_partner"})
    make_applications(aws, config)


def settled(patch: pytest.MonkeyPatch, home: Path, where: Aws) -> Segmentation:
    """The file and the environment of a task."""
    home.mkdir(parents=True, exist_ok=True)
    (home / "segmentation.yaml").write_text(yaml.safe_dump(segmentation(where), sort_keys=False))
    patch.setenv(CONFIG_VARIABLE, str(home / "segmentation.yaml"))
    patch.setenv(deployment.HOME_VARIABLE, str(home))
    patch.setenv(deployment.DEPLOYMENT_VARIABLE, "aws")
    return load()


@contextmanager
def being(aws: AwsDouble, name: str) -> Iterator[None]:
    """The process has the credentials of a task's role."""
    with pytest.MonkeyPatch.context() as patch:
        for variable, value in entered(Caller(OURS, REGION, aws.endpoint), role(name)).items():
            patch.setenv(variable.upper(), value)
        accounts.forget()
        boto3.DEFAULT_SESSION = None
        yield
    accounts.forget()
    boto3.DEFAULT_SESSION = None


class AsDeployed(Refresh):
    """A pass whose sensors are the daemon's, and whose runs are tasks of the role `run`."""

    aws: AwsDouble

    def listen(self) -> None:
        """As the daemon."""
        with being(self.aws, "daemon"):
            super().listen()
