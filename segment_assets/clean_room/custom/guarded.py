"""Spark's null where DuckDB raises: an error is an answer, for it tells that there is a row with such a value.

`WHERE CASE WHEN spend > 100 THEN state = 1 END` ends well or not by one person's spend. So every expression stands in
TRY, also one of constants: it raises for the rows that come to it. Where TRY is not allowed, over windows and
subqueries, what may raise is computed as DOUBLE, which has no overflow, or not run.
"""

import re
from datetime import date

from sqlglot import exp

from segment_assets.clean_room import spark_calls, spark_functions
from segment_assets.clean_room.conditions import conjuncts
from segment_assets.clean_room.custom.canonical import NotCanonicalError, types_agree
from segment_assets.clean_room.spark import MONEY

_MOST_DIGITS = 28  # of what is summed: see spark.MONEY
_TODAY = (exp.CurrentDate, exp.CurrentTimestamp)
_WRAPPED = (exp.Binary, exp.Unary, exp.Func, exp.In, exp.Between, exp.Case, exp.Bracket)
_ARITHMETIC = (exp.Add, exp.Sub, exp.Mul, exp.Div, exp.Mod, exp.Neg)
_RAISE_NOTHING = (
    exp.EQ, exp.NEQ, exp.GT, exp.GTE, exp.LT, exp.LTE, exp.Is, exp.NullSafeEQ, exp.NullSafeNEQ, exp.In, exp.Between,
    exp.Not, exp.Exists, exp.Case, exp.If, exp.Coalesce, exp.Nullif, exp.TryCast, exp.Try, exp.Greatest, exp.Least,
    exp.Round, exp.Ceil, exp.Floor, exp.Concat, exp.ConcatWs, exp.Left, exp.Lower, exp.Upper, exp.Replace,
)  # fmt: skip
_WHOLE = (exp.Alias, exp.AggFunc, exp.Window, exp.Query, exp.Paren, exp.WithinGroup, exp.And, exp.Or)
# As sqlglot writes what Spark's pattern says, with the word `strict` where a field has all its digits.
_FIELDS = re.compile(r"%-?[YymdHIMSBbAap](?:strict)?")
_KINDS: dict[str, tuple[exp.DType, ...]] = {
    "text": tuple(exp.DataType.TEXT_TYPES),
    "number": tuple(exp.DataType.NUMERIC_TYPES),
    "date": (exp.DType.DATE,),
    "time": (exp.DType.TIMESTAMP, exp.DType.TIMESTAMPNTZ, exp.DType.TIMESTAMPTZ),
    "boolean": (exp.DType.BOOLEAN,),
}


class UndatedError(Exception):
    """The query asks for today, and the data carry no day."""


def guarded(tree: exp.Query, as_of: date | None) -> exp.Query:
    """The tree with nothing in it that raises on a value.

    Args:
        tree: canonical, with types.
        as_of: day of the data: what CURRENT_DATE means.

    Raises:
        UndatedError: it asks for the day, and there is none.
        NotCanonicalError: it formats a time in a way that DuckDB has not, or calls what DuckDB has not.
    """
    for node in list(tree.walk()):
        if why := spark_calls.not_run(node):
            raise NotCanonicalError(why)
        if isinstance(node, exp.TimeToStr) and not _is_known(node.args["format"]):
            raise NotCanonicalError(
                "DATE_FORMAT is run by the local engine with years, months, days, hours, minutes and seconds as "
                "numbers, and with names of months and days: no other pattern"
            )
        if isinstance(node, _TODAY) or _by_name(node):
            node.replace(_today(node, as_of))
        elif type(node) is exp.Cast:
            node.replace(exp.TryCast(this=node.this, to=node.args["to"]))
        elif isinstance(node, exp.Div | exp.Mod) and not isinstance(node.expression, exp.Nullif):
            node.set("expression", exp.Nullif(this=node.expression, expression=exp.Literal.number(0)))
    for node in reversed(list(tree.walk(bfs=False))):
        if node.parent is not None and (made := spark_functions.mended(node, _kind)) is not node:
            made.type = node.type
            node.replace(made)
    for node in list(tree.find_all(exp.Sum, exp.Avg)):
        _exact(node)
    for select in list(tree.find_all(exp.Select)):
        places = [*select.expressions, *(select.args.get(c) for c in ("where", "group", "order"))]
        for place in [p for p in places if p is not None]:
            _wrap_inside(place)
        for join in select.args.get("joins") or ():
            for term in conjuncts(join.args["on"]) if join.args.get("on") is not None else ():
                # A hash join needs its equality bare; no value is converted where both sides have one type.
                if not (isinstance(term, exp.EQ) and types_agree(term)):
                    _wrap(term)
    return tree


