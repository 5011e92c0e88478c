"""The aggregation rule: sums, counts and averages by dimension.

Grammar: page analysis-rules-aggregation of the AWS Clean Rooms user guide. The minimum itself is not checked here: it
is added to the query (rewrite.py) and recomputed from the source tables (thresholds.py).
"""

from collections.abc import Iterator

from sqlglot import exp

from segment_assets.clean_room import conditions, functions, joins, rules
from segment_assets.clean_room.custom_rule import IdMapping
from segment_assets.clean_room.dialect import written
from segment_assets.clean_room.names import Resolved
from segment_assets.clean_room.reasons import Finding, at
from segment_assets.clean_room.surface import is_function

_COMPARISONS = exp.EQ | exp.NEQ | exp.GT | exp.GTE | exp.LT | exp.LTE
_AGGREGATES: dict[type[exp.Expr], str] = {exp.Sum: "SUM", exp.Count: "COUNT", exp.Avg: "AVG"}


def check(query: Resolved, runner: str) -> Iterator[Finding]:
    """Everything in a resolved query that the aggregation rules of its tables do not allow."""
    yield from _Check(query).run(runner)


class _Check:
    def __init__(self, query: Resolved) -> None:
        self.tree = query.tree
        self.query = query
        self.ruled = {k: t.rule for k, t in query.relations.items() if isinstance(t.rule, rules.Aggregation)}
        self.mapped = {k: t.rule for k, t in query.relations.items() if isinstance(t.rule, IdMapping)}
        # The most restrictive control of all tables of the query wins (a switch in AWS's documents: agg-049).
        self.scalars = set.intersection(*(set(rule.scalar_functions) for rule in self.ruled.values()))

    def run(self, runner: str) -> Iterator[Finding]:
        tree = self.tree
        for item in tree.expressions:
            yield from self.item(conditions.plain(item))
        if not any(item.find(exp.AggFunc) for item in tree.expressions):
            yield at(tree, "NO_AGGREGATE", "an aggregation rule requires an aggregate in SELECT")
        if tree.args.get("limit"):
            yield at(tree.args["limit"], "LIMIT_NOT_ALLOWED", "an aggregation rule allows no LIMIT")
        if tree.args.get("distinct"):
            yield at(tree, "CLAUSE_NOT_ALLOWED", "an aggregation rule allows no SELECT DISTINCT")
        found, graph = joins.check(self.query, {**self.ruled, **self.mapped})
        yield from found
        required = {label for label, rule in self.ruled.items() if rule.join_required}
        yield from joins.not_connected(self.query, graph, required, runner)
        if where := tree.args.get("where"):
            yield from conditions.check(where.this, self.dimension, self.scalar)
        for node in group_by(tree):
            yield from self.item(conditions.plain(node), aggregates=False)
        if having := tree.args.get("having"):
            yield from self.having(having.this)
        for node in tree.args["order"].expressions if tree.args.get("order") else ():
            yield from self.item(conditions.plain(node.this))
        yield from self.ungrouped()

    def item(self, node: exp.Expr, *, aggregates: bool = True) -> Iterator[Finding]:
        if isinstance(node, exp.Star) or (isinstance(node, exp.Column) and isinstance(node.this, exp.Star)):
            yield at(node, "SELECT_STAR", "name the columns: * is not allowed")
        elif isinstance(node, exp.AggFunc):
            if not aggregates:
                yield at(node, "COLUMN_NOT_DIMENSION", "GROUP BY takes dimension columns, and no aggregate")
            yield from self.aggregate(node)
        elif isinstance(node, exp.Column):
            yield from self.dimension(node)
        elif conditions.is_literal(node):
            return
        elif is_function(node):
            yield from self.scalar(node)
        elif not isinstance(node, exp.Window):
            yield at(node, "SYNTAX_NOT_ALLOWED", "only columns, aggregates and scalar functions are allowed here")

    def aggregate(self, node: exp.Expr) -> Iterator[Finding]:
        column, name = aggregated(node)
        if column is None:
            yield at(node, "AGGREGATE_ARGUMENT_NOT_COLUMN", "an aggregate takes one column, and no expression")
            return
        if column.table in self.mapped:  # mapping.py judges an ID mapping table's columns
            return
        rule = self.ruled[column.table]
        if name not in rule.functions_of(column.name):
            listed = ", ".join(sorted(rule.functions_of(column.name))) or "none"
            message = f'{name} of "{column.name}" is not in aggregateColumns (functions of this column: {listed})'
            yield at(column, "AGGREGATE_NOT_ALLOWED_FOR_COLUMN", message)

    def dimension(self, node: exp.Expr) -> Iterator[Finding]:
        label = str(node.args["table"].name)
        if label in self.mapped:
            return
        allowed = self.ruled[label].dimension_columns
        if node.name not in allowed:
            message = f'"{node.name}" is no dimension column (dimension columns: {", ".join(allowed) or "none"})'
            yield at(node, "COLUMN_NOT_DIMENSION", message)

    def scalar(self, node: exp.Expr) -> Iterator[Finding]:
        names = functions.names(node)
        if not names & self.scalars:
            called = min(names, default=written(node))
            listed = ", ".join(sorted(self.scalars)) or "none"
            message = f"{called} is not in every table's scalarFunctions (in every one: {listed})"
            yield at(node, "SCALAR_FUNCTION_NOT_ALLOWED", message)
        for argument in functions.arguments(node):
            if isinstance(argument, exp.Column):
                yield from self.dimension(argument)
            elif is_function(argument):
                yield at(argument, "SCALAR_FUNCTION_NESTED", "a function inside a function is not allowed")
                if not isinstance(argument, exp.AggFunc):
                    yield from self.scalar(argument)
            elif names and not conditions.is_literal(argument):
                yield at(argument, "SYNTAX_NOT_ALLOWED", "a scalar function takes columns and literals")

    def having(self, node: exp.Expr) -> Iterator[Finding]:
        if isinstance(node, exp.Paren):
            yield from self.having(node.this)
        elif isinstance(node, exp.And | exp.Or):
            yield from self.having(node.this)
            yield from self.having(node.expression)
        else:
            sides = [node.this, node.expression] if isinstance(node, _COMPARISONS) else []
            aggregates = [side for side in sides if isinstance(side, exp.AggFunc)]
            if len(aggregates) != 1 or not any(conditions.is_number(side) for side in sides):
                yield at(node, "HAVING_INVALID", "HAVING compares an aggregate with a number")
            for aggregate in aggregates:
                yield from self.aggregate(aggregate)

    def ungrouped(self) -> Iterator[Finding]:
        # Spark refuses such a query as well, after it was paid for.
        grouped = {conditions.plain(node) for node in group_by(self.tree)}
        ordered = self.tree.args["order"].expressions if self.tree.args.get("order") else []
        for node in map(conditions.plain, [*self.tree.expressions, *(o.this for o in ordered)]):
            if node in grouped or isinstance(node, exp.AggFunc | exp.Star):
                continue
            for column in node.find_all(exp.Column):
                if column not in grouped and not column.find_ancestor(exp.AggFunc) and not column.is_star:
                    yield at(column, "COLUMN_NOT_DIMENSION", f'"{column.name}" must be in GROUP BY')


def group_by(tree: exp.Select) -> list[exp.Expr]:
    """The expressions of GROUP BY; none where there is no such clause."""
    group = tree.args.get("group")
    return list(group.expressions) if group else []


def aggregated(node: exp.Expr) -> tuple[exp.Column | None, str]:
    """The column an aggregate is over, and the aggregate's name in AWS's vocabulary."""
    argument = node.this
    name = _AGGREGATES.get(type(node), written(node))
    if isinstance(argument, exp.Distinct):
        name += "_DISTINCT"
        argument = argument.expressions[0] if len(argument.expressions) == 1 else None
    more = [v for k, v in node.args.items() if k not in ("this", "big_int") and v and type(node) in _AGGREGATES]
    column = conditions.plain(argument) if isinstance(argument, exp.Expr) else None
    return (column if isinstance(column, exp.Column) and not more and not column.is_star else None), name
