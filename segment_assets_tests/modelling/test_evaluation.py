"""Metrics, their intervals, and what a promotion asks for."""

from datetime import date

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from sklearn import metrics as reference
from sklearn.linear_model import LogisticRegression

from segment_assets.modelling import evaluation
from segment_assets.modelling.baselines import predict
from segment_assets.modelling.bootstrap import Interval, Resampling, interval
from segment_assets.modelling.contest import hold
from segment_assets.modelling.metrics import EVENT_METRICS, VALUE_METRICS, Prepared, Weighted
from segment_assets.modelling.promotion import Champion, Evidence, came_since, decide
from segment_assets.modelling.training import backtest, final
from segment_assets_tests.modelling.synthetic import FIRST, HORIZON, rows, task

BETTER, EQUAL, WORSE = Interval(0.1, 0.05, 0.15), Interval(0.0, -0.05, 0.05), Interval(-0.1, -0.15, -0.05)
CALIBRATED, OFF = Interval(1.0, 0.9, 1.1), Interval(0.2, 0.1, 0.3)


def champion(behind, over_base_rate=BETTER, level=CALIBRATED):
    return Champion(10, behind, over_base_rate, level)


def weighted(label, said, weights=None, cutoff=None):
    label, said = np.asarray(label, dtype=float), np.asarray(said, dtype=float)
    weights = np.ones(len(label)) if weights is None else np.asarray(weights, dtype=float)
    return Weighted(Prepared.of(label, said, cutoff), weights[:, None])


scores = st.lists(st.tuples(st.booleans(), st.integers(1, 9)), min_size=4, max_size=40).filter(
    lambda pairs: len({happened for happened, _ in pairs}) == 2
)


@given(scores)
def test_event_metrics_equal_scikit_learns_ties_included(pairs):
    label, said = [float(y) for y, _ in pairs], [p / 10 for _, p in pairs]
    data = weighted(label, said)
    for name, expected in {
        "roc_auc": reference.roc_auc_score(label, said),
        "average_precision": reference.average_precision_score(label, said),
        "log_loss": reference.log_loss(label, said),
        "brier": reference.brier_score_loss(label, said),
    }.items():
        assert EVENT_METRICS[name](data)[0] == pytest.approx(expected)


@given(scores, st.integers(0, 1000))
def test_a_weight_of_two_is_the_same_as_the_row_twice(pairs, seed):
    label, said = np.array([float(y) for y, _ in pairs]), np.array([p / 10 for _, p in pairs])
    times = np.random.default_rng(seed).integers(1, 4, len(label))
    once, repeated = weighted(label, said, times), weighted(np.repeat(label, times), np.repeat(said, times))
    for name in ("roc_auc", "average_precision", "log_loss", "brier", "lift_10", "lift_20"):
        assert EVENT_METRICS[name](once)[0] == pytest.approx(EVENT_METRICS[name](repeated)[0])
    for name in ("mae", "value_share_10", "calibration_ratio"):
        assert VALUE_METRICS[name](once)[0] == pytest.approx(VALUE_METRICS[name](repeated)[0])


def test_a_target_without_a_baseline_is_not_said_to_beat_one():
    verdict = decide(Evidence({}, CALIBRATED, champion(EQUAL)))
    assert not verdict.beats_baselines
    assert not verdict.install
    assert "no baseline" in verdict.reasons[1]


@pytest.mark.parametrize("baseline", ["recency", "frequency", "past_spend"])
def test_a_baseline_of_values_ranks_as_its_feature_does_whatever_a_few_amounts_say(baseline):
    feature = pa.chunked_array([[1.0, 2.0, 3.0, 4.0, 50.0]])
    # One huge amount with a customer at the wrong end: a free line would turn round.
    wrong_end = np.array([9e6, 5.0, 6.0, 7.0, 8.0] if baseline != "recency" else [8.0, 7.0, 6.0, 5.0, 9e6])
    said = predict("value", baseline, feature, wrong_end, feature)
    order = np.argsort(said)[::-1] if baseline == "recency" else np.argsort(said)
    assert order.tolist() == [0, 1, 2, 3, 4]
    assert (said >= 0).all()


def test_a_line_through_past_spend_is_least_squares_where_that_rises():
    spend = pa.chunked_array([[0.0, 10.0, 20.0, 30.0]])
    said = predict("value", "past_spend", spend, np.array([5.0, 6.0, 9.0, 10.0]), spend)
    assert said == pytest.approx([4.8, 6.6, 8.4, 10.2])


