"""The next day through a Firehose stream: every record arrives, whatever the stream refuses, loses or says twice."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cache

import boto3
import pytest
from isal import igzip

from segment_assets.aws import AwsRefusedError
from segment_assets.demo import aws as demo_on_aws
from segment_assets.demo import outbox
from segment_assets.demo.aws import Firehose
from segment_assets.demo.outbox import RECORD_BYTES, batches, lines
from segment_assets.demo.replay import Replayed, next_day, replay
from segment_assets.demo.source import DemoError, Source
from segment_assets.lake import FolderStore
from segment_assets.lake.aws import Bucket
from segment_assets_tests.aws_double import firehose as double
from segment_assets_tests.aws_double.arrivals import make_stream
from segment_assets_tests.aws_double.front import AwsDouble, Fault
from segment_assets_tests.aws_double.services import the
from segment_assets_tests.aws_double.world import world
from segment_assets_tests.demo.conftest import TODAY
from segment_assets_tests.small_world import small_source

STREAM = "dev-events"
SECOND = TODAY + timedelta(days=1)


@cache
def source() -> Source:
    return small_source(80, 50, 0)  # few objects, and a dozen records on the day after


@dataclass
class Place:
    aws: AwsDouble
    landing: Bucket
    partner: FolderStore

    @property
    def stream(self) -> double.Firehose:
        return the(self.aws, double.Firehose)

    def next_day(self) -> Replayed:
        return next_day(self.landing, self.partner, through=Firehose(STREAM), data=source())

    def records(self, day: date) -> Counter[bytes]:
        found = [o.key for o in self.landing.list(f"events/{day:%Y/%m/%d}/")]
        return sum((lines(igzip.decompress(self.landing.read(key))) for key in found), Counter())


@pytest.fixture(scope="module")
def expected(tmp_path_factory: pytest.TempPathFactory) -> Counter[bytes]:
    """What the first next day holds where the demo itself writes it."""
    home = tmp_path_factory.mktemp("embedded")
    landing, partner = FolderStore(home / "landing"), FolderStore(home / "partner")
    replay(landing, partner, TODAY, data=source())
    next_day(landing, partner, data=source())
    found = [landing.read(o.key) for o in landing.list(f"events/{SECOND:%Y/%m/%d}/")]
    return sum((lines(igzip.decompress(content)) for content in found), Counter())


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    with pytest.MonkeyPatch.context() as patch, world(patch) as (aws, where):
        made = Place(aws, Bucket(where.landing_bucket), FolderStore(tmp_path_factory.mktemp("partner")))
        made.stream.clock, made.stream.waits = double.clock_of_data, 0.1
        make_stream(where, STREAM)
        replay(made.landing, made.partner, TODAY, data=source())
        patch.setattr(outbox, "LOOK_EVERY", 0.05)
        patch.setattr(demo_on_aws, "PAUSE", 0.001)
        yield made


@pytest.fixture
def place(filled: Place) -> Place:
    """The year's end in the bucket; the days after it are gone again."""
    filled.aws.faults.clear()
    filled.stream.refuses = 0
    for stream in filled.stream.streams.values():
        stream.now = double.LONG_AGO
    for stored in filled.landing.after("events/", f"events/{SECOND:%Y/%m/%d}", 1_000):
        boto3.client("s3").delete_object(Bucket=filled.landing.name, Key=stored.key)
    return filled


def test_a_batch_holds_what_one_call_takes() -> None:
    assert [len(b) for b in batches([b"x"] * 1_201)] == [500, 500, 201]
    assert [len(b) for b in batches([b"x" * RECORD_BYTES] * 9)] == [4, 4, 1]
    assert list(batches([])) == []
    with pytest.raises(DemoError, match="takes at most 1,024,000"):
        list(batches([b"x" * (RECORD_BYTES + 1)]))


