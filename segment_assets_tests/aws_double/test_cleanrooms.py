"""The double's Clean Rooms, asked as boto3 asks: answers are AWS's by its model, and what may not be seen is not."""

from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from segment_assets import aws as accounts
from segment_assets_tests.clean_room import world as worlds
from segment_assets_tests.clean_room.world import World

MEMBER = {"accountId": "222222222222", "displayName": "them", "memberAbilities": []}
NAMES = {"customers_list", "audience_list", "customers_overlap", "audience_overlap_source"}


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with pytest.MonkeyPatch.context() as patch, worlds.clean_rooms(patch, tmp_path_factory.mktemp("home")) as there:
        yield there


def both(world: World) -> list[Any]:
    partner = world.where.partner
    return [boto3.client("cleanrooms"), accounts.session(partner.role_arn, partner.external_id).client("cleanrooms")]


def of(client: Any) -> dict[str, Any]:
    [membership] = client.list_memberships(status="ACTIVE")["membershipSummaries"]
    return membership


def test_both_members_see_the_same_schemas_and_rules(world):
    for client in both(world):
        ident = of(client)["collaborationId"]
        pages = client.get_paginator("list_schemas").paginate(collaborationIdentifier=ident)
        assert {schema["name"] for page in pages for schema in page["schemaSummaries"]} == NAMES
        schema = client.get_schema(collaborationIdentifier=ident, name="audience_list")["schema"]
        assert schema["creatorAccountId"] == "222222222222"
        assert {"name": "email_sha256", "type": "STRING"} in schema["columns"]
        assert [detail["status"] for detail in schema["schemaStatusDetails"]] == ["READY"]
        asked = {"collaborationIdentifier": ident, "name": "audience_list", "type": "LIST"}
        rule = client.get_schema_analysis_rule(**asked)["analysisRule"]
        assert rule["policy"]["v1"]["list"]["joinColumns"] == ["email_sha256"]


def ask(
    client: Any,
    text: str = "SELECT DISTINCT c.customer_id FROM customers_list c JOIN audience_list a "
    "ON c.email_sha256 = a.email_sha256",
) -> dict[str, Any]:
    to = {"s3": {"resultFormat": "PARQUET", "bucket": "our-exports", "keyPrefix": "x"}}
    return client.start_protected_query(
        type="SQL",
        membershipIdentifier=of(client)["id"],
        sqlParameters={"queryString": text},
        resultConfiguration={"outputConfiguration": to},
    )["protectedQuery"]


def test_the_member_who_cant_query_is_denied_and_sees_nothing_of_the_other_account(world):
    ours, theirs = both(world)
    with pytest.raises(ClientError, match="AccessDeniedException"):
        ask(theirs)
    with pytest.raises(theirs.exceptions.ResourceNotFoundException):
        theirs.get_membership(membershipIdentifier=of(ours)["id"])
    assert {t["name"] for t in theirs.list_configured_tables()["configuredTableSummaries"]} == {
        "dev_audience_list",
        "dev_audience_overlap_source",
    }


def test_a_text_that_breaks_a_rule_is_refused_at_the_start(world):
    ours, _ = both(world)
    with pytest.raises(ours.exceptions.ValidationException) as refused:
        ask(ours, "SELECT DISTINCT email_sha256 FROM customers_list")
    assert refused.value.response["reason"] == "INVALID_QUERY"


def test_five_queries_at_a_time_and_a_cancelled_one_ends(world):
    ours, _ = both(world)
    world.service.seconds = 30
    started = [ask(ours) for _ in range(5)]
    with pytest.raises(ClientError, match="ServiceQuotaExceededException"):
        ask(ours)
    for one in started:
        where = {"membershipIdentifier": one["membershipId"], "protectedQueryIdentifier": one["id"]}
        status = ours.update_protected_query(**where, targetStatus="CANCELLED")["protectedQuery"]["status"]
        assert status in ("CANCELLING", "CANCELLED")


def test_a_second_rule_and_a_second_membership_are_conflicts(world):
    ours, _ = both(world)
    [table, *_] = ours.list_configured_tables()["configuredTableSummaries"]
    rule = {
        "analysisRuleType": "LIST",
        "analysisRulePolicy": {"v1": {"list": {"joinColumns": ["a"], "listColumns": []}}},
    }
    with pytest.raises(ours.exceptions.ConflictException):
        ours.create_configured_table_analysis_rule(configuredTableIdentifier=table["id"], **rule)
    with pytest.raises(ours.exceptions.ConflictException):
        ours.create_membership(collaborationIdentifier=of(ours)["collaborationId"], queryLogStatus="ENABLED")


def test_what_is_not_built_says_so(world):
    ours, _ = both(world)
    with pytest.raises(ClientError, match=r"NotImplementedException.*ListProtectedJobs is not built"):
        ours.list_protected_jobs(membershipIdentifier=of(ours)["id"])


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"creatorMemberAbilities": ["CAN_DANCE"]}, "CAN_DANCE' is none of"),
        ({"name": "x" * 101}, "name: 101 long, and 100 is the most"),
        ({"members": [MEMBER | {"accountId": "22222222222x"}]}, r"members\[0\].accountId: '22222222222x' is not"),
    ],
)
def test_what_its_model_does_not_allow_is_refused_and_leaves_nothing(world, changed, told):
    before = dict(world.service.collaborations)
    asked = {
        "name": "another",
        "description": "d",
        "creatorDisplayName": "us",
        "creatorMemberAbilities": [],
        "members": [MEMBER],
        "queryLogStatus": "ENABLED",
    }
    with pytest.raises(ClientError, match=told) as refused:
        boto3.client("cleanrooms").create_collaboration(**asked | changed)
    assert refused.value.response["Error"]["Code"] == "ValidationException"
    assert world.service.collaborations == before
