"""What `segment-assets sql` does: tables of the lake, read with SQL and never written."""

import csv
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from difflib import get_close_matches
from typing import Any

import duckdb
from rich.console import Console
from rich.table import Table as Grid
from sqlglot import exp

from segment_assets import deployment, segmentation, sql
from segment_assets.lake import Lake, Table
from segment_assets.sql import SqlError

SHOWN = 100
Rows = tuple[list[str], Iterator[Sequence[Any]]]


def ask(console: Console, statement: str | None, *, as_csv: bool = False) -> bool:
    """Print the rows of a SELECT: the first of them as a table, or all of them as CSV; without one, the tables.

    Raises:
        SqlError: the statement is no SELECT over tables of the lake.
    """
    lake: Lake = deployment.resource(deployment.settings(segmentation.load()), "lake")
    with rows(lake, statement) if statement else tables(lake) as (names, found):
        if as_csv:
            writer = csv.writer(console.file, lineterminator="\n")
            writer.writerow(names)
            writer.writerows([_text(value) for value in row] for row in found)
            return True
        grid = Grid(box=None, pad_edge=False, header_style="bold")
        for number, name in enumerate(names):
            grid.add_column(name, overflow="fold", no_wrap=not statement and number == 0)
        for number, row in enumerate(found):
            if number == SHOWN:
                grid.caption = f"The first {SHOWN} rows; --csv writes all of them."
                break
            grid.add_row(*(_text(value).replace("[", r"\[") for value in row))
        console.print(grid)
    return True


@contextmanager
def rows(lake: Lake, statement: str) -> Iterator[Rows]:
    """Column names and rows of one SELECT in Spark SQL, which names tables with or without their namespace.

    Raises:
        SqlError: it is something else, or names what is not there.
    """
    try:
        tree = sql.parse(statement)
    except SqlError as bad:
        raise SqlError(f"sql: {bad}") from bad
    tables = _bound(tree, _names(lake))
    with lake.connect(*(_described(lake, name) for name in tables)) as db:
        try:
            found = db.execute(sql.to_duckdb(tree))
            yield [name for name, *_ in found.description or ()], iter(found.fetchone, None)
        except (duckdb.BinderException, duckdb.CatalogException, duckdb.ParserException) as wrong:
            raise SqlError(f"sql: {str(wrong).splitlines()[0]}") from wrong
        except duckdb.Error:  # its text may quote a value
            raise SqlError("sql: its types do not fit the values; TRY_CAST gives null where one does not") from None


@contextmanager
def tables(lake: Lake) -> Iterator[Rows]:
    """Every table with its rows, and what it is."""
    found = (_described(lake, name) for name in _names(lake))
    yield ["table", "rows", "what"], ((table.name, f"{lake.state(table).rows:,}", table.description) for table in found)


def _names(lake: Lake) -> list[str]:
    spaces = lake.catalog.list_namespaces()
    return sorted(".".join(name) for space in spaces for name in lake.catalog.list_tables(space))


def _described(lake: Lake, name: str) -> Table:
    iceberg = lake.catalog.load_table(name)
    return Table(name, iceberg.properties.get("comment", ""), iceberg.schema().as_arrow(), ())


def _bound(tree: exp.Expr, names: Sequence[str]) -> list[str]:
    """Write the tables into the tree as a connection shows them; what they are called in the lake."""
    known = {name.split(".", 1)[1]: name for name in names} | {name: name for name in names}
    own = {cte.alias for cte in tree.find_all(exp.CTE)}
    if tree.find(exp.Into):
        raise SqlError("sql: a SELECT ... INTO writes, and nothing is written here")
    bound = set()
    for node in tree.find_all(exp.Table):
        asked = ".".join(part.name for part in node.parts)
        if asked in own:
            continue
        if asked not in known:
            near = get_close_matches(asked, known, n=1)
            mend = f'did you mean "{known[near[0]]}"?' if near else "`segment-assets sql` lists them"
            raise SqlError(f'sql: no table is called "{asked}" ({mend})')
        bound.add(known[asked])
        node.set("alias", exp.TableAlias(this=exp.to_identifier(node.alias or node.name)))
        node.set("this", exp.to_identifier(known[asked].split(".", 1)[1], quoted=True))
        node.set("db", None)
    return sorted(bound)


def _text(value: object) -> str:
    """Bytes, such as a quarantined record, as the text they most often are."""
    return "" if value is None else value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
