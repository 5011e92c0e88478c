"""Data Firehose: buffers records and delivers them to S3, zipped and named as AWS documents it.

What is simulated is the waiting: a buffer that is not full is delivered after `waits` seconds of this machine, or when
`deliver` is called, whatever its interval. With `clock_of_data` the stream's clock is the records' own: a record comes
at the time it says it arrived, so that days can be told that are not today, and a buffer ends when that clock says so.

https://docs.aws.amazon.com/firehose/latest/dev/basic-deliver.html
"""

import base64
import gzip
import json
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar
from uuid import uuid4

import boto3

from segment_assets_tests.aws_double import firehose_names as names
from segment_assets_tests.aws_double.service import AwsError, Caller, FakeService, NotBuiltError

# https://docs.aws.amazon.com/firehose/latest/APIReference/API_PutRecordBatch.html
RECORDS, BYTES, RECORD_BYTES = 500, 4 * 1024 * 1024, 1_000 * 1024
LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)
BUFFER = {"SizeInMBs": 5, "IntervalInSeconds": 300}
NOT_BUILT = ("DataFormatConversionConfiguration", "DynamicPartitioningConfiguration", "S3BackupConfiguration")
ZIPS: dict[str, tuple[str, Callable[[bytes], bytes]]] = {"UNCOMPRESSED": ("", bytes), "GZIP": (".gz", gzip.compress)}


@dataclass
class Stream:
    """One stream: how it delivers, and what it holds.

    Attributes:
        arn: its name for AWS.
        to: where and how, as ExtendedS3DestinationConfiguration says.
        caller: in whose account and through which endpoint it writes.
        created: when.
        now: when the newest record came.
        oldest: when the oldest record came that is held.
        held: records not delivered yet.
    """

    arn: str
    to: dict[str, Any]
    caller: Caller
    created: datetime
    now: datetime = LONG_AGO
    oldest: datetime | None = None
    held: list[bytes] = field(default_factory=list)
    timer: threading.Timer | None = None

    @property
    def hints(self) -> dict[str, int]:
        return BUFFER | self.to.get("BufferingHints", {})


def clock_of_data(record: bytes, now: datetime) -> datetime:
    """The time at which a record of Pinpoint says it arrived; never earlier than the record before it."""
    try:
        return max(now, datetime.fromtimestamp(json.loads(record)["arrival_timestamp"] / 1000, UTC))
    except (ValueError, KeyError, TypeError):
        return now


