"""Tables under differential privacy in two accounts on the double: made, asked, and paid from AWS's own budget."""

from collections.abc import Iterator
from pathlib import Path

import boto3
import pytest
from botocore.exceptions import ClientError

from segment_assets import segmentation
from segment_assets.aws import AwsRefusedError
from segment_assets.clean_room.aws_plan import PlanError, Resource, plan, steps
from segment_assets.segmentation import Segmentation
from segment_assets_tests.clean_room import world
from segment_assets_tests.clean_room.privacy.test_query import written
from segment_assets_tests.clean_room.world import World

BUDGET = "partner/privacy_budget/dev_grocer-and-demographics"


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    config = segmentation.load(written(tmp_path_factory.mktemp("config")))
    with (
        pytest.MonkeyPatch.context() as patch,
        world.clean_rooms(patch, tmp_path_factory.mktemp("there"), config=config) as made,
    ):
        yield made


@pytest.fixture
def there(shared: World, tmp_path: Path) -> World:
    """Everything made, and nothing asked or spent yet."""
    shared.config = segmentation.load(written(tmp_path))
    shared.service.spent.path.unlink(missing_ok=True)
    shared.service.queries.clear()
    shared.apply()
    return shared


def declared(tmp_path: Path, epsilon: int, users: int = 10, refresh: str = "CALENDAR_MONTH") -> Segmentation:
    told = {"epsilon": epsilon, "users_noise_per_query": users, "auto_refresh": refresh}
    return segmentation.load(written(tmp_path, told))


def spend(there: World) -> None:
    [budget] = there.service._noise_of(next(iter(there.service.collaborations))).values()
    there.service.spent.reserve(budget["collaborationId"], there.service._template(budget), "k", "q", 1)


def test_the_rule_and_the_budget_are_made_as_declared_and_then_nothing_differs(there):
    assert {c.action for c in there.plan()} == {"unchanged"}
    [budget] = there.service.budgets.values()
    assert there.service.account_of[budget["id"]] == "222222222222"
    assert (budget["privacyBudgetType"], budget["autoRefresh"]) == ("DIFFERENTIAL_PRIVACY", "CALENDAR_MONTH")
    assert budget["parameters"] == {"differentialPrivacy": {"epsilon": 20, "usersNoisePerQuery": 10}}
    table = next(t for t in there.service.tables.values() if t["name"] == "dev_audience_private")
    custom = there.service.rules[table["id"]]["policy"]["v1"]["custom"]
    assert custom["differentialPrivacy"] == {"columns": [{"name": "email_sha256"}]}
    assert there.apply() == []


def test_a_difference_is_found_and_mended_in_place(there, tmp_path):
    [budget] = there.service.budgets.values()
    budget["parameters"]["differentialPrivacy"] = {"epsilon": 3, "usersNoisePerQuery": 90}
    assert [(c.resource.label, c.differs) for c in there.plan() if c.action == "change"] == [
        (BUDGET, ("epsilon", "usersNoisePerQuery"))
    ]
    spend(there)  # more can be had at any time
    assert [s.verb for s in there.apply()] == ["change"]
    assert budget["parameters"]["differentialPrivacy"] == {"epsilon": 20, "usersNoisePerQuery": 10}
    there.config = declared(tmp_path, 20, users=50)  # the noise can move both ways
    assert [s.verb for s in there.apply()] == ["change"]
    assert {c.action for c in there.plan()} == {"unchanged"}


def test_a_budget_shrinks_as_long_as_nobody_used_it(there, tmp_path):
    there.config = declared(tmp_path, 5)
    assert [(s.verb, s.resource.label) for s in there.apply()] == [("change", BUDGET)]
    spend(there)
    there.config = declared(tmp_path, 4)
    assert [(c.action, c.differs) for c in there.plan() if c.action != "unchanged"] == [("blocked", ("epsilon",))]
    with pytest.raises(PlanError, match="a budget that was used can grow, and not shrink"):
        there.apply()


def test_what_was_used_in_an_earlier_month_is_known_to_aws_alone_and_its_refusal_is_told(there, tmp_path):
    spend(there)
    there.config = declared(tmp_path, 4)
    [change] = [c for c in there.plan() if c.action == "blocked"]
    found = Resource("partner", "privacy_budget", change.resource.name, {**change.resource.settings, "epsilon": 20})
    [step] = steps(plan([change.resource], [found]))
    rooms = there.rooms
    rooms.observe()
    with pytest.raises(AwsRefusedError, match="UpdatePrivacyBudgetTemplate on partner/privacy_budget"):
        rooms.take(step)


def test_another_refresh_is_another_budget_and_made_when_named(there, tmp_path):
    there.config = declared(tmp_path, 20, refresh="NONE")
    with pytest.raises(PlanError, match=f"can't change autoRefresh in place: name it with --delete {BUDGET}"):
        there.apply()
    assert [s.verb for s in there.apply(BUDGET)] == ["delete", "create"]
    there.config = declared(tmp_path, 20)
    assert there.apply(BUDGET)
    assert {c.action for c in there.plan()} == {"unchanged"}


def test_a_collaboration_has_one_budget(there):
    told = {"privacyBudgetType": "DIFFERENTIAL_PRIVACY", "autoRefresh": "NONE"}
    numbers = {"differentialPrivacy": {"epsilon": 1, "usersNoisePerQuery": 10}}
    client = boto3.client("cleanrooms")
    [ours] = client.list_memberships(status="ACTIVE")["membershipSummaries"]
    with pytest.raises(ClientError, match="ConflictException"):
        client.create_privacy_budget_template(membershipIdentifier=ours["id"], parameters=numbers, **told)


def test_whoever_receives_results_puts_no_table_of_its_own_under_differential_privacy(there, tmp_path):
    config = there.config
    offered = config.collaboration.configured_tables
    ours = offered["audience_private"].model_copy(update={"table": "customers", "allowed_columns": ["email_sha256"]})
    collaboration = config.collaboration.model_copy(update={"configured_tables": offered | {"ours_private": ours}})
    there.config = config.model_copy(update={"collaboration": collaboration})
    with pytest.raises(PlanError, match=r"ours_private\.custom\.user_column: on AWS whoever receives results"):
        there.wanted()
