"""The smoke test's look at the step roles, under the roles of deploy/ with IAM enforced."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from segment_assets import deployment, segmentation
from segment_assets.aws import forget
from segment_assets.operations.smoke import accounts, services
from segment_assets.operations.smoke.check import At, SkippedError, SmokeError
from segment_assets_tests.aws_double.world import PLACES
from segment_assets_tests.deploy.calls import PREFIX, bucket
from segment_assets_tests.deploy.templates import OURS, REGION
from segment_assets_tests.deploy.world import World, two_accounts


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    with two_accounts([*accounts.CLOSED, "run"]) as made:
        yield made


@pytest.fixture
def at(tmp_path: Path) -> At:
    places = {"lake_bucket": bucket("lake"), "role_prefix": f"arn:aws:iam::{OURS}:role/{PREFIX}-"}
    config = segmentation.load(segmentation.DEMO_FILE).model_copy(update={"aws": PLACES.model_copy(update=places)})
    return At(deployment.settings(config, under=tmp_path))


def become(world: World, who: str, patch: Any) -> None:
    credentials = world.sessions[who]
    patch.setenv("AWS_ACCESS_KEY_ID", credentials.key)
    patch.setenv("AWS_SECRET_ACCESS_KEY", credentials.secret)
    patch.setenv("AWS_SESSION_TOKEN", credentials.token)
    patch.setenv("AWS_DEFAULT_REGION", REGION)
    forget()


def test_every_step_s_role_is_denied_what_is_not_its_work(world: World, at: At, monkeypatch: Any) -> None:
    become(world, "run", monkeypatch)
    assert accounts.steps(at) == "8 roles are denied what is not their work"


def test_a_role_that_may_do_more_is_named(world: World, at: At, monkeypatch: Any) -> None:
    become(world, "run", monkeypatch)
    monkeypatch.setattr(accounts, "CLOSED", {"ingest": "raw.contact_addresses"})
    with pytest.raises(SmokeError) as told:
        accounts.steps(at)
    assert str(told.value) == (
        "the role of ingest may do glue:GetTable on dev_raw.contact_addresses, which is not its work: "
        "deploy roles.yaml again"
    )


def test_whoever_may_not_enter_the_roles_is_told_who_may(world: World, at: At, monkeypatch: Any) -> None:
    become(world, "segments", monkeypatch)
    with pytest.raises(SkippedError, match="roles of steps are entered by the role of a run"):
        accounts.steps(at)


def test_where_every_query_spends_a_privacy_budget_none_is_asked(tmp_path: Path) -> None:
    content = yaml.safe_load(segmentation.DEMO_FILE.read_text())
    private = {
        "table": "partner_audience",
        "allowed_columns": ["email_sha256", "age_band"],
        "custom": {"allowed_analyses": ["ANY_QUERY"], "allowed_authors": ["grocer"], "user_column": "email_sha256"},
    }
    text = "SELECT age_band, COUNT(DISTINCT email_sha256) AS people FROM audience_private GROUP BY age_band"
    content["collaboration"] |= {
        "privacy_budget": {"epsilon": 3, "users_noise_per_query": 30},
        "configured_tables": {"audience_private": private},
        "queries": {"ages": {"description": "Ages.", "sql": text}},
    }
    config = segmentation.Segmentation.model_validate(content).model_copy(update={"aws": PLACES})
    with pytest.raises(SkippedError, match="every query is under differential privacy"):
        services.query(At(deployment.settings(config, under=tmp_path)))