class Firehose(FakeService):
    """Streams that records are put into, and that deliver to S3.

    Attributes:
        waits: seconds after which a buffer that is not full is delivered; None: when `deliver` is called.
        clock: when a record comes, given the record and the time of the one before.
        refuses: how many records of the batches to come are refused, one of two, as by a stream that is full.
        spoils: how many records to come can't be processed, and go under the error prefix.
    """

    name: ClassVar[str] = "firehose"

    def __init__(self) -> None:
        super().__init__()
        self.waits: float | None = None
        self.clock: Callable[[bytes, datetime], datetime] = lambda record, now: datetime.now(UTC)
        self.refuses = 0
        self.spoils = 0
        self.streams: dict[tuple[str, str, str], Stream] = {}
        self._lock = threading.RLock()

    def create_delivery_stream(self, caller: Caller, DeliveryStreamName: str, **asked: Any) -> dict[str, Any]:  # noqa: N803
        key = (caller.account, caller.region, DeliveryStreamName)
        if key in self.streams:
            raise AwsError("ResourceInUseException", f"Firehose {DeliveryStreamName} already exists")
        others = asked.keys() - {"DeliveryStreamType", "Tags", "DeliveryStreamEncryptionConfigurationInput"}
        if (
            others != {"ExtendedS3DestinationConfiguration"}
            or asked.get("DeliveryStreamType", "DirectPut") != "DirectPut"
        ):
            raise NotBuiltError(f"firehose: a stream with {sorted(others)}; only direct puts to extended S3 are built")
        to = asked["ExtendedS3DestinationConfiguration"]
        _refuse_what_is_not_built(to)
        names.check(to.get("Prefix", ""), to.get("ErrorOutputPrefix", ""))
        arn = f"arn:aws:firehose:{caller.region}:{caller.account}:deliverystream/{DeliveryStreamName}"
        self.streams[key] = Stream(arn, to, caller, datetime.now(UTC))
        return {"DeliveryStreamARN": arn}

    def describe_delivery_stream(self, caller: Caller, DeliveryStreamName: str, **_: Any) -> dict[str, Any]:  # noqa: N803
        stream = self._stream(caller, DeliveryStreamName)
        kept = ("RoleARN", "BucketARN", "Prefix", "ErrorOutputPrefix", "ProcessingConfiguration")
        shown = {name: stream.to[name] for name in kept if name in stream.to}
        shown |= {
            "BufferingHints": stream.hints,
            "CompressionFormat": stream.to.get("CompressionFormat", "UNCOMPRESSED"),
            "EncryptionConfiguration": {"NoEncryptionConfig": "NoEncryption"},
        }
        return {
            "DeliveryStreamDescription": {
                "DeliveryStreamName": DeliveryStreamName,
                "DeliveryStreamARN": stream.arn,
                "DeliveryStreamStatus": "ACTIVE",
                "DeliveryStreamType": "DirectPut",
                "VersionId": "1",
                "CreateTimestamp": stream.created,
                "Destinations": [
                    {"DestinationId": "destinationId-000000000001", "ExtendedS3DestinationDescription": shown}
                ],
                "HasMoreDestinations": False,
            }
        }

    def list_delivery_streams(self, caller: Caller, Limit: int = 10, **asked: Any) -> dict[str, Any]:  # noqa: N803
        after = asked.get("ExclusiveStartDeliveryStreamName", "")
        found = sorted(
            name for a, r, name in self.streams if (a, r) == (caller.account, caller.region) and name > after
        )
        return {"DeliveryStreamNames": found[:Limit], "HasMoreDeliveryStreams": len(found) > Limit}

    def delete_delivery_stream(self, caller: Caller, DeliveryStreamName: str, **_: Any) -> dict[str, Any]:  # noqa: N803
        """What it holds is delivered first, as AWS says it tries to."""
        stream = self._stream(caller, DeliveryStreamName)
        self._deliver(stream)
        del self.streams[caller.account, caller.region, DeliveryStreamName]
        return {}

    def put_record(self, caller: Caller, DeliveryStreamName: str, Record: dict[str, Any]) -> dict[str, Any]:  # noqa: N803
        [ended] = self._put(self._stream(caller, DeliveryStreamName), _contents([Record]))
        if "ErrorCode" in ended:
            raise AwsError(ended["ErrorCode"], ended["ErrorMessage"], 503)
        return {**ended, "Encrypted": False}

    def put_record_batch(
        self,
        caller: Caller,
        DeliveryStreamName: str,  # noqa: N803
        Records: list[dict[str, Any]],  # noqa: N803
    ) -> dict[str, Any]:
        stream = self._stream(caller, DeliveryStreamName)
        if len(Records) > RECORDS:
            raise AwsError(
                "ValidationException", f"Value at 'records' must have length less than or equal to {RECORDS}"
            )
        ended = self._put(stream, _contents(Records))
        return {
            "FailedPutCount": sum("ErrorCode" in one for one in ended),
            "Encrypted": False,
            "RequestResponses": ended,
        }

    def deliver(self) -> None:
        """All that is held, now."""
        for stream in list(self.streams.values()):
            self._deliver(stream)

    def _stream(self, caller: Caller, name: str) -> Stream:
        found = self.streams.get((caller.account, caller.region, name))
        if not found:
            at = f"{name} under account {caller.account}"
            raise AwsError("ResourceNotFoundException", f"Firehose {at} not found.")
        return found

    def _put(self, stream: Stream, records: Sequence[bytes]) -> list[dict[str, Any]]:
        ended: list[dict[str, Any]] = []
        with self._lock:
            for number, record in enumerate(records):
                if self.refuses and number % 2 == 0:
                    self.refuses -= 1
                    ended.append({"ErrorCode": "ServiceUnavailableException", "ErrorMessage": "Slow down."})
                    continue
                self._take(stream, record)
                ended.append({"RecordId": uuid4().hex})
            if stream.held and self.waits is not None and not stream.timer:
                stream.timer = threading.Timer(self.waits, self._deliver, [stream])
                stream.timer.start()
        return ended

    def _take(self, stream: Stream, record: bytes) -> None:
        stream.now = self.clock(record, stream.now)
        if self.spoils:
            self.spoils -= 1
            self._write(stream, stream.now, names.failed(record, stream.now), error=True)
            return
        if stream.oldest and stream.now - stream.oldest >= timedelta(seconds=stream.hints["IntervalInSeconds"]):
            self._deliver(stream)
        stream.oldest = stream.oldest or stream.now
        stream.held.append(record + names.delimiter(stream.to))
        if sum(map(len, stream.held)) >= stream.hints["SizeInMBs"] * 1024 * 1024:
            self._deliver(stream)

    def _deliver(self, stream: Stream) -> None:
        with self._lock:
            if stream.timer:
                stream.timer.cancel()
                stream.timer = None
            records, oldest, stream.held, stream.oldest = stream.held, stream.oldest, [], None
            if oldest:
                self._write(stream, oldest, b"".join(records))

    def _write(self, stream: Stream, oldest: datetime, content: bytes, *, error: bool = False) -> None:
        extension, zipped = ZIPS[stream.to.get("CompressionFormat", "UNCOMPRESSED")]
        # Error records are JSON lines, whatever the data is.
        body, ending = (content, "") if error else (zipped(content), stream.to.get("FileExtension", extension))
        prefix = stream.to.get("ErrorOutputPrefix" if error else "Prefix", "")
        key = names.key(prefix, stream.arn.rpartition("/")[2], oldest, "processing-failed" if error else "") + ending
        s3 = boto3.client("s3", endpoint_url=stream.caller.endpoint, region_name=stream.caller.region)
        s3.put_object(Bucket=stream.to["BucketARN"].rpartition(":")[2], Key=key, Body=body)


def _contents(records: Sequence[dict[str, Any]]) -> list[bytes]:
    found = [base64.b64decode(record["Data"]) for record in records]
    if max(map(len, found)) > RECORD_BYTES:
        raise AwsError("ValidationException", f"Value at 'data' must have length less than or equal to {RECORD_BYTES}")
    if sum(map(len, found)) > BYTES:
        raise AwsError("InvalidArgumentException", "Records size exceeds 4 MB limit")
    return found


def _refuse_what_is_not_built(to: dict[str, Any]) -> None:
    asked = [name for name in NOT_BUILT if to.get(name, {}).get("Enabled", True) and name in to]
    asked += [f"CompressionFormat {z}" for z in [to.get("CompressionFormat", "UNCOMPRESSED")] if z not in ZIPS]
    asked += [f"CustomTimeZone {zone}" for zone in [to.get("CustomTimeZone", "UTC")] if zone != "UTC"]
    asked += [f"processor {p['Type']}" for p in names.processors(to) if p["Type"] != "AppendDelimiterToRecord"]
    if asked:
        raise NotBuiltError(f"firehose: {', '.join(asked)} is not built in the double")
