"""From an object's bytes to its records: cut apart, each with a canonical id or a reason why not.

Firehose concatenates records without a delimiter, so objects of concatenated JSON are as good as JSON lines.
"""

import hashlib
import json
import re
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple, TypeVar

import msgspec

Json = dict[str, Any]
T = TypeVar("T")

# Firehose takes records of up to 1,024,000 bytes; what is larger is no event.
MAX_RECORD = 1_024_000
# Of a longer broken record this much is kept in quarantine; the landing object has the rest.
KEPT_IN_QUARANTINE = 65_536
# How often a record is looked for inside broken bytes before only line ends and `}{` count as ends.
MAX_ATTEMPTS = 64


class MalformedError(Exception):
    """Bytes that are no valid record; `reason` is a code of docs/quarantine.md.

    No ValueError: msgspec would wrap one that a hook raises in an error of its own.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Piece(NamedTuple):
    """Bytes that were delivered as one record.

    Attributes:
        content: the bytes.
        event_id: first 32 hex digits of the SHA-256 of the canonical JSON; None where there is a reason.
        reason: why the bytes are no JSON object; None where they are.
        value: what the JSON says, where that is known; otherwise `value_of` tells it.
    """

    content: bytes
    event_id: str | None
    reason: str | None
    value: Json | None = None


def _exact(text: str) -> msgspec.Raw:
    return msgspec.Raw(repr(_finite(text)).encode())


def _finite(text: str) -> float:
    value = float(text)
    if value - value != 0:
        raise MalformedError("not_finite")
    return value


def _usual(text: str) -> float:
    value = float(text)
    if value == 0 or 0.0001 <= abs(value) < 1e16:
        return value
    raise MalformedError("not_finite")  # or spelled in another way: the record is looked at once more


# Python's own spelling of floats, so that the bytes equal those of `json.dumps`: msgspec's differ at 1e16 and 1e-7.
_decode = msgspec.json.Decoder(float_hook=_exact).decode
_decode_finite = msgspec.json.Decoder(float_hook=_finite).decode
_decode_usual = msgspec.json.Decoder(float_hook=_usual).decode
_encode = msgspec.json.Encoder(order="sorted").encode


def canonical(record: bytes) -> bytes:
    """The record with sorted keys and no spaces: `json.dumps(..., sort_keys=True, ensure_ascii=False)`, byte for byte.

    Raises:
        MalformedError: not_an_object, not_json, not_utf8, not_finite, too_deep or too_large.
    """
    return _checked(record, lambda record: _encode(_object(_decode(record))))


def value_of(record: bytes) -> Json:
    """What the record says, as Python's values; raises as `canonical`."""
    return _checked(record, lambda record: _object(_decode_finite(record)))


def _checked(record: bytes, made: Callable[[bytes], T]) -> T:
    if len(record) > MAX_RECORD:
        raise MalformedError("too_large")
    try:
        return made(record)
    except MalformedError:
        raise
    except RecursionError as deep:
        raise MalformedError("too_deep") from deep
    except (ValueError, TypeError) as bad:
        raise MalformedError(_why(record)) from bad


def _object(value: Any) -> Json:
    if not isinstance(value, dict):
        raise MalformedError("not_an_object")
    return value


def id_of(value: Json) -> str:
    """The id of a record that is decoded already."""
    return event_id(canonical(_encode(value)))


def event_id(canonical_json: bytes) -> str:
    """First 32 hex digits of the SHA-256."""
    return hashlib.sha256(canonical_json).hexdigest()[:32]


def pieces(content: bytes, is_record: Callable[[object], bool]) -> Iterator[Piece]:
    """Cut concatenated JSON or JSON lines into records, in order; every byte but white space is in one piece.

    Args:
        content: decompressed bytes.
        is_record: whether a JSON value found inside broken bytes is a record that starts there.
    """
    at = 0
    while at < len(content):
        end = content.find(b"\n", at)
        end = len(content) if end < 0 else end
        # Nearly every line is one record; else each ends where the next begins. What then is none is looked at closely.
        if end - at <= MAX_RECORD and (record := _record(content[at:end])):
            yield record
            at = end + 1
            continue
        while (at := _behind_blanks(content, at, end)) < end:
            joint = _JOINT.search(content, at, min(at + _LOOK, end))
            behind = joint.end() if joint else end
            if behind - at <= _LOOK and (record := _record(content[at:behind])):
                yield record
                at = behind
            else:
                closely, at = _close(content, at, is_record)
                yield from map(_piece, closely)
        at = max(at, end + 1)


def _record(content: bytes) -> Piece | None:
    """The bytes as a record, where they are one and nothing else."""
    record = content.strip(b" \t\r")
    try:
        value = _decode_usual(record)
        if type(value) is dict:
            return Piece(record, event_id(_encode(value)), None, value)
    except (MalformedError, RecursionError, ValueError, TypeError):
        pass
    try:
        return Piece(record, event_id(_encode(_object(_decode(record)))), None)
    except (MalformedError, RecursionError, ValueError, TypeError):
        return None


