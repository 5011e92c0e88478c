"""Whose row is it? Under differential privacy every row of every relation belongs to one person, up to the last SELECT.

The checker allows no nested query that gives up the user identifier; here it is looked for once more, in the tree that
runs, because all noise is worth nothing where one person moves the rows of others.
"""

from collections.abc import Collection, Iterable

from sqlglot import exp

from segment_assets.clean_room.collaboration import ConfiguredTable
from segment_assets.clean_room.custom import privacy
from segment_assets.clean_room.custom.privacy_joins import protected
from segment_assets.clean_room.custom.scopes import Query, Relation, Resolution, Source
from segment_assets.clean_room.custom_rule import Custom


class NotPrivateError(Exception):
    """An accepted query that can't be run with noise: why, and what to write or declare in its place."""


def person(query: Query, resolution: Resolution) -> exp.Expr:
    """The person a row of a SELECT belongs to, by the columns of its relations.

    Args:
        query: the SELECT whose aggregates get noise.
        resolution: of the whole tree.

    Raises:
        NotPrivateError: a relation somewhere below has rows that belong to nobody.
    """
    users = _users(resolution)
    if len({column for _, column in users}) > 1:
        raise NotPrivateError("the tables under differential privacy have different user columns: give them one")
    for other in resolution.queries:
        if isinstance(other.node, exp.Select) and other.node is not query.node and other is not resolution.final:
            for relation in protected(other):
                _column(relation, users)
    columns = [_column(relation, users) for relation in protected(query) if not relation.hidden]
    if not columns:
        raise NotPrivateError("the last SELECT reads no table under differential privacy")
    return columns[0] if len(columns) == 1 else exp.func("COALESCE", *columns)


def refuse_bridges(tables: Iterable[ConfiguredTable]) -> None:
    """ID mapping tables through which one person could move the rows of others.

    An id of the source is mapped by its own rows alone. An id of the target is not: whoever shares an address with
    another takes the partners away from it, and a runner who gives each of its rows one person's address and, for a
    later rule, another's, would see by all the others whether that one is there.

    Raises:
        NotPrivateError: a table under differential privacy is not the source of a bridge by its user column.
    """
    every = list(tables)
    for private in filter(privacy.is_private, every):
        column = private.rule.user_column if isinstance(private.rule, Custom) else None
        for table in every:
            if (bridge := table.bridge) and (bridge.source.table, bridge.source.id) != (private.source, column):
                raise NotPrivateError(
                    f"{table.name}: make {private.source} its source, by {column}: as its target one person would "
                    "decide over the rows of others"
                )


def refuse_minimums(tables: Collection[ConfiguredTable]) -> None:
    """Tables whose minimum nothing here would keep; the checker refuses them before.

    Raises:
        NotPrivateError: there is one.
    """
    for finding in privacy.beside_a_minimum(tables):
        raise NotPrivateError(finding.message)


def is_person(node: exp.Expr, resolution: Resolution) -> bool:
    """Whether a value is the user identifier itself."""
    return resolution.origin(node).direct in _users(resolution)


def is_secret(node: exp.Expr, resolution: Resolution) -> bool:
    """Whether a value is made from the user identifier."""
    return bool(resolution.origin(node).sources & _users(resolution))


def _users(resolution: Resolution) -> set[Source]:
    tables = {t.name: t for q in resolution.queries for t in q.tables()}
    return {
        (name, table.rule.user_column)
        for name, table in tables.items()
        if isinstance(table.rule, Custom) and table.rule.user_column and privacy.is_private(table)
    }


def _column(relation: Relation, users: set[Source]) -> exp.Column:
    for name, origin in relation.columns.items():
        if origin.direct in users:
            return exp.column(name, table=relation.alias, quoted=True)
    names = ", ".join(sorted({column for _, column in users}))
    raise NotPrivateError(
        f"every nested query over tables under differential privacy selects their own {names}, unchanged and first in "
        "every branch of a set operation"
    )
