"""What an object holds, whatever its size: a small one is held, of a large one some megabytes at a time."""

import io
import json
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import chain, islice
from typing import TYPE_CHECKING

from segment_assets.first_party.compression import Content, unpacked
from segment_assets.first_party.records import MAX_ATTEMPTS, MAX_RECORD, Piece, pieces
from segment_assets.lake import ObjectStore, StoredObject

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

# Bytes as delivered. Firehose's objects are smaller; an export of customers or a day that somebody joined is not.
LARGE = 2_000_000
# Bytes of a large object that are cut into records at a time.
BLOCK = 8_000_000
_NEAR = 4_096
_JOINT = re.compile(rb"\}[ \t\r\n]*(?=\{)")
_LIST = re.compile(rb"(?:\xef\xbb\xbf)?\s*\[\s*[\[{\]]")
_JSON = json.JSONDecoder()


@contextmanager
def content_of(store: ObjectStore, stored: StoredObject) -> Iterator[Content]:
    """What an object holds; where it is a file, it is there as long as it is asked for."""
    if stored.size <= LARGE:
        yield store.read(stored.key)
        return
    with store.file(stored.key) as path:
        yield path


class Plain(io.RawIOBase):
    """An object's bytes without their compression, as a file.

    Attributes:
        broken: what could not be decompressed; known once all was read.
    """

    def __init__(self, content: Content) -> None:
        self.broken: Piece | None = None
        self._parts = unpacked(content)
        self._held = memoryview(b"")

    def readable(self) -> bool:
        """It is."""
        return True

    def readinto(self, buffer: "WriteableBuffer") -> int:
        """As many of the next bytes as fit."""
        while not self._held and not self.broken and (part := next(self._parts, None)) is not None:
            if isinstance(part, Piece):
                self.broken = part
            else:
                self._held = memoryview(part)
        into = memoryview(buffer)
        size = min(len(into), len(self._held))
        into[:size], self._held = self._held[:size], self._held[size:]
        return size


def first_byte(content: Content) -> bytes:
    """The first byte of an object that is no white space, without its compression; empty where there is none near."""
    part = next(unpacked(content), b"")
    return b"" if isinstance(part, Piece) else part[:_NEAR].lstrip()[:1]


def is_a_list(content: Content) -> bool:
    """Whether an object begins as a JSON list of objects or lists, or as an empty one."""
    part = next(unpacked(content), b"")
    return not isinstance(part, Piece) and bool(_LIST.match(part[:_NEAR]))


def records_in(content: Content, is_record: Callable[[object], bool]) -> Iterator[Piece]:
    """Every record of JSON lines or of concatenated JSON, as `pieces` cuts them, and what can't be decompressed."""
    for block in blocks(unpacked(content), is_record):
        if isinstance(block, Piece):
            yield block
        else:
            yield from pieces(block, is_record)


def blocks(parts: Iterator[bytes | Piece], is_record: Callable[[object], bool]) -> Iterator[bytes | Piece]:
    """The same bytes in blocks of some megabytes, each of whole records, and the last part, where it is a piece."""
    some = list(islice(parts, 2))
    if len(some) == 1 and isinstance(some[0], bytes) and len(some[0]) <= BLOCK:
        yield some[0]  # nearly every object: nothing to cut, and nothing to copy
        return
    held, enough = bytearray(), BLOCK
    for part in chain(some, parts):
        if isinstance(part, Piece):
            yield bytes(held)
            yield part
            return
        held += part
        if len(held) > enough:
            if end := _joint(held, is_record):
                yield bytes(held[:end])
                del held[:end]
            enough = len(held) + BLOCK
    yield bytes(held)


def _joint(held: bytearray, is_record: Callable[[object], bool]) -> int:
    """Where one of the last records begins; 0 where none is seen."""
    joints = list(_JOINT.finditer(held, max(len(held) - 2 * MAX_RECORD, 0)))
    for joint in reversed(joints[-MAX_ATTEMPTS:]):
        # No text holds a line end, but it may hold `}{`: that counts where a whole record stands behind it.
        if b"\n" in joint.group() or is_record(_value(held[joint.end() : joint.end() + MAX_RECORD])):
            return joint.end()
    return 0


def _value(content: bytearray) -> object:
    """What the bytes begin with; None where that is no whole value."""
    try:
        return _JSON.raw_decode(content.decode("utf-8", "surrogateescape"))[0]
    except (ValueError, RecursionError):
        return None
