"""A literal, or another column, in the place of a column: by UNION, COALESCE, CASE, or the default of LAG.

Where equal values of such a mixture come together, each is compared with the literal: `SELECT 'P42' UNION SELECT id`
has a row less where P42 is among the ids. So it is judged as a comparison where rows are grouped, made distinct or
ranked by it. A sum, an average or a count only adds it up: zeros that pad the branches of UNION ALL stay legal, and
NULL names nobody. Of an identity column a set operation with a literal is refused whatever comes after.
"""

from collections.abc import Iterator, Mapping

from sqlglot import exp

from segment_assets.clean_room.custom import clauses
from segment_assets.clean_room.custom.scopes import Origin, Query, Resolution, Source
from segment_assets.clean_room.reasons import Finding, at

# They add up or pass on what they are given, and compare no value with another.
_ADD_UP = (
    exp.Count, exp.Sum, exp.Avg, exp.Stddev, exp.StddevPop, exp.StddevSamp, exp.Variance, exp.VariancePop,
    exp.Skewness, exp.ArrayAgg, exp.Lag, exp.Lead,
)  # fmt: skip


def check(
    resolution: Resolution, identities: set[Source], literal: Mapping[Source, str], column: Mapping[Source, str]
) -> Iterator[Finding]:
    """Mixtures that compare a column as its table does not allow.

    Args:
        resolution: of the whole program.
        identities: the columns that tell people apart.
        literal: column that may not be compared with a literal -> the rule that says so.
        column: column that may not be compared with another column -> the rule that says so.
    """
    for query in resolution.queries:
        for branch, other in _positions(query):
            met = branch.beside(other).mixed - branch.mixed - other.mixed
            yield from _literals(query.node, met & identities, literal)
        for node, value in _keys(query, resolution):
            yield from _literals(node, value.mixed, literal)
            for table, name in sorted(value.stacked & column.keys()):
                message = f'"{name}" of {table} may not be compared with another column: here one stands in its place'
                yield at(node, "COLUMN_COMPARISON_NOT_ALLOWED", message, rule=column[(table, name)])


def stacked(resolution: Resolution, identities: set[Source]) -> Iterator[tuple[exp.Expr, list[Origin]]]:
    """Columns in each other's place in a set operation: a literal that asks for one of them asks for all."""
    for node, sides in positions(resolution):
        if not any(side.constant for side in sides) and any(side.compared & identities for side in sides):
            yield node, sides


def positions(resolution: Resolution) -> Iterator[tuple[exp.Expr, list[Origin]]]:
    """Columns that a set operation puts in each other's place."""
    for query in resolution.queries:
        for branch, other in _positions(query):
            yield query.node, [branch, other]


def _literals(node: exp.Expr, mixed: frozenset[Source], literal: Mapping[Source, str]) -> Iterator[Finding]:
    for table, name in sorted(mixed & literal.keys()):
        message = f'"{name}" of {table} may not be compared with a literal, directly or indirectly'
        message += ": here a literal stands in its place, and equal values come together"
        yield at(node, "LITERAL_COMPARISON_NOT_ALLOWED", message, rule=literal[(table, name)])


def _positions(query: Query) -> Iterator[tuple[Origin, Origin]]:
    if query.branches:
        one, other = query.branches
        for (_, mine), (_, theirs) in zip(one.outputs, other.outputs, strict=False):
            yield mine, theirs


def _keys(query: Query, resolution: Resolution) -> Iterator[tuple[exp.Expr, Origin]]:
    """Values by which rows are told apart, or put in order."""
    if query.branches:
        if query.node.args.get("distinct") or not isinstance(query.node, exp.Union):
            yield from ((query.node, value) for _, value in query.outputs)
        return
    if not isinstance(query.node, exp.Select):
        return
    if query.select.args.get("distinct"):
        yield from ((query.node, value) for _, value in query.outputs)
    keys = clauses.group_keys(query)
    order = query.select.args.get("order")
    if order is not None and query.select.args.get("limit"):
        keys += [term.this for term in order.expressions]
    for node in clauses.own_nodes(query):
        if isinstance(node, exp.Window):
            over = node.args.get("order")
            keys += [*(node.args.get("partition_by") or ()), *(t.this for t in (over.expressions if over else ()))]
        elif isinstance(node, exp.AggFunc):
            told_apart = isinstance(node.this, exp.Distinct) or not isinstance(node, _ADD_UP)
            keys += list(node.iter_expressions()) if told_apart else []
    yield from ((key, resolution.origin(key)) for key in keys)
