"""What a row of features says."""

from datetime import datetime, timedelta
from decimal import Decimal

import pytest

from segment_assets.lake import Lake
from segment_assets.modelling import features
from segment_assets.modelling.baselines import columns
from segment_assets.modelling.features import FeaturesError
from segment_assets.segmentation import Segmentation
from segment_assets_tests.modelling.small_world import CLOCK, GRID, Event, build, config, days_before, fill, row

TODAY = CLOCK + timedelta(days=1)
# Enough history that the grid's newest cutoff is one to learn from.
LONG_AGO = Event("someone", "purchase", days_before(GRID, 80), metrics={"amount": 1.0})


def test_windows_count_calendar_days_and_yesterday_is_day_one(lake: Lake):
    at = [days_before(GRID, d) for d in (0.001, 7, 7.001, 28, 28.001)]
    built = build(lake, [LONG_AGO, *(Event("ann", "purchase", t) for t in at)])
    ann = row(built, "ann", GRID)
    assert ann["purchase_count_7d"] == 2
    assert ann["purchase_count_14d"] == 3
    assert ann["purchase_count_28d"] == 4
    assert ann["purchase_count_56d"] == 5
    assert ann["days_since_purchase"] == 1


def test_sums_are_exact_decimals(lake: Lake):
    events = [Event("ann", "purchase", days_before(GRID, 2), metrics={"amount": 0.1}) for _ in range(3)]
    assert row(build(lake, [LONG_AGO, *events]), "ann", GRID)["purchase_amount_7d"] == Decimal("0.300000")


@pytest.mark.parametrize("amount", [1e15, -1e32, 1e308])
def test_a_value_too_large_to_be_summed_exactly_counts_as_none_and_stops_nothing(lake: Lake, amount: float):
    amounts = (amount, 9e14, 9e14, 0.25)
    events = [Event("ann", "purchase", days_before(GRID, 2), metrics={"amount": each}) for each in amounts]
    ann = row(build(lake, [LONG_AGO, *events]), "ann", GRID)
    assert ann["purchase_amount_7d"] == Decimal("1800000000000000.250000")
    assert ann["purchase_count_7d"] == 4


def test_a_late_record_counts_from_the_cutoff_after_it_was_known(lake: Lake):
    late = Event("ann", "purchase", days_before(GRID, 3), received=days_before(GRID, -1))
    built = build(lake, [LONG_AGO, late], customers={"ann": days_before(GRID, 60)})
    assert row(built, "ann", GRID)["purchase_count_7d"] == 0
    assert row(built, "ann", TODAY)["purchase_count_14d"] == 1


def test_a_record_from_the_future_does_not_count(lake: Lake):
    ahead = Event("ann", "purchase", days_before(GRID, -2), received=days_before(GRID, 1))
    built = build(lake, [LONG_AGO, ahead])
    assert row(built, "ann", GRID)["purchase_count_7d"] == 0
    assert row(built, "ann", TODAY)["purchase_count_7d"] == 1


def test_active_days_are_distinct_days_of_engagement_over_all_windows(lake: Lake):
    # Days 1, 63, 64, 120 and 200 lie in different words of the bit mask.
    days = (1, 1, 63, 64, 120, 200)
    events = [Event("ann", "purchase", days_before(GRID, d - 0.5)) for d in days]
    sent = Event("ann", "send", days_before(GRID, 10), engagement=False, channel="email")
    ann = row(build(lake, [*events, sent]), "ann", GRID)
    assert [ann[f"active_days_{w}d"] for w in (7, 56, 84, 365)] == [1, 1, 3, 5]
    assert ann["days_since_active"] == 1


def test_a_gap_is_between_days_and_overdue_is_the_wait_over_it(lake: Lake):
    events = [Event("ann", "purchase", days_before(GRID, d)) for d in (40, 40, 30, 20)]
    ann = row(build(lake, [LONG_AGO, *events]), "ann", GRID)
    assert ann["purchase_gap_days"] == 10
    assert ann["purchase_overdue_ratio"] == 2.0
    assert row(build(lake, [LONG_AGO, *events]), "someone", GRID)["purchase_gap_days"] is None


def test_a_trend_compares_the_last_window_with_the_one_before(lake: Lake):
    events = [Event("ann", "purchase", days_before(GRID, d)) for d in (5, 10, 15, 40)]
    assert row(build(lake, [LONG_AGO, *events]), "ann", GRID)["purchase_trend_28d"] == (3 - 1) / (3 + 1)


