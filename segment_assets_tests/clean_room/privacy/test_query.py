"""From segmentation.yaml to a result with noise that is paid for once, told in AWS's shapes, and asked again free."""

import json
from pathlib import Path
from typing import Any

import botocore.session
import dagster as dg
import pyarrow as pa
import pytest
import yaml
from botocore.validate import validate_parameters
from click.testing import CliRunner

from segment_assets import cli, segmentation
from segment_assets.clean_room import assets as clean_room_assets
from segment_assets.clean_room.collaboration import CollaborationError
from segment_assets.clean_room.embedded import EmbeddedCleanRoom
from segment_assets.clean_room.port import QueryFailedError
from segment_assets.clean_room.privacy import query as private_query
from segment_assets.clean_room.privacy import template
from segment_assets.clean_room.privacy.ledger import PrivacyBudgetError
from segment_assets.clean_room.privacy.query import PrivateQuery
from segment_assets.clean_room.privacy.report import LABEL, aggregations, sensitivity_parameters
from segment_assets.clean_room.reasons import QueryRefusedError
from segment_assets.clean_room.tables import QUERY_LOG
from segment_assets.config_file import ConfigError
from segment_assets.lake import Lake
from segment_assets.segmentation import Segmentation
from segment_assets_tests.clean_room.world import fill

TEXT = """SELECT p.age_band, COUNT(DISTINCT p.email_sha256) AS people, AVG(p.kids) AS kids
FROM (SELECT email_sha256, age_band, CAST(kids_count AS INT) AS kids FROM audience_private) p
GROUP BY p.age_band ORDER BY people DESC"""


def written(
    path: Path, budget: dict[str, Any] | None = None, privacy: dict[str, Any] | None = None, **query: Any
) -> Path:
    made = yaml.safe_load(segmentation.DEMO_FILE.read_text())
    collaboration = made["collaboration"]
    collaboration["privacy_budget"] = budget or {"epsilon": 20, "users_noise_per_query": 10}
    collaboration["configured_tables"]["audience_private"] = {
        "table": "partner_audience",
        "allowed_columns": ["email_sha256", "age_band", "kids_count"],
        "custom": {
            "allowed_analyses": ["ANY_QUERY"],
            "allowed_authors": ["grocer"],
            "user_column": "email_sha256",
            "privacy": {"rows_per_person": 1} if privacy is None else privacy,
        },
    }
    asked = {"sql": TEXT, "description": "Ages, and how many children.", "bounds": {"kids": [0, 8]}}
    collaboration["queries"] = {"ages": asked | query}
    made.pop("segments", None)
    file = path / "segmentation.yaml"
    file.write_text(yaml.safe_dump(made))
    return file


@pytest.fixture
def config(tmp_path: Path) -> Segmentation:
    return segmentation.load(written(tmp_path))


@pytest.fixture
def room(tmp_path: Path) -> EmbeddedCleanRoom:
    return EmbeddedCleanRoom(tmp_path / "home" / "clean_room" / "scratch", "300MB")


def asked(config: Segmentation) -> PrivateQuery:
    assert config.collaboration
    [query] = clean_room_assets.private_queries(config, config.collaboration)
    return query


def spent(config: Segmentation, room: EmbeddedCleanRoom) -> tuple[int, int]:
    query = asked(config)
    standing = room.ledger.statement(query.collaboration.name, query.template)
    return standing.queries, standing.price.left(0.0) - standing.price.left(standing.spent)


