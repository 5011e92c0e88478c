"""What is predicted, what counts as having happened, and what is refused."""

from datetime import date, timedelta
from itertools import pairwise
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from segment_assets.first_party.tables import CUSTOMER_ENDPOINTS, ENGAGEMENT_EVENTS
from segment_assets.lake import Lake, content_hash
from segment_assets.modelling import features, labels, lateness, matrix, targets, vocabulary
from segment_assets.modelling.cutoffs import MOST_CUTOFFS, WARM_UP, ages, buckets, past_cutoffs, scoring_cutoff
from segment_assets.modelling.tables import FEATURES, training_examples
from segment_assets.modelling.targets import Evidence, TargetError
from segment_assets.segmentation import Target
from segment_assets.sql import SqlError, to_duckdb
from segment_assets_tests.modelling.small_world import CLOCK, GRID, Event, config, days_before, fill

CHURN: dict[str, Any] = {"kind": "absence", "event": "purchase", "horizon": "14d", "cutoffs": "28d"}
# The newest cutoff of the grid whose 14 days have ended by the clock's evening.
CUTOFF = GRID - timedelta(days=28)
LONG_AGO = Event("someone", "purchase", days_before(CUTOFF, 120), metrics={"amount": 1.0})


def examples(lake: Lake, events: list[Event], **target: Any) -> dict[tuple[str, date], float]:
    wanted = CHURN | target
    fill(lake, [LONG_AGO, *events])
    built = features.build(lake, config(t=wanted))
    lake.write(built.table, built.rows, "test")
    found = labels.build(lake, "t", config(t=wanted).targets["t"])
    return {(r["customer_id"], r["cutoff"]): r["label"] for r in found.rows.to_pylist()}


def bought(days: float, **kwargs: Any) -> Event:
    return Event("ann", "purchase", days_before(CUTOFF, days), **kwargs)


def test_absence_presence_and_value_of_the_same_horizon(lake: Lake):
    events = [bought(5), bought(0, metrics={"amount": 2.5}), bought(-13.99, metrics={"amount": 4.0})]
    assert examples(lake, events)["ann", CUTOFF] == 0
    assert examples(lake, events, kind="presence")["ann", CUTOFF] == 1
    assert examples(lake, events, kind="value", metric="amount")["ann", CUTOFF] == 6.5


def test_a_value_too_large_to_be_summed_exactly_is_no_part_of_a_label(lake: Lake):
    events = [bought(at, metrics={"amount": amount}) for at, amount in ((5, 1.0), (-1, 2.5), (-2, 9e31), (-3, 9e31))]
    assert examples(lake, events, kind="value", metric="amount")["ann", CUTOFF] == 2.5


def test_the_horizon_begins_at_the_cutoff_and_ends_before_its_last_midnight(lake: Lake):
    assert examples(lake, [bought(5), bought(-14)])["ann", CUTOFF] == 1
    assert examples(lake, [bought(5), bought(0.0001)])["ann", CUTOFF] == 1
    assert examples(lake, [bought(5), bought(0)])["ann", CUTOFF] == 0


def test_a_label_uses_what_became_known_later(lake: Lake):
    late = bought(-2, received=days_before(CUTOFF, -20))
    assert examples(lake, [bought(5), late])["ann", CUTOFF] == 0


def test_only_cutoffs_whose_whole_horizon_has_ended_have_labels(lake: Lake):
    cutoffs = {cutoff for _, cutoff in examples(lake, [bought(5)])}
    assert max(cutoffs) == CUTOFF
    assert GRID + timedelta(days=14) > scoring_cutoff(CLOCK)


def test_who_is_not_eligible_has_no_example(lake: Lake):
    found = examples(lake, [bought(5)], eligible="purchase_count_7d > 0")
    assert ("ann", CUTOFF) in found
    assert not any(customer == "someone" and cutoff == CUTOFF for customer, cutoff in found)


