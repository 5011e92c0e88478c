"""How an address may have been hashed by somebody who did not follow the rule: to find why hashes do not join."""

import base64
import hashlib
import re
from collections.abc import Iterable, Iterator
from typing import Literal

import phonenumbers

from segment_assets.people.addresses import (
    AddressType,
    email_sha256_google,
    normalise_email,
    normalise_phone,
    phone_sha256_digits,
    sha256,
)

Mistake = Literal["case", "wrong_hash"]
_HASHES = ("md5", "sha1", "sha224", "sha384", "sha512")


def mistaken(
    written: Iterable[str], kind: AddressType, known: set[str], wanted: set[str], region: str | None = None
) -> dict[str, Mistake]:
    """Of the wanted hashes those that somebody made of one of our addresses, with the mistake that explains it.

    Args:
        written: our addresses, readable: they are looked at here, and kept nowhere.
        kind: e-mail or phone.
        known: the right hashes that we join by; an address whose right hash is not among them gains nothing.
        wanted: hashes that join nothing.
        region: country of phone numbers written without one.
    """
    found: dict[str, Mistake] = {}
    for address in written:
        right = normalise_email(address) if kind == "email" else normalise_phone(address, region)
        if right is None or sha256(right) not in known:
            continue
        for digest, mistake in email_forms(right, address) if kind == "email" else phone_forms(right, address):
            if digest in wanted:
                found.setdefault(digest, mistake)
    return found


def email_forms(right: str, written: str) -> Iterator[tuple[str, Mistake]]:
    """Hashes of an e-mail address in another case, by another function, with something around it.

    Args:
        right: normalised.
        written: as it was written.
    """
    local, _, domain = right.rpartition("@")
    cased = {right.upper(), right.title(), right.capitalize(), f"{local.title()}@{domain}", written.strip()} - {right}
    for text in sorted(cased):
        yield sha256(text), "case"
    around = (f"{right}\n", f"{right} ", f" {right}", f"email:{right}", f"mailto:{right}", f'"{right}"', written)
    yield from _wrong(right, around)
    if google := email_sha256_google(right):
        yield google, "wrong_hash"
    for text in sorted(cased):
        yield from _other_functions(text)


def phone_forms(right: str, written: str) -> Iterator[tuple[str, Mistake]]:
    """Hashes of a phone number without its plus or its country, as it was written, or by another function."""
    digits = right.removeprefix("+")
    yield from _wrong(
        right,
        (digits, f"00{digits}", f"{right}\n", f"{digits}\n", f"phone:{right}", f"tel:{right}", written),
    )
    yield from ((sha256(text), "wrong_hash") for text in _national(right))
    if meta := phone_sha256_digits(right):
        yield meta, "wrong_hash"
    yield from _other_functions(digits)


def _national(right: str) -> Iterator[str]:
    """A number as it is written in its country: 2065550102, (206) 555-0102, 206-555-0102; 030 123456, 030123456."""
    number = phonenumbers.parse(right)
    written = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.NATIONAL)
    abroad = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.INTERNATIONAL)
    yield phonenumbers.national_significant_number(number)
    yield from (written, re.sub("[^0-9]", "", written), abroad, abroad.partition(" ")[2])


def _wrong(right: str, around: Iterable[str]) -> Iterator[tuple[str, Mistake]]:
    for text in around:
        if text != right:
            yield sha256(text), "wrong_hash"
    yield from _other_functions(right)


def _other_functions(text: str) -> Iterator[tuple[str, Mistake]]:
    content = text.encode()
    for name in _HASHES:
        yield hashlib.new(name, content, usedforsecurity=False).hexdigest(), "wrong_hash"
    yield base64.b64encode(hashlib.sha256(content).digest()).decode(), "wrong_hash"
