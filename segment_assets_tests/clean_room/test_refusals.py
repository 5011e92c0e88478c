"""What is refused and is no query of a case: rules AWS would not take, too many tables, texts that are too long."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner

from segment_assets import segmentation
from segment_assets.clean_room import conformance, rules
from segment_assets.clean_room.assets import declared, protected_queries
from segment_assets.clean_room.checker import check
from segment_assets.clean_room.circumstances import Circumstances, PrivacyBudget
from segment_assets.clean_room.collaboration import Collaboration, CollaborationError
from segment_assets.clean_room.lint import lint
from segment_assets.clean_room.results import ResultError
from segment_assets.cli import main
from segment_assets_tests.clean_room import mutations
from segment_assets_tests.clean_room.test_custom_engine import FREE, THRESHOLD, offered  # noqa: F401

CONTROLS = {"allowedLiteralComparisonColumns": ["person"], "allowedColumnComparisonColumns": []}


@pytest.mark.parametrize(
    ("policy", "code"),
    [
        ({"allowedAnalyses": ["ANY_QUERY"]}, "RULE_PROVIDERS_REQUIRED"),
        (FREE | {"allowedAnalyses": ["by_state"]}, "RULE_CONFLICT"),
        (
            FREE | {"aggregationThresholds": [THRESHOLD], "differentialPrivacy": {"columns": [{"name": "a"}]}},
            "RULE_CONFLICT",
        ),
        (FREE | {"aggregationThresholds": [THRESHOLD], "comparisonControls": CONTROLS}, "RULE_CONFLICT"),
        (FREE | {"aggregationThresholds": [THRESHOLD, THRESHOLD]}, "RULE_CONFLICT"),
        (FREE | {"aggregationThresholds": [THRESHOLD | {"minimumIdentityCount": 1}]}, "RULE_MINIMUM"),
        (FREE | {"aggregationThresholds": [THRESHOLD | {"identityColumns": ["a", "b"]}]}, "RULE_CONFLICT"),
        (
            FREE
            | {
                "aggregationThresholds": [
                    THRESHOLD | {"outputColumnThresholds": [{"outputColumnName": "a", "minimumIdentityCount": 1}]}
                ]
            },
            "RULE_MINIMUM",
        ),
        (FREE | {"differentialPrivacy": {"columns": []}}, "RULE_CONFLICT"),
        (FREE | {"comparisonControls": {"allowedLiteralComparisonColumns": []}}, "RULE_CONFLICT"),
        (FREE | {"minimum": 3}, "RULE_CONFLICT"),
    ],
)
def test_a_custom_rule_that_aws_refuses_is_refused(policy, code):
    with pytest.raises(rules.RuleError, match=code):
        rules.from_aws("CUSTOM", policy)


def test_a_custom_rule_reads_and_writes_awss_json_exactly_and_awss_model_takes_it():
    botocore_session = pytest.importorskip("botocore.session")
    validate = pytest.importorskip("botocore.validate").ParamValidator()
    policy = {
        "allowedAnalyses": ["ANY_QUERY"],
        "allowedAnalysisProviders": ["111111111111"],
        "disallowedOutputColumns": ["age"],
        "aggregationThresholds": [
            THRESHOLD | {"outputColumnThresholds": [{"outputColumnName": "state", "minimumIdentityCount": 0}]}
        ],
        "comparisonControls": {"allowedLiteralComparisonColumns": ["state"], "allowedColumnComparisonColumns": []},
        "allowedResultReceivers": ["111111111111"],
        "additionalAnalyses": "NOT_ALLOWED",
    }
    written = rules.to_aws(rules.from_aws("CUSTOM", policy))
    assert written == {"v1": {"custom": policy}}
    shape = (
        botocore_session.get_session().get_service_model("cleanrooms").shape_for("ConfiguredTableAnalysisRulePolicy")
    )
    report = validate.validate(written, shape)
    assert not report.has_errors(), report.generate_report()


def test_sixteen_tables_are_too_many(collaboration, offered):  # noqa: F811
    for base, name in ((collaboration, "open_panel"), (offered, "open")):
        many = {f"t{i}": replace(base.tables[name], name=f"t{i}") for i in range(16)}
        wide = Collaboration("many", "runner", "partner", many)
        joins = " ".join(f"JOIN t{i} ON t0.person = t{i}.person" for i in range(1, 16))
        assert check(f"SELECT SUM(t0.spend) FROM t0 {joins}", wide).verdict.code == "TOO_MANY_TABLES"
        fifteen = joins.rpartition("JOIN")[0]
        assert check(f"SELECT SUM(t0.spend) FROM t0 {fifteen}", wide).verdict.decision == "ACCEPT"


def test_with_noise_a_query_has_ninety_thousand_characters(offered):  # noqa: F811
    state = Circumstances(privacy_budget=PrivacyBudget(epsilon=3, users_noise_per_query=30))
    long = "SELECT COUNT(*) FROM private /*" + "x" * 90_000 + "*/"
    assert check(long, offered, state).verdict.code == "QUERY_TOO_LONG"


CUSTOM = """
    customers_custom:
      table: customers
      allowed_columns: [email_sha256, customer_id, country]
      custom:
        allowed_analyses: [ANY_QUERY]
        allowed_authors: [grocer]
    audience_custom:
      table: partner_audience
      allowed_columns: [email_sha256, age_band, income_band]
      custom:
        allowed_analyses: [ANY_QUERY]
        allowed_authors: [grocer]
        disallowed_output_columns: [email_sha256]
        minimum_identities: {column: email_sha256, minimum: 20}
        comparisons: {with_literals: [age_band], with_columns: [email_sha256]}
    audience_template:
      table: partner_audience
      allowed_columns: [email_sha256, age_band]
      custom: {allowed_analyses: [by_age]}
  templates:
    by_age:
      sql: SELECT COUNT(*) AS n FROM audience_template WHERE age_band = :age
      author: demographics partner
      parameters: {age: {type: VARCHAR}}
  queries:
