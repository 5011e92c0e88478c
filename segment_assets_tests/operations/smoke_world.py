"""Two accounts on the double in which nothing is amiss: what every stack of deploy/ makes, and the collaboration."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto.iam.access_control import IAMPolicyStatement, PermissionResult

from segment_assets import deployment
from segment_assets.aws import forget, session
from segment_assets.aws_config import Aws
from segment_assets.operations.smoke.check import At, Seen, looked
from segment_assets.operations.smoke.storage import NAMESPACES
from segment_assets.operations.smoke.table import CHECKS
from segment_assets.segmentation import Segmentation
from segment_assets_tests.aws_double import arrivals
from segment_assets_tests.aws_double.front import OURS, AwsDouble
from segment_assets_tests.aws_double.world import make_applications
from segment_assets_tests.clean_room import world as clean_rooms
from segment_assets_tests.deploy.templates import resources

STREAM = "segment-assets-dev-events"


@dataclass
class Smoke:
    """The accounts, and what is looked at in them."""

    aws: AwsDouble
    where: Aws
    config: Segmentation
    home: Path

    def at(self, **changes: Any) -> At:
        """Where the checks look, with some places of the section aws changed."""
        changed = Aws.model_validate(self.where.model_dump() | changes)
        config = self.config.model_copy(update={"aws": changed})
        return At(deployment.settings(config, base=self.home, under=self.home))

    def look(self, *names: str, with_cost: bool = True, **changes: Any) -> dict[str, Seen]:
        """How checks end, by name."""
        chosen = [check for check in CHECKS if not names or check.name in names]
        return {seen.check.name: seen for seen in looked(chosen, self.at(**changes), with_cost=with_cost)}

    def one(self, name: str, **changes: Any) -> tuple[str, str]:
        """How one check ends."""
        seen = self.look(name, **changes)[name]
        return seen.outcome, seen.says


def close(s3: Any, bucket: str, *more: dict[str, Any]) -> None:
    """A bucket as deploy/data.yaml makes it."""
    own = next(r["Properties"] for r in resources("data").values() if r["Type"] == "AWS::S3::Bucket")
    [rule] = own["BucketEncryption"]["ServerSideEncryptionConfiguration"]
    encryption = {"Rules": [{"ApplyServerSideEncryptionByDefault": rule["ServerSideEncryptionByDefault"]}]}
    s3.put_bucket_encryption(Bucket=bucket, ServerSideEncryptionConfiguration=encryption)
    s3.put_public_access_block(Bucket=bucket, PublicAccessBlockConfiguration=own["PublicAccessBlockConfiguration"])
    put_policy(s3, bucket, tls_only(bucket), *more)


def tls_only(bucket: str) -> dict[str, Any]:
    return {
        "Effect": "Deny",
        "Principal": "*",
        "Action": "s3:*",
        "Resource": f"arn:aws:s3:::{bucket}/*",
        "Condition": {"Bool": {"aws:SecureTransport": "false"}},
    }


def put_policy(s3: Any, bucket: str, *statements: dict[str, Any]) -> None:
    s3.put_bucket_policy(Bucket=bucket, Policy=json.dumps({"Version": "2012-10-17", "Statement": list(statements)}))


def not_ours_to_write(config: Segmentation, bucket: str) -> dict[str, Any]:
    """What partner.yaml's role lacks: moto decides by the bucket's policy alone."""
    assert config.audience
    what = f"arn:aws:s3:::{bucket}/{config.audience.path}*"
    return {"Effect": "Deny", "Principal": "*", "Action": "s3:PutObject", "Resource": what}


def ask_for_the_word(where: Aws) -> None:
    """The partner's role, as partner.yaml makes it."""
    condition = {"StringEquals": {"sts:ExternalId": where.partner.external_id}}
    trust = {"Effect": "Allow", "Principal": {"AWS": OURS}, "Action": "sts:AssumeRole", "Condition": condition}
    session(where.partner.role_arn, where.partner.external_id).client("iam").create_role(
        RoleName=where.partner.role_arn.rpartition("/")[2],
        AssumeRolePolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [trust]}),
    )


def _image(where: Aws) -> None:
    ecr = boto3.client("ecr")
    ecr.create_repository(repositoryName="segment-assets")
    layer = {"mediaType": "application/vnd.docker.image.rootfs.diff.tar.gzip", "size": 1, "digest": "sha256:0"}
    manifest = {"schemaVersion": 2, "mediaType": "application/vnd.docker.distribution.manifest.v2+json"}
    ecr.put_image(
        repositoryName="segment-assets",
        imageTag="dev",
        imageManifest=json.dumps(manifest | {"config": layer, "layers": [layer]}),
    )


def _as_if_by_tls(patch: pytest.MonkeyPatch) -> None:
    """The loopback stands for TLS, and moto applies a Deny whatever its condition."""
    decide = IAMPolicyStatement.is_action_permitted

    def decided(self: IAMPolicyStatement, *given: Any, **more: Any) -> PermissionResult:
        if "aws:SecureTransport" in self._statement.get("Condition", {}).get("Bool", {}):
            return PermissionResult.NEUTRAL
        return decide(self, *given, **more)

    patch.setattr(IAMPolicyStatement, "is_action_permitted", decided)


@contextmanager
def smoke_world(patch: pytest.MonkeyPatch, home: Path) -> Iterator[Smoke]:
    """The accounts."""
    _as_if_by_tls(patch)
    with clean_rooms.clean_rooms(patch, home) as rooms:
        s3, glue, partner = boto3.client("s3"), boto3.client("glue"), rooms.where.partner
        for bucket in (rooms.where.landing_bucket, rooms.where.lake_bucket, rooms.where.exports_bucket):
            close(s3, bucket)
        theirs = session(partner.role_arn, partner.external_id).client("s3")
        close(theirs, partner.bucket, not_ours_to_write(rooms.config, partner.bucket))
        there = {database["Name"] for database in glue.get_databases()["DatabaseList"]}
        for space in NAMESPACES:
            if f"dev_{space}" not in there:
                glue.create_database(DatabaseInput={"Name": f"dev_{space}"})
        for target in rooms.config.targets:
            group = f"segment-assets-dev-{target.replace('_', '-')}"
            boto3.client("sagemaker").create_model_package_group(ModelPackageGroupName=group)
        _image(rooms.where)
        make_applications(rooms.aws, rooms.config)
        arrivals.make_stream(rooms.where, STREAM)
        ask_for_the_word(rooms.where)
        forget()
        where = rooms.where.model_copy(
            update={"arrivals_queue": arrivals.make_queue(rooms.where), "events_stream": STREAM}
        )
        yield Smoke(rooms.aws, where, rooms.config, home)