def _behind_blanks(content: bytes, at: int, end: int) -> int:
    blanks = _BLANKS.match(content, at, end)
    return blanks.end() if blanks else at


_BLANKS = re.compile(rb"[ \t\r]*")
_JOINT = re.compile(rb"\}[ \t\r]*(?=\{)")
_JSON = json.JSONDecoder()
_LOOK = 16_384  # bytes that are looked at closely at first
_TOKEN = 16  # of a number, a name or an escape that is cut, an error is told before the end
_SPACE = re.compile(r"[ \t\r\n]*")
_MAYBE_START = re.compile(r'\n|\}[ \t\r\n]*(?=\{)|(?=\{[ \t\r\n]*")')


def _close(content: bytes, start: int, is_record: Callable[[object], bool]) -> tuple[list[bytes], int]:
    """What is no record, and the first record behind it or the rest of the line; and where what follows begins."""
    # A record may go over many lines: twice as many are looked at until the last record ends before the end.
    reach = _LOOK
    while True:
        whole = start + reach >= len(content)
        text = content[start : start + reach].decode("utf-8", "surrogateescape")
        found, end = _closely(text, is_record, whole=whole)
        if end is not None:
            return found, start + end
        reach *= 4


def _closely(text: str, is_record: Callable[[object], bool], *, whole: bool) -> tuple[list[bytes], int | None]:
    """The same of a text; nothing where its first piece may go on behind it."""
    found: list[bytes] = []
    value: object = None
    at = _skip_space(text, 0)
    # Behind a record that begins where another ends the quick way is tried again.
    while at < len(text) and not (isinstance(value, dict) and text[at] == "{"):
        value, end, cut = _next(text, at, is_record)
        if not whole and (cut or end == len(text)):
            return found, len(text[:at].encode("utf-8", "surrogateescape")) if found else None
        found.append(text[at:end].rstrip(" \t\r\n").encode("utf-8", "surrogateescape"))
        at = _skip_space(text, end)
        if "\n" in text[end - 1 : at]:
            break
    return found, len(text[:at].encode("utf-8", "surrogateescape"))


def _next(text: str, at: int, is_record: Callable[[object], bool]) -> tuple[object, int, bool]:
    """What a text says from a place on, where that ends, and whether it may go on behind the text."""
    try:
        value, end = _JSON.raw_decode(text, at)
    except (ValueError, RecursionError) as bad:
        return None, _next_start(text, at, is_record), _is_cut(bad, text, at)
    if isinstance(value, str):
        # No record; and a quote too many before a record makes its first bytes a text: `"{"`.
        return value, _next_start(text, at, is_record), False
    return value, end, False


def _is_cut(bad: ValueError | RecursionError, text: str, at: int) -> bool:
    """Whether what can't be decoded may go on behind the text; it does not where it is longer than any record."""
    if not isinstance(bad, json.JSONDecodeError) or len(text) - at > MAX_RECORD:
        return False
    return bad.msg.startswith("Unterminated string") or bad.pos >= len(text) - _TOKEN


def _next_start(text: str, broken: int, is_record: Callable[[object], bool]) -> int:
    """Where the record after a broken one starts: after a line end or `}{`, or where a whole record is found."""
    attempts = 0
    for found in _MAYBE_START.finditer(text, broken + 1):
        if found.group():
            return found.end()
        if attempts < MAX_ATTEMPTS:
            attempts += 1
            try:
                value, _ = _JSON.raw_decode(text, found.start())
            except (ValueError, RecursionError):
                continue
            if is_record(value):
                return found.start()
    return len(text)


def _skip_space(text: str, at: int) -> int:
    found = _SPACE.match(text, at)
    return found.end() if found else at


def _piece(part: bytes) -> Piece:
    try:
        return Piece(part, event_id(canonical(part)), None)
    except MalformedError as bad:
        return refused(part, bad.reason)


def refused(content: bytes, reason: str) -> Piece:
    """Bytes that are no record, as far as quarantine keeps them."""
    return Piece(content[:KEPT_IN_QUARANTINE], None, reason)


def _why(record: bytes) -> str:
    """Why a fast decoder refused: asked of Python's own, for the few that are."""

    def not_finite(name: str) -> None:
        raise MalformedError("not_finite")

    try:
        text = record.decode()
    except UnicodeDecodeError:
        return "not_utf8"
    try:
        json.loads(text, parse_constant=not_finite)
    except MalformedError as found:
        return found.reason
    except RecursionError:
        return "too_deep"
    except ValueError:
        return "not_json"
    return "not_utf8"  # JSON, but with a lone surrogate, which no UTF-8 can say