def test_a_query_with_noise_is_an_asset_and_says_what_it_is(lake: Lake, room: EmbeddedCleanRoom, config: Segmentation):
    fill(lake, config, 900)
    assets = [a for a in clean_room_assets.assets(config) if isinstance(a, dg.AssetsDefinition)]
    done = dg.materialize(assets, resources={"lake": lake, "clean_room": room})
    [event] = done.asset_materializations_for_node("clean_room_results__ages")
    told = event.metadata
    assert told["privacy"].value == LABEL
    assert told["noisy_columns"].value == 4  # one count, two for the average, one for the groups
    parameters = told["sensitivity_parameters"].value
    shape = botocore.session.get_session().get_service_model("cleanrooms").shape_for("DifferentialPrivacyParameters")
    validate_parameters({"sensitivityParameters": parameters}, shape)
    assert parameters == [
        {"aggregationType": "COUNT_DISTINCT", "aggregationExpression": "email_sha256", "userContributionLimit": 1},
        {
            "aggregationType": "AVG",
            "aggregationExpression": "kids",
            "userContributionLimit": 1,
            "minColumnValue": 0.0,
            "maxColumnValue": 8.0,
        },
    ]
    people = told["dagster/column_lineage"].value.deps_by_column["people"]
    assert [(d.asset_key.to_user_string(), d.column_name) for d in people] == [("partner_audience", "email_sha256")]
    rows = lake.read(asked(config).table).to_pylist()
    assert {r["age_band"] for r in rows} == {"19-24", "25-99", "26-99"}
    assert all(abs(r["people"] - size) < 60 for r in rows for size in [600 if r["age_band"] == "19-24" else 150])
    assert LABEL in asked(config).table.description
    assert lake.read(QUERY_LOG)["status"].to_pylist() == ["SUCCESS"]


def test_the_same_content_has_its_answer_and_pays_once(
    lake: Lake, room: EmbeddedCleanRoom, config: Segmentation, tmp_path
):
    fill(lake, config, 300)
    query = asked(config)
    first = private_query.run(query, lake, room, "r1")
    answer = lake.read(query.table)
    again = private_query.run(query, lake, room, "r2")
    assert (first.reused, again.reused, spent(config, room)) == (False, True, (1, 4))
    # Another one in between takes the table; the answer of the first is still known.
    other = segmentation.load(written(tmp_path, sql=TEXT.replace("DESC", "ASC")))
    private_query.run(asked(other), lake, room, "r3")
    assert not lake.read(query.table).equals(answer)
    assert private_query.run(query, lake, room, "r4").reused
    assert lake.read(query.table).equals(answer)
    assert spent(config, room) == (2, 8)
    # New data is another question.
    fill(lake, config, 301)
    assert not private_query.run(query, lake, room, "r5").reused
    assert spent(config, room) == (3, 12)


def test_what_the_budget_does_not_pay_for_does_not_run(lake: Lake, room: EmbeddedCleanRoom, tmp_path: Path):
    config = segmentation.load(written(tmp_path, {"epsilon": 1, "users_noise_per_query": 10}))
    fill(lake, config, 30)
    with pytest.raises(
        PrivacyBudgetError, match=r"^DP_BUDGET_EXHAUSTED: ages needs 4 noisy columns, and .* has 2 left"
    ):
        private_query.run(asked(config), lake, room, "r")
    assert lake.state(asked(config).table).versions == {}
    assert lake.read(QUERY_LOG).num_rows == 0


def test_killed_between_answer_and_table_the_answer_is_there_and_paid_once(
    lake: Lake, room: EmbeddedCleanRoom, config: Segmentation, monkeypatch: pytest.MonkeyPatch
):
    fill(lake, config, 300)
    query, write = asked(config), Lake.write

    def killed(self: Lake, table: Any, *args: Any, **kwargs: Any) -> Any:
        if table is query.table:
            raise KeyboardInterrupt
        return write(self, table, *args, **kwargs)

    monkeypatch.setattr(Lake, "write", killed)
    with pytest.raises(KeyboardInterrupt):
        private_query.run(query, lake, room, "r1")
    assert lake.read(QUERY_LOG)["status"].to_pylist() == ["STARTED"]
    monkeypatch.setattr(Lake, "write", write)
    assert private_query.run(query, lake, room, "r2").reused
    assert lake.read(QUERY_LOG)["status"].to_pylist() == ["SUCCESS"]
    assert spent(config, room) == (1, 4)


class Ending(EmbeddedCleanRoom):
    """Its queries reach a limit."""

    def run_private(self, *_: object, **__: object) -> pa.Table:
        raise QueryFailedError("RESOURCE_LIMIT", "the query reached a limit of memory, disk or time")


