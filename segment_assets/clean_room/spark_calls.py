"""Calls whose arguments or whose whole form is another one in DuckDB, and those that it has not."""

import re
from collections.abc import Callable

from sqlglot import exp, parse_one

from segment_assets.clean_room.dialect import written

Kind = Callable[[exp.Expr], str]
LONGEST = 10_000  # characters that a function makes longer: more would grow with each CTE that is put on it
# Called in DuckDB by the same name, or by none, and with other values.
_NOT_RUN: dict[type[exp.Expr], str] = {
    exp.ToChar: "its formats differ between engines",
    exp.ToNumber: "its formats differ between engines",
    exp.Soundex: "it has no such function",
    exp.WidthBucket: "it has no such function: write a CASE",
}
_NOT_RUN_NAMES = {
    "HASH": "its hashes are others than Spark's: use MD5 or SHA2(x, 256)",
    "XXHASH64": "its hashes are others than Spark's: use MD5 or SHA2(x, 256)",
    "CONV": "it has no such function",
}
# From the first moment a to the second b in whole months: Java counts days of months of 32 days, and cuts.
_MONTHS = """CAST(TRUNC((
  (12 * (DATE_PART('year', b) - DATE_PART('year', a)) + DATE_PART('month', b) - DATE_PART('month', a)) * 2764800
  + EPOCH(b - DATE_TRUNC('month', b)) - EPOCH(a - DATE_TRUNC('month', a))) / 2764800 / {months}) AS BIGINT)"""
_MONTHS_OF = {"MONTH": 1, "QUARTER": 3, "YEAR": 12}


def not_run(node: exp.Expr) -> str | None:
    """Why a function that both engines seem to have is not run by this one; None where it is."""
    name = written(node)
    why = _NOT_RUN_NAMES.get(name) if isinstance(node, exp.Anonymous) else _NOT_RUN.get(type(node))
    if isinstance(node, exp.SHA2) and not _is_256(node.args.get("length")):
        name, why = "SHA2 of another length", "it has SHA2(x, 256) alone"
    if isinstance(node, exp.RegexpSplit) and node.args.get("limit"):
        name, why = "SPLIT with a limit", "leave the limit out"
    return f"{name} is not run by the local engine: {why}" if why else None


def _is_256(length: exp.Expr | None) -> bool:
    return length is None or (isinstance(length, exp.Literal) and length.name in ("0", "256"))


def converted(node: exp.Expr, type_: str) -> exp.Expr:
    """A copy of a value as a type: null where it is none, as in Spark."""
    return exp.TryCast(this=node.copy(), to=exp.DataType.build(type_))


def cut(node: exp.Expr, kind: Kind) -> exp.Expr:
    """A text of bounded length."""
    return exp.Left(this=node.copy(), expression=exp.Literal.number(LONGEST))


def base64(node: exp.Expr, kind: Kind) -> exp.Expr:
    """Of a text its bytes, which DuckDB does not take by itself."""
    if kind(node.this) == "text":
        node.set("this", exp.func("ENCODE", node.this.copy(), dialect="duckdb"))
    return cut(node, kind)


def character(node: exp.Expr, kind: Kind) -> exp.Expr:
    """Of a number its rest by 256; nothing of one below zero."""
    number = node.expressions[0] if node.expressions else exp.Null()
    byte = exp.Mod(this=exp.paren(number.copy()), expression=exp.Literal.number(256))
    below = exp.LT(this=number.copy(), expression=exp.Literal.number(0))
    letter = exp.Chr(expressions=[converted(exp.paren(byte, copy=False), "INT")])
    return exp.Case(ifs=[exp.If(this=below, true=exp.Literal.string(""))], default=letter)


def seconds(node: exp.Expr, kind: Kind) -> exp.Expr:
    """Whole seconds since 1970, of a text in Spark's own format where none is said."""
    if node.this is None:
        return node  # a call without arguments, which no engine runs
    if kind(node.this) in ("date", "time"):
        return exp.cast(exp.Anonymous(this="EPOCH", expressions=[converted(node.this, "TIMESTAMP")]), "BIGINT")
    if not node.args.get("format"):
        node.set("format", exp.Literal.string("%Y-%m-%d %H:%M:%S"))
    return exp.cast(node.copy(), "BIGINT")


