"""What AWS puts around a record on its way: SNS's notification, EventBridge's event.

A stream may reach Firehose through either. What copies of an event have in common is what lies inside.
https://docs.aws.amazon.com/sns/latest/dg/sns-message-and-json-formats.html
"""

from collections.abc import Callable

import msgspec
from msgspec import Struct, field

# Whose events lie whole in EventBridge's `detail`.
_WHOLE_IN_DETAIL = frozenset(("aws.ses", "aws.sms-voice"))
_NOTHING = msgspec.Raw()


class _Envelope(Struct, gc=False):
    type: str | None = field(default=None, name="Type")
    message: str | None = field(default=None, name="Message")
    topic: str | None = field(default=None, name="TopicArn")
    source: str | None = None
    detail: msgspec.Raw = _NOTHING


_decode: Callable[[bytes], _Envelope] = msgspec.json.Decoder(_Envelope).decode


def opened(record: bytes) -> bytes:
    """The record without its envelope; itself where it has none."""
    if b'"TopicArn"' not in record and b'"detail"' not in record:
        return record
    try:
        envelope = _decode(record)
    except msgspec.DecodeError:
        return record
    if envelope.type == "Notification" and envelope.topic and envelope.message and envelope.message.startswith("{"):
        return opened(envelope.message.encode())
    if envelope.source in _WHOLE_IN_DETAIL and envelope.detail != _NOTHING:
        return bytes(envelope.detail)
    return record
