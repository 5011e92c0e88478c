"""An object's bytes without their compression: gzip, and the forms of Snappy that Firehose, Hadoop and code write.

What can't be decompressed any more is handed back beside what could.
Snappy's frames: https://github.com/google/snappy/blob/main/framing_format.txt
Its blocks: https://github.com/google/snappy/blob/main/format_description.txt
"""

import zlib
from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from itertools import chain, pairwise
from pathlib import Path
from typing import cast

import cramjam
from isal import igzip, isal_zlib

from segment_assets.first_party.records import KEPT_IN_QUARANTINE, Piece, refused

# An object's bytes as they were delivered: in memory, or where they are many, as a file.
Content = bytes | Path
# isal's own error is not zlib's.
_BROKEN = (OSError, EOFError, zlib.error, cast(type[Exception], isal_zlib.error))
_GZIP, _BOM = b"\x1f\x8b", b"\xef\xbb\xbf"
_BZIP2 = tuple(b"BZh%d1AY&SY" % level for level in range(1, 10))
_OTHERS = (b"PK\x03\x04", b"PK\x05\x06", b"\x28\xb5\x2f\xfd", b"\xfd7zXZ\x00", *_BZIP2)  # ZIP, Zstandard, xz
_FRAMES = b"\xff\x06\x00\x00sNaPpY"
_JAVA, _JAVA_HEADER = b"\x82SNAPPY\x00", 16  # snappy-java: the magic, and two versions of four bytes
_LENGTH = 4
_MOST = 22  # bytes that one byte of a block of Snappy can become: a copy of 64 takes three
_STEP, _FINE = 65_536, 4_096  # bytes that are read, and decompressed, at a time: they become up to 1,000 times as many


def head(content: Content, size: int = KEPT_IN_QUARANTINE) -> bytes:
    """The first bytes of an object, as delivered."""
    if isinstance(content, bytes):
        return content[:size]
    with content.open("rb") as file:
        return file.read(size)


def unpacked(content: Content) -> Iterator[bytes | Piece]:
    """An object's bytes without their compression, and last what could not be decompressed, if there is such.

    Bytes come in one part. Of a file comes some at a time, unless it is Snappy, which nobody writes in large objects.
    """
    if isinstance(content, bytes):
        yield from _at_once(content)
        return
    with content.open("rb") as file:
        first = file.read(_STEP)
        rest = iter(partial(file.read, _STEP), b"")
        if first.startswith(_OTHERS):
            yield from _at_once(first)
        elif first.startswith((_FRAMES, _JAVA, b"\x00")) or _may_be_bare(first, content.stat().st_size):
            yield from _at_once(first + file.read())
        elif first.startswith(_GZIP):
            yield from _without_bom(_inflated(chain([first], rest)))
        else:
            yield from _without_bom(chain([first], rest))


def _without_bom(parts: Iterator[bytes | Piece]) -> Iterator[bytes | Piece]:
    first = next(parts, b"")
    yield first if isinstance(first, Piece) else first.removeprefix(_BOM)
    yield from parts


def _at_once(content: bytes) -> Iterator[bytes | Piece]:
    plain, broken = decompress(content)
    yield plain
    if broken:
        yield broken


def decompress(content: bytes) -> tuple[bytes, Piece | None]:
    """The object's bytes without their compression, and what could not be decompressed."""
    if content.startswith(_OTHERS):
        return b"", refused(content, "unknown_compression")
    if content.startswith(_FRAMES):
        return _frames(content)
    if content.startswith(_JAVA):
        return _blocks(content, _JAVA_HEADER)
    if content.startswith(_GZIP):
        try:
            return igzip.decompress(content).removeprefix(_BOM), None
        except _BROKEN:
            *plain, rest = _without_bom(_inflated([content]))
            return b"".join(p for p in plain if isinstance(p, bytes)), rest if isinstance(rest, Piece) else None
    if content[:1] == b"\x00" and _is_hadoop(content):
        return _blocks(content, 0, hadoop=True)
    if _may_be_bare(content, len(content)) and (held := _bare(content)):
        return held, None
    return content.removeprefix(_BOM), None