def nan_to(node: exp.Expr, kind: Kind) -> exp.Expr:
    """The other value in the place of one that is no number."""
    is_nan = exp.IsNan(this=converted(node.this, "DOUBLE"))
    return exp.Case(ifs=[exp.If(this=is_nan, true=node.expression.copy())], default=node.this.copy())


def substring_of(node: exp.Expr, kind: Kind) -> exp.Expr:
    """What a pattern matches first, and null where it matches nothing."""
    one, pattern = node.this, node.expression
    found = exp.RegexpExtract(this=one.copy(), expression=pattern.copy())
    return exp.Case(ifs=[exp.If(this=exp.RegexpLike(this=one.copy(), expression=pattern.copy()), true=found)])


def replaced(node: exp.Expr, kind: Kind) -> exp.Expr:
    """Java writes a group with a dollar, RE2 with a backslash, which Java writes before what stands for itself."""
    if isinstance(given := node.args.get("replacement"), exp.Literal):
        told = re.sub(r"\\(.)|\$(\d)", lambda m: f"\\{m[2]}" if m[2] else m[1].replace("\\", "\\\\"), given.name)
        node.set("replacement", exp.Literal.string(told))
    return cut(node, kind)


def percentile(node: exp.Expr, kind: Kind) -> exp.Expr:
    """Between two values PERCENTILE interpolates."""
    return exp.PercentileCont(this=converted(node.this, "DOUBLE"), expression=node.args["quantile"].copy())


def whole_division(node: exp.Expr, kind: Kind) -> exp.Expr:
    """A whole number of times, cut, whatever the types are; by nothing it is null."""
    sides = (node.this, node.expression)
    if all(n.type is not None and n.type.is_type(*exp.DataType.INTEGER_TYPES) for n in sides):
        return node
    one, other = (converted(n, "DOUBLE") for n in sides)
    quotient = exp.Div(this=one, expression=exp.Nullif(this=other, expression=exp.Literal.number(0)))
    return converted(exp.func("TRUNC", quotient, dialect="duckdb"), "BIGINT")


def difference(node: exp.Expr, kind: Kind) -> exp.Expr:
    """Of a unit the complete ones between two moments; DuckDB counts the boundaries, and sqlglot takes the days."""
    if (unit := node.args.get("unit")) is None:
        return node
    a, b = (converted(_moment(n), "TIMESTAMP") for n in (node.expression, node.this))
    name = unit.name.upper().removesuffix("S")
    if name not in _MONTHS_OF:
        return exp.Anonymous(this="DATE_SUB", expressions=[exp.Literal.string(name.lower()), a, b])
    counted = parse_one(_MONTHS.format(months=_MONTHS_OF[name]), dialect="duckdb")
    return exp.replace_tree(counted, lambda n: {"a": a, "b": b}[n.name].copy() if isinstance(n, exp.Column) else n)


def _moment(node: exp.Expr) -> exp.Expr:
    """What DATEDIFF was given, without the conversion to a day that the parser put around it."""
    while isinstance(node, exp.TsOrDsToDate | exp.Try) and not node.args.get("format"):
        node = node.this
    return node


def moments(node: exp.Expr, kind: Kind) -> exp.Expr:
    """The third and fourth power of what is larger have no place in a DOUBLE: an error in DuckDB.

    Spark's KURTOSIS is that of the population.
    """
    value = converted(node.this, "DOUBLE")
    small = exp.LT(this=exp.Abs(this=value.copy()), expression=exp.Literal.number("1e60"))
    bounded = exp.Case(ifs=[exp.If(this=small, true=value)])
    if isinstance(node, exp.Kurtosis):
        return exp.AnonymousAggFunc(this="KURTOSIS_POP", expressions=[bounded])
    node.set("this", bounded)
    return node