def test_a_custom_event_is_a_target_by_its_source_type_and_so_is_a_sources_own_name(lake: Lake):
    redeemed = Event("ann", "app", days_before(CUTOFF, -3), source_type="coupon.redeemed")
    own_name = Event("ann", "purchase", days_before(CUTOFF, -3), source_type="_monetization.purchase")
    old = Event("bob", "app", days_before(CUTOFF, 100), source_type="coupon.redeemed")
    older = Event("bob", "purchase", days_before(CUTOFF, 100), source_type="_monetization.purchase")
    events = [bought(5), redeemed, own_name, old, older]
    assert examples(lake, events, kind="presence", event="coupon.redeemed")["ann", CUTOFF] == 1
    assert examples(lake, events, kind="presence", event="_monetization.purchase")["ann", CUTOFF] == 1


def test_examples_and_scoring_rows_have_the_same_features_in_the_same_order(lake: Lake):
    found = examples(lake, [bought(5, metrics={"amount": 3.0})], eligible="purchase_count_84d > 0")
    lake.write(training_examples("t"), labels.build(lake, "t", Target.model_validate(CHURN)).rows, "test")
    learned, asked = matrix.examples(lake, "t"), matrix.scoring_rows(lake, "purchase_count_84d > 0")
    assert learned.column_names == ["customer_id", "cutoff", "label", *asked.column_names[2:]]
    assert asked.column_names[2:] == sorted(asked.column_names[2:])
    assert "known_until" not in asked.column_names
    assert set(asked["cutoff"].to_pylist()) == {scoring_cutoff(CLOCK)}
    assert learned.num_rows >= len(found)
    numeric, categorical = matrix.feature_columns(learned)
    assert categorical == []
    assert all(learned.schema.field(n).type == pa.float64() for n in numeric)
    with pytest.raises(SqlError, match="purchase_count_84d"):
        matrix.scoring_rows(lake, "purchase_count_84 > 0")


def test_an_unknown_event_is_one_sentence_with_the_nearest_and_what_was_seen(lake: Lake):
    recent = [Event("ann", "purchase", days_before(CLOCK, d)) for d in (1, 2)]
    coupon = Event("ann", "app", days_before(CLOCK, 3), source_type="coupon.redeemed")
    with pytest.raises(TargetError) as error:
        examples(lake, [*recent, coupon], event="purchse")
    assert str(error.value) == (
        'segmentation.yaml: targets.t.event: no event is named "purchse" (did you mean "purchase"?). '
        "Seen in the last 28 days: purchase, coupon.redeemed."
    )


def test_an_unknown_metric_is_one_sentence_with_the_nearest(lake: Lake):
    with pytest.raises(TargetError) as error:
        examples(lake, [bought(5, metrics={"amount": 1, "items": 2})], kind="value", metric="amout")
    assert str(error.value) == (
        'segmentation.yaml: targets.t.metric: no metric of "purchase" is named "amout" (did you mean "amount"?). '
        "It carries: amount, items."
    )


def test_an_unknown_feature_in_eligible_is_one_sentence_with_the_nearest():
    target = Target.model_validate(CHURN | {"eligible": "purchase_count_84 > 0"})
    with pytest.raises(TargetError, match=r"targets\.t\.eligible: .*did you mean \"purchase_count_84d\""):
        targets.eligible("t", target, ["purchase_count_84d", "tenure_days"])


@pytest.mark.parametrize(
    ("eligible", "says"),
    [
        ("purchase_count_84d = 'x'", "compares values of different types"),
        ("lower(purchase_count_84d) = 'x'", "compares values of different types"),
        ("purchase_count_84d + 'x' > 30", "compares values of different types"),
        ("purchase_count_84d * 9223372036854775807 > 30", "computes a number that is too large"),
        ("purchase_count_84d", "is no condition: it is a number or a text, and must be true or false"),
        ("purchase_count_7d > 0 OR purchase_count_84d", "is no condition: it is a number or a text"),
    ],
)
def test_types_in_eligible_that_do_not_fit_are_one_sentence_without_data(lake: Lake, eligible: str, says: str):
    with pytest.raises(TargetError) as error:
        examples(lake, [bought(5), bought(6)], eligible=eligible)
    assert str(error.value).startswith(f'segmentation.yaml: targets.t.eligible: "{eligible}" {says}')
    assert "Error" not in str(error.value)
    assert error.value.__cause__ is None