def test_who_had_events_before_the_last_window_alone_has_stopped(lake: Lake):
    events = [Event("ann", "purchase", days_before(GRID, d)) for d in (40, 50)]
    built = build(lake, [LONG_AGO, *events])
    assert row(built, "ann", GRID)["purchase_trend_28d"] == -1
    assert row(built, "someone", GRID)["purchase_trend_28d"] is None


def test_rates_are_per_message_sent_on_their_channel_and_null_without_any(lake: Lake):
    mail = [Event("ann", "send", days_before(GRID, d), channel="email", engagement=False) for d in (2, 3, 4, 5)]
    click = Event("ann", "click", days_before(GRID, 2), channel="email")
    elsewhere = Event("ann", "click", days_before(GRID, 2), channel="push")
    built = build(lake, [LONG_AGO, *mail, click, elsewhere])
    assert row(built, "ann", GRID)["email_click_rate_28d"] == 0.25
    assert row(built, "someone", GRID)["email_click_rate_28d"] is None
    assert "push_click_rate_28d" not in built.table.schema.names


def test_custom_events_are_named_by_their_source_type(lake: Lake):
    custom = Event("ann", "app", days_before(GRID, 2), source_type="coupon.redeemed")
    assert row(build(lake, [LONG_AGO, custom]), "ann", GRID)["coupon_redeemed_count_7d"] == 1


def test_an_event_that_names_only_the_endpoint_counts_for_its_customer(lake: Lake):
    by_endpoint = Event(None, "purchase", days_before(GRID, 2), endpoint="endpoint-ann")
    built = build(lake, [LONG_AGO, by_endpoint], customers={"ann": days_before(GRID, 50)})
    assert row(built, "ann", GRID)["purchase_count_7d"] == 1


def test_a_customer_is_in_a_cutoff_only_when_known_before_it(lake: Lake):
    built = build(lake, [LONG_AGO], customers={"bob": days_before(GRID, -1), "ann": days_before(GRID, 10)})
    known = {(r["customer_id"], r["cutoff"]) for r in built.rows.to_pylist()}
    assert ("ann", GRID) in known
    assert ("bob", GRID) not in known
    assert ("bob", TODAY) in known
    assert row(built, "ann", GRID)["tenure_days"] == 10


def test_history_stays_the_same_from_day_to_day(lake: Lake):
    events = [LONG_AGO, Event("ann", "purchase", days_before(GRID, 9))]
    today = build(lake, events)
    tomorrow = build(lake, events, clock=CLOCK + timedelta(days=1))
    past = [r for r in today.rows.to_pylist() if r["cutoff"] != TODAY]
    assert past == [r for r in tomorrow.rows.to_pylist() if r["cutoff"] != TODAY + timedelta(days=1)]
    assert len(past) >= 2


@pytest.mark.parametrize("name", ['it\'s; DROP TABLE "x"', "Käse\\Brot", "7eleven", "count", "a.b", "🛒"])
def test_any_name_makes_a_column(lake: Lake, name: str):
    events = [Event("ann", "app", days_before(GRID, 3), source_type=name, metrics={name: 2.0, "o\\'o": 1.0})]
    built = build(lake, [LONG_AGO, *events])
    ann = row(built, "ann", GRID)
    weekly = {column: value for column, value in ann.items() if "_7d" in column and column != "active_days_7d"}
    assert sorted(weekly.values()) == [0, 0, 1, 1, 2]
    assert built.differing == 0


def test_names_that_read_the_same_are_added_up(lake: Lake):
    at = days_before(GRID, 3)
    same = [
        Event("ann", "app", at, source_type="A.b", metrics={"x-y": 1.0, "x.y": 2.0}),
        Event("ann", "app", at, source_type="a/b", metrics={"X Y": 4.0}),
    ]
    ann = row(build(lake, [LONG_AGO, *same]), "ann", GRID)
    assert (ann["a_b_count_7d"], ann["a_b_x_y_7d"]) == (2, 7)


