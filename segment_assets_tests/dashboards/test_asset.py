from importlib import resources

import dagster as dg
import pytest

from segment_assets.activation.tables import ACTIVATION_LEDGER
from segment_assets.clean_room.tables import QUERY_LOG
from segment_assets.dashboards.assets import PAGE, assets
from segment_assets.dashboards.datasets import statement
from segment_assets.dashboards.embedded import PageAlone
from segment_assets.first_party.tables import ARRIVAL_DAYS, CUSTOMERS
from segment_assets.identity.tables import HOUSEHOLDS, IDENTITY_EDGES, PERSONS
from segment_assets.lake import FolderStore, Lake, content_hash
from segment_assets.modelling.tables import customer_scores
from segment_assets.segments.tables import predictive_segments
from segment_assets_tests.dashboards import sample

DECISIONS, SCORES = predictive_segments("win_back"), customer_scores("churn_28d")
QUERIES = {
    "activations": {"activation_ledger": ACTIVATION_LEDGER},
    "arrivals": {"arrival_days": ARRIVAL_DAYS},
    "channels": {"decisions": DECISIONS},
    "deciles": {"scores": SCORES, "customers": CUSTOMERS},
    "decisions": {"decisions": DECISIONS},
    "distinct_persons": {"persons": PERSONS},
    "guarded": {"identity_edges": IDENTITY_EDGES},
    "households": {"households": HOUSEHOLDS},
    "matched": {"result": sample.ENRICHMENT, "customers": CUSTOMERS},
    "persons": {"persons": PERSONS},
    "quarantined_persons": {"households": HOUSEHOLDS},
    "queries": {"query_log": QUERY_LOG},
    "query_days": {"query_log": QUERY_LOG},
    "reasons": {"decisions": DECISIONS, "scores": SCORES},
}


def definition() -> dg.AssetsDefinition:
    (made,) = assets(sample.config())
    assert isinstance(made, dg.AssetsDefinition)
    return made


def test_the_asset_writes_the_page_and_its_version_is_the_pages(filled: Lake, tmp_path):
    exports = FolderStore(tmp_path)
    runs = [
        dg.materialize([definition()], resources={"lake": filled, "exports": exports, "publisher": PageAlone()})
        for _ in range(2)
    ]
    records = [run.asset_materializations_for_node("dashboard")[0] for run in runs]
    assert exports.read(PAGE).startswith(b"<!DOCTYPE html>")
    assert records[0].metadata["as_of"].value == "2026-03-15"
    assert records[0].metadata["page"].value == exports.uri(PAGE)
    versions = {record.tags["dagster/data_version"] for record in records if record.tags}
    assert len(versions) == 1


def test_the_page_rests_on_everything_it_shows():
    keys = {key.to_user_string() for key in definition().dependency_keys}
    assert keys == {
        "engagement_events",
        "customers",
        "partner_audience",
        "clean_room_results/audience_enrichment",
        "clean_room_results/audience_overlap",
        "persons",
        "households",
        *(f"model_evaluation/{t}" for t in sample.config().targets),
        *(f"customer_scores/{t}" for t in sample.config().targets),
        *(f"predictive_segments/{s}" for s in sample.config().segments),
        "pinpoint_import/win_back",
        "pinpoint_import/coupon_lovers",
        "customer_profiles_import/big_baskets",
        *(f"file_handoff/{s}" for s in sample.config().segments),
    }


def test_two_destinations_of_one_kind_are_told_apart_by_name():
    config = sample.config()
    twice = config.destinations | {"second": config.destinations["handoff"]}
    segment = config.segments["big_baskets"].model_copy(update={"destinations": ["handoff", "second"]})
    config = config.model_copy(update={"destinations": twice, "segments": {"big_baskets": segment}})
    (made,) = assets(config)
    assert isinstance(made, dg.AssetsDefinition)
    keys = {key.to_user_string() for key in made.dependency_keys}
    assert {"file_handoff/handoff/big_baskets", "file_handoff/second/big_baskets"} <= keys


def test_without_a_partner_the_page_has_no_partner_section_and_asks_for_none(lake: Lake, tmp_path):
    config = sample.config().model_copy(update={"audience": None, "collaboration": None})
    (made,) = assets(config)
    assert isinstance(made, dg.AssetsDefinition)
    exports = FolderStore(tmp_path)
    assert dg.materialize([made], resources={"lake": lake, "exports": exports, "publisher": PageAlone()}).success
    assert b'id="partner"' not in exports.read(PAGE)
    assert dg.AssetKey("partner_audience") not in made.dependency_keys


def test_who_is_in_where_segmentation_yaml_has_them_no_more_fails_a_check_that_blocks_nothing(filled: Lake, tmp_path):
    config = sample.config()
    only = config.segments["win_back"].model_copy(update={"destinations": ["handoff"]})
    fewer = config.model_copy(update={"segments": config.segments | {"win_back": only}})
    given = {"lake": filled, "exports": FolderStore(tmp_path), "publisher": PageAlone()}
    told = []
    for file in (config, fewer):
        run = dg.materialize(assets(file), resources=given)
        [check] = run.get_asset_check_evaluations()
        assert not check.blocking
        told.append((run.success, check.passed, check.description))
    assert told[0] == (True, True, None)
    assert told[1][:2] == (True, False)
    assert "any more: 214 of win_back at pinpoint. Put each back" in told[1][2]


def test_switched_off_there_is_no_dashboard():
    assert assets(sample.config().model_copy(update={"dashboard": False})) == []


def test_every_query_of_this_step_is_listed_here():
    folder = resources.files("segment_assets.dashboards") / "sql"
    assert {path.name.removesuffix(".sql") for path in folder.iterdir()} == set(QUERIES)


@pytest.mark.parametrize("query", QUERIES)
def test_a_query_gives_one_answer_in_twenty_runs_with_two_threads(filled: Lake, query: str):
    text = statement(query, QUERIES[query])
    with filled.connect(*QUERIES[query].values()) as db:
        answers = {content_hash(db.sql(text).to_arrow_table()) for _ in range(20)}
    assert len(answers) == 1