def test_a_query_that_fails_stays_paid(lake: Lake, tmp_path: Path, config: Segmentation):
    fill(lake, config, 300)
    room = Ending(tmp_path / "home" / "clean_room" / "scratch")
    with pytest.raises(QueryFailedError, match="RESOURCE_LIMIT"):
        private_query.run(asked(config), lake, room, "r")
    assert spent(config, room) == (1, 4)
    assert lake.read(QUERY_LOG)["status"].to_pylist() == ["FAILED"]


def test_the_file_is_refused_with_what_to_declare(tmp_path: Path):
    config = segmentation.load(written(tmp_path, bounds={}))
    with pytest.raises(QueryRefusedError, match=r'ages\.sql: DP_POLICY_MISSING: .*declare bounds: \{"kids": \[lowest'):
        asked(config)
    config = segmentation.load(written(tmp_path, privacy={"bounds": {"kid_count": [0, 8]}}))
    with pytest.raises(CollaborationError, match=r'custom\.privacy\.bounds: no column "kid_count" .*kids_count'):
        asked(config)
    file = written(tmp_path, privacy={"values": {"kids_count": ["2026-01-31", "often"]}})
    made = yaml.safe_load(file.read_text())
    made["audience"]["attributes"]["kids_count"] = {"kind": "date", "column": "kids_count"}
    file.write_text(yaml.safe_dump(made))
    with pytest.raises(CollaborationError, match=r'custom\.privacy\.values\.kids_count: "often" is no DATE$'):
        asked(segmentation.load(file))
    with pytest.raises(ConfigError, match="lowest and then the highest"):
        segmentation.load(written(tmp_path, bounds={"kids": [8, 0]}))


def test_the_command_tells_what_is_left_by_type_of_aggregate(
    lake: Lake, config: Segmentation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("SEGMENT_ASSETS_HOME", str(tmp_path / "home"))
    file = str(tmp_path / "segmentation.yaml")
    EmbeddedCleanRoom(tmp_path / "home" / "clean_room" / "scratch").ledger.reserve(
        "grocer-and-demographics", template.of(20, 10), "k", "q", 2
    )
    told = CliRunner().invoke(cli.main, ["clean-room", "budget", "--config", file], catch_exceptions=False)
    assert LABEL in told.output
    assert "of 20 spent by 1 queries" in " ".join(told.output.split())
    made = CliRunner().invoke(cli.main, ["clean-room", "budget", "--config", file, "--json"], catch_exceptions=False)
    budget = json.loads(made.output)["privacy_budget"]
    shape = botocore.session.get_session().get_service_model("cleanrooms").shape_for("PrivacyBudget")
    validate_parameters(budget["budget"], shape)
    left = {
        a["type"]: (a["maxCount"], a["remainingCount"]) for a in budget["budget"]["differentialPrivacy"]["aggregations"]
    }
    most = budget["units"]["all"]
    assert budget["units"]["left"] == most - 2
    assert left == {
        "AVG": (most // 2, (most - 2) // 2), "COUNT": (most, most - 2), "COUNT_DISTINCT": (most, most - 2),
        "STDDEV": (most // 3, (most - 2) // 3), "SUM": (most, most - 2),
    }  # fmt: skip


def test_explain_shows_what_is_added_to_a_query_with_noise(tmp_path: Path, config: Segmentation):
    file = tmp_path / "q.sql"
    file.write_text(TEXT)
    options = ["clean-room", "explain", str(file), "--config", str(tmp_path / "segmentation.yaml"), "--json"]
    told = json.loads(CliRunner().invoke(cli.main, options, catch_exceptions=False).output)
    assert "at most 1 rows of one person count" in told["added"]
    assert told["sensitivity_parameters"] == sensitivity_parameters(asked(config).plan)
    file.write_text("SELECT SUM(LENGTH(kids_count)) AS n FROM audience_private")
    told = json.loads(CliRunner().invoke(cli.main, options, catch_exceptions=False).output)
    assert "declare bounds" in told["runs"]


def test_what_is_left_is_of_aws_shape():
    from segment_assets.clean_room.privacy.accounting import price

    paid = price(template.of(3, 30))
    assert aggregations(paid, 0.0)[0] == {"type": "AVG", "maxCount": 13, "remainingCount": 13}
