"""What the result of a custom program looks like, before it ran; and whether it kept every minimum, after."""

from collections.abc import Mapping
from datetime import date

import duckdb
import pyarrow as pa

from segment_assets.clean_room import custom_engine, dry_run
from segment_assets.clean_room.custom.canonical import one_tree
from segment_assets.clean_room.custom.check import Accepted
from segment_assets.clean_room.custom_rule import Custom
from segment_assets.clean_room.locked import Execute, connected
from segment_assets.clean_room.rewrite import ANY_DAY
from segment_assets.lake import column
from segment_assets.sql import Source, Trace, trace

Catalog = Mapping[str, pa.Schema]


class TypeUnknownError(Exception):
    """A column of a type that no table keeps: which, and how to mend the query."""


def fields(query: Accepted, catalog: Catalog) -> list[pa.Field]:
    """The columns of a result, with the types that the engine gives them: asked over tables without rows.

    Raises:
        QueryFailedError: the query is not run at all.
        TypeUnknownError: a column is a list or something else that no table keeps.
    """
    rewritten = custom_engine.rewritten(query, ANY_DAY)
    empty = {t.name: pa.schema([catalog[t.source].field(c) for c in t.columns]).empty_table() for t in query.tables}
    with connected(empty) as db:
        try:
            found = db.sql(rewritten.sql).to_arrow_table().schema
        except duckdb.Error as bad:
            raise TypeUnknownError(dry_run.not_taken(bad)) from None  # the user's mistake, such as the sum of a text
    docs = _docs(query, catalog)
    return [column(n, _kept(n, f.type), docs.get(n, "Computed")) for n, f in zip(rewritten.names, found, strict=True)]


def traced(query: Accepted) -> Trace:
    """The columns of configured tables that values are computed from, and those that choose the rows."""
    tree = one_tree(query)
    found = trace(tree, {t.name: t.columns for t in query.tables})
    names = custom_engine.result_names(query)
    values = dict(zip(names, found.values.values(), strict=True))
    counted = {Source(t.name, t.rule.identity) for t in query.tables if isinstance(t.rule, Custom) and t.rule.identity}
    return Trace(values, found.rows | counted)


def minimum_kept(
    query: Accepted, result: pa.Table, tables: dict[str, pa.Table], as_of: date | None, execute: Execute
) -> bool:
    """Whether every row rests on enough people, counted over the whole result, without any filter.

    Columns of the outermost windows are left out: a window sees only the rows that leave, and here are all of them.

    Args:
        query: the query that gave the result.
        result: its rows.
        tables: allowed columns of each configured table.
        as_of: day of the data.
        execute: runs SQL over these tables.
    """
    counted = custom_engine.sizes(query, as_of)
    if not counted.minimums or not result.num_rows:
        return True
    whole = execute(counted.sql, tables)
    compared = [c.cast(result.schema.field(i).type) for c, i in zip(whole.columns, counted.compared, strict=False)]
    sizes = [whole.column(f"s{i}").to_pylist() for i in range(len(counted.minimums))]
    large = {
        row
        for row, *of in zip(zip(*(c.to_pylist() for c in compared), strict=True), *sizes, strict=True)
        if all(size >= minimum for size, minimum in zip(of, counted.minimums, strict=True))
    }
    left = zip(*(result.column(i).to_pylist() for i in counted.compared), strict=True)
    return all(row in large for row in left)


def doc(field: pa.Field) -> str:
    """What a column is, in words; its name where it has none."""
    return str((field.metadata or {}).get(b"doc", field.name.encode()).decode())


def _kept(name: str, kind: pa.DataType) -> pa.DataType:
    if pa.types.is_integer(kind):
        return pa.int64()
    if pa.types.is_floating(kind):
        return pa.float64()
    if pa.types.is_null(kind):
        return pa.string()
    known = (pa.types.is_string, pa.types.is_decimal, pa.types.is_date, pa.types.is_timestamp, pa.types.is_boolean)
    if not any(test(kind) for test in known):
        raise TypeUnknownError(f'the column "{name}" of the result is no text, number, date or time: convert it')
    return pa.timestamp("us") if pa.types.is_timestamp(kind) else kind


def _docs(query: Accepted, catalog: Catalog) -> dict[str, str]:
    source = {t.name: t.source for t in query.tables}
    found = {}
    for name, columns in traced(query).values.items():
        docs = [doc(catalog[source[s.table]].field(s.column)) for s in sorted(columns)]
        found[name] = f"Computed from: {'; '.join(docs)}" if docs else "A constant, or a count of rows"
    return found
