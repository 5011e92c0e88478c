"""A hash of what a table says, whatever files, chunks or buffers it is held in."""

import hashlib
from collections.abc import Iterable, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from isal import isal_zlib
from xxhash import xxh3_128

_SAID_BY = b"said_by"  # of `lake.table.column`
# Rows that are hashed for themselves, so that a large table is hashed in parts, by several processes, and read once.
ROWS = 8_192


def content_hash(rows: pa.Table) -> str:
    """XXH3, 128 bits in hex, over names, types and values, in row order; of many rows, over the hashes of groups.

    It tells what changed, against accidents: who may write the rows may as well write others. BLAKE2b takes five times
    as long.

    Equal tables hash equally however they are chunked, sliced or encoded, and whatever bytes lie under their nulls. Of
    a column that another is a hash of (`said_by` of `lake.table.column`) the lengths and a checksum count.
    """
    return of_groups(group_hash(rows.slice(start, ROWS)) for start in range(0, max(rows.num_rows, 1), ROWS))


def of_groups(hashes: Iterable[str]) -> str:
    """The content hash of a table from those of ROWS rows each, in order; the last may be of fewer."""
    found = list(hashes)
    return found[0] if len(found) == 1 else xxh3_128(b"".join(map(bytes.fromhex, found))).hexdigest()


def group_hash(rows: pa.Table) -> str:
    """The content hash of ROWS rows, or of fewer."""
    digest = xxh3_128()
    for field, column in zip(rows.schema, rows.columns, strict=True):
        digest.update(f"{field.name}:{field.type}:{rows.num_rows};".encode())
        if _SAID_BY in (field.metadata or {}):
            _add_lengths(digest, column.chunks)
            _add_checksum(digest, column.chunks)
        else:
            _add(digest, field.type, column.chunks)
    return digest.hexdigest()


def combined(versions: dict[str, str]) -> str:
    """One version for several parts: the hash of the sorted `part=version` lines."""
    return hashlib.sha256("\n".join(f"{k}={v}" for k, v in sorted(versions.items())).encode()).hexdigest()[:32]


def _add(digest: xxh3_128, kind: pa.DataType, chunks: Sequence[pa.Array]) -> None:
    # Most columns have no nulls: a mark for that is as good as the map, and a year of days has 12,000 columns.
    if any(values.null_count for values in chunks):
        for values in chunks:
            digest.update(pc.is_valid(values).cast(pa.uint8()).to_numpy().tobytes())
    else:
        digest.update(b"whole")
    if pa.types.is_null(kind):
        return
    if pa.types.is_dictionary(kind):
        _add(digest, kind.value_type, [values.dictionary_decode() for values in chunks])
    elif pa.types.is_map(kind) or pa.types.is_list(kind) or pa.types.is_large_list(kind):
        lists = [values.cast(_as_list(kind)) for values in chunks]
        for values in lists:
            lengths = pc.fill_null(pc.list_value_length(values), 0)
            digest.update(lengths.cast(pa.int64()).to_numpy().tobytes())
        _add(digest, _as_list(kind).value_type, [pc.list_flatten(values) for values in lists])
    elif pa.types.is_struct(kind):
        for at, field in enumerate(kind):
            _add(digest, field.type, [values.flatten()[at] for values in chunks])
    elif pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_binary(kind):
        _add_lengths(digest, chunks)
        for values in chunks:
            for part in _bytes_of(pc.drop_null(values.cast(pa.large_binary()))):
                digest.update(part)
    else:
        for values in chunks:
            _add_fixed_width(digest, pc.drop_null(values))


def _add_lengths(digest: xxh3_128, chunks: Sequence[pa.Array]) -> None:
    for values in chunks:
        lengths = pc.binary_length(pc.drop_null(values.cast(pa.large_binary())))
        digest.update(lengths.cast(pa.int64()).to_numpy().tobytes())


def _add_checksum(digest: xxh3_128, chunks: Sequence[pa.Array]) -> None:
    """CRC-32: it sees what the hash beside it may leave out, such as an envelope, in a thirtieth of the time."""
    found = 0
    for values in chunks:
        for part in _bytes_of(pc.drop_null(values.cast(pa.large_binary()))):
            found = isal_zlib.crc32(part, found)
    digest.update(found.to_bytes(4, "big"))


def _bytes_of(text: pa.Array) -> list[pa.Buffer]:
    _, offsets, data = text.buffers()
    if not len(text) or data is None:
        return []
    ends = np.frombuffer(offsets, np.int64)[text.offset : text.offset + len(text) + 1]
    return [data.slice(int(ends[0]), int(ends[-1] - ends[0]))]


def _add_fixed_width(digest: xxh3_128, values: pa.Array) -> None:
    if pa.types.is_boolean(values.type):
        values = values.cast(pa.uint8())
    elif pa.types.is_floating(values.type):
        values = pc.add(values, pa.scalar(0.0, values.type))  # -0.0 and 0.0 are one value
    width = values.type.bit_width // 8
    data = values.buffers()[1]
    if data is not None:
        digest.update(data.slice(values.offset * width, len(values) * width))


def _as_list(kind: pa.DataType) -> pa.DataType:
    if pa.types.is_map(kind):
        return pa.list_(pa.struct([pa.field("key", kind.key_type, False), pa.field("value", kind.item_type)]))
    return kind
