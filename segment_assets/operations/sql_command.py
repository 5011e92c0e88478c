"""What `segment-assets sql` does: tables of the lake, read with SQL and never written."""

import csv
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from difflib import get_close_matches
from typing import Any

import duckdb
from rich.console import Console
from sqlglot import exp

from segment_assets import deployment, segmentation, sql
from segment_assets.lake import Lake, Table
from segment_assets.operations.sql_headers import headed
from segment_assets.operations.sql_screen import show, text
from segment_assets.segmentation import nearest
from segment_assets.sql import SqlError

Rows = tuple[list[str], Iterator[Sequence[Any]]]
# What other consoles ask for the same lists with.
_TABLES = re.compile(r"show\s+tables\s*;?", re.IGNORECASE)
_COLUMNS = re.compile(
    r"(?:desc(?:ribe)?(?:\s+table)?(?:\s+extended)?|show\s+columns\s+(?:in|from))\s+([\w.`\"]+)\s*;?", re.IGNORECASE
)
MANY = 20  # columns: more are not said in a sentence
_SHORT = {"long": "bigint", "list": "array"}  # Iceberg's word for a type -> Spark's


def ask(console: Console, statement: str | None, *, of: str | None = None, as_csv: bool = False) -> bool:
    """Print the rows of a SELECT, the columns of a table, or the tables: for a screen, or all of it as CSV.

    Args:
        console: where.
        statement: a SELECT; `SHOW TABLES` and `DESCRIBE <table>` list tables and columns. Without one, the tables.
        of: the table whose columns are listed, in place of a statement.
        as_csv: every row, as CSV.

    Raises:
        SqlError: the statement is no SELECT over tables of the lake, or there is no such table.
    """
    lake: Lake = deployment.resource(deployment.settings(segmentation.load()), "lake")
    statement, of = _meant(statement, of)
    with rows(lake, statement) if statement else columns(lake, of) if of else tables(lake) as (names, found):
        if as_csv:
            writer = csv.writer(console.file, lineterminator="\n")
            writer.writerow(names)
            writer.writerows([text(value) for value in row] for row in found)
        else:
            show(console, names, found, whole=not statement)
    return True


def _meant(statement: str | None, of: str | None) -> tuple[str | None, str | None]:
    """The statement, or the table whose columns are asked for; neither asks for the tables."""
    if statement and _TABLES.fullmatch(statement.strip()):
        return None, None
    if statement and (described := _COLUMNS.fullmatch(statement.strip())):
        return None, re.sub('[`"]', "", described[1])
    return statement, of


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
    headed(tree, statement)
    tables = _bound(tree, _names(lake))
    described = [_described(lake, name) for name in tables]
    with lake.connect(*described) as db:
        try:
            found = db.execute(sql.to_duckdb(tree))
            yield [name for name, *_ in found.description or ()], iter(found.fetchone, None)
        except (duckdb.BinderException, duckdb.CatalogException, duckdb.ParserException) as wrong:
            raise SqlError(f"sql: {_sentence(str(wrong), described)}") from wrong
        except duckdb.Error:  # its text may quote a value
            raise SqlError("sql: its types do not fit the values; TRY_CAST gives null where one does not") from None


@contextmanager
def tables(lake: Lake) -> Iterator[Rows]:
    """Every table with its rows, and what it is."""
    found = (_described(lake, name) for name in _names(lake))
    yield ["table", "rows", "what"], ((table.name, f"{lake.state(table).rows:,}", table.description) for table in found)


@contextmanager
def columns(lake: Lake, table: str) -> Iterator[Rows]:
    """Every column of a table with its type, as Spark calls it, and what it means.

    Raises:
        SqlError: there is no such table.
    """
    name = _known(table, _names(lake))
    fields = lake.catalog.load_table(name).schema().fields
    yield ["column", "type", "what"], ((f.name, _type(str(f.field_type)), f.doc or "") for f in fields)


def _type(words: str) -> str:
    return re.sub(r"\b(?:long|list)\b", lambda found: _SHORT[found[0]], words)


def _sentence(words: str, tables: Sequence[Table]) -> str:
    """DuckDB's first line; where a column is not there, the nearest that are: names alone, never a value."""
    missing = re.search(r'(?:Referenced column|a column named) "([^"]+)"', words)
    if not missing:
        return words.splitlines()[0]
    near = next((line for line in words.splitlines() if line.startswith("Candidate")), "")
    # DuckDB names a few candidates, those of a subquery too, and of a wide table often none.
    candidates = {*re.findall('"([^"]+)"', near), *(name for table in tables for name in table.schema.names)}
    if len(candidates) > MANY and not get_close_matches(missing[1], candidates):
        return f'no column is named "{missing[1]}" (`segment-assets sql --columns {tables[0].short_name}` lists them)'
    return f'no column is named "{missing[1]}" {nearest(missing[1], candidates)}'


def _names(lake: Lake) -> list[str]:
    spaces = lake.catalog.list_namespaces()
    return sorted(".".join(name) for space in spaces for name in lake.catalog.list_tables(space))


def _described(lake: Lake, name: str) -> Table:
    iceberg = lake.catalog.load_table(name)
    return Table(name, iceberg.properties.get("comment", ""), iceberg.schema().as_arrow(), ())


def _bound(tree: exp.Expr, names: Sequence[str]) -> list[str]:
    """Write the tables into the tree as a connection shows them; what they are called in the lake."""
    own = {cte.alias for cte in tree.find_all(exp.CTE)}
    if tree.find(exp.Into):
        raise SqlError("sql: a SELECT ... INTO writes, and nothing is written here")
    bound = set()
    for node in tree.find_all(exp.Table):
        asked = ".".join(part.name for part in node.parts)
        if asked in own:
            continue
        name = _known(asked, names)
        bound.add(name)
        node.set("alias", exp.TableAlias(this=exp.to_identifier(node.alias or node.name)))
        node.set("this", exp.to_identifier(name.split(".", 1)[1], quoted=True))
        node.set("db", None)
    return sorted(bound)


def _known(asked: str, names: Sequence[str]) -> str:
    """The table's whole name."""
    known = {name.split(".", 1)[1]: name for name in names} | {name: name for name in names}
    if asked not in known:
        near = get_close_matches(asked, known, n=1)
        mend = f'did you mean "{known[near[0]]}"?' if near else "`segment-assets sql` lists them"
        if asked.lower().startswith("information_schema"):
            mend = "`segment-assets sql` lists the tables, `segment-assets sql --columns TABLE` their columns"
        raise SqlError(f'sql: no table is called "{asked}" ({mend})')
    return known[asked]
