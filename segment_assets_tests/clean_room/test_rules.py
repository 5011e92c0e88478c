import pytest

from segment_assets import segmentation
from segment_assets.clean_room import rules
from segment_assets.clean_room.assets import declared
from segment_assets.clean_room.lint import lint
from segment_assets_tests.clean_room.conftest import aggregation


@pytest.mark.parametrize(
    ("rule_type", "policy"),
    [
        ("AGGREGATION", aggregation(joinRequired="QUERY_RUNNER", allowedJoinOperators=["AND", "OR"])),
        ("LIST", {"joinColumns": ["person"], "listColumns": [], "allowedJoinOperators": ["AND"]}),
    ],
)
def test_a_rule_reads_and_writes_awss_json_exactly(rule_type, policy):
    assert rules.to_aws(rules.from_aws(rule_type, policy)) == {
        "v1": {rule_type.lower(): {"allowedJoinOperators": []} | policy}
    }


@pytest.mark.parametrize("name", ["AGGREGATION", "LIST"])
def test_awss_own_model_takes_what_is_written(name):
    botocore_session = pytest.importorskip("botocore.session")
    validate = pytest.importorskip("botocore.validate").ParamValidator()
    model = botocore_session.get_session().get_service_model("cleanrooms")
    policy = aggregation() if name == "AGGREGATION" else {"joinColumns": ["person"], "listColumns": ["state"]}
    shape = model.shape_for("ConfiguredTableAnalysisRulePolicy")
    report = validate.validate(rules.to_aws(rules.from_aws(name, policy)), shape)
    assert not report.has_errors(), report.generate_report()


@pytest.mark.parametrize(
    ("rule_type", "policy", "code"),
    [
        ("AGGREGATION", aggregation(dimensionColumns=["person"]), "RULE_COLUMN_OVERLAP"),
        ("LIST", {"joinColumns": ["a"], "listColumns": ["a"]}, "RULE_COLUMN_OVERLAP"),
        ("AGGREGATION", aggregation(outputConstraints=[{"columnName": "person", "minimum": 1}]), "RULE_MINIMUM"),
        ("AGGREGATION", aggregation(outputConstraints=[]), "RULE_CONFLICT"),
        ("AGGREGATION", aggregation(scalarFunctions=["UPER"]), "RULE_CONFLICT"),
        ("AGGREGATION", aggregation(minimum=3), "RULE_CONFLICT"),
        ("CUSTOM", {"allowedAnalyses": ["ANY_QUERY"]}, "RULE_PROVIDERS_REQUIRED"),
        ("SAMPLE", {}, "SAMPLE is no type of analysis rule"),
    ],
)
def test_a_rule_that_aws_refuses_or_that_is_unknown_is_refused(rule_type, policy, code):
    with pytest.raises(rules.RuleError, match=code):
        rules.from_aws(rule_type, policy)


def test_two_join_columns_without_an_operator_are_a_warning():
    rule = rules.from_aws("LIST", {"joinColumns": ["a", "b"], "listColumns": []})
    assert rules.warnings(rule)[0].startswith("RULE_JOIN_OPERATOR_REQUIRED")


def test_the_lint_warns_where_one_table_is_offered_under_both_rules():
    config = segmentation.load(segmentation.DEMO_FILE)
    found = lint(declared(config, config.collaboration))
    assert [text.partition(" is offered")[0] for text in found] == ["customers", "partner_audience"]
