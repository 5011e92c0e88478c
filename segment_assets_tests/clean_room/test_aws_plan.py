"""Declaration against two accounts: made where missing, changed where different, deleted where named."""

from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from uuid import uuid4

import pytest
from click.testing import CliRunner

from segment_assets import cli, segmentation
from segment_assets.aws import AwsRefusedError
from segment_assets.clean_room.aws_plan import Change, PlanError, Resource, canonical, plan, steps
from segment_assets_tests.aws_double.front import Fault
from segment_assets_tests.clean_room import world as worlds
from segment_assets_tests.clean_room.world import World

EVERYTHING = {"collaboration": 1, "membership": 2, "configured_table": 4, "analysis_rule": 4, "association": 4}


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    with worlds.clean_rooms(monkeypatch, tmp_path, apply=False) as there:
        yield there


def resource(kind: str, name: str = "a", account: str = "ours", **settings) -> Resource:
    return Resource(account, kind, name, settings)


def test_each_resource_is_made_changed_left_or_shown():
    wanted = [resource("configured_table", n, table=t) for n, t in (("new", "x"), ("same", "x"), ("other", "x"))]
    found = [resource("configured_table", n, table=t) for n, t in (("same", "x"), ("other", "y"), ("strange", "x"))]
    assert [(c.action, c.resource.name, c.differs) for c in plan(wanted, found)] == [
        ("create", "new", ()),
        ("unchanged", "same", ()),
        ("change", "other", ("table",)),
        ("not declared", "strange", ()),
    ]


def test_nothing_is_deleted_that_is_not_named_and_a_wrong_name_is_refused_with_the_nearest():
    changes = plan([], [resource("association", "audience"), resource("configured_table", "dev_audience")])
    assert steps(changes) == []
    named = ["ours/configured_table/dev_audience", "ours/association/audience"]
    assert [(s.verb, s.resource.name) for s in steps(changes, named)] == [
        ("delete", "audience"),
        ("delete", "dev_audience"),
    ]
    with pytest.raises(PlanError, match=r'"ours/association/audience"'):
        steps(changes, ["ours/association/audienc"])


def test_what_aws_cant_change_in_place_is_deleted_when_named_and_made_by_the_next_call():
    wanted = resource("association", "customers", configuredTable="dev_new", roleArn="r")
    found = resource("association", "customers", configuredTable="dev_old", roleArn="r")
    changes = plan([wanted], [found])
    assert changes == [Change("blocked", wanted, ("configuredTable",))]
    with pytest.raises(PlanError, match=r"can't change configuredTable in place: .* --delete ours/assoc"):
        steps(changes)
    assert [s.verb for s in steps(changes, ["ours/association/customers"])] == ["delete"]
    assert [s.verb for s in steps(plan([wanted], []))] == ["create"]


def test_what_others_rest_on_is_not_deleted_before_them():
    table = resource("configured_table", "dev_a")
    association = resource("association", "a", configuredTable="dev_a", roleArn="r")
    changes = plan([], [resource("collaboration"), resource("membership"), table, association])
    with pytest.raises(PlanError, match="--delete ours/configured_table/dev_a: ours/association/a goes before it"):
        steps(changes, [table.label])
    with pytest.raises(PlanError, match="--delete ours/membership/a: ours/association/a goes before it"):
        steps(changes, ["ours/membership/a"])
    every = [c.resource.label for c in changes]
    assert [s.resource.kind for s in steps(changes, every)] == [
        "association",
        "configured_table",
        "collaboration",
        "membership",
    ]


def test_a_rule_is_the_same_in_whatever_order_aws_gives_it_back():
    one = {"v1": {"list": {"joinColumns": ["b", "a"], "listColumns": [], "allowedJoinOperators": []}}}
    other = {"v1": {"list": {"listColumns": [], "joinColumns": ["a", "b"]}}}
    assert canonical(one) == canonical(other)
    assert canonical(one) != canonical({"v1": {"list": {"listColumns": ["c"], "joinColumns": ["a", "b"]}}})


def test_after_apply_there_is_nothing_to_do_and_a_second_apply_changes_nothing(world):
    made = world.apply()
    assert Counter(step.resource.kind for step in made) == EVERYTHING
    assert {(t["name"], world.service.account_of[i]) for i, t in world.service.tables.items()} >= {
        ("dev_customers_list", "123456789012"),
        ("dev_audience_list", "222222222222"),
    }
    assert {c.action for c in world.plan()} == {"unchanged"}
    assert world.apply() == []


def test_a_changed_rule_a_changed_column_and_a_changed_role_are_put_back(world):
    world.apply()
    service = world.service
    rule = next(r for r in service.rules.values() if r["type"] == "AGGREGATION")
    rule["policy"] = {"v1": {"aggregation": rule["policy"]["v1"]["aggregation"] | {"dimensionColumns": []}}}
    next(t for t in service.tables.values() if t["name"] == "dev_customers_list")["allowedColumns"] = ["email_sha256"]
    next(iter(service.associations.values()))["roleArn"] = "arn:aws:iam::123456789012:role/AnotherOne"
    assert {(c.resource.kind, c.differs) for c in world.plan() if c.action == "change"} == {
        ("configured_table", ("allowedColumns",)),
        ("analysis_rule", ("policy",)),
        ("association", ("roleArn",)),
    }
    assert [step.verb for step in world.apply()] == ["change"] * 3
    assert world.apply() == []


