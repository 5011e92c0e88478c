"""Functions and operators that both engines have and mean differently: each as Spark means it, in DuckDB's words.

One list for queries of one SELECT (spark.py) and for all others (custom/guarded.py).
"""

from collections.abc import Callable

from sqlglot import exp

from segment_assets.clean_room import spark_calls
from segment_assets.clean_room.spark_calls import Kind, converted

TRUNC_UNITS = {
    "YEAR": "year", "YYYY": "year", "YY": "year", "QUARTER": "quarter", "MONTH": "month", "MM": "month", "MON": "month",
    "WEEK": "week",
}  # fmt: skip
_WHOLE = (exp.DType.TINYINT, exp.DType.SMALLINT, exp.DType.INT, exp.DType.BIGINT)
_LENGTHENING: tuple[type[exp.Expr], ...] = (
    exp.Concat, exp.ConcatWs, exp.DPipe, exp.Replace, exp.RegexpReplace, exp.Hex, exp.ToBase64, exp.JSONFormat,
    exp.ArrayToString,
)  # fmt: skip
_TIMES = (exp.DType.TIMESTAMP, exp.DType.TIMESTAMPNTZ, exp.DType.TIMESTAMPTZ)
_OF_DAYS = {"DAY", "WEEK", "MONTH", "QUARTER", "YEAR"}


def mended(node: exp.Expr, kind: Kind) -> exp.Expr:
    """What stands in a node's place so that DuckDB gives Spark's value; the node itself where both agree.

    Args:
        node: its children are mended already.
        kind: what a value is: text, number, date, time, boolean, or null where it can't be known.
    """
    for classes, how in _MENDS:
        if isinstance(node, classes):
            return how(node, kind)
    return node


def trunc(node: exp.Expr, kind: Kind) -> exp.Expr | None:
    """TRUNC of a number, or of a day to a unit; None where this engine has no such thing."""
    value, *units = node.expressions or [exp.Null()]
    unit = (units[0].name.upper() if isinstance(units[0], exp.Literal) else "") if units else None
    if len(units) > 1 or (unit is not None and unit not in TRUNC_UNITS):
        return None
    if kind(value) == "number" and unit is None:
        return exp.func("TRUNC", value.copy(), dialect="duckdb")
    day = converted(value, "DATE")
    if unit is None:
        return day
    return exp.cast(exp.func("DATE_TRUNC", exp.Literal.string(TRUNC_UNITS[unit]), day, dialect="duckdb"), "DATE")


def _cast(node: exp.Expr, kind: Kind) -> exp.Expr:
    """To a whole number: Spark cuts the fraction off, DuckDB rounds. To BINARY: Spark reads no escapes.

    A time has no zone, and between times and numbers it is by seconds since 1970.
    """
    if node.args["to"].is_type(exp.DType.BINARY):
        return exp.func("ENCODE", converted(node.this, "TEXT"), dialect="duckdb")
    of = kind(node.this)
    if node.args["to"].is_type(*_TIMES):
        return _time(node, of)
    if not node.args["to"].is_type(*_WHOLE):
        return node
    if of == "text":
        whole = exp.func("TRUNC", converted(node.this, "DECIMAL(38, 18)"), dialect="duckdb")
    elif of == "number":
        whole = exp.func("TRUNC", node.this.copy(), dialect="duckdb")
    elif of == "time":
        whole = exp.func("FLOOR", exp.Anonymous(this="EPOCH", expressions=[converted(node.this, "TIMESTAMP")]))
    else:
        return node
    return exp.TryCast(this=whole, to=node.args["to"].copy())


def _time(node: exp.Expr, of: str) -> exp.Expr:
    if of == "number":
        micros = exp.Mul(this=converted(node.this, "DOUBLE"), expression=exp.Literal.number(1_000_000))
        return exp.Anonymous(this="MAKE_TIMESTAMP", expressions=[converted(micros, "BIGINT")])
    # DuckDB's TIMESTAMP drops the zone that a text names.
    return converted(converted(node.this, "TIMESTAMPTZ") if of == "text" else node.this, "TIMESTAMP")


def _whole(node: exp.Expr, kind: Kind) -> exp.Expr:
    """Of one argument they are whole numbers, and of the type of one."""
    if node.args.get("decimals") is not None:
        return node
    if kind(node.this) == "text":
        node.set("this", converted(node.this, "DOUBLE"))
    node.type = exp.DataType.build("BIGINT")
    return converted(node, "BIGINT")


