"""The front itself: what it records, what it refuses, and two accounts."""

import boto3
import pytest
from botocore.exceptions import ClientError

from segment_assets import aws as accounts
from segment_assets_tests.aws_double.front import PARTNER, Call, Fault
from segment_assets_tests.aws_double.world import world


def test_calls_are_recorded_by_the_names_that_aws_gives_them(monkeypatch: pytest.MonkeyPatch) -> None:
    with world(monkeypatch) as (aws, where):
        aws.calls.clear()
        boto3.client("s3").put_object(Bucket=where.landing_bucket, Key="a/b", Body=b"x")
        boto3.client("s3").list_objects_v2(Bucket=where.landing_bucket)
        boto3.client("sts").get_caller_identity()
        boto3.client("glue").get_databases()
        named = [f"{call.service}.{call.operation}" for call in aws.calls]
    assert named == ["s3.PutObject", "s3.ListObjectsV2", "sts.GetCallerIdentity", "glue.GetDatabases"]


def test_a_role_of_the_partner_is_another_account(monkeypatch: pytest.MonkeyPatch) -> None:
    with world(monkeypatch) as (_, where):
        theirs = accounts.session(where.partner.role_arn, where.partner.external_id)
        assert theirs.client("sts").get_caller_identity()["Account"] == PARTNER
        ours = {bucket["Name"] for bucket in boto3.client("s3").list_buckets()["Buckets"]}
        assert where.partner.bucket not in ours


def test_a_table_that_changed_meanwhile_is_not_overwritten(monkeypatch: pytest.MonkeyPatch) -> None:
    with world(monkeypatch):
        glue = boto3.client("glue")
        glue.create_database(DatabaseInput={"Name": "d"})
        glue.create_table(DatabaseName="d", TableInput={"Name": "t"})
        first = glue.get_table(DatabaseName="d", Name="t")["Table"]["VersionId"]
        glue.update_table(DatabaseName="d", TableInput={"Name": "t"}, VersionId=first)
        with pytest.raises(ClientError, match="ConcurrentModificationException"):
            glue.update_table(DatabaseName="d", TableInput={"Name": "t"}, VersionId=first)


def test_a_fault_meets_as_many_calls_as_it_says_and_boto3_tries_again(monkeypatch: pytest.MonkeyPatch) -> None:
    with world(monkeypatch) as (aws, where):
        aws.calls.clear()
        aws.faults.append(Fault("s3.PutObject", "SlowDown", 503))
        accounts.client("s3").put_object(Bucket=where.landing_bucket, Key="k", Body=b"x")
        assert aws.calls == [Call("s3", "PutObject", 503), Call("s3", "PutObject", 200)]


def test_an_operation_that_is_not_built_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    with world(monkeypatch), pytest.raises(ClientError, match="is not built in the double"):
        boto3.client("pinpoint").get_campaigns(ApplicationId="a")
