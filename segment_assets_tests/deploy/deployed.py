"""The double as deploy/ leaves two accounts: places and roles by the stacks' names, and a process that is a task."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import boto3
import dagster as dg
import pytest
import yaml

from segment_assets import aws as accounts
from segment_assets import deployment
from segment_assets.aws_config import Aws
from segment_assets.operations.refresh import Refresh, Run
from segment_assets.segmentation import CONFIG_VARIABLE, Segmentation, load
from segment_assets_tests.aws_double.front import AwsDouble
from segment_assets_tests.aws_double.inside import as_itself, entered, in_role
from segment_assets_tests.aws_double.service import Caller
from segment_assets_tests.aws_double.world import make_applications
from segment_assets_tests.deploy.calls import PREFIX, bucket, role
from segment_assets_tests.deploy.templates import GIVEN, OURS, PARTNER, REGION
from segment_assets_tests.small_world import SMALL_SEGMENTATION

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
            "sagemaker": {"image_uri": GIVEN["Image"], "role_arn": role("sagemaker")},
            "quicksight": {
                "principal_arn": f"arn:aws:quicksight:us-east-1:{OURS}:group/default/marketing",
                "role_arn": role("quicksight"),
            },
            "event_bus": PREFIX,
            "pinpoint_role_arn": role("pinpoint-import"),
            "customer_profiles_role_arn": role("profiles-export"),
        }
    )


def segmentation(where: Aws | None) -> dict[str, Any]:
    """The small world's file, on the stacks' things; on one machine with the same names."""
    content: dict[str, Any] = yaml.safe_load(SMALL_SEGMENTATION.read_text())
    content["destinations"]["profiles"]["domain"] = PREFIX
    content["destinations"]["pinpoint"]["application_id"] = GIVEN["PinpointApplicationId"]
    return content | ({"aws": where.model_dump(mode="json", exclude_none=True)} if where else {})


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
    as_itself(us, "events").create_event_bus(Name=PREFIX)
    make_applications(aws, config)


def settled(patch: pytest.MonkeyPatch, home: Path, where: Aws) -> Segmentation:
    """The file, and the environment that leads to it."""
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


@dataclass
class AsDeployed(Refresh):
    """A pass whose sensors are the daemon's, and whose runs are tasks of the role `run`.

    Attributes:
        aws: the double.
    """

    aws: AwsDouble = field(kw_only=True)

    def listen(self) -> None:
        """As the daemon."""
        with being(self.aws, "daemon"):
            super().listen()

    def tell(self) -> None:
        """As the daemon."""
        with being(self.aws, "daemon"):
            super().tell()

    def execute(self, keys: Sequence[dg.AssetKey], partitions: Sequence[str]) -> Run:
        """As a task of its own."""
        with being(self.aws, "run"):
            return super().execute(keys, partitions)
