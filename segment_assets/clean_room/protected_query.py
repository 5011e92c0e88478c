"""One protected query from budget to result: charged, run, checked, written, recorded.

Charged before it runs, by content: a kill at any point and a second try cost one query, and end with the same tables.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

import pyarrow as pa
from sqlglot import exp

from segment_assets.clean_room import (
    budget,
    custom_engine,
    custom_results,
    offered,
    results,
    rewrite,
    runnable,
    shares,
    thresholds,
)
from segment_assets.clean_room.circumstances import Run
from segment_assets.clean_room.collaboration import Collaboration, ConfiguredTable
from segment_assets.clean_room.custom.check import Accepted
from segment_assets.clean_room.differencing.monitor import Leaving, Monitor
from segment_assets.clean_room.locked import Locked
from segment_assets.clean_room.names import Resolved
from segment_assets.clean_room.port import CleanRoom, QueryFailedError
from segment_assets.clean_room.runnable import Runnable
from segment_assets.clean_room.spark import NotExecutableError
from segment_assets.clean_room.tables import PARTNERS_DAY, PARTNERS_ROWS, QUERY_LOG, RELEASED_GROUPS
from segment_assets.lake import Lake, Table, Written
from segment_assets.third_party.tables import NAMESPACE

UNDATED = date(1970, 1, 1)
KEY = "content_key"


@dataclass(frozen=True)
class ProtectedQuery:
    """A query ready to run.

    Attributes:
        name: as in segmentation.yaml.
        text: as submitted.
        resolved: accepted by the checker.
        of: the run of an analysis template that it is; None for free text.
        table: where the result is written.
        sources: catalog table's short name -> the table.
        collaboration: whose rules it runs under.
        per_day: the query budget.
        engine: versions of the libraries that render and run it: new ones make it another query.
    """

    name: str
    text: str
    resolved: Runnable
    table: Table
    sources: dict[str, Table]
    collaboration: Collaboration
    per_day: int
    engine: str
    of: Run | None = None

    @property
    def inputs(self) -> list[Table]:
        """The catalog tables behind the configured tables of the query."""
        return offered.inputs(runnable.tables(self.resolved), self.sources)


@dataclass(frozen=True)
class Outcome:
    """What a protected query left.

    Attributes:
        written: the result's table; what was there before where a check failed.
        rows: the result.
        minimum_kept: every row has its minimum of identities.
        keys_unique: every row has its own key.
        reused: the content was known, and nothing ran.
        cost: what was billed, by unit.
        recounted: the groups that left were counted again; not where an ID mapping table's rows are out of reach.
    """

    written: Written
    rows: pa.Table
    minimum_kept: bool
    keys_unique: bool
    reused: bool
    cost: Mapping[str, float]
    recounted: bool = True


def run(query: ProtectedQuery, lake: Lake, room: CleanRoom, run_id: str) -> Outcome:
    """Run a query within its budget, or take the result that is there.

    Raises:
        BudgetExhaustedError: the day's queries are used up.
        AccessBudgetError: a table's access budget is used up.
        QueryFailedError: the query did not end well; it counts.
    """
    entry = _entry(query, lake)
    _refuse_unmeasured(query, room)
    with room.exclusively():
        log = lake.read(QUERY_LOG)
        known = budget.status(log, entry.content_key) == "SUCCESS"
        charged = budget.charge(log, entry, query.per_day)
        if not known:
            room.admit(query.collaboration, runnable.uses(query.resolved), entry.content_key)
        lake.write(QUERY_LOG, charged, run_id)
    reused = known and lake.inputs(query.table).get(KEY) == entry.content_key
    recounted = room.maps_ids or not any(t.bridge for t in runnable.tables(query.resolved))
    try:
        rows = lake.read(query.table) if reused else _execute(query, lake, room, entry.content_key)
        if not reused:
            rows = _weighed(query, rows, entry, lake, room, run_id)
        kept = not recounted or _minimum_kept(query, lake, rows)
    except QueryFailedError:
        _close(entry, "FAILED", lake, room, run_id)
        raise
    cost = room.cost(entry.content_key)
    table = results.with_unique_key(query.table, rows)
    unique = rows.num_rows < 2 or rows.group_by(list(table.key)).aggregate([]).num_rows == rows.num_rows
    if not (kept and unique):
        # Nothing that breaks the rules is written, not even for the runner.
        _close(entry, "FAILED", lake, room, run_id)
        return Outcome(lake.state(query.table), rows.slice(0, 0), kept, unique, reused, cost)
    if (populations := room.populations) is not None:
        monitor = Monitor(query.collaboration, query.sources, lake, _engine(lake), populations, room.exclusively)
        leaving = Leaving(query.resolved, rows, query.name, entry.content_key, _newest(query, lake))
        monitor.watch(leaving, run_id)
    as_of = lake.as_of(*query.inputs)
    known_of = {KEY: entry.content_key} | _of_the_partner(query, lake)
    written = lake.write(table, rows, run_id, inputs=known_of, as_of=as_of)
    _close(entry, "SUCCESS", lake, room, run_id)
    return Outcome(written, rows, kept, unique, reused, cost, recounted)


def _entry(query: ProtectedQuery, lake: Lake) -> budget.Entry:
    states = {table.name: lake.state(table) for table in query.inputs}
    day = max((s.as_of for s in states.values() if s.as_of), default=UNDATED)
    used = {t.name for t in runnable.tables(query.resolved)}
    rules = query.collaboration.version_of(used)
    # What is executed stands in the key, so that a mended rewrite is run again and an unrelated edit costs nothing.
    executed = _rewritten(query, _newest(query, lake))
    versions = {name: state.version for name, state in states.items()}
    return budget.Entry(
        budget.content_key(query.text, rules, versions, query.engine, executed),
        query.name,
        day,
        next(t.rule.type for t in runnable.tables(query.resolved) if t.rule),
        ", ".join(sorted(used)),
        query.text,
    )


def _execute(query: ProtectedQuery, lake: Lake, room: CleanRoom, key: str) -> pa.Table:
    def read(table: ConfiguredTable) -> pa.Table:
        return offered.rows(table, offered.of_lake(lake, query.sources))

    room.fill(offered.versions(runnable.tables(query.resolved), lake, query.sources))
    rows = room.run(query.resolved, read, _newest(query, lake), key, query.of)
    return rows.cast(query.table.schema)


def _refuse_unmeasured(query: ProtectedQuery, room: CleanRoom) -> None:
    limited = [t.name for t in runnable.tables(query.resolved) if t.largest_share is not None]
    if limited and (isinstance(query.resolved, Accepted) or room.populations is None):
        message = f"{limited[0]}.largest_share is measured in queries of one SELECT, and on one machine alone"
        raise QueryFailedError("FUNCTION_NOT_ALLOWED", message)


def _weighed(
    query: ProtectedQuery, rows: pa.Table, entry: budget.Entry, lake: Lake, room: CleanRoom, run_id: str
) -> pa.Table:
    """The rows that no one weighs too much on, with the owner's report of all of them written."""
    if room.populations is None or not isinstance(query.resolved, Resolved):
        return rows

    def read(also: Mapping[str, set[str]]) -> dict[str, pa.Table]:
        catalog = offered.of_lake(lake, query.sources)
        return {t.name: offered.rows(t, catalog, also.get(t.name, ())) for t in runnable.tables(query.resolved)}

    day = _newest(query, lake)
    found = shares.measured(query.resolved, rows, query.collaboration, day, read, _engine(lake).execute)
    if not found:
        return rows
    left = shares.kept(rows, query.resolved, found)
    told = {"content_key": entry.content_key, "query": query.name, "runner": query.collaboration.runner}
    report = shares.record(found, left, rows, {**told, "as_of": str(day or "")})
    with room.exclusively():
        lake.write(RELEASED_GROUPS, shares.with_report(lake.read(RELEASED_GROUPS), report), run_id)
    return left


