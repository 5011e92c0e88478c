"""AWS's 24 scalar functions: which node of the tree each is, what its arguments are, and how DuckDB says it."""

from collections.abc import Iterator

from sqlglot import exp

from segment_assets.clean_room.dialect import WRITTEN, written

_CLASSES: dict[type[exp.Expr], set[str]] = {
    exp.Abs: {"ABS"},
    exp.Cast: {"TO_TIMESTAMP", "CAST", "CONVERT"},
    exp.TryCast: {"CAST", "CONVERT"},
    exp.Ceil: {"CEILING"},
    exp.Coalesce: {"COALESCE"},
    exp.CurrentDate: {"CURRENT_DATE"},
    exp.TimestampAdd: {"DATEADD"},
    exp.Extract: {"EXTRACT"},
    exp.Floor: {"FLOOR"},
    exp.Ln: {"LN", "LOG"},
    exp.Log: {"LOG"},
    exp.Lower: {"LOWER"},
    exp.Round: {"ROUND"},
    exp.Sqrt: {"SQRT"},
    exp.Substring: {"SUBSTRING"},
    exp.ToChar: {"TO_CHAR"},
    exp.TsOrDsToDate: {"TO_DATE"},
    exp.ToNumber: {"TO_NUMBER"},
    exp.StrToTime: {"TO_TIMESTAMP"},
    exp.Upper: {"UPPER"},
}
_BY_NAME = {"GETDATE", "TRUNC"}


def names(node: exp.Expr) -> set[str]:
    """AWS's names of a function: several where its syntax does not tell which, none where it is none of the 24."""
    if isinstance(node, exp.Anonymous):
        return {node.name.upper()} & _BY_NAME
    if isinstance(node, exp.Trim):
        # A custom set of characters is documented as not allowed.
        plain = {None: "TRIM", "": "TRIM", "TRAILING": "RTRIM"}
        return {plain[p]} if (p := node.args.get("position")) in plain and not node.expression else set()
    if isinstance(node, exp.TryCast) and node.args.get("safe"):
        return set()  # TRY_CAST is none of the 24; CAST makes the same node without the mark
    known = _CLASSES.get(type(node), set())
    # UCASE, NVL, SUBSTR and INT(x) are none of the 24, though they are the node of one that is.
    return known & {written(node)} if WRITTEN in node.meta else known


def arguments(node: exp.Expr) -> Iterator[exp.Expr]:
    """A function's arguments: not its type, unit or field."""
    return (child for child in node.iter_expressions() if not isinstance(child, exp.DataType | exp.Var))
