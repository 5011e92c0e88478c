"""From an accepted query to what the engine runs: rendered from the tree, the user's text is never executed.

The minimum group size of every table joins HAVING on the tree, in parentheses and qualified: text appended after the
runner's `OR` released a group of 20. Every row has a place in a total order. Casts give null where Spark gives null.
"""

from dataclasses import dataclass
from datetime import date

from sqlglot import exp

from segment_assets.clean_room import aggregation_rule, conditions, minimums, rules, spark
from segment_assets.clean_room.equal_columns import merged
from segment_assets.clean_room.names import Resolved, output_name

ANY_DAY = date(2000, 1, 1)  # for whoever only shows what would run


@dataclass(frozen=True)
class Rewritten:
    """What the engine runs.

    Attributes:
        sql: DuckDB's dialect; its columns are c0, c1, ...
        names: the result's column names, in order.
    """

    sql: str
    names: tuple[str, ...]


def rewrite(query: Resolved, as_of: date | None) -> Rewritten:
    """The query with its output constraints, in DuckDB's dialect.

    Args:
        query: an accepted query.
        as_of: day of the data: what CURRENT_DATE and GETDATE() mean.

    Raises:
        spark.NotExecutableError: a function that this engine does not run.
    """
    tree = query.tree.copy()
    names = tuple(output_name(item) for item in tree.expressions)
    _constrain(tree, query)
    tree.set("hint", None)
    _drop_constant_groups(tree)
    tree.set(
        "expressions", [exp.alias_(item.unalias(), f"c{i}", quoted=True) for i, item in enumerate(tree.expressions)]
    )
    _total_order(tree)
    executable = spark.to_duckdb(tree, query, as_of)
    return Rewritten(executable.sql(dialect="duckdb", comments=False), names)


def members(query: Resolved, column: exp.Column, as_of: date | None, *, distinct: bool = True) -> Rewritten:
    """Which identities stand behind each group: (group keys..., identity), distinct, without any minimum.

    For the independent recomputation of group sizes; never shown to anyone.
    """
    tree = query.tree.copy()
    keys = [conditions.plain(i) for i in tree.expressions if not i.find(exp.AggFunc)]
    for clause in ("hint", "group", "having", "order", "limit"):
        tree.set(clause, None)
    tree.set("expressions", [exp.alias_(e.copy(), f"c{i}", quoted=True) for i, e in enumerate([*keys, column])])
    tree.set("distinct", exp.Distinct() if distinct else None)
    executable = spark.to_duckdb(tree, query, as_of)
    return Rewritten(executable.sql(dialect="duckdb", comments=False), tuple(f"c{i}" for i in range(len(keys) + 1)))


def constraints(query: Resolved) -> list[tuple[exp.Column, int]]:
    """Every (column, minimum) of every table of the query."""
    found = [
        (exp.column(constraint.column_name, table=label, quoted=True), constraint.minimum)
        for label, table in query.relations.items()
        if isinstance(table.rule, rules.Aggregation)
        for constraint in table.rule.output_constraints
    ]
    return found + minimums.of_custom_rules(query)


def _constrain(tree: exp.Select, query: Resolved) -> None:
    required = [
        exp.GTE(this=exp.Count(this=exp.Distinct(expressions=[column])), expression=exp.Literal.number(minimum))
        for column, minimum in merged(tree, constraints(query))
    ]
    if not required:
        return
    minimums.make_groups(tree)
    having = tree.args.get("having")
    terms = [exp.paren(having.this, copy=False)] if having else []
    tree.set("having", exp.Having(this=exp.and_(*terms, *required)))


def _drop_constant_groups(tree: exp.Select) -> None:
    # A literal in GROUP BY groups nothing; DuckDB would read a number as an ordinal.
    keys = [k for k in aggregation_rule.group_by(tree) if not conditions.is_literal(conditions.plain(k))]
    tree.set("group", exp.Group(expressions=keys) if keys else None)


def _total_order(tree: exp.Select) -> None:
    order = tree.args.get("order")
    wanted = list(order.expressions) if order else []
    wanted = [o for o in wanted if not conditions.is_literal(conditions.plain(o.this))]
    every = [exp.Ordered(this=exp.column(f"c{i}", quoted=True), nulls_first=True) for i in range(len(tree.expressions))]
    tree.set("order", exp.Order(expressions=[*wanted, *every]))
