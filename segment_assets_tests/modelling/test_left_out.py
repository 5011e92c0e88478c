"""Values that no sum holds are told."""

from datetime import datetime

from segment_assets.lake import Lake
from segment_assets.modelling.left_out import warnings
from segment_assets_tests.modelling.small_world import Event, fill

AT = datetime(2025, 10, 20)


def test_what_no_sum_holds_is_told_by_event_and_metric(lake: Lake):
    amounts = (1e308, -1e15, 999_999_999_999_999.0, 1.0)
    fill(lake, [Event("ann", "purchase", AT, metrics={"amount": amount, "items": 1.0}) for amount in amounts])
    [said] = warnings(lake)
    assert said.startswith("2 values of amount of purchase events are 10^15 or more in size: ")


def test_without_such_values_nothing_is_told(lake: Lake):
    fill(lake, [Event("ann", "purchase", AT, metrics={"amount": 1.0}), Event("ann", "purchase", AT)])
    assert warnings(lake) == []
