"""The syntax a custom rule lets through: every class of node and every argument of every node is on an allow-list.

Free Spark SQL has nested queries, windows, set operations and outer joins. Thresholds and differential privacy have
less of it, and each says so by a code of its own.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from sqlglot import exp

from segment_assets.clean_room import surface
from segment_assets.clean_room.custom import functions
from segment_assets.clean_room.reasons import Finding, at

_BINARY = {"this", "expression"}
_SET = {"this", "expression", "distinct", "with_", "order", "limit", "offset"}
_SKELETON: dict[type[exp.Expr], set[str]] = {
    **surface.SKELETON,
    exp.Select: surface.SKELETON[exp.Select] | {"with_", "offset"},
    exp.With: {"expressions"},
    exp.CTE: {"this", "alias"},
    exp.Subquery: {"this", "alias", "with_"},
    exp.TableAlias: {"this", "columns"},
    exp.Union: _SET,
    exp.Except: _SET,
    exp.Intersect: _SET,
    exp.Values: {"expressions", "alias"},
    exp.Tuple: {"expressions"},
    exp.Offset: {"expression"},
    exp.Window: {"this", "partition_by", "order", "spec", "over"},
    exp.WindowSpec: {"kind", "start", "start_side", "end", "end_side"},
    exp.Order: {"this", "expressions"},  # `this` inside LISTAGG ... WITHIN GROUP
    exp.WithinGroup: _BINARY,
    exp.IgnoreNulls: {"this"},
    exp.RespectNulls: {"this"},
    exp.Exists: {"this"},
    exp.Hint: {"expressions"},
    exp.Star: set(),
    exp.Interval: {"this", "unit"},
    exp.Var: {"this"},
    exp.DataType: {"this", "expressions", "nested"},
    exp.DataTypeParam: {"this"},
    exp.Placeholder: {"this"},  # what templates.py could not bind, it says
    exp.Parameter: {"this"},
    exp.JSONPath: {"expressions"},
    exp.JSONPathRoot: set(),
    exp.JSONPathKey: {"this"},
    exp.JSONPathSubscript: {"this"},
    exp.Bracket: {"this", "expressions", "offset", "safe"},
}
_OPERATORS: dict[type[exp.Expr], set[str]] = {
    **surface.OPERATORS,
    exp.In: {"this", "expressions", "query"},
    exp.RegexpLike: _BINARY,
    exp.ILike: _BINARY,
    exp.Escape: _BINARY,
    exp.NullSafeNEQ: _BINARY,  # IS DISTINCT FROM
    exp.NullSafeEQ: _BINARY,  # IS NOT DISTINCT FROM; the tokens tell `<=>`
    exp.IntDiv: _BINARY,
}
_TYPES = surface.TYPES | {exp.DType.BINARY}
# What the parser calls otherwise than the text does.
_SAID: dict[type[exp.Expr], str] = {
    exp.AtTimeZone: "AT TIME ZONE",
    exp.BitwiseAnd: "the operator &",
    exp.BitwiseOr: "the operator |",
    exp.BitwiseXor: "the operator ^",
    exp.HexString: "a binary literal (X'...')",
    exp.PropertyEQ: "a field of STRUCT",
}
_ROLLED = ("cube", "rollup", "grouping_sets")


@dataclass(frozen=True)
class Limits:
    """What narrows the surface of a query.

    Attributes:
        narrow: a table has aggregation thresholds or comparison controls.
        private: a table is under differential privacy.
    """

    narrow: bool = False
    private: bool = False


def sweep(tree: exp.Expr, limits: Limits, *, final: bool = False) -> Iterator[Finding]:
    """Everything in a tree that a custom rule does not let through.

    Args:
        tree: a query of the program.
        limits: what narrows the surface.
        final: it is the one whose rows leave.
    """
    outermost = tree.unnest() if final else None
    for node in tree.walk(prune=lambda n: isinstance(n, exp.Hint | exp.Lateral | exp.QueryTransform)):
        yield from _node(node, limits, outermost)


def inline_windows(tree: exp.Expr) -> None:
    """Put what `WINDOW w AS (...)` says in the place of `OVER w`: its keys are part of the item that uses it."""
    for select in tree.find_all(exp.Select):
        named = {w.name.lower(): w for w in select.args.get("windows") or () if not w.args.get("alias")}
        for window in select.find_all(exp.Window):
            name = str(window.alias).lower()
            if window.arg_key != "windows" and name in named and window.parent_select is select:
                for part in ("partition_by", "order", "spec"):
                    value = named[name].args.get(part)
                    window.set(part, [v.copy() for v in value] if isinstance(value, list) else value and value.copy())
                window.set("alias", None)
        if len(named) == len(select.args.get("windows") or ()):
            select.set("windows", None)


def _node(node: exp.Expr, limits: Limits, outermost: exp.Expr | None) -> Iterator[Finding]:
    if isinstance(node, exp.Lateral):
        inside = isinstance(node.this, exp.Query)
        code, what = ("SUBQUERY_OR_CTE", "LATERAL (SELECT ...)") if inside else ("SYNTAX_NOT_ALLOWED", "LATERAL VIEW")
        yield at(node, code, f"{what} is not allowed")
    elif isinstance(node, exp.Cube | exp.Rollup | exp.GroupingSets):
        yield _rolled(node, limits)
    elif isinstance(node, exp.Table) and not isinstance(node.this, exp.Identifier):
        return  # a table function: names.py says so
    elif isinstance(node, exp.Subquery) and not isinstance(node.this, exp.Query):
        yield at(node, "SYNTAX_NOT_ALLOWED", "a join or table in parentheses is not allowed")
    elif is_call(node):
        final = outermost is not None and node.parent_select is outermost
        if wrong := functions.check(node, narrow=limits.narrow, private=limits.private, final=final):
            yield wrong
    elif type(node) not in _SKELETON and type(node) not in _OPERATORS:
        yield at(node, "SYNTAX_NOT_ALLOWED", f"{_SAID.get(type(node), node.key.upper())} is not allowed")
    else:
        yield from _arguments(node)
        yield from _narrowed(node, limits)


def _arguments(node: exp.Expr) -> Iterator[Finding]:
    allowed = _SKELETON.get(type(node)) or _OPERATORS.get(type(node), set())
    for name, value in node.args.items():
        if not value or name in allowed:
            continue
        if isinstance(node, exp.Group) and name in _ROLLED:
            continue  # the node inside says so
        if isinstance(node, exp.Select) and name == "laterals":
            continue
        word = name.rstrip("_").upper()
        yield at(node, "SYNTAX_NOT_ALLOWED", f"{word} of {node.key.upper()} is not allowed")
    if isinstance(node, exp.Star) and not isinstance(node.parent, exp.Select | exp.Column | exp.Count):
        yield at(node, "SYNTAX_NOT_ALLOWED", "* stands in SELECT and in COUNT(*) only")
    if isinstance(node, exp.Column) and isinstance(node.this, exp.Star) and not isinstance(node.parent, exp.Select):
        yield at(node, "SYNTAX_NOT_ALLOWED", "t.* stands in SELECT only: COUNT(*) counts rows, COUNT(t.column) values")
    if isinstance(node, exp.Alias) and not isinstance(node.args.get("alias"), exp.Identifier):
        yield at(node, "SYNTAX_NOT_ALLOWED", "an alias is a name")
    if isinstance(node, exp.DataType) and node.this not in _TYPES:
        yield at(node, "SYNTAX_NOT_ALLOWED", "the type is not allowed: only simple types are")
    if isinstance(node, exp.Select) and not node.expressions:
        yield at(node, "SYNTAX_NOT_ALLOWED", "SELECT names no column")
    if isinstance(node, exp.Distinct) and not isinstance(node.parent, exp.Select | exp.AggFunc):
        yield at(node, "SYNTAX_NOT_ALLOWED", "DISTINCT stands after SELECT and inside aggregates only")
    if isinstance(node, exp.Ordered) and isinstance(node.this, exp.Var):
        yield at(node, "SYNTAX_NOT_ALLOWED", f"ORDER BY {node.name.upper()} is not allowed: name the columns")
    if isinstance(node, exp.Escape) and not _is_escaped_well(node):
        yield at(node, "SYNTAX_NOT_ALLOWED", "LIKE ... ESCAPE takes a literal, whose last character escapes nothing")
    if isinstance(node, exp.Limit | exp.Offset) and not surface.is_size(node.expression):
        yield at(node, "SYNTAX_NOT_ALLOWED", f"{node.key.upper()} takes a whole number up to {surface.MOST_ROWS:,}")


def _is_escaped_well(node: exp.Expr) -> bool:
    """Whether every escape in a pattern is followed by something; where one is not, the engine fails by the row."""
    pattern, escape = node.this.expression, node.expression
    if not (isinstance(pattern, exp.Literal) and isinstance(escape, exp.Literal) and len(escape.name) == 1):
        return False
    text = pattern.name
    return (len(text) - len(text.rstrip(escape.name))) % 2 == 0


def _narrowed(node: exp.Expr, limits: Limits) -> Iterator[Finding]:
    if isinstance(node, exp.Join) and node.kind in ("SEMI", "ANTI") and limits.narrow:
        message = f"a {node.kind} join is not allowed under aggregation thresholds: use INNER JOIN ... ON"
        yield at(node, "JOIN_TYPE_NOT_ALLOWED", message)
    elif isinstance(node, exp.Except | exp.Intersect) and limits.narrow:
        yield at(node, "SET_OPERATION", f"{node.key.upper()} is not allowed under aggregation thresholds")
    elif isinstance(node, exp.Exists) and limits.narrow:
        yield at(node, "SYNTAX_NOT_ALLOWED", "EXISTS is not allowed under aggregation thresholds")
    elif isinstance(node, exp.ILike) and limits.narrow:
        yield at(node, "SYNTAX_NOT_ALLOWED", "ILIKE is not allowed under aggregation thresholds: write LOWER(x) LIKE")
    elif isinstance(node, exp.Offset) and limits.narrow:
        yield at(node, "LIMIT_NOT_ALLOWED", "OFFSET is not allowed under aggregation thresholds")
    elif isinstance(node, exp.Tuple) and not isinstance(node.parent, exp.Values) and limits.narrow:
        yield at(node, "SYNTAX_NOT_ALLOWED", "comparing several columns at once is not allowed here")


def _rolled(node: exp.Expr, limits: Limits) -> Finding:
    code = "DP_GROUPING_EXTENSION" if limits.private else "SYNTAX_NOT_ALLOWED"
    return at(node, code, "GROUP BY takes expressions: no CUBE, ROLLUP or GROUPING SETS")


def is_call(node: exp.Expr) -> bool:
    """A function call, and neither an operator nor a part of the syntax."""
    return isinstance(node, exp.Func | exp.Case) and type(node) not in _SKELETON and type(node) not in _OPERATORS
