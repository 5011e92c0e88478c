"""Custom rules, templates, receivers and access budgets in two accounts on the double."""

from collections.abc import Iterator

import pytest
from pydantic import ValidationError

from segment_assets.aws import AwsRefusedError
from segment_assets.clean_room import aws_text, protected_query
from segment_assets.clean_room.aws_plan import template_name
from segment_assets.clean_room.embedded import EmbeddedCleanRoom
from segment_assets.lake import embedded
from segment_assets_tests.aws_double import world as double
from segment_assets_tests.clean_room import custom_world, world

CONFIG = custom_world.config()


@pytest.fixture(scope="module")
def there(tmp_path_factory: pytest.TempPathFactory) -> Iterator[world.World]:
    with (
        pytest.MonkeyPatch.context() as patch,
        world.clean_rooms(patch, tmp_path_factory.mktemp("there"), config=CONFIG) as made,
    ):
        yield made


def test_what_is_declared_is_made_and_then_nothing_differs(there):
    assert {c.action for c in there.plan()} == {"unchanged"}
    kinds = {r.kind for r in there.wanted()}
    assert {"analysis_template", "association_rule", "access_budget"} <= kinds
    [template] = there.service.templates.values()
    assert template["name"].startswith("dev_by_age_")
    policies = {t["name"]: there.service.rules[t["id"]]["policy"]["v1"] for t in there.service.tables.values()}
    assert policies["dev_audience_reviewed"]["custom"]["allowedAnalyses"] == [template["arn"]]
    custom = policies["dev_audience_custom"]["custom"]
    assert custom["allowedAnalyses"] == ["ANY_QUERY"]
    assert custom["allowedAnalysisProviders"] == [there.where.clean_rooms.service_role_arn.split(":")[4]]
    assert custom["aggregationThresholds"][0]["minimumIdentityCount"] == 25


def test_each_member_makes_its_own(there):
    made = {(r.account, r.kind, r.name.partition("_")[2][:6]) for r in there.wanted() if r.kind == "analysis_template"}
    assert made == {("partner", "analysis_template", "by_age")}
    assert {r.account for r in there.wanted() if r.kind in ("access_budget", "association_rule")} == {"partner"}


@pytest.mark.parametrize("name", ["age_ranks", "ages_reviewed"])
def test_a_custom_query_gives_the_same_table_in_both_clean_rooms(name, there, tmp_path):
    here = embedded.lake(double.settings(None, tmp_path / "here"))
    world.fill(here, CONFIG)
    query = there.queries[name]
    local = protected_query.run(query, here, EmbeddedCleanRoom(tmp_path / "scratch", "500MB"), "r")
    remote = protected_query.run(query, there.lake, there.room(), "r")
    assert remote.rows.equals(local.rows)
    assert remote.written.version == local.written.version
    assert remote.rows.num_rows == 1
    assert (remote.minimum_kept, remote.keys_unique) == (True, True)
    started = list(there.service.queries.values())[-1]["sqlParameters"]
    assert set(started) == ({"analysisTemplateArn", "parameters"} if query.of else {"queryString"})


def test_clean_rooms_counts_the_uses_of_a_table(there, tmp_path):
    query = there.queries["age_ranks"]
    room = there.room()
    for i in range(min(s.left for s in room.access(query.collaboration))):
        room.run(query.resolved, lambda _: None, None, f"use-{i}")
    with pytest.raises(AwsRefusedError, match="ACCESS_BUDGET_EXHAUSTED"):
        room.run(query.resolved, lambda _: None, None, "one-more")
    stands = room.access(query.collaboration)
    assert min(s.left for s in stands) == 0
    assert {s.table for s in stands} == {"audience_custom"}


def test_another_text_is_another_template(there):
    collaboration = there.queries["age_ranks"].collaboration
    template = collaboration.templates["by_age"]
    other = type(template)(template.arn, template.creator, template.text + " ORDER BY age", template.parameters)
    assert template_name("dev", other) != template_name("dev", template)
    with pytest.raises(AwsRefusedError, match="`segment-assets aws apply` makes it"):
        there.room(templates={"by_age": other})._of_template(there.queries["ages_reviewed"].of)


def test_what_is_sent_is_written_from_the_tree(there):
    query = there.queries["age_ranks"]
    sent = aws_text.submitted(query.resolved, None)
    assert sent.startswith("WITH known AS (SELECT p.age_band, COUNT(DISTINCT c.customer_id) AS customers")
    assert "held_" not in sent


def test_a_difference_is_found_and_mended(there):
    [budget] = there.service.budgets.values()
    budget["parameters"]["accessBudget"]["budgetParameters"][0]["budget"] = 9
    association = next(a for a in there.service.associations.values() if a["name"] == "audience_custom")
    rule = there.service.association_rules[association["id"]]["policy"]["v1"]["custom"]
    rule["allowedResultReceivers"] = []
    differs = {c.resource.label for c in there.plan() if c.action == "change"}
    assert differs == {"partner/access_budget/audience_custom", "partner/association_rule/audience_custom.CUSTOM"}
    there.apply()
    assert {c.action for c in there.plan()} == {"unchanged"}


MODEL = "arn:aws:cleanrooms-ml:eu-west-1:*:membership/*/configured-model-algorithm-association/*"


def test_models_that_results_may_feed_stand_in_the_rules_of_table_and_association(there):
    before, there.config = there.config, custom_world.config(audience_custom={"additional_analyses": [MODEL]})
    try:
        changed = {s.resource.kind: s.verb for s in there.apply()}
        assert changed == {"analysis_rule": "change", "association_rule": "change"}
        association = next(a for a in there.service.associations.values() if a["name"] == "audience_custom")
        told = there.service.association_rules[association["id"]]["policy"]["v1"]["custom"]
        assert told["allowedAdditionalAnalyses"] == [MODEL]
        assert len(told["allowedResultReceivers"]) == 1
        rule = there.service.rules[association["configuredTableId"]]["policy"]["v1"]["custom"]
        assert rule["additionalAnalyses"] == "ALLOWED"
        assert {c.action for c in there.plan()} == {"unchanged"}
    finally:
        there.config = before
        there.apply()
    assert {c.action for c in there.plan()} == {"unchanged"}


@pytest.mark.parametrize(
    "wrong",
    [
        {"additional_analyses": ["my model"]},
        {"additional_analyses": [f"{MODEL[:-1]}m{i}" for i in range(26)]},
        {"additional_analyses": [MODEL], "custom": {"allowed_analyses": ["by_age"], "user_column": "email_sha256"}},
    ],
    ids=["no ARN", "too many", "under differential privacy"],
)
def test_models_that_aws_would_not_take_are_refused(wrong):
    with pytest.raises(ValidationError, match="additional_analyses"):
        custom_world.config(audience_reviewed=wrong)