def test_value_metrics_equal_scipys():
    draw = np.random.default_rng(0)
    label, said = draw.poisson(3, 200).astype(float), draw.poisson(3, 200).astype(float)
    data = weighted(label, said)
    assert VALUE_METRICS["spearman"](data)[0] == pytest.approx(stats.spearmanr(label, said).statistic)
    assert VALUE_METRICS["mae"](data)[0] == pytest.approx(np.abs(label - said).mean())


def drifting(cutoffs=4, customers=500, seed=5):
    """Labels of a rate that grows, a prediction of each cutoff's rate for everybody, and one that ranks a little."""
    draw, n = np.random.default_rng(seed), cutoffs * customers
    cutoff = np.repeat(np.arange(cutoffs), customers)
    rate, pull = np.linspace(-1.5, 0.5, cutoffs)[cutoff], draw.normal(size=n)
    label = (draw.random(n) < 1 / (1 + np.exp(-rate - pull))).astype(float)
    return cutoff, label, 1 / (1 + np.exp(-rate)), 1 / (1 + np.exp(-rate - pull))


def test_who_knows_how_busy_a_month_is_and_nobody_apart_ranks_nobody():
    cutoff, label, level, _ = drifting()
    data, anyhow = weighted(label, level, cutoff=cutoff), weighted(label, level)
    assert EVENT_METRICS["roc_auc"](anyhow)[0] > 0.6  # what counting pairs across cutoffs would say
    assert EVENT_METRICS["roc_auc"](data)[0] == pytest.approx(0.5)
    assert EVENT_METRICS["lift_10"](data)[0] == pytest.approx(1.0)
    assert VALUE_METRICS["value_share_10"](data)[0] == pytest.approx(0.1)
    assert np.isnan(VALUE_METRICS["spearman"](data)[0])
    assert np.isnan(EVENT_METRICS["calibration_slope"](data)[0])


def test_the_level_of_a_cutoff_does_not_change_how_its_customers_are_ranked():
    cutoff, label, _, said = drifting()
    moved = 1 / (1 + np.exp(-np.log(said / (1 - said)) - 3.0 * cutoff))
    one, other = weighted(label, said, cutoff=cutoff), weighted(label, moved, cutoff=cutoff)
    names = ("roc_auc", "average_precision", "lift_10", "calibration_slope")
    for metric in (*(EVENT_METRICS[n] for n in names), *(VALUE_METRICS[n] for n in ("spearman", "value_share_10"))):
        assert metric(one)[0] == pytest.approx(metric(other)[0], abs=1e-6)


def test_pooled_order_is_that_of_the_cutoffs_by_their_pairs_events_and_customers():
    cutoff, label, _, said = drifting()
    data, days = weighted(label, said, cutoff=cutoff), [cutoff == day for day in range(4)]
    events = [label[day].sum() for day in days]
    pairs = [label[day].sum() * (1 - label[day]).sum() for day in days]
    auc = np.average([reference.roc_auc_score(label[day], said[day]) for day in days], weights=pairs)
    assert EVENT_METRICS["roc_auc"](data)[0] == pytest.approx(auc)
    precision = [reference.average_precision_score(label[day], said[day]) for day in days]
    assert EVENT_METRICS["average_precision"](data)[0] == pytest.approx(np.average(precision, weights=events))
    spearman = np.mean([stats.spearmanr(label[day], said[day]).statistic for day in days])
    assert VALUE_METRICS["spearman"](data)[0] == pytest.approx(spearman, abs=0.005)  # ties differ a little by cutoff


def test_the_pooled_slope_is_one_fit_with_an_intercept_per_cutoff():
    cutoff, label, _, said = drifting()
    design = np.column_stack([np.log(said / (1 - said)), *(cutoff == day for day in range(4))])
    whole = LogisticRegression(C=np.inf, fit_intercept=False, tol=1e-10, max_iter=1000).fit(design, label).coef_[0]
    times = np.random.default_rng(1).poisson(1.0, len(label))
    data = weighted(label, said, cutoff=cutoff)
    assert EVENT_METRICS["calibration_slope"](data)[0] == pytest.approx(whole[0], abs=1e-4)
    assert EVENT_METRICS["calibration_intercept"](data)[0] == pytest.approx(whole[1:].mean(), abs=1e-4)
    again = LogisticRegression(C=np.inf, fit_intercept=False, tol=1e-10, max_iter=1000).fit(design, label, times)
    replicate = weighted(label, said, times, cutoff)
    assert EVENT_METRICS["calibration_slope"](replicate)[0] == pytest.approx(again.coef_[0][0], abs=0.01)


