"""The small parts: markup, counts of people, verdicts, charts, numbers in words."""

from datetime import date
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from segment_assets.dashboards import charts, predictions
from segment_assets.dashboards.datasets import Reader
from segment_assets.dashboards.disclosure import MINIMUM, People, breakdown, histogram, part, people, share
from segment_assets.dashboards.markup import e, render
from segment_assets.dashboards.verdict import Estimate, off_calibration, verdict
from segment_assets.dashboards.visuals import written
from segment_assets.lake import Lake
from segment_assets.modelling.tables import model_evaluation
from segment_assets.segmentation import Target
from segment_assets_tests.dashboards import sample

CHURN = Target.model_validate({"kind": "absence", "event": "purchase", "horizon": "28d"})
PARTS = st.dictionaries(st.sampled_from("abcdef"), st.integers(0, 3000), min_size=1)


@given(st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs", "Co", "Cn"])))
def test_any_text_comes_back_as_it_went_in(text: str):
    parsed = ElementTree.fromstring(render(e("p", text, aria_label=text)))  # noqa: S314  our own markup
    assert (parsed.text or "") == text
    assert parsed.get("aria-label") == text


@pytest.mark.parametrize(
    "attributes", [{"style": "color:red"}, {"src": "x"}, {"onclick": "x"}, {"href": "https://example.com"}]
)
def test_what_would_leave_the_page_can_not_be_written(attributes: dict[str, str]):
    with pytest.raises(ValueError, match="a page may"):
        e("a", "text", **attributes)


@given(PARTS)
def test_no_small_part_of_a_known_whole_can_be_worked_out(counts: dict[str, int]):
    """Whoever knows the whole and reads the page learns only that each small part is 1 to 9."""
    shown = breakdown(counts, blur="abc")
    small = {name for name, n in counts.items() if 0 < n < MINIMUM}
    assert {name for name, p in shown.items() if p.text == "<10"} == small
    large = [name for name, n in counts.items() if n >= MINIMUM]
    if not small or not large:
        return
    (blurred,) = [name for name, p in shown.items() if p.text.startswith("about")]
    # Any other split of what is blurred and small gives the same page.
    for name in small:
        moved = counts | {name: counts[name] % 9 + 1}
        moved[blurred] += counts[name] - moved[name]
        if moved[blurred] >= MINIMUM:
            assert breakdown(moved, blur=blurred) == breakdown(counts, blur=blurred)


@given(st.integers(0, 40), st.integers(0, 40))
def test_beside_its_whole_neither_a_part_nor_the_rest_is_told_below_ten(count: int, rest: int):
    shown = part(count, count + rest)
    if 0 < rest < MINIMUM <= count:
        assert shown == People("all but <10", count + rest - 5)
    else:
        assert shown == people(count)


def test_a_share_is_told_where_its_part_is():
    assert [share(n, 500) for n in (0, 3, 380, 495, 500)] == [0, None, 0.76, None, 1]
    assert share(0, 0) is None


@given(st.dictionaries(st.integers(1, 30), st.integers(1, 500), min_size=1))
def test_a_histogram_loses_nobody_and_shows_no_bar_below_ten(counts: dict[int, int]):
    bars = histogram(counts)
    if sum(counts.values()) >= MINIMUM:
        assert sum(bar.drawn for bar in bars.values()) == sum(counts.values())
        assert all(bar.drawn >= MINIMUM for bar in bars.values())
    else:
        assert [bar.text for bar in bars.values()] == ["<10"]


def test_a_count_is_exact_from_ten_on():
    assert [people(n).text for n in (0, 1, 9, 10, 1234)] == ["0", "<10", "<10", "10", "1,234"]


def estimates(model: tuple[float, float, float], baseline: tuple[float, float, float]) -> list[Estimate]:
    return [Estimate("model", *model), Estimate("frequency", *baseline), Estimate("champion", 0.99, 0.98, 1.0)]


@pytest.mark.parametrize(
    ("metric", "model", "baseline", "tone", "says"),
    [
        ("roc_auc", (0.9, 0.88, 0.92), (0.8, 0.78, 0.82), "good", "better than the best baseline"),
        ("roc_auc", (0.8, 0.78, 0.82), (0.9, 0.88, 0.92), "bad", "worse than frequency alone"),
        ("roc_auc", (0.83, 0.8, 0.86), (0.82, 0.79, 0.85), "unclear", "does not show that the model is better"),
        ("log_loss", (0.3, 0.29, 0.31), (0.4, 0.39, 0.41), "good", "better than the best baseline"),
        ("log_loss", (0.4, 0.39, 0.41), (0.3, 0.29, 0.31), "bad", "worse than frequency alone"),
        ("log_loss", (0.3, 0.29, 0.31), (0.31, 0.31, 0.33), "unclear", "does not show"),  # touching is overlapping
    ],
)
def test_the_verdict_says_what_the_intervals_say(metric, model, baseline, tone, says):
    text, heard = verdict(estimates(model, baseline), metric)
    assert (heard, says in text) == (tone, True)


@pytest.mark.parametrize(
    ("gain", "tone", "says"),
    [
        ((0.0233, 0.0128, 0.0338), "good", "by 0.023 (0.013 to 0.034): the model is better than the best baseline"),
        ((-0.02, -0.03, -0.01), "bad", "the model is worse"),
        ((0.01, -0.01, 0.03), "unclear", "does not show that the model is better"),
    ],
)
def test_a_loss_is_judged_on_the_same_customers_though_the_intervals_overlap(gain, tone, says):
    overlapping = estimates((0.30, 0.28, 0.32), (0.32, 0.30, 0.34))
    beaten = Estimate("recency", 0.1, 0.09, 0.11)
    text, heard = verdict(overlapping, "log_loss", [beaten, Estimate("frequency", *gain)])
    assert (heard, says in text) == (tone, True)
    assert "overlap" not in text


def test_the_linear_model_is_no_baseline_whether_it_was_chosen_or_not():
    logistic = (0.838, 0.814, 0.861)
    text, tone = verdict([*estimates(logistic, (0.7, 0.68, 0.72)), Estimate("logistic", *logistic)], "roc_auc")
    assert tone == "good"
    assert "model (the linear model) 0.838" in text
    assert "best baseline (frequency alone) 0.700" in text
    other = [*estimates((0.84, 0.82, 0.86), (0.7, 0.68, 0.72)), Estimate("logistic", *logistic)]
    assert "model 0.840 (0.820 to 0.860), best baseline (frequency alone) 0.700" in verdict(other, "roc_auc")[0]


def test_without_a_model_a_baseline_or_intervals_nothing_is_claimed():
    alone = [Estimate("model", 0.9, 0.8, 1.0)]
    assert verdict([], "roc_auc")[1] == "unclear"
    assert verdict(alone, "roc_auc")[1] == "unclear"
    assert verdict([*alone, Estimate("recency", 0.5, None, None)], "roc_auc")[1] == "unclear"


def evaluated(*rows: tuple[str, str, float], why: str | None = None, cutoff: str = "pooled") -> list[dict[str, object]]:
    """Rows of (contender, metric, value) of an evaluation, on 40 outcomes."""
    return [
        {
            "cutoff": cutoff, "contender": who, "metric": metric, "value": value, "low": value - 0.01,
            "high": value + 0.01, "examples": 40, "why": why if who == "challenger" else None,
        }
        for who, metric, value in rows
    ]  # fmt: skip


def said_of(lake: Lake, rows: list[dict[str, object]]) -> tuple[list[str], list[str]]:
    """The sentences and the contenders that the page shows."""
    sample.write(lake, model_evaluation("churn"), rows)
    found = predictions.target(Reader(lake), "churn", CHURN)
    who = [str(r["contender"]) for r in found["contenders/churn"].rows]
    return [str(r["text"]) for r in found["verdict/churn"].rows], who


def test_predictions_that_are_off_by_their_own_interval_are_said_to_be():
    def off(**found):
        return off_calibration({f"calibration_{name}": Estimate("model", *numbers) for name, numbers in found.items()})

    assert off(intercept=(0.1, -0.1, 0.3), slope=(0.97, 0.88, 1.06), error=(0.1, 0.05, 0.2)) is None
    assert off(intercept=(0.29, 0.23, 0.363), ratio=(0.9, 0.8, 0.95)).startswith(
        "Whatever the order of customers, the predictions are too low (intercept 0.290 (0.230 to 0.363), where 0 is "
        "right): a threshold"
    )
    assert "too extreme (slope 0.800" in off(slope=(0.8, 0.7, 0.9))
    assert "too high (predicted by actual" in off(ratio=(1.2, 1.1, 1.3))


def test_where_a_challenger_was_refused_the_page_is_about_the_model_in_service_and_says_why(lake: Lake):
    three = evaluated(
        ("model", "roc_auc", 0.8), ("challenger", "roc_auc", 0.9), ("recency", "roc_auc", 0.7), why="It was refused."
    )
    sentences, who = said_of(lake, three)
    assert sentences[0].startswith("ROC AUC: model 0.800")
    assert sentences[-1] == (
        "It was refused. All numbers here are of the 40 outcomes that the model in service was not trained on."
    )
    assert who == ["model", "recency alone", "a challenger that was refused"]


def test_a_model_in_service_of_which_nothing_can_be_told_yet_is_not_confused_with_the_challenger(lake: Lake):
    sentences, who = said_of(
        lake, evaluated(("challenger", "roc_auc", 0.9), ("recency", "roc_auc", 0.7), why="It was refused.")
    )
    assert sentences == [
        "It was refused. The model in service was trained on every outcome known, so no number here is of it yet."
    ]
    assert "model" not in who


def test_the_model_before_is_compared_on_the_outcomes_that_it_was_not_trained_on(lake: Lake):
    rows = evaluated(("model", "roc_auc", 0.86), ("recency", "roc_auc", 0.7))
    unseen = evaluated(("champion", "roc_auc", 0.87), ("champion", "log_loss_gain", 0.0056), cutoff="unseen")
    sentences, who = said_of(lake, rows + unseen)
    assert who == ["model", "recency alone"]
    assert sentences[-1].startswith(
        "On the 40 outcomes that the model in service before was not trained on, the log loss"
    )


@given(st.floats(-1e6, 1e6), st.floats(0, 1e6))
def test_a_chart_of_any_interval_stays_in_its_frame(low: float, width: float):
    row = charts.Interval("one", "text", low, low, low + width, stands_out=True)
    drawn = render(charts.intervals([row], row, "summary"))
    parsed = ElementTree.fromstring(drawn)  # noqa: S314  our own markup
    places = [float(v[:-1]) for x in parsed for k, v in x.attrib.items() if k in ("x", "x1", "x2", "cx") and "%" in v]
    assert all(-0.01 <= place <= 100.01 for place in places)


def test_a_stacked_bar_fills_its_frame():
    parsed = ElementTree.fromstring(render(charts.stacked([1, 0, 3], "summary")))  # noqa: S314  our own markup
    rects = [(r.get("x"), r.get("width"), r.get("class")) for r in parsed.iter("rect")]
    assert rects == [("0.00%", "25.00%", "part-0"), ("25.00%", "75.00%", "part-2")]


def test_charts_of_nothing_are_drawn():
    assert "M0 100V100Z" in render(charts.timeline([], "summary"))
    assert "<rect" not in render(charts.stacked([0, 0], "summary"))


def test_values_are_written_for_people():
    assert written(None) == "\N{EN DASH}"
    assert written(12345, "count") == "12,345"
    assert written(0.8123, "share") == "81.2 %"
    assert written(-0.25, "signed") == "\N{MINUS SIGN}0.250"
    assert written(date(2026, 3, 1), "date") == "1 March 2026"
