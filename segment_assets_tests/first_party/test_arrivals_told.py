"""What a queue tells is what a listing would have found: over S3's and SQS's own protocol, with their faults."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import boto3
import pytest

from segment_assets.aws import AwsRefusedError
from segment_assets.aws_config import Aws
from segment_assets.first_party import aws as first_party_on_aws
from segment_assets.first_party import sensors
from segment_assets.first_party.aws import Queue
from segment_assets.first_party.notices import UnreadableError, keys
from segment_assets.lake.aws import Bucket
from segment_assets.landing_config import EventsLanding, EventTable
from segment_assets.segmentation import load
from segment_assets_tests.aws_double.arrivals import make_queue
from segment_assets_tests.aws_double.front import REGION, AwsDouble, Fault
from segment_assets_tests.aws_double.world import world
from segment_assets_tests.first_party.watching import Watch


def key(day: int, n: int = 0) -> str:
    return f"events/2026/01/0{day}/12/grocer-1-2026-01-0{day}-12-00-00-{n}.gz"


@dataclass
class Place:
    """A landing bucket with its queue, the sensor that the queue tells, and one that lists."""

    aws: AwsDouble
    landing: Bucket
    exports: Bucket
    url: str

    def __post_init__(self) -> None:
        self.told = Watch(self.landing, self.exports, Queue(self.url, self.landing.name))
        self.listing = Watch(self.landing, self.exports)

    def send(self, body: Any) -> None:
        text = body if isinstance(body, str) else json.dumps(body)
        boto3.client("sqs").send_message(QueueUrl=self.url, MessageBody=text)

    def sizes(self) -> tuple[int, int]:
        """Messages that wait, and messages that were received and are hidden for a while."""
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        found = boto3.client("sqs").get_queue_attributes(QueueUrl=self.url, AttributeNames=names)["Attributes"]
        return int(found[names[0]]), int(found[names[1]])


@pytest.fixture(scope="module")
def double() -> Iterator[tuple[AwsDouble, Aws]]:
    with pytest.MonkeyPatch.context() as patch, world(patch) as made:
        yield made


@pytest.fixture
def place(double: tuple[AwsDouble, Aws]) -> Place:
    """A bucket and a queue of the test's own."""
    aws, where = double
    name = f"landing-{uuid4().hex}"
    boto3.client("s3").create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": REGION})
    url = make_queue(where.model_copy(update={"landing_bucket": name}), name)
    aws.faults.clear()
    return Place(aws, Bucket(name), Bucket(where.exports_bucket, f"{name}/"), url)


def record(name: str, bucket: str, event: str = "ObjectCreated:Put") -> dict[str, Any]:
    return {"eventName": event, "s3": {"bucket": {"name": bucket}, "object": {"key": name}}}


def bridged(name: str, bucket: str, kind: str = "Object Created") -> dict[str, Any]:
    return {"source": "aws.s3", "detail-type": kind, "detail": {"bucket": {"name": bucket}, "object": {"key": name}}}


def test_both_forms_are_read_and_only_s3_s_own_encodes_keys() -> None:
    own = {"Records": [record("events/a+b%2Bc/%C3%A9", "b"), record("events/2", "b"), record("events/3", "other")]}
    assert keys(json.dumps(own), "b") == ["events/a b+c/é", "events/2"]
    assert keys(json.dumps(bridged("events/a+b%2B", "b", "Object Deleted")), "b") == ["events/a+b%2B"]
    assert keys('{"Service": "Amazon S3", "Event": "s3:TestEvent", "Bucket": "b"}', "b") == []


def by_topic(message: Any) -> str:
    """As SNS wraps what it puts into a queue."""
    text = message if isinstance(message, str) else json.dumps(message)
    return json.dumps({"Type": "Notification", "TopicArn": "arn:aws:sns:eu-west-1:1:t", "Message": text})


def test_what_comes_by_a_topic_is_read_as_what_it_is() -> None:
    assert keys(by_topic({"Records": [record("events/a+b", "b")]}), "b") == ["events/a b"]
    assert keys(by_topic(bridged("events/a+b", "b")), "b") == ["events/a+b"]
    assert keys(by_topic({"Service": "Amazon S3", "Event": "s3:TestEvent", "Bucket": "b"}), "b") == []