def test_lift_counts_the_top_tenth():
    label, said = [1.0] * 5 + [0.0] * 95, [0.9] * 5 + [0.1] * 95
    assert EVENT_METRICS["lift_10"](weighted(label, said))[0] == pytest.approx((5 + 0) / 5 / 0.1)
    assert EVENT_METRICS["lift_10"](weighted(label, [0.5] * 100))[0] == pytest.approx(1.0)


def test_calibration_of_the_truth_is_one_and_zero():
    draw = np.random.default_rng(2)
    p = draw.uniform(0.05, 0.95, 50_000)
    data = weighted((draw.random(50_000) < p).astype(float), p)
    assert EVENT_METRICS["calibration_slope"](data)[0] == pytest.approx(1, abs=0.04)
    assert EVENT_METRICS["calibration_intercept"](data)[0] == pytest.approx(0, abs=0.04)
    assert EVENT_METRICS["calibration_error"](data)[0] < 0.01


def test_the_quick_slope_of_a_replicate_is_close_to_a_whole_fit():
    draw = np.random.default_rng(3)
    p = draw.uniform(0.05, 0.95, 3_000)
    label, times = (draw.random(3_000) < p).astype(float), draw.poisson(1.0, 3_000)
    quick = EVENT_METRICS["calibration_slope"](weighted(label, p, times))[0]
    whole = EVENT_METRICS["calibration_slope"](weighted(np.repeat(label, times), np.repeat(p, times)))[0]
    assert quick == pytest.approx(whole, abs=0.01)


def test_intervals_resample_customers_not_rows():
    # Ten customers, each with 100 equal rows: there are ten observations, not a thousand.
    customers = np.repeat([f"c{i}" for i in range(10)], 100).astype(object)
    values = np.repeat(np.arange(10.0), 100)
    found = Resampling(customers).mean(values)
    assert found.value == pytest.approx(4.5)
    assert found.high - found.low > 2


def test_an_interval_says_nothing_that_can_not_be():
    chance = np.random.default_rng(3)
    label = (chance.random(80) < 0.12).astype(float)
    backtest = pa.table(
        {
            "customer_id": [f"c{n}" for n in range(80)],
            "cutoff": [date(2026, 1, 1)] * 80,
            "label": label,
            "model": np.clip(label * 0.45 + chance.random(80) * 0.5, 0.01, 0.99),
        }
    )
    found = {m.metric: m.interval for m in evaluation.evaluate(backtest, "event", by_cutoff=False)}
    assert all(0 <= found[name].low <= found[name].high <= 1 for name in ("roc_auc", "average_precision", "brier"))
    assert interval(np.array([0.95, 0.7, 0.8, 0.9])).high > 1  # what an area's would be if nothing bounded it


def test_an_interval_holds_its_value_though_the_metric_is_biased():
    found = interval(np.concatenate([[0.01], np.random.default_rng(0).uniform(0.02, 0.03, 200)]))
    assert found is not None
    assert found.low <= found.value <= found.high


def test_a_metric_that_rows_do_not_define_is_left_out():
    table = pa.table(
        {
            "customer_id": ["a", "b"],
            "cutoff": pa.array([date(2025, 1, 1)] * 2),
            "label": [0.0, 0.0],
            "model": [0.1, 0.2],
        }
    )
    named = {m.metric for m in evaluation.evaluate(table, "event")}
    assert "roc_auc" not in named
    assert "log_loss" in named


def test_evaluation_says_the_same_twice_and_keeps_each_contender_apart():
    held = hold(rows(), task(), None)
    one, other = (evaluation.table(evaluation.evaluate(held.backtest, "event")) for _ in range(2))
    assert one.equals(other)
    keys = list(zip(*(one[c].to_pylist() for c in ("cutoff", "contender", "metric")), strict=True))
    assert len(set(keys)) == len(keys)
    assert {c for _, c, _ in keys} == {"challenger", "logistic", "recency", "frequency", "past_spend", "base_rate"}
    assert "0." in evaluation.markdown(evaluation.evaluate(held.backtest, "event"))


