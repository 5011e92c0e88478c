"""Tables under differential privacy in two accounts on the double: made, asked, and paid from AWS's own budget."""

import json
from collections.abc import Iterator
from pathlib import Path

import boto3
import dagster as dg
import pyarrow as pa
import pytest
import yaml
from botocore.exceptions import ClientError
from click.testing import CliRunner
from pyiceberg.exceptions import CommitFailedException

from segment_assets import cli, segmentation
from segment_assets.aws import AwsRefusedError
from segment_assets.clean_room import aws_text
from segment_assets.clean_room.aws_plan import PlanError, Resource, plan, steps
from segment_assets.clean_room.privacy import assets as private_assets
from segment_assets.clean_room.privacy import service_query, template
from segment_assets.clean_room.privacy.ledger import PrivacyBudgetError
from segment_assets.clean_room.privacy.query import Outcome, PrivateQuery
from segment_assets.clean_room.privacy.report import THEIRS, of_service
from segment_assets.clean_room.tables import QUERY_LOG
from segment_assets.deployment import DEPLOYMENT_VARIABLE
from segment_assets.lake import Lake, Table
from segment_assets.segmentation import Segmentation
from segment_assets_tests.aws_double.cleanrooms_privacy import VALUES
from segment_assets_tests.clean_room import world
from segment_assets_tests.clean_room.privacy.test_query import asked, written
from segment_assets_tests.clean_room.test_aws import Reads
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
    with pytest.raises(PlanError, match=f"can't change autoRefresh in place: .* --delete {BUDGET}"):
        there.apply()
    assert [s.verb for s in there.apply(BUDGET)] == ["delete"]
    assert [s.verb for s in there.apply()] == ["create"]
    there.config = declared(tmp_path, 20)
    assert there.apply(BUDGET)
    assert there.apply()
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


def asked_of(there: World, tmp_path: Path, **query: object) -> PrivateQuery:
    """The query, with limits of one person changed by `query`."""
    there.config = segmentation.load(written(tmp_path, **query))
    return asked(there.config)


def ask(there: World, query: PrivateQuery, run_id: str = "r") -> Outcome:
    room = there.room()
    return service_query.run(query, there.lake, room, room.noise, run_id)


def left(there: World) -> dict[str, int]:
    return {one["type"]: one["remainingCount"] for one in there.room().noise.left()}


def test_a_query_gets_awss_noise_its_limits_are_told_and_it_is_paid_once(there, tmp_path):
    world.fill(there.lake, there.config, 300)
    query, before = asked_of(there, tmp_path), left(there)["COUNT_DISTINCT"]
    first = ask(there, query)
    [started] = there.service.queries.values()
    assert started["sqlParameters"] == {"queryString": aws_text.submitted(query.accepted, None)}
    assert "RANDOM" not in started["sqlParameters"]["queryString"].upper()
    # The double's own limits of one person, and not the declared ones.
    assert first.sensitivity == [
        {"aggregationType": "COUNT_DISTINCT", "aggregationExpression": "email_sha256", "userContributionLimit": 1},
        {
            "aggregationType": "AVG",
            "aggregationExpression": "kids",
            "userContributionLimit": 1,
            "minColumnValue": VALUES[0],
            "maxColumnValue": VALUES[1],
        },
    ]
    assert (first.label, first.reused, first.more["cost_units"] > 0) == (THEIRS, False, True)
    rows = there.lake.read(query.table).to_pylist()
    [largest] = [r["people"] for r in rows if r["age_band"] == "19-24"]
    assert abs(largest - 200) < 60
    assert left(there)["COUNT_DISTINCT"] == before - 4  # a count, two for the average, one for the groups
    again = ask(there, query)
    assert (again.reused, again.sensitivity, len(there.service.queries)) == (True, first.sensitivity, 1)
    # Limits that are declared for one machine make no other question of it.
    other = ask(there, asked_of(there, tmp_path, privacy={"rows_per_person": 9}, bounds={"kids": [0, 3]}))
    assert (other.reused, len(there.service.queries)) == (True, 1)


