"""What tells people apart, as a partner writes it: readable, hashed, or hashed in a way that joins nothing."""

import hashlib
import re
from collections.abc import Callable
from typing import NamedTuple

from segment_assets.audience_config import Audience
from segment_assets.people.addresses import (
    email_sha256,
    name_sha256,
    normalise_email,
    normalise_name,
    normalise_phone,
    normalise_postal,
    phone_sha256_e164,
    postal_sha256,
    sha256,
    without_tag,
)

# From the best known to the least: of equal people the first form counts.
FORMS = ("normal", "mended", "hashed", "wrong_hash", "unusable")
_HEX = re.compile(r"[0-9a-fA-F]{32,128}")
_BASE64 = re.compile(r"[0-9A-Za-z+/]{43}=")
_SHA256 = 64
_OTHER_HASHES = {32, 40, 56, 96, 128}  # hex digits of MD5, SHA-1, SHA-224, SHA-384, SHA-512
# Hashes of what forms hold where there is no address: many people would share one.
_OF_NOBODY = frozenset(
    hashlib.new(kind, word.encode(), usedforsecurity=False).hexdigest()
    for kind in ("sha256", "md5", "sha1", "sha512")
    for word in ("", " ", "\n", "null", "NULL", "none", "None", "nan", "NaN", "n/a", "N/A", "unknown", "-", "0")
)


class Identifier(NamedTuple):
    """One identifier of one row.

    Attributes:
        digest: the hash that joins; None where there is none.
        plain: of an e-mail address the hash without its plus-tag; the digest itself where no tag is known.
        form: one of FORMS: written normally, mended by us (case, spaces, notation), delivered as the hash, hashed
            otherwise, unusable.
        given: of `wrong_hash` the hash as delivered, in lower case.
    """

    digest: str | None
    plain: str | None
    form: str
    given: str | None = None


UNUSABLE = Identifier(None, None, "unusable")


def email(written: str | None) -> Identifier:
    """An e-mail address, readable or hashed."""
    if written is None:
        return UNUSABLE
    if (normalised := normalise_email(written)) is None:
        return _hashed(written)
    digest, untagged = str(email_sha256(normalised)), without_tag(normalised)
    plain = digest if untagged == normalised else email_sha256(untagged)
    return Identifier(digest, plain, "normal" if normalised == written else "mended")


def phone(written: str | None, region: str | None) -> Identifier:
    """A telephone number, readable or hashed.

    Args:
        written: as delivered.
        region: country of numbers written without one.
    """
    if written is None:
        return UNUSABLE
    if (found := _hashed(written)) is not UNUSABLE:
        return found
    if (number := normalise_phone(written, region)) is None:
        return UNUSABLE
    digest = phone_sha256_e164(number)
    return Identifier(digest, digest, "normal" if number == written else "mended")


def name(parts: list[str | None]) -> str | None:
    """The hash of a name in its parts."""
    return name_sha256(normalise_name(" ".join(part for part in parts if part)))


def postal(street: str | None, code: str | None) -> str | None:
    """The hash of a postal address; None without a street: hundreds share a postal code."""
    return postal_sha256(f"{street}, {code or ''}") if street else None


def name_and_postal(parts: list[str | None], street: str | None, code: str | None) -> Identifier:
    """The hash of name and postal address together; unusable where one of them is missing."""
    written = normalise_name(" ".join(part for part in parts if part))
    where = normalise_postal(f"{street}, {code or ''}") if street else ""
    if not written or not where:
        return UNUSABLE
    digest = sha256(f"person:{written}|{where}")
    return Identifier(digest, digest, "mended")


def reader(audience: Audience) -> Callable[[dict[str, str | None]], tuple[Identifier, tuple[str | None, ...]]]:
    """Reads what identifies a row: first what tells people apart, then the values of `tables.others`."""
    names, where = audience.name, audience.postal
    street, code = (where.street, where.code) if where else (None, None)
    region, by = audience.phone_region, audience.identified_by

    def at_home(row: dict[str, str | None], parts: list[str | None]) -> Identifier:
        # Ann of one house may be several people, and a street is in many towns: first and last name have to be there,
        # and a code that is declared.
        if not (parts[0] and parts[-1]) or (code and not row[code]):
            return UNUSABLE
        return name_and_postal(parts, row[street or ""], row[code] if code else None)

    def read(row: dict[str, str | None]) -> tuple[Identifier, tuple[str | None, ...]]:
        mail = email(row[audience.email]) if audience.email else UNUSABLE
        number = phone(row[audience.phone], region) if audience.phone else UNUSABLE
        others: list[str | None] = []
        if audience.email and by != "email":
            others += [mail.digest, mail.plain]
        if audience.phone and by != "phone":
            others.append(number.digest)
        parts = [row[column] for column in names]
        if names:
            others.append(name(parts))
        if street:
            others.append(postal(row[street], row[code] if code else None))
        if by == "email":
            return mail, tuple(others)
        if by == "phone":
            return number, tuple(others)
        return at_home(row, parts), tuple(others)

    return read


def _hashed(written: str) -> Identifier:
    if _HEX.fullmatch(written):
        digest = written.lower()
        if digest in _OF_NOBODY:
            return UNUSABLE
        if len(digest) == _SHA256:
            return Identifier(digest, digest, "hashed")
        return Identifier(None, None, "wrong_hash", digest) if len(digest) in _OTHER_HASHES else UNUSABLE
    return Identifier(None, None, "wrong_hash", written) if _BASE64.fullmatch(written) else UNUSABLE
