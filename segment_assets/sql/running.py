"""A user's condition while it runs: only there it shows whether its types fit the columns."""

from collections.abc import Iterator
from contextlib import contextmanager

import duckdb
from sqlglot import exp

from segment_assets.sql.predicate import no_condition
from segment_assets.sql.query import SqlError, to_duckdb


@contextmanager
def running(text: str) -> Iterator[None]:
    """Around whatever runs a condition that `sql.predicate` let pass.

    Raises:
        SqlError: its types do not fit, or a number grows beyond its type.
    """
    # Not `from` the causes: DuckDB's messages name values of the data.
    try:
        yield
    except duckdb.OutOfRangeException:
        raise SqlError(f'"{text}" computes a number that is too large') from None
    except (duckdb.BinderException, duckdb.ConversionException, duckdb.InvalidInputException):
        raise SqlError(
            f'"{text}" compares values of different types; compare numbers with numbers and texts with texts'
        ) from None


def operands(condition: exp.Expr) -> list[exp.Expr]:
    """What AND, OR and NOT join in it, as columns; the whole where they join nothing."""
    parts = [condition]
    while any(joined := [isinstance(part, exp.And | exp.Or | exp.Not | exp.Paren) for part in parts]):
        at = joined.index(True)
        parts[at : at + 1] = [*parts[at].iter_expressions()]
    return [exp.alias_(part.copy(), f"operand_{n}") for n, part in enumerate(parts)]


def refuse_no_condition(db: duckdb.DuckDBPyConnection, query: exp.Expr, text: str) -> None:
    """Look at the types, where the shape did not tell: `purchase_count_28d` alone is a number, and true but for 0.

    Args:
        db: sees the query's tables; nothing is run.
        query: whose columns are the condition's `operands`.
        text: the condition as it was written.

    Raises:
        SqlError: one of them is not true or false.
    """
    if {str(kind) for kind in db.sql(to_duckdb(query)).types} != {"BOOLEAN"}:
        raise no_condition(text)
