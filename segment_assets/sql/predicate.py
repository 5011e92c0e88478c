"""A user's predicate, such as `purchase_count_84d > 0`: parsed, checked, never executed as text."""

import difflib
import re
from collections.abc import Collection

from sqlglot import errors, exp, parse

from segment_assets.sql.query import SqlError

# What a predicate may be made of. Anything else is refused: what is not known is not allowed.
_ALLOWED = (
    exp.And, exp.Or, exp.Not, exp.Paren, exp.EQ, exp.NEQ, exp.GT, exp.GTE, exp.LT, exp.LTE, exp.In, exp.Between,
    exp.Is, exp.Null, exp.Boolean, exp.Literal, exp.Column, exp.Identifier, exp.Add, exp.Sub, exp.Mul, exp.Div,
    exp.Neg, exp.Coalesce, exp.Abs, exp.Like, exp.Lower, exp.Upper,
)  # fmt: skip


# Of these no condition comes.
_VALUES = (exp.Literal, exp.Null, exp.Add, exp.Sub, exp.Mul, exp.Div, exp.Neg, exp.Abs, exp.Lower, exp.Upper)

_NUMBER = re.compile(r"\d+")


def predicate(text: str, columns: Collection[str] | None) -> exp.Expr:
    """A condition over the columns, as a tree.

    Args:
        text: the condition.
        columns: what it may name; None where that is not known yet: any name will do.

    Raises:
        SqlError: it does not parse, names an unknown column, or uses what a predicate may not.
    """
    try:
        # parse_one drops what comes after a semicolon without a word.
        statements = parse(text, read="spark")
    except errors.SqlglotError as bad:
        raise SqlError(f'"{text}" is not a condition in SQL{_place(bad)}') from bad
    except RecursionError as bad:
        raise SqlError("a condition is nested too deeply") from bad
    if len(statements) != 1 or statements[0] is None:
        raise SqlError(f'"{text}" must be one condition')
    tree = statements[0]
    for node in tree.walk():
        if not isinstance(node, _ALLOWED):
            raise SqlError(f'"{text}": {node.key.upper()} is not allowed in a condition')
        if isinstance(node, exp.Column) and columns is not None:
            _known(text, node, columns)
    if not _may_hold(tree):
        raise no_condition(text)
    return tree


def no_condition(text: str) -> SqlError:
    """DuckDB would take any number but 0 for true."""
    return SqlError(
        f'"{text}" is no condition: it is a number or a text, and must be true or false, such as probability > 0.5'
    )


def _may_hold(node: exp.Expr) -> bool:
    """True or false comes of it, as far as its shape tells: of a column only its type does."""
    if isinstance(node, exp.Paren | exp.Not):
        return _may_hold(node.this)
    if isinstance(node, exp.And | exp.Or):
        return _may_hold(node.left) and _may_hold(node.right)
    if isinstance(node, exp.Coalesce):
        return all(_may_hold(one) for one in (node.this, *node.expressions))
    return not isinstance(node, _VALUES)


def _place(bad: errors.SqlglotError) -> str:
    """Where it stops making sense; sqlglot's own words name its classes."""
    found = bad.errors[0] if isinstance(bad, errors.ParseError) and bad.errors else {}
    return f": it stops making sense at line {found['line']}, column {found['col']}" if found.get("col") else ""


def _closest(word: str, columns: Collection[str]) -> str | None:
    """The column that differs in its numbers alone, and least; else the one nearest in letters.

    To letters `_90d` is as far from `_7d` as from `_84d`.
    """
    alike = [c for c in columns if c != word and _NUMBER.sub("#", c) == _NUMBER.sub("#", word)]
    if alike:
        return min(alike, key=lambda c: (_apart(word, c), c))
    return next(iter(difflib.get_close_matches(word, columns, n=1)), None)


def _apart(one: str, other: str) -> int:
    return sum(abs(int(a) - int(b)) for a, b in zip(_NUMBER.findall(one), _NUMBER.findall(other), strict=True))


def _known(text: str, column: exp.Column, columns: Collection[str]) -> None:
    if column.table or column.name not in columns:
        close = _closest(column.name, columns)
        hint = f' (did you mean "{close}"?)' if close else f" (there are: {', '.join(sorted(columns)[:12])}, ...)"
        raise SqlError(f'"{text}": no column is named "{column.sql()}"{hint}')