def test_a_target_for_which_too_few_are_eligible_is_not_told_to_wait(lake: Lake):
    examples(lake, [bought(5)])
    target = Target.model_validate(CHURN | {"eligible": "purchase_count_84d > 1000"})
    said = labels.build(lake, "t", target).refusal or ""
    assert said.startswith(
        'segmentation.yaml: targets.t.eligible: "purchase_count_84d > 1000" holds for nobody at 0 of '
    )
    assert said.endswith("widen eligible.")
    assert "wait" not in said


def sold(day: int, late: int) -> list[Event]:
    """Fifty customers of whom ten buy on a day; it is known so many days later."""
    at = days_before(CLOCK, day)
    return [Event(f"c{day}-{n}", "purchase", at, received=at + timedelta(days=late)) for n in range(10)]


def test_a_cutoff_counts_only_when_outcomes_that_come_late_are_in(lake: Lake):
    known = [event for day in range(250, 30, -1) for event in sold(day, late=30)]
    on_time = [event for day in range(250, 0, -1) for event in sold(day, late=1)]
    found = {name: cutoffs_of(lake, events) for name, events in {"late": known, "on_time": on_time}.items()}
    assert max(found["on_time"].rows["cutoff"].to_pylist()) == CUTOFF
    assert found["on_time"].waiting == []
    assert max(found["late"].rows["cutoff"].to_pylist()) == CUTOFF - timedelta(days=28)
    assert found["late"].waiting == [CUTOFF]
    newest = found["late"].rows.to_pylist()[-1]
    assert newest["known_by"] - newest["label_until"] == timedelta(days=30)


def cutoffs_of(lake: Lake, events: list[Event]) -> labels.Examples:
    fill(lake, events)
    built = features.build(lake, config(t=CHURN))
    lake.write(built.table, built.rows, "test")
    return labels.build(lake, "t", config(t=CHURN).targets["t"])


@pytest.mark.parametrize(
    ("counts", "days"),
    [
        ({0: 90, 1: 10}, 0),  # the night after is on time
        ({0: 97, 3: 2, 400: 1}, 3),
        ({0: 98, 3: 1, 400: 1}, 0),  # two stragglers in a hundred are too few to wait for
        ({0: 3, 200: 1}, 0),  # and so is one, however few there are
        ({45: 10}, 45),
        ({}, 0),
    ],
)
def test_the_wait_ends_when_all_but_two_in_a_hundred_outcomes_were_known(counts: dict[int, int], days: int):
    table = pa.table({"days": pa.array(counts.keys(), pa.int64()), "n": pa.array(counts.values(), pa.int64())})
    assert lateness.wait(table) == timedelta(days=days)


def test_lateness_is_seen_on_events_whose_stragglers_had_time_to_come():
    year = timedelta(days=365)
    assert lateness.window(CLOCK - 3 * year, CLOCK) == (CLOCK - timedelta(days=84 + 365), CLOCK - timedelta(days=84))
    short = CLOCK - timedelta(days=100)
    assert lateness.window(short, CLOCK) == (short, CLOCK - timedelta(days=50))


@pytest.mark.parametrize(
    ("every", "horizon", "late", "mend"),
    [
        (28, 28, 0, None),
        (28, 240, 0, None),
        (7, 84, 0, None),
        (1, 12, 0, None),
        (28, 365, 0, None),
        (28, 420, 0, "set cutoffs longer (30d or more), or horizon shorter."),
        (1, 15, 0, "set cutoffs longer (2d or more), or horizon shorter."),
        (7, 84, 40, "set cutoffs longer (8d or more), or horizon shorter."),
    ],
)
def test_ten_years_of_data_carry_a_target_or_its_refusal_says_what_helps(every, horizon, late, mend):
    def judged(every: int) -> str | None:
        target = Target.model_validate(CHURN | {"horizon": f"{horizon}d", "cutoffs": f"{every}d"})
        first, wait = CLOCK - timedelta(days=3650), timedelta(days=late)
        days = targets.cutoffs(target, first, CLOCK, wait)
        assert len(days) == MOST_CUTOFFS
        both = pa.table({"cutoff": pa.array(days * 2, pa.date32()), "label": [1.0] * len(days) + [0.0] * len(days)})
        testable = targets.cutoffs_to_test(target, both, wait)
        return targets.refusal("t", target, Evidence(first, CLOCK, len(days), len(days), 5200, 2600, testable, wait))

    said = judged(every)
    if mend is None:
        assert said is None
    else:
        assert said is not None
        assert said.endswith(mend)
        assert judged(int(mend.split("(")[1].split("d")[0])) is None


