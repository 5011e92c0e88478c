"""What deploy/data.yaml makes where events arrive: the queue that the landing bucket tells, and the stream."""

import json
from functools import cache
from pathlib import Path
from typing import Any

import boto3
import yaml

from segment_assets.aws_config import Aws
from segment_assets_tests.aws_double.front import OURS, REGION
from segment_assets_tests.aws_double.sqs_pace import keep_pace

DATA = Path(__file__).parents[2] / "deploy" / "data.yaml"


class _Template(yaml.SafeLoader):
    """CloudFormation's YAML; what its functions would say is not asked here."""


_Template.add_multi_constructor("!", lambda loader, suffix, node: suffix)


@cache
def declared(name: str) -> Any:
    """The properties of a resource of data.yaml."""
    return yaml.load(DATA.read_text(), _Template)["Resources"][name]["Properties"]  # noqa: S506  a SafeLoader


def make_queue(where: Aws, name: str = "arrivals") -> str:
    """The queue and its dead-letter queue, and the bucket's notification as it is declared; the queue's URL."""
    keep_pace()
    sqs = boto3.client("sqs")
    sqs.create_queue(QueueName=f"{name}-unread")
    redrive = declared("Arrivals")["RedrivePolicy"] | {
        "deadLetterTargetArn": f"arn:aws:sqs:{REGION}:{OURS}:{name}-unread"
    }
    url: str = sqs.create_queue(
        QueueName=name,
        Attributes={
            "VisibilityTimeout": str(declared("Arrivals")["VisibilityTimeout"]),
            "RedrivePolicy": json.dumps(redrive),
        },
    )["QueueUrl"]
    told = [
        {
            "QueueArn": f"arn:aws:sqs:{REGION}:{OURS}:{name}",
            "Events": [one["Event"]],
            "Filter": {"Key": {"FilterRules": one["Filter"]["S3Key"]["Rules"]}},
        }
        for one in declared("Landing")["NotificationConfiguration"]["QueueConfigurations"]
    ]
    boto3.client("s3").put_bucket_notification_configuration(
        Bucket=where.landing_bucket, NotificationConfiguration={"QueueConfigurations": told}
    )
    return url


def make_stream(where: Aws, name: str) -> None:
    """The stream that delivers events, as it is declared."""
    to = declared("Events")["ExtendedS3DestinationConfiguration"]
    kept = {key: to[key] for key in ("Prefix", "ErrorOutputPrefix", "CompressionFormat", "BufferingHints")}
    boto3.client("firehose").create_delivery_stream(
        DeliveryStreamName=name,
        DeliveryStreamType="DirectPut",
        ExtendedS3DestinationConfiguration={
            "BucketARN": f"arn:aws:s3:::{where.landing_bucket}",
            "RoleARN": f"arn:aws:iam::{OURS}:role/Firehose",
            **kept,
        },
    )
