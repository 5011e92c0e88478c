"""The custom rule: free Spark SQL over tables that allow the analysis, judged by every control each table has."""

from collections.abc import Iterator
from dataclasses import dataclass

from sqlglot import exp

from segment_assets.clean_room import encryption
from segment_assets.clean_room.circumstances import Circumstances
from segment_assets.clean_room.collaboration import Collaboration, ConfiguredTable
from segment_assets.clean_room.custom import (
    analyses,
    comparisons,
    disallowed,
    mapping,
    privacy,
    surface,
    thresholds,
    valid,
)
from segment_assets.clean_room.custom.resolve import Resolver
from segment_assets.clean_room.custom.scopes import Resolution
from segment_assets.clean_room.custom_rule import Custom
from segment_assets.clean_room.names import MAX_TABLES
from segment_assets.clean_room.program import Program
from segment_assets.clean_room.reasons import Finding


@dataclass(frozen=True)
class Accepted:
    """A custom query that may run.

    Attributes:
        program: its trees, with parameters bound.
        resolution: every name and origin.
        tables: the configured tables it reads, once each.
    """

    program: Program
    resolution: Resolution
    tables: tuple[ConfiguredTable, ...]


def check(
    program: Program, tables: list[ConfiguredTable], collaboration: Collaboration, state: Circumstances, length: int
) -> tuple[list[Finding], Accepted]:
    """Judge a program whose tables have custom rules, or are ID mapping tables.

    Args:
        program: parsed, with parameters bound.
        tables: the configured tables it names.
        collaboration: whose rules hold.
        state: who asks, and what is left to spend.
        length: characters of its text.
    """
    rules = [t.rule for t in tables if isinstance(t.rule, Custom)]
    limits = surface.Limits(any(r.narrow for r in rules), any(r.user_column for r in rules))
    for tree in program.trees:
        surface.inline_windows(tree)
    found = [f for tree in program.trees for f in surface.sweep(tree, limits, final=tree is program.final)]
    found += _names(program, collaboration)
    if limits.private and length > privacy.MAX_LENGTH:
        found.append(
            Finding("QUERY_TOO_LONG", f"under differential privacy a query has {privacy.MAX_LENGTH} characters")
        )
    resolver = Resolver(collaboration)
    resolution = resolver.program(program.cached, program.final)
    found += resolver.wrong
    found += [] if resolver.wrong else valid.check(resolution)
    used = {t.name: t for q in resolution.queries for r in q.relations.values() for t in r.tables()}
    used |= {t.name: t for t in tables}
    if len(used) > MAX_TABLES:
        found.append(Finding("TOO_MANY_TABLES", f"a query may name {MAX_TABLES} configured tables at most"))
    every = list(used.values())
    found += analyses.check(every, collaboration, state)
    found += comparisons.check(resolution, collaboration)
    found += thresholds.check(resolution)
    found += disallowed.check(resolution, collaboration)
    found += mapping.check(resolution)
    if limits.private:
        found += privacy.beside_a_minimum(every)
        found += privacy.budget(resolution, state)
        found += privacy.check(resolution)
    found += encryption.check(resolution, collaboration, state)
    return found, Accepted(program, resolution, tuple(every))


def _names(program: Program, collaboration: Collaboration) -> Iterator[Finding]:
    taken = {c.alias.lower() for tree in program.trees for c in tree.find_all(exp.CTE)} | set(collaboration.tables)
    seen: set[str] = set()
    for name, _ in program.cached:
        if name in taken or name in seen:
            message = f'the cached table "{name}" has the name of another table, CTE or cached table'
            yield Finding("MULTIPLE_STATEMENTS", message)
        seen.add(name)
