"""What Spark itself refuses, whatever the rules allow: told before the query is paid for, and not after."""

from collections.abc import Iterable, Iterator

from sqlglot import exp

from segment_assets.clean_room import names
from segment_assets.clean_room.conditions import plain
from segment_assets.clean_room.custom import clauses
from segment_assets.clean_room.custom.comparisons import is_condition
from segment_assets.clean_room.custom.groups import is_of_groups
from segment_assets.clean_room.custom.privacy_joins import protected, user_id
from segment_assets.clean_room.custom.scopes import Query, Resolution, walk
from segment_assets.clean_room.reasons import Finding, at

_NUMBERS = (exp.Literal, exp.Neg, exp.Add, exp.Sub, exp.Mul, exp.Div, exp.IntDiv, exp.Mod)


def check(resolution: Resolution) -> Iterator[Finding]:
    """Queries of a program that no Spark would run."""
    if not all(relation.columns for query in resolution.queries for relation in query.relations.values()):
        return  # a table that is not offered: what its columns would be is not known
    for query in resolution.queries:
        yield from _width(query)
        yield from names.ordinals(query.node, len(query.outputs))
        if isinstance(query.node, exp.Select):
            yield from _misplaced(query)
            yield from _conditions(query, resolution)
            if clauses.is_aggregated(query) and not _is_rolled(query) and not _judged_by_privacy(query, resolution):
                yield from _ungrouped(query, resolution)


def _width(query: Query) -> Iterator[Finding]:
    widths = [len(side.outputs) for side in query.branches]
    if len(set(widths)) > 1:
        message = f"the sides of {query.node.key.upper()} have {widths[0]} and {widths[1]} columns"
        yield at(query.node, "SYNTAX_NOT_ALLOWED", f"{message}: select as many in both")
    holder = query.node.parent
    while isinstance(holder, exp.Subquery):
        holder = holder.parent
    if query.place != "expression" or isinstance(holder, exp.Exists):
        return
    asked = plain(holder.this) if isinstance(holder, exp.In) else None
    wanted = len(asked.expressions) if isinstance(asked, exp.Tuple) else 1
    if len(query.outputs) != wanted:
        message = f"a query that stands for a value, or in IN, selects as many columns as are asked for: {wanted}"
        yield at(query.node, "SYNTAX_NOT_ALLOWED", message)


def _misplaced(query: Query) -> Iterator[Finding]:
    select = query.select
    places = [("WHERE", select.args.get("where")), *(("GROUP BY", key) for key in clauses.group_keys(query))]
    places += [("ON", join.args.get("on")) for join in select.args.get("joins") or ()]
    for word, place in places:
        for node in walk(place) if isinstance(place, exp.Expr) else ():
            if isinstance(node, exp.Window) or (isinstance(node, exp.AggFunc) and not clauses.windowed(node)):
                mend = "compare it in HAVING, or compute it in a CTE" if word == "WHERE" else "compute it in a CTE"
                yield at(node, "SYNTAX_NOT_ALLOWED", f"{word} sees single rows, and no aggregate or window: {mend}")
                break
    for outer in clauses.aggregates(query):
        for node in walk(outer):
            if node is not outer and isinstance(node, exp.AggFunc | exp.Window):
                message = "an aggregate inside an aggregate is not allowed: compute the inner one in a CTE"
                yield at(outer, "SYNTAX_NOT_ALLOWED", message)
                break


def _conditions(query: Query, resolution: Resolution) -> Iterator[Finding]:
    types = {(t.name, column): kind for t in query.tables() for column, kind in t.columns.items()}
    for node in clauses.own_nodes(query):
        if not is_condition(node):
            continue
        direct = resolution.origin(node).direct if isinstance(node, exp.Column) else None
        of_text = direct is not None and types.get(direct, "BOOLEAN") != "BOOLEAN"
        converted = isinstance(node, exp.Cast) and not node.to.is_type(exp.DType.BOOLEAN)
        if of_text or converted or isinstance(node, _NUMBERS):
            yield at(node, "SYNTAX_NOT_ALLOWED", "a condition is true or false, and this is a value: compare it")


def _is_rolled(query: Query) -> bool:
    """Whether GROUP BY is one that is refused anyway (surface.py), whose keys are not where those of others are."""
    group = query.select.args.get("group")
    return group is not None and group.find(exp.Cube, exp.Rollup, exp.GroupingSets) is not None


def _judged_by_privacy(query: Query, resolution: Resolution) -> bool:
    """Whether differential privacy has codes of its own for what stands beside groups here."""
    users = {u for r in protected(query) if (u := user_id(r)) is not None}
    keys = {resolution.origin(key).direct for key in clauses.group_keys(query)}
    return bool(protected(query)) and (query.place == "final" or not users & keys)


def _ungrouped(query: Query, resolution: Resolution) -> Iterator[Finding]:
    keys = clauses.group_keys(query)
    columns = {c for r in query.relations.values() for c in r.columns}
    outside = {c.name.lower() for c in query.node.find_all(exp.Column)} - columns
    aliases = {item.alias.lower() for item in query.select.expressions if isinstance(item, exp.Alias)}
    for item in query.select.expressions:
        if clauses.has_star(item):
            if not {name for name, _ in query.outputs} <= {key.name.lower() for key in keys}:
                yield at(item, "SYNTAX_NOT_ALLOWED", "* beside groups selects single rows: name the columns")
        else:
            yield from _single(item, query, keys, resolution, outside)
    having, order = query.select.args.get("having"), query.select.args.get("order")
    for value in [having.this] if having is not None else ():
        yield from _single(value, query, keys, resolution, outside)
    for term in order.expressions if order is not None else ():
        yield from _single(term.this, query, keys, resolution, outside | aliases)


def _single(
    value: exp.Expr, query: Query, keys: list[exp.Expr], resolution: Resolution, outputs: Iterable[str]
) -> Iterator[Finding]:
    # A query inside sees the groups as rows; what it may see of them is Spark's to say.
    if not is_of_groups(value, query, keys, resolution, set(outputs), lambda _: True):
        named = next((c.name for c in plain(value).find_all(exp.Column)), "a value")
        message = f'"{named}" is of single rows beside groups: aggregate it, or put it into GROUP BY'
        yield at(value, "SYNTAX_NOT_ALLOWED", message)
