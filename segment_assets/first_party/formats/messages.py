"""What the records of AWS's message services have in common: verbs, addresses, suppression, tags, properties."""

from collections.abc import Iterable, Mapping
from decimal import Decimal
from functools import lru_cache
from typing import Any, Protocol

from segment_assets.first_party.formats.ses_shape import (
    Bounce,
    Complaint,
    Delay,
    Delivery,
    Failure,
    Label,
    Preferences,
    Reject,
    Subscription,
)
from segment_assets.first_party.records import MalformedError
from segment_assets.first_party.vocabulary import SUPPRESSION
from segment_assets.people.addresses import (
    AddressType,
    address_hash,
    called_a_number,
    looks_like_a_number,
    looks_like_an_address,
    mailbox,
    normalise_email,
    normalise_phone,
    without_addresses,
)

MAIL_EVENTS = {
    "Send": "send",
    "Delivery": "delivered",
    "Open": "open",
    "Click": "click",
    "Complaint": "complaint",
    "Reject": "reject",
    "Rendering Failure": "render_fail",
    "DeliveryDelay": "delayed",
}
# Bounces that never reached a mailbox: SES had the address on a list.
SUPPRESSED = frozenset(("Suppressed", "OnAccountSuppressionList"))
_MICRODOLLAR, _TOO_DEAR = Decimal("0.000001"), Decimal("999999.9999995")  # cost_usd has six digits before the point


def bounce(kind: str | None, sub_type: str | None) -> str:
    """The event's name: a permanent bounce is hard, all others soft; what SES held back itself is a reject."""
    if kind != "Permanent":
        return "bounce_soft"
    return "reject" if sub_type in SUPPRESSED else "bounce_hard"


def subscription(said: Subscription) -> str:
    """Who left anything has unsubscribed, whatever else was joined; where nothing changed, what holds now decides."""
    before, now = said.before or Preferences(), said.now or Preferences()
    was, is_ = before.topics(), now.topics()
    left = (now.unsubscribe_all and not before.unsubscribe_all) or any(
        is_[topic] == "OptOut" and was.get(topic) != "OptOut" for topic in is_
    )
    joined = (before.unsubscribe_all and not now.unsubscribe_all) or any(
        is_[topic] == "OptIn" and was.get(topic) != "OptIn" for topic in is_
    )
    out = now.unsubscribe_all or "OptOut" in is_.values()
    return "unsubscribe" if left or (out and not joined) else "subscribe"


def told(*parts: str | None) -> str | None:
    """`Permanent:General`: the parts that are there."""
    return ":".join(part for part in parts if part) or None


class MailParts(Protocol):
    """The parts of an event that say what happened to an e-mail, as SES names them."""

    bounce: Bounce | None
    complaint: Complaint | None
    reject: Reject | None
    delivery: Delivery | None
    delay: Delay | None
    failure: Failure | None


def outcome(read: MailParts) -> str | None:
    """What was said of an e-mail, by the part that is there."""
    return (
        (told(read.bounce.kind, read.bounce.sub_type) if read.bounce else None)
        or (read.complaint.feedback if read.complaint else None)
        or (read.reject.reason if read.reject else None)
        or (read.delivery.smtp_response if read.delivery else None)
        or (read.delay.kind if read.delay else None)
        or (read.failure.message if read.failure else None)
    )


def dollars(price: Decimal) -> Decimal:
    """A price to the millionth of a US dollar.

    Raises:
        MalformedError: absurd_price, where cost_usd can't hold it: one such record would fail all that are beside it.
    """
    if not -_TOO_DEAR < price < _TOO_DEAR:
        raise MalformedError("absurd_price")
    return price.quantize(_MICRODOLLAR)


def told_of(outcome: str | None) -> str | None:
    """An outcome as it may leave the raw zone: a server's answer names whom it is about."""
    return without_addresses(outcome) if outcome else None


def hashed(kind: AddressType, written: str | None) -> str | None:
    """The hash that joins events to endpoints; None where it is no address."""
    return address_hash("email", normalise_email(mailbox(written))) if kind == "email" else _of_phone(written)


# A customer gets many messages: to parse a number takes 60 us, asking again 0.1; for an e-mail address it would take as
# long to remember it in vain as to hash it. An entry is about 350 bytes, in each process.
@lru_cache(maxsize=16_384)
def _of_phone(written: str | None) -> str | None:
    return address_hash("phone", normalise_phone(written))


def suppresses(name: str, bounced: bool, feedback: str | None) -> bool:
    """Whether nothing may be sent to the address any more; `not-spam` is no complaint, and takes none back."""
    return (name in SUPPRESSION or (name == "reject" and bounced)) and feedback != "not-spam"


def text_of(label: Label) -> str | None:
    """What only names something, as text: an account that came as a number is no reason to lose a complaint."""
    return label if label is None or isinstance(label, str) else str(label)


def first(tags: Mapping[str, Any] | None, name: str) -> str | None:
    """A tag's value, or the first of its values."""
    value = (tags or {}).get(name)
    if isinstance(value, list):
        value = value[0] if value else None
    return str(value) if value not in (None, "") else None


def properties(tags: Mapping[str, Any] | None, taken: Iterable[str], link: str | None = None) -> list[tuple[str, str]]:
    """One's own tags as text, and a link without its query, which comes before a tag of that name.

    What is an address stays in the raw zone.
    """
    kept = {name: value for name in tags or () if name not in taken and (value := first(tags, name))}
    if link:
        kept["link"] = link.partition("?")[0].partition("#")[0]
    return sorted((name, text) for name, text in kept.items() if not is_an_address(name, text))


def is_an_address(name: str, text: str) -> bool:
    """Whether a text of one's own, or its name, holds an address; or it is a number and called a telephone's."""
    holds = looks_like_an_address(text) or looks_like_an_address(name)
    return holds or (called_a_number(name) and looks_like_a_number(text))
