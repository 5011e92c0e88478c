"""Steps 1 and 2 on AWS: the queue to which S3 tells what landed."""

import logging
from collections.abc import Iterator, Sequence
from typing import Any, ClassVar

from segment_assets.aws import client, telling
from segment_assets.first_party.embedded import Silence
from segment_assets.first_party.port import Arrivals, Message
from segment_assets.settings import Settings

_log = logging.getLogger(__name__)

# Longer than a tick takes and the next one waits; after that a message that was not forgotten comes again.
VISIBLE_AGAIN_SECONDS = 300
AT_ONCE = 10  # messages in one call: the most that SQS takes


class Queue(Arrivals):
    """A queue of SQS, told by S3 itself or through EventBridge.

    Args:
        url: the queue.
        bucket: the bucket it is told about.
    """

    speaks: ClassVar[bool] = True

    def __init__(self, url: str, bucket: str) -> None:
        self.url, self.bucket = url, bucket

    def received(self) -> Iterator[Message]:
        """Messages, ten a call. A call that gives none may be wrong about a nearly empty queue: the next tick asks."""
        while True:
            with telling(f"sqs:ReceiveMessage on {self.url}"):
                found: list[dict[str, Any]] = self._sqs.receive_message(
                    QueueUrl=self.url,
                    MaxNumberOfMessages=AT_ONCE,
                    VisibilityTimeout=VISIBLE_AGAIN_SECONDS,
                    MessageSystemAttributeNames=["SentTimestamp"],
                ).get("Messages", [])
            if not found:
                return
            for m in found:
                yield Message(m["MessageId"], m["ReceiptHandle"], m["Body"], int(m["Attributes"]["SentTimestamp"]))

    def forget(self, receipts: Sequence[str]) -> None:
        """Delete messages. A receipt that SQS knows no longer is no fault: such a message comes again, and is known."""
        for first in range(0, len(receipts), AT_ONCE):
            some = receipts[first : first + AT_ONCE]
            with telling(f"sqs:DeleteMessage on {self.url}"):
                told = self._sqs.delete_message_batch(
                    QueueUrl=self.url,
                    Entries=[{"Id": str(n), "ReceiptHandle": receipt} for n, receipt in enumerate(some)],
                )
            if refused := told.get("Failed", []):
                why = ", ".join(sorted({str(entry.get("Code")) for entry in refused}))
                left = f"{len(refused)} of {len(some)} messages"
                _log.warning("%s of %s were not deleted (%s): they come again.", left, self.url, why)

    @property
    def _sqs(self) -> Any:
        return client("sqs")


def arrivals(settings: Settings) -> Arrivals:
    """The queue, where segmentation.yaml names one; else the landing place is listed."""
    url = settings.aws.arrivals_queue
    return Queue(url, settings.aws.landing_bucket) if url else Silence()