def test_the_first_model_is_installed_and_says_what_it_is_worth():
    verdict = decide(Evidence({"frequency": EQUAL, "recency": BETTER}, OFF))
    assert verdict.install
    assert not verdict.beats_baselines
    assert "no model before it" in verdict.reasons[0]
    assert "not shown to beat the best baseline, frequency alone" in verdict.reasons[1]
    assert "fails" in verdict.reasons[2]


@pytest.mark.parametrize(
    ("over_baseline", "over_champion", "calibration", "installed"),
    [
        (BETTER, EQUAL, CALIBRATED, True),
        (BETTER, BETTER, CALIBRATED, True),
        (EQUAL, BETTER, CALIBRATED, False),
        (WORSE, BETTER, CALIBRATED, False),
        (BETTER, WORSE, CALIBRATED, False),
        (BETTER, BETTER, OFF, False),
        (BETTER, BETTER, None, False),
    ],
)
def test_a_challenger_must_pass_every_test(over_baseline, over_champion, calibration, installed):
    verdict = decide(Evidence({"frequency": over_baseline}, calibration, champion(over_champion)))
    assert verdict.install is installed


@pytest.mark.parametrize(
    ("calibration", "said", "passes"),
    [
        (Interval(1.1, 0.7, 1.4), "Its calibration passes: 1.1 (0.7 to 1.4)", True),
        (Interval(1.262, 0, 20), "Its calibration can't be told, which counts as not passed: 1.262 (0 to 20)", False),
        (Interval(0.6, 0.1, 0.9), "can't be told", False),
        (Interval(3.0, 1.3, 9.0), "Its calibration fails", False),
    ],
)
def test_an_interval_too_wide_to_tell_is_no_pass(calibration, said, passes):
    verdict = decide(Evidence({"frequency": BETTER}, calibration, champion(BETTER)))
    assert verdict.install is passes
    assert said in verdict.reasons[-1]
    assert decide(Evidence({"frequency": BETTER}, calibration)).install


def test_probabilities_of_the_right_order_and_the_wrong_size_are_not_promoted():
    verdict = decide(Evidence({"frequency": BETTER}, CALIBRATED, champion(BETTER), level=OFF))
    assert not verdict.install
    assert "Its level fails: 0.2 (0.1 to 0.3) outcomes predicted for each that came" in verdict.reasons[-1]


def test_a_challenger_that_says_the_same_as_the_champion_is_called_so():
    same = Interval(0.0, 0.0, 0.0)
    reasons = decide(Evidence({"frequency": BETTER}, CALIBRATED, champion(same))).reasons
    assert "It says the same as the champion (on 10 outcomes that this was not trained on)." in reasons


def test_a_loss_that_is_higher_is_called_so():
    reasons = decide(Evidence({"frequency": WORSE}, CALIBRATED, champion(WORSE))).reasons
    assert "It is worse than the best baseline, frequency alone: loss higher by 0.1 (0.05 to 0.15)." in reasons
    where = "on 10 outcomes that this was not trained on"
    assert f"It is worse than the champion ({where}): loss higher by 0.1 (0.05 to 0.15)." in reasons


def test_with_random_labels_a_champion_is_hardly_ever_replaced():
    champion = final(rows(customers=80, cutoffs=4), task(), "logistic")
    won = 0
    for seed in range(12):
        noise = rows(customers=80, cutoffs=4, seed=100 + seed, random=True)
        won += hold(noise, task(), champion).verdict.install
    assert won <= 1


@pytest.mark.parametrize("kind", ["event", "value"])
def test_where_nothing_can_be_told_but_the_level_moves_no_model_beats_the_baselines(kind):
    for seed in range(6):
        noise = rows(kind, customers=120, seed=seed, random=True, rate=(0.2, 0.4))
        held = hold(noise, task(kind), final(noise, task(kind), "logistic"))
        assert not held.verdict.beats_baselines
        assert not held.verdict.install


def test_a_baseline_is_calibrated_on_the_newest_outcomes_as_a_candidate_is():
    noise = rows(customers=1_000, random=True, rate=(0.2, 0.7))
    newest = noise.filter(pc.equal(noise["cutoff"], pa.scalar(FIRST + 4 * HORIZON, pa.date32())))
    told = backtest(noise, task())
    last = told.filter(pc.equal(told["cutoff"], pa.scalar(FIRST + 5 * HORIZON, pa.date32())))
    known = pc.mean(newest["label"]).as_py()
    assert last["base_rate"].to_pylist() == pytest.approx([known] * 1_000)
    for baseline in ("recency", "frequency", "past_spend"):
        assert pc.mean(last[baseline]).as_py() == pytest.approx(known, abs=0.02)


