"""E-mail addresses and telephone numbers, normalised and hashed: the one place that knows how.

Hashes are hex SHA-256. Test vectors: `spec/examples/hash_test_vectors.jsonl`; the rules are those that Google Customer
Match and Meta Custom Audiences publish.
"""

import hashlib
import re
import unicodedata
from functools import lru_cache
from typing import Literal
from urllib.parse import unquote

import idna
import phonenumbers

AddressType = Literal["email", "phone"]

# What forms and exports write where nothing is known.
NOTHING = (
    "-", "--", "(null)", "<null>", "n.a.", "n/a", "na", "nan", "nil", "none", "not available", "not provided", "null",
    "test", "unavailable", "undefined", "unknown",
)  # fmt: skip

# Unquoted, as RFC 5321 writes it: `[a@example.org]`, `mailto:a@example.org` and `a@example.org;b` are something else.
_NONE = r"@\s()<>\[\]\\,;:\"\x00-\x1f\x7f"
_EMAIL = re.compile(rf"[^{_NONE}]+@[^{_NONE}.]+(?:\.[^{_NONE}.]+)+")
_NAMED = re.compile(r"[^<>]*<([^<>]+)>\s*")
_INVISIBLE = "\u200b\u200c\u200d\u2060\ufeff"  # what copying from a page or a file leaves at the ends
_PUNCTUATION = {ord(sign): None for sign in " ().-"}
_TEN_DIGITS = re.compile(r"(?!(.)\1{9})[2-9][0-9]{9}")
_WITH_CODE = re.compile(r"\+1(?!(.)\1{9})[2-9][0-9]{9}")
_DAY, _MONTH, _YEAR = r"(?:0?[1-9]|[12]\d|3[01])", r"(?:0?[1-9]|1[0-2])", r"(?:19|20)\d\d"
_DATE = re.compile(
    rf"(?:{_YEAR}([-./]){_MONTH}\1{_DAY}|{_DAY}([-./]){_MONTH}\2{_YEAR}|{_MONTH}/{_DAY}/{_YEAR})(?:[ T].*)?"
)
_DIGITS_OF_FLOAT = re.compile(r"(\+?\d+)\.0+")  # a column of numbers of which one is empty, as pandas writes it
_FLOAT = re.compile("[1-9][0-9]{7,14}")  # a float has no zero before it; a shorter one may be a number's part
_LONGEST = 40  # a longer text is a number's with something else
# What stood before mobile numbers of Mexico until 2019, and still does in WhatsApp's: no number there has 11 digits.
_MEXICAN = re.compile(r"\+52[ ().-]*1(?=(?:[ ().-]*[0-9]){10}$)")
_GMAIL = ("gmail.com", "googlemail.com")


def normalise_email(written: str | None) -> str | None:
    """Composed (NFKC), trimmed and lower-cased; None where it is no address.

    Nothing else is changed: a plus-tag and the dots of Gmail stay, so that what partners hash is what we hash. Only
    addresses beyond ASCII are ever composed: one sign may be written in several ways there. Their domain is as people
    write it, `bücher.example`, also where it came as mail servers and SES name it, `xn--bcher-kva.example`.
    """
    deliverable = deliverable_email(written)
    return _composed(_readable(deliverable.lower())) if deliverable else None


def deliverable_email(written: str | None) -> str | None:
    """What a message is sent to: as `normalise_email`, but upper case stays, which a mailbox may tell apart."""
    if written is None:
        return None
    address = _composed(written).strip().strip(_INVISIBLE).strip()
    return address if _EMAIL.fullmatch(address) else None


def mailbox(written: str | None) -> str | None:
    """The address of `Dana <dana@example.org>`, as mail servers may name whom they answer; all else as it is."""
    found = _NAMED.fullmatch(written) if written and "<" in written else None
    return found[1] if found else written


def _composed(text: str) -> str:
    return text if text.isascii() else unicodedata.normalize("NFKC", text)


def _readable(address: str) -> str:
    local, _, domain = address.rpartition("@")
    if "xn--" not in domain:
        return address
    try:
        return f"{local}@{idna.decode(domain)}"
    except idna.IDNAError:
        return address


def without_tag(normalised: str | None) -> str | None:
    """The address that most mail services deliver to: without what follows a plus in its first part."""
    if not normalised or "+" not in normalised:
        return normalised
    local, _, domain = normalised.rpartition("@")
    return f"{local.partition('+')[0] or local}@{domain}"


