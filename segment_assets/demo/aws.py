"""The demo on AWS: records go into a Firehose stream, which delivers them when it likes."""

import random
import time
from collections.abc import Sequence
from typing import Any

from segment_assets.aws import AwsRefusedError, client, telling
from segment_assets.demo.outbox import Stream, batches
from segment_assets.settings import Settings

TRIES = 8
PAUSE, LONGEST_PAUSE = 0.1, 5.0  # seconds: the first wait before refused records are sent again, and the longest


class Firehose(Stream):
    """A stream of Firehose.

    Args:
        name: the stream's.
    """

    def __init__(self, name: str) -> None:
        self.name = name

    def send(self, records: Sequence[bytes]) -> None:
        """Put records in batches; what Firehose refuses of a batch is sent again, and nothing else."""
        for batch in batches(records):
            self._put(batch)

    def longest_wait(self) -> float:
        """Twice the time after which the stream says it delivers, and a minute."""
        with telling(f"firehose:DescribeDeliveryStream on {self.name}"):
            told = client("firehose").describe_delivery_stream(DeliveryStreamName=self.name)
        [to] = told["DeliveryStreamDescription"]["Destinations"]
        return 60.0 + 2 * float(to["ExtendedS3DestinationDescription"]["BufferingHints"]["IntervalInSeconds"])

    def _put(self, batch: Sequence[bytes]) -> None:
        left, told, doing = list(batch), "", f"firehose:PutRecordBatch on {self.name}"
        for n in range(TRIES):
            if n:
                # Full jitter: refused together, many senders must not come again together.
                time.sleep(random.uniform(0, min(LONGEST_PAUSE, PAUSE * 2**n)))  # noqa: S311  jitter
            with telling(doing):
                answer: dict[str, Any] = client("firehose").put_record_batch(
                    DeliveryStreamName=self.name, Records=[{"Data": record} for record in left]
                )
            if not answer["FailedPutCount"]:
                return
            ended = zip(left, answer["RequestResponses"], strict=True)
            refused = [(record, how["ErrorCode"]) for record, how in ended if "ErrorCode" in how]
            left, told = [record for record, _ in refused], refused[-1][1]
        raise AwsRefusedError(
            f"{doing} failed: {len(left)} of {len(batch)} records were refused {TRIES} times ({told}); "
            "run the same command again: it sends what has not arrived"
        )


def stream(settings: Settings) -> Firehose | None:
    """The stream, where segmentation.yaml names one; else the demo itself writes the objects that one would deliver."""
    name = settings.aws.events_stream
    return Firehose(name) if name else None
