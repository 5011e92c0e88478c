"""The list rule: which rows overlap, shown by listed columns only.

Grammar: page analysis-rules-list of the AWS Clean Rooms user guide.
"""

from collections.abc import Iterator

from sqlglot import exp

from segment_assets.clean_room import conditions, joins, rules, surface
from segment_assets.clean_room.custom_rule import IdMapping
from segment_assets.clean_room.names import Resolved
from segment_assets.clean_room.reasons import Finding, at

_CLAUSES = {"group": "GROUP BY", "having": "HAVING", "order": "ORDER BY"}


def check(query: Resolved, runner: str) -> Iterator[Finding]:
    """Everything in a resolved query that the list rules of its tables do not allow."""
    tree = query.tree
    ruled = {label: t.rule for label, t in query.relations.items() if isinstance(t.rule, rules.List)}

    mapped = {label: t.rule for label, t in query.relations.items() if isinstance(t.rule, IdMapping)}

    def column(node: exp.Expr) -> Iterator[Finding]:
        label = str(node.args["table"].name)
        allowed = ruled[label].list_columns if label in ruled else []
        if node.name not in allowed and label not in mapped:  # mapping.py judges an ID mapping table's columns
            message = f'"{node.name}" is no list column (list columns: {", ".join(allowed) or "none"})'
            yield at(node, "COLUMN_NOT_LISTABLE", message)

    def function(node: exp.Expr) -> Iterator[Finding]:
        yield at(node, "FUNCTION_NOT_ALLOWED", "a list rule allows no functions")

    for item in tree.expressions:
        yield from _item(item.unalias(), column)
    distinct = tree.args.get("distinct")
    if distinct is None:
        yield at(tree, "DISTINCT_REQUIRED", "a list rule requires SELECT DISTINCT")
    for clause, name in _CLAUSES.items():
        if node := tree.args.get(clause):
            yield at(node, "CLAUSE_NOT_ALLOWED", f"a list rule allows no {name}")
    if limit := tree.args.get("limit"):
        number = limit.expression
        if not (surface.is_size(number) and number.name.isdigit() and int(number.name) > 0):
            message = f"LIMIT takes a positive whole number up to {surface.MOST_ROWS:,}"
            yield at(limit, "LIMIT_NOT_ALLOWED", message)
    found, graph = joins.check(query, {**ruled, **mapped})
    yield from found
    yield from joins.not_connected(query, graph, set(query.relations), runner)
    if where := tree.args.get("where"):
        yield from conditions.check(where.this, column, function)


def _item(node: exp.Expr, column: conditions.Judge) -> Iterator[Finding]:
    if isinstance(node, exp.Star) or (isinstance(node, exp.Column) and isinstance(node.this, exp.Star)):
        yield at(node, "SELECT_STAR", "name the columns: * is not allowed")
    elif isinstance(node, exp.Column):
        yield from column(node)
    else:
        yield at(node, "SELECT_ITEM_NOT_COLUMN", "a list rule allows columns in SELECT, and no expressions")