def _may_be_bare(first: bytes, size: int) -> bool:
    """Whether bytes begin as a block of Snappy alone, as `snappy.compress` writes it: with the length it becomes.

    There is no mark, but of text that length is hardly ever one that so many bytes can become.
    """
    try:
        plain = cramjam.snappy.decompress_raw_len(first)
    except cramjam.DecompressionError:
        return False
    return 0 < plain <= _MOST * size and size <= plain + plain // 6 + 32


def _bare(content: bytes) -> bytes:
    """What a block holds; nothing where it is none, for each of its bytes is checked."""
    try:
        return bytes(cramjam.snappy.decompress_raw(content))
    except cramjam.DecompressionError:
        return b""


def _frames(content: bytes) -> tuple[bytes, Piece | None]:
    ends = [len(_FRAMES)]
    while (at := ends[-1]) + _LENGTH <= len(content):
        end = at + _LENGTH + int.from_bytes(content[at + 1 : at + _LENGTH], "little")
        if end > len(content):
            break
        ends.append(end)
    try:
        plain = bytes(cramjam.snappy.decompress(content[: ends[-1]]))
    except cramjam.DecompressionError:
        return _damaged(content, ends)
    return plain, refused(content[ends[-1] :], "truncated_snappy") if ends[-1] < len(content) else None


def _damaged(content: bytes, ends: Sequence[int]) -> tuple[bytes, Piece]:
    """The frames before the first that can't be decompressed, and the rest."""
    plain = bytearray()
    for start, end in pairwise(ends):
        try:
            plain += bytes(cramjam.snappy.decompress(_FRAMES + content[start:end]))
        except cramjam.DecompressionError:
            return bytes(plain), refused(content[start:], "bad_snappy")
    return bytes(plain), refused(content[ends[-1] :], "bad_snappy")


def _is_hadoop(content: bytes) -> bool:
    """Whether lengths come first: of what a block holds, and of the block. JSON and CSV never begin with a zero."""
    whole, block = (int.from_bytes(content[at : at + _LENGTH], "big") for at in (0, _LENGTH))
    return 0 < block <= len(content) and whole > 0


def _blocks(content: bytes, at: int, *, hadoop: bool = False) -> tuple[bytes, Piece | None]:
    """Blocks with their length before them; Hadoop puts several under the length of what they hold together."""
    plain, whole = bytearray(), 0
    while at < len(content):
        start = at
        if hadoop and len(plain) >= whole:
            whole += int.from_bytes(content[at : at + _LENGTH], "big")
            at += _LENGTH
        length = int.from_bytes(content[at : at + _LENGTH], "big")
        block = content[at + _LENGTH : at + _LENGTH + length]
        if len(block) < max(length, 1):
            return bytes(plain), refused(content[start:], "truncated_snappy")
        try:
            plain += bytes(cramjam.snappy.decompress_raw(block))
        except cramjam.DecompressionError:
            return bytes(plain), refused(content[start:], "bad_snappy")
        at += _LENGTH + length
    return bytes(plain), None


def _inflated(parts: Iterable[bytes]) -> Iterator[bytes | Piece]:
    """Members of gzip, one after another, as far as they can be read, and then the rest."""
    member, begun = None, b""
    for step in _steps(parts):
        # Zeros may fill up the last block of a tape.
        rest = step if member else step.lstrip(b"\0")
        while rest:
            if not (member or _GZIP.startswith(rest[: len(_GZIP)])):
                yield refused(rest, "bad_gzip")  # it is over, and what follows is no other member
                return
            member = member or isal_zlib.decompressobj(wbits=31)
            begun += rest[: KEPT_IN_QUARANTINE - len(begun)]
            try:
                yield member.decompress(rest)
            except _BROKEN:
                yield refused(rest, "bad_gzip")
                return
            if not member.eof:
                break
            rest, member, begun = member.unused_data.lstrip(b"\0"), None, b""
    if member:
        yield refused(begun, "truncated_gzip")


def _steps(parts: Iterable[bytes]) -> Iterator[bytes]:
    """Small ones: of the one that turns out to be damaged nothing is read."""
    return (part[at : at + _FINE] for part in parts for at in range(0, len(part), _FINE))