def test_a_count_of_events_keeps_its_name_and_a_sum_that_would_have_it_gets_a_number(lake: Lake):
    both = [
        Event("ann", "app", days_before(GRID, 3), source_type="a", metrics={"b_count": 5.0, "count": 7.0}),
        Event("ann", "app", days_before(GRID, 3), source_type="a_b"),
    ]
    built = build(lake, [LONG_AGO, *both])
    ann = row(built, "ann", GRID)
    assert (ann["a_b_count_7d"], ann["a_b_count_7d_2"]) == (1, Decimal(5))
    assert (ann["a_count_7d"], ann["a_count_7d_2"]) == (1, Decimal(7))
    [told] = built.clashes
    assert told.startswith(
        'two features would be named "a_b_count_7d": this one is called "a_b_count_7d_2": Sum of b_count'
    )


def test_where_every_name_is_its_own_nothing_is_told(lake: Lake):
    assert build(lake, [LONG_AGO]).clashes == []


def test_baselines_read_the_events_own_count_and_the_sum_of_the_metric():
    names = ["days_since_purchase", "purchase_count_84d", "purchase_count_84d_2", "purchase_amount_84d"]
    of_count = columns(names, "purchase", ("purchase", "count"))
    assert (of_count["frequency"], of_count["past_spend"]) == ("purchase_count_84d", "purchase_count_84d_2")
    partners = [*names, "purchase_amount_84d_2"]
    assert columns(partners, "purchase", ("purchase", "amount"))["past_spend"] == "purchase_amount_84d"


def test_an_event_named_active_is_not_confused_with_engagement_of_any_kind(lake: Lake):
    events = [
        Event("ann", "app", days_before(GRID, 9), source_type="active"),
        Event("ann", "open", days_before(GRID, 2)),
    ]
    built = build(lake, [LONG_AGO, *events])
    recency = columns(built.table.schema.names, "active", None)["recency"]
    assert row(built, "ann", GRID)[recency] == 9


def test_events_that_predicates_name_become_features_however_rare_they_are(lake: Lake):
    frequent = [Event("ann", "app", days_before(GRID, 5 + n % 2), source_type=f"app{n // 2}") for n in range(40)]
    rare = [
        Event("ann", "app", days_before(GRID, 5), source_type=name, metrics={"score": 2.0})
        for name in ("likely buyer", "seen", "scored", "unnamed")
    ]
    fill(lake, [LONG_AGO, *frequent, *rare])
    churn = {"kind": "absence", "event": "purchase", "horizon": "7d", "eligible": "likely_buyer_count_84d > 0"}
    segment = {"target": "churn", "purpose": "p", "channels": ["email"], "destinations": ["files"]}
    where = "days_since_seen < 9 AND scored_score_28d > 0"
    wanted = {
        "name": "test",
        "targets": {"churn": churn},
        "segments": {"s": segment | {"where": where}},
        "destinations": {"files": {"kind": "file_handoff", "format": "csv"}},
    }
    built = features.build(lake, Segmentation.model_validate(wanted))
    names = built.table.schema.names
    assert {"likely_buyer_count_84d", "seen_count_28d", "scored_score_28d"} <= set(names)
    assert not [name for name in names if "unnamed" in name]


def test_the_most_frequent_events_become_features_and_the_rest_still_counts_as_active(lake: Lake):
    many = [
        Event("ann", "app", days_before(GRID, 2 + n % 3), source_type=f"event_{n:02}")
        for n in range(18)
        for _ in range(1 + (n < 15))
    ]
    ann = row(build(lake, [LONG_AGO, *many, *[LONG_AGO] * 5]), "ann", GRID)
    counted = {c for c in ann if c.endswith("_count_7d")}
    assert counted == {"purchase_count_7d", *(f"event_{n:02}_count_7d" for n in range(15))}
    assert ann["active_days_7d"] == 3


def test_a_short_history_leaves_the_longer_windows_out(lake: Lake):
    fill(lake, [LONG_AGO])
    short = {"kind": "absence", "event": "purchase", "horizon": "7d", "history": "30d"}
    names = features.build(lake, config(churn=short)).table.schema.names
    assert "purchase_count_28d" in names
    assert "purchase_count_56d" not in names


def test_features_before_anything_landed_say_what_to_do(lake: Lake):
    with pytest.raises(FeaturesError, match="materialize raw_events first"):
        features.build(lake, config())


def test_every_column_is_described(lake: Lake):
    built = build(lake, [LONG_AGO, Event("ann", "click", datetime(2025, 10, 1), channel="email")])
    assert all(f.metadata[b"doc"] for f in built.table.schema)