def eventbridge(key: str) -> str:
    return f'{{"source": "aws.s3", "detail": {{"bucket": {{"name": "b"}}, "object": {{"key": {key}}}}}}}'


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ("{broken", "no JSON"),
        ("[" * 100_000, "no JSON"),
        ("[]", "no JSON object"),
        (by_topic("{broken"), "SNS wrapped .* is no JSON"),
        (by_topic([]), "SNS wrapped .* is no JSON object"),
        (by_topic({"to": "somebody@example.org"}), "neither"),
        ('{"Type": "Notification"}', "neither"),
        ('{"Type": "SubscriptionConfirmation", "Message": "visit"}', "confirm the subscription"),
        ('{"Records": [{"s3": {}}]}', "no bucket or no key"),
        ('{"Records": 7}', "no bucket or no key"),
        ('{"source": "aws.s3", "detail": null}', "no bucket or no key"),
        ('{"to": "somebody@example.org"}', "neither"),
        (eventbridge('"events/\\ud800.gz"'), "no object can have"),
        (eventbridge("null"), "no object can have"),
        (eventbridge('""'), "no object can have"),
        (eventbridge(json.dumps("é" * 513)), "no object can have"),
        ('{"Records": [{"s3": {"bucket": {"name": "b"}, "object": {"key": "a\\udfff"}}}]}', "no object can have"),
    ],
)
def test_what_is_no_notice_is_refused_without_a_word_of_it(body: str, reason: str) -> None:
    with pytest.raises(UnreadableError, match=reason) as refused:
        keys(body, "b")
    assert "example.org" not in str(refused.value)


def test_what_is_told_has_the_versions_that_a_listing_gives(place: Place) -> None:
    place.landing.write(key(1), b"before the first tick")
    assert place.told.settle() == place.listing.settle() != {}
    assert place.told.tick() == {}
    place.landing.write(key(2), b"one")
    place.landing.write(key(2, 1), b"the same second")
    place.landing.write(key(1, 1), b"late")
    place.landing.write("customers/2026/01/02/endpoints.jsonl", b"{}")
    place.landing.write("elsewhere/2026/01/02/x", b"of nobody")
    assert place.told.settle() == (found := place.listing.settle())
    assert list(found) == ["2026-01-01", "2026-01-02", "customers"]
    place.landing.write(key(2), b"overwritten")
    assert list(place.told.settle()) == list(place.listing.settle()) == ["2026-01-02"]
    boto3.client("s3").delete_object(Bucket=place.landing.name, Key=key(1))
    assert place.told.settle() == place.listing.settle() != {}
    boto3.client("s3").delete_object(Bucket=place.landing.name, Key=key(1, 1))
    assert place.told.settle() == place.listing.settle() == {"2026-01-01": sensors.fingerprint(())}
    assert place.sizes() == (0, 0), "every message is deleted in the end"


def test_a_bucket_that_tells_a_topic_tells_the_queue_behind_it(place: Place) -> None:
    s3, sns, sqs = boto3.client("s3"), boto3.client("sns"), boto3.client("sqs")
    topic = sns.create_topic(Name=place.landing.name[:60])["TopicArn"]
    names = ["QueueArn"]
    queue = sqs.get_queue_attributes(QueueUrl=place.url, AttributeNames=names)["Attributes"]["QueueArn"]
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=queue)
    told = [{"TopicArn": topic, "Events": ["s3:ObjectCreated:*", "s3:ObjectRemoved:*"]}]
    s3.put_bucket_notification_configuration(
        Bucket=place.landing.name, NotificationConfiguration={"TopicConfigurations": told}
    )
    place.told.settle()
    place.landing.write(key(1), b"x")
    place.landing.write("events/2026/01/03/12/a b+c&\u00e9%20.gz", b"x")
    assert place.sizes() == (2, 0)
    assert list(place.told.settle()) == ["2026-01-01", "2026-01-03"]
    assert place.sizes() == (0, 0)
    assert place.exports.list("unread_messages/") == []


