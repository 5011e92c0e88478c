"""CloudWatch as far as it is told something: numbers, within the limits that the documentation names.

moto takes any number of any age. docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricData.html
"""

import gzip
import math
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar

from werkzeug.wrappers import Request, Response

from segment_assets_tests.aws_double.service import AwsError, Caller, FakeService

MOST, LARGEST, MOST_DIMENSIONS = 1000, 1024 * 1024, 30
PAST, FUTURE = timedelta(days=14), timedelta(hours=2)


@dataclass(frozen=True)
class Datum:
    """One number that was taken."""

    account: str
    namespace: str
    name: str
    value: float
    at: datetime
    unit: str
    dimensions: tuple[tuple[str, str], ...]


class CloudWatch(FakeService):
    """Numbers that were told, in order.

    Attributes:
        data: the numbers.
        sizes: how many there were in each call.
    """

    name: ClassVar[str] = "cloudwatch"

    def __init__(self) -> None:
        super().__init__()
        self.data: list[Datum] = []
        self.sizes: list[int] = []

    def answer(self, request: Request, caller: Caller) -> tuple[str, Response]:
        """A large body comes compressed."""
        if request.headers.get("Content-Encoding") == "gzip":
            request.environ.pop("HTTP_CONTENT_ENCODING")
            plain = gzip.decompress(request.get_data())
            request = Request.from_values(
                path=request.path, method="POST", headers=dict(request.headers), data=plain, base_url=caller.endpoint
            )
        if len(request.get_data()) > LARGEST:
            raise AwsError("RequestEntityTooLarge", "the request is larger than 1 MB", 413)
        return super().answer(request, caller)

    def put_metric_data(self, caller: Caller, Namespace: str, MetricData: list[dict[str, Any]]) -> None:  # noqa: N803
        if Namespace.startswith("AWS/"):
            raise AwsError("InvalidParameterValue", "The value AWS/ for parameter Namespace is reserved.")
        if len(MetricData) > MOST:
            raise AwsError("InvalidParameterValue", f"The collection MetricData must not have more than {MOST} members")
        taken = [_datum(caller, Namespace, metric) for metric in MetricData]
        self.data += taken
        self.sizes.append(len(taken))

    def of(self, name: str, **dimensions: str) -> list[float]:
        """The values of one metric, in order."""
        wanted = tuple(sorted(dimensions.items()))
        return [d.value for d in self.data if (d.name, d.dimensions) == (name, wanted)]


def _datum(caller: Caller, namespace: str, metric: dict[str, Any]) -> Datum:
    at, value = metric.get("Timestamp", datetime.now(UTC)), metric["Value"]
    dimensions = [(d["Name"], d["Value"]) for d in metric.get("Dimensions", ())]
    now = datetime.now(UTC)
    if not now - PAST <= at <= now + FUTURE:
        raise AwsError("InvalidParameterValue", "The parameter Timestamp must be within two weeks before now.")
    if not math.isfinite(value) or abs(value) > 2.0**360:
        raise AwsError("InvalidParameterValue", "The parameter Value must be a finite number.")
    if len(dimensions) > MOST_DIMENSIONS or len({name for name, _ in dimensions}) < len(dimensions):
        raise AwsError("InvalidParameterValue", "Dimensions: at most 30, each name once.")
    if any(not text or not text.isascii() for pair in dimensions for text in pair):
        raise AwsError("InvalidParameterValue", "Dimensions are ASCII text and not empty.")
    unit = metric.get("Unit", "None")
    return Datum(caller.account, namespace, metric["MetricName"], float(value), at, unit, tuple(sorted(dimensions)))
