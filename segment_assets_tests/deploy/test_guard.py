"""The guard rules hold for every template, and each of them bites."""

import re
from copy import deepcopy
from typing import Any

import cfn_guard_rs
import pytest

from segment_assets_tests.deploy.templates import FOLDER, KEY, NAMES, resources

RULES = (FOLDER / "rules.guard").read_text()
REMOVED = object()

# Rule -> template, resource, where in it, what is put there instead.
BROKEN: dict[str, tuple[str, str, str, Any]] = {
    "buckets_are_encrypted": ("data", "Lake", "Properties.BucketEncryption", REMOVED),
    "buckets_are_private": ("data", "Exports", "Properties.PublicAccessBlockConfiguration.BlockPublicPolicy", False),
    "buckets_are_versioned": ("partner", "Bucket", "Properties.VersioningConfiguration.Status", "Suspended"),
    "buckets_forget_versions_and_parts": ("data", "Landing", "Properties.LifecycleConfiguration.Rules.3", REMOVED),
    "buckets_outlive_their_stack": ("platform", "Logs", "DeletionPolicy", "Delete"),
    "tls_only": (
        "data",
        "LakeOverTls",
        "Properties.PolicyDocument.Statement.0.Condition.Bool",
        {"aws:SecureTransport": "true"},
    ),
    "queues_are_encrypted": ("data", "ArrivalsUnread", "Properties.SqsManagedSseEnabled", False),
    "streams_are_encrypted": ("data", "Events", "Properties.DeliveryStreamEncryptionConfigurationInput", REMOVED),
    "streams_compress_and_set_errors_apart": (
        "data",
        "Events",
        "Properties.ExtendedS3DestinationConfiguration.ErrorOutputPrefix",
        "errors/",
    ),
    "databases_are_encrypted": ("models", "Graph", "Properties.StorageEncrypted", False),
    "passwords_are_kept_as_secrets": ("platform", "Database", "Properties.MasterUserPassword", "in the template"),
    "graphs_ask_for_a_role": ("models", "Graph", "Properties.IamAuthEnabled", False),
    "logs_end": ("platform", "TaskLog", "Properties.RetentionInDays", REMOVED),
    "nobody_outside_may_connect": (
        "models",
        "GraphSecurityGroup",
        "Properties.SecurityGroupIngress.0.CidrIp",
        "0.0.0.0/0",
    ),
    "actions_are_named": (
        "roles",
        "Partner",
        "Properties.Policies.0.PolicyDocument.Statement.0.Action",
        ["sts:AssumeRole", "s3:*"],
    ),
    "attached_actions_are_named": ("roles", "Basics", "Properties.PolicyDocument.Statement.0.Action", "s3:Put*"),
    "resources_are_named": ("roles", "Ingest", "Properties.Policies.0.PolicyDocument.Statement.0.Resource", "*"),
    # A statement of one action: the library loses the beginning of a long report.
    "attached_resources_are_named": (
        "collaboration",
        "ReceiveResults",
        "Properties.PolicyDocument.Statement.1.Resource",
        ["*"],
    ),
    "nobody_trusts_everybody": (
        "partner",
        "FirstPartyRole",
        "Properties.AssumeRolePolicyDocument.Statement.0.Principal.AWS",
        "*",
    ),
}


@pytest.mark.parametrize("key", ["", KEY], ids=["aws's key", "own key"])
@pytest.mark.parametrize("name", NAMES)
def test_every_rule_holds(name: str, key: str) -> None:
    for logical, resource in resources(name, KmsKeyArn=key).items():
        assert broken_rules({logical: resource}) == [], f"{name}.yaml: {logical}"


def test_every_rule_is_seen_to_bite() -> None:
    assert set(BROKEN) == set(re.findall(r"(?m)^rule (\w+)", RULES))


@pytest.mark.parametrize("rule", BROKEN)
def test_a_rule_bites(rule: str) -> None:
    name, logical, where, instead = BROKEN[rule]
    resource = resources(name)[logical]
    assert broken_rules({logical: resource}) == []
    assert broken_rules({logical: changed(resource, where, instead)}) == [rule]


def broken_rules(stack: dict[str, Any]) -> list[str]:
    """Names of the rules that do not hold. A resource at a time: a long report is cut off by the library."""
    report = cfn_guard_rs.run_checks({"Resources": stack}, RULES)
    return [found.Rule.name for found in report.not_compliant]


def changed(resource: dict[str, Any], where: str, instead: Any) -> dict[str, Any]:
    copy = deepcopy(resource)
    *path, last = [int(part) if part.isdigit() else part for part in where.split(".")]
    node: Any = copy
    for part in path:
        node = node[part]
    if instead is REMOVED:
        del node[last]
    else:
        node[last] = instead
    return copy
