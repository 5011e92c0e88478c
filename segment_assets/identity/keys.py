"""The secret that turns hashed identifiers into graph identifiers.

A SHA-256 of an address can be undone by hashing every likely address; with a key it cannot. So a graph that leaks
names nobody, as long as the key does not leak with it.
"""

import hashlib
import hmac
import os
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Literal

KEY_VARIABLE = "SEGMENT_ASSETS_GRAPH_KEY"
MINIMUM_LENGTH = 16
PREFIXES = {
    "email": "eml_", "phone": "phn_", "device": "dev_", "address": "adr_",
    "customer": "cus_", "person": "per_", "household": "hh_",
}  # fmt: skip

# Fixed and public, so that a build is repeatable before anyone has chosen a key. It protects nothing.
_DEVELOPMENT = b"segment-assets development key: not a secret"


class KeyTooShortError(Exception):
    """The key in the environment can be guessed."""


@dataclass(frozen=True)
class GraphKey:
    """A key and where it came from.

    Attributes:
        secret: the key; never shown.
        origin: `environment`, or `development`: the fixed key that everybody can read in this file.
    """

    secret: bytes = field(repr=False)
    origin: Literal["environment", "development"]

    def identifier(self, kind: str, value: str) -> str:
        """HMAC-SHA-256 of a value, its first 128 bits in hexadecimal, behind the prefix of its kind.

        The kind is part of what is hashed: a phone number and a device with equal hashes stay two identifiers.
        """
        return PREFIXES[kind] + hmac.digest(self.secret, f"{kind}:{value}".encode(), "sha256").hex()[:32]

    def identifiers(self, kind: str, values: Iterable[str]) -> list[str]:
        """`identifier` of each value."""
        return [self.identifier(kind, value) for value in values]

    @property
    def fingerprint(self) -> str:
        """Changes with the key: a new key makes a new code version, so every identifier is made anew."""
        return hashlib.sha256(b"fingerprint" + self.secret).hexdigest()[:16]


def graph_key() -> GraphKey:
    """The key from the environment, else the development key.

    Raises:
        KeyTooShortError: the environment names a key of fewer than 16 characters.
    """
    secret = os.environ.get(KEY_VARIABLE, "")
    if not secret:
        return GraphKey(_DEVELOPMENT, "development")
    if len(secret) < MINIMUM_LENGTH:
        raise KeyTooShortError(
            f"{KEY_VARIABLE}: has {len(secret)} characters, and at least {MINIMUM_LENGTH} are needed; "
            "`openssl rand -hex 32` makes a good one."
        )
    return GraphKey(secret.encode(), "environment")
