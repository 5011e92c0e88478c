"""Joins under differential privacy: two protected relations meet on the user identifier, by ON, and in no other way."""

from collections.abc import Iterator

from sqlglot import exp

from segment_assets.clean_room.conditions import conjuncts
from segment_assets.clean_room.custom.scopes import Query, Relation, Resolution, Source
from segment_assets.clean_room.custom_rule import Custom
from segment_assets.clean_room.reasons import Finding, at


def check(query: Query, resolution: Resolution) -> Iterator[Finding]:
    """Joins of a SELECT that differential privacy does not allow."""
    relations = list(query.relations.values())
    guarded = {id(r) for r in protected(query)}
    owners = {t.owner for r in protected(query) for t in r.tables() if _private(t.rule)}
    if len(owners) > 1:
        message = "protected tables of two members can't be joined"
        yield at(query.node, "DP_JOIN_NOT_ON_USER_ID", message)
    for i, join in enumerate(query.select.args.get("joins") or ()):
        before, here = relations[: i + 1], relations[min(i + 1, len(relations) - 1)]
        earlier = [r for r in before if id(r) in guarded]
        if not earlier and id(here) not in guarded:
            continue
        if join.args.get("using") or join.method == "NATURAL":
            yield at(join, "DP_USING_NATURAL", "write the condition with ON: USING and NATURAL are not allowed")
        elif not earlier and here.hidden:
            message = f"{join.kind} JOIN keeps no row of its right side, whose people are protected: join from there"
            yield at(join, "DP_JOIN_NOT_ON_USER_ID", message)
        elif earlier and id(here) in guarded and not _on_user(join, here, earlier, resolution):
            message = "protected tables are joined with ON on their user identifiers"
            yield at(join, "DP_JOIN_NOT_ON_USER_ID", message)


def protected(query: Query) -> list[Relation]:
    """The relations of a SELECT that hold rows of protected people."""
    return [r for r in query.relations.values() if any(_private(t.rule) for t in r.tables())]


def is_protected(query: Query) -> bool:
    """Whether a query reads protected people in its FROM, directly or through queries there."""
    return any(protected(select) for select in query.selects())


def user_id(relation: Relation) -> Source | None:
    """The base column that identifies people in a relation, where it is passed through."""
    for origin in relation.columns.values():
        for table in relation.tables():
            rule = table.rule
            if isinstance(rule, Custom) and rule.user_column and origin.direct == (table.name, rule.user_column):
                return origin.direct
    return None


def _private(rule: object) -> bool:
    return isinstance(rule, Custom) and rule.user_column is not None


def _on_user(join: exp.Join, here: Relation, earlier: list[Relation], resolution: Resolution) -> bool:
    mine, theirs = user_id(here), {user_id(r) for r in earlier}
    on = join.args.get("on")
    for leaf in conjuncts(on) if isinstance(on, exp.Expr) else ():
        if not isinstance(leaf, exp.EQ):
            continue
        sides = [leaf.this, leaf.expression]
        if not all(isinstance(s, exp.Column) for s in sides):
            continue
        found = [resolution.origin(s).direct for s in sides]
        names = [s.table.lower() for s in sides]
        # Both sides of one relation would compare a person with itself.
        if len(set(names)) == 2 or "" in names:
            for a, b in (found, found[::-1]):
                if a is not None and a == mine and b in theirs:
                    return True
    return False
