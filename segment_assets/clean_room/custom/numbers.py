"""Identities as numbers: nothing honest calculates with a name, and what is composed of one can be made to choose.

`COUNT(1 / (id - 7))` asks for one person. So does whether `CONCAT('2026-01-', id)` is a day, and
`SUM(CONCAT(income, 'e-', SUBSTRING(MD5(CONCAT('7578', id)), 1, 4)))`, a text that becomes a number: everybody's is
nothing but the one's whose hash begins with zeros. The smallest of such hashes is the same question.
What is compared with an identity (`shop.id = panel.id`) is judged as the identity is.
"""

from collections.abc import Iterator

from sqlglot import exp

from segment_assets.clean_room.custom import clauses
from segment_assets.clean_room.custom.scopes import Origin, Query, Resolution, Source, branches, nested
from segment_assets.clean_room.reasons import Finding, at

_ARITHMETIC = (
    exp.Add, exp.Sub, exp.Mul, exp.Div, exp.IntDiv, exp.Mod, exp.Pow, exp.Neg, exp.Abs, exp.Ceil, exp.Exp, exp.Floor,
    exp.Ln, exp.Log, exp.Round, exp.Sign, exp.Sqrt, exp.TimestampAdd, exp.TsOrDsAdd, exp.DateDiff,
)  # fmt: skip
_CONVERSIONS = (
    exp.Cast, exp.TsOrDsToDate, exp.StrToTime, exp.StrToUnix, exp.Unhex, exp.FromBase64, exp.Extract, exp.DateTrunc,
    exp.TimestampTrunc, exp.Year, exp.Quarter, exp.Month,
    exp.WeekOfYear, exp.Day, exp.DayOfMonth, exp.DayOfWeek, exp.Hour, exp.Minute, exp.Second,
)  # fmt: skip
_TOGETHER = (exp.Concat, exp.ConcatWs, exp.DPipe, exp.Substring, exp.Pad)
# They make a number of whatever they are given.
_NUMERIC = (
    exp.Sum, exp.Avg, exp.Stddev, exp.StddevPop, exp.StddevSamp, exp.Variance, exp.VariancePop, exp.Skewness,
    exp.Kurtosis, exp.Corr, exp.CovarPop, exp.CovarSamp, exp.Quantile, exp.ApproxQuantile, exp.Median,
)  # fmt: skip
_ANSWERS = (exp.Predicate, exp.Connector, exp.Not)  # judged as comparisons
# They show the one value that is least, most, or hashed furthest.
_EXTREME = (exp.Min, exp.Max, exp.ApproxDistinct)


def check(query: Query, resolution: Resolution, people: set[Source]) -> Iterator[Finding]:
    """Where a SELECT calculates with who people are.

    Args:
        query: a SELECT, or a set operation, which has distinct rows at most.
        resolution: of the whole program.
        people: identity columns, and columns that are compared with them.
    """
    for node, key in _told_apart(query, resolution) if people else ():
        for table, column in sorted(key.compared & people if not key.made.uncut & people else ()):
            message = f'a part of "{column}" of {table} makes groups, and can be made to leave one person alone in one'
            yield at(node, "LITERAL_COMPARISON_NOT_ALLOWED", message, rule=f"{table}.aggregationThresholds")
    if not isinstance(query.node, exp.Select):
        return
    for node in clauses.own_nodes(query) if people else ():
        for table, column in sorted(_asked(node, query, resolution) & people):
            message = f'"{column}" of {table} identifies people, and is nothing to calculate with'
            yield at(node, "LITERAL_COMPARISON_NOT_ALLOWED", message, rule=f"{table}.aggregationThresholds")


def _told_apart(query: Query, resolution: Resolution) -> Iterator[tuple[exp.Expr, Origin]]:
    """Values that decide which rows come together; groups of the final SELECT have a minimum.

    Of a hash's first letters a literal beside the person is found so that one person has them alone.
    """
    nested_ = query.place != "final"
    if query.branches:
        apart = (not isinstance(query.node, exp.Union) or query.node.args.get("distinct")) and nested_
        yield from ((query.node, value) for _, value in query.outputs if apart)
        return
    keys = clauses.group_keys(query) if nested_ else []
    keys += query.select.expressions if nested_ and query.select.args.get("distinct") else []
    for node in clauses.own_nodes(query):
        if isinstance(node, exp.Window):
            keys += node.args.get("partition_by") or ()
        elif isinstance(node, exp.AggFunc) and isinstance(node.this, exp.Distinct):
            keys += node.this.expressions
    for key in keys:
        for value in _values(key, query, set()):
            if not isinstance(value, _ANSWERS):
                yield key, resolution.origin(value)


def _asked(node: exp.Expr, query: Query, resolution: Resolution) -> frozenset[Source]:
    """The columns that a node calculates with."""
    if isinstance(node, _ARITHMETIC) or _is_composed(node, resolution):
        return resolution.origin(node).compared
    if isinstance(node, _NUMERIC):
        given = [a for child in node.iter_expressions() for a in _arguments(child)]
    elif isinstance(node, exp.WithinGroup):
        given = [term.this for term in node.expression.expressions]
    elif isinstance(node, _EXTREME):
        given = [a for child in node.iter_expressions() for a in _arguments(child)]
    else:
        return frozenset()
    origins = [resolution.origin(v) for argument in given for v in _values(argument, query, set())]
    return frozenset(s for o in origins for s in o.compared if o.computed or not isinstance(node, _EXTREME))


def _arguments(node: exp.Expr) -> list[exp.Expr]:
    return node.expressions if isinstance(node, exp.Distinct) else [node]


def _values(node: exp.Expr, query: Query, seen: set[int]) -> Iterator[exp.Expr]:
    """What a value can be, and not what decides which: through CASE, and through the columns of queries in FROM."""
    if id(node) in seen:
        return
    seen.add(id(node))
    if isinstance(node, exp.Alias | exp.Paren | exp.Window) or _is_to_text(node):
        yield from _values(node.this, query, seen)
    elif choices := list(branches(node)):
        for choice in choices:
            yield from _values(choice, query, seen)
    elif isinstance(node, exp.Column) and (made := list(_made(node, query))):
        for item, inner in made:
            yield from _values(item, inner, seen)
    elif nested(node) is None:
        yield node


def _made(column: exp.Column, query: Query) -> Iterator[tuple[exp.Expr, Query]]:
    """The items of the queries in FROM that a column is; none where it is not known."""
    name, table = column.name.lower(), column.table.lower()
    for alias, relation in query.relations.items():
        if relation.query is None or name not in relation.columns or table not in ("", alias):
            continue
        place = list(relation.columns).index(name)
        selects = list(relation.query.selects())
        if all(_is_plain(s) and len(s.outputs) == len(relation.columns) for s in selects):
            yield from ((select.select.expressions[place], select) for select in selects)


def _is_plain(query: Query) -> bool:
    return isinstance(query.node, exp.Select) and not any(clauses.has_star(i) for i in query.select.expressions)


def _is_to_text(node: exp.Expr) -> bool:
    return isinstance(node, exp.Cast) and node.to.is_type(*exp.DataType.TEXT_TYPES, exp.DType.BINARY)


def _is_composed(node: exp.Expr, resolution: Resolution) -> bool:
    """A conversion of what was put together."""
    if _is_to_text(node) or not isinstance(node, _CONVERSIONS):
        return False
    return node.find(*_TOGETHER) is not None or any(resolution.origin(c).computed for c in node.find_all(exp.Column))
