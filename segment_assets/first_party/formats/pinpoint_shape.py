"""The fields of a Pinpoint record that are read; the rest stays in raw_events. A wrong type is refused."""

from typing import Any

from msgspec import Struct, field

PROBE = "_test.event_stream"  # Pinpoint sends it when a stream is connected

Text = str | None


class Application(Struct, gc=False):
    """The project."""

    app_id: Text = None


class Client(Struct, gc=False):
    """The endpoint; for transactional e-mail a UUID of its own."""

    client_id: Text = None


class Locale(Struct, gc=False):
    """The device's language and country."""

    country: Text = None


class Device(Struct, gc=False):
    """The device; empty for messages."""

    locale: Locale | None = None


class Session(Struct, gc=False):
    """The app's session; empty for messages."""

    session_id: Text = None


class ClientContext(Struct, gc=False):
    """Where campaigns and journeys put the endpoint, as JSON in a string."""

    custom: dict[str, Any] | None = None


class Mail(Struct, gc=False):
    """The message."""

    message_id: Text = None
    destination: list[str] | None = None


class Delivery(Struct, gc=False):
    """The receiving server's answer."""

    smtp_response: Text = None
    recipients: list[str] | None = None
    processing_time_millis: int | float | None = None


class Click(Struct, gc=False):
    """A click; unsubscribe events carry one, too."""

    link: Text = None


class Recipient(Struct, gc=False):
    """Whom a bounce or a complaint is about."""

    address: Text = field(default=None, name="email_address")


class Bounce(Struct, gc=False):
    """Permanent, Transient or Undetermined."""

    bounce_type: Text = None
    bounce_sub_type: Text = None
    recipients: list[Recipient] | None = field(default=None, name="bounced_recipients")


class Complaint(Struct, gc=False):
    """The recipient marked the message."""

    complaint_feedback_type: Text = None
    recipients: list[Recipient] | None = field(default=None, name="complained_recipients")


class Reject(Struct, gc=False):
    """The message was not sent."""

    reason: Text = None


class MailEvent(Struct, gc=False):
    """What happened to a message: one of the parts beside `mail` is there."""

    mail: Mail | None = None
    delivery: Delivery | None = None
    click: Click | None = None
    bounce: Bounce | None = None
    complaint: Complaint | None = None
    reject: Reject | None = None

    @property
    def recipient(self) -> Text:
        """The first whom what happened is about; of a message to several people not all need have bounced."""
        if (failed := self.bounce or self.complaint) and failed.recipients:
            return failed.recipients[0].address
        if self.delivery and self.delivery.recipients:
            return self.delivery.recipients[0]
        return self.mail.destination[0] if self.mail and self.mail.destination else None


class EmailChannel(Struct, gc=False):
    """E-mail's part of the facets."""

    mail_event: MailEvent | None = None


class Facets(Struct, gc=False):
    """Only e-mail has them."""

    email_channel: EmailChannel | None = None


class Record(Struct, gc=False):
    """One event of the stream. Glue and Parquet lower-case awsAccountId."""

    event_type: str
    event_timestamp: int
    arrival_timestamp: int
    application: Application | None = None
    client: Client | None = None
    device: Device | None = None
    session: Session | None = None
    attributes: dict[str, Any] | None = None
    metrics: dict[str, float | None] | None = None
    client_context: ClientContext | None = None
    facets: Facets | None = None
    account: str | int | None = field(default=None, name="awsAccountId")
    account_lower: str | int | None = field(default=None, name="awsaccountid")


class User(Struct, gc=False):
    """The endpoint's user."""

    user_id: Text = field(default=None, name="UserId")


class Location(Struct, gc=False):
    """Where the endpoint is."""

    country: Text = field(default=None, name="Country")


class Endpoint(Struct, gc=False):
    """The endpoint of a campaign's or journey's message."""

    channel_type: Text = field(default=None, name="ChannelType")
    address: Text = field(default=None, name="Address")
    user: User | None = field(default=None, name="User")
    location: Location | None = field(default=None, name="Location")
