"""moto's queues at the pace of a queue: as they are, each message sent or received counts all messages three times.

With 800 messages a call took a second. What a queue says is the same.
"""

from time import time
from typing import Any

from moto.core.utils import camelcase_to_underscores
from moto.sqs.models import Message, Queue, SQSBackend

_COUNTS = [name for name in Queue.BASE_ATTRIBUTES if name.startswith("ApproximateNumberOfMessages")]
_plain_names = [name for name in Queue.BASE_ATTRIBUTES if name not in _COUNTS]
_checked = SQSBackend.get_queue_attributes


def keep_pace() -> None:
    """From here on, in this process."""
    Message.visible = property(lambda message: time() * 1000 > message.visible_at)
    Message.delayed = property(lambda message: time() * 1000 < message.delayed_until)
    Queue.BASE_ATTRIBUTES = _plain_names
    SQSBackend.get_queue_attributes = _attributes
    SQSBackend.is_message_valid_based_on_retention_period = _is_kept


def _attributes(backend: SQSBackend, queue_name: str, attribute_names: list[str]) -> dict[str, Any]:
    """As moto's own, and the counts where they are asked for."""
    queue = backend.get_queue(queue_name)
    everything = "All" in attribute_names
    plain = _checked(backend, queue_name, [name for name in attribute_names if name not in _COUNTS])
    counts = [name for name in _COUNTS if everything or name in attribute_names]
    return plain | {name: getattr(queue, camelcase_to_underscores(name)) for name in counts}


def _is_kept(backend: SQSBackend, queue_name: str, message: Message) -> bool:
    kept_until = message.sent_timestamp / 1000 + backend.get_queue(queue_name).message_retention_period
    return bool(kept_until > time())