def test_odd_keys_are_found(place: Place) -> None:
    place.told.settle()
    place.landing.write("events/2026/01/03/12/a b+c&é%20.gz", b"x")
    assert list(place.told.settle()) == ["2026-01-03"]


def test_objects_without_a_day_in_their_key_are_told_by_their_records(place: Place) -> None:
    def event(day: int) -> bytes:
        time = int(datetime(2026, 1, day, tzinfo=UTC).timestamp() * 1000)
        return json.dumps({"event_type": "a", "event_timestamp": time, "arrival_timestamp": time}).encode()

    place.landing.write("events/export.json", event(5) + event(4))
    assert place.told.settle() == (found := place.listing.settle())
    assert list(found) == ["2026-01-04", "2026-01-05"]
    place.landing.write("events/export.json", event(5))
    place.landing.write(key(6), b"x")
    assert place.told.settle() == (found := place.listing.settle())
    assert list(found) == ["2026-01-04", "2026-01-06"]
    boto3.client("s3").delete_object(Bucket=place.landing.name, Key="events/export.json")
    assert place.told.settle() == place.listing.settle() == {"2026-01-05": sensors.fingerprint(())}


def test_an_object_that_cannot_be_read_holds_no_message_up(place: Place) -> None:
    config = load()
    events = EventsLanding(format="table", table=EventTable(customer="who", time="when", event_name="purchase"))
    config = config.model_copy(update={"landing": config.landing.model_copy(update={"events": events})})
    place.told.config = place.listing.config = config
    place.told.settle()
    place.landing.write("events/bad.csv", b"who,wehn\nC9,2026-01-03\n")
    place.landing.write("events/good.csv", b"who,when\nC1,2026-01-01\n")
    assert place.told.settle() == (found := place.listing.settle())
    assert list(found) == ["1970-01-01", "2026-01-01"]
    assert place.sizes() == (0, 0)
    place.landing.write("events/bad.csv", b"who,when\nC9,2026-01-03\n")
    assert place.told.settle() == (found := place.listing.settle())
    assert list(found) == ["1970-01-01", "2026-01-03"]


def test_a_message_is_deleted_only_after_the_cursor_was_stored(place: Place) -> None:
    place.told.settle()
    place.landing.write(key(1), b"x")
    assert list(place.told.tick()) == ["2026-01-01"]
    assert place.sizes() == (0, 1), "heeded, and not deleted"
    place.told.tick()
    assert place.sizes() == (0, 0)


def test_a_daemon_that_was_killed_before_it_stored_is_told_again(place: Place) -> None:
    place.told.settle()
    place.landing.write(key(1), b"x")
    with pytest.MonkeyPatch.context() as patch:  # the minutes until a message is visible again, passed
        patch.setattr(first_party_on_aws, "VISIBLE_AGAIN_SECONDS", 0)
        patch.setattr(sensors, "MESSAGES", 1)
        place.told.tick(stored=False)
    assert list(place.told.settle()) == ["2026-01-01"]
    assert place.sizes() == (0, 0)


def test_messages_twice_and_in_any_order_change_nothing(place: Place) -> None:
    place.told.settle()
    for n in range(3):
        place.landing.write(key(1, n), b"x")
        place.landing.write(key(2, n), b"x")
    removed = [key(1, 0), key(2, 0)]
    for name in removed:
        boto3.client("s3").delete_object(Bucket=place.landing.name, Key=name)
    bodies = [m.body for m in place.told.arrivals.received()]
    for body in [*reversed(bodies), *bodies[:4]]:
        place.send(body)
    assert place.told.settle() == place.listing.settle() != {}
    for body in bodies:
        place.send(body)
    assert place.told.settle() == {}


def test_what_cannot_be_read_is_kept_as_a_record_and_removed(place: Place) -> None:
    place.told.settle()
    place.send("somebody@example.org is no notice")
    place.send(bridged(key(3), place.landing.name))
    place.landing.write(key(3), b"x")
    assert list(place.told.settle()) == ["2026-01-03"], "it holds nothing up"
    assert place.sizes() == (0, 0)
    [kept] = place.exports.list("unread_messages/")
    told = json.loads(place.exports.read(kept.key))
    assert (told["reason"], told["bytes"]) == ("it is no JSON", 33)
    assert "example.org" not in str(told)


