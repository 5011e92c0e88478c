"""What a result with noise looks like, before anything is paid: its types are those of the query over no rows."""

from collections.abc import Mapping, Sequence

import duckdb
import pyarrow as pa

from segment_assets import collaboration_config
from segment_assets.clean_room.custom.canonical import NotCanonicalError, one_tree
from segment_assets.clean_room.custom.check import Accepted
from segment_assets.clean_room.custom_rule import Custom
from segment_assets.clean_room.locked import connected
from segment_assets.clean_room.privacy.answer import answer
from segment_assets.clean_room.privacy.people import NotPrivateError
from segment_assets.clean_room.privacy.plan import Plan, plan
from segment_assets.clean_room.privacy.query import key_names
from segment_assets.clean_room.privacy.report import EITHER
from segment_assets.clean_room.reasons import Finding, QueryRefusedError
from segment_assets.clean_room.results import ResultError, in_catalog
from segment_assets.clean_room.rewrite import ANY_DAY
from segment_assets.clean_room.tables import QUERY_LOG, result_table
from segment_assets.lake import Table, column
from segment_assets.lake.tags import joined, tagged, tags_of
from segment_assets.sql import Source, Trace, trace


class _Silence:
    def on(self, values: Sequence[int], sensitivity: int) -> list[int]:
        return list(values)

    def keys(self, people: Mapping[str, int], groups: int) -> list[str]:
        return []


def prepared(
    name: str, query: collaboration_config.Query, accepted: Accepted, catalog: Mapping[str, pa.Schema], path: str
) -> tuple[Plan, Trace, Table]:
    """What a query of segmentation.yaml computes, what its columns come from, and where its result goes.

    Raises:
        QueryRefusedError: it can't be run with noise, or a limit is not declared.
        ResultError: its result can't be kept as a table.
    """
    try:
        made = plan(accepted, query.bounds)
    except NotPrivateError as bad:
        raise QueryRefusedError(Finding("DP_POLICY_MISSING", str(bad)), path) from bad
    found = traced(accepted, made)
    return made, found, table(name, query.description, made, found, catalog, path)


def traced(accepted: Accepted, plan: Plan) -> Trace:
    """The catalog columns that values are computed from, and those that choose rows: who is who chooses them too."""
    found = trace(one_tree(accepted), {t.name: t.columns for t in plan.tables})
    values = dict(zip(plan.names, found.values.values(), strict=True))
    users = {t.name: t.rule.user_column for t in plan.tables if isinstance(t.rule, Custom)}
    people = {Source(name, column_) for name, column_ in users.items() if column_}
    return in_catalog(Trace(values, found.rows | people), plan.tables)


def table(name: str, description: str, plan: Plan, found: Trace, catalog: Mapping[str, pa.Schema], path: str) -> Table:
    """The table of a query's result.

    Args:
        name: the query's name.
        description: what the result is, in business words.
        plan: the query.
        found: what its columns come from.
        catalog: catalog table -> its schema.
        path: where the query stands, for messages.

    Raises:
        ResultError: two columns have one name, a key is not among the columns, or the query does not fit the tables.
    """
    if twice := sorted({n for n in plan.names if plan.names.count(n) > 1}):
        raise ResultError(f'{path}: two columns of the result are called "{twice[0]}": name them with AS')
    if f"clean_room.{name}" == QUERY_LOG.name:
        raise ResultError(f"{path}: {name} is the name of the record of all queries: choose another")
    keys = key_names(plan)
    if len(keys) < len(plan.keys):
        raise ResultError(f"{path}: select every GROUP BY expression, so that each row of the result has its own key")
    schema = _schema(plan, catalog, path)
    fields = [column(f.name, _kept(f.type), _said(f.name, keys)) for f in schema]
    made = result_table(name, fields, tuple(keys) or plan.names, f"{description} ({EITHER})")
    tags = {t: tags_of(schema) for t, schema in catalog.items()}
    return tagged(
        made, {n: joined(tags[s.table].get(s.column, {}) for s in sources) for n, sources in found.values.items()}
    )


def _schema(plan: Plan, catalog: Mapping[str, pa.Schema], path: str) -> pa.Schema:
    empty = {t.name: catalog[t.source].empty_table().select(list(t.columns)) for t in plan.tables}

    def execute(sql: str, tables: dict[str, pa.Table]) -> pa.Table:
        with connected(tables) as db:
            return db.sql(sql).to_arrow_table()

    try:
        return answer(plan, empty, execute, _Silence(), "zcdp", ANY_DAY).schema
    except (duckdb.Error, NotCanonicalError) as bad:
        raise ResultError(f"{path}: the query was accepted, and this engine can't run it: {bad}") from bad


def _kept(kind: pa.DataType) -> pa.DataType:
    """A type that the lake has."""
    if pa.types.is_integer(kind):
        return pa.int64()
    if pa.types.is_floating(kind):
        return pa.float64()
    known = (pa.types.is_date, pa.types.is_timestamp, pa.types.is_boolean, pa.types.is_decimal)
    return kind if any(test(kind) for test in known) else pa.string()


def _said(name: str, keys: list[str]) -> str:
    return "What the group has in common" if name in keys else "Computed of numbers with noise"
