"""Each role does its work, and is denied a list of things it must not do: real calls, with IAM enforcement on.

What moto can't enforce (Clean Rooms, Neptune, Customer Profiles, QuickSight, ECS) is decided by the same evaluator from
the same policies, without a call.
"""

import inspect
import re
from collections.abc import Iterator
from types import ModuleType

import pytest

from segment_assets.activation import aws as pinpoint
from segment_assets.activation.customer_profiles import aws as customer_profiles
from segment_assets_tests.deploy import iam
from segment_assets_tests.deploy.calls import PREFIX, as_guest, become, bucket, erase, in_lake, look, role, write
from segment_assets_tests.deploy.permissions import ALLOWED, BEYOND_MOTO, FORBIDDEN, NOBODY, STEPS
from segment_assets_tests.deploy.templates import GIVEN, NAMES, OURS, PARTNER, REGION, resources
from segment_assets_tests.deploy.world import World, statements, two_accounts


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    with two_accounts(ALLOWED) as made:
        yield made


def test_every_role_of_every_stack_is_tested() -> None:
    named = {name.removeprefix(f"{PREFIX}-") for stack in NAMES for name in statements(stack)}
    assert named - {"backup", "first-party"} == ALLOWED.keys()  # AWS's own policies; tested through its guests
    assert ALLOWED.keys() == FORBIDDEN.keys()
    for who in ALLOWED.keys() - {"execution"}:
        assert len(ALLOWED[who]) >= 3, who
    for who in FORBIDDEN:
        assert len(FORBIDDEN[who]) >= 3, who


@pytest.mark.parametrize("who", ALLOWED)
def test_a_role_does_its_work(world: World, who: str) -> None:
    assert [said for said, call in ALLOWED[who].items() if world.denied(who, call)] == []


@pytest.mark.parametrize("who", FORBIDDEN)
def test_a_role_is_denied_what_is_not_its_work(world: World, who: str) -> None:
    assert [said for said, call in FORBIDDEN[who].items() if not world.denied(who, call)] == []


@pytest.mark.parametrize("who", STEPS)
def test_no_step_may_do_what_none_may(world: World, who: str) -> None:
    assert [said for said, call in NOBODY.items() if not world.denied(who, call)] == []


def test_the_wrong_word_does_not_open_the_partner_s_account(world: World) -> None:
    assert world.denied("partner", become(role("first-party", PARTNER), ExternalId="something else"))
    assert world.denied("segments", become(role("first-party", PARTNER), ExternalId=GIVEN["ExternalId"]))


def test_a_guest_can_not_change_what_the_partner_dropped(world: World) -> None:
    drop = "partner/audience/drop.csv"
    for call in (write(bucket("partner"), drop), erase(bucket("partner"), drop), look(bucket("partner"), "")):
        assert world.denied("partner", as_guest(call))


def test_whoever_sends_events_may_do_that_alone() -> None:
    document = resources("data")["SendEvents"]["Properties"]["PolicyDocument"]["Statement"]
    stream = f"arn:aws:firehose:{REGION}:{OURS}:deliverystream/{PREFIX}-events"
    assert iam.allows(document, "firehose:PutRecordBatch", stream)
    assert not iam.allows(document, "firehose:PutRecordBatch", stream.replace("dev", "prod"))
    assert not iam.allows(document, "firehose:DeleteDeliveryStream", stream)


@pytest.mark.parametrize(
    ("who", "action", "resource", "context", "may"), BEYOND_MOTO, ids=[f"{b[0]} {b[1]} {b[4]}" for b in BEYOND_MOTO]
)
def test_beyond_what_moto_enforces(who: str, action: str, resource: str, context: iam.Context, may: bool) -> None:
    [held] = [held[f"{PREFIX}-{who}"] for stack in NAMES if f"{PREFIX}-{who}" in (held := statements(stack))]
    assert iam.allows(held, action, resource, context) is may


def test_the_partner_s_clean_rooms_role_writes_no_results() -> None:
    [held] = iam.roles(resources("collaboration", PARTNER, Member="partner"), PARTNER).values()
    results = f"arn:aws:s3:::segment-assets-dev-exports-{PARTNER}-{REGION}/dev/clean_room/q/part-0"
    mine = {"aws:ResourceAccount": PARTNER}
    assert not iam.allows(held, "s3:PutObject", results, mine)
    assert iam.allows(held, "s3:GetObject", f"arn:aws:s3:::{bucket('partner')}/{in_lake('partner')}", mine)
    assert not iam.allows(held, "s3:GetObject", f"arn:aws:s3:::{bucket('partner')}/partner/audience/drop.csv", mine)


def test_the_partner_decides_who_writes_its_rules() -> None:
    rule = f"arn:aws:cleanrooms:{REGION}:{PARTNER}:configuredtable/t"
    for says, may in (("yes", True), ("no", False)):
        [held] = iam.roles(resources("partner", FirstPartyManagesCleanRooms=says), PARTNER).values()
        assert iam.allows(held, "cleanrooms:UpdateConfiguredTableAnalysisRule", rule) is may
        assert not iam.allows(held, "cleanrooms:DeleteConfiguredTableAnalysisRule", rule)
        # A budget that is deleted and made anew is a new one: the partner's own people do that.
        membership = f"arn:aws:cleanrooms:{REGION}:{PARTNER}:membership/m"
        assert iam.allows(held, "cleanrooms:UpdatePrivacyBudgetTemplate", membership) is may
        assert not iam.allows(held, "cleanrooms:DeletePrivacyBudgetTemplate", membership)
        whole = f"arn:aws:cleanrooms:{REGION}:{OURS}:collaboration/c"
        assert iam.allows(held, "cleanrooms:ListCollaborationPrivacyBudgets", whole) is may


def test_at_a_destination_activation_may_do_what_its_code_calls_and_nothing_else() -> None:
    held = iam.roles(resources("roles"), OURS)[f"{PREFIX}-activation"]
    granted = {a for s in held for a in iam.several(s["Action"]) if a.split(":")[0] in ("profile", "mobiletargeting")}
    assert granted == {
        *(f"profile:{call}" for call in _calls(customer_profiles, "_profiles|_once")),
        "profile:TagResource",  # asked for beside CreateSegmentDefinition, which tags
        *(f"mobiletargeting:{call}" for call in _calls(pinpoint, "_pinpoint|_once")),
    }


def _calls(adapter: ModuleType, clients: str) -> set[str]:
    """Operations of the API that the adapter's source names."""
    source = inspect.getsource(adapter)
    made = re.findall(rf"self\.(?:{clients})\.(?!get_paginator)(\w+)\(", source)
    return {name.title().replace("_", "") for name in made + re.findall(r'get_paginator\("(\w+)"\)', source)}


def test_without_an_optional_part_there_is_no_permission_for_it() -> None:
    held = iam.roles(resources("roles", NeptuneResourceId="", PinpointApplicationId=""), OURS)
    named = {
        a.split(":")[0]
        for s in (*held[f"{PREFIX}-identity"], *held[f"{PREFIX}-activation"])
        for a in iam.several(s["Action"])
    }
    assert not named & {"neptune-db", "mobiletargeting"}
