"""Spark's meaning in DuckDB's words, for the few operators and functions that analysis rules allow.

Where Spark gives null, DuckDB raises, and its message prints the value: `CAST(name AS INT)` would tell the runner a
name. So every conversion becomes TRY_CAST, and every partial function is guarded.
"""

from collections.abc import Callable
from datetime import date

from sqlglot import exp

from segment_assets.clean_room import spark_calls, spark_functions
from segment_assets.clean_room.dialect import written
from segment_assets.clean_room.names import Resolved

# Exact, so that the same rows give the same sum however many threads add them. A sum has ten digits more: of values
# with 38 digits it may overflow, and whether a query fails would tell of one person's value.
MONEY = "DECIMAL(28, 6)"
_ARITHMETIC = (exp.Add, exp.Sub, exp.Mul, exp.Div, exp.Mod, exp.Neg)
_COMPARISONS = (exp.EQ, exp.NEQ, exp.GT, exp.GTE, exp.LT, exp.LTE)
_TEXT_FUNCTIONS = (exp.Lower, exp.Upper, exp.Trim, exp.Substring, exp.Like)
_NUMBER_FUNCTIONS = (exp.Abs, exp.Ceil, exp.Floor, exp.Round, exp.Sqrt, exp.Ln, exp.Log)
_MAY_RAISE = (exp.Func, exp.Binary, exp.Unary, exp.Escape)
_RAISE_NOTHING = (
    exp.AggFunc, exp.Connector, exp.Not, exp.Paren, *_COMPARISONS, exp.Is, exp.TryCast, exp.Try,
)  # fmt: skip
_TIMES = {"date": "DATE", "time": "TIMESTAMP"}


class NotExecutableError(Exception):
    """Something the rules allow and this engine does not run: what, and what to use in its place."""


def to_duckdb(tree: exp.Select, query: Resolved, as_of: date | None) -> exp.Expr:
    """The tree with Spark's meaning, ready to be rendered for DuckDB.

    Raises:
        NotExecutableError: a function that this engine does not run.
    """

    def mend(node: exp.Expr) -> exp.Expr:
        for classes, how in _MENDS.items():
            if isinstance(node, classes):
                node = how(node, query, as_of)
                break
        return spark_functions.mended(node, lambda n: kind(n, query))

    # Children first: what a parent sees is already mended, and its kind is still read from its own class.
    for node in reversed(list(tree.walk(bfs=False))):
        if node is not tree and node.parent is not None and (mended := mend(node)) is not node:
            node.replace(mended)
    _try(tree)
    return tree


def _try(tree: exp.Expr) -> None:
    """Null in the place of whatever raises on a value: whether a query fails would tell that there is such a value.

    Level by level, so that a key of GROUP BY is found again inside what is computed of it. Custom queries that compute
    with aggregates are taken apart elsewhere (custom/flat.py).
    """
    for node in reversed(list(tree.walk(bfs=False))):
        may_raise = isinstance(node, _MAY_RAISE) and not isinstance(node, _RAISE_NOTHING)
        may_raise = may_raise and not isinstance(node.parent, exp.Case | exp.Escape)  # a WHEN, a LIKE with its ESCAPE
        if may_raise and node.parent is not None and not node.find(exp.AggFunc):
            node.replace(exp.Try(this=node.copy()))


def kind(node: exp.Expr, query: Resolved) -> str:
    """What a value is: text, number, date, time, boolean, or null where it can't be known."""
    if isinstance(node, exp.Column) and node.table in query.relations:
        return _kind_of_type(query.table(node).columns.get(node.name, "STRING"))
    if isinstance(node, exp.Try | exp.Paren | exp.Distinct | exp.Coalesce | exp.Abs | exp.Min | exp.Max):
        inner = node.expressions[0] if isinstance(node, exp.Distinct) else node.this
        return kind(inner, query)
    if isinstance(node, exp.Literal):
        return "text" if node.is_string else "number"
    if isinstance(node, exp.Cast):
        return _kind_of_type(node.to.sql(dialect="spark"))
    if isinstance(node, exp.TsOrDsToDate | exp.CurrentDate):
        return "date"
    if isinstance(node, exp.TimestampAdd | exp.StrToTime):
        return "time"
    if isinstance(node, exp.Anonymous):
        return _kind_by_name(node, query)
    if isinstance(node, exp.Case | exp.If):
        first = node.args["ifs"][0] if isinstance(node, exp.Case) else node
        return kind(first.args["true"], query)
    if isinstance(node, exp.Add | exp.Sub) and "date" in (
        sides := {kind(s, query) for s in (node.this, node.expression)}
    ):
        return "date" if sides != {"date"} else "null"
    if isinstance(node, (*_ARITHMETIC, *_NUMBER_FUNCTIONS, exp.AggFunc, exp.Extract)):
        return "number"
    return "text" if isinstance(node, (*_TEXT_FUNCTIONS, exp.DPipe, exp.Left)) else "null"


def _kind_by_name(node: exp.Anonymous, query: Resolved) -> str:
    if node.name.upper() == "GETDATE":
        return "time"
    return "number" if node.expressions and kind(node.expressions[0], query) == "number" else "date"


def _kind_of_type(name: str) -> str:
    head = name.upper().partition("(")[0]
    if head in ("STRING", "TEXT", "VARCHAR", "CHAR"):
        return "text"
    return {"DATE": "date", "TIMESTAMP": "time", "TIMESTAMP_NTZ": "time", "BOOLEAN": "boolean"}.get(head, "number")


