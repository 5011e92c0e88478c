"""What a message about the landing place says: S3's own form, and EventBridge's, each also as a topic of SNS wraps it.

https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-content-structure.html
https://docs.aws.amazon.com/AmazonS3/latest/userguide/ev-events.html
https://docs.aws.amazon.com/sns/latest/dg/sns-sqs-as-subscriber.html
"""

import json
from collections.abc import Mapping
from hashlib import sha256
from typing import Any
from urllib.parse import unquote_plus

from segment_assets.first_party.port import Message

LONGEST = 1024  # bytes of a key, in S3
TEST = "s3:TestEvent"  # S3 sends one when the notification is set


class UnreadableError(Exception):
    """A message that says nothing about objects, and why; without a word of what it does say."""


def keys(body: str, bucket: str) -> list[str]:
    """The keys of a bucket's objects that a message is about: what came, changed or went.

    Whether an object came or went is not asked: messages come twice, and in any order. The listing knows.

    Args:
        body: the message's text.
        bucket: objects of another are left out.

    Raises:
        UnreadableError: it has neither form.
    """
    told = _object(body, "it")
    if told.get("Type") == "SubscriptionConfirmation":
        raise UnreadableError("a topic of SNS asks to confirm the subscription of this queue: confirm it")
    if told.get("Type") == "Notification" and isinstance(wrapped := told.get("Message"), str):
        told = _object(wrapped, "what SNS wrapped in it")
    if told.get("Event") == TEST:
        return []
    try:
        if "Records" in told:
            # S3 writes keys as in the query of a URL, a blank as +.
            found = [(r["s3"]["bucket"]["name"], unquote_plus(r["s3"]["object"]["key"])) for r in told["Records"]]
        elif told.get("source") == "aws.s3":
            # EventBridge writes them as they are: a + is a +.
            found = [(told["detail"]["bucket"]["name"], told["detail"]["object"]["key"])]
        else:
            raise UnreadableError("it is neither a notification of S3 nor an event of S3 on EventBridge")
    except (KeyError, TypeError, AttributeError):
        raise UnreadableError("it names no bucket or no key where S3 writes them") from None
    if not all(_is_a_key(key) for _, key in found):
        raise UnreadableError("it names a key that no object can have")
    return [key for name, key in found if name == bucket]


def _object(text: str, what: str) -> dict[str, Any]:
    try:
        told = json.loads(text)
    except (ValueError, RecursionError):
        raise UnreadableError(f"{what} is no JSON") from None
    if not isinstance(told, dict):
        raise UnreadableError(f"{what} is no JSON object")
    return told


def _is_a_key(key: object) -> bool:
    try:
        return isinstance(key, str) and 0 < len(key.encode()) <= LONGEST
    except UnicodeEncodeError:  # half a character
        return False


def record(message: Message, reason: str) -> Mapping[str, Any]:
    """What is kept of a message that can't be read. Not its text, which may be anybody's."""
    content = message.body.encode(errors="surrogatepass")
    return {
        "message_id": message.id,
        "sent": message.sent,
        "reason": reason,
        "bytes": len(content),
        "sha256": sha256(content).hexdigest(),
    }
