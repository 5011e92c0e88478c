"""From an accepted query to what is computed exactly, what gets noise, and what is computed of the noisy values.

The last SELECT is taken apart. Its FROM and WHERE give rows, each of one person, with the keys of groups and the
arguments of aggregates. Aggregates of these rows get noise. All else of it (arithmetic around aggregates, HAVING, ORDER
BY, LIMIT, OFFSET) sees noisy values alone, so it may do what it likes.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from math import prod

from sqlglot import exp

from segment_assets.clean_room.collaboration import Collaboration, ConfiguredTable
from segment_assets.clean_room.conditions import plain
from segment_assets.clean_room.custom.canonical import NotCanonicalError, canonical
from segment_assets.clean_room.custom.check import Accepted
from segment_assets.clean_room.custom.resolve import Resolver
from segment_assets.clean_room.custom.scopes import Query, Resolution
from segment_assets.clean_room.names import output_name
from segment_assets.clean_room.privacy.accounting import KEYS_DELTA, UNITS
from segment_assets.clean_room.privacy.aggregates import PATH, Aggregate, Declared, aggregate
from segment_assets.clean_room.privacy.limits import Bounds, Limits
from segment_assets.clean_room.privacy.people import NotPrivateError, is_secret, person, refuse_bridges, refuse_minimums

GROUPED = "grouped"
MOST_GROUPS = 10_000  # of declared values


@dataclass(frozen=True)
class Key:
    """One GROUP BY expression of the last SELECT.

    Attributes:
        column: what rows and the outer SELECT call it.
        values: all it can be, where that is declared as no secret.
    """

    column: str
    values: tuple[str | int, ...] | None


@dataclass(frozen=True)
class Plan:
    """What a query under differential privacy does.

    Attributes:
        rows: one row per contribution: `person`, the keys, the arguments.
        keys: of the groups; none: all rows are one group, which always shows.
        aggregates: each once.
        outer: the SELECT over the relation `grouped` of noisy values.
        names: of the result's columns, in order.
        limits: the largest that a table of the query declares.
        tables: that it reads.
    """

    rows: exp.Query
    keys: tuple[Key, ...]
    aggregates: tuple[Aggregate, ...]
    outer: exp.Select
    names: tuple[str, ...]
    limits: Limits
    tables: tuple[ConfiguredTable, ...]

    @property
    def released_keys(self) -> bool:
        """Whether the groups themselves are a secret that must be paid for."""
        return bool(self.keys) and any(key.values is None for key in self.keys)

    @property
    def units(self) -> int:
        """Noisy columns to pay for, with the release of keys."""
        return sum(UNITS[a.kind] for a in self.aggregates) + self.released_keys

    @property
    def delta(self) -> float:
        """What the release of keys adds to delta."""
        return KEYS_DELTA if self.released_keys else 0.0


def plan(accepted: Accepted, bounds: Mapping[str, Bounds]) -> Plan:
    """Take a query apart.

    Args:
        accepted: by the checker, with a table under differential privacy.
        bounds: text of an argument -> its lowest and highest value.

    Raises:
        NotPrivateError: it can't be run with noise, or a limit is not declared.
    """
    refuse_bridges(accepted.tables)
    refuse_minimums(accepted.tables)
    outer, inner = _taken_apart(accepted)
    tables = {t.name: t for t in accepted.tables}
    resolution = Resolver(Collaboration("", "", "", tables)).program((), outer)
    query = next(q for q in resolution.queries if q.node is inner)
    limits = _limits(query)
    declared = Declared.of(bounds, resolution, tables)
    items = [exp.alias_(person(query, resolution), "person", quoted=True)]
    keys, aggregates = [], []
    group = inner.args.get("group")
    wanted = [plain(k) for k in group.expressions] if group else []
    for item in inner.expressions:
        node, name = item.unalias(), item.alias
        if node in wanted:
            if is_secret(node, resolution):
                raise NotPrivateError("the user identifier can't be a group: that would list people")
            items.append(exp.alias_(node.copy(), name, quoted=True))
            keys.append(Key(name, _values(node, resolution, tables)))
            continue
        made, argument = aggregate(node, name, declared)
        if argument is not None:
            items.append(exp.alias_(argument.copy(), f"of_{name}", quoted=True))
        aggregates.append(made)
    if limits.rows is None and any(not a.people for a in aggregates):
        offered = next(t.name for t in query.tables() if t.limits is None or t.limits.rows is None)
        raise NotPrivateError(
            f"{PATH}.configured_tables.{offered}.custom.privacy.rows_per_person: declare how many "
            "rows of one person count; a limit taken from the data would tell of the data"
        )
    if all(k.values is not None for k in keys) and prod(len(k.values or ()) for k in keys) > MOST_GROUPS:
        raise NotPrivateError(f"the declared values make more than {MOST_GROUPS:,} groups: group by less")
    rows = exp.Select(expressions=items)
    for clause in ("from_", "joins", "where"):
        rows.set(clause, inner.args.get(clause))
    rows.set("with_", outer.args.get("with_"))
    outer.set("with_", None)
    outer.set("from_", exp.From(this=exp.alias_(exp.to_table(GROUPED), GROUPED, table=True)))
    _blind(outer)
    return Plan(rows, tuple(keys), tuple(aggregates), outer, _names(accepted, outer), limits, accepted.tables)


def _taken_apart(accepted: Accepted) -> tuple[exp.Select, exp.Select]:
    try:
        outer = canonical(accepted)
    except NotCanonicalError as bad:
        raise NotPrivateError(str(bad)) from bad
    source = outer.args.get("from_")
    relation = source.this if source is not None else None
    if isinstance(outer, exp.Select) and isinstance(relation, exp.Subquery) and relation.alias == GROUPED:
        inner = relation.this
        if isinstance(inner, exp.Select):
            return outer, inner
    raise NotPrivateError("the last SELECT must aggregate, and stand in no parentheses")


def _values(
    node: exp.Expr, resolution: Resolution, tables: Mapping[str, ConfiguredTable]
) -> tuple[str | int, ...] | None:
    if direct := resolution.origin(node).direct:
        own = tables[direct[0]].limits
        return own.values.get(direct[1]) if own else None
    return None


def _limits(query: Query) -> Limits:
    found = [t.limits for t in query.tables() if t.limits]
    rows = [limit.rows for limit in found]
    largest = None if None in rows or not rows else max(r for r in rows if r is not None)
    return Limits(largest, max((limit.groups for limit in found), default=1))


def _blind(outer: exp.Select) -> None:
    """What is computed of noisy values sees nothing else."""
    outputs = {item.alias for item in outer.expressions}
    for node in outer.walk():
        if isinstance(node, exp.Query) and node is not outer:
            raise NotPrivateError("the last SELECT holds no query: put it into a CTE and join it")
        if isinstance(node, exp.Column) and node.table != GROUPED and (node.table or node.name not in outputs):
            raise NotPrivateError(f'"{node.name}" in the last SELECT is neither aggregated nor in GROUP BY')


def _names(accepted: Accepted, outer: exp.Select) -> tuple[str, ...]:
    written = accepted.program.final
    while isinstance(written, exp.Subquery):
        written = written.this
    items = written.expressions
    return tuple(output_name(i) for i in items) if len(items) == len(outer.expressions) else tuple(outer.named_selects)