def test_features_reach_back_to_the_cutoffs_whose_horizon_has_ended(lake: Lake):
    daily = {"horizon": "28d", "cutoffs": "1d"}
    seen = examples(lake, [bought(day) for day in range(1, 110)], **daily)
    assert len({cutoff for _, cutoff in seen}) == MOST_CUTOFFS


def test_a_target_can_be_trained_where_what_is_fitted_has_both_outcomes():
    def can(labels_at: dict[int, list[float]], kind: str = "presence", late: int = 0) -> bool:
        rows = [(GRID + timedelta(days=day), label) for day, outcomes in labels_at.items() for label in outcomes]
        table = pa.table({"cutoff": pa.array([c for c, _ in rows], pa.date32()), "label": [label for _, label in rows]})
        metric = {"metric": "amount"} if kind == "value" else {}
        target = Target.model_validate(CHURN | {"kind": kind} | metric)
        return targets.cutoffs_to_test(target, table, timedelta(days=late)) > 0

    assert can({0: [0, 1], 14: [1], 28: [1]})
    assert not can({0: [0, 1], 14: [1], 28: [1]}, late=7)
    assert can({0: [0, 1], 14: [1], 42: [1]}, late=7)
    assert not can({0: [0, 1], 7: [0, 1], 14: [0, 1]})
    assert not can({0: [1], 14: [0, 1], 28: [0, 1]})
    assert can({0: [1], 14: [2], 28: [3]}, "value")
    assert not can({0: [0], 14: [2], 28: [3]}, "value")


def refused(**found: Any) -> str | None:
    enough = Evidence(date(2025, 1, 1), date(2025, 12, 31), past=9, cutoffs=9, examples=900, positives=90, testable=4)
    return targets.refusal("t", Target.model_validate(CHURN), Evidence(**(enough.__dict__ | found)))


def test_data_that_carry_a_target_are_not_refused():
    assert refused() is None
    assert refused(positives=20, examples=40, cutoffs=3) is None


@pytest.mark.parametrize(
    ("found", "says"),
    [
        ({"positives": 19}, "of 900 examples at 9 cutoffs 19 are positive and 881 are not"),
        ({"positives": 890}, "890 are positive and 10 are not"),
        ({"past": 2, "cutoffs": 2}, "needs 3 past cutoffs whose horizon of 14 days has ended, and there are 2"),
        ({"first": date(2025, 12, 25)}, '14 days is longer than the data ("purchase" is known for 7 days'),
        ({"first": None}, "is known for 0 days"),
        ({"testable": 0}, "14 days or more after the one before, and the 9 cutoffs hold no such three"),
        ({"past": 2, "cutoffs": 2}, "set cutoffs or horizon shorter, or wait for more data"),
        ({"past": 2, "cutoffs": 2, "first": date(2025, 11, 1)}, "; set horizon shorter, or wait for more data"),
        (
            {"past": 2, "cutoffs": 2, "late": timedelta(days=45), "waiting": 2},
            "and its outcomes come up to 45 days late: 2 cutoffs still wait for theirs",
        ),
    ],
)
def test_a_refusal_says_what_is_missing_and_what_is_there(found: dict[str, Any], says: str):
    sentence = refused(**found)
    assert sentence is not None
    assert says in sentence
    assert sentence.startswith("segmentation.yaml: targets.t")
    assert "\n" not in sentence


