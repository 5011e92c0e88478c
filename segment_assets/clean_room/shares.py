"""The owner's report on every row that left: how much of it one person is, and how much the runner brought.

Fan-out: a runner who repeats one person's row in its own table got that person's amount almost alone out of a group of
a thousand. Padding: a runner who invents people reaches any minimum that counts its own. No rule refuses either, so the
owner is shown both, and may set a share above which a row does not leave. The report is written in the owner's
namespace, and the runner's result, metadata and messages say nothing of it.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from sqlglot import exp

from segment_assets.clean_room import minimums, rewrite, rules
from segment_assets.clean_room.collaboration import Collaboration, ConfiguredTable
from segment_assets.clean_room.differencing.watched import Watched, watched
from segment_assets.clean_room.locked import Execute
from segment_assets.clean_room.names import Resolved
from segment_assets.clean_room.tables import RELEASED_GROUPS

MOST_ROWS = 1000  # of one result that are reported: those in which one person weighs most
MOST_KEPT = 50_000  # of the whole record, which each query writes anew
Offered = Callable[[Mapping[str, set[str]]], Mapping[str, pa.Table]]


@dataclass(frozen=True)
class Group:
    """One row of a result.

    Attributes:
        row: its number in the result, from 0.
        people: distinct people of the owner's table behind it; where it is read several times, of the fewest.
        largest_share: of the rows behind it, those of the one person who has most, in the worst of these readings.
        runner_people: distinct people that the runner's tables count; None where they count none.
    """

    row: int
    people: int
    largest_share: float
    runner_people: int | None

    @property
    def runner_share(self) -> float | None:
        """The runner's people among both sides' people: a half where each has one for each."""
        if self.runner_people is None:
            return None
        both = self.people + self.runner_people
        return self.runner_people / both if both else 1.0


@dataclass(frozen=True)
class Measured:
    """The groups of a result, as one owner's table has them."""

    of: Watched
    groups: tuple[Group, ...]


def measured(
    query: Resolved, rows: pa.Table, collaboration: Collaboration, as_of: date | None, read: Offered, execute: Execute
) -> list[Measured]:
    """Every row of a result, by each table of others than the runner that is counted.

    Args:
        query: the query that gave the result.
        rows: the result, in the query's order of columns.
        collaboration: whose rules hold.
        as_of: day of the data.
        read: reads the query's tables, with these columns besides the allowed ones.
        execute: runs SQL over them.
    """
    if not rows.num_rows or any(isinstance(t.rule, rules.List) for t in query.relations.values()):
        return []  # a list rule shows people, one to a row: that is what it is for
    found = []
    own = [_identity(label, t) for label, t in query.relations.items() if t.owner == collaboration.runner]
    runners = next((c for c in own if c is not None), None)
    for one in watched(query, collaboration):
        labels = [label for label, t in query.relations.items() if t.source == one.source]
        tables = read({query.relations[label].name: {one.identity} for label in labels})
        people = [exp.column(one.identity, table=label, quoted=True) for label in labels]
        theirs = _worst(_behind(query, person, rows, as_of, tables, execute) for person in people)
        ours = _behind(query, runners, rows, as_of, tables, execute) if runners is not None else {}
        groups = tuple(
            Group(row, *theirs.get(row, (0, 0.0)), ours.get(row, (0, 0.0))[0] if runners is not None else None)
            for row in range(rows.num_rows)
        )
        found.append(Measured(one, groups))
    return found


def kept(rows: pa.Table, query: Resolved, found: list[Measured]) -> pa.Table:
    """The rows in which no one weighs more than the owners of the tables let them.

    A catalog table may be read by several configured tables: the smallest limit of them holds.
    """
    mask = [True] * rows.num_rows
    for one in found:
        same = [t for t in query.relations.values() if t.source == one.of.source]
        limit = min((t.largest_share for t in same if t.largest_share is not None), default=None)
        for group in one.groups if limit is not None else ():
            mask[group.row] &= limit is None or (group.people > 0 and group.largest_share <= limit)
    return rows.filter(pa.array(mask, pa.bool_()))


