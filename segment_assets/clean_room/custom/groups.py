"""Values of a SELECT that makes groups: aggregates, keys, and what is computed of these."""

from collections.abc import Callable, Collection

from sqlglot import exp

from segment_assets.clean_room.conditions import plain
from segment_assets.clean_room.custom.scopes import Query, Resolution, nested


def is_of_groups(
    node: exp.Expr,
    query: Query,
    keys: list[exp.Expr],
    resolution: Resolution,
    outputs: Collection[str],
    inner: Callable[[exp.Expr], bool],
) -> bool:
    """Whether a value is an aggregate, a group's key, or computed of these: nothing of a single row.

    Args:
        node: the value.
        query: the SELECT it stands in.
        keys: of its groups.
        resolution: of the whole program.
        outputs: names that mean outputs of the SELECT here.
        inner: whether a query inside the value may stand there.
    """
    node = plain(node)
    if isinstance(node, exp.AggFunc | exp.Window | exp.WithinGroup) or any(
        _is_same(node, key, resolution) for key in keys
    ):
        return True
    if isinstance(node, exp.Column):
        return not node.table and node.name.lower() in outputs
    if nested(node) is not None:
        return inner(node)
    return all(is_of_groups(child, query, keys, resolution, outputs, inner) for child in node.iter_expressions())


def _is_same(one: exp.Expr, other: exp.Expr, resolution: Resolution) -> bool:
    """The same expression over the same columns, with or without parentheses and the names of their tables."""
    return _bare(one) == _bare(other) and resolution.origin(one).sources == resolution.origin(other).sources


def _bare(node: exp.Expr) -> exp.Expr:
    whole = exp.Paren(this=node.copy())
    for part in reversed(list(whole.walk(bfs=False))):
        if isinstance(part, exp.Column):
            part.replace(exp.column(part.name.lower()))
        elif isinstance(part, exp.TryCast) and not part.args.get("safe"):
            part.replace(exp.Cast(this=part.this, to=part.to))  # STRING(x) and CAST(x AS STRING) are one
        elif isinstance(part, exp.Paren) and part is not whole:
            part.replace(part.this)
    return plain(whole)
