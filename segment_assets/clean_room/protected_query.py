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
from segment_assets.clean_room.collaboration import Collaboration
from segment_assets.clean_room.custom.check import Accepted
from segment_assets.clean_room.differencing.monitor import Leaving, Monitor
from segment_assets.clean_room.locked import Locked
from segment_assets.clean_room.names import Resolved
from segment_assets.clean_room.port import CleanRoom, QueryFailedError
from segment_assets.clean_room.query_log import Logged
from segment_assets.clean_room.runnable import Runnable
from segment_assets.clean_room.spark import NotExecutableError
from segment_assets.clean_room.tables import PARTNERS_DAY, PARTNERS_ROWS, RELEASED_GROUPS
from segment_assets.lake import Lake, Table, Written
from segment_assets.lake.changing import changed
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
        CommitFailedException: another run wrote the result meanwhile, or what a room reads by itself.
    """
    # What the key is made of is what is read, counted again and told of, whoever writes it meanwhile.
    still = lake.standing_still(query.table, *query.inputs)
    entry = _entry(query, still)
    _refuse_unmeasured(query, room)
    log = Logged(entry, lake, room, run_id)

    def pay(known: bool) -> None:
        if not known:
            room.admit(query.collaboration, runnable.uses(query.resolved), entry.content_key)

    known = log.begin(query.per_day, pay)
    reused = known and still.inputs(query.table).get(KEY) == entry.content_key
    recounted = room.maps_ids or not any(t.bridge for t in runnable.tables(query.resolved))
    try:
        rows = still.read(query.table) if reused else _execute(query, still, log)
        if not reused:
            rows = _weighed(query, rows, still, log)
        kept = not recounted or _minimum_kept(query, still, rows)
    except QueryFailedError:
        log.end("FAILED")
        raise
    cost = room.cost(entry.content_key)
    table = results.with_unique_key(query.table, rows)
    unique = rows.num_rows < 2 or rows.group_by(list(table.key)).aggregate([]).num_rows == rows.num_rows
    if not (kept and unique):
        # Nothing that breaks the rules is written, not even for the runner.
        log.end("FAILED")
        return Outcome(lake.state(query.table), rows.slice(0, 0), kept, unique, reused, cost)
    if (populations := room.populations) is not None:
        monitor = Monitor(query.collaboration, query.sources, lake, still, _engine(lake), populations, room.exclusively)
        monitor.watch(Leaving(query.resolved, rows, query.name, entry.content_key, _newest(query, still)), run_id)
    told = {KEY: entry.content_key} | _of_the_partner(query, still)
    as_of, before = still.as_of(*query.inputs), still.state(query.table)
    written = lake.write(table, rows, run_id, inputs=told, as_of=as_of, replacing=before)
    log.end("SUCCESS")
    return Outcome(written, rows, kept, unique, reused, cost, recounted)


def _entry(query: ProtectedQuery, still: Lake) -> budget.Entry:
    states = {table.name: still.state(table) for table in query.inputs}
    used = {t.name for t in runnable.tables(query.resolved)}
    rules = query.collaboration.version_of(used)
    # What is executed stands in the key, so that a mended rewrite is run again and an unrelated edit costs nothing.
    executed = _rewritten(query, _newest(query, still))
    versions = {name: state.version for name, state in states.items()}
    return budget.Entry(
        budget.content_key(query.text, rules, versions, query.engine, executed),
        query.name,
        _newest(query, still) or UNDATED,
        next(t.rule.type for t in runnable.tables(query.resolved) if t.rule),
        ", ".join(sorted(used)),
        query.text,
    )


def _execute(query: ProtectedQuery, still: Lake, log: Logged) -> pa.Table:
    log.room.fill(offered.versions(runnable.tables(query.resolved), still, query.sources))
    read = offered.reader(still, query.sources)
    rows = log.room.run(query.resolved, read, _newest(query, still), log.entry.content_key, query.of)
    log.refuse_if_overtaken(query.inputs, still)
    return rows.cast(query.table.schema)


def _refuse_unmeasured(query: ProtectedQuery, room: CleanRoom) -> None:
    limited = [t.name for t in runnable.tables(query.resolved) if t.largest_share is not None]
    if limited and (isinstance(query.resolved, Accepted) or room.populations is None):
        message = f"{limited[0]}.largest_share is measured in queries of one SELECT, and on one machine alone"
        raise QueryFailedError("FUNCTION_NOT_ALLOWED", message)


def _weighed(query: ProtectedQuery, rows: pa.Table, still: Lake, log: Logged) -> pa.Table:
    """The rows that no one weighs too much on, with the owner's report of all of them written."""
    if log.room.populations is None or not isinstance(query.resolved, Resolved):
        return rows

    def read(also: Mapping[str, set[str]]) -> dict[str, pa.Table]:
        catalog = offered.of_lake(still, query.sources)
        return {t.name: offered.rows(t, catalog, also.get(t.name, ())) for t in runnable.tables(query.resolved)}

    day = _newest(query, still)
    found = shares.measured(query.resolved, rows, query.collaboration, day, read, _engine(still).execute)
    if not found:
        return rows
    left = shares.kept(rows, query.resolved, found)
    told = {"content_key": log.entry.content_key, "query": query.name, "runner": query.collaboration.runner}
    report = shares.record(found, left, rows, {**told, "as_of": str(day or "")})
    with log.room.exclusively():
        changed(log.lake, RELEASED_GROUPS, lambda before: shares.with_report(before, report), log.run_id)
    return left


def _minimum_kept(query: ProtectedQuery, still: Lake, rows: pa.Table) -> bool:
    asked, as_of, execute = query.resolved, _newest(query, still), _engine(still).execute
    read = offered.reader(still, query.sources)
    tables = {t.name: read(t) for t in runnable.tables(asked)}
    if isinstance(asked, Accepted):
        return custom_results.minimum_kept(asked, rows, tables, as_of, execute)

    def members(column: exp.Column) -> pa.Table:
        return execute(rewrite.members(asked, column, as_of).sql, tables)

    return thresholds.minimum_kept(asked, rows, members)


def _engine(lake: Lake) -> Locked:
    """Where what is about to leave is counted again: beside the lake, wherever the query ran."""
    return Locked(lake.scratch, lake.memory_limit, lake.threads)


def _of_the_partner(query: ProtectedQuery, still: Lake) -> dict[str, str]:
    theirs = [still.state(table) for table in query.inputs if table.name.partition(".")[0] == NAMESPACE]
    # Without a day stands none: a day of an earlier delivery would say too much.
    return {k: v for s in theirs for k, v in ((PARTNERS_DAY, str(s.as_of or "")), (PARTNERS_ROWS, str(s.rows)))}


def _newest(query: ProtectedQuery, still: Lake) -> date | None:
    return offered.newest(query.inputs, still)


def _rewritten(query: ProtectedQuery, as_of: date | None) -> str:
    try:
        if isinstance(query.resolved, Accepted):
            return custom_engine.rewritten(query.resolved, as_of).sql
        return rewrite.rewrite(query.resolved, as_of).sql
    except NotExecutableError as bad:
        raise QueryFailedError("FUNCTION_NOT_ALLOWED", f"{query.name}: {bad}") from bad
