"""ID mapping tables: a bridge between two members' identifiers, joined on both sides, never shown.

"Rows for the overlap only" and the accepted outer joins contradict each other in AWS's documents: outer joins are
accepted where the bridge is on the inner side (a switch).
"""

from collections.abc import Iterator

from sqlglot import exp

from segment_assets.clean_room.conditions import conjuncts
from segment_assets.clean_room.custom import clauses
from segment_assets.clean_room.custom.scopes import Query, Relation, Resolution, Source, walk
from segment_assets.clean_room.custom_rule import IdMapping
from segment_assets.clean_room.reasons import Finding, at


def check(resolution: Resolution) -> Iterator[Finding]:
    """What the rules of ID mapping tables do not allow."""
    for query in resolution.queries:
        if not isinstance(query.node, exp.Select):
            continue
        for relation in query.relations.values():
            if relation.table and isinstance(relation.table.rule, IdMapping):
                yield from _relation(query, relation, relation.table.rule, resolution)
    yield from _shown(resolution)


def _relation(query: Query, relation: Relation, rule: IdMapping, resolution: Resolution) -> Iterator[Finding]:
    name = relation.table.name if relation.table else ""
    joined: set[str] = set()
    partners: set[str] = set()
    for i, join in enumerate(query.select.args.get("joins") or ()):
        on = join.args.get("on")
        if on is None:
            continue
        pairs = [p for leaf in conjuncts(on) for p in _matched(leaf, relation)]
        mine = {column for column, _ in pairs}
        if mine and _is_outer(join, i, query, relation):
            message = f"{name} is on the outer side of a join: write t LEFT JOIN {name}, or INNER JOIN"
            yield at(join, "IDMT_OUTER_SIDE", message, rule=f"{name}.queryConstraints")
        if mine and join.kind != "ANTI":
            joined |= mine
            partners |= {partner for _, partner in pairs}
    if rule.overlap <= joined and len(rule.overlap) > 1 and len(partners) == 1:
        joined.clear()  # both sides of the bridge stand on one table
    if missing := sorted(rule.overlap - joined):
        message = f'"{missing[0]}" of {name} must be joined to a table, so that only the overlap of both sides shows'
        yield at(relation.node, "IDMT_OVERLAP_REQUIRED", message, rule=f"{name}.queryConstraints.requireOverlap")


def _is_outer(join: exp.Join, index: int, query: Query, relation: Relation) -> bool:
    own = list(query.relations.values()).index(relation) == index + 1  # the relation this join brings
    if join.side == "FULL" or join.kind == "ANTI":
        return True
    return join.side == ("RIGHT" if own else "LEFT")


def _matched(leaf: exp.Expr, relation: Relation) -> Iterator[tuple[str, str]]:
    """The column of the mapping table that a condition matches with another table's column, and that table."""
    sides = (leaf.this, leaf.expression) if isinstance(leaf, exp.EQ) else ()
    if len(sides) != 2 or not all(isinstance(s, exp.Column) for s in sides):
        return
    mine = [_belongs(s, relation) for s in sides]
    if sum(mine) == 1:
        yield sides[mine.index(True)].name.lower(), sides[mine.index(False)].table.lower()


def _belongs(column: exp.Expr, relation: Relation) -> bool:
    if not isinstance(column, exp.Column):
        return False
    if column.table:
        return column.table.lower() == relation.alias
    return column.name.lower() in relation.columns


def _shown(resolution: Resolution) -> Iterator[Finding]:
    hidden = _protected(resolution)
    for query in resolution.queries:
        if not hidden or not isinstance(query.node, exp.Select):
            continue
        if any(clauses.has_star(i) for i in query.select.expressions):
            for source in sorted({s for _, o in query.outputs for s in o.sources} & hidden):
                yield _finding(query.select.expressions[0], source)
        for node in clauses.own_nodes(query, joins=False):
            if isinstance(node, exp.Column):
                for source in sorted(resolution.origin(node).sources & hidden):
                    yield _finding(node, source)
        for join in query.select.args.get("joins") or ():
            yield from _in_join(join, resolution, hidden)


def _in_join(join: exp.Join, resolution: Resolution, hidden: set[Source]) -> Iterator[Finding]:
    for leaf in conjuncts(join.args["on"]) if join.args.get("on") is not None else ():
        sides = (leaf.this, leaf.expression) if isinstance(leaf, exp.EQ) else ()
        if sides and all(isinstance(s, exp.Column) for s in sides):
            continue
        for node in walk(leaf):
            if isinstance(node, exp.Column):
                for source in sorted(resolution.origin(node).sources & hidden):
                    yield _finding(node, source)


def _protected(resolution: Resolution) -> set[Source]:
    found: set[Source] = set()
    for query in resolution.queries:
        for relation in query.relations.values():
            if relation.table and isinstance(relation.table.rule, IdMapping):
                open_ = set(relation.table.rule.dimension_columns or [])
                found |= {(relation.table.name, c) for c in relation.table.columns if c not in open_}
    return found


def _finding(node: exp.Expr, source: Source) -> Finding:
    message = f'"{source[1]}" of {source[0]} may be used to join, and nowhere else'
    return at(node, "IDMT_COLUMN_NOT_ALLOWED", message, rule=f"{source[0]}.joinColumns")
