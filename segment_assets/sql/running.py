"""A user's condition while it runs: only there it shows whether its types fit the columns."""

from collections.abc import Iterator
from contextlib import contextmanager

import duckdb

from segment_assets.sql.query import SqlError


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