def normalise_phone(written: str | None, region: str | None = None) -> str | None:
    """E.164 with its plus; None where the number is not possible.

    Args:
        written: as a person wrote it.
        region: country (ISO 3166 alpha-2) of numbers written without one, from configuration. It is never guessed:
            without it, a number without `+` is not normalised.
    """
    if written is None:
        return None
    if plain := _north_american(written, region):
        return plain
    return parsed_phone(written, region)


def _north_american(written: str, region: str | None) -> str | None:
    # What `parsed_phone` says of ten digits of the United States, without the 25 us that it takes.
    digits = written.translate(_PUNCTUATION) if len(written) < _LONGEST else ""
    if _WITH_CODE.fullmatch(digits):
        return digits
    return f"+1{digits}" if region == "US" and _TEN_DIGITS.fullmatch(digits) else None


def parsed_phone(written: str, region: str | None) -> str | None:
    """What the numbering plan of its country says of a number; arguments as in `normalise_phone`.

    A date is none, though many plans would take its digits, nor is one digit again and again.
    """
    text = written.strip()
    if found := _DIGITS_OF_FLOAT.fullmatch(text):
        text = found[1] if _FLOAT.fullmatch(found[1]) else ""
    text = _MEXICAN.sub("+52", text)
    try:
        number = phonenumbers.parse("" if _DATE.fullmatch(text) else text, region)
    except phonenumbers.NumberParseException:
        return None
    if len(set(phonenumbers.national_significant_number(number))) < 2:
        return None
    # Without its area code a number is possible locally, and nobody's anywhere else.
    if phonenumbers.is_possible_number_with_reason(number) != phonenumbers.ValidationResult.IS_POSSIBLE:
        return None
    return str(phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164))


def address_hash(kind: AddressType, normalised: str | None) -> str | None:
    """SHA-256 of the address with its type as prefix (`email:` or `phone:`): what joins events to endpoints."""
    # Not remembered: who asks often remembers more, and to remember in vain takes as long as to hash.
    return hashlib.sha256(f"{kind}:{normalised}".encode()).hexdigest() if normalised else None


def email_sha256(normalised: str | None) -> str | None:
    """SHA-256 of the normalised address, without prefix: what partners deliver, and Meta expects."""
    return sha256(normalised) if normalised else None


def email_sha256_google(normalised: str | None) -> str | None:
    """The same by Google's rule: the dots before `@gmail.com` and `@googlemail.com` do not count."""
    if not normalised:
        return None
    local, _, domain = normalised.rpartition("@")
    return sha256(f"{local.replace('.', '')}@{domain}" if domain in _GMAIL else normalised)


def phone_sha256_e164(normalised: str | None) -> str | None:
    """SHA-256 of the E.164 number with its plus: Google's form."""
    return sha256(normalised) if normalised else None


def phone_sha256_digits(normalised: str | None) -> str | None:
    """SHA-256 of the number's digits: Meta's form."""
    return sha256(normalised.removeprefix("+")) if normalised else None


def normalise_postal(written: str) -> str:
    """Composed, lower case, letters and digits of words alone: `12 Oak St., 98101` and `12 OAK ST 98101` are one."""
    return " ".join(re.findall(r"\w+", _composed(written).lower()))


_NOTHING = frozenset(map(normalise_postal, NOTHING))


def postal_sha256(written: str | None) -> str | None:
    """SHA-256 of a normalised postal address with `postal:` before it; None where nothing of it is a word."""
    normalised = normalise_postal(written) if written else ""
    return sha256(f"postal:{normalised}") if normalised else None


def locality(code: str | None, city: str | None, region: str | None, country: str | None) -> str | None:
    """What tells streets of one name apart: the postal code, else city and region, each with the country.

    None where neither a code nor a city is said: of a street alone nobody knows where it is.
    """
    code, city, region = (_said(part) for part in (code, city, region))
    country = normalise_postal(country or "")  # of a country, NA is a code
    if code and code.strip("0 "):
        return ", ".join(part for part in (code, country) if part)
    return ", ".join(part for part in (city, region, country) if part) if city else None


