"""Data sets of the page: small, named, already safe to show; and how they are asked of the lake."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

from sqlglot import exp

from segment_assets import sql
from segment_assets.dashboards.disclosure import People
from segment_assets.lake import Lake, Table, Written

Value = str | int | float | date | People | None
Row = Mapping[str, Value]


@dataclass(frozen=True)
class DataSet:
    """Rows to show, and how old they are.

    Attributes:
        rows: in the order they are shown.
        tables: the tables they were read from.
        as_of: the oldest data time of these tables; None where it is not known.
        missing: the sentence to show instead, where a table is not there or holds nothing.
    """

    rows: tuple[Row, ...] = ()
    tables: tuple[str, ...] = ()
    as_of: date | None = None
    missing: str | None = None


class Reader:
    """Asks the lake for data sets; a table that was never written gives a data set that says so.

    Made for one page: what it once learnt about a table it does not ask again.
    """

    def __init__(self, lake: Lake) -> None:
        self.lake = lake
        self._states: dict[str, Written] = {}
        self._existing: dict[str, bool] = {}

    def exists(self, table: Table) -> bool:
        """The table was written, be it with no rows."""
        if table.name not in self._existing:
            self._existing[table.name] = self.lake.catalog.table_exists(table.name)
        return self._existing[table.name]

    def count(self, table: Table) -> int:
        """Rows of the whole table."""
        return self._state(table).rows

    def dataset(self, rows: Sequence[Row], *tables: Table) -> DataSet:
        """Rows made from the tables; says what is missing where there are none."""
        as_of = min((known for t in tables if (known := self._state(t).as_of)), default=None)
        made = DataSet(tuple(rows), tuple(t.name for t in tables), as_of)
        return made if rows else replace(made, missing=self.missing(*tables))

    def missing(self, *tables: Table) -> str:
        """Which of the tables stand in the way, in one sentence."""
        unwritten = [t.short_name for t in tables if not self.exists(t)]
        if unwritten:
            return f"Not built yet: {', '.join(unwritten)}."
        empty = [t.short_name for t in tables if not self.count(t)]
        verb = "have" if len(empty) > 1 else "has"
        return f"Nothing to show: {', '.join(empty)} {verb} no rows." if empty else "Nothing to show yet."

    def ask(self, query: str, **tables: Table) -> list[dict[str, Any]]:
        """Rows of a query in `sql/`; the names it gives its tables stand for the tables passed.

        A table that was never written is read as empty.
        """
        with self.lake.connect(*tables.values()) as db:
            rows: list[dict[str, Any]] = db.sql(statement(query, tables)).to_arrow_table().to_pylist()
        return rows

    def _state(self, table: Table) -> Written:
        if table.name not in self._states:
            self._states[table.name] = self.lake.state(table)
        return self._states[table.name]


def statement(query: str, tables: Mapping[str, Table]) -> str:
    """A query in `sql/` for DuckDB, each name it gives a table replaced by the table's own."""
    tree = sql.load("segment_assets.dashboards", query)
    ctes = {cte.alias for cte in tree.find_all(exp.CTE)}
    for node in tree.find_all(exp.Table):
        if node.name not in ctes:
            node.set("alias", exp.TableAlias(this=exp.to_identifier(node.alias or node.name)))
            node.set("this", exp.to_identifier(tables[node.name].short_name, quoted=True))
    return sql.to_duckdb(tree)
