"""The templates are valid CloudFormation, and say the same as the code about names."""

import json
import re
import tomllib
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import yaml
from cfnlint.api import lint
from cfnlint.config import ManualArgs
from cfnlint.core import get_rules
from dagster import Field
from dagster._config import validate_config
from dagster._core.instance.config import dagster_instance_config
from dagster._core.instance.ref import InstanceRef

from segment_assets.modelling.aws import _TO_START
from segment_assets.segmentation import DEMO_FILE, load
from segment_assets_tests.deploy.templates import FOLDER, KEY, NAMES, REGION, resources

ROOT = FOLDER.parent
# Pinpoint ended on 30 October 2026, and cfn-lint says so: that is why it is a template of its own.
IGNORED = {"pinpoint": ["W3696"]}
# Customer Profiles is not in every region; here every service is.
LINTED = "us-east-1"
# Namespaces whose tables lie in the partner's account.
PARTNERS = {"partner"}


@pytest.mark.parametrize("name", NAMES)
def test_cfn_lint_finds_nothing(name: str) -> None:
    text = (FOLDER / f"{name}.yaml").read_text()
    rules = get_rules([], IGNORED.get(name, []), ["W", "E"])
    found = lint(text, rules, [LINTED], ManualArgs(regions=[LINTED], ignore_checks=IGNORED.get(name, [])))
    assert [f"{m.rule.id} line {m.linenumber}: {m.message[:300]}" for m in found] == []


def test_every_template_is_tested() -> None:
    templates = {p.stem for p in FOLDER.glob("*.yaml") if "AWSTemplateFormatVersion" in p.read_text()}
    assert templates == set(NAMES)


@pytest.mark.parametrize("key", ["", KEY], ids=["aws's key", "own key"])
@pytest.mark.parametrize("name", NAMES)
def test_every_bucket_and_asked_queue_has_a_policy_that_refuses_plain_http(name: str, key: str) -> None:
    stack = resources(name, KmsKeyArn=key)
    buckets = {r["Properties"]["BucketName"] for r in stack.values() if r["Type"] == "AWS::S3::Bucket"}
    guarded = {r["Properties"]["Bucket"] for r in stack.values() if r["Type"] == "AWS::S3::BucketPolicy"}
    assert guarded == buckets


def test_your_own_key_is_used_wherever_something_is_kept() -> None:
    """What is left out keeps no rows: queues and log groups hold names of objects and what Dagster prints."""
    without = {"AWS::SQS::Queue", "AWS::Logs::LogGroup"}
    keeps = ("Bucket", "DeliveryStream", "DBCluster", "Secret", "BackupVault", "Domain", "Topic")
    for name in NAMES:
        for logical, resource in resources(name, KmsKeyArn=KEY).items():
            kind = resource["Type"]
            if kind.rsplit("::", 1)[1] in keeps and kind not in without:
                assert KEY in json.dumps(resource), f"{name}.yaml: {logical}"
                assert KEY not in json.dumps(resources(name)[logical]), f"{name}.yaml: {logical}"


def test_every_namespace_of_the_tables_has_its_database() -> None:
    sources = (p.read_text() for p in (ROOT / "segment_assets").glob("*/tables.py"))
    spaces = {m for text in sources for m in re.findall(r'f?"([a-z_]+)\.[a-z_{}]+"', text)}
    assert spaces >= {"raw", "first_party", "partner", "clean_room"}

    def databases(name: str) -> dict[str, str]:
        found = [r["Properties"]["DatabaseInput"] for r in resources(name).values() if r["Type"].endswith("::Database")]
        return {database["Name"]: database["LocationUri"] for database in found}

    assert databases("data").keys() == {f"dev_{space}" for space in spaces - PARTNERS}
    assert databases("partner").keys() == {f"dev_{space}" for space in PARTNERS}
    for database, location in (databases("data") | databases("partner")).items():
        # Where the adapter puts a database's tables by itself (segment_assets/lake/aws.py: its warehouse).
        assert location.endswith(f"/dev/lake/{database}.db")


def test_a_bucket_s_name_fits_in_the_longest_region() -> None:
    for name in NAMES:
        for resource in resources(name, Deployment="abcdefghijkl").values():
            if resource["Type"] == "AWS::S3::Bucket":
                called = resource["Properties"]["BucketName"]
                assert len(called) - len(REGION) + len("ap-southeast-1") <= 63, called