def test_a_tick_takes_no_more_than_it_may(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    place.told.settle()
    monkeypatch.setattr(sensors, "MESSAGES", 30)
    for n in range(70):
        place.landing.write(key(1 + n % 3, n), b"x")
    place.told.tick()
    assert place.sizes() == (40, 30)
    place.told.tick()
    assert place.sizes() == (10, 30)
    place.told.settle()
    assert place.listing.settle() == json.loads(place.told.cursors["landing_arrivals_sensor"] or "")["events"]["days"]


def test_a_lost_message_is_found_by_the_sweep_of_the_next_day(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    place.told.settle()
    place.landing.write(key(1), b"x")
    place.landing.write("customers/2026/01/02/endpoints.jsonl", b"{}")
    boto3.client("sqs").purge_queue(QueueUrl=place.url)
    assert place.told.settle() == {}
    monkeypatch.setattr(sensors, "_today", lambda: datetime(2100, 1, 1, tzinfo=UTC).date())
    assert place.told.settle() == place.listing.settle() != {}


FAULTS = [
    Fault("sqs.ReceiveMessage", "RequestThrottled", 400, times=2),
    Fault("sqs.ReceiveMessage", "InternalFailure", 500, times=2),
    Fault("sqs.ReceiveMessage", "InternalFailure", 500, after=True),
    Fault("sqs.DeleteMessageBatch", "InternalFailure", 500, after=True),
    Fault("sqs.DeleteMessageBatch", "ServiceUnavailable", 503, times=2),
    Fault("s3.ListObjectsV2", "SlowDown", 503, times=2),
]


@pytest.mark.parametrize("fault", FAULTS, ids=lambda f: f"{f.operation} {f.error}{' after' if f.after else ''}")
def test_a_passing_fault_is_outlived(place: Place, fault: Fault) -> None:
    place.told.settle()
    place.landing.write(key(1), b"x")
    place.aws.faults.append(fault)
    found = place.told.settle()
    assert fault.times == 0
    if fault.operation == "sqs.ReceiveMessage" and fault.after:
        assert place.sizes() == (0, 1), "received, and its answer lost: it comes again when it is visible"
    else:
        assert list(found) == ["2026-01-01"]
        assert place.sizes() == (0, 0)


@pytest.mark.parametrize(
    ("error", "status", "sentence"),
    [
        ("ExpiredToken", 403, "the credentials have expired"),
        ("AccessDenied", 403, "sqs:ReceiveMessage on .* was denied"),
    ],
)
def test_a_lasting_fault_is_one_sentence_and_the_next_tick_goes_on(
    place: Place, error: str, status: int, sentence: str
) -> None:
    place.told.settle()
    place.landing.write(key(1), b"x")
    place.aws.faults.append(Fault("sqs.ReceiveMessage", error, status, times=1))
    with pytest.raises(AwsRefusedError, match=sentence):
        place.told.tick()
    assert list(place.told.settle()) == ["2026-01-01"]


def test_messages_that_can_not_be_deleted_fail_the_tick_and_nothing_is_told_twice(place: Place) -> None:
    place.told.settle()
    place.landing.write(key(1), b"x")
    assert list(place.told.tick()) == ["2026-01-01"]
    place.aws.faults.append(Fault("sqs.DeleteMessageBatch", "AccessDenied", 403))
    with pytest.raises(AwsRefusedError, match=r"sqs:DeleteMessage on .* was denied"):
        place.told.tick()
    assert place.told.settle() == {}
    assert place.sizes() == (0, 0)


def test_messages_that_the_queue_does_not_delete_are_told_in_the_log(
    place: Place, caplog: pytest.LogCaptureFixture
) -> None:
    Queue(place.url, place.landing.name).forget(["no receipt", "none either"])
    assert "2 of 2 messages" in caplog.text
    assert "they come again" in caplog.text
