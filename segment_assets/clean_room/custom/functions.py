"""The functions a custom rule lets a query call: one list for every custom rule, a shorter one under thresholds.

From the pages of AWS's Spark SQL reference and of the custom rule (custom-sql-capabilities). What can print a value in
an error (raise_error), name a column by a string (IDENTIFIER) or make rows out of nothing (explode, sequence, repeat)
is on neither.
"""

import re

from sqlglot import exp

from segment_assets.clean_room.custom.function_names import NAMES, NOT_NARROW
from segment_assets.clean_room.dialect import WRITTEN, written
from segment_assets.clean_room.reasons import Finding, at
from segment_assets.clean_room.spark_calls import ZONED

# Also under thresholds and comparison controls.
NARROW: set[type[exp.Expr]] = {
    # aggregates
    exp.Avg, exp.Count, exp.Sum, exp.Min, exp.Max, exp.Stddev, exp.StddevPop, exp.StddevSamp, exp.Variance,
    exp.VariancePop, exp.Skewness, exp.ApproxDistinct, exp.ArrayAgg, exp.ArrayUniqueAgg, exp.Quantile,
    exp.ApproxQuantile, exp.Median, exp.PercentileCont, exp.PercentileDisc,
    # windows
    exp.RowNumber, exp.Rank, exp.DenseRank, exp.Lag, exp.Lead,
    # conditions
    exp.Case, exp.If, exp.Coalesce, exp.Nvl2, exp.Nullif, exp.Greatest, exp.Least, exp.DecodeCase,
    # conversions
    exp.Cast, exp.TryCast, exp.TsOrDsToDate, exp.StrToTime, exp.Hex, exp.Unhex, exp.ToBase64, exp.FromBase64,
    exp.Encode, exp.Decode,
    # dates
    exp.CurrentDate, exp.CurrentTimestamp, exp.TimestampAdd, exp.DateDiff, exp.TimestampTrunc, exp.DateTrunc,
    exp.Day, exp.DayOfMonth, exp.DayOfWeek, exp.Extract, exp.Hour, exp.Minute, exp.Month, exp.Second, exp.StrToUnix,
    exp.WeekOfYear, exp.Year, exp.Quarter, exp.ConvertTimezone,
    # hashes, JSON, arrays
    exp.MD5, exp.SHA, exp.SHA2, exp.JSONExtractScalar, exp.JSONFormat, exp.Array, exp.ArrayContains,
    exp.ArrayDistinct, exp.ArrayIntersect, exp.ArrayToString, exp.ArrayRemove, exp.ArraySize, exp.Flatten,
    # numbers
    exp.Abs, exp.Ceil, exp.Exp, exp.Floor, exp.Ln, exp.Log, exp.Mod, exp.Pow, exp.Round, exp.Sign, exp.Sqrt,
    # text
    exp.Concat, exp.ConcatWs, exp.Initcap, exp.StrPosition, exp.Left, exp.Length, exp.Lower, exp.Pad, exp.Trim,
    exp.RegexpReplace, exp.RegexpExtract, exp.RegexpSubstr, exp.Replace, exp.Right, exp.RegexpSplit, exp.Substring,
    exp.Upper, exp.StartsWith, exp.EndsWith, exp.Contains, exp.Levenshtein,
}  # fmt: skip
_WIDE: set[type[exp.Expr]] = NARROW | {
    exp.AnyValue, exp.LogicalAnd, exp.LogicalOr, exp.First, exp.Last, exp.FirstValue, exp.LastValue, exp.NthValue,
    exp.CumeDist, exp.PercentRank, exp.Ntile, exp.GroupConcat, exp.CountIf, exp.Corr, exp.CovarPop, exp.CovarSamp,
    exp.Kurtosis, exp.Mode, exp.ArrayExcept, exp.ArrayPosition, exp.VarMap, exp.Map, exp.ToChar, exp.ToNumber,
    exp.DayOfYear, exp.TsOrDsAdd, exp.DateAdd, exp.AddMonths, exp.LastDay, exp.NextDay, exp.MonthsBetween,
    exp.TimeToStr, exp.UnixToStr, exp.Trunc, exp.Cbrt, exp.Pi, exp.Radians, exp.Degrees, exp.Sin, exp.Cos, exp.Tan,
    exp.Cot, exp.Acos, exp.Asin, exp.Atan, exp.Atan2, exp.Reverse, exp.Translate, exp.RegexpCount, exp.RegexpInstr,
    exp.SplitPart, exp.Ascii, exp.Chr, exp.Soundex, exp.IsNan, exp.Nanvl, exp.WidthBucket,
}  # fmt: skip
NARROW_NAMES = {"XXHASH64", "TRUNC", "GETDATE", "NOW", "CARDINALITY", "DATE_PART", "CONV", "ARRAY_UNION", *ZONED}
_WIDE_NAMES = NARROW_NAMES | {"HASH", "ISNULL", "ISNOTNULL", "MAKE_DATE"}
_ARRAYS = {
    exp.Array, exp.ArrayAgg, exp.ArrayUniqueAgg, exp.ArrayContains, exp.ArrayDistinct, exp.ArrayIntersect,
    exp.ArrayToString, exp.ArrayRemove, exp.ArraySize, exp.Flatten, exp.ArrayExcept, exp.ArrayPosition,
    exp.RegexpSplit, exp.VarMap, exp.Map,
}  # fmt: skip
_ARRAY_NAMES = {"ARRAY_UNION", "CARDINALITY"}
ALL = _WIDE
NAMED = _WIDE_NAMES
LONGEST_PADDING = 1000
LONGEST_ADDED = 100
MOST_PARTS = 100
_ADDED: dict[type[exp.Expr], tuple[str, ...]] = {
    exp.Pad: ("fill_pattern",), exp.Replace: ("replacement",), exp.RegexpReplace: ("replacement",),
    exp.ArrayToString: ("expression", "null"),
}  # fmt: skip
_ARGUMENTS_OF_CAST = {"this", "to", "safe"}
NOISY = "COUNT, COUNT DISTINCT, SUM, AVG or STDDEV"
# Combined with a constant or another column they decide nothing: what they give is of the same value, in another form.
_TRANSFORMS = (
    exp.Cast, exp.TryCast, exp.TimestampAdd, exp.TsOrDsAdd, exp.DateAdd, exp.AddMonths, exp.DateDiff, exp.MonthsBetween,
    exp.Extract, exp.UnixToStr, exp.TimeToStr, exp.Log, exp.Pow, exp.Mod, exp.Concat, exp.ConcatWs, exp.ArrayToString,
    exp.JSONFormat,
)  # fmt: skip
_TRANSFORM_NAMES = {"XXHASH64", "HASH"}
# So do these where constants say how; a text of constants from which a column chooses is a question to the column.
_OF_THEIR_FIRST = (
    exp.Substring, exp.Left, exp.Right, exp.Pad, exp.Round, exp.Ceil, exp.Floor, exp.SHA2, exp.Encode, exp.Decode,
    exp.TimestampTrunc, exp.DateTrunc,
)  # fmt: skip
_PLACE_OF_VALUE = {"DATE_PART": 1, "TRUNC": 0, **dict.fromkeys(ZONED, 0)}
# A format is a text too, and all that is no letter of it stands for itself: `TO_DATE(id, "'U1'")` finds one person.
_PARSED = (exp.TsOrDsToDate, exp.StrToTime, exp.StrToUnix)
_PLAIN_FORMAT = re.compile(r"[-/:. ]*[yMdHms][yMdHms\-/:. ]*")
_CHOICES = (exp.Case, exp.If, exp.Coalesce, exp.Connector)  # mixtures.py judges their values, comparisons.py the rest


