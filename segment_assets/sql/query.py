"""Spark SQL as a tree: parsed once, bound to typed values, rendered for the engine at hand."""

import logging
from collections.abc import Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from importlib import resources

from sqlglot import errors, exp
from sqlglot import parse as parse_all
from sqlglot.optimizer import traverse_scope

# What it can't parse is refused with a sentence of ours; its own, of falling back to a Command, would stand before it.
logging.getLogger("sqlglot").setLevel(logging.ERROR)

Value = str | int | float | Decimal | bool | date | datetime


class SqlError(ValueError):
    """What is wrong in a query: a sentence without data in it."""


def parse(text: str) -> exp.Expr:
    """One SELECT in Spark SQL, as a tree.

    Raises:
        SqlError: the text is not Spark SQL, not one statement, or not a SELECT.
    """
    statements = _parsed(text)
    if len(statements) != 1:
        raise SqlError(f"must be one statement, and here are {len(statements)}")
    if not isinstance(statements[0], exp.Query):
        raise SqlError(f"must be a SELECT, not {_called(statements[0])}")
    return statements[0]


def _parsed(text: str) -> list[exp.Expr]:
    try:
        return [s for s in parse_all(text, read="spark") if s is not None]
    except errors.SqlglotError as bad:
        raise SqlError(f"not Spark SQL: {str(bad).splitlines()[0]}") from bad
    except RecursionError as bad:
        raise SqlError("nested too deeply: write its parts as CTEs") from bad


def _called(statement: exp.Expr) -> str:
    return statement.name.upper() if isinstance(statement, exp.Command) else statement.key.upper()


def parse_final(text: str) -> exp.Query:
    """The SELECT whose rows leave, of a text that may cache tables before it.

    Raises:
        SqlError: as `parse`.
    """
    return _statements(text)[1]


def parse_whole(text: str) -> exp.Query:
    """The same with all it rests on: what is cached before it stands in its WITH.

    Raises:
        SqlError: as `parse`.
    """
    cached, final = _statements(text)
    known = final.args.get("with_")
    named = [exp.CTE(this=c.expression, alias=exp.TableAlias(this=exp.to_identifier(c.this.name))) for c in cached]
    if named:
        final.set("with_", exp.With(expressions=[*named, *(known.expressions if known else ())]))
    return final


def tables(tree: exp.Query) -> set[str]:
    """The tables that a query reads, lower-cased, without those that it makes itself."""
    sources = [source for scope in traverse_scope(tree) for source in scope.sources.values()]
    return {source.name.lower() for source in sources if isinstance(source, exp.Table)}


def _statements(text: str) -> tuple[list[exp.Cache], exp.Query]:
    *before, last = _parsed(text) or [exp.Null()]
    cached = [s for s in before if isinstance(s, exp.Cache)]
    if not isinstance(last, exp.Query) or len(cached) < len(before):
        raise SqlError("must be a SELECT, with nothing but CACHE TABLE before it")
    return cached, last


def load(package: str, name: str) -> exp.Expr:
    """A `.sql` file that lies in the folder `sql` of a step's package, as a tree."""
    return parse(resources.files(package).joinpath("sql", f"{name}.sql").read_text(encoding="utf-8"))


def bind(tree: exp.Expr, values: Mapping[str, Value]) -> exp.Expr:
    """Put typed literals where the query says `:name`.

    Raises:
        SqlError: a parameter has no value.
    """

    def replace(node: exp.Expr) -> exp.Expr:
        if isinstance(node, exp.Placeholder) and node.name:
            if node.name not in values:
                raise SqlError(f"the parameter :{node.name} has no value")
            return _literal(values[node.name])
        return node

    return tree.transform(replace)


def to_duckdb(tree: exp.Expr) -> str:
    """The tree in DuckDB's dialect."""
    return tree.sql(dialect="duckdb", comments=False)


def _literal(value: Value) -> exp.Expr:
    if isinstance(value, datetime):
        # A zone in the literal would be dropped by the cast: everything is naive UTC.
        value = value.astimezone(UTC).replace(tzinfo=None) if value.tzinfo else value
        return exp.cast(exp.Literal.string(value.isoformat(sep=" ")), "TIMESTAMPNTZ")
    if isinstance(value, date):
        return exp.cast(exp.Literal.string(value.isoformat()), "DATE")
    return exp.convert(value)
