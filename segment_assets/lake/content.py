"""A hash of what a table says, whatever files, chunks or buffers it is held in."""

import hashlib

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc


def content_hash(rows: pa.Table) -> str:
    """First 32 hex digits of the SHA-256 over names, types and values, in row order.

    Equal tables hash equally however they are chunked, sliced or encoded, and whatever bytes lie under their nulls.
    """
    digest = hashlib.sha256()
    for field, values in zip(rows.schema, rows.columns, strict=True):
        digest.update(f"{field.name}:{field.type}:{len(values)};".encode())
        _add(digest, pa.concat_arrays(values.chunks) if values.num_chunks else pa.array([], field.type))
    return digest.hexdigest()[:32]


def combined(versions: dict[str, str]) -> str:
    """One version for several parts: the hash of the sorted `part=version` lines."""
    return hashlib.sha256("\n".join(f"{k}={v}" for k, v in sorted(versions.items())).encode()).hexdigest()[:32]


def _add(digest: "hashlib._Hash", values: pa.Array) -> None:
    # Most columns have no nulls: a mark for that is as good as the map, and a year of days has 12,000 columns.
    digest.update(pc.is_valid(values).cast(pa.uint8()).to_numpy().tobytes() if values.null_count else b"whole")
    kind = values.type
    if pa.types.is_null(kind):
        return
    if pa.types.is_dictionary(kind):
        _add(digest, values.dictionary_decode())
    elif pa.types.is_map(kind) or pa.types.is_list(kind) or pa.types.is_large_list(kind):
        lengths = pc.fill_null(pc.list_value_length(values.cast(_as_list(kind))), 0)
        digest.update(lengths.cast(pa.int64()).to_numpy().tobytes())
        _add(digest, pc.list_flatten(values.cast(_as_list(kind))))
    elif pa.types.is_struct(kind):
        for child in values.flatten():
            _add(digest, child)
    elif pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_binary(kind):
        text = pc.drop_null(values.cast(pa.large_binary()))
        digest.update(pc.binary_length(text).cast(pa.int64()).to_numpy().tobytes())
        _add_bytes(digest, text)
    else:
        _add_fixed_width(digest, pc.drop_null(values))


def _add_bytes(digest: "hashlib._Hash", text: pa.Array) -> None:
    _, offsets, data = text.buffers()
    if len(text) and data is not None:
        ends = np.frombuffer(offsets, np.int64)[text.offset : text.offset + len(text) + 1]
        digest.update(data.slice(int(ends[0]), int(ends[-1] - ends[0])))


def _add_fixed_width(digest: "hashlib._Hash", values: pa.Array) -> None:
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
