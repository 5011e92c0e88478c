"""`where` and `top`: whom a segment asks for."""

import hashlib
from functools import partial

import pyarrow as pa
import pytest

from segment_assets.first_party.tables import CUSTOMERS
from segment_assets.lake import Lake
from segment_assets.lake.embedded import open_catalog
from segment_assets.modelling.tables import customer_scores
from segment_assets.segmentation import ConfigError
from segment_assets.segments.selection import drawn_by_lot, ranked_scores, select
from segment_assets_tests.segments.world import PEOPLE, SCORES, WITH_FEATURES, build, config, scored


def asked(lake, kind=None, **changed):
    settings = config()
    segment = settings.segments["win_back"].model_copy(update=changed)
    target = settings.targets["churn_28d"]
    if kind:
        target = target.model_copy(update={"kind": kind})
    scores = customer_scores("churn_28d")
    with lake.connect(scores, CUSTOMERS, WITH_FEATURES) as db:
        db.register("ranked_scores", ranked_scores(db, scores, "win_back"))
        return select(db, "win_back", segment, target)["customer_id"].to_pylist()


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    root = tmp_path_factory.mktemp("world")
    lake = Lake(partial(open_catalog, root), root / "scratch")
    build(lake)
    return lake


@pytest.mark.parametrize(
    ("where", "expected"),
    [
        ("probability >= 0.6", ["anna", "bo", "cleo", "dan"]),
        ("score < 0.2", ["hal"]),
        ("decile = 1", ["anna"]),
        ("percentile > 80", ["anna", "bo"]),
        ("purchase_count_28d BETWEEN 2 AND 3", ["cleo", "dan"]),
        ("score > 0.4 AND (purchase_count_28d = 0 OR NOT age_band = '35-44')", ["anna"]),
        ("age_band IS NULL", []),
    ],
)
def test_where_asks_over_scores_and_features(world, where, expected):
    assert asked(world, where=where) == expected


@pytest.mark.parametrize("where", ["purchase_count_28d", "probability", "age_band", "NOT COALESCE(score)"])
def test_a_number_is_no_condition(world, where):
    with pytest.raises(ConfigError, match=r"segments\.win_back\.where: .* is no condition: it is a number or a text"):
        asked(world, where=where)


@pytest.mark.parametrize(
    ("top", "expected"),
    [(2, ["anna", "bo"]), (100, sorted(SCORES)), (0.1, ["anna"]), (0.3, ["anna", "bo", "cleo"])],
)
def test_top_takes_the_highest_a_share_rounded_up(world, top, expected):
    assert asked(world, where=None, top=top) == expected


def test_top_is_of_those_that_where_leaves(world):
    assert asked(world, where="score < 0.65", top=0.5) == ["dan", "eve"]


def test_ties_go_by_a_hash_of_segment_and_customer_the_same_every_time(lake):
    build(lake)
    scored(lake, dict.fromkeys(PEOPLE, 0.5))
    by_lot = sorted(PEOPLE, key=lambda p: hashlib.sha256(f"ties of win_back: {p}".encode()).hexdigest())
    for places in range(1, 8):
        assert asked(lake, where=None, top=places) == sorted(by_lot[:places])
    assert asked(lake, where="decile = 1", top=None) == by_lot[:1]
    assert by_lot[:4] != sorted(PEOPLE)[:4]


@pytest.mark.parametrize(
    ("scores", "told"),
    [
        ([(0.9, 1), (0.8, 1)], None),
        ([(0.9, 1), (0.5, 2)], None),  # one of two: no more than the segment
        ([(0.9, 1), (0.5, 2), (0.5, 2)], None),  # all of them
        ([(0.9, 1), (0.5, 3)], "1 of the 2 customers that `top` asks for were drawn by lot from 3 with the same score"),
        ([(0.5, 9)] * 4, "4 of the 4 customers that `top` asks for were drawn by lot from 9 with the same score"),
        ([], None),
    ],
)
def test_places_drawn_by_lot_are_told_where_the_tie_is_larger_than_the_segment(scores, told):
    asked = pa.table({"score": pa.array([s for s, _ in scores], pa.float64()), "tied": [tied for _, tied in scores]})
    said = drawn_by_lot(asked)
    assert (said or "").startswith(told or "")
    assert (said is None) == (told is None)


def test_a_score_of_kind_value_is_called_value(world):
    assert asked(world, kind="value", where="value > 0.75") == ["anna", "bo"]
    with pytest.raises(ConfigError, match="no column is named"):
        asked(world, kind="value", where="probability > 0.75")


@pytest.mark.parametrize(
    ("where", "sentence"),
    [
        ("probabilty >= 0.3", 'segmentation.yaml: segments.win_back.where: "probabilty >= 0.3": no column is named '
                              '"probabilty" (did you mean "probability"?)'),
        ("purchase_count_28 > 1", '(did you mean "purchase_count_28d"?)'),
        ("age_band > score", "compares values of different types"),
    ],
)  # fmt: skip
def test_a_bad_where_is_one_sentence_with_the_nearest_column(world, where, sentence):
    with pytest.raises(ConfigError) as bad:
        asked(world, where=where)
    assert sentence in str(bad.value)
    assert "35-44" not in str(bad.value)
    assert "\n" not in str(bad.value)
