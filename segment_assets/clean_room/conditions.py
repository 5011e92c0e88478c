"""What a WHERE may be made of: comparisons and arithmetic over columns and literals, and what a rule judges."""

from collections.abc import Callable, Iterator

from sqlglot import exp

from segment_assets.clean_room import surface
from segment_assets.clean_room.reasons import Finding, at

Judge = Callable[[exp.Expr], Iterator[Finding]]


def check(node: exp.Expr, column: Judge, function: Judge) -> Iterator[Finding]:
    """Walk a condition.

    Args:
        node: the condition.
        column: judges a column.
        function: judges a function, its arguments included.
    """
    if isinstance(node, exp.Column):
        yield from column(node)
    elif is_literal(node):
        return
    elif isinstance(node, exp.Null):
        if not isinstance(node.parent, exp.Is):
            yield at(node.parent, "SYNTAX_NOT_ALLOWED", "NULL stands in IS NULL and IS NOT NULL only")
    elif isinstance(node, exp.DPipe):
        yield at(node, "SYNTAX_NOT_ALLOWED", "|| is no mathematical operator")
    elif type(node) in surface.OPERATORS or isinstance(node, exp.Paren):
        for child in node.iter_expressions():
            yield from check(child, column, function)
    elif surface.is_function(node):
        yield from function(node)
    else:
        yield at(node, "SYNTAX_NOT_ALLOWED", f"{node.key.upper()} is not allowed in a condition")


def uncompared(node: exp.Expr, is_boolean: Callable[[exp.Expr], bool]) -> Iterator[Finding]:
    """Values that stand where a condition does: Spark refuses them, after they were paid for.

    Args:
        node: the condition.
        is_boolean: whether a value is true or false by itself.
    """
    if isinstance(node, exp.And | exp.Or):
        yield from uncompared(node.this, is_boolean)
        yield from uncompared(node.expression, is_boolean)
    elif isinstance(node, exp.Not | exp.Paren):
        yield from uncompared(node.this, is_boolean)
    elif not isinstance(node, exp.Predicate | exp.Null | exp.Boolean) and not is_boolean(node):
        yield at(node, "SYNTAX_NOT_ALLOWED", "a condition is true or false, and this is a value: compare it")


def conjuncts(on: exp.Expr) -> Iterator[exp.Expr]:
    """The conditions that must all hold: what AND joins, without its parentheses."""
    if isinstance(on, exp.Paren):
        yield from conjuncts(on.this)
    elif isinstance(on, exp.And):
        yield from conjuncts(on.this)
        yield from conjuncts(on.expression)
    else:
        yield on


def is_literal(node: exp.Expr) -> bool:
    """A string, a number, a negative number, or a DATE or TIMESTAMP literal."""
    if isinstance(node, exp.Neg):
        return isinstance(node.this, exp.Literal) and not node.this.is_string
    if type(node) is exp.Cast:  # CAST in a query's text is a TryCast: this is DATE '2026-01-01'
        return isinstance(node.this, exp.Literal) and node.this.is_string
    return isinstance(node, exp.Literal)


def is_number(node: exp.Expr) -> bool:
    """A number, or a negative number."""
    return is_literal(node) and not node.find(exp.Cast) and not (isinstance(node, exp.Literal) and node.is_string)


def plain(node: exp.Expr) -> exp.Expr:
    """The node without alias and parentheses around it."""
    while isinstance(node, exp.Alias | exp.Paren):
        node = node.this
    return node
