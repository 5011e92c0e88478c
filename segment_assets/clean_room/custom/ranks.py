"""Orders that decide which rows are taken: ORDER BY with LIMIT is what `ROW_NUMBER() ... <= n` is.

`ORDER BY MD5(CONCAT('7578', person)) DESC LIMIT 301` of 302 people leaves one of them out, and the number is made so
that it is the one who is meant. So an order that takes rows is compared with a literal, each of its columns alone.
That is so below the final SELECT wherever something in the program takes rows in their order (LIMIT, OFFSET, a list),
and for what a window shows in an order: a rank, which a count of all rows is compared with as well as a literal, a sum
over all rows but the last, a neighbour. In the final SELECT an order by what is released anyway tells nothing new.
"""

from collections.abc import Iterator

from sqlglot import exp

from segment_assets.clean_room.conditions import plain
from segment_assets.clean_room.custom import clauses
from segment_assets.clean_room.custom.scopes import BLUNT, Origin, Query, Resolution

_TAKES = (exp.Limit, exp.Offset, exp.ArrayAgg)
_RANKS = (exp.RowNumber, exp.Rank, exp.DenseRank)  # in the final SELECT they are judged where they are compared


def taking(resolution: Resolution) -> Iterator[tuple[exp.Expr, Origin]]:
    """Each value by which rows are taken: the term of ORDER BY, and where it comes from."""
    nested = any(query.node.find(*_TAKES) is not None for query in resolution.queries)
    for query in resolution.queries:
        final = query is resolution.final
        taken = query.node.args.get("limit") or query.node.args.get("offset")
        if taken if final else nested:
            yield from _terms(query.node.args.get("order"), query, resolution, final=final)
        for node in clauses.own_nodes(query) if isinstance(query.node, exp.Select) else ():
            if isinstance(node, exp.Window) and not (final and isinstance(node.this, _RANKS)):
                yield from _terms(node.args.get("order"), query, resolution, final=final)


def _terms(
    order: exp.Expr | None, query: Query, resolution: Resolution, *, final: bool
) -> Iterator[tuple[exp.Expr, Origin]]:
    for term in order.expressions if order is not None else ():
        if not (final and _is_released(term.this, query)):
            yield term, _meant(term.this, query, resolution)


def _meant(value: exp.Expr, query: Query, resolution: Resolution) -> Origin:
    """Where a term of ORDER BY comes from: a number stands for the output of that place."""
    if isinstance(value, exp.Literal) and value.name.isdigit() and 1 <= int(value.name) <= len(query.outputs):
        return query.outputs[int(value.name) - 1][1]
    return resolution.origin(value)


def _is_released(value: exp.Expr, query: Query) -> bool:
    """Whether the final query shows what it is ordered by, or all that this is computed from."""
    if query.branches or isinstance(value, exp.Literal):
        return True  # a set operation is ordered by its outputs, and so is whatever a number stands for
    items = [plain(item) for item in query.select.expressions]
    aliases = {item.alias.lower() for item in query.select.expressions if isinstance(item, exp.Alias)}
    if value in items or (isinstance(value, exp.Column) and not value.table and value.name.lower() in aliases):
        return True
    shown = {_name(c) for c in items if isinstance(c, exp.Column | exp.Star)}

    def stands(column: exp.Column) -> bool:
        table, name = _name(column)
        named_so = (table, name) in shown or ("", name) in shown or (not table and name in {n for _, n in shown})
        return named_so or ("", "*") in shown or column.find_ancestor(*BLUNT) is not None

    return value.find(exp.Query) is None and all(stands(column) for column in value.find_all(exp.Column))


def _name(column: exp.Expr) -> tuple[str, str]:
    if isinstance(column, exp.Column):
        return column.table.lower(), column.name.lower()
    return "", "*"
