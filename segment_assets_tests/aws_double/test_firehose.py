"""The double's Firehose keeps to what AWS documents of buffers, limits, prefixes and names."""

import gzip
import re
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from segment_assets.aws_config import Aws
from segment_assets.lake.arrivals import arrival_day
from segment_assets_tests.aws_double.firehose import Firehose, clock_of_data
from segment_assets_tests.aws_double.front import OURS, AwsDouble
from segment_assets_tests.aws_double.services import the
from segment_assets_tests.aws_double.world import world

World = tuple[AwsDouble, Aws]
UUID = r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"
ERRORS = "errors/!{firehose:error-output-type}/"


@pytest.fixture(scope="module")
def here() -> Iterator[World]:
    with pytest.MonkeyPatch.context() as patch, world(patch) as made:
        yield made


def made(here: World, name: str, **more: Any) -> str:
    boto3.client("firehose").create_delivery_stream(
        DeliveryStreamName=name,
        ExtendedS3DestinationConfiguration={
            "BucketARN": f"arn:aws:s3:::{here[1].landing_bucket}",
            "RoleARN": f"arn:aws:iam::{OURS}:role/Firehose",
            **more,
        },
    )
    return name


def put(name: str, *records: bytes) -> dict[str, Any]:
    return boto3.client("firehose").put_record_batch(
        DeliveryStreamName=name, Records=[{"Data": record} for record in records]
    )


def objects(here: World, prefix: str = "") -> dict[str, bytes]:
    s3, bucket = boto3.client("s3"), here[1].landing_bucket
    keys = [o["Key"] for o in s3.list_objects_v2(Bucket=bucket, Prefix=prefix).get("Contents", ())]
    return {key: s3.get_object(Bucket=bucket, Key=key)["Body"].read() for key in keys}


def told(code: str, call: Any, *args: Any, **more: Any) -> str:
    with pytest.raises(ClientError) as refused:
        call(*args, **more)
    assert refused.value.response["Error"]["Code"] == code
    return str(refused.value)


def test_records_are_held_and_delivered_together_zipped_with_nothing_between(here: World) -> None:
    name = made(
        here, "zipped", Prefix="z/!{timestamp:yyyy/MM/dd/HH}/", ErrorOutputPrefix=ERRORS, CompressionFormat="GZIP"
    )
    boto3.client("firehose").put_record(DeliveryStreamName=name, Record={"Data": b"one"})
    assert put(name, b"two", b"three")["FailedPutCount"] == 0
    assert objects(here, "z/") == {}
    the(here[0], Firehose).deliver()
    [(key, content)] = objects(here, "z/").items()
    assert re.fullmatch(rf"z/\d{{4}}/\d\d/\d\d/\d\d/zipped-1-\d{{4}}(-\d\d){{5}}-{UUID}\.gz", key)
    assert gzip.decompress(content) == b"onetwothree"


def test_a_full_buffer_is_delivered_at_once_and_a_processor_ends_each_record(here: World) -> None:
    ending = {"Enabled": True, "Processors": [{"Type": "AppendDelimiterToRecord"}]}
    hints = {"SizeInMBs": 1, "IntervalInSeconds": 60}
    name = made(here, "full", Prefix="full/", BufferingHints=hints, ProcessingConfiguration=ending)
    put(name, b"x" * 700_000, b"y" * 700_000)
    [(key, content)] = objects(here, "full/").items()
    assert re.fullmatch(rf"full/\d{{4}}/\d\d/\d\d/\d\d/full-1-\d{{4}}(-\d\d){{5}}-{UUID}", key), "a time of its own"
    assert len(content) == 1_400_002
    assert content.endswith(b"y\n")


