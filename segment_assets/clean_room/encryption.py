"""Columns encrypted with C3R: what AWS runs, and documents as misleading.

AWS does not refuse such a query. Here it is a warning, and a refusal in strict mode.
"""

from collections.abc import Iterator, Mapping

from sqlglot import exp

from segment_assets.clean_room.circumstances import Circumstances
from segment_assets.clean_room.collaboration import Collaboration
from segment_assets.clean_room.conditions import plain
from segment_assets.clean_room.custom import clauses
from segment_assets.clean_room.custom.scopes import Query, Resolution, Source
from segment_assets.clean_room.custom.surface import is_call
from segment_assets.clean_room.reasons import Finding, at

_PREDICATES = (
    exp.EQ, exp.NEQ, exp.GT, exp.GTE, exp.LT, exp.LTE, exp.Like, exp.RegexpLike, exp.NullSafeEQ, exp.NullSafeNEQ,
    exp.Between, exp.In,
)  # fmt: skip
Types = Mapping[Source, str]


def check(resolution: Resolution, collaboration: Collaboration, state: Circumstances) -> Iterator[Finding]:
    """What misleads about encrypted columns."""
    types = {
        (name, column): kind
        for name, table in collaboration.tables.items()
        for column, kind in table.encryption.items()
        if kind != "cleartext"
    }
    if not types:
        return
    for query in resolution.queries:
        if isinstance(query.node, exp.Select):
            yield from _select(query, resolution, types, collaboration, state)


def _select(
    query: Query, resolution: Resolution, types: Types, collaboration: Collaboration, state: Circumstances
) -> Iterator[Finding]:
    nulls = state.encryption is not None and state.encryption.preserve_nulls
    for node in clauses.own_nodes(query):
        if isinstance(node, _PREDICATES):
            yield from _comparison(node, resolution, types, collaboration, state)
        elif isinstance(node, exp.Is) and isinstance(node.expression, exp.Null):
            if _kinds(node.this, resolution, types) and not nulls:
                message = "nulls of encrypted columns are random unless preserveNulls: IS NULL misleads"
                yield at(node, "C3R_GROUP_BY_FINGERPRINT", message)
        elif isinstance(node, exp.AggFunc):
            yield from _aggregate(node, resolution, types)
        elif is_call(node) and not node.find(exp.AggFunc) and "sealed" in _kinds(node, resolution, types):
            yield at(node, "C3R_SEALED_AGGREGATE", "a function of a sealed column sees the encrypted text")
    for join in query.select.args.get("joins") or ():
        yield from _shared(join, query, types)
    yield from _groups(query, resolution, types, nulls=nulls)


def _comparison(
    node: exp.Expr, resolution: Resolution, types: Types, collaboration: Collaboration, state: Circumstances
) -> Iterator[Finding]:
    kinds = _kinds(node, resolution, types)
    if "sealed" in kinds:
        message = "equal values of a sealed column have different encrypted texts: they can't be compared"
        yield at(node, "C3R_SEALED_IN_JOIN", message)
        return
    if "fingerprint" not in kinds:
        return
    sides = [resolution.origin(s).direct for s in (node.this, node.expression)] if isinstance(node, exp.EQ) else []
    if len(sides) != 2 or not all(s is not None and types.get(s) == "fingerprint" for s in sides):
        yield at(node, "C3R_NAME_MISMATCH", "a fingerprint column is equal to fingerprint columns alone, by =")
        return
    names = {s[1] for s in sides if s is not None}
    if len(names) > 1 and state.encryption and not state.encryption.allow_joins_on_columns_with_different_names:
        message = (
            "fingerprints of columns with different names never match: allowJoinsOnColumnsWithDifferentNames is off"
        )
        yield at(node, "C3R_NAME_MISMATCH", message)


def _aggregate(node: exp.Expr, resolution: Resolution, types: Types) -> Iterator[Finding]:
    kinds = _kinds(node, resolution, types)
    distinct = isinstance(node.this, exp.Distinct) or isinstance(node, exp.ApproxDistinct)
    if "sealed" in kinds and distinct and isinstance(node, exp.Count | exp.ApproxDistinct):
        message = "COUNT DISTINCT of a sealed column counts encrypted texts: use a fingerprint column"
        yield at(node, "C3R_SEALED_COUNT_DISTINCT", message)
    elif kinds and not isinstance(node, exp.Count | exp.ApproxDistinct):
        yield at(node, "C3R_SEALED_AGGREGATE", f"{node.key.upper()} needs a cleartext column")


def _shared(join: exp.Join, query: Query, types: Types) -> Iterator[Finding]:
    names = {u.name.lower() for u in join.args.get("using") or ()}
    if join.method == "NATURAL":
        every = [set(r.columns) for r in query.relations.values()]
        names = {n for n in set().union(*every) if sum(n in one for one in every) > 1}
    for name in sorted(names):
        origins = [r.columns[name].direct for r in query.relations.values() if name in r.columns]
        kinds = {types.get(o) for o in origins if o is not None}
        if "sealed" in kinds:
            yield at(join, "C3R_SEALED_IN_JOIN", f'"{name}" is sealed: it can\'t be joined')
        elif "fingerprint" in kinds and len(kinds) > 1:
            yield at(join, "C3R_NAME_MISMATCH", f'"{name}" is a fingerprint on one side only')


def _groups(query: Query, resolution: Resolution, types: Types, *, nulls: bool) -> Iterator[Finding]:
    select = query.select
    keys = [*clauses.group_keys(query)]
    if select.args.get("distinct"):
        keys += [plain(i) for i in select.expressions]
    order = select.args.get("order")
    for key in keys:
        kinds = _kinds(key, resolution, types) if not clauses.has_star(key) else set()
        if "sealed" in kinds:
            yield at(key, "C3R_SEALED_AGGREGATE", "groups of a sealed column are groups of encrypted texts")
        elif "fingerprint" in kinds and not nulls:
            message = "groups of a fingerprint column scatter its nulls: preserveNulls is off"
            yield at(key, "C3R_GROUP_BY_FINGERPRINT", message)
    for node in order.expressions if order else ():
        if "sealed" in _kinds(clauses.resolved(query, node.this), resolution, types) and not node.find(exp.AggFunc):
            yield at(node, "C3R_SEALED_AGGREGATE", "a sealed column has the order of its encrypted text")


def _kinds(node: exp.Expr, resolution: Resolution, types: Types) -> set[str]:
    # Counts of encrypted columns are counts: `compared` has not what was counted.
    origin = resolution.origin(node)
    sources = origin.sources if isinstance(node, exp.AggFunc) else origin.compared
    return {types[s] for s in sources if s in types}
