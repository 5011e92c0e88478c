"""An answer with noise: exact numbers, the groups that may show, noise on every column, and the rest of the query.

The order matters: which groups show is decided first, by noise of its own; every column of these groups gets noise of
the size of what one person can add; what the query computes and filters after that sees these numbers alone.
"""

from collections.abc import Mapping, Sequence
from datetime import date
from itertools import product
from math import sqrt
from typing import Protocol

import pyarrow as pa

from segment_assets.clean_room.custom.guarded import guarded
from segment_assets.clean_room.locked import Execute
from segment_assets.clean_room.privacy import exact
from segment_assets.clean_room.privacy.accounting import Accountant, sensitivity
from segment_assets.clean_room.privacy.aggregates import Aggregate
from segment_assets.clean_room.privacy.exact import Group
from segment_assets.clean_room.privacy.limits import typed
from segment_assets.clean_room.privacy.plan import GROUPED, Plan

_LARGEST = 2**63 - 1


class Noise(Protocol):
    """Where noise comes from; tests put numbers they know in its place."""

    def on(self, values: Sequence[int], sensitivity: int) -> list[int]:
        """A column with noise: each value, and its noise for this sensitivity."""

    def keys(self, people: Mapping[str, int], groups: int) -> list[str]:
        """The keys that so many people stand behind that no single one of them shows.

        Args:
            people: key -> number of persons.
            groups: keys that one person can be behind, at most.
        """


def answer(
    plan: Plan,
    tables: Mapping[str, pa.Table],
    execute: Execute,
    noise: Noise,
    accountant: Accountant,
    as_of: date | None = None,
) -> pa.Table:
    """The result of a query under differential privacy.

    Args:
        plan: the query, taken apart.
        tables: rows of every configured table it reads.
        execute: runs SQL over tables, with nothing else in reach.
        noise: of the price that was paid.
        accountant: in whose norm the sensitivity is.
        as_of: day of the data: what CURRENT_DATE means.
    """
    given = dict(tables)
    sums = execute(exact.sums(plan, as_of), given)
    heads = execute(exact.people(plan, as_of), given)
    people = exact.by_group(heads, plan)
    numbers = {group: {**people.get(group, {}), **row} for group, row in (people | exact.by_group(sums, plan)).items()}
    groups = _groups(plan, people, noise, heads.schema)
    noisy = _keys(plan, groups, heads.schema) | _values(plan, groups, numbers, noise, accountant)
    outer = guarded(plan.outer.copy(), as_of).sql(dialect="duckdb", comments=False)
    return execute(outer, {GROUPED: pa.table(noisy)}).rename_columns(list(plan.names))


def _groups(plan: Plan, people: Mapping[Group, Mapping[str, object]], noise: Noise, schema: pa.Schema) -> list[Group]:
    """The groups that show, in an order that says nothing."""
    if not plan.keys:
        return [()]
    if not plan.released_keys:
        return list(product(*(typed(k.values or (), schema.field(k.column).type) for k in plan.keys)))
    known = sorted(people, key=lambda group: [str(value) for value in group])
    sizes = {str(i): int(str(people[group]["people"])) for i, group in enumerate(known)}
    return [known[int(i)] for i in sorted(noise.keys(sizes, plan.limits.groups), key=int)]


def _keys(plan: Plan, groups: Sequence[Group], schema: pa.Schema) -> dict[str, pa.Array]:
    names = [key.column for key in plan.keys]
    return {name: pa.array([group[i] for group in groups], schema.field(name).type) for i, name in enumerate(names)}


def _values(
    plan: Plan,
    groups: Sequence[Group],
    numbers: Mapping[Group, Mapping[str, object]],
    noise: Noise,
    accountant: Accountant,
) -> dict[str, pa.Array]:
    rows = [numbers.get(group, {}) for group in groups]
    found = {}
    for aggregate in plan.aggregates:
        noisy = []
        for column in exact.columns(aggregate):
            by = sensitivity(accountant, groups=plan.limits.groups) if column.people else 0
            by = by or sensitivity(accountant, largest=column.largest, rows=plan.limits.rows or 1)
            name = "people" if column.people else column.name
            noisy.append(noise.on([int(str(row.get(name, 0))) for row in rows], by))
        found[aggregate.column] = _made(aggregate, noisy, len(groups))
    return found


def _made(aggregate: Aggregate, noisy: list[list[int]], size: int) -> pa.Array:
    """What an aggregate is, from its noisy columns; a count may be less than none."""
    if aggregate.bounds is None:
        return pa.array([_fits(n) for n in noisy[0]], pa.int64())
    unit = 10.0 ** exact.step(aggregate)
    if aggregate.kind == "SUM" and aggregate.whole:
        return pa.array([_fits(round(total / unit)) for total in noisy[0]], pa.int64())
    if aggregate.kind == "SUM":
        return pa.array([total / unit for total in noisy[0]], pa.float64())
    low, high = aggregate.bounds
    made = []
    for i in range(size):
        total, count = noisy[0][i] / unit, max(1, noisy[1][i])
        if aggregate.kind == "AVG":
            made.append(min(high, max(low, total / count)))
        else:
            squares, count = noisy[2][i] / unit**2, max(2, count)
            made.append(min(high - low, sqrt(max(0.0, (squares - total**2 / count) / (count - 1)))))
    return pa.array(made, pa.float64())


def _fits(number: int) -> int:
    return max(-_LARGEST, min(_LARGEST, number))