def _extract(node: exp.Expr, kind: Kind) -> exp.Expr:
    """Spark's Sunday is 1, and its seconds have a fraction."""
    field, of = node.this.name.upper(), node.expression
    if field in ("DOW", "DAYOFWEEK"):
        return exp.paren(exp.Add(this=_part("dow", of), expression=exp.Literal.number(1)), copy=False)
    if field in ("DOW_ISO", "DAYOFWEEK_ISO"):
        return _part("isodow", of)
    if field in ("SECOND", "S", "SEC", "SECONDS", "SECS"):
        seconds = exp.Div(this=_part("microsecond", of), expression=exp.Literal.number("1000000.0"))
        return exp.cast(seconds, "DECIMAL(8, 6)", copy=False)
    return node


def _part(name: str, of: exp.Expr) -> exp.Expr:
    return exp.Anonymous(this="DATE_PART", expressions=[exp.Literal.string(name), of.copy()])


def _day_of_week(node: exp.Expr, kind: Kind) -> exp.Expr:
    return exp.paren(exp.Add(this=_part("dow", node.this), expression=exp.Literal.number(1)), copy=False)


def _substring(node: exp.Expr, kind: Kind) -> exp.Expr:
    """A start of 0 is Spark's first character, and nothing has a length below zero."""
    if (start := node.args.get("start")) is not None:
        node.set("start", _but(start, exp.EQ, 1))
    if (length := node.args.get("length")) is not None:
        node.set("length", _but(length, exp.LT, 0))
    return node


def _end(node: exp.Expr, kind: Kind) -> exp.Expr:
    node.set("expression", _but(node.expression, exp.LT, 0))
    return node


def _but(number: exp.Expr, compared: type[exp.Binary], otherwise: int) -> exp.Expr:
    """A number, and another one where it is zero, or below."""
    if isinstance(number, exp.Literal) and not number.is_string:
        return exp.Literal.number(otherwise) if compared is exp.EQ and number.name == "0" else number
    where = compared(this=number.copy(), expression=exp.Literal.number(0))
    return exp.Case(ifs=[exp.If(this=where, true=exp.Literal.number(otherwise))], default=number.copy())


def _days(node: exp.Expr, kind: Kind) -> exp.Expr:
    """A day and a number of days, or a span of whole days, is a day."""
    day, span = node.this, node.expression
    if isinstance(node, exp.Add) and kind(span) == "date":
        day, span = span, day
    if kind(day) != "date":
        return node
    if isinstance(span, exp.Interval):
        of_days = str(span.args.get("unit") or "").upper() in _OF_DAYS
        return exp.cast(node.copy(), "DATE", copy=False) if of_days else node
    if kind(span) != "number":
        return node
    made = type(node)(this=day.copy(), expression=converted(span, "INT"))
    return exp.cast(exp.paren(made, copy=False), "DATE", copy=False)


def _date_add(node: exp.Expr, kind: Kind) -> exp.Expr:
    """DATE_ADD and DATE_SUB give a day."""
    return exp.cast(node.copy(), "DATE", copy=False)


def _upper(node: exp.Expr, kind: Kind) -> exp.Expr:
    """Java's capitals of the sharp s are two letters."""
    spelled = exp.func("REPLACE", node.this.copy(), exp.Literal.string("ß"), exp.Literal.string("SS"))
    return exp.Upper(this=spelled)


def _logarithm(node: exp.Expr, kind: Kind) -> exp.Expr:
    """Of nothing and of what is less there is none: null in Spark, an error or no number in DuckDB."""
    base, value = (node.this, node.expression) if isinstance(node, exp.Log) else (None, node.this)
    made: exp.Expr = exp.Ln(this=value.copy())
    legal: exp.Expr = exp.GT(this=value.copy(), expression=exp.Literal.number(0))
    if base is not None:
        made = exp.Div(this=made, expression=exp.Ln(this=base.copy()))
        legal = exp.and_(legal, exp.GT(this=base.copy(), expression=exp.Literal.number(0)))
    return exp.Case(ifs=[exp.If(this=legal, true=made)])


def _like(node: exp.Expr, kind: Kind) -> exp.Expr:
    """A backslash escapes what follows it. At the end it escapes nothing: Spark refuses it, and no TRY holds DuckDB."""
    pattern = node.expression
    escaped = isinstance(pattern, exp.Literal) and "\\" in pattern.name and not isinstance(node.parent, exp.Escape)
    if escaped and (len(pattern.name) - len(pattern.name.rstrip("\\"))) % 2:
        return converted(exp.Null(), "BOOLEAN")
    return exp.Escape(this=node.copy(), expression=exp.Literal.string("\\")) if escaped else node


