"""Joins, as aggregation and list rules allow them: INNER, on equal join columns, with allowed operators."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from sqlglot import exp

from segment_assets.clean_room import rules
from segment_assets.clean_room.custom_rule import IdMapping
from segment_assets.clean_room.names import Resolved
from segment_assets.clean_room.reasons import Finding, at


@dataclass
class JoinGraph:
    """Which relations are joined to which, by accepted match conditions.

    Attributes:
        edges: label -> labels it is joined to.
    """

    edges: dict[str, set[str]] = field(default_factory=dict)

    def add(self, one: str, other: str) -> None:
        """Two relations matched by a condition."""
        self.edges.setdefault(one, set()).add(other)
        self.edges.setdefault(other, set()).add(one)

    def reaches(self, start: str, goals: set[str]) -> bool:
        """Whether a relation is joined to one of the goals, directly or transitively."""
        seen, todo = {start}, [start]
        while todo:
            here = todo.pop()
            if here in goals:
                return True
            todo += self.edges.get(here, set()) - seen
            seen |= self.edges.get(here, set())
        return False


Joinable = rules.Aggregation | rules.List | IdMapping


def check(query: Resolved, ruled: Mapping[str, Joinable]) -> tuple[list[Finding], JoinGraph]:
    """Every join of the query.

    Args:
        query: the resolved query.
        ruled: label of a relation -> its rule.
    """
    graph = JoinGraph()
    names = [t.name for t in query.relations.values()]
    twice = sorted({n for n in names if names.count(n) > 1})
    found = [Finding("SELF_JOIN", f"{name} is joined to itself") for name in twice]
    # The most restrictive control of all tables of the query wins.
    judges = [rule for rule in ruled.values() if not isinstance(rule, IdMapping)]
    operators = set.intersection(*(set(rule.allowed_join_operators or ["AND"]) for rule in judges))
    before = [query.tree.args["from_"].this.alias]
    for join in query.tree.args.get("joins", ()):
        label = join.this.alias
        found += _join(join, label, before, operators, ruled, graph)
        before.append(label)
    return found, graph


def not_connected(query: Resolved, graph: JoinGraph, required: set[str], runner: str) -> Iterator[Finding]:
    """Tables that must be joined, directly or transitively, to a table of the query runner, and are not.

    Args:
        query: the resolved query.
        graph: from `check`.
        required: labels of the relations that must be joined.
        runner: the member who runs the query.
    """
    # A bridge is of both members: what is joined to it alone is joined to no table of the runner's.
    own = ((label, t) for label, t in query.relations.items() if t.owner == runner)
    runners = {label for label, table in own if not isinstance(table.rule, IdMapping)}
    for label in sorted(required):
        table = query.relations[label]
        if label in runners and not graph.edges.get(label):
            yield Finding("JOIN_REQUIRED", f"{table.name} must be joined to another table")
        elif not graph.reaches(label, runners):
            yield Finding("JOIN_REQUIRED", f"{table.name} must be joined to a table of the query runner, {runner}")


def _join(
    join: exp.Join,
    label: str,
    before: list[str],
    operators: set[str],
    ruled: Mapping[str, Joinable],
    graph: JoinGraph,
) -> Iterator[Finding]:
    if join.side or join.method or join.kind not in ("", "INNER"):
        kind = " ".join(w for w in (join.method, join.side, join.kind) if w) or "this"
        yield at(join, "JOIN_TYPE_NOT_ALLOWED", f"a {kind} join is not allowed: use INNER JOIN ... ON")
        return
    if join.args.get("using") or join.args.get("on") is None:
        yield at(join, "JOIN_CONDITION_INVALID", "write ON with a join column of each side, and not USING")
        return
    for leaf in _leaves(join.args["on"]):
        if isinstance(leaf, exp.Connector):
            if leaf.key.upper() not in operators:
                yield at(
                    leaf,
                    "JOIN_OPERATOR_NOT_ALLOWED",
                    f"{leaf.key.upper()} is not in every table's allowedJoinOperators",
                )
            continue
        sides = (leaf.this, leaf.expression) if isinstance(leaf, exp.EQ) else ()
        owners = [side.table for side in sides if isinstance(side, exp.Column)]
        if len(owners) != 2 or label not in owners or not set(owners) & set(before):
            message = "every match condition must be a join column of this table = a join column of a table before it"
            yield at(leaf, "JOIN_CONDITION_INVALID", message)
            continue
        for side in sides:
            allowed = ruled[side.table].join_columns
            if side.name not in allowed:
                message = f'"{side.name}" is no join column (join columns: {", ".join(allowed) or "none"})'
                yield at(side, "COLUMN_NOT_JOINABLE", message)
        graph.add(*owners)


def _leaves(condition: exp.Expr) -> Iterator[exp.Expr]:
    """Match conditions and the operators between them."""
    if isinstance(condition, exp.Paren):
        yield from _leaves(condition.this)
    elif isinstance(condition, exp.And | exp.Or):
        yield condition
        yield from _leaves(condition.this)
        yield from _leaves(condition.expression)
    else:
        yield condition
