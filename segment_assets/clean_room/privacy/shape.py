"""What a result with noise looks like, before anything is paid: its types are those of the query over no rows at all."""

from collections.abc import Mapping, Sequence

import duckdb
import pyarrow as pa

from segment_assets.clean_room.privacy.answer import answer
from segment_assets.clean_room.privacy.plan import Plan
from segment_assets.clean_room.privacy.query import key_names
from segment_assets.clean_room.privacy.report import LABEL
from segment_assets.clean_room.results import ResultError
from segment_assets.clean_room.rewrite import ANY_DAY
from segment_assets.clean_room.tables import QUERY_LOG, result_table
from segment_assets.lake import Table, column


class _Silence:
    def on(self, values: Sequence[int], sensitivity: int) -> list[int]:
        return list(values)

    def keys(self, people: Mapping[str, int], groups: int) -> list[str]:
        return []


def table(name: str, description: str, plan: Plan, catalog: Mapping[str, pa.Schema], path: str) -> Table:
    """The table of a query's result.

    Args:
        name: the query's name.
        description: what the result is, in business words.
        plan: the query.
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
    return result_table(name, fields, tuple(keys) or plan.names, f"{description} ({LABEL})")


def _schema(plan: Plan, catalog: Mapping[str, pa.Schema], path: str) -> pa.Schema:
    empty = {t.name: catalog[t.source].empty_table().select(list(t.columns)) for t in plan.tables}

    def execute(sql: str, tables: dict[str, pa.Table]) -> pa.Table:
        with duckdb.connect(config={"threads": 1}) as db:
            for name, rows in tables.items():
                db.register(name, rows)
            return db.sql(sql).to_arrow_table()

    try:
        return answer(plan, empty, execute, _Silence(), "zcdp", ANY_DAY).schema
    except duckdb.Error as bad:
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