def _truth(node: exp.Expr, kind: Kind) -> exp.Expr:
    node.set("this", converted(node.this, "BOOLEAN"))
    return node


def _by_name(node: exp.Expr, kind: Kind) -> exp.Expr:
    name, arguments = node.name.upper(), node.expressions
    if name == "TRUNC":
        return trunc(node, kind) or node
    if name == "DATE_PART" and len(arguments) == 2 and isinstance(arguments[0], exp.Literal):
        part = exp.Extract(this=exp.var(arguments[0].name), expression=arguments[1].copy())
        return _extract(part, kind)
    if name in spark_calls.ZONED and len(arguments) == 2:
        return spark_calls.zoned(node, kind)
    if name == "ARRAY_UNION" and len(arguments) == 2:
        return spark_calls.distinct(exp.Anonymous(this="LIST_CONCAT", expressions=[a.copy() for a in arguments]), kind)
    if name in ("ISNULL", "ISNOTNULL") and len(arguments) == 1:
        empty = exp.Is(this=arguments[0].copy(), expression=exp.Null())
        return exp.paren(empty if name == "ISNULL" else exp.Not(this=empty), copy=False)
    return node


_Mend = Callable[[exp.Expr, Kind], exp.Expr]


def _beside_truth(node: exp.Expr, kind: Kind) -> exp.Expr:
    """What is compared with a truth value is converted before: DuckDB makes `x = TRUE` the bare cast, and drops a TRY.

    Then a text that is none would fail the query, and tell of the one person who has it.
    """
    sides = [node.this, node.expression] if isinstance(node, exp.Binary) else [node.this, *node.expressions]
    if not any(map(_is_truth, sides)):
        return node
    made = node.copy()
    for arg, side in [(arg, side) for arg, side in made.args.items() if isinstance(side, exp.Expr)]:
        if not (_is_truth(side) or isinstance(side, exp.Query | exp.Null)):
            made.set(arg, exp.TryCast(this=side.copy(), to=exp.DataType.build("BOOLEAN")))
    return made


def _is_truth(node: exp.Expr) -> bool:
    while isinstance(node, exp.Paren):
        node = node.this
    return isinstance(node, exp.Boolean | exp.Predicate | exp.Connector | exp.Not)


_MENDS: list[tuple[tuple[type[exp.Expr], ...], _Mend]] = [
    ((exp.Cast,), _cast),
    ((exp.Ceil, exp.Floor), _whole),
    ((exp.Extract,), _extract),
    ((exp.DayOfWeek,), _day_of_week),
    ((exp.Substring,), _substring),
    ((exp.Left, exp.Right), _end),
    ((exp.Add, exp.Sub), _days),
    ((exp.TsOrDsAdd,), _date_add),
    ((exp.Upper,), _upper),
    ((exp.Ln, exp.Log), _logarithm),
    ((exp.Like, exp.ILike), _like),
    ((exp.ToBase64,), spark_calls.base64),
    ((exp.RegexpReplace,), spark_calls.replaced),
    (_LENGTHENING, spark_calls.cut),
    ((exp.RegexpSubstr,), spark_calls.substring_of),
    ((exp.Chr,), spark_calls.character),
    ((exp.StrToUnix,), spark_calls.seconds),
    ((exp.Nanvl,), spark_calls.nan_to),
    ((exp.ApproxQuantile,), spark_calls.element),  # a Quantile too
    ((exp.Quantile,), spark_calls.percentile),
    ((exp.StrPosition,), spark_calls.place),
    ((exp.MonthsBetween,), spark_calls.months),
    ((exp.ArrayDistinct,), spark_calls.distinct),
    ((exp.ConvertTimezone,), spark_calls.zoned),
    ((exp.IntDiv,), spark_calls.whole_division),
    ((exp.DateDiff,), spark_calls.difference),
    ((exp.Skewness, exp.Kurtosis), spark_calls.moments),
    ((exp.LogicalAnd, exp.LogicalOr, exp.CountIf), _truth),
    ((exp.EQ, exp.NEQ, exp.NullSafeEQ, exp.NullSafeNEQ, exp.In), _beside_truth),
    ((exp.Anonymous,), _by_name),
]
