"""Calls whose arguments or whose whole form is another one in DuckDB, and those that it has not."""

import re
from collections.abc import Callable, Mapping
from zoneinfo import available_timezones

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
ZONED = {"FROM_UTC_TIMESTAMP", "TO_UTC_TIMESTAMP"}
# From the first moment a to the second b in whole months: Java counts days of months of 32 days, and cuts.
_MONTHS = """CAST(TRUNC((
  (12 * (DATE_PART('year', b) - DATE_PART('year', a)) + DATE_PART('month', b) - DATE_PART('month', a)) * 2764800
  + EPOCH(b - DATE_TRUNC('month', b)) - EPOCH(a - DATE_TRUNC('month', a))) / 2764800 / {months}) AS BIGINT)"""
_MONTHS_BETWEEN = """CASE
  WHEN DATE_PART('day', a) = DATE_PART('day', b)
    OR (CAST(a AS DATE) = LAST_DAY(CAST(a AS DATE)) AND CAST(b AS DATE) = LAST_DAY(CAST(b AS DATE)))
  THEN 12.0 * (DATE_PART('year', b) - DATE_PART('year', a)) + DATE_PART('month', b) - DATE_PART('month', a)
  ELSE ROUND(12 * (DATE_PART('year', b) - DATE_PART('year', a)) + DATE_PART('month', b) - DATE_PART('month', a)
    + (EPOCH(b - DATE_TRUNC('month', b)) - EPOCH(a - DATE_TRUNC('month', a))) / 2678400, 8)
  END"""
_DISTINCT = "LIST_FILTER(a, LAMBDA one, place: LIST_POSITION(a, one) = place)"
_MONTHS_OF = {"MONTH": 1, "QUARTER": 3, "YEAR": 12}


def not_run(node: exp.Expr) -> str | None:
    """Why a function that both engines seem to have is not run by this one; None where it is."""
    name = written(node)
    why = _NOT_RUN_NAMES.get(name) if isinstance(node, exp.Anonymous) else _NOT_RUN.get(type(node))
    if isinstance(node, exp.SHA2) and not _is_256(node.args.get("length")):
        name, why = "SHA2 of another length", "it has SHA2(x, 256) alone"
    if isinstance(node, exp.RegexpSplit) and node.args.get("limit"):
        name, why = "SPLIT with a limit", "leave the limit out"
    if not _zones_are_known(node):
        why = "it takes names of zones as literals, such as 'Europe/Vienna'"
    return f"{name} is not run by the local engine: {why}" if why else None


def _zones_are_known(node: exp.Expr) -> bool:
    """Whether every zone is one that DuckDB has: where it is not, the engine fails by the row, and no TRY holds it."""
    if isinstance(node, exp.ConvertTimezone):
        zones = [node.args[name] for name in ("source_tz", "target_tz") if node.args.get(name)]
    else:
        zones = node.expressions[1:] if isinstance(node, exp.Anonymous) and node.name.upper() in ZONED else []
    return all(isinstance(z, exp.Literal) and z.name in available_timezones() for z in zones)


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
    return _filled(_MONTHS.format(months=_MONTHS_OF[name]), {"a": a, "b": b})


def months(node: exp.Expr, kind: Kind) -> exp.Expr:
    """With the time of day, and rounded to eight digits; from one last day of a month to another they are whole."""
    a, b = (converted(_moment(n), "TIMESTAMP") for n in (node.expression, node.this))
    return converted(_filled(_MONTHS_BETWEEN, {"a": a, "b": b}), "DOUBLE")


def _filled(text: str, values: Mapping[str, exp.Expr]) -> exp.Expr:
    """DuckDB's words with expressions in the place of the columns that they name."""
    made = parse_one(text, dialect="duckdb")
    return exp.replace_tree(
        made, lambda n: values[n.name].copy() if isinstance(n, exp.Column) and n.name in values else n
    )


def distinct(node: exp.Expr, kind: Kind) -> exp.Expr:
    """The elements of a list once each, in their order, and NULL as well."""
    return _filled(_DISTINCT, {"a": node.this if isinstance(node, exp.ArrayDistinct) else node})


def element(node: exp.Expr, kind: Kind) -> exp.Expr:
    """APPROX_PERCENTILE is always one of the values."""
    return exp.PercentileDisc(this=node.this.copy(), expression=node.args["quantile"].copy())


def place(node: exp.Expr, kind: Kind) -> exp.Expr:
    """From a place before the first nothing is found."""
    start = node.args.get("position")
    if not (isinstance(start, exp.Literal) and start.name == "0"):
        return node
    known = exp.Not(this=exp.Is(this=node.this.copy(), expression=exp.Null()))
    return exp.Case(ifs=[exp.If(this=known, true=exp.Literal.number(0))])


def zoned(node: exp.Expr, kind: Kind) -> exp.Expr:
    """A time of one zone as that of another; `not_run` has seen that the zones are known."""
    utc = exp.Literal.string("UTC")
    if isinstance(node, exp.ConvertTimezone):
        of, to, value = node.args.get("source_tz") or utc, node.args["target_tz"], node.args["timestamp"]
    else:
        value, zone = node.expressions
        of, to = (utc, zone) if node.name.upper() == "FROM_UTC_TIMESTAMP" else (zone, utc)
    there = exp.Anonymous(this="TIMEZONE", expressions=[of.copy(), converted(value, "TIMESTAMP")])
    return exp.Anonymous(this="TIMEZONE", expressions=[to.copy(), there])


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
