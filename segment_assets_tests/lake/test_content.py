"""Equal tables hash equally, however they are held."""

from decimal import Decimal

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from segment_assets.lake import content_hash, parts
from segment_assets.lake.content import ROWS
from segment_assets.lake.parts import PartWriter, version_of, with_field_ids
from segment_assets.lake.table import column

SCHEMA = pa.schema(
    [
        ("text", pa.string()),
        ("number", pa.float64()),
        ("flag", pa.bool_()),
        ("amount", pa.decimal128(38, 6)),
        ("map", pa.map_(pa.string(), pa.string())),
        ("list", pa.list_(pa.int64())),
    ]
)
word = st.text(max_size=3)
rows = st.lists(
    st.fixed_dictionaries(
        {
            "text": st.none() | st.text(max_size=5),
            "number": st.none() | st.floats(allow_nan=False),
            "flag": st.none() | st.booleans(),
            "amount": st.none() | st.integers(-(10**9), 10**9).map(lambda n: Decimal(n) / 1000),
            "map": st.none()
            | st.dictionaries(st.text(max_size=3), st.none() | st.text(max_size=3)).map(lambda d: list(d.items())),
            "list": st.none() | st.lists(st.none() | st.integers(-9, 9), max_size=3),
        }
    ),
    max_size=8,
)


@given(rows, st.integers(0, 8), st.integers(0, 3))
def test_chunks_and_slices_do_not_matter(content: list[dict[str, object]], cut: int, before: int) -> None:
    table = pa.Table.from_pylist(content, SCHEMA)
    padded = pa.concat_tables([table.slice(0, before), table]).combine_chunks().slice(min(before, table.num_rows))
    assert content_hash(table) == content_hash(pa.concat_tables([table.slice(0, cut), table.slice(cut)]))
    assert content_hash(table) == content_hash(padded)


@given(rows, rows)
def test_different_tables_hash_differently(one: list[dict[str, object]], other: list[dict[str, object]]) -> None:
    left, right = pa.Table.from_pylist(one, SCHEMA), pa.Table.from_pylist(other, SCHEMA)
    assert (content_hash(left) == content_hash(right)) == left.equals(right)


def test_text_cannot_move_between_neighbours() -> None:
    assert content_hash(pa.table({"a": ["xy", "z"]})) != content_hash(pa.table({"a": ["x", "yz"]}))


def test_what_lies_under_a_null_does_not_matter() -> None:
    plain = pa.array([1, None], pa.int64())
    masked = pa.Array.from_buffers(pa.int64(), 2, [pa.py_buffer(b"\x01"), pa.py_buffer(bytes([1] + [0] * 7 + [9] * 8))])
    assert content_hash(pa.table({"a": plain})) == content_hash(pa.table({"a": masked}))


def test_of_a_column_that_another_is_a_hash_of_every_byte_counts_however_it_is_chunked() -> None:
    schema = pa.schema([("id", pa.string()), column("said", pa.string(), "What the id is a hash of", said_by="id")])

    def version(id_: str, said: str) -> str:
        return content_hash(pa.table({"id": [id_], "said": [said]}, schema=schema))

    assert version("7", '{"a":1,"b":2}') != version("7", '{"b":2,"a":1}')
    rows = pa.table({"id": ["7", "8"], "said": ["one", "two"]}, schema=schema)
    assert content_hash(rows) == content_hash(pa.concat_tables([rows.slice(0, 1), rows.slice(1)]))
    assert version("7", '{"a":1,"b":2}') != version("7", '{"a":1, "b":2}')
    assert version("7", '{"a":1,"b":2}') != version("8", '{"a":1,"b":2}')


def test_of_many_rows_neither_chunks_nor_files_matter_but_their_order_does(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(parts, "GROUP", 1)  # a row group for each time
    schema = with_field_ids(pa.schema([("number", pa.int64()), ("map", pa.map_(pa.string(), pa.string()))]))
    numbers = range(2 * ROWS + 10)
    table = pa.table({"number": numbers, "map": [[("n", str(n))] * (n % 3) for n in numbers]}, schema=schema)
    first, second, rest = table.slice(0, ROWS), table.slice(ROWS, ROWS), table.slice(2 * ROWS)
    pieces = [table.slice(0, 5), table.slice(5, ROWS), table.slice(ROWS + 5)]
    files = []
    for number, piece in enumerate(pieces):
        with PartWriter(tmp_path / f"{number}.parquet", schema) as writer:
            for start in range(0, piece.num_rows, 1_000):
                writer.add(piece.slice(start, 1_000))
        files += writer.files
    assert content_hash(table) == content_hash(pa.concat_tables(pieces)) == version_of(schema, files)
    assert content_hash(table) != content_hash(pa.concat_tables([second, first, rest]))
    assert len({content_hash(t) for t in (table, table.slice(0, 2 * ROWS), first, table.slice(0, 0))}) == 4