def _comparison(node: exp.Expr, query: Resolved, as_of: date | None) -> exp.Expr:
    names = ("this", "low", "high") if isinstance(node, exp.Between) else ("this", "expression")
    sides = [node.args[n] for n in names if n in node.args] + (node.expressions if isinstance(node, exp.In) else [])
    kinds = {kind(side, query) for side in sides}
    target = next((t for k, t in (("number", "DOUBLE"), ("time", "TIMESTAMP"), ("date", "DATE")) if k in kinds), None)
    target = "BOOLEAN" if target is None and "boolean" in kinds else target
    if "text" in kinds and target:
        for side in sides:
            if kind(side, query) == "text":
                side.replace(spark_calls.converted(side, target))
    return node


def _arithmetic(node: exp.Expr, query: Resolved, as_of: date | None) -> exp.Expr:
    if (of := kind(node, query)) in ("date", "null"):
        if of == "null":
            raise NotExecutableError("the days between two days are not run in this form: use DATEDIFF")
        return node
    for side in [node.this, node.expression]:
        if isinstance(side, exp.Expr) and kind(side, query) != "number":
            side.replace(spark_calls.converted(side, "DOUBLE"))
    if isinstance(node, exp.Div | exp.Mod):
        node.expression.replace(exp.func("NULLIF", node.expression.copy(), exp.Literal.number(0)))
        if isinstance(node, exp.Div):
            node.set("safe", False)
            node.this.replace(spark_calls.converted(node.this, "DOUBLE"))
    return node


def _cast(node: exp.Expr, query: Resolved, as_of: date | None) -> exp.Expr:
    return exp.TryCast(this=node.this.copy(), to=node.args["to"].copy())


def _aggregate(node: exp.Expr, query: Resolved, as_of: date | None) -> exp.Expr:
    if not isinstance(node, exp.Sum | exp.Avg):
        return node
    argument = node.this.expressions[0] if isinstance(node.this, exp.Distinct) else node.this
    types = query.table(argument).columns[argument.name] if isinstance(argument, exp.Column) else "DOUBLE"
    whole = types in ("BIGINT", "INT")
    if not whole:
        argument.replace(spark_calls.converted(argument, MONEY))
    if isinstance(node, exp.Avg):
        return node
    return spark_calls.converted(node, "BIGINT" if whole else types if types.startswith("DECIMAL") else "DOUBLE")


def _text(node: exp.Expr, query: Resolved, as_of: date | None) -> exp.Expr:
    if kind(node.this, query) != "text":
        node.this.replace(spark_calls.converted(node.this, "TEXT"))
    return node


def _number(node: exp.Expr, query: Resolved, as_of: date | None) -> exp.Expr:
    value = node.expression if isinstance(node, exp.Log) and node.expression else node.this
    if kind(value, query) != "number":
        value.replace(spark_calls.converted(value, "DOUBLE"))
    return node


def _date_add(node: exp.Expr, query: Resolved, as_of: date | None) -> exp.Expr:
    if kind(node.this, query) not in _TIMES:
        node.this.replace(spark_calls.converted(node.this, "TIMESTAMP"))
    return node


def _extract(node: exp.Expr, query: Resolved, as_of: date | None) -> exp.Expr:
    if kind(node.expression, query) not in _TIMES:
        node.expression.replace(spark_calls.converted(node.expression, "TIMESTAMP"))
    return node


def _to_date(node: exp.Expr, query: Resolved, as_of: date | None) -> exp.Expr:
    if node.args.get("format"):
        raise NotExecutableError("TO_DATE with a format is not run by the local engine: use TO_DATE(column)")
    return spark_calls.converted(node.this, "DATE")


def _today(node: exp.Expr, query: Resolved, as_of: date | None) -> exp.Expr:
    if as_of is None:
        raise NotExecutableError("CURRENT_DATE and GETDATE() mean the day of the data, and these data carry no date")
    return exp.cast(exp.Literal.string(as_of.isoformat()), "DATE")


def _by_name(node: exp.Expr, query: Resolved, as_of: date | None) -> exp.Expr:
    if why := spark_calls.not_run(node):
        raise NotExecutableError(why)
    if node.name.upper() == "GETDATE":
        return exp.cast(_today(node, query, as_of), "TIMESTAMP")
    if spark_functions.mended(node, lambda n: kind(n, query)) is node:
        raise NotExecutableError(f"{node.name.upper()} in this form is not run by the local engine")
    return node


def _refused(node: exp.Expr, query: Resolved, as_of: date | None) -> exp.Expr:
    name = "TO_TIMESTAMP with a format" if isinstance(node, exp.StrToTime) else written(node)
    raise NotExecutableError(f"{name} is not run by the local engine: its formats differ between engines")


_Mend = Callable[[exp.Expr, Resolved, date | None], exp.Expr]
_MENDS: dict[type | tuple[type, ...], _Mend] = {
    (*_COMPARISONS, exp.In, exp.Between): _comparison,
    _ARITHMETIC: _arithmetic,
    exp.Cast: _cast,
    (exp.Sum, exp.Avg): _aggregate,
    _TEXT_FUNCTIONS: _text,
    _NUMBER_FUNCTIONS: _number,
    exp.TimestampAdd: _date_add,
    exp.Extract: _extract,
    exp.TsOrDsToDate: _to_date,
    exp.CurrentDate: _today,
    (exp.ToChar, exp.ToNumber, exp.StrToTime): _refused,
    exp.Anonymous: _by_name,
}