def record(found: list[Measured], left: pa.Table, rows: pa.Table, told: Mapping[str, object]) -> pa.Table:
    """The report of one result.

    Args:
        found: as measured.
        left: the rows that leave.
        rows: the rows before.
        told: content key, query, runner and day of the result.
    """
    leaving = set(map(str, left.to_pylist()))
    lines = []
    for one in found:
        worst = sorted(one.groups, key=lambda g: (-g.largest_share, g.row))[:MOST_ROWS]
        lines += [
            {
                **told,
                "source": one.of.source,
                "identity": one.of.identity,
                "row": group.row,
                "people": group.people,
                "largest_share": round(group.largest_share, 6),
                "runner_people": group.runner_people,
                "runner_share": None if group.runner_share is None else round(group.runner_share, 6),
                "left": str(rows.slice(group.row, 1).to_pylist()[0]) in leaving,
            }
            for group in worst
        ]
    return pa.Table.from_pylist(lines, RELEASED_GROUPS.schema)


def with_report(before: pa.Table, report: pa.Table) -> pa.Table:
    """The record with a result in it; what was known of its content is replaced.

    Of more rows than are kept those of the oldest days go, and of one day those in which one person weighs least.
    """
    keys = report["content_key"].unique() if report.num_rows else pa.array([], pa.string())
    others = before.cast(RELEASED_GROUPS.schema).filter(pc.invert(pc.is_in(before["content_key"], value_set=keys)))
    newest = others.sort_by([("as_of", "descending"), ("largest_share", "descending")])
    return pa.concat_tables([newest.slice(0, max(0, MOST_KEPT - report.num_rows)), report])


def sentences(report: list[Mapping[str, Any]]) -> Iterator[str]:
    """The rows in which one person, or the runner, weighs most, for the owner of the data."""
    for row in sorted(report, key=lambda r: (-r["largest_share"], r["query"], r["row"])):
        said = f"{row['query']} of {row['as_of'] or 'undated data'}, row {row['row'] + 1}: {row['people']:,} people of "
        said += f"{row['source']}, {row['largest_share']:.0%} of it is one person"
        if row["runner_share"] is not None:
            said += f", {row['runner_share']:.0%} of both sides' people are of {row['runner']}"
        yield said + ("" if row["left"] else "; it did not leave")


def _identity(label: str, table: ConfiguredTable) -> exp.Column | None:
    name = minimums.identity_of(table)
    return None if name is None else exp.column(name, table=label, quoted=True)


def _worst(measured: Iterable[Mapping[int, tuple[int, float]]]) -> dict[int, tuple[int, float]]:
    """Of a catalog table that is read several times: the fewest people behind each row, and the largest share."""
    found: dict[int, tuple[int, float]] = {}
    for one in measured:
        for row, (people, share) in one.items():
            fewest, largest = found.get(row, (people, share))
            found[row] = (min(fewest, people), max(largest, share))
    return found


def _behind(
    query: Resolved,
    column: exp.Column,
    rows: pa.Table,
    as_of: date | None,
    tables: Mapping[str, pa.Table],
    execute: Execute,
) -> dict[int, tuple[int, float]]:
    """Row of the result -> distinct people behind it, and the share of the one who has most rows."""
    behind = rewrite.members(query, column, as_of, distinct=False)
    *keys, identity = behind.names
    places = [i for i, item in enumerate(query.tree.expressions) if not item.find(exp.AggFunc)]
    numbered = {key: rows.column(i) for key, i in zip(keys, places, strict=True)}
    numbered["row_number"] = pa.array(range(rows.num_rows), pa.int64())
    on = " AND ".join(f'm."{k}" IS NOT DISTINCT FROM r."{k}"' for k in keys) or "TRUE"
    counted = f"""
        WITH each AS (
          SELECT r.row_number, m."{identity}" AS person, COUNT(*) AS n
          FROM ({behind.sql}) m JOIN released r ON {on} GROUP BY ALL
        )
        SELECT row_number, COUNT(person) AS people,
          COALESCE(MAX(n) FILTER (WHERE person IS NOT NULL), 0) / SUM(n)::DOUBLE AS share
        FROM each GROUP BY row_number"""
    found = execute(counted, {**tables, "released": pa.table(numbered)}).to_pylist()
    return {row["row_number"]: (row["people"], row["share"]) for row in found}
