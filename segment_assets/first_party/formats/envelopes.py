"""What AWS puts around a record on its way: SNS's notification, EventBridge's event.

A stream may reach Firehose through either. What copies of an event have in common is what lies inside.
https://docs.aws.amazon.com/sns/latest/dg/sns-message-and-json-formats.html
"""

from segment_assets.first_party.records import Json, value_of

# Whose events lie whole in EventBridge's `detail`.
_WHOLE_IN_DETAIL = ("aws.ses", "aws.sms-voice")


def opened(record: Json) -> Json:
    """The record without its envelope; itself where it has none.

    Raises:
        MalformedError: what lies in SNS's envelope begins as JSON and is none.
    """
    if record.get("Type") == "Notification" and record.get("TopicArn"):
        message = record.get("Message")
        if not isinstance(message, str) or not message.lstrip().startswith("{"):
            return record
        return opened(value_of(message.encode()))
    if "detail" in record and record.get("source") in _WHOLE_IN_DETAIL and isinstance(record["detail"], dict):
        return record["detail"]
    return record