def test_records_are_counted_with_and_without_a_newline_between() -> None:
    assert lines(b'{"a":1}{"a":1}\n{"b":2}\nbroken') == Counter({b'{"a":1}': 2, b'{"b":2}': 1, b"broken": 1})


def test_the_next_day_arrives_whole_under_its_own_day(place: Place, expected: Counter[bytes]) -> None:
    done = place.next_day()
    assert (done.first_day, done.last_day) == (SECOND, SECOND)
    assert done.objects > 1, "by the data's clock a buffer ends after a quarter of an hour"
    assert place.records(SECOND) == expected
    names = [o.key for o in place.landing.list(f"events/{SECOND:%Y/%m/%d}/")]
    assert all(name.rpartition("/")[2].startswith(f"{STREAM}-1-{SECOND:%Y-%m-%d}") for name in names)
    assert place.next_day().last_day == SECOND + timedelta(days=1)


def test_only_what_the_stream_refuses_is_sent_again(place: Place, expected: Counter[bytes]) -> None:
    place.stream.refuses = 3
    place.next_day()
    assert place.stream.refuses == 0
    assert place.records(SECOND) == expected


FAULTS = [
    Fault("firehose.PutRecordBatch", "ServiceUnavailableException", 503, times=2),
    Fault("firehose.PutRecordBatch", "ThrottlingException", 400, times=2),
    Fault("firehose.DescribeDeliveryStream", "InternalFailure", 500, times=1),
]


@pytest.mark.parametrize("fault", FAULTS, ids=lambda f: f"{f.operation} {f.error}")
def test_a_passing_fault_is_outlived(place: Place, expected: Counter[bytes], fault: Fault) -> None:
    place.aws.faults.append(fault)
    place.next_day()
    assert fault.times == 0
    assert place.records(SECOND) == expected


def test_of_a_lost_answer_the_records_arrive_twice_and_none_is_missing(place: Place, expected: Counter[bytes]) -> None:
    place.aws.faults.append(Fault("firehose.PutRecordBatch", "InternalFailure", 500, after=True))
    place.next_day()
    found = place.records(SECOND)
    assert found.keys() == expected.keys()
    assert all(found[line] in (times, 2 * times) for line, times in expected.items())


@pytest.mark.parametrize(
    ("error", "status", "sentence"),
    [
        ("AccessDeniedException", 400, "firehose:PutRecordBatch on dev-events was denied"),
        ("ExpiredTokenException", 400, "the credentials have expired"),
        ("ResourceNotFoundException", 400, "firehose:PutRecordBatch on dev-events failed: ResourceNotFoundException"),
    ],
)
def test_a_lasting_fault_is_one_sentence_and_the_next_call_sends_it_all(
    place: Place, expected: Counter[bytes], error: str, status: int, sentence: str
) -> None:
    place.aws.faults.append(Fault("firehose.PutRecordBatch", error, status))
    with pytest.raises(AwsRefusedError, match=sentence):
        place.next_day()
    place.next_day()
    assert place.records(SECOND) == expected


def test_a_stream_that_refuses_for_long_is_told_and_what_arrived_is_not_sent_again(
    place: Place, expected: Counter[bytes]
) -> None:
    place.stream.refuses = 10_000
    with pytest.raises(
        AwsRefusedError, match=r"\d+ of \d+ records were refused 8 times \(ServiceUnavailableException\)"
    ):
        place.next_day()
    place.stream.refuses = 0
    place.stream.deliver()
    assert 0 < place.records(SECOND).total() < expected.total()
    place.next_day()
    assert place.records(SECOND) == expected


def test_records_that_never_arrive_end_the_wait_and_the_next_call_sends_them(
    place: Place, expected: Counter[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Firehose, "longest_wait", lambda stream: 0.5)
    place.stream.spoils = 3
    with pytest.raises(DemoError, match=r"3 of .* records have not arrived .* error prefix"):
        place.next_day()
    place.next_day()
    assert place.records(SECOND) == expected
