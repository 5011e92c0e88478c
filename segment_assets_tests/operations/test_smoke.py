"""The smoke test is green where nothing is amiss; what is amiss is one sentence, and stops no other check."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
import yaml
from click.testing import CliRunner, Result

from segment_assets import cli
from segment_assets.aws import session
from segment_assets.operations.smoke.check import Check, looked
from segment_assets.operations.smoke.storage import NAMESPACES
from segment_assets.operations.smoke.table import CHECKS
from segment_assets.segmentation import DEMO_FILE
from segment_assets_tests.aws_double import glue_lock, sts_trust
from segment_assets_tests.aws_double.customer_profiles import CustomerProfiles
from segment_assets_tests.aws_double.front import OURS, Fault
from segment_assets_tests.aws_double.pinpoint import Pinpoint
from segment_assets_tests.aws_double.sagemaker import SageMaker
from segment_assets_tests.aws_double.services import the
from segment_assets_tests.deploy.templates import resources
from segment_assets_tests.operations.smoke_world import (
    Smoke,
    close,
    not_ours_to_write,
    put_policy,
    smoke_world,
    tls_only,
)

DOCS = Path(__file__).parents[2] / "docs" / "aws.md"
ANOTHER = "arn:aws:iam::222222222222:role/Another"


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Smoke]:
    with pytest.MonkeyPatch.context() as patch, smoke_world(patch, tmp_path_factory.mktemp("home")) as there:
        yield there


@pytest.fixture
def smoke(shared: Smoke) -> Smoke:
    """As it was made: whoever breaks something mends it."""
    shared.aws.faults.clear()
    return shared


@pytest.fixture
def s3(smoke: Smoke) -> Iterator[Any]:
    """Buckets that are mended afterwards."""
    client = boto3.client("s3")
    yield client
    close(client, smoke.where.lake_bucket)


def sentence(smoke: Smoke, name: str, **changes: Any) -> str:
    """What a check that fails says."""
    outcome, says = smoke.one(name, **changes)
    assert outcome == "failed", says
    return says


def test_where_nothing_is_amiss_every_check_passes_or_says_why_there_is_nothing_to_check(smoke: Smoke) -> None:
    seen = smoke.look()
    assert {name: one.says for name, one in seen.items() if one.outcome == "failed"} == {}
    assert [name for name, one in seen.items() if one.outcome == "skipped"] == ["endpoints", "step roles"]
    assert seen["query"].says.startswith("audience_enrichment returned 90 rows")


def test_nothing_is_left_behind_but_a_query_s_result(smoke: Smoke) -> None:
    smoke.look(with_cost=False)
    s3 = boto3.client("s3")
    for bucket in (smoke.where.lake_bucket, smoke.where.exports_bucket):
        held = [o["Key"] for o in s3.list_objects_v2(Bucket=bucket).get("Contents", ())]
        assert [key for key in held if "smoke" in key and "clean_room/" not in key] == []
    tables = boto3.client("glue").get_tables(DatabaseName="dev_raw")["TableList"]
    assert [table["Name"] for table in tables if "smoke" in table["Name"]] == []
    assert [name for name in the(smoke.aws, SageMaker).models if "smoke" in name] == []


def test_what_costs_is_done_when_asked_for_alone(smoke: Smoke) -> None:
    queries = sum(c.operation == "StartProtectedQuery" for c in smoke.aws.calls)
    seen = smoke.look("query", with_cost=False)["query"]
    assert (seen.outcome, "CRPU" in seen.says, "--with-cost" in seen.says) == ("skipped", True, True)
    assert sum(c.operation == "StartProtectedQuery" for c in smoke.aws.calls) == queries


def test_what_is_not_configured_is_skipped_with_the_reason(smoke: Smoke) -> None:
    off = {"neptune": None, "sagemaker": None, "quicksight": None, "events_stream": None, "arrivals_queue": None}
    seen = smoke.look("graph", "image", "model", "dashboard", "stream", "queue", "events", **off, event_bus=None)
    assert {one.outcome for one in seen.values()} == {"skipped"}
    assert all("aws." in one.says for one in seen.values())


def test_a_check_that_breaks_stops_no_other(smoke: Smoke) -> None:
    def breaks(_: object) -> str:
        raise KeyError("first\nsecond")

    checks = [Check("one", "x", breaks), Check("two", "x", lambda _: "fine")]
    one, two = looked(checks, smoke.at(), with_cost=False)
    assert (one.outcome, two.outcome) == ("failed", "passed")
    assert one.says.startswith("unexpected KeyError: ")


def test_a_partner_in_our_own_account_and_one_without_a_word_are_refused(smoke: Smoke) -> None:
    partner = smoke.where.partner.model_dump()
    ours = partner | {"role_arn": f"arn:aws:iam::{OURS}:role/Anything"}
    assert f"lies in our own account {OURS}" in sentence(smoke, "partner", partner=ours)
    assert "aws.partner.external_id is not set" in sentence(
        smoke, "partner's word", partner=partner | {"external_id": None}
    )


def test_a_partner_s_role_that_asks_for_no_word_is_told(smoke: Smoke, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sts_trust, "refused", lambda _: None)
    says = sentence(smoke, "partner's word", partner=smoke.where.partner.model_dump() | {"role_arn": ANOTHER})
    assert says == (
        f"{ANOTHER} is entered without an ExternalId: its trust policy must ask for sts:ExternalId "
        "(deploy/partner.yaml)"
    )


def test_a_drop_that_we_may_write_to_is_told_and_nothing_stays_in_it(smoke: Smoke) -> None:
    partner, config = smoke.where.partner, smoke.config
    theirs = session(partner.role_arn, partner.external_id).client("s3")
    put_policy(theirs, partner.bucket, tls_only(partner.bucket))
    assert "our role may write to s3://partners-bucket/partner/audience/" in sentence(smoke, "partner's drop")
    assert "Contents" not in theirs.list_objects_v2(Bucket=partner.bucket, Prefix="partner/")
    put_policy(theirs, partner.bucket, tls_only(partner.bucket), not_ours_to_write(config, partner.bucket))


def test_a_bucket_that_is_not_there_is_named_with_its_place_in_the_file(smoke: Smoke) -> None:
    says = sentence(smoke, "landing bucket", landing_bucket="nobodys-bucket")
    assert says.startswith("s3:ListBucket on s3://nobodys-bucket (aws.landing_bucket) failed: 404")


def test_a_bucket_that_is_open_is_told(smoke: Smoke, s3: Any) -> None:
    bucket = smoke.where.lake_bucket
    s3.delete_bucket_policy(Bucket=bucket)
    assert sentence(smoke, "lake bucket") == f"s3://{bucket} has no policy; deploy data.yaml again"
    put_policy(s3, bucket, not_ours_to_write(smoke.config, bucket))
    assert "its policy does not refuse requests without TLS" in sentence(smoke, "lake bucket")
    s3.put_public_access_block(Bucket=bucket, PublicAccessBlockConfiguration={"BlockPublicAcls": True})
    assert "BlockPublicPolicy, RestrictPublicBuckets is off" in sentence(smoke, "lake bucket")
    s3.delete_public_access_block(Bucket=bucket)
    assert "has no block of public access" in sentence(smoke, "lake bucket")
    s3.delete_bucket_encryption(Bucket=bucket)
    assert "has no encryption" in sentence(smoke, "lake bucket")


def test_every_database_of_the_stacks_is_looked_for_and_a_missing_one_is_named(smoke: Smoke) -> None:
    made = {
        r["Properties"]["DatabaseInput"]["Name"] for r in resources("data").values() if r["Type"].endswith("::Database")
    }
    assert made == {f"dev_{space}" for space in NAMESPACES}
    glue = boto3.client("glue")
    glue.delete_database(Name="dev_activation")
    assert sentence(smoke, "databases") == "Glue has no database dev_activation (deploy data.yaml)"
    glue.create_database(DatabaseInput={"Name": "dev_activation"})


def test_a_catalog_that_takes_stale_commits_is_told(smoke: Smoke, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(glue_lock, "stale", lambda _: None)
    assert "two writers at once would lose rows" in sentence(smoke, "tables")


def test_a_collaboration_that_differs_names_what_differs_and_the_command(smoke: Smoke) -> None:
    says = sentence(smoke, "collaboration", deployment="other")
    assert says.startswith("Clean Rooms differs from segmentation.yaml: ours/collaboration/other_")
    assert "(create)" in says
    assert says.endswith("and 10 more; `segment-assets aws plan` shows it, and `aws apply` mends it")


def test_an_image_that_is_not_there_and_a_target_without_a_group_are_told(smoke: Smoke) -> None:
    how = smoke.where.sagemaker
    assert how
    gone = how.model_dump() | {"image_uri": how.image_uri.replace(":dev", ":gone")}
    assert sentence(smoke, "image", sagemaker=gone).startswith("ecr:DescribeImages on segment-assets failed: ImageNot")
    service = the(smoke.aws, SageMaker)
    group = service.groups.pop(next(iter(service.groups)))
    assert group["ModelPackageGroupName"] in sentence(smoke, "model")
    service.groups[group["ModelPackageGroupName"]] = group


def test_a_target_without_its_endpoint_is_named(smoke: Smoke) -> None:
    assert smoke.where.sagemaker
    how = smoke.where.sagemaker.model_dump() | {"serverless": {}}
    says = sentence(smoke, "endpoints", sagemaker=how)
    assert says.startswith("sagemaker:DescribeEndpoint on segment-assets-dev-churn-28d failed: ValidationException")


@pytest.mark.parametrize(
    ("check", "operation", "permission"),
    [
        ("model", "sagemaker.CreateModel", "sagemaker:CreateModel on "),
        ("graph", "neptunedata.GetEngineStatus", "neptune-db:GetEngineStatus on "),
        ("metrics", "cloudwatch.PutMetricData", "cloudwatch:PutMetricData in segment-assets/dev was denied"),
        ("events", "events.PutEvents", "events:PutEvents on default was denied"),
        ("stream", "firehose.DescribeDeliveryStream", "firehose:DescribeDeliveryStream on segment-assets-dev-events"),
    ],
)
def test_a_denied_call_names_its_permission(smoke: Smoke, check: str, operation: str, permission: str) -> None:
    smoke.aws.faults.append(Fault(operation, "AccessDeniedException", times=9))
    says = sentence(smoke, check)
    assert says.startswith(permission)
    assert "was denied: the role that runs this needs that permission" in says


def test_destinations_that_are_not_there_are_named(smoke: Smoke) -> None:
    pinpoint, profiles = the(smoke.aws, Pinpoint), the(smoke.aws, CustomerProfiles)
    known, domains = dict(vars(pinpoint)), dict(vars(profiles))
    fresh_pinpoint, fresh_profiles = Pinpoint(), CustomerProfiles()
    vars(pinpoint).update(vars(fresh_pinpoint))
    vars(profiles).update(vars(fresh_profiles))
    assert "Pinpoint has no application 7f3c1d2e4b5a69788796a5b4c3d2e1f0" in sentence(smoke, "pinpoint")
    assert "segment-assets-demo" in sentence(smoke, "profiles")
    vars(pinpoint).update(known)
    vars(profiles).update(domains)


def test_places_of_arrivals_that_are_not_there_are_named(smoke: Smoke) -> None:
    says = sentence(smoke, "stream", events_stream="none")
    assert says.startswith("firehose:DescribeDeliveryStream on none failed: ResourceNotFoundException")
    sqs = boto3.client("sqs")
    plain = sqs.create_queue(QueueName="plain")["QueueUrl"]
    assert sentence(smoke, "queue", arrivals_queue=plain).endswith(
        "sets no unreadable messages apart: deploy data.yaml again"
    )
    assert "sqs:GetQueueAttributes" in sentence(smoke, "queue", arrivals_queue=plain.replace("plain", "none"))
    assert "events:PutEvents on nowhere failed: ResourceNotFoundException" in sentence(
        smoke, "events", event_bus="nowhere"
    )


def test_a_dashboard_that_nobody_is_there_to_see_is_told(smoke: Smoke) -> None:
    how = smoke.where.quicksight
    assert how
    nobody = how.model_dump() | {"principal_arn": how.principal_arn.replace("marketing", "nobody")}
    says = sentence(smoke, "dashboard", quicksight=nobody)
    assert says.startswith("quicksight:DescribeGroup on nobody failed: ResourceNotFoundException")


def test_every_check_answers_a_row_of_the_docs_and_is_named_there() -> None:
    rows = [line.strip("|").split("|") for line in DOCS.read_text().splitlines() if line.startswith("| ")]
    named = {row[0].strip(): row[-1] for row in rows}
    for check in CHECKS:
        assert check.proves in named, check.proves
        assert f"`{check.name}`" in named[check.proves], check.name


def run(smoke: Smoke, tmp_path: Path, *arguments: str) -> Result:
    content = yaml.safe_load(DEMO_FILE.read_text())
    content["aws"] = smoke.where.model_dump(mode="json", exclude_none=True)
    (tmp_path / "segmentation.yaml").write_text(yaml.safe_dump(content))
    command = ["aws", "smoke-test", "--config", str(tmp_path / "segmentation.yaml"), *arguments]
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SEGMENT_ASSETS_HOME", str(tmp_path))
        patch.setenv("SEGMENTATION_FILE", "")  # put back afterwards: the command sets it
        return CliRunner().invoke(cli.main, command)


def test_the_command_says_each_check_and_ends_well_or_not(smoke: Smoke, tmp_path: Path) -> None:
    fine = run(smoke, tmp_path, "--only", "credentials", "--only", "objects")
    assert fine.exit_code == 0
    assert [line[:1] for line in fine.output.splitlines()] == ["✓", "✓", "2"]
    smoke.aws.faults.append(Fault("cloudwatch.PutMetricData", "AccessDeniedException"))
    bad = run(smoke, tmp_path, "--only", "metrics", "--only", "events", "--json")
    assert bad.exit_code == 1
    told = json.loads(bad.output)
    assert [one["outcome"] for one in told["checks"]] == ["failed", "passed"]
    assert (told["passed"], told["failed"], told["skipped"]) == (1, 1, 0)


def test_a_check_that_is_not_known_is_refused_with_the_nearest(smoke: Smoke, tmp_path: Path) -> None:
    refused = run(smoke, tmp_path, "--only", "tabels")
    assert refused.exit_code == 1
    assert '--only: no check is named "tabels" (did you mean "tables"?)' in refused.output