def test_a_run_that_was_killed_after_the_answer_takes_it_and_pays_nothing(there, tmp_path, monkeypatch):
    query, write = asked_of(there, tmp_path), Lake.write

    def killed(self: Lake, table: Table, *args: object, **kwargs: object) -> object:
        if table is query.table:
            raise KeyboardInterrupt
        return write(self, table, *args, **kwargs)

    world.fill(there.lake, there.config, 301)
    monkeypatch.setattr(Lake, "write", killed)
    with pytest.raises(KeyboardInterrupt):
        ask(there, query)
    monkeypatch.setattr(Lake, "write", write)
    spent = left(there)
    done = ask(there, query)
    assert (done.written.rows > 0, len(there.service.queries), left(there)) == (True, 1, spent)


def test_noise_over_data_that_changed_meanwhile_is_spent_and_handed_to_nobody(there, tmp_path):
    query, room = asked_of(there, tmp_path), there.room(kind=Reads)
    world.fill(there.lake, there.config, 305)
    before = left(there)["COUNT_DISTINCT"]
    room.does = [lambda: world.fill(there.lake, there.config, 306)]
    with pytest.raises(CommitFailedException, match="written by another run"):
        service_query.run(query, there.lake, room, room.noise, "r")
    assert left(there)["COUNT_DISTINCT"] == before - 4
    world.fill(there.lake, there.config, 305)
    assert not ask(there, query).reused
    assert left(there)["COUNT_DISTINCT"] == before - 8


def test_what_the_budget_does_not_pay_for_is_not_started_and_counts_as_no_query(there, tmp_path):
    world.fill(there.lake, there.config, 302)
    [budget] = there.service.budgets.values()
    budget["parameters"]["differentialPrivacy"] = {"epsilon": 1, "usersNoisePerQuery": 10}
    spend(there)
    query, logged = asked_of(there, tmp_path), there.lake.read(QUERY_LOG).num_rows
    with pytest.raises(PrivacyBudgetError, match=r"^DP_BUDGET_EXHAUSTED: ages needs noise for 1 AVG, .* pays for 0"):
        ask(there, query)
    assert (there.service.queries, there.lake.read(QUERY_LOG).num_rows) == ({}, logged)


def test_what_clean_rooms_alone_can_count_it_refuses_and_no_query_begins(there, tmp_path):
    world.fill(there.lake, there.config, 303)
    [budget] = there.service.budgets.values()
    budget["parameters"]["differentialPrivacy"] = {"epsilon": 1, "usersNoisePerQuery": 12}
    query = asked_of(there, tmp_path)
    there.room().noise.admit("ages", {"COUNT_DISTINCT": 1, "AVG": 1}, "k")  # each alone would do
    with pytest.raises(AwsRefusedError, match="DP_BUDGET_EXHAUSTED"):
        ask(there, query)
    assert there.service.queries == {}


def test_without_a_budget_no_query_is_started(there, tmp_path):
    kept = dict(there.service.budgets)
    there.service.budgets.clear()
    with pytest.raises(PrivacyBudgetError, match=r"^DP_POLICY_MISSING: ages .* `segment-assets aws apply` makes it"):
        there.room().noise.admit("ages", {"COUNT": 1}, "k")
    there.service.budgets.update(kept)


def test_the_asset_says_whose_noise_it_is(there, tmp_path):
    world.fill(there.lake, there.config, 304)
    query = asked_of(there, tmp_path)
    made = private_assets.result(there.config, query, "clean_room", {}, [])
    done = dg.materialize([made], resources={"lake": there.lake, "clean_room": there.room()})
    [event] = done.asset_materializations_for_node("clean_room_results__ages")
    assert event.metadata["privacy"].value == THEIRS
    assert [p["aggregationType"] for p in event.metadata["sensitivity_parameters"].value] == ["COUNT_DISTINCT", "AVG"]
    assert "noisy_columns" not in event.metadata


def test_a_number_with_noise_takes_the_type_of_the_result():
    rows = pa.table({"n": [1.6, -0.4, None], "of": [1.6, -0.4, None]})
    schema = pa.schema([("n", pa.int64()), ("of", pa.float64())])
    assert service_query.fitted(rows, schema).to_pydict() == {"n": [2, 0, None], "of": [1.6, -0.4, None]}


def test_what_is_left_is_told_as_clean_rooms_counts_it(there):
    noise, declared = there.room().noise, template.of(20, 10)
    told = list(of_service(noise.left(), declared, noise.preview(declared)))
    assert THEIRS in told[0]
    assert len(told) == 6
    assert "aws apply" in next(iter(of_service([], declared, [])))


