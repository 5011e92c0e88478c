"""Suppression in terms of the channels a segment may use."""

import pytest

from segment_assets.first_party.tables import CUSTOMER_ENDPOINTS, ENGAGEMENT_EVENTS
from segment_assets.segments.tables import suppressed_channels
from segment_assets_tests.segments.world import build, endpoint, unsubscribe, write


@pytest.mark.parametrize(
    ("channel", "expected"),
    [("email", ["email"]), ("sms", ["sms"]), ("rcs", ["sms"]), ("voice", []), (None, ["email", "push", "sms"])],
)
def test_a_suppression_holds_on_the_channels_it_means(lake, channel, expected):
    build(lake)
    write(lake, ENGAGEMENT_EVENTS, unsubscribe("dan", channel))
    assert suppressed_channels(lake).to_pylist() == [{"customer_id": "dan", "channel": c} for c in expected]


def test_a_mailbox_that_must_not_be_written_to_is_left_alone_under_every_customers_id(lake):
    build(lake)
    shared = [endpoint(p) | {"address_sha256": "one mailbox"} for p in ("dan", "eve")]
    write(lake, CUSTOMER_ENDPOINTS, *shared, endpoint("finn"), endpoint("eve", "sms"))
    write(lake, ENGAGEMENT_EVENTS, unsubscribe("dan"))
    assert suppressed_channels(lake)["customer_id"].to_pylist() == ["dan", "eve"]
