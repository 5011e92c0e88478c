"""Suppression in terms of the channels a segment may use."""

import pytest

from segment_assets.first_party.tables import ENGAGEMENT_EVENTS
from segment_assets.segments.suppressed import suppressed_channels
from segment_assets_tests.segments.world import build, unsubscribe, write


@pytest.mark.parametrize(
    ("channel", "expected"),
    [("email", ["email"]), ("sms", ["sms"]), ("rcs", ["sms"]), ("voice", []), (None, ["email", "push", "sms"])],
)
def test_a_suppression_holds_on_the_channels_it_means(lake, channel, expected):
    build(lake)
    write(lake, ENGAGEMENT_EVENTS, unsubscribe("dan", channel))
    assert suppressed_channels(lake).to_pylist() == [{"customer_id": "dan", "channel": c} for c in expected]
