"""Each step under its own role of deploy/: where one permission is taken, its step fails and says which.

That with all of them every step does its work is shown by test_parity.py.
"""

from collections.abc import Iterator
from datetime import timedelta

import dagster as dg
import pytest
from moto.s3.models import s3_backends

from segment_assets import acting, deployment, roles
from segment_assets.definitions import platform
from segment_assets.identity.tables import PERSONS
from segment_assets.lake import Lake
from segment_assets.lake.aws_files import place
from segment_assets.lake.workers import one_ahead
from segment_assets.operations.instance import opened
from segment_assets.third_party.tables import partner_audience
from segment_assets_tests.aws_double.world import world
from segment_assets_tests.deploy.calls import PREFIX
from segment_assets_tests.deploy.deployed import AsDeployed, being, make, places, settled
from segment_assets_tests.deploy.guard import Guard

# Role, the permission that is taken, the asset, and what its failure says.
LACKING = [
    ("ingest", "s3:ListBucket", "customers", "s3:ListBucket on s3://segment-assets-dev-landing"),
    ("partner", "sts:AssumeRole", "partner_audience", "sts:AssumeRole on arn:aws:iam::222222222222:role/"),
    ("clean-room", "glue:GetTable", "collaboration", "glue:GetTable on dev_"),
    ("identity", "glue:GetTable", "identity_edges", "glue:GetTable on dev_identity."),
    ("modelling", "glue:GetTable", "features", "glue:GetTable on dev_modelling."),
    ("segments", "glue:GetTable", "predictive_segments/win_back", "glue:GetTable on dev_"),
    ("activation", "glue:GetTable", "file_handoff/win_back", "glue:GetTable on dev_"),
    ("dashboard", "s3:PutObject", "dashboard", "s3:PutObject on s3://segment-assets-dev-exports"),
]


@pytest.fixture(scope="module")
def deployed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[AsDeployed, Guard]]:
    home = tmp_path_factory.mktemp("home")
    with pytest.MonkeyPatch.context() as patch, world(patch) as (aws, _), opened(home) as instance:
        config = settled(patch, home, places(aws))
        make(aws, places(aws), config)
        defs = platform(config, deployment.settings(config, base=home, under=home))
        guard = aws.gate = Guard(aws)
        yield AsDeployed(defs, instance, home / "state", aws=aws), guard


@pytest.mark.parametrize(("role", "taken", "asset", "said"), LACKING, ids=[case[0] for case in LACKING])
def test_a_step_whose_role_lacks_a_permission_says_which(
    deployed: tuple[AsDeployed, Guard], role: str, taken: str, asset: str, said: str
) -> None:
    refresh, guard = deployed
    guard.lacking, guard.denied = {f"{PREFIX}-{role}": taken}, []
    run = refresh.execute([dg.AssetKey.from_user_string(asset)], [])
    assert not run.success
    assert {(name, action) for name, action, _ in guard.denied} == {(f"{PREFIX}-{role}", taken)}
    [failure] = [
        event.event_specific_data.error
        for record in refresh.instance.all_logs(run.run_id)
        if (event := record.dagster_event) and event.is_step_failure
    ]
    [told] = [e.message for e in (failure, failure.cause) if e and "AwsRefusedError" in e.message]
    assert said in told
    assert f"was denied: the role {PREFIX}-{role} needs that permission" in told


def test_the_clean_up_removes_what_nobody_needs_of_both_accounts_in_a_role_of_its_own(
    deployed: tuple[AsDeployed, Guard],
) -> None:
    refresh, guard = deployed
    guard.lacking, guard.denied, refresh.aws.gate = {}, [], None
    lake: Lake = refresh.defs.resources["lake"]  # type: ignore[index]
    left = []
    for table in (PERSONS, partner_audience()):
        lake.write(table, table.empty(), "run")
        bucket, key = place(f"{lake.catalog.load_table(table.name).location()}/data/of-a-run-that-was-killed.parquet")
        owner = s3_backends.bucket_accounts[bucket][1]
        orphan = s3_backends[owner]["aws"].put_object(bucket, key, b"rows")
        orphan.last_modified -= timedelta(days=2)
        left.append((owner, bucket, key))
    refresh.aws.gate = guard
    with being(refresh.aws, "run"):
        for job in ("compact_lake", "clean_lake"):
            assert refresh.defs.resolve_job_def(job).execute_in_process(instance=refresh.instance).success
    assert guard.denied == []
    assert [key for owner, bucket, key in left if s3_backends[owner]["aws"].get_object(bucket, key)] == []


def test_what_a_thread_reads_ahead_is_read_as_the_step() -> None:
    seen: list[str | None] = []

    @dg.asset
    def one() -> None:
        seen.extend(one_ahead(acting.role() for _ in range(2)))

    [given] = roles.given([one], "arn:aws:iam::123456789012:role/one")
    assert dg.materialize([given]).success
    assert seen == ["arn:aws:iam::123456789012:role/one"] * 2
    assert acting.role() is None


def test_a_job_acts_in_the_role_of_its_tag() -> None:
    seen: list[str | None] = []

    @dg.op
    def look() -> None:
        seen.append(acting.role())

    @dg.job(tags={roles.ROLE: "arn:aws:iam::123456789012:role/clean-up"})
    def job() -> None:
        look()

    assert job.execute_in_process().success
    assert seen == ["arn:aws:iam::123456789012:role/clean-up"]