def _minimum_kept(query: ProtectedQuery, lake: Lake, rows: pa.Table) -> bool:
    asked, as_of, execute = query.resolved, _newest(query, lake), _engine(lake).execute
    catalog = offered.of_lake(lake, query.sources)
    tables = {t.name: offered.rows(t, catalog) for t in runnable.tables(asked)}
    if isinstance(asked, Accepted):
        return custom_results.minimum_kept(asked, rows, tables, as_of, execute)

    def members(column: exp.Column) -> pa.Table:
        return execute(rewrite.members(asked, column, as_of).sql, tables)

    return thresholds.minimum_kept(asked, rows, members)


def _engine(lake: Lake) -> Locked:
    """Where what is about to leave is counted again: beside the lake, wherever the query ran."""
    return Locked(lake.scratch, lake.memory_limit, lake.threads)


def _of_the_partner(query: ProtectedQuery, lake: Lake) -> dict[str, str]:
    theirs = [lake.state(table) for table in query.inputs if table.name.partition(".")[0] == NAMESPACE]
    # Without a day stands none: a day of an earlier delivery would say too much.
    return {k: v for s in theirs for k, v in ((PARTNERS_DAY, str(s.as_of or "")), (PARTNERS_ROWS, str(s.rows)))}


def _close(entry: budget.Entry, outcome: str, lake: Lake, room: CleanRoom, run_id: str) -> None:
    with room.exclusively():
        lake.write(QUERY_LOG, budget.close(lake.read(QUERY_LOG), entry, outcome), run_id)


def _newest(query: ProtectedQuery, lake: Lake) -> date | None:
    return max((day for t in query.inputs if (day := lake.state(t).as_of)), default=None)


def _rewritten(query: ProtectedQuery, as_of: date | None) -> str:
    try:
        if isinstance(query.resolved, Accepted):
            return custom_engine.rewritten(query.resolved, as_of).sql
        return rewrite.rewrite(query.resolved, as_of).sql
    except NotExecutableError as bad:
        raise QueryFailedError("FUNCTION_NOT_ALLOWED", f"{query.name}: {bad}") from bad
