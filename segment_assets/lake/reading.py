"""How DuckDB sees a table: its data files by column names, or, where names do not tell, through pyiceberg."""

from collections.abc import Callable, Sequence
from datetime import date
from typing import Any, cast

import duckdb
import pyarrow as pa
from pyiceberg.catalog import Catalog
from pyiceberg.exceptions import NoSuchTableError
from pyiceberg.expressions import (
    AlwaysTrue,
    And,
    BooleanExpression,
    GreaterThanOrEqual,
    LessThanOrEqual,
    Reference,
)
from pyiceberg.schema import Schema

from segment_assets.lake.table import Table


def attach(
    db: duckdb.DuckDBPyConnection,
    catalog: Catalog,
    table: Table,
    fetch: Callable[[Sequence[str]], list[str]],
    where: BooleanExpression | None = None,
) -> None:
    """Show a table by its short name, with every column that is described: empty where the files are older than it.

    Args:
        db: a connection of one's own.
        catalog: where the table is, if it was ever written.
        table: its description.
        fetch: where data files can be read on this machine, given where they lie.
        where: which files are asked for, by partition; rows are not filtered. Default: all.
    """
    try:
        iceberg = catalog.load_table(table.name)
    except NoSuchTableError:
        db.register(table.short_name, table.empty())
        return
    tasks, schemas = list(iceberg.scan(row_filter=where or AlwaysTrue()).plan_files()), iceberg.metadata.schemas
    rowless = _widened(table, iceberg.schema().as_arrow().empty_table())
    if not tasks:
        db.register(table.short_name, rowless)
    elif any(task.delete_files for task in tasks) or not _names_mean_one_thing(schemas):
        # Deletes, or a name given twice: pyiceberg resolves both, at about six times the time.
        db.register(table.short_name, _widened(table, iceberg.scan(row_filter=where or AlwaysTrue()).to_arrow()))
    else:
        files = fetch([task.file.file_path for task in tasks])
        source = _files(files)
        if len({tuple(f.name for f in schema.fields) for schema in schemas}) > 1 or rowless.num_columns > len(
            iceberg.schema().fields
        ):
            # A column that a file lacks is empty, and one that is described no more is not shown.
            described, names = f"{table.short_name} described", ", ".join(f'"{n}"' for n in rowless.column_names)
            db.register(described, rowless)
            every = f'SELECT * FROM "{described}" UNION ALL BY NAME SELECT * FROM {_files(files, by_name=True)}'
            source = f"(SELECT {names} FROM ({every}))"
        db.execute(f'CREATE TEMP VIEW "{table.short_name}" AS SELECT * FROM {source}')


def within(table: Table, between: tuple[date, date] | None) -> BooleanExpression:
    """The partitions between two days, these too; all where none are named, and of a table without partitions."""
    if between is None or not table.partition:
        return AlwaysTrue()
    # pyiceberg builds these in __new__, which the pydantic plugin of mypy cannot see.
    at_least, at_most, both = (cast(Any, part) for part in (GreaterThanOrEqual, LessThanOrEqual, And))
    column = Reference(table.partition)
    found: BooleanExpression = both(at_least(column, str(between[0])), at_most(column, str(between[1])))
    return found


def _files(paths: Sequence[str], *, by_name: bool = False) -> str:
    quoted = ", ".join(f"'{path.replace(chr(39), chr(39) * 2)}'" for path in paths)
    return f"read_parquet([{quoted}], hive_partitioning=false{', union_by_name=true' * by_name})"


def _widened(table: Table, rows: pa.Table) -> pa.Table:
    """The rows, with columns that are described since the table was written last."""
    for field in table.schema:
        if field.name not in rows.column_names:
            rows = rows.append_column(field.name, pa.nulls(rows.num_rows, field.type))
    return rows


def _names_mean_one_thing(schemas: Sequence[Schema]) -> bool:
    """Whether files of every schema can be read by names: none was given to another column, or another type."""
    meanings = {(f.name, f.field_id, str(f.field_type)) for schema in schemas for f in schema.fields}
    return len({name for name, _, _ in meanings}) == len(meanings)
