"""The minimum number of identities that custom rules ask of every row, for queries of one SELECT.

A row's minimum is the largest of its columns' minimums: the override of a column that has one, else the rule's own. An
override follows the column's lineage, not its alias, and may lower as well as raise (a switch in AWS's documents).
"""

from sqlglot import exp

from segment_assets.clean_room.collaboration import ConfiguredTable
from segment_assets.clean_room.conditions import plain
from segment_assets.clean_room.custom.thresholds import counts_alone
from segment_assets.clean_room.custom_rule import Custom
from segment_assets.clean_room.names import Resolved
from segment_assets.clean_room.rules import Aggregation


def of_custom_rules(query: Resolved) -> list[tuple[exp.Column, int]]:
    """Every (identity column, minimum) of the tables with a custom rule."""
    found = []
    for label, table in query.relations.items():
        rule = table.rule
        if isinstance(rule, Custom) and rule.identity and not exempt(query):
            minimum = max(_minimum(plain(item), label, rule) for item in query.tree.expressions)
            if minimum:
                found.append((exp.column(rule.identity, table=label, quoted=True), minimum))
    return found


def identity_of(table: ConfiguredTable) -> str | None:
    """The column of a table that a rule on it counts; the first where there are several."""
    rule = table.rule
    if isinstance(rule, Aggregation):
        return rule.output_constraints[0].column_name
    return rule.identity if isinstance(rule, Custom) else None


def exempt(query: Resolved) -> bool:
    """AWS removes nothing where only counts of one table leave, without join, WHERE or grouping."""
    tree = query.tree
    bare = not any(tree.args.get(c) for c in ("where", "group", "having", "joins", "distinct"))
    return len(query.relations) == 1 and bare and all(counts_alone(plain(i)) for i in tree.expressions)


def make_groups(tree: exp.Select) -> None:
    """Give a SELECT without groups the groups its rows stand for, so that each can be counted.

    SELECT DISTINCT has one group per row of the result. Plain rows are one person each: none of them leaves.
    """
    if tree.args.get("group") or any(item.find(exp.AggFunc) for item in tree.expressions):
        return
    if tree.args.get("distinct"):
        keys = [plain(item).copy() for item in tree.expressions]
        tree.set("group", exp.Group(expressions=keys))
        tree.set("distinct", None)
        return
    before = tree.args.get("where")
    nothing = exp.EQ(this=exp.Literal.number(1), expression=exp.Literal.number(0))
    tree.set("where", exp.Where(this=exp.and_(before.this, nothing) if before else nothing))
    order = tree.args.get("order")
    shown = [*tree.expressions, *(term.this for term in (order.expressions if order else ()))]
    tree.set("group", exp.Group(expressions=[plain(item).copy() for item in shown]))


def _minimum(item: exp.Expr, label: str, rule: Custom) -> int:
    threshold = rule.threshold
    if threshold is None:
        return 0
    overrides = {t.output_column_name: t.minimum_identity_count for t in threshold.output_column_thresholds or []}
    columns = [c for c in item.find_all(exp.Column) if c.table == label]
    if not columns:
        return threshold.minimum_identity_count
    return max(overrides.get(c.name, threshold.minimum_identity_count) for c in columns)
