"""What data.yaml makes where events arrive is what the code reads."""

from datetime import datetime

import pytest

from segment_assets.first_party.aws import VISIBLE_AGAIN_SECONDS
from segment_assets.lake.arrivals import arrival_day, arrival_hour
from segment_assets.segmentation import DEMO_FILE, load
from segment_assets_tests.aws_double import firehose_names
from segment_assets_tests.aws_double.arrivals import declared

LANDING = load(DEMO_FILE).landing


@pytest.mark.parametrize("path", [LANDING.events.path, LANDING.customers.path])
def test_the_bucket_tells_of_all_that_comes_and_goes_where_the_sensors_look(path: str) -> None:
    told = declared("Landing")["NotificationConfiguration"]["QueueConfigurations"]
    rules = [{"Name": "prefix", "Value": path}]
    events = {one["Event"] for one in told if one["Filter"]["S3Key"]["Rules"] == rules}
    assert events == {"s3:ObjectCreated:*", "s3:ObjectRemoved:*"}


def test_the_stream_delivers_where_events_are_read_and_its_errors_are_not() -> None:
    to = declared("Events")["ExtendedS3DestinationConfiguration"]
    key = firehose_names.key(to["Prefix"], "dev-events", datetime(2026, 9, 21, 14, 5))
    assert key.startswith(LANDING.events.path)
    assert (str(arrival_day(key)), arrival_hour(key)) == ("2026-09-21", 14)
    assert to["ErrorOutputPrefix"].startswith(LANDING.events.errors_path)
    assert to["CompressionFormat"] == "GZIP"


def test_a_message_stays_hidden_no_shorter_than_the_code_asks_and_is_set_apart_in_the_end() -> None:
    queue = declared("Arrivals")
    assert queue["VisibilityTimeout"] >= VISIBLE_AGAIN_SECONDS
    assert queue["RedrivePolicy"]["maxReceiveCount"] > 1, "a kill alone must not set a message apart"
