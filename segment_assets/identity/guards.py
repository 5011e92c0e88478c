"""What keeps strangers apart: values that are nobody's own, and how many may share one.

Without these, 60,000 synthetic persons with a few placeholder addresses and public kiosks gave one "person" of 8,421
profiles, and 0.2 % of the pairs were right. See docs/identity.md.
"""

from dataclasses import dataclass

import pyarrow as pa

from segment_assets.people.addresses import sha256


@dataclass(frozen=True)
class Limits:
    """How far evidence reaches.

    Attributes:
        person_cap: an identifier used by more customers than this says nothing of a person.
        household_cap: nor, above this, of a household.
        person_maximum: a person of more customers than this is a mistake: it is kept apart, and marked.
        household_maximum: the same for persons of a household.
    """

    person_cap: int = 8
    household_cap: int = 12
    person_maximum: int = 10
    household_maximum: int = 15


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
        "0", "null", "none", "unknown",
        # The advertising identifier of everyone who limits ad tracking.
        "00000000-0000-0000-0000-000000000000", "0" * 32, "0" * 16, "0" * 15,
        # One Android build of 2010 gave this ANDROID_ID to every telephone of the model.
        "9774d56d682e549c",
    ),
    "address": ("none", "null", "na", "n a", "unknown", "test"),
}  # fmt: skip
# What step 2 puts before a value of each kind when it hashes it.
_HASHED_AS = {"email": "email:", "phone": "phone:", "device": "device:", "address": "postal:"}


def placeholders() -> pa.Table:
    """Hashes of values that are nobody's own: columns `kind` and `hashed`."""
    rows = sorted({(kind, sha256(_HASHED_AS[kind] + v)) for kind, values in _PLACEHOLDERS.items() for v in values})
    return pa.table({"kind": [kind for kind, _ in rows], "hashed": [hashed for _, hashed in rows]})