"""
QUERY = "SELECT a.age_band, COUNT(*) AS people FROM customers_custom c JOIN audience_custom a " + (
    "ON c.email_sha256 = a.email_sha256 GROUP BY a.age_band"
)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    text = segmentation.DEMO_FILE.read_text().replace("\n  queries:\n", CUSTOM.rstrip("\n") + "\n", 1)
    path = tmp_path / "segmentation.yaml"
    path.write_text(text)
    return path


def run(*words: str, text: str = "") -> tuple[int, str]:
    result = CliRunner().invoke(main, ["clean-room", *words], input=text)
    return result.exit_code, result.output


def test_custom_rules_and_templates_of_the_file_are_checked_from_the_command_line(file, monkeypatch):
    monkeypatch.setenv("SEGMENT_ASSETS_HOME", str(file.parent / "home"))
    code, told = run("check", "-", "--config", str(file), text=QUERY)
    assert (code, told.split("\n")[0]) == (0, "ACCEPT OK")
    code, told = run("check", "-", "--json", "--config", str(file), text="SELECT email_sha256 FROM audience_custom")
    found = json.loads(told)
    assert (code, found["verdict"], found["reason_code"]) == (1, "REJECT", "DISALLOWED_OUTPUT_COLUMN")
    assert found["findings"][0]["rule"] == "audience_custom.disallowedOutputColumns"
    code, told = run("check", "-", "--as", "demographics partner", "--config", str(file), text=QUERY)
    assert (code, told.split("\n")[0]) == (1, "REJECT ANALYSIS_NOT_ALLOWED")
    template = "SELECT COUNT(*) AS n FROM audience_template WHERE age_band = :age"
    code, told = run(
        "check", "-", "--template", "by_age", "--parameter", "age=35-44", "--config", str(file), text=template
    )
    assert (code, told.split("\n")[0]) == (0, "ACCEPT OK")
    code, told = run("explain", "-", "--config", str(file), text=QUERY)
    assert code == 0
    assert "at least 20 distinct values of audience_custom.email_sha256" in told
    assert 'COUNT(DISTINCT "t0"."email_sha256") >= 20' in told  # equal to t1's by the join
    code, told = run("budget", "--json", "--config", str(file))
    assert (code, json.loads(told)) == (0, {"day": None, "used": 0, "left": 10, "earlier": 0})


def test_a_mended_query_is_suggested_where_one_would_be_accepted(file):
    wrong = "SELECT a.age_bnd FROM customers_list c JOIN audience_list a ON c.email_sha256 = a.email_sha256"
    code, told = run("check", "-", "--json", "--config", str(file), text=wrong)
    assert code == 1
    assert json.loads(told)["rewrite"].startswith("SELECT DISTINCT\n  a.age_band\n")


def test_what_the_engine_of_one_machine_does_not_run_is_no_accepted_query(file, monkeypatch):
    text = "SELECT SHA2(c.email_sha256, 512) AS h, COUNT(*) AS n FROM customers_custom c GROUP BY 1"
    code, told = run("check", "-", "--json", "--config", str(file), text=text)
    found = json.loads(told)
    assert (code, found["reason_code"], found["rewrite"]) == (1, "FUNCTION_NOT_ALLOWED", None)
    monkeypatch.setenv("SEGMENT_ASSETS_DEPLOYMENT", "aws")
    assert run("check", "-", "--config", str(file), text=text)[0] == 0


@pytest.mark.parametrize("command", ["check", "explain"])
@pytest.mark.parametrize("depth", [40, 44, 46, 48, 50, 60, 300, 3000])
def test_a_query_that_is_nested_deeply_ends_in_a_verdict(command, depth, file):
    deep = (
        f"SELECT age_band, COUNT(*) AS n FROM audience_custom WHERE {'(' * depth}age_band = '1'{')' * depth} GROUP BY 1"
    )
    done = CliRunner().invoke(main, ["clean-room", command, "-", "--config", str(file)], input=deep)
    assert done.exception is None or isinstance(done.exception, SystemExit), done.output
    assert done.output.startswith("ACCEPT OK" if done.exit_code == 0 else "REJECT PARSE_ERROR")
    if done.exit_code:
        assert "write IN (...)" in done.output


@pytest.mark.parametrize("command", ["check", "explain"])
def test_a_file_that_is_no_text_is_one_sentence_and_a_mark_at_its_start_is_no_part_of_it(command, file, tmp_path):
    other, marked = tmp_path / "other.sql", tmp_path / "marked.sql"
    other.write_bytes(b"SELECT 'caf\xe9' FROM customers_list")
    done = CliRunner().invoke(main, ["clean-room", command, str(other), "--config", str(file)])
    assert (done.exit_code, done.output) == (1, f"Error: {other}: this is no text in UTF-8: save the query as UTF-8\n")
    marked.write_text(QUERY, encoding="utf-8-sig")
    assert run(command, str(marked), "--config", str(file))[0] == 0
    found = segmentation.load(file)
    assert found.collaboration
    assert check("\ufeff" + QUERY, declared(found, found.collaboration)).verdict.decision == "ACCEPT"


def test_conformance_tells_families_and_disagreements(tmp_path):
    assert run("conformance", str(mutations.CASES[1]))[0] == 0
    cases = yaml.safe_load(mutations.CASES[1].read_text())
    cases["cases"] = [cases["cases"][0] | {"expected": "REJECT", "reason_code": "SELF_JOIN"}]
    path = tmp_path / "wrong.yaml"
    path.write_text(yaml.safe_dump(cases))
    code, told = run("conformance", str(path), "--json")
    assert (code, json.loads(told)["disagreements"][0]["found"]) == (1, ["ACCEPT", "OK"])
    assert "expected REJECT SELF_JOIN, found ACCEPT OK" in run("conformance", str(path))[1]


def test_a_custom_query_of_the_file_becomes_a_table_with_its_minimum(file):
    text = file.read_text().replace(
        "\n  queries:\n", f"\n  queries:\n    ages: {{sql: '{QUERY}', description: Ages.}}\n", 1
    )
    file.write_text(text)
    config = segmentation.load(file)
    assert config.collaboration
    [ages] = [q for q in protected_queries(config, config.collaboration) if q.name == "ages"]
    assert ages.table.schema.names == ["age_band", "people"]
    assert ages.table.key == ("age_band",)


def test_a_custom_query_that_no_table_can_keep_is_one_sentence(file):
    nested = "SELECT n FROM (SELECT COLLECT_SET(country) AS n, COUNT(*) AS m FROM customers_custom) q"
    text = file.read_text().replace(
        "\n  queries:\n", f"\n  queries:\n    q: {{sql: '{nested}', description: No.}}\n", 1
    )
    file.write_text(text)
    config = segmentation.load(file)
    assert config.collaboration
    with pytest.raises(ResultError, match=r'queries\.q\.sql: the column "n" of the result is no text, number'):
        protected_queries(config, config.collaboration)


def test_a_custom_rule_that_names_nobody_is_one_sentence(file):
    text = file.read_text().replace("allowed_authors: [grocer]", "allowed_authors: [grocr]", 1)
    text = text.replace("allowed_analyses: [by_age]", "allowed_analyses: [by_ag]")
    file.write_text(text)
    config = segmentation.load(file)
    assert config.collaboration
    with pytest.raises(CollaborationError) as bad:
        declared(config, config.collaboration)
    assert 'no member is called "grocr" (did you mean "grocer"?)' in str(bad.value)
    assert 'no template is called "by_ag" (did you mean "by_age"?)' in str(bad.value)


def test_the_lint_warns_where_a_minimum_shows_identities():
    found = conformance.load(mutations.CASES[0]).collaboration
    assert any(text.startswith("views: person is the identity column") for text in lint(found))


def test_a_refused_aggregate_is_called_as_its_author_wrote_it(tmp_path):
    query = tmp_path / "query.sql"
    query.write_text("SELECT country, APPROX_COUNT_DISTINCT(customer_id) FROM customers_overlap GROUP BY country")
    told = CliRunner().invoke(main, ["clean-room", "check", str(query), "--config", str(segmentation.DEMO_FILE)])
    assert 'APPROX_COUNT_DISTINCT of "customer_id" is not in aggregateColumns' in told.output


def test_of_a_table_that_is_not_offered_no_column_is_said_to_be_wrong(offered):  # noqa: F811
    found = check("SELECT o.state, COUNT(x.kind) FROM open o JOIN elsewhere x ON o.person = x.who", offered)
    assert [f.code for f in found.verdict.findings] == ["TABLE_NOT_ASSOCIATED"]
