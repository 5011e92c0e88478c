"""An object's bytes without their compression: gzip, and the three forms of Snappy that Firehose and Hadoop write.

What can't be decompressed any more is handed back beside what could.
Snappy's frames: https://github.com/google/snappy/blob/main/framing_format.txt
"""

import zlib
from typing import cast

import cramjam
from isal import igzip, isal_zlib

from segment_assets.first_party.records import Piece, refused

# isal's own error is not zlib's.
_BROKEN = (OSError, EOFError, zlib.error, cast(type[Exception], isal_zlib.error))
_GZIP, _BOM = b"\x1f\x8b", b"\xef\xbb\xbf"
_BZIP2 = tuple(b"BZh%d1AY&SY" % level for level in range(1, 10))
_OTHERS = (b"PK\x03\x04", b"\x28\xb5\x2f\xfd", b"\xfd7zXZ\x00", *_BZIP2)  # ZIP, Zstandard, xz
_FRAMES = b"\xff\x06\x00\x00sNaPpY"
_JAVA, _JAVA_HEADER = b"\x82SNAPPY\x00", 16  # snappy-java: the magic, and two versions of four bytes
_LENGTH = 4


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
            return igzip.decompress(content), None
        except _BROKEN:
            return _salvage(content)
    if content[:1] == b"\x00" and _is_hadoop(content):
        return _blocks(content, 0, hadoop=True)
    return content.removeprefix(_BOM), None


def _frames(content: bytes) -> tuple[bytes, Piece | None]:
    end = at = len(_FRAMES)
    while at + _LENGTH <= len(content):
        at += _LENGTH + int.from_bytes(content[at + 1 : at + _LENGTH], "little")
        end = at if at <= len(content) else end
    try:
        plain = bytes(cramjam.snappy.decompress(content[:end]))
    except cramjam.DecompressionError:
        return b"", refused(content, "bad_snappy")
    return plain, refused(content[end:], "truncated_snappy") if end < len(content) else None


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


def _salvage(content: bytes) -> tuple[bytes, Piece]:
    """What a broken gzip object still gives, in steps of 64 KiB, and the rest."""
    plain, rest = bytearray(), content
    while rest.startswith(b"\x1f\x8b"):
        member = zlib.decompressobj(wbits=31)
        for at in range(0, len(rest), 65_536):
            try:
                plain += member.decompress(rest[at : at + 65_536])
            except zlib.error:
                return bytes(plain), refused(rest[at:], "bad_gzip")
            if member.eof:
                rest = member.unused_data + rest[at + 65_536 :]
                break
        else:
            return bytes(plain), refused(rest, "truncated_gzip")
    return bytes(plain), refused(rest, "bad_gzip")