def test_where_there_is_something_to_learn_the_challenger_wins_and_its_order_is_right():
    held = hold(rows(customers=600), task(), final(rows(customers=600, cutoffs=3), task(), "logistic"))
    assert held.verdict.install, held.verdict.reasons
    assert held.backtest["champion"].null_count < held.backtest.num_rows
    auc = next(m.interval for m in held.measured if (m.contender, m.metric) == ("model", "roc_auc"))
    assert auc.low > 0.7


def test_a_champion_is_not_judged_on_outcomes_it_was_trained_on():
    held = hold(rows(), task(), final(rows(), task(), "boosting"))
    assert held.backtest["champion"].null_count == held.backtest.num_rows
    [said] = [reason for reason in held.verdict.reasons if "champion" in reason]
    assert said.startswith("It could not be compared with the champion, which was trained on all of these outcomes")


def test_challenger_and_champion_are_measured_on_the_same_rows():
    known = rows(customers=600, cutoffs=3)
    held = hold(rows(customers=600), task(), final(known, task(), "logistic"))
    seen = {m.contender: m.examples for m in held.measured if m.metric == "log_loss" and m.cutoff == "pooled"}
    unseen = {m.contender: m.examples for m in held.measured if m.metric == "log_loss" and m.cutoff == "unseen"}
    assert set(seen.values()) == {held.backtest.num_rows}
    assert "champion" not in seen
    assert {"model", "champion", "recency"} <= set(unseen)
    assert set(unseen.values()) == {held.backtest.num_rows - held.backtest["champion"].null_count}


def turned(table):
    """The same world with the other outcome for everybody: whatever was learnt of it is wrong."""
    return table.set_column(2, "label", pa.array(1 - table["label"].to_numpy()))


def gone_wrong():
    """Three cutoffs that a champion learns from, then others in which everything is the other way round."""
    before, later = rows(cutoffs=3), rows(cutoffs=9).slice(900)
    assert final(before, task(), "logistic").trained_until == later["cutoff"][0].as_py()
    return hold(pa.concat_tables([before, turned(later)]), task(), final(before, task(), "logistic"))


def test_a_champion_gone_wrong_gives_way_to_a_challenger_that_is_better():
    held = gone_wrong()
    assert held.champion is not None
    assert held.champion.worse_than_base_rate
    assert held.verdict.install, held.verdict.reasons
    assert any(reason.startswith("The champion is worse than the base rate: on the") for reason in held.verdict.reasons)


@pytest.mark.parametrize(
    ("behind", "over_base_rate", "level", "installed"),
    [
        (BETTER, WORSE, CALIBRATED, True),
        (BETTER, BETTER, OFF, True),
        (EQUAL, WORSE, OFF, False),
        (BETTER, EQUAL, CALIBRATED, False),
        (None, None, None, False),
    ],
)
def test_a_challenger_that_fails_its_own_tests_replaces_only_a_champion_gone_wrong(
    behind, over_base_rate, level, installed
):
    verdict = decide(Evidence({"frequency": EQUAL}, OFF, champion(behind, over_base_rate, level)))
    assert verdict.install is installed
    assert ("whatever it is worth" in verdict.reasons[0]) is installed


@pytest.mark.parametrize(
    ("over_base_rate", "level", "says"),
    [
        (BETTER, CALIBRATED, []),
        (EQUAL, Interval(0.78, 0.7, 0.86), []),
        (None, None, []),
        (WORSE, CALIBRATED, ["is worse than the base rate: on the 10 outcomes that it was not trained on"]),
        (
            BETTER,
            OFF,
            ["has lost the level: on the 10 outcomes that it was not trained on it predicted 0.2 (0.1 to 0.3)"],
        ),
    ],
)
def test_predictions_that_what_came_since_contradicts_are_told(over_base_rate, level, says):
    told = came_since(champion(EQUAL, over_base_rate, level), "The model")
    assert [sentence for sentence in told if sentence.startswith("The model ")] == told
    assert all(part in sentence for part, sentence in zip(says, told, strict=True))