def test_what_a_budget_would_pay_for_is_asked_before_it_is_made(there):
    noise = there.room().noise
    kept = {one["type"]: one["maxCount"] for one in noise.left()}
    assert {one["type"]: one["maxCount"] for one in noise.preview(template.of(20, 10))} == kept
    smaller = noise.preview(template.of(5, 10))
    assert all(one["maxCount"] < kept[one["type"]] for one in smaller)
    told = list(of_service([], template.of(5, 10), smaller))
    assert len(told) == 7
    assert told[1] == "It would pay for this, as declared (epsilon 5 and noise of 10 persons):"
    assert "as declared it would be" in list(of_service(noise.left(), template.of(5, 10), smaller))[1]


def test_a_budget_of_our_own_membership_and_one_of_the_collaboration_are_told_once(there):
    [ident] = there.service.budgets
    other = dict(there.service.budgets[ident])
    asked = there.room().budgets("DIFFERENTIAL_PRIVACY")
    assert len(asked) == 1
    there.service.budgets[ident]["membershipId"] = there.room()._membership["id"]
    assert there.room().budgets("DIFFERENTIAL_PRIVACY") == asked
    there.service.budgets[ident] = other


def test_the_command_tells_what_clean_rooms_has_left(there, tmp_path, monkeypatch):
    file = written(tmp_path)
    content = yaml.safe_load(file.read_text()) | {"aws": there.where.model_dump(mode="json")}
    file.write_text(yaml.safe_dump(content))
    monkeypatch.setenv("SEGMENT_ASSETS_HOME", str(tmp_path / "home"))
    monkeypatch.setenv(DEPLOYMENT_VARIABLE, "aws")
    command = ["clean-room", "budget", "--config", str(file)]
    told = CliRunner().invoke(cli.main, command, catch_exceptions=False).output
    assert THEIRS in " ".join(told.split())
    assert "COUNT_DISTINCT" in told
    told = CliRunner().invoke(cli.main, [*command, "--json"], catch_exceptions=False).output
    budget = json.loads(told)["privacy_budget"]
    assert (budget["label"], len(budget["aggregations"])) == (THEIRS, 5)
    assert {p["type"]: p["maxCount"] for p in budget["preview"]} == {
        a["type"]: a["maxCount"] for a in budget["aggregations"]
    }


def test_a_template_is_run_by_its_arn_and_a_join_with_our_own_table_too(there, tmp_path):
    file = written(tmp_path)
    content = yaml.safe_load(file.read_text())
    offered = content["collaboration"]
    offered["configured_tables"]["audience_private"]["custom"] |= {"allowed_analyses": ["known"], "allowed_authors": []}
    offered["configured_tables"]["customers_known"] = {
        "table": "customers", "allowed_columns": ["email_sha256"], "custom": {"allowed_analyses": ["known"]},
    }  # fmt: skip
    text = (
        "SELECT COUNT(DISTINCT p.email_sha256) AS people FROM audience_private p JOIN customers_known c "
        "ON p.email_sha256 = c.email_sha256 WHERE p.age_band <> :without"
    )
    template_ = {"author": "demographics partner", "sql": text, "parameters": {"without": {"type": "VARCHAR"}}}
    offered["templates"] = {"known": template_}
    offered["queries"] = {"ages": {"template": "known", "parameters": {"without": "26-99"}, "description": "Known."}}
    file.write_text(yaml.safe_dump(content))
    there.config = segmentation.load(file)
    world.fill(there.lake, there.config, 300)
    there.apply()
    done = ask(there, asked(there.config))
    [started] = there.service.queries.values()
    assert started["sqlParameters"]["parameters"] == {"without": "26-99"}
    assert [p["aggregationType"] for p in done.sensitivity] == ["COUNT_DISTINCT"]
    [row] = there.lake.read(asked(there.config).table).to_pylist()
    assert abs(row["people"] - 250) < 60
    there.config = segmentation.load(written(tmp_path))
    there.apply(*(c.resource.label for c in there.plan() if c.action == "not declared"))
    there.apply()
    assert {c.action for c in there.plan()} == {"unchanged"}