def _is_known(pattern: exp.Expr) -> bool:
    """Whether a pattern of DATE_FORMAT gives the same text in both engines: its letters are all of such fields."""
    if not isinstance(pattern, exp.Literal):
        return False
    return not any(letter.isalpha() or letter == "%" for letter in _FIELDS.sub("", pattern.name))


def _kind(node: exp.Expr) -> str:
    """As far as the library knows its type."""
    of = node.type if node.type is not None else node.args.get("to")
    if isinstance(node, exp.Literal):
        return "text" if node.is_string else "number"
    if not isinstance(of, exp.DataType):
        return "null"
    return next((name for name, types in _KINDS.items() if of.is_type(*types)), "null")


def _exact(node: exp.Expr) -> None:
    """Sums that are the same however many threads add them, and of Spark's type."""
    argument = node.this.expressions[0] if isinstance(node.this, exp.Distinct) else node.this
    kind = argument.type
    whole = node.parent if isinstance(node.parent, exp.Window) else node
    if kind is not None and kind.is_type(exp.DType.DECIMAL):
        if _digits(kind) > _MOST_DIGITS:
            scale = kind.expressions[1].name if len(kind.expressions) > 1 else "6"
            argument.replace(spark_calls.converted(argument, f"DECIMAL({_MOST_DIGITS}, {scale})"))
        return
    if kind is None or not kind.is_type(*exp.DataType.INTEGER_TYPES):
        argument.replace(spark_calls.converted(argument, MONEY))
        result = "DOUBLE"
    elif isinstance(node, exp.Sum):
        result = "BIGINT"
    else:
        return
    if isinstance(node, exp.Sum):
        whole.replace(spark_calls.converted(whole, result))


def _converts(node: exp.Expr) -> bool:
    """Whether a text may be converted to what it stands beside: `LAG(day) OVER (...) = 'x'`."""
    if isinstance(node, exp.Case):
        beside = [i.args["true"] for i in node.args["ifs"]] + [node.args.get("default")]
        beside += [] if node.this is None else [exp.Literal.string(""), node.this]
    elif isinstance(node, exp.If):
        beside = [node.args["true"], node.args.get("false")]
    else:
        beside = list(node.iter_expressions())
    kinds = {_kind(n) for n in beside if n is not None and not isinstance(n, exp.Null)}
    return any(isinstance(n, exp.Literal) and n.is_string for n in beside) and len(kinds) > 1


def _digits(kind: exp.DataType) -> int:
    return int(kind.expressions[0].name) if kind.expressions else 38


def _wrap_inside(node: exp.Expr) -> None:
    for child in list(node.iter_expressions()):
        if not isinstance(child, exp.Query):
            _wrap(child)


def _wrap(node: exp.Expr) -> None:
    holds = any(isinstance(n, _WHOLE[1:4]) for n in node.walk(prune=lambda n: isinstance(n, exp.Query)))
    over = isinstance(node.parent, exp.Window | exp.IgnoreNulls | exp.RespectNulls) and node.arg_key == "this"
    if isinstance(node, _WRAPPED) and not isinstance(node, _WHOLE) and not over:
        if not holds:
            node.replace(exp.Try(this=node.copy()))
            return
        _total(node)
    _wrap_inside(node)


def _total(node: exp.Expr) -> None:
    """Make what is computed of a window or a subquery raise on no value.

    Raises:
        NotCanonicalError: it can't be.
    """
    if isinstance(node, _ARITHMETIC) and not {_kind(n) for n in node.iter_expressions()} & {"date", "time", "text"}:
        for operand in list(node.iter_expressions()):
            operand.replace(spark_calls.converted(operand, "DOUBLE"))
        if node.type is not None and node.type.is_type(*exp.DataType.INTEGER_TYPES):
            node.replace(spark_calls.converted(node, "BIGINT"))
    elif not isinstance(node, _RAISE_NOTHING) or _converts(node):
        raise NotCanonicalError(
            f"{node.key.upper()} of a window or a subquery is not run by the local engine: compute these in a CTE, and "
            "use its columns"
        )


def _by_name(node: exp.Expr) -> bool:
    return isinstance(node, exp.Anonymous) and node.name.upper() in ("GETDATE", "NOW")


def _today(node: exp.Expr, as_of: date | None) -> exp.Expr:
    if as_of is None:
        raise UndatedError("CURRENT_DATE and GETDATE() mean the day of the data, and these data carry no date")
    kind = "DATE" if isinstance(node, exp.CurrentDate) else "TIMESTAMP"
    return exp.cast(exp.Literal.string(as_of.isoformat()), kind)