def decides_between(node: exp.Expr) -> list[exp.Expr]:
    """The arguments of a call that are compared with one another; none where it is known to decide nothing.

    With a constant among its arguments a function answers a question about a column, as `=` does, unless it is one of
    those that are known not to: a function that nobody thought of is a comparison.
    """
    if not isinstance(node, exp.Func | exp.Bracket) or isinstance(node, (exp.AggFunc, *_CHOICES, *_TRANSFORMS)):
        return []
    if isinstance(node, exp.Anonymous) and written(node) in _TRANSFORM_NAMES:
        return []
    if isinstance(node, _PARSED) and _is_plain_format(node.args.get("format")):
        return []
    arguments: list[exp.Expr] = [a for a in node.iter_expressions() if not isinstance(a, exp.Var)]
    value = _value(node)
    if value is not None and not any(a.find(exp.Column) for a in arguments if a is not value):
        return []
    return arguments


def _value(node: exp.Expr) -> exp.Expr | None:
    """The argument that a function gives in another form, where all others only say how."""
    place = _PLACE_OF_VALUE.get(written(node)) if isinstance(node, exp.Anonymous) else None
    if isinstance(node, exp.ConvertTimezone):
        return node.args.get("timestamp")
    given = [node.this] if isinstance(node, _OF_THEIR_FIRST) else node.expressions[place:] if place is not None else []
    return next((value for value in given if isinstance(value, exp.Expr)), None)


