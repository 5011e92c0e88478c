"""aggregationThresholds, as far as the text of a query decides it: what may be aggregated, and beside what.

That every row rests on enough identities is added to the query and recomputed; it is not decided here.
"""

from collections.abc import Iterator

from sqlglot import exp

from segment_assets.clean_room.collaboration import ConfiguredTable
from segment_assets.clean_room.conditions import plain
from segment_assets.clean_room.custom import clauses
from segment_assets.clean_room.custom.scopes import Origin, Query, Resolution
from segment_assets.clean_room.custom_rule import Custom
from segment_assets.clean_room.reasons import Finding, at

# They can show one person's value, so a group's size must be shown beside them.
SINGLE = (
    exp.Min, exp.Max, exp.Quantile, exp.ApproxQuantile, exp.PercentileCont, exp.PercentileDisc, exp.Median,
    exp.ArrayAgg, exp.ArrayUniqueAgg, exp.Lag, exp.Lead,
)  # fmt: skip
QUALIFYING = (exp.Avg, exp.Count, exp.Sum)
COUNTS = (exp.Count, exp.ApproxDistinct)
_RANKS = (exp.RowNumber, exp.Rank, exp.DenseRank)


def check(resolution: Resolution) -> Iterator[Finding]:
    """What the thresholds of a query's tables do not allow."""
    for query in resolution.queries:
        if not isinstance(query.node, exp.Select):
            continue
        rules = [(t.name, t.rule) for t in query.tables() if isinstance(t.rule, Custom) and t.rule.threshold]
        if not rules:
            continue
        columns_only = [
            n for n, r in rules if r.threshold and r.threshold.allowed_aggregate_expression_type == "COLUMNS_ONLY"
        ]
        if columns_only:
            yield from _columns_only(query, resolution, columns_only[0])
        yield from _qualifying(query, rules[0][0])


def _columns_only(query: Query, resolution: Resolution, table: str) -> Iterator[Finding]:
    for node in clauses.own_nodes(query):
        if not isinstance(node, exp.AggFunc) or isinstance(node, _RANKS):
            continue
        for argument in arguments(node):
            if not _is_column(argument, resolution):
                message = "an aggregate takes a column, and no expression (COLUMNS_ONLY)"
                rule = f"{table}.aggregationThresholds.allowedAggregateExpressionType"
                yield at(node, "AGGREGATE_ARGUMENT_NOT_COLUMN", message, rule=rule)
                break


def arguments(node: exp.Expr) -> Iterator[exp.Expr]:
    """What an aggregate is computed from."""
    for child in node.iter_expressions():
        yield from child.expressions if isinstance(child, exp.Distinct) else [child]


def _is_column(node: exp.Expr, resolution: Resolution) -> bool:
    node = plain(node)
    if isinstance(node, exp.Star | exp.Var | exp.Order):
        return True
    found: Origin = resolution.origin(node)
    if not isinstance(node, exp.Column):
        return found.constant and not found.sources
    return not found.computed


def _qualifying(query: Query, table: str) -> Iterator[Finding]:
    shown = [n for item in query.select.expressions for n in item.walk() if isinstance(n, QUALIFYING)]
    if shown:
        return
    for node in clauses.own_nodes(query):
        if isinstance(node, SINGLE):
            message = f"{node.key.upper()} needs an AVG, COUNT or SUM beside it in SELECT"
            yield at(node, "AGGREGATE_NOT_QUALIFYING", message, rule=f"{table}.aggregationThresholds")


def exempt(query: Query) -> bool:
    """Whether AWS removes nothing: counts alone, over one table, without join, WHERE or grouping."""
    select = query.select
    one = len(query.relations) == 1 and next(iter(query.relations.values())).table is not None
    bare = not any(select.args.get(c) for c in ("where", "group", "having", "joins", "distinct"))
    return one and bare and all(counts_alone(plain(item)) for item in select.expressions)


def counts_alone(item: exp.Expr) -> bool:
    """Whether an item counts rows or columns: COUNT(CASE WHEN ... END) has a WHERE inside, and is no such count."""
    return isinstance(item, COUNTS) and all(
        isinstance(plain(a), exp.Star | exp.Column | exp.Literal) for a in arguments(item)
    )


def row_minimum(resolution: Resolution, table: ConfiguredTable) -> int:
    """How many identities of a table every row of the result must rest on; 0 where every column is exempt.

    The largest of its columns' minimums: of each, the largest override of the columns of the table it comes from, and
    the rule's own where it comes from none, or from one without an override.
    """
    rule = table.rule
    if not isinstance(rule, Custom) or not rule.threshold:
        return 0
    final = resolution.final
    if not final.branches and exempt(final):
        return 0
    own = rule.threshold.minimum_identity_count
    overrides = {t.output_column_name: t.minimum_identity_count for t in rule.threshold.output_column_thresholds or []}
    found = []
    for _, origin in final.outputs:
        columns = [column for name, column in origin.sources if name == table.name]
        found.append(max((overrides.get(c, own) for c in columns), default=own))
    return max(found, default=own)
