"""Metrics reach CloudWatch and events their bus, within the limits of a call, through faults, or in one sentence."""

import json
from datetime import UTC, datetime, timedelta
from functools import partial

import boto3
import pytest
from moto.events.models import events_backends

from segment_assets.operations.aws import CloudWatch
from segment_assets.operations.metrics import Metric, Note
from segment_assets.operations.port import MonitorError
from segment_assets_tests.aws_double.front import OURS, REGION, Fault
from segment_assets_tests.operations.watched import Watched

NOW = datetime.now(UTC)
ROWS = Metric("RowsWritten", 7.0, "Count", NOW, {"Asset": "customers"})
NOTE = Note("run failed", NOW, {"run_id": "1", "failed": ["features"]})
TRANSIENT = [("ThrottlingException", 400), ("InternalFailure", 500)]


def test_a_metric_is_put_into_the_deployment_s_namespace_with_the_time_of_the_event(watched: Watched) -> None:
    watched.monitor.measure([ROWS, Metric("RunsFailed", 1.0, "Count", NOW - timedelta(hours=3))])
    told, failed = watched.numbers.data
    assert (told.namespace, told.account, told.unit) == ("segment-assets/dev", OURS, "Count")
    assert told.dimensions == (("Asset", "customers"),)
    assert failed.dimensions == ()
    assert abs(failed.at - (NOW - timedelta(hours=3))) < timedelta(seconds=1)


def test_many_metrics_are_as_few_calls_as_cloudwatch_takes(watched: Watched) -> None:
    watched.monitor.measure([ROWS] * 2500)
    assert watched.numbers.sizes == [1000, 1000, 500]


def test_calls_are_smaller_than_a_megabyte(watched: Watched) -> None:
    watched.monitor.measure([Metric("RowsWritten", 1.0, "Count", NOW, {"Asset": "a" * 1000})] * 1000)
    assert sum(watched.numbers.sizes) == 1000
    assert len(watched.numbers.sizes) == 2


def test_what_cloudwatch_takes_no_more_for_its_age_is_left_out(watched: Watched) -> None:
    watched.monitor.measure([ROWS, Metric("RowsWritten", 1.0, "Count", NOW - timedelta(days=15))])
    assert watched.numbers.sizes == [1]


@pytest.mark.parametrize(("error", "status"), TRANSIENT)
def test_faults_that_pass_are_tried_again(watched: Watched, error: str, status: int) -> None:
    watched.aws.faults += [
        Fault("cloudwatch.PutMetricData", error, status),
        Fault("events.PutEvents", error, status),
    ]
    watched.monitor.measure([ROWS])
    watched.monitor.announce([NOTE])
    assert (len(watched.numbers.data), watched.kinds()) == (1, ["run failed"])


@pytest.mark.parametrize("operation", ["cloudwatch.PutMetricData", "events.PutEvents"])
def test_a_denied_call_names_its_permission_and_is_not_tried_again(watched: Watched, operation: str) -> None:
    watched.aws.faults.append(Fault(operation, "AccessDeniedException", times=9))
    tell = (
        partial(watched.monitor.measure, [ROWS]) if "Metric" in operation else partial(watched.monitor.announce, [NOTE])
    )
    with pytest.raises(MonitorError, match=rf"^{operation.replace('.', ':')} (in|on) \S+ was denied: the role"):
        tell()
    assert watched.called(operation.split(".")[0]) == 1


def test_an_event_says_whose_it_is_and_reaches_the_rules_of_its_bus(watched: Watched) -> None:
    sqs, bus = boto3.client("sqs"), events_backends[OURS][REGION]
    queue = sqs.create_queue(QueueName="heard")["QueueUrl"]
    bus.put_rule(name="failed", event_pattern='{"source":["segment-assets"],"detail-type":["run failed"]}')
    bus.put_targets("failed", None, [{"Id": "1", "Arn": f"arn:aws:sqs:{REGION}:{OURS}:heard"}])
    watched.monitor.announce([NOTE, Note("run succeeded", NOW, {"run_id": "2"})])
    [message] = sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10)["Messages"]
    heard = json.loads(message["Body"])
    assert heard["detail"] | {"key": ""} == {"deployment": "dev", "run_id": "1", "failed": ["features"], "key": ""}


def test_the_same_event_has_the_same_key_and_another_has_another(watched: Watched) -> None:
    watched.monitor.announce([NOTE, NOTE, Note("run failed", NOW, {"run_id": "2"})])
    first, again, other = (json.loads(entry["Detail"])["key"] for entry in watched.events.taken)
    assert first == again != other


def test_many_events_are_calls_of_ten_and_of_less_than_256_kilobytes(watched: Watched) -> None:
    watched.monitor.announce([NOTE] * 23)
    assert watched.called("events") == 3
    watched.monitor.announce([Note("run failed", NOW, {"failed": ["x" * 100_000]})] * 3)
    assert watched.called("events") == 5
    assert len(watched.events.taken) == 26


def test_entries_that_failed_alone_are_put_again(watched: Watched) -> None:
    watched.events.failing += ["ThrottlingException", "InternalFailure"]
    watched.monitor.announce([NOTE] * 5)
    assert len(watched.events.taken) == 5
    assert watched.called("events") == 2


def test_entries_that_fail_for_good_are_one_sentence(watched: Watched) -> None:
    watched.events.failing += ["NotAuthorizedForSourceException"]
    with pytest.raises(MonitorError) as failed:
        watched.monitor.announce([NOTE])
    assert str(failed.value) == (
        "events:PutEvents on default did not take 1 events: NotAuthorizedForSourceException: asked for by a test; "
        "they are told again"
    )
    watched.events.failing += ["ThrottlingException"] * 99
    with pytest.raises(MonitorError, match="ThrottlingException"):
        watched.monitor.announce([NOTE])
    assert watched.called("events") == 1 + 6


def test_a_bus_that_is_not_there_is_named(watched: Watched) -> None:
    with pytest.raises(MonitorError, match=r"events:PutEvents on nowhere failed: ResourceNotFoundException"):
        CloudWatch("dev", "nowhere").announce([NOTE])


def test_without_a_bus_no_event_is_sent(watched: Watched) -> None:
    CloudWatch("dev", None).announce([NOTE])
    assert watched.called("events") == 0
