"""Calls that roles make, each as a function of who makes it."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

import boto3
from botocore.config import Config

from segment_assets_tests.deploy.templates import GIVEN, OURS, PARTNER, REGION

CLIENT = Config(retries={"total_max_attempts": 1}, s3={"addressing_style": "path"})
PREFIX = "segment-assets-dev"


def bucket(kind: str, deployment: str = "dev") -> str:
    return f"segment-assets-{deployment}-{kind}-{PARTNER if kind == 'partner' else OURS}-{REGION}"


def role(name: str, account: str = OURS) -> str:
    return f"arn:aws:iam::{account}:role/{PREFIX}-{name}"


def in_lake(namespace: str, table: str = "some_table") -> str:
    return f"dev/lake/dev_{namespace}.db/{table}/data/part-0.parquet"


@dataclass(frozen=True)
class Credentials:
    key: str
    secret: str
    token: str | None = None


Call = Callable[[Credentials], Any]


@cache
def shared() -> boto3.Session:
    """One for all roles: a session of its own reads AWS's service models anew, which takes longer than all calls."""
    return boto3.Session(region_name=REGION)


@cache
def client(who: Credentials, service: str) -> Any:
    return shared().client(
        service,
        config=CLIENT,
        aws_access_key_id=who.key,
        aws_secret_access_key=who.secret,
        aws_session_token=who.token,
    )


def read(where: str, key: str) -> Call:
    return lambda s: client(s, "s3").get_object(Bucket=where, Key=key)


def write(where: str, key: str) -> Call:
    return lambda s: client(s, "s3").put_object(Bucket=where, Key=key, Body=b"x")


def erase(where: str, key: str) -> Call:
    return lambda s: client(s, "s3").delete_object(Bucket=where, Key=key)


def look(where: str, prefix: str) -> Call:
    return lambda s: client(s, "s3").list_objects_v2(Bucket=where, Prefix=prefix)


def table(database: str, name: str = "some_table") -> Call:
    return lambda s: client(s, "glue").get_table(DatabaseName=database, Name=name)


def new_table(database: str) -> Call:
    return lambda s: client(s, "glue").create_table(DatabaseName=database, TableInput={"Name": "new"})


def new_database(name: str) -> Call:
    return lambda s: client(s, "glue").create_database(DatabaseInput={"Name": name})


def send(stream: str) -> Call:
    return lambda s: client(s, "firehose").put_record(DeliveryStreamName=stream, Record={"Data": b"{}"})


def train(name: str, passed: str) -> Call:
    return lambda s: client(s, "sagemaker").create_training_job(
        TrainingJobName=name,
        RoleArn=passed,
        AlgorithmSpecification={"TrainingInputMode": "File", "TrainingImage": GIVEN["Image"]},
        OutputDataConfig={"S3OutputPath": f"s3://{bucket('exports')}/dev/models/"},
        ResourceConfig={"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 5},
        StoppingCondition={"MaxRuntimeInSeconds": 3600},
    )


def packages(group: str) -> Call:
    return lambda s: client(s, "sagemaker").list_model_packages(ModelPackageGroupName=group)


def look_at_training(name: str) -> Call:
    return lambda s: client(s, "sagemaker").describe_training_job(TrainingJobName=name)


def receive(queue: str) -> Call:
    return lambda s: client(s, "sqs").receive_message(QueueUrl=_url(queue))


def forget(queue: str) -> Call:
    entries = [{"Id": "0", "ReceiptHandle": "of a message that is gone"}]
    return lambda s: client(s, "sqs").delete_message_batch(QueueUrl=_url(queue), Entries=entries)


def tell(queue: str) -> Call:
    return lambda s: client(s, "sqs").send_message(QueueUrl=_url(queue), MessageBody="{}")


def _url(queue: str) -> str:
    return f"https://sqs.{REGION}.amazonaws.com/{OURS}/{queue}"


def become(arn: str, **extra: str) -> Call:
    return lambda s: client(s, "sts").assume_role(RoleArn=arn, RoleSessionName="test", **extra)


def entered(answer: dict[str, Any]) -> Credentials:
    """Of the answer to AssumeRole."""
    given = answer["Credentials"]
    return Credentials(given["AccessKeyId"], given["SecretAccessKey"], given["SessionToken"])


def as_guest(call: Call) -> Call:
    """The call, in the partner's account, by the role that the partner lets us assume."""

    def made(session: Credentials) -> Any:
        return call(entered(become(role("first-party", PARTNER), ExternalId=GIVEN["ExternalId"])(session)))

    return made
