"""Two accounts that hold what the stacks make, and everybody's credentials, in moto."""

import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from typing import Any

import pytest
from botocore.exceptions import ClientError
from moto.server import ThreadedMotoServer

from segment_assets_tests.aws_double.world import forget_moto
from segment_assets_tests.deploy import iam
from segment_assets_tests.deploy.calls import (
    PREFIX,
    Call,
    Credentials,
    become,
    bucket,
    client,
    entered,
    in_lake,
    role,
    shared,
    write,
)
from segment_assets_tests.deploy.enforcement import enforced
from segment_assets_tests.deploy.permissions import EXPORTS, METADATA
from segment_assets_tests.deploy.templates import NAMES, OURS, PARTNER, REGION, resources


@dataclass(frozen=True)
class World:
    sessions: dict[str, Credentials]

    def denied(self, who: str, call: Call) -> bool:
        """Whether IAM stopped the call; any other refusal is the test's own mistake."""
        try:
            call(self.sessions[who])
        except ClientError as refused:
            if refused.response["Error"]["Code"] in ("AccessDenied", "AccessDeniedException", "403"):
                return True
            raise
        return False


@cache
def statements(name: str) -> dict[str, list[iam.Statement]]:
    return iam.roles(resources(name), PARTNER if name == "partner" else OURS)


@contextmanager
def two_accounts(roles: Iterable[str]) -> Iterator[World]:
    """All that is called in the tests, and a session of each role; from then on every call needs a permission."""
    forget_moto()
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    endpoint = "http://{}:{}".format(*server.get_host_and_port())
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ENDPOINT_URL", endpoint)
        patch.delenv("AWS_PROFILE", raising=False)
        ours = Credentials("AKIAEXAMPLEEXAMPLE01", "secret")
        sessions = _build(ours, roles)
        with enforced(endpoint):
            yield World(sessions)
        client.cache_clear()
        shared.cache_clear()
    server.stop()
    forget_moto()


def _build(ours: Credentials, roles: Iterable[str]) -> dict[str, Credentials]:
    """Everything the stacks hold that is called below, made before anybody needs a permission."""
    theirs = entered(become("arn:aws:iam::222222222222:role/the-partner-itself")(ours))
    for name in NAMES:
        session = theirs if name == "partner" else ours
        for resource in resources(name).values():
            _make(session, resource)
    for kind in ("lake", "exports"):
        _bucket(ours, bucket(kind, "prod"))
    glue = client(ours, "glue")
    glue.create_database(DatabaseInput={"Name": "prod_segments"})
    glue.create_table(DatabaseName="prod_segments", TableInput={"Name": "some_table"})
    client(ours, "sagemaker").create_model_package_group(ModelPackageGroupName=f"{PREFIX}-churn-28d")
    for called in ("persons", "households"):
        glue.create_table(DatabaseName="dev_identity", TableInput={"Name": called})
        write(bucket("lake"), METADATA.replace("some_table", called))(ours)
        write(bucket("lake"), in_lake("identity", called))(ours)
    write(bucket("lake"), METADATA)(ours)
    for called in ("arrival_days", "contact_addresses"):
        glue.create_table(DatabaseName="dev_raw", TableInput={"Name": called})
        write(bucket("lake"), in_lake("raw", called))(ours)
    for key in (
        "clean_room/q/part-0.parquet",
        "exports/training/churn_28d/examples.parquet",
        "graph/run/nodes.csv",
        "graph/run/edges.csv",
        "exports/pinpoint/imports/win_back/part-000.csv",
        "exports/pinpoint/imports/coupon_lovers/part-000.csv",
        "exports/handoff/crm/win_back/part-000.csv",
        "exports/customer_profiles/snapshot.jsonl",
        "exports/dashboard/totals/manifest.json",
        "exports/dashboard/totals/rows.csv",
    ):
        write(EXPORTS, f"dev/{key}")(ours)
    write(bucket("landing"), "events/2026/01/01/00/first.gz")(ours)
    write(bucket("logs"), "compute/run/step.out")(ours)
    write(bucket("logs"), "compute/run/other.out")(ours)
    write(bucket("partner"), "partner/audience/drop.csv")(theirs)
    return {who: entered(become(role(who))(ours)) for who in roles}


def _make(session: Credentials, resource: dict[str, Any]) -> None:
    own = resource.get("Properties", {})
    match resource["Type"]:
        case "AWS::S3::Bucket":
            _bucket(session, own["BucketName"])
        case "AWS::SQS::Queue":
            client(session, "sqs").create_queue(QueueName=own["QueueName"])
        case "AWS::KinesisFirehose::DeliveryStream":
            client(session, "firehose").create_delivery_stream(
                DeliveryStreamName=own["DeliveryStreamName"],
                ExtendedS3DestinationConfiguration={
                    key: own["ExtendedS3DestinationConfiguration"][key] for key in ("BucketARN", "RoleARN")
                },
            )
        case "AWS::Glue::Database":
            called = own["DatabaseInput"]["Name"]
            glue = client(session, "glue")
            glue.create_database(DatabaseInput={"Name": called})
            glue.create_table(DatabaseName=called, TableInput={"Name": "some_table"})
            if called != "dev_partner":
                write(bucket("lake"), in_lake(called.removeprefix("dev_")))(session)
        case "AWS::IAM::Role":
            _role(session, own)


def _bucket(session: Credentials, name: str) -> None:
    where: Any = {"LocationConstraint": REGION}
    client(session, "s3").create_bucket(Bucket=name, CreateBucketConfiguration=where)


def _role(session: Credentials, own: dict[str, Any]) -> None:
    here, name = client(session, "iam"), own["RoleName"]
    here.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(own["AssumeRolePolicyDocument"]))
    [found] = [held[name] for stack in NAMES if name in (held := statements(stack))]
    if found:
        document = {"Version": "2012-10-17", "Statement": found}
        here.put_role_policy(RoleName=name, PolicyName="all", PolicyDocument=json.dumps(document))
