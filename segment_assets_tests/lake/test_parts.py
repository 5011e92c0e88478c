"""Rows that other processes wrote to files, put into a table. On both lakes."""

from dataclasses import replace
from datetime import date
from functools import partial

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from segment_assets.lake import Lake, Table, column, content_hash
from segment_assets.lake.embedded import open_catalog
from segment_assets.lake.parts import Part, PartWriter, joined, with_field_ids
from segment_assets_tests.aws_double.world import lake as on_aws
from segment_assets_tests.aws_double.world import world

DAY, NEXT = date(2026, 1, 1), date(2026, 1, 2)
TABLE = Table(
    "raw.visits",
    "Visits.",
    pa.schema(
        [
            column("day", pa.date32(), "Day", required=True),
            column("id", pa.int64(), "Visit", required=True),
            column("tags", pa.map_(pa.string(), pa.string()), "Tags"),
        ]
    ),
    key=("day", "id"),
    partition="day",
)


@pytest.fixture(params=["embedded", "aws"])
def lake(request, tmp_path, monkeypatch):
    if request.param == "embedded":
        yield Lake(partial(open_catalog, tmp_path / "lake"), tmp_path / "scratch")
        return
    with world(monkeypatch) as (_, where):
        yield on_aws(where, tmp_path)


def rows(day, *ids):
    columns = {"day": [day] * len(ids), "id": ids, "tags": [[("n", str(n))] for n in ids]}
    return pa.table({name: pa.array(values, TABLE.schema.field(name).type) for name, values in columns.items()})


def part(folder, day, *ids, table=TABLE):
    folder.mkdir(exist_ok=True)
    visits = rows(day, *ids).cast(table.schema)
    with PartWriter(folder / f"{day}-{len(ids)}.parquet", with_field_ids(table.schema)) as writer:
        writer.add(visits)
    return Part(writer.files, writer.rows, content_hash(visits))


def test_days_from_files_are_the_same_as_days_from_memory(lake, tmp_path):
    from_files = lake.replace(TABLE, {DAY: part(tmp_path, DAY, 1, 2), NEXT: part(tmp_path, NEXT)}, "run")
    assert from_files.rows == 2
    assert lake.write(TABLE, rows(DAY, 1, 2), "run", partitions=[DAY, NEXT]).versions == from_files.versions
    assert lake.read(TABLE)["tags"].to_pylist() == [[("n", "1")], [("n", "2")]]
    assert lake.catalog.load_table(TABLE.name).scan().to_arrow()["id"].to_pylist() == [1, 2]
    assert lake.rows_of(TABLE, [DAY, NEXT]) == {DAY: 2}


def test_a_whole_table_from_files_is_the_same_as_from_memory(lake, tmp_path):
    whole = replace(TABLE, name="raw.all_visits", partition=None)
    with PartWriter(tmp_path / "all.parquet", lake.file_schema(whole)) as writer:
        writer.add(rows(DAY, 1))
        writer.add(rows(NEXT, 2))
    from_files = lake.replace_all(whole, writer.part(whole.schema), "run", as_of=NEXT)
    assert (from_files.rows, from_files.as_of) == (2, NEXT)
    assert lake.read(whole)["tags"].to_pylist() == [[("n", "1")], [("n", "2")]]
    from_memory = lake.write(whole, pa.concat_tables([rows(DAY, 1), rows(NEXT, 2)]), "run", as_of=NEXT)
    assert from_memory == from_files
    assert len(lake.catalog.load_table(whole.name).snapshots()) == 1
    assert lake.replace_all(whole, Part((), 0, content_hash(whole.empty())), "run").rows == 0
    assert lake.read(whole).num_rows == 0


def test_a_day_is_replaced_in_one_commit_and_an_unchanged_one_not_at_all(lake, tmp_path):
    lake.replace(TABLE, {DAY: part(tmp_path, DAY, 1), NEXT: part(tmp_path, NEXT, 2)}, "run")
    before = len(lake.catalog.load_table(TABLE.name).snapshots())
    lake.replace(TABLE, {DAY: part(tmp_path, DAY, 1)}, "run")
    assert len(lake.catalog.load_table(TABLE.name).snapshots()) == before
    lake.replace(TABLE, {DAY: joined(TABLE.schema, [part(tmp_path, DAY, 3), part(tmp_path, DAY, 4, 5)])}, "run")
    assert lake.read(TABLE)["id"].to_pylist() == [3, 4, 5, 2]


def test_parts_joined_have_the_hash_of_all_their_rows(tmp_path):
    both = joined(TABLE.schema, [part(tmp_path, DAY, 1), part(tmp_path, DAY, 2, 3)])
    assert (both.rows, both.version) == (3, content_hash(rows(DAY, 1, 2, 3)))


def test_files_made_for_a_new_table_fit_one_whose_columns_came_later(lake, tmp_path):
    narrow = replace(TABLE, schema=pa.schema([TABLE.schema.field("day"), TABLE.schema.field("id")]))
    lake.write(narrow, rows(DAY, 1).select(["day", "id"]), "run", partitions=[DAY])
    wide = replace(
        TABLE, schema=pa.schema([TABLE.schema.field("day"), TABLE.schema.field("tags"), TABLE.schema.field("id")])
    )
    visits = rows(NEXT, 7).select(["day", "tags", "id"]).cast(wide.schema)
    with PartWriter(tmp_path / "wide.parquet", with_field_ids(wide.schema)) as writer:
        writer.add(visits)
    lake.replace(wide, {NEXT: Part(writer.files, 1, content_hash(visits))}, "run")
    assert lake.read(wide).select(["id", "tags"]).to_pylist() == [
        {"id": 1, "tags": None},
        {"id": 7, "tags": [("n", "7")]},
    ]
    assert lake.catalog.load_table(TABLE.name).scan().to_arrow()["id"].to_pylist() == [7, 1]


def test_a_column_that_allows_no_nulls_cannot_come_while_days_lack_it(lake, tmp_path):
    lake.replace(TABLE, {DAY: part(tmp_path, DAY, 1)}, "run")
    more = TABLE.with_columns(column("visitor", pa.string(), "Visitor", required=True))
    with pytest.raises(ValueError, match="the new column visitor must allow nulls"):
        lake.replace(more, {NEXT: Part((), 0, "none")}, "run")


def test_large_parts_are_written_group_by_group(tmp_path, monkeypatch):
    monkeypatch.setattr("segment_assets.lake.parts.GROUP", 10)
    with PartWriter(tmp_path / "a.parquet", with_field_ids(TABLE.schema)) as writer:
        for n in range(3):
            writer.add(rows(DAY, n))
    assert pq.read_metadata(tmp_path / "a.parquet").num_row_groups == 3