def test_a_prefix_has_quoted_text_and_random_strings_and_errors_their_kind(here: World) -> None:
    name = made(
        here, "odd", Prefix="o/dt=!{timestamp:yyyy'-'MM-dd}/!{firehose:random-string}/", ErrorOutputPrefix=ERRORS + "x/"
    )
    the(here[0], Firehose).spoils = 1
    put(name, b"bad", b"good")
    the(here[0], Firehose).deliver()
    [key] = objects(here, "o/")
    assert re.match(r"o/dt=\d{4}-\d\d-\d\d/\w{11}/odd-1-", key)
    [(error, content)] = objects(here, "errors/processing-failed/x/").items()
    assert b'"rawData": "YmFk"' in content
    assert arrival_day(key) == arrival_day(error)


def test_prefixes_that_aws_refuses_are_refused(here: World) -> None:
    code = "InvalidArgumentException"
    assert "ErrorOutputPrefix" in told(code, made, here, "a", Prefix="!{timestamp:yyyy}/")
    assert "error-output-type" in told(code, made, here, "a", Prefix="a/", ErrorOutputPrefix="!{timestamp:yyyy}/")
    assert "no expression" in told(code, made, here, "a", Prefix="!{day:1}/", ErrorOutputPrefix=ERRORS)
    assert "QQ" in told(code, made, here, "a", Prefix="!{timestamp:QQ}/", ErrorOutputPrefix=ERRORS)


def test_the_limits_of_a_call_are_aws_s(here: World) -> None:
    name = made(here, "limits", Prefix="limits/")
    assert "500" in told("ValidationException", put, name, *[b"x"] * 501)
    assert "1024000" in told("ValidationException", put, name, b"x" * 1_024_001)
    assert "4 MB" in told("InvalidArgumentException", put, name, *[b"x" * 900_000] * 5)
    told("ResourceNotFoundException", put, "nobody", b"x")
    the(here[0], Firehose).deliver()
    assert objects(here, "limits/") == {}, "of a refused call nothing is taken"


def test_some_records_of_a_batch_may_be_refused(here: World) -> None:
    name = made(here, "busy", Prefix="busy/")
    the(here[0], Firehose).refuses = 2
    answer = put(name, b"a", b"b", b"c")
    assert answer["FailedPutCount"] == 2
    assert [one.get("ErrorCode") for one in answer["RequestResponses"]] == [
        "ServiceUnavailableException",
        None,
        "ServiceUnavailableException",
    ]
    the(here[0], Firehose).deliver()
    assert list(objects(here, "busy/").values()) == [b"b"]


def test_by_the_clock_of_the_data_a_buffer_ends_when_its_interval_has_passed(here: World) -> None:
    the(here[0], Firehose).clock = clock_of_data
    name = made(here, "clocked", Prefix="c/!{timestamp:yyyy/MM/dd/HH}/", ErrorOutputPrefix=ERRORS)
    at = 1_800_000_000_000  # 2027-01-15 08:00 UTC
    put(name, b'{"arrival_timestamp":%d}' % at, b"broken", b'{"arrival_timestamp":%d}' % (at + 299_000))
    put(name, b'{"arrival_timestamp":%d}' % (at + 4_000_000))
    the(here[0], Firehose).deliver()
    assert [key[:15] for key in objects(here, "c/")] == ["c/2027/01/15/08", "c/2027/01/15/09"]


def test_streams_are_described_listed_and_deleted_and_what_is_not_built_says_so(here: World) -> None:
    name, firehose = made(here, "brief", Prefix="brief/"), boto3.client("firehose")
    assert name in firehose.list_delivery_streams(Limit=100)["DeliveryStreamNames"]
    [to] = firehose.describe_delivery_stream(DeliveryStreamName=name)["DeliveryStreamDescription"]["Destinations"]
    assert to["ExtendedS3DestinationDescription"]["BufferingHints"] == {"SizeInMBs": 5, "IntervalInSeconds": 300}
    told("ResourceInUseException", made, here, name)
    put(name, b"last words")
    firehose.delete_delivery_stream(DeliveryStreamName=name)
    assert list(objects(here, "brief/").values()) == [b"last words"]
    told("501", made, here, "zip", CompressionFormat="ZIP")
