"""What a query's result looks like, before it ran: columns, types, descriptions, key and lineage."""

from collections.abc import Iterable, Mapping

import pyarrow as pa
from sqlglot import exp

from segment_assets.clean_room import (
    aggregation_rule,
    conditions,
    custom_engine,
    custom_results,
    id_mapping,
    rewrite,
    spark,
)
from segment_assets.clean_room.collaboration import ConfiguredTable
from segment_assets.clean_room.custom.check import Accepted
from segment_assets.clean_room.names import Resolved, output_name
from segment_assets.clean_room.port import QueryFailedError
from segment_assets.clean_room.runnable import Runnable
from segment_assets.clean_room.tables import QUERY_LOG, result_table
from segment_assets.lake import Table, column
from segment_assets.lake.tags import joined, tagged, tags_of
from segment_assets.sql import Source, Trace, trace

Catalog = Mapping[str, pa.Schema]
_TYPES = {
    "text": pa.string(), "number": pa.float64(), "date": pa.date32(), "time": pa.timestamp("us"), "boolean": pa.bool_()
}  # fmt: skip


class ResultError(Exception):
    """An accepted query whose result can't be kept as a table: where, why, and how to mend the query."""


def table(name: str, description: str, query: Runnable, catalog: Catalog, path: str) -> Table:
    """The table of a query's result.

    Args:
        name: the query's name.
        description: what the result is, in business words.
        query: the accepted query.
        catalog: catalog table -> its schema, with descriptions.
        path: where the query stands, for messages.

    Raises:
        ResultError: two columns have one name, or a group's key is not among the columns.
    """
    names = _names(query, path)
    if twice := sorted({n for n in names if names.count(n) > 1}):
        raise ResultError(f'{path}: two columns of the result are called "{twice[0]}": name them with AS')
    if f"clean_room.{name}" == QUERY_LOG.name:
        raise ResultError(f"{path}: {name} is the name of the record of all queries: choose another")
    fields = _fields(query, names, catalog, path)
    known = {source: tags_of(schema) for source, schema in catalog.items()}
    carried = {
        column: joined(known[s.table].get(s.column, {}) for s in sources)
        for column, sources in traced(query).values.items()
    }
    return tagged(result_table(name, fields, _key(query, names, path), description), carried)


def with_unique_key(declared: Table, rows: pa.Table) -> Table:
    """The table, with all columns as its key where the declared key repeats in the rows."""
    if rows.num_rows < 2 or rows.group_by(list(declared.key)).aggregate([]).num_rows == rows.num_rows:
        return declared
    return Table(declared.name, declared.description, declared.schema, tuple(declared.schema.names))


def traced(query: Runnable) -> Trace:
    """The catalog columns that the result's values are computed from, and those that choose its rows.

    The columns that minimum group sizes count choose rows too.
    """
    if isinstance(query, Accepted):
        return in_catalog(custom_results.traced(query), query.tables)
    tree = query.tree.copy()
    tree.set("expressions", [exp.alias_(i.unalias(), output_name(i), quoted=True) for i in tree.expressions])
    tree.set("hint", None)
    found = in_catalog(trace(tree, {t.name: t.columns for t in query.relations.values()}), query.relations.values())
    counted = {Source(query.table(c).source, c.name) for c, _ in rewrite.constraints(query)}
    return Trace(found.values, found.rows | counted)


def in_catalog(found: Trace, tables: Iterable[ConfiguredTable]) -> Trace:
    """The same by catalog table, where a query names configured tables.

    An id of an ID mapping table is that of its catalog table. Who has a partner, and whom, is decided by every column
    that people are matched on: they choose rows.
    """
    named = {t.name: t for t in tables}

    def renamed(columns: frozenset[Source]) -> frozenset[Source]:
        return frozenset(_in_catalog(named[c.table], c.column) for c in columns)

    bridges = [t.bridge for t in named.values() if t.bridge]
    matched = {Source(name, c) for bridge in bridges for name, columns in bridge.columns.items() for c in columns}
    values = {name: renamed(columns) for name, columns in found.values.items()}
    return Trace(values, renamed(found.rows) | matched)


def _in_catalog(table: ConfiguredTable, column: str) -> Source:
    if (bridge := table.bridge) is None:
        return Source(table.source, column)
    side = bridge.source if column == id_mapping.SOURCE else bridge.target
    return Source(side.table, side.id)


def _names(query: Runnable, path: str) -> list[str]:
    if isinstance(query, Resolved):
        return [output_name(item) for item in query.tree.expressions]
    try:
        return list(custom_engine.result_names(query))
    except QueryFailedError as bad:
        raise ResultError(f"{path}: {bad}") from bad


def _fields(query: Runnable, names: list[str], catalog: Catalog, path: str) -> list[pa.Field]:
    if isinstance(query, Resolved):
        items = [conditions.plain(i) for i in query.tree.expressions]
        return [_field(n, i, query, catalog) for n, i in zip(names, items, strict=True)]
    try:
        return custom_results.fields(query, catalog)
    except (QueryFailedError, custom_results.TypeUnknownError) as bad:
        raise ResultError(f"{path}: {bad}") from bad


def _key(query: Runnable, names: list[str], path: str) -> tuple[str, ...]:
    if isinstance(query, Accepted):
        # What a program groups by can't be told from its text alone.
        return ("customer_id",) if "customer_id" in names else tuple(names)
    items = [conditions.plain(item) for item in query.tree.expressions]
    if not any(item.find(exp.AggFunc) for item in items):
        return ("customer_id",) if "customer_id" in names else tuple(names)
    groups = [conditions.plain(g) for g in aggregation_rule.group_by(query.tree)]
    for group in groups:
        if group not in items and not conditions.is_literal(group):
            raise ResultError(
                f"{path}: select every GROUP BY expression, so that each row of the result has its own key"
            )
    key = tuple(n for n, item in zip(names, items, strict=True) if not item.find(exp.AggFunc))
    return key or tuple(names)


def _field(name: str, item: exp.Expr, query: Resolved, catalog: Catalog) -> pa.Field:
    sources = [catalog[query.table(c).source].field(c.name) for c in item.find_all(exp.Column)]
    docs = [custom_results.doc(f) for f in sources]
    if isinstance(item, exp.Column):
        return column(name, sources[0].type, docs[0])
    if isinstance(item, exp.AggFunc):
        over, function = aggregation_rule.aggregated(item)
        # Of an expression, or of rows: what only a custom rule allows.
        of = sources[0].type if over is not None else pa.float64()
        return column(name, _aggregate_type(item, of), f"{function} of: {'; '.join(docs) or 'rows'}")
    described = f"Computed from: {'; '.join(docs)}" if docs else "A constant"
    return column(name, _TYPES.get(spark.kind(item, query), pa.string()), described)


def _aggregate_type(item: exp.Expr, source: pa.DataType) -> pa.DataType:
    if isinstance(item, exp.Count):
        return pa.int64()
    if isinstance(item, exp.Sum) and pa.types.is_integer(source):
        return pa.int64()
    if isinstance(item, exp.Min | exp.Max):
        return source
    return source if isinstance(item, exp.Sum) and pa.types.is_decimal(source) else pa.float64()