def _is_plain_format(format_: exp.Expr | None) -> bool:
    """Whether a format asks no more than whether a text is a day or a time."""
    text = _literal(format_)
    return text is not None and _PLAIN_FORMAT.fullmatch(text.name) is not None


def check(node: exp.Expr, *, narrow: bool, private: bool, final: bool = False) -> Finding | None:
    """What is wrong with calling a function.

    Args:
        node: the call.
        narrow: a table of the query has aggregation thresholds or comparison controls.
        private: a table of the query is under differential privacy, which has no arrays.
        final: it stands in the final SELECT, whose aggregates get noise.
    """
    name = written(node)
    if isinstance(node, exp.Anonymous):
        known = name in (NARROW_NAMES if narrow else _WIDE_NAMES)
    else:
        known = type(node) in (NARROW if narrow else _WIDE) and _is_of_spark(node, name, narrow=narrow)
    if private and final and isinstance(node, exp.AggFunc) and (not known or type(node) in _ARRAYS):
        # Of one construct the code of differential privacy is the reason, and not the general one.
        return at(node, "DP_AGGREGATE_NOT_SUPPORTED", f"{name} gets no noise: use {NOISY}")
    if not known:
        where = "under aggregation thresholds and comparison controls" if narrow else "under a custom rule"
        return at(node, "FUNCTION_NOT_ALLOWED", f"{name} is not on the list of functions {where}")
    if private and (type(node) in _ARRAYS or (isinstance(node, exp.Anonymous) and name in _ARRAY_NAMES)):
        return at(node, "FUNCTION_NOT_ALLOWED", f"{name}: differential privacy has no arrays and maps")
    wrong = _unbounded(node)
    return at(node, "FUNCTION_NOT_ALLOWED", f"{name} {wrong}") if wrong else None


def _unbounded(node: exp.Expr) -> str | None:
    """What makes a text as long as the query pleases: 2 GB of padding end the process, whatever the memory limit is."""
    if isinstance(node, exp.Pad) and not _is_up_to(node.expression, LONGEST_PADDING):
        return f"takes a length that is a whole number up to {LONGEST_PADDING:,}"
    added = [node.args.get(name) for name in _ADDED.get(type(node), ())]
    if any(text is not None and not _is_short(text) for text in added):
        return f"takes a literal of up to {LONGEST_ADDED} characters for what it puts in"
    if isinstance(node, exp.RowNumber | exp.Rank | exp.DenseRank) and (node.this or node.expressions):
        return "takes no argument"
    if isinstance(node, exp.PercentileCont | exp.PercentileDisc) and not isinstance(node.parent, exp.WithinGroup):
        return "stands before WITHIN GROUP (ORDER BY ...)"
    if isinstance(node, exp.ArraySize | exp.Max | exp.Min) and (node.args.get("expression") or node.expressions):
        return "takes one argument"
    if isinstance(node, exp.Cast) and any(v for name, v in node.args.items() if name not in _ARGUMENTS_OF_CAST):
        return "takes a type, and neither a format nor a default"
    if isinstance(node, exp.JSONFormat) and node.args.get("options"):
        return "takes one argument"
    if isinstance(node, exp.Log) and written(node) in ("LOG2", "LOG10") and node.args.get("expression") is None:
        return "takes one argument"
    if isinstance(node, exp.Concat | exp.ConcatWs) and len(node.expressions) > MOST_PARTS:
        return f"takes up to {MOST_PARTS} values"
    return None


def _is_up_to(node: exp.Expr | None, most: int) -> bool:
    value = _literal(node)
    return value is not None and not value.is_string and value.name.isdigit() and int(value.name) <= most


def _is_short(node: exp.Expr) -> bool:
    value = _literal(node)
    return value is not None and len(value.name) <= LONGEST_ADDED


def _literal(node: exp.Expr | None) -> exp.Literal | None:
    while isinstance(node, exp.Cast | exp.Paren):  # a parameter is a literal of its type
        node = node.this
    return node if isinstance(node, exp.Literal) else None


def _is_of_spark(node: exp.Expr, name: str, *, narrow: bool) -> bool:
    """Whether a call is by a name that Spark knows; syntax that is no plain call has none."""
    if WRITTEN not in node.meta:
        return True
    return name in NAMES.get(type(node), {name}) and not (narrow and name in NOT_NARROW)