def test_values_below_zero_are_said_to_count_as_none(lake: Lake):
    refunds = [
        Event(f"c{n}", "refund", days_before(CUTOFF, day), metrics={"amount": -5.0})
        for n in range(30)
        for day in range(-13, 140, 7)
    ]
    fill(lake, refunds)
    wanted = CHURN | {"kind": "value", "event": "refund", "metric": "amount"}
    built = features.build(lake, config(t=wanted))
    lake.write(built.table, built.rows, "test")
    found = labels.build(lake, "t", config(t=wanted).targets["t"])
    assert found.evidence.below_zero == found.rows.num_rows > 0
    assert found.refusal is not None
    assert 'needs 20 examples with a sum of "amount" above 0' in found.refusal
    assert f"0 have one and {found.rows.num_rows} have one below 0, which counts as none; load" in found.refusal
    assert "either outcome" not in found.refusal


def test_labels_are_the_same_bytes_twenty_times(lake: Lake):
    events = [bought(-(n % 14), metrics={"amount": n / 7}) for n in range(300)] + [bought(5)]
    examples(lake, events, kind="value", metric="amount")
    target = Target.model_validate(CHURN | {"kind": "value", "metric": "amount"})
    query = to_duckdb(targets.query(target, targets.eligible("t", target, [])))
    horizons = targets.horizons([CUTOFF], target.horizon)
    with lake.connect(FEATURES, ENGAGEMENT_EVENTS, CUSTOMER_ENDPOINTS, horizons=horizons) as db:
        assert len({content_hash(db.sql(query).to_arrow_table()) for _ in range(20)}) == 1


@given(clock=st.dates(date(2020, 1, 1), date(2030, 1, 1)), every=st.integers(1, 90), history=st.integers(0, 900))
def test_past_cutoffs_stay_where_they_are_as_the_clock_moves_on(clock: date, every: int, history: int):
    step, first = timedelta(days=every), clock - timedelta(days=history)
    today, tomorrow = past_cutoffs(step, first, clock), past_cutoffs(step, first, clock + timedelta(days=1))
    assert set(tomorrow) - set(today) <= {scoring_cutoff(clock + timedelta(days=1))}
    assert len(set(today) - set(tomorrow)) <= 1
    assert all(first + WARM_UP <= c <= scoring_cutoff(clock) for c in today)
    assert all(b - a == step for a, b in pairwise(today))


@given(lengths=st.sets(st.integers(1, 400), min_size=1))
def test_every_window_is_a_whole_number_of_buckets_that_fit_a_mask(lengths: set[int]):
    found = buckets(lengths)
    assert [age for start, end in found for age in range(start, end + 1)] == list(range(1, max(lengths) + 1))
    assert lengths <= {end for _, end in found}
    assert all(end - start < 63 for start, end in found)


def test_each_age_is_one_day():
    table = ages([GRID], [7])
    assert table["age"].to_pylist() == list(range(1, 8))
    assert table["day"].to_pylist()[0] == GRID - timedelta(days=1)


def test_the_vocabulary_counts_what_was_known_by_the_clock(lake: Lake):
    ahead = Event("ann", "click", days_before(CLOCK, -3))
    fill(lake, [LONG_AGO, bought(2), ahead])
    seen = vocabulary.read(lake, CLOCK)
    assert [(e.name, e.count, e.recent) for e in seen.events] == [("purchase", 2, 0)]
    assert seen.first_known == LONG_AGO.at.date()


def test_what_targets_are_about_becomes_features_however_rare_it_is(lake: Lake):
    frequent = [Event("ann", f"app{n}", days_before(CUTOFF, 5 + day)) for n in range(20) for day in (0, 1)]
    rare = Event(
        "ann", "purchase", days_before(CUTOFF, 5), metrics={"amount": 1.0}, source_type="_monetization.purchase"
    )
    fill(lake, [*frequent, rare])
    seen = vocabulary.read(lake, CLOCK)
    assert "purchase" not in [event.slug for event in vocabulary.feature_events(seen)]
    found = vocabulary.feature_events(seen, [("_monetization.purchase", "amount"), ("unknown", None)])
    assert {event.slug: dict(event.metrics) for event in found}["purchase"] == {"amount": ("amount",)}
    assert len(found) == vocabulary.MOST_EVENTS
