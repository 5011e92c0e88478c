"""Fitting and choosing: nothing later than a cutoff is used before it, and the same inputs give the same bytes."""

from dataclasses import replace
from datetime import timedelta

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from segment_assets.modelling import artefact
from segment_assets.modelling.calibration import line, maximum_likelihood, sigmoid
from segment_assets.modelling.cutoffs import split
from segment_assets.modelling.training import TrainingError, backtest, final, fit, loss
from segment_assets_tests.modelling.synthetic import FIRST, HORIZON, rows, task


def mean_loss(tested, kind, column):
    return loss(kind, tested["label"].to_numpy(), tested[column].to_numpy()).mean()


def test_a_split_uses_only_horizons_that_had_ended():
    weekly = [FIRST + timedelta(days=7 * i) for i in range(12)]
    before = weekly[-1]
    found = split(weekly, HORIZON, before)
    assert found is not None
    assert found.calibrate + HORIZON <= before
    assert all(c + HORIZON <= found.calibrate for c in found.fit)
    assert split(weekly[:5], HORIZON, weekly[4]) is None


def test_what_comes_late_is_not_used_before_it_came():
    late = replace(task(), late=HORIZON)
    model = fit(rows(cutoffs=7), late, "logistic", FIRST + 6 * HORIZON)
    assert model is not None
    assert model.trained_until == FIRST + 6 * HORIZON
    assert fit(rows(cutoffs=7), late, "logistic", FIRST + 2 * HORIZON) is None
    assert fit(rows(cutoffs=7), task(), "logistic", FIRST + 2 * HORIZON) is not None


@pytest.mark.parametrize("kind", ["event", "value"])
def test_what_happens_later_does_not_change_an_earlier_prediction(kind):
    known = rows(kind)
    test_cutoff = sorted(set(known["cutoff"].to_pylist()))[-2]
    late = pc.greater_equal(known["cutoff"], pa.scalar(test_cutoff, pa.date32()))
    other_way = pc.subtract(1.0, pc.min_element_wise(known["label"], 1.0))
    flipped = known.set_column(2, "label", pc.if_else(late, other_way, known["label"]))
    one, other = backtest(known, task(kind)), backtest(flipped, task(kind))
    here = pc.less_equal(one["cutoff"], pa.scalar(test_cutoff, pa.date32()))
    for contender in ("logistic", "boosting", "recency", "frequency", "past_spend", "base_rate"):
        assert one.filter(here)[contender].equals(other.filter(here)[contender])


@pytest.mark.parametrize("kind", ["event", "value"])
def test_candidates_learn_what_can_be_learnt(kind):
    tested = backtest(rows(kind, customers=600), task(kind))
    best = min(mean_loss(tested, kind, c) for c in ("logistic", "boosting"))
    assert best < min(mean_loss(tested, kind, c) for c in ("recency", "frequency", "past_spend", "base_rate"))
    assert len(set(tested["cutoff"].to_pylist())) == 4


@pytest.mark.parametrize("kind", ["event", "value"])
@pytest.mark.parametrize("recipe", ["logistic", "boosting"])
def test_two_runs_give_identical_bytes(kind, recipe):
    one, other = (final(rows(kind), task(kind), recipe) for _ in range(2))
    assert one.score(rows(kind)).tobytes() == other.score(rows(kind)).tobytes()
    assert artefact.dumps(one) == artefact.dumps(other)


def test_the_final_model_knows_until_when_it_was_taught():
    model = final(rows(), task(), "logistic")
    assert model.trained_until == max(rows()["cutoff"].to_pylist()) + HORIZON


def test_columns_that_tell_nothing_are_left_out():
    table = (
        rows().append_column("constant", pa.array([1.0] * 1800)).append_column("empty", pa.nulls(1800, pa.float64()))
    )
    for recipe in ("logistic", "boosting"):
        model = final(table, task(), recipe)
        assert not {"constant", "empty"} & set(model.features)


def test_too_few_cutoffs_are_refused_with_what_is_missing():
    with pytest.raises(TrainingError, match=r"at least three cutoffs.*there are 2 cutoffs"):
        backtest(rows(cutoffs=2), task())


def test_one_outcome_only_is_no_model():
    same = rows().set_column(2, "label", pa.array([1.0] * 1800))
    assert fit(same, task(), "boosting", FIRST + 6 * HORIZON) is None
    with pytest.raises(TrainingError, match="one outcome only"):
        final(same, task(), "boosting")


@pytest.mark.parametrize("recipe", ["logistic", "boosting"])
def test_where_everybody_buys_the_amount_alone_is_learnt(recipe):
    table = rows("value")
    always = table.set_column(2, "label", pc.add(table["label"], 5.0))
    model = final(always, task("value"), recipe)
    assert model.chance is None
    assert model.score(always).sum() == pytest.approx(pc.sum(always["label"]).as_py(), rel=0.1)
    base, parts = model.explain(always)
    assert base + parts.sum(axis=1) == pytest.approx(model.score(always), abs=1e-6)
    again = artefact.loads(artefact.dumps(model), "here")
    assert again.score(always).tobytes() == model.score(always).tobytes()
    assert backtest(always, task("value"))["logistic"].null_count == 0


def test_amounts_that_span_many_powers_of_ten_are_learnt_without_a_warning():
    table, place = rows("value"), rows().column_names.index("purchase_amount_84d")
    one, early = np.arange(1800) % 300 == 0, np.arange(1800) < 900
    spent = np.where(one, 4e13, table["purchase_amount_84d"].to_numpy())
    label = np.where(one & early, 9e12, table["label"].to_numpy())
    table = table.set_column(place, "purchase_amount_84d", pa.array(spent)).set_column(2, "label", pa.array(label))
    model = final(table, task("value"), "logistic")
    assert np.isfinite(model.score(table)).all()


def test_nobody_with_a_value_is_no_model():
    none = rows("value").set_column(2, "label", pa.array([0.0] * 1800))
    with pytest.raises(TrainingError, match="nobody with a value"):
        final(none, task("value"), "boosting")


def test_calibration_recovers_the_line_that_made_the_labels():
    draw = np.random.default_rng(1)
    raw = draw.normal(size=20_000) * 2
    label = (draw.random(20_000) < sigmoid(0.5 * raw - 1)).astype(float)
    slope, intercept = line(raw, label)
    assert slope == pytest.approx(0.5, abs=0.03)
    assert intercept == pytest.approx(-1, abs=0.05)


def test_calibration_survives_rare_events_in_skewed_scores():
    # A whole Newton step overshoots here, and found a negative slope where 1.4 is right.
    raw = np.concatenate([np.zeros(9_500), np.arcsinh(np.arange(1, 501) % 12 + 1.0)])
    label = np.concatenate([np.arange(9_500) % 50 == 0, np.arange(500) % 3 == 0]).astype(float)
    assert maximum_likelihood(raw, label)[0] > 0.5


def test_a_score_that_ranks_the_wrong_way_round_is_given_no_say():
    slope, intercept = line(np.array([1.0, 2.0, 3.0, 4.0]), np.array([1.0, 1.0, 0.0, 0.0]))
    assert slope == 0
    assert sigmoid(np.array(intercept)) == pytest.approx(0.5)
