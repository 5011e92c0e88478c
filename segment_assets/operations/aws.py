"""Metrics to CloudWatch, and events to EventBridge where segmentation.yaml names a bus.

Neither call can be repeated without a trace: CloudWatch adds what it is told twice, EventBridge delivers it twice. So
times are those of what happened, and each event carries a key of its content by which it is known again.
"""

import hashlib
import json
import random
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Any

from segment_assets.aws import AwsRefusedError, client, telling
from segment_assets.operations.metrics import Metric, Note, batches
from segment_assets.operations.port import Monitor, MonitorError
from segment_assets.settings import Settings

SOURCE = "segment-assets"
# Of one call: docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricData.html, and eb-putevents.html.
METRICS, METRICS_BYTES = 1000, 900_000
EVENTS, EVENTS_BYTES = 10, 250_000
OLDEST = timedelta(days=14)  # CloudWatch takes nothing that is older
TRIES = 6
# Told once more they would fail once more.
_FINAL = {"InvalidArgument", "MalformedDetail", "NotAuthorizedForSourceException", "AccessDeniedException"}


class CloudWatch(Monitor):
    """Metrics of one deployment in a namespace of its own, events on one bus.

    Args:
        deployment: whose they are.
        bus: name or ARN of the event bus; None sends no events.
        pause: waits so many seconds between two tries.
    """

    def __init__(self, deployment: str, bus: str | None, pause: Callable[[float], None] = time.sleep) -> None:
        self.deployment, self.namespace, self.bus, self._pause = deployment, f"{SOURCE}/{deployment}", bus, pause

    @cached_property
    def _cloudwatch(self) -> Any:
        return client("cloudwatch")

    @cached_property
    def _events(self) -> Any:
        return client("events")

    def measure(self, metrics: Sequence[Metric]) -> None:
        """Put them, in as few calls as CloudWatch takes; what it takes no more for its age is left out."""
        since = datetime.now(UTC) - OLDEST
        data = [_datum(metric) for metric in metrics if metric.at > since]
        try:
            for batch in batches(data, METRICS, METRICS_BYTES, lambda datum: len(json.dumps(datum, default=str))):
                with telling(f"cloudwatch:PutMetricData in {self.namespace}"):
                    self._cloudwatch.put_metric_data(Namespace=self.namespace, MetricData=batch)
        except AwsRefusedError as refused:
            raise MonitorError(str(refused)) from refused

    def announce(self, notes: Sequence[Note]) -> None:
        """Put them; entries that the bus did not take are put again, alone."""
        if self.bus is None:
            return
        entries = [self._entry(note) for note in notes]
        try:
            for batch in batches(entries, EVENTS, EVENTS_BYTES, _size):
                self._put(batch)
        except AwsRefusedError as refused:
            raise MonitorError(str(refused)) from refused

    def _put(self, entries: list[dict[str, Any]]) -> None:
        doing = f"events:PutEvents on {self.bus}"
        for tried in range(TRIES):
            with telling(doing):
                answer = self._events.put_events(Entries=entries)
            failed = [(e, a) for e, a in zip(entries, answer["Entries"], strict=True) if "ErrorCode" in a]
            if not failed:
                return
            code, message = failed[0][1]["ErrorCode"], failed[0][1].get("ErrorMessage", "")
            if code in _FINAL or tried == TRIES - 1:
                break
            entries = [entry for entry, _ in failed]
            self._pause(random.uniform(0, 2**tried / 4))  # noqa: S311 - jitter, no secret
        raise MonitorError(f"{doing} did not take {len(failed)} events: {code}: {message}; they are told again")

    def _entry(self, note: Note) -> dict[str, Any]:
        detail = {"deployment": self.deployment, **note.detail}
        text = json.dumps(detail, sort_keys=True)
        key = hashlib.sha256(f"{note.kind} {note.at.isoformat()} {text}".encode()).hexdigest()[:32]
        return {
            "Time": note.at,
            "Source": SOURCE,
            "DetailType": note.kind,
            "Detail": json.dumps(detail | {"key": key}),
            "EventBusName": self.bus,
        }


def monitor(settings: Settings) -> CloudWatch:
    """CloudWatch of this deployment."""
    return CloudWatch(settings.aws.deployment, settings.aws.event_bus)


def _datum(metric: Metric) -> dict[str, Any]:
    return {
        "MetricName": metric.name,
        "Dimensions": [{"Name": name, "Value": value} for name, value in metric.dimensions.items()],
        "Timestamp": metric.at,
        "Value": metric.value,
        "Unit": metric.unit,
    }


def _size(entry: dict[str, Any]) -> int:
    # As EventBridge counts: 14 bytes for the time, and the text of the rest.
    return 14 + sum(len(entry[part].encode()) for part in ("Source", "DetailType", "Detail"))
