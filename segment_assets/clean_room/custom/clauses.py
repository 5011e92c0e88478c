"""Parts of a SELECT that several rules ask for."""

from collections.abc import Iterator

from sqlglot import exp

from segment_assets.clean_room.conditions import plain
from segment_assets.clean_room.custom.scopes import Query, walk

CLAUSES = ("where", "group", "having", "windows", "order")


def group_keys(query: Query) -> list[exp.Expr]:
    """GROUP BY with ordinals and aliases replaced by what they stand for."""
    group = query.select.args.get("group")
    return [resolved(query, key) for key in group.expressions] if group else []


def resolved(query: Query, key: exp.Expr) -> exp.Expr:
    """What an ordinal or an alias in GROUP BY or ORDER BY stands for."""
    items = query.select.expressions
    if isinstance(key, exp.Literal) and not key.is_string and key.name.isdigit() and 1 <= int(key.name) <= len(items):
        return plain(items[int(key.name) - 1])
    if isinstance(key, exp.Column) and not key.table:
        columns = {c for r in query.relations.values() for c in r.columns}
        for item in items:
            if isinstance(item, exp.Alias) and item.alias.lower() == key.name.lower() not in columns:
                return plain(item)
    return plain(key)


def has_star(node: exp.Expr) -> bool:
    """`*` or `t.*` as an item of SELECT."""
    return isinstance(node, exp.Star) or (isinstance(node, exp.Column) and isinstance(node.this, exp.Star))


def own_nodes(query: Query, *, joins: bool = True) -> Iterator[exp.Expr]:
    """Every node of a SELECT's own expressions: not those of queries in FROM or inside expressions."""
    select = query.select
    for item in select.expressions:
        yield from walk(item)
    for join in select.args.get("joins") or () if joins else ():
        if join.args.get("on") is not None:
            yield from walk(join.args["on"])
    for name in CLAUSES:
        value = select.args.get(name)
        for clause in value if isinstance(value, list) else [value]:
            if clause is not None:
                yield from walk(clause)


def aggregates(query: Query) -> Iterator[exp.Expr]:
    """Aggregates of a SELECT's own expressions that are no window functions."""
    for node in own_nodes(query):
        if isinstance(node, exp.AggFunc) and not windowed(node):
            yield node


def windowed(node: exp.Expr) -> bool:
    """Whether a function is the function of a window."""
    parent = node.parent
    while isinstance(parent, exp.IgnoreNulls | exp.RespectNulls | exp.WithinGroup):
        parent = parent.parent
    return isinstance(parent, exp.Window)


def is_aggregated(query: Query) -> bool:
    """Whether a SELECT makes groups of its rows."""
    return bool(query.select.args.get("group")) or next(aggregates(query), None) is not None
