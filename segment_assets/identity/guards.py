"""What keeps strangers apart: values that are nobody's own, and how many may share one.

Without these, 60,000 synthetic persons with a few placeholder addresses and public kiosks gave one "person" of 8,421
profiles, and 0.2 % of the pairs were right. See docs/identity.md.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta

import pyarrow as pa

from segment_assets.people.addresses import NOTHING, normalised, sha256


@dataclass(frozen=True)
class Limits:
    """How far evidence reaches.

    Attributes:
        person_cap: an identifier used by more customers than this says nothing of a person.
        household_cap: nor, above this, of a household.
        person_maximum: a person of more customers than this is a mistake: it is kept apart, and marked.
        household_maximum: the same for persons of a household.
        window: a telephone or device that was confirmed last longer ago says nothing; None: it does for ever, for most
            sources say when an endpoint changed, and not when it was last used.
    """

    person_cap: int = 8
    household_cap: int = 12
    person_maximum: int = 10
    household_maximum: int = 15
    window: timedelta | None = None


LIMITS = Limits()

# In normalised form. What stands before the @ is what people write who want to give no address; the first three domains
# are RFC 2606's and belong to nobody, the last are what a form that asks for a real one gets.
_NOBODY = (
    "a", "abc", "anonymous", "asdf", "email", "fake", "info", "mail", "me", "n/a", "na", "name", "no", "no-email",
    "no-reply", "no_email", "nobody", "noemail", "nomail", "noname", "none", "noreply", "nothing", "null",
    "placeholder", "test", "unknown", "user", "x", "xxx",
)  # fmt: skip
_NOWHERE = (
    "example.com", "example.org", "example.net", "a.com", "abc.com", "asdf.com", "email.com", "fake.com", "na.com",
    "no.com", "noemail.com", "nomail.com", "none.com", "noreply.com", "nothing.com", "null.com", "test.com",
    "unknown.com", "x.com", "xxx.com", "test.de", "test.co.uk", "test.org", "test.net",
    "gmail.com", "googlemail.com", "yahoo.com", "yahoo.co.uk", "hotmail.com", "outlook.com", "live.com", "msn.com",
    "aol.com", "icloud.com", "me.com", "mail.com", "gmx.com", "gmx.de", "gmx.net", "web.de", "t-online.de",
)  # fmt: skip
_PLACEHOLDERS = {
    "email": tuple(f"{who}@{where}" for who in _NOBODY for where in _NOWHERE),
    "phone": (
        *(f"+{d * n}" for d in "123456789" for n in range(7, 16)), *(f"+1{d * 10}" for d in "0123456789"),
        "+11234567890", "+1234567890", "+10123456789",
    ),
    "device": (
        "0", *NOTHING, "blacklisted", "default", "android", "ios",
        # What Android gives every app that asks for the network's address, and other addresses that are none.
        *(sign.join([pair] * 6) for pair in ("00", "ff") for sign in (":", "-", "")),
        "02:00:00:00:00:00", "02-00-00-00-00-00", "020000000000",
        # The advertising identifier of everyone who limits ad tracking.
        "00000000-0000-0000-0000-000000000000", "0" * 32, "0" * 16, "0" * 15,
        # One Android build of 2010 gave this ANDROID_ID to every telephone of the model.
        "9774d56d682e549c",
    ),
    # By the street, whatever postal code stands behind it.
    "address": (
        *NOTHING, "0", "address", "general delivery", "no", "no address", "same", "street", "tbd", "x", "xx", "xxx",
    ),
}  # fmt: skip
_HASHED_AS = {"email": "email", "phone": "phone", "address": "postal"}


def placeholders(own: Mapping[str, Iterable[str]] | None = None, region: str | None = None) -> pa.Table:
    """Hashes of values that are nobody's own: columns `kind` and `hashed`.

    Args:
        own: kind -> values of one's own, as written.
        region: country of telephone numbers that are written without one.
    """
    known = [(kind, value) for of in (_PLACEHOLDERS, own or {}) for kind, values in of.items() for value in values]
    known += [("phone", number) for number in _nobodys_numbers() if region]
    rows = sorted({(kind, hashed) for kind, value in known for hashed in _hashes(kind, value, region)})
    return pa.table({"kind": [kind for kind, _ in rows], "hashed": [hashed for _, hashed in rows]})


def _nobodys_numbers() -> Iterator[str]:
    """What people type into a field that asks for a number: one digit again and again, or all in their order."""
    for length in range(5, 16):
        for digits in (*(digit * length for digit in "0123456789"), "123456789012345"[:length]):
            yield digits
            yield f"0{digits}"  # with what stands before an area code


def _hashes(kind: str, written: str, region: str | None) -> list[str]:
    """As step 2 hashes it; none where the value is none of its kind, as many a number is not in a country.

    The token of an app keeps its capitals, and is told from a device's identifier.
    """
    value = normalised(kind, written, region)
    if value is None:
        return []
    if kind == "device":
        tokens = {written.strip(), value, value.upper(), value.capitalize()}
        return [sha256(f"device:{value}"), *(sha256(f"push:{token}") for token in tokens)]
    return [sha256(f"{_HASHED_AS[kind]}:{value}")]