def instance(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load(path.read_text())
    return found


def test_the_instance_on_aws_runs_things_as_the_one_on_one_machine_does() -> None:
    here, there = instance(ROOT / "dagster.yaml"), instance(FOLDER / "dagster.aws.yaml")
    differ = {"storage", "run_launcher", "compute_logs", "event_log_storage"}
    longest = there["run_monitoring"].pop("max_runtime_seconds")
    assert longest > here["run_monitoring"].pop("max_runtime_seconds")
    assert {k: v for k, v in there.items() if k not in differ} == {k: v for k, v in here.items() if k not in differ}
    assert "event_log_storage" not in there, "the quick one is SQLite's"


def test_a_run_may_take_as_long_as_the_jobs_it_waits_for() -> None:
    config = load(DEMO_FILE)
    assert config.aws
    assert config.aws.sagemaker
    jobs = 2 * len(config.targets)  # a training and a transform each, one after another
    longest = instance(FOLDER / "dagster.aws.yaml")["run_monitoring"]["max_runtime_seconds"]
    assert longest > jobs * (config.aws.sagemaker.minutes * 60 + _TO_START)


@pytest.mark.parametrize("part", ["run_launcher", "compute_logs"])
def test_each_class_of_the_instance_reads_its_config(part: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """By the class's own schema; nothing is connected to."""
    text = (FOLDER / "dagster.aws.yaml").read_text()
    for variable in re.findall(r"\{env: (\w+)\}", text):
        monkeypatch.setenv(variable, "some-value")
    named = yaml.safe_load(text)[part]
    schema = getattr(import_module(named["module"]), named["class"]).config_type()
    outcome = validate_config(Field(schema).config_type, named["config"])
    assert outcome.success, outcome.errors


def test_dagster_reads_the_instance(tmp_path: Path) -> None:
    (tmp_path / "dagster.yaml").write_text((FOLDER / "dagster.aws.yaml").read_text())
    read, _ = dagster_instance_config(str(tmp_path))
    assert read["storage"]["postgres"]["postgres_db"]["params"] == {"sslmode": "require"}
    InstanceRef.from_dir(str(tmp_path))  # the names of its classes, and of dagster-postgres's


def test_every_variable_of_the_instance_is_set_in_every_task() -> None:
    wanted = set(re.findall(r"\{env: (\w+)\}", (FOLDER / "dagster.aws.yaml").read_text()))
    tasks = [r for r in resources("platform").values() if r["Type"] == "AWS::ECS::TaskDefinition"]
    assert len(tasks) == 3
    for task in tasks:
        [container] = task["Properties"]["ContainerDefinitions"]
        assert wanted <= {v["Name"] for v in [*container["Environment"], *container["Secrets"]]}


def test_the_image_has_what_the_platform_needs_as_it_is_tested_and_no_tool_that_tests() -> None:
    def pins(path: Path) -> dict[str, str]:
        return dict(re.findall(r"(?m)^([\w.-]+)(?:\[.*?\])?==(\S+)", path.read_text()))

    def named(requirements: list[str]) -> set[str]:
        return {re.split(r"[^\w.-]", requirement)[0] for requirement in requirements}

    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras, image = project["optional-dependencies"], pins(FOLDER / "requirements.lock")
    assert image.items() <= pins(ROOT / "requirements.lock").items(), "run `make lock`"
    assert image.keys() >= named([*project["dependencies"], *extras["aws"], *extras["build"]]), "run `make lock`"
    assert image.keys().isdisjoint(named([*extras["dev"], *extras["demo"]]))


def test_the_image_is_made_from_the_lock_and_runs_as_nobody_in_particular() -> None:
    lines = (FOLDER / "Dockerfile").read_text()
    assert "--require-hashes" in lines
    assert "requirements.lock" in lines
    users = re.findall(r"(?m)^USER (\w+)", lines)
    assert users
    assert users[-1] != "root"
    assert re.findall(r"(?m)^FROM (.+)", lines) == ["${BASE} AS build", "${BASE}"], "the base image is a setting"
    for copied in re.findall(r"(?m)^COPY (?!--from)(.+)", lines):
        assert all((ROOT / source).exists() for source in copied.split()[:-1]), copied
