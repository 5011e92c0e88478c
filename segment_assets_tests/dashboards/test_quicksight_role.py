"""The dashboard's role of deploy/ publishes, and QuickSight reads in its own, with IAM in force."""

from collections.abc import Iterator

import boto3
import pytest

from segment_assets.aws import AwsRefusedError
from segment_assets.aws_config import AwsQuickSight
from segment_assets.dashboards.aws import QuickSight
from segment_assets.dashboards.port import PublishError
from segment_assets.lake.aws import Bucket
from segment_assets.waiting import Pace
from segment_assets_tests.aws_double import quicksight as double
from segment_assets_tests.aws_double.front import KEY, OURS, REGION, AwsDouble
from segment_assets_tests.aws_double.services import own, the
from segment_assets_tests.aws_double.world import forget_moto
from segment_assets_tests.dashboards.board import AGES, FOUND, PAGE, with_events
from segment_assets_tests.deploy.calls import PREFIX, bucket, role
from segment_assets_tests.deploy.deployed import being
from segment_assets_tests.deploy.guard import Guard

HOW = AwsQuickSight(
    principal_arn=f"arn:aws:quicksight:us-east-1:{OURS}:group/default/marketing", role_arn=role("quicksight")
)


@pytest.fixture(scope="module")
def aws() -> Iterator[AwsDouble]:
    forget_moto()
    with AwsDouble(own()) as made, pytest.MonkeyPatch.context() as patch:
        for name, value in made.environment().items():
            patch.setenv(name, value)
        s3 = boto3.Session(KEY, "loopback", region_name=REGION).client("s3")
        s3.create_bucket(Bucket=bucket("exports"), CreateBucketConfiguration={"LocationConstraint": REGION})
        yield made


@pytest.fixture
def publisher(aws: AwsDouble) -> Iterator[QuickSight]:
    with being(aws, "dashboard"):
        yield QuickSight("dev", HOW, Bucket(bucket("exports"), "dev/exports/"), Pace(first=0, most=0))


def test_its_role_and_quicksight_s_are_enough(aws: AwsDouble, publisher: QuickSight):
    guard = aws.gate = Guard(aws)
    publisher.publish(PAGE, FOUND, AGES)
    publisher.publish(PAGE, with_events(7), AGES)
    assert guard.denied == []
    assert the(aws, double.QuickSight).shown(f"{PREFIX}-overview")["arrivals-1-1-events"][1] == [{"events": 7}]


def test_what_the_role_lacks_is_named(aws: AwsDouble, publisher: QuickSight):
    aws.gate = Guard(aws, {f"{PREFIX}-dashboard": "quicksight:CreateIngestion"})
    with pytest.raises(AwsRefusedError, match=rf"^quicksight:CreateIngestion on {PREFIX}-totals was denied: the role"):
        publisher.publish(PAGE, with_events(8), AGES)


def test_what_quicksight_s_role_lacks_is_told(aws: AwsDouble, publisher: QuickSight):
    aws.gate = Guard(aws, {f"{PREFIX}-quicksight": "s3:GetObject"})
    with pytest.raises(
        PublishError, match=rf"could not take in the data set {PREFIX}-totals: PERMISSION_DENIED: .*let"
    ):
        publisher.publish(PAGE, with_events(9), AGES)
