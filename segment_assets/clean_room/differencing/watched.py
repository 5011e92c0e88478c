"""Whose people are watched, and what a query says of them: by catalog table, however often that is offered.

One catalog table offered under a list rule and under an aggregation rule is one table here: the minimum of the second
is what two queries on either must differ by.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from sqlglot import exp

from segment_assets.clean_room import rules, runnable
from segment_assets.clean_room.collaboration import Collaboration
from segment_assets.clean_room.conditions import conjuncts
from segment_assets.clean_room.custom_rule import Custom
from segment_assets.clean_room.names import Resolved
from segment_assets.clean_room.runnable import Runnable


@dataclass(frozen=True)
class Watched:
    """People of a catalog table that a query reads.

    Attributes:
        source: the catalog table.
        identity: its column that tells people apart.
        minimum: the largest that any rule on the table asks for.
        label: the relation of the query; of a nested one, the configured table.
    """

    source: str
    identity: str
    minimum: int
    label: str


def watched(query: Runnable, collaboration: Collaboration) -> Iterator[Watched]:
    """Tables of others than the runner that a query reads, with every identity that a rule on them counts."""
    wanted = _minimums(collaboration)
    seen = set()
    labelled = query.relations if isinstance(query, Resolved) else {t.name: t for t in runnable.tables(query)}
    for label, table in labelled.items():
        if table.owner == collaboration.runner:
            continue
        for (source, identity), minimum in sorted(wanted.items()):
            if source == table.source and (source, identity) not in seen:
                seen.add((source, identity))
                yield Watched(source, identity, minimum, label)


def conditions(query: Runnable) -> list[str]:
    """Every condition of a query in an order of its own, by catalog table and column where it is one SELECT."""
    if not isinstance(query, Resolved):
        clauses = [c.this for t in query.program.trees for c in t.find_all(exp.Where, exp.Having)]
        return sorted({term.sql(dialect="spark") for c in clauses for term in conjuncts(c)})
    tree = query.tree
    clauses = [
        *(j.args.get("on") for j in tree.args.get("joins") or ()),
        *(tree.args.get(c) for c in ("where", "having")),
    ]
    found = set()
    for clause in clauses:
        if clause is None:
            continue
        top = clause.this if isinstance(clause, exp.Where | exp.Having) else clause
        for term in conjuncts(top):
            named = term.copy()
            for column in named.find_all(exp.Column):
                column.set("table", exp.to_identifier(query.relations[column.table].source))
                column.this.set("quoted", False)
            found.add(named.sql(dialect="spark"))
    return sorted(found)


def _minimums(collaboration: Collaboration) -> dict[tuple[str, str], int]:
    found: dict[tuple[str, str], int] = {}
    for table in collaboration.tables.values():
        counted: list[tuple[str, int]] = []
        if isinstance(table.rule, rules.Aggregation):
            counted = [(c.column_name, c.minimum) for c in table.rule.output_constraints]
        elif isinstance(table.rule, Custom) and table.rule.identity and table.rule.threshold:
            counted = [(table.rule.identity, table.rule.threshold.minimum_identity_count)]
        for column, minimum in counted:
            key = (table.source, column)
            found[key] = max(minimum, found.get(key, 0))
    return found
