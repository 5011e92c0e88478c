"""The fields of an SES event that are read; the rest stays in raw_events. A wrong type is refused."""

from typing import Any

from msgspec import Struct, field
from msgspec.structs import fields

Text = str | None
Label = str | int | None  # decides nothing: as a number it is its digits


class Mail(Struct, gc=False):
    """The message; its time is when it was sent."""

    timestamp: Text = None
    message_id: Label = field(default=None, name="messageId")
    account: Label = field(default=None, name="sendingAccountId")
    destination: list[str] | None = None
    tags: dict[str, Any] | None = None


class Recipient(Struct, gc=False):
    """One of those whom a bounce, a complaint or a delay concerns."""

    address: Text = field(default=None, name="emailAddress")


class Bounce(Struct, gc=False):
    """Permanent, Transient or Undetermined."""

    timestamp: Text = None
    kind: Text = field(default=None, name="bounceType")
    sub_type: Text = field(default=None, name="bounceSubType")
    recipients: list[Recipient] | None = field(default=None, name="bouncedRecipients")


class Complaint(Struct, gc=False):
    """The recipient marked the message; as `not-spam`, it is no complaint."""

    timestamp: Text = None
    feedback: Text = field(default=None, name="complaintFeedbackType")
    recipients: list[Recipient] | None = field(default=None, name="complainedRecipients")


class Delivery(Struct, gc=False):
    """The receiving server's answer."""

    timestamp: Text = None
    smtp_response: Text = field(default=None, name="smtpResponse")
    recipients: list[str] | None = None


class Delay(Struct, gc=False):
    """The receiving server said: later."""

    timestamp: Text = None
    kind: Text = field(default=None, name="delayType")
    recipients: list[Recipient] | None = field(default=None, name="delayedRecipients")


class Opened(Struct, gc=False):
    """The picture in the message was loaded."""

    timestamp: Text = None


class Click(Struct, gc=False):
    """A link was followed."""

    timestamp: Text = None
    link: Text = None


class Reject(Struct, gc=False):
    """The message was not sent."""

    timestamp: Text = None
    reason: Text = None


class Failure(Struct, gc=False):
    """The template could not be filled."""

    timestamp: Text = None
    message: Text = field(default=None, name="errorMessage")


class Topic(Struct, gc=False):
    """One topic of a contact list."""

    name: Text = field(default=None, name="topicName")
    status: Text = field(default=None, name="subscriptionStatus")


class Preferences(Struct, gc=False):
    """What a contact wants."""

    unsubscribe_all: bool | None = field(default=None, name="unsubscribeAll")
    each: list[Topic] | None = field(default=None, name="topicSubscriptionStatus")

    def topics(self) -> dict[Text, Text]:
        """Topic -> OptIn or OptOut."""
        return {topic.name: topic.status for topic in self.each or ()}


class Subscription(Struct, gc=False):
    """A contact changed what it wants."""

    timestamp: Text = None
    now: Preferences | None = field(default=None, name="newTopicPreferences")
    before: Preferences | None = field(default=None, name="oldTopicPreferences")


class Record(Struct, gc=False):
    """One event: the message, and the part that says what happened to it. SNS's older form has notificationType."""

    mail: Mail
    event_type: Text = field(default=None, name="eventType")
    notification_type: Text = field(default=None, name="notificationType")
    bounce: Bounce | None = None
    complaint: Complaint | None = None
    delivery: Delivery | None = None
    delay: Delay | None = field(default=None, name="deliveryDelay")
    open: Opened | None = None
    click: Click | None = None
    reject: Reject | None = None
    failure: Failure | None = None
    subscription: Subscription | None = None

    @property
    def type(self) -> Text:
        """`Send`, `Bounce`, ..."""
        return self.event_type or self.notification_type

    @property
    def part(
        self,
    ) -> Bounce | Complaint | Delivery | Delay | Opened | Click | Reject | Failure | Subscription | None:
        """The part that says what happened; a send has none."""
        return (
            self.bounce
            or self.complaint
            or self.delivery
            or self.delay
            or self.open
            or self.click
            or self.reject
            or self.failure
            or self.subscription
        )

    @property
    def recipient(self) -> Text:
        """Whom the event concerns, where it says so, else whom the message was sent to."""
        for part in (self.bounce, self.complaint, self.delay):
            if part and part.recipients:
                return part.recipients[0].address
        if self.delivery and self.delivery.recipients:
            return self.delivery.recipients[0]
        return self.mail.destination[0] if self.mail.destination else None


_SHAPES = (
    Record, Mail, Recipient, Bounce, Complaint, Delivery, Delay, Reject, Failure, Subscription, Preferences, Topic,
)  # fmt: skip
# What a table of Glue calls the keys, and what they are called.
_WRITTEN = {f.encode_name.lower(): f.encode_name for shape in _SHAPES for f in fields(shape)}


def with_its_keys(row: dict[str, Any]) -> dict[str, Any]:
    """A row of Parquet with the keys of its event, which Firehose's conversion to Parquet writes in lower case."""
    return _spelled(row) if "mail" in row and row.keys() & {"eventtype", "notificationtype"} else row


def _spelled(value: Any) -> Any:
    if isinstance(value, list):
        return [_spelled(one) for one in value]
    if not isinstance(value, dict):
        return value
    # Tags are the sender's own.
    return {_WRITTEN.get(key, key): inner if key == "tags" else _spelled(inner) for key, inner in value.items()}