def test_what_nobody_declares_stays_until_it_is_named(world):
    world.apply()
    names = {"ours/association/customers_list", "ours/configured_table/dev_customers_list"}
    declared = world.config.collaboration
    assert declared
    fewer = {k: v for k, v in declared.configured_tables.items() if k != "customers_list"}
    smaller = declared.model_copy(update={"configured_tables": fewer})
    world.config = world.config.model_copy(update={"collaboration": smaller})
    assert {c.resource.label for c in world.plan() if c.action == "not declared"} >= names
    assert world.apply() == []
    assert {s.resource.label for s in world.apply(*names)} == names
    assert {c.action for c in world.plan()} == {"unchanged"}


def test_an_apply_that_was_refused_half_way_is_finished_by_the_next(world):
    world.aws.faults.append(Fault("cleanrooms.CreateConfiguredTableAssociation", "AccessDeniedException", 403))
    told = r"cleanrooms:CreateConfiguredTableAssociation on ours/association/customers_list was denied"
    with pytest.raises(AwsRefusedError, match=told):
        world.apply()
    assert Counter(step.resource.kind for step in world.apply()) == {"association": 4}
    assert {c.action for c in world.plan()} == {"unchanged"}


CREATED = (
    "Collaboration",
    "Membership",
    "ConfiguredTable",
    "ConfiguredTableAnalysisRule",
    "ConfiguredTableAssociation",
)


@pytest.mark.parametrize("kind", CREATED)
def test_what_was_made_by_a_call_whose_answer_was_lost_is_found_and_not_made_twice(world, kind):
    world.aws.faults.append(Fault(f"cleanrooms.Create{kind}", "InternalServerException", 500, after=True))
    assert Counter(step.resource.kind for step in world.apply()) == EVERYTHING
    assert [c.action for c in world.plan()] == ["unchanged"] * 15
    assert len(world.service.collaborations) == 1


def test_what_was_not_made_by_a_call_that_failed_is_made_by_the_next(world):
    world.aws.faults.append(Fault("cleanrooms.CreateCollaboration", "InternalServerException", 500, times=2))
    world.apply()
    assert len(world.service.collaborations) == 1


def test_what_was_deleted_by_a_call_whose_answer_was_lost_is_gone(world):
    world.apply()
    world.aws.faults.append(Fault("cleanrooms.DeleteCollaboration", "InternalServerException", 500, after=True))
    world.apply(*(change.resource.label for change in world.plan()))
    assert {c.action for c in world.plan()} == {"create"}


def test_two_things_of_one_name_are_told_and_neither_is_taken(world):
    world.apply()
    [one] = world.service.collaborations.values()
    another = str(uuid4())
    world.service.members[another] = world.service.members[one["id"]]
    world.service.collaborations[another] = one | {"id": another}
    told = f"ours/collaboration/{one['name']}: Clean Rooms has 2 of that name"
    with pytest.raises(PlanError, match=told):
        world.plan()


def commands(world: World, home: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., str]:
    """The command line on the demo's file with this double's places in it."""
    config = home / "segmentation.yaml"
    text = segmentation.DEMO_FILE.read_text(encoding="utf-8").partition("\naws:")[0]
    config.write_text(text + "\naws: " + world.where.model_dump_json(), encoding="utf-8")
    monkeypatch.setenv("SEGMENT_ASSETS_HOME", str(home / "home"))
    monkeypatch.setenv(segmentation.CONFIG_VARIABLE, str(config))

    def say(*command: str, code: int = 0) -> str:
        done = CliRunner().invoke(cli.main, ["aws", *command])
        assert done.exit_code == code, done.output
        return done.output

    return say


def test_the_commands_say_what_differs_make_it_and_then_say_that_nothing_does(world, tmp_path, monkeypatch):
    say = commands(world, tmp_path, monkeypatch)
    assert "15 create" in say("plan")
    assert say("apply").count("created ") == 15
    assert "15 unchanged" in say("plan")
    assert say("apply") == "Everything is as declared: nothing was changed.\n"
    assert "customers_list" in say("apply", "--delete", "ours/association/customer_list", code=1)


def test_everything_of_this_deployment_goes_in_one_call_and_stays_gone(world, tmp_path, monkeypatch):
    say = commands(world, tmp_path, monkeypatch)
    say("apply")
    assert say("apply", "--delete-all").count("deleted ") == 15
    assert "15 create" in say("plan")
    assert say("apply", "--delete-all") == "There is nothing of this deployment to delete.\n"


def test_what_is_deleted_alone_is_not_made_again_by_the_same_call(world, tmp_path, monkeypatch):
    say = commands(world, tmp_path, monkeypatch)
    say("apply")
    assert say("apply", "--delete", "ours/association/customers_list") == "deleted ours/association/customers_list\n"
    assert "1 create, 14 unchanged" in say("plan")
    assert say("apply") == "created ours/association/customers_list\n"


def test_each_account_may_be_made_alone_and_the_partners_after_ours(world, tmp_path, monkeypatch):
    say = commands(world, tmp_path, monkeypatch)
    assert "there is no ours/collaboration" in say("apply", "--account", "partner", code=1)
    assert say("apply", "--account", "ours").count("created ours/") == 8
    assert "8 unchanged" in say("plan", "--account", "ours")
    assert say("apply", "--account", "partner").count("created partner/") == 7
    assert "15 unchanged" in say("plan")