def _said(written: str | None) -> str | None:
    normalised = normalise_postal(written or "")
    return None if normalised in _NOTHING else normalised or None


def normalise_device(written: str | None) -> str | None:
    """Trimmed and lower-cased, for programs differ in that; None where nothing is left."""
    return (written or "").strip().lower() or None


def normalised(kind: str, written: str, region: str | None = None) -> str | None:
    """An identifier of a kind (email, phone, device, address: a street) as it is hashed; None where it is none.

    Args:
        kind: of identifier.
        written: the identifier.
        region: as in `normalise_phone`.
    """
    if kind == "phone":
        return normalise_phone(written, region)
    if kind == "address":
        return normalise_postal(written) or None
    return (normalise_email if kind == "email" else normalise_device)(written)


def normalise_name(written: str | None) -> str | None:
    """Lower case, its words alone, composed (NFKC): `O'Neil,  ANN` is `o neil ann`. Accents stay."""
    return " ".join(re.findall(r"\w+", unicodedata.normalize("NFKC", written or "").lower())) or None


def name_sha256(normalised: str | None) -> str | None:
    """SHA-256 of the normalised name with `name:` before it."""
    return sha256(f"name:{normalised}") if normalised else None


# Of one customer the same address is hashed for an endpoint, a partner and an advertiser, one after the other.
@lru_cache(maxsize=64)
def sha256(text: str) -> str:
    """Hex SHA-256 of the text's UTF-8."""
    return hashlib.sha256(text.encode()).hexdigest()


def looks_like_an_address(text: str) -> bool:
    """Whether a free text holds an e-mail address or a telephone number, as in links too: it stays in the raw zone."""
    # Nearly no text has one of the signs, and looking for one is a hundred times as fast as a pattern, or for a single
    # character ten times as fast as for several.
    if "%" in text:
        text = unquote(text)
    return (
        ("@" in text and bool(_ANY_EMAIL.search(text)))
        or ("+" in text and bool(_ANY_PHONE.search(text)))
        or (":" in text and "tel:" in text and bool(_CALLED.search(text)))
        or ("/" in text and "wa.me/" in text and bool(_CALLED.search(text)))
    )


@lru_cache(maxsize=4_096)
def called_a_number(name: str) -> bool:
    """Whether a text is called a telephone number, in English: `phone`, `mobileNumber`, `tel_home`."""
    return bool(_NUMBERS_NAME.search(_NEXT_WORD.sub(" ", name).lower()))


def looks_like_a_number(text: str) -> bool:
    """Whether a text may be a telephone number as it is written within a country: only its name tells what it is."""
    return bool(_LOCAL_NUMBER.fullmatch(text))


def without_addresses(text: str) -> str:
    """A server's answer with its e-mail addresses and telephone numbers left out: it often names whom it refused."""
    return _EACH_NUMBER.sub("[number]", _EACH_EMAIL.sub("[address]", text)) if _SIGNS.search(text) else text


# An apostrophe is part of a name: of o'neil@example.org no half may stay. Each run of signs is looked at once.
_SIGN = r"""[^\s<>()\[\]";:,@]"""
_EACH_EMAIL = re.compile(
    rf"""(?:"[^"\r\n]{{1,64}}"|(?:(?<!{_SIGN})|(?<=%40))(?:(?!%40){_SIGN})++)(?:@|%40)"""
    r"""(?:\[[^\]\s]{1,64}\]|[^\s<>()\[\]"';:,]+)"""
)
_SIGNS = re.compile("[@+]|%40")
_EACH_NUMBER = re.compile(r"\+\d[\d ().-]{6,18}\d")
_ANY_EMAIL = re.compile(r"[^@\s]@[^@\s.]+\.[^@\s]")
_ANY_PHONE = re.compile(r"\+\d[\d ().-]{6,18}\d")
_NEXT_WORD = re.compile(r"[\W_]+|(?<=[a-z])(?=[A-Z])")
_NUMBERS_NAME = re.compile(r"\b(?:(?:tele|cell)?phones?(?:number|no|nr)?|tel|mobile|cell|msisdn|fax)\b")
_LOCAL_NUMBER = re.compile(r"(?!\d{4}-\d\d-\d\d)\s*(?:[(+]?\d[\s()./-]*){6,15}")  # no date
_CALLED = re.compile(r"(?:tel:|wa\.me/)\d{7,}")
