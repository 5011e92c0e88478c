"""The exact numbers that get noise: of each person a limited number of rows, each value within its bounds, all whole.

Values are counted in steps, so that a sum is a whole number and discrete noise hides it exactly. A step is a power of
ten that depends on the declared bounds alone.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from math import ceil, floor, log10

import pyarrow as pa
from sqlglot import exp, parse_one

from segment_assets.clean_room.custom.guarded import guarded
from segment_assets.clean_room.privacy.aggregates import Aggregate
from segment_assets.clean_room.privacy.plan import Plan

Group = tuple[object, ...]
_STEPS = 2**31  # of the largest value, at most: sums of 2^90 rows stay whole numbers of 128 bits
_STEPS_SQUARED = 2**22  # the noise of a sum of squares must be one of 64 bits


@dataclass(frozen=True)
class Column:
    """One column of exact numbers, which is one unit of the budget.

    Attributes:
        name: in the result of `sums`.
        largest: what one row may add, in steps or as a count.
        people: it counts each person once per group, and not rows.
    """

    name: str
    largest: int
    people: bool = False


def step(aggregate: Aggregate) -> int:
    """Decimal places that are kept of a value; fewer than none where values are very large."""
    low, high = aggregate.bounds or (0.0, 1.0)
    fits = floor(log10((_STEPS_SQUARED if aggregate.kind == "STDDEV" else _STEPS) / max(abs(low), abs(high))))
    return min(fits, 0 if aggregate.whole else 6)


def columns(aggregate: Aggregate) -> Iterator[Column]:
    """What is summed and counted for an aggregate: as many columns as it has units."""
    if aggregate.bounds is None:
        yield Column(f"{aggregate.column}_n", 1, aggregate.people)
        return
    low, high = aggregate.bounds
    largest = ceil(max(abs(low), abs(high)) * 10.0 ** step(aggregate))
    yield Column(f"{aggregate.column}_sum", largest)
    if aggregate.kind in ("AVG", "STDDEV"):
        yield Column(f"{aggregate.column}_n", 1)
    if aggregate.kind == "STDDEV":
        yield Column(f"{aggregate.column}_squares", largest**2)


def sums(plan: Plan, as_of: date | None) -> str:
    """SQL for every column that counts or sums rows, one row per group."""
    keys = [_quoted(k.column) for k in plan.keys]
    values = [_value(a) for a in plan.aggregates if a.bounds is not None]
    shown = [text for a in plan.aggregates if not a.people for text in _of_rows(a)]
    text = f"""
        WITH drawn AS (
          SELECT *, RANDOM() AS draw FROM contributions WHERE person IS NOT NULL
        ), limited AS (
          SELECT *, ROW_NUMBER() OVER (PARTITION BY person ORDER BY draw) AS turn FROM drawn
        ), counted AS (
          SELECT {", ".join(["*", *values])} FROM limited WHERE turn <= {plan.limits.rows or 1}
        )
        SELECT {", ".join([*keys, *shown, "COUNT(*) AS rows_of_group"])} FROM counted {_group(keys)}"""
    return _over_rows(text, plan, as_of)


def people(plan: Plan, as_of: date | None) -> str:
    """SQL for the number of persons in each group, each person in at most so many groups."""
    keys = [_quoted(k.column) for k in plan.keys]
    text = f"""
        WITH once AS (
          SELECT DISTINCT {", ".join(["person", *keys])} FROM contributions WHERE person IS NOT NULL
        ), drawn AS (
          SELECT *, RANDOM() AS draw FROM once
        ), limited AS (
          SELECT *, ROW_NUMBER() OVER (PARTITION BY person ORDER BY draw) AS turn FROM drawn
        )
        SELECT {", ".join([*keys, "COUNT(*) AS people"])} FROM limited
        WHERE turn <= {plan.limits.groups} {_group(keys)}"""
    return _over_rows(text, plan, as_of)


def by_group(rows: pa.Table, plan: Plan) -> dict[Group, Mapping[str, object]]:
    """Rows of `sums` or `people` by their keys."""
    names = [k.column for k in plan.keys]
    return {tuple(row[n] for n in names): row for row in rows.to_pylist()}


def _of_rows(aggregate: Aggregate) -> Iterator[str]:
    argument, name = _quoted(aggregate.argument or ""), aggregate.column
    if aggregate.bounds is not None:
        value = _quoted(f"{name}_value")
        yield f'CAST(COALESCE(SUM({value}), 0) AS VARCHAR) AS "{name}_sum"'
        yield f'COUNT({value}) AS "{name}_n"'
        if aggregate.kind == "STDDEV":
            yield f'CAST(COALESCE(SUM(CAST({value} AS HUGEINT) * {value}), 0) AS VARCHAR) AS "{name}_squares"'
    elif aggregate.argument is None:
        yield f'COUNT(*) AS "{name}_n"'
    else:
        distinct = "DISTINCT " if aggregate.kind == "COUNT_DISTINCT" else ""
        yield f'COUNT({distinct}{argument}) AS "{name}_n"'


def _value(aggregate: Aggregate) -> str:
    low, high = aggregate.bounds or (0.0, 0.0)
    # DuckDB's GREATEST takes null for no value at all, so null would become the lowest.
    number = f"TRY_CAST({_quoted(aggregate.argument or '')} AS DOUBLE)"
    within = f"CASE WHEN {number} < {low!r} THEN {low!r} WHEN {number} > {high!r} THEN {high!r} ELSE {number} END"
    return f'CAST(ROUND(({within}) * {10.0 ** step(aggregate)!r}) AS BIGINT) AS "{aggregate.column}_value"'


def _over_rows(text: str, plan: Plan, as_of: date | None) -> str:
    tree = parse_one(text, dialect="duckdb")
    rows = exp.CTE(this=guarded(plan.rows.copy(), as_of), alias=exp.TableAlias(this=exp.to_identifier("contributions")))
    clause = tree.args["with_"]
    clause.set("expressions", [rows, *clause.expressions])
    return tree.sql(dialect="duckdb", comments=False)


def _group(keys: list[str]) -> str:
    return f"GROUP BY {', '.join(keys)}" if keys else ""


def _quoted(name: str) -> str:
    return f'"{name}"'
