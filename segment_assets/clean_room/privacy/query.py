"""A query under differential privacy from budget to result: paid, run once, kept, written.

The answer is kept in the ledger by content: query, rules, limits and versions of the inputs. The same content gets the
same answer again and pays nothing, also after another was asked in between, or the result's table was lost. New
versions of libraries do not ask again, because each answer costs what can't be bought back.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import pyarrow as pa
from sqlglot import exp

from segment_assets.clean_room import budget, offered, protected_query
from segment_assets.clean_room.circumstances import Run
from segment_assets.clean_room.collaboration import Collaboration, ConfiguredTable
from segment_assets.clean_room.custom.check import Accepted
from segment_assets.clean_room.port import CleanRoom, QueryFailedError
from segment_assets.clean_room.privacy import report
from segment_assets.clean_room.privacy.limits import Bounds
from segment_assets.clean_room.privacy.plan import Plan
from segment_assets.clean_room.privacy.template import BudgetTemplate
from segment_assets.clean_room.tables import QUERY_LOG
from segment_assets.lake import Lake, Table, Written
from segment_assets.sql import Trace

MECHANISM = "1"  # another one when what is computed changes: then every query is asked, and paid for, once more


@dataclass(frozen=True)
class PrivateQuery:
    """A query under differential privacy, ready to run.

    Attributes:
        name: as in segmentation.yaml.
        text: as submitted.
        accepted: by the checker.
        plan: what is computed and what gets noise.
        bounds: as declared beside the query.
        trace: catalog columns that values are computed from, and those that choose rows; every person's column too.
        table: where the result is written.
        sources: catalog table's short name -> the table.
        collaboration: whose rules it runs under.
        template: the budget it is paid from.
        per_day: protected queries per day of the data.
        uses: how often it uses each configured table.
        of: the run of an analysis template that it is; None for free text.
    """

    name: str
    text: str
    accepted: Accepted
    plan: Plan
    bounds: Mapping[str, Bounds]
    trace: Trace
    table: Table
    sources: Mapping[str, Table]
    collaboration: Collaboration
    template: BudgetTemplate
    per_day: int
    uses: Mapping[str, int] = field(default_factory=dict)
    of: Run | None = None

    @property
    def inputs(self) -> list[Table]:
        """The catalog tables behind the configured tables of the query."""
        return offered.inputs(self.plan.tables, self.sources)


@dataclass(frozen=True)
class Outcome:
    """What a query left.

    Attributes:
        written: the result's table.
        reused: the content had its answer, and nothing was paid.
        label: whose noise it is.
        sensitivity: how much of one person counts in each aggregate, in AWS's shape.
        more: what else is told of it: noisy columns that were paid for, or what a service billed.
    """

    written: Written
    reused: bool
    label: str
    sensitivity: list[dict[str, Any]]
    more: Mapping[str, Any]


def run(query: PrivateQuery, lake: Lake, room: CleanRoom, run_id: str) -> Outcome:
    """Pay for a query and run it, or take the answer that its content has.

    Raises:
        AccessBudgetError: a table's access budget is used up.
        PrivacyBudgetError: the privacy budget does not pay for it.
        BudgetExhaustedError: the day's queries are used up.
        QueryFailedError: the query did not end well; it stays paid.
    """
    bounds = repr(sorted((text, list(map(float, b))) for text, b in query.bounds.items()))
    entry = entry_of(query, lake, query.collaboration, bounds, MECHANISM)
    ledger, name = room.ledger, query.collaboration.name
    with ledger.one_at_a_time(entry.content_key):
        known = ledger.released(name, entry.content_key)
        answer = known or _asked(query, entry, lake, room, run_id)
        rows = pa.ipc.open_stream(pa.py_buffer(answer)).read_all()
        as_of = lake.as_of(*query.inputs)
        written = lake.write(query.table, rows, run_id, inputs={protected_query.KEY: entry.content_key}, as_of=as_of)
        if budget.status(lake.read(QUERY_LOG), entry.content_key) != "SUCCESS":  # also where a run was killed just here
            close(entry, "SUCCESS", lake, room, run_id)
    told, more = report.sensitivity_parameters(query.plan), {"noisy_columns": query.plan.units}
    return Outcome(written, known is not None, report.LABEL, told, more)


def _asked(query: PrivateQuery, entry: budget.Entry, lake: Lake, room: CleanRoom, run_id: str) -> bytes:
    ledger, key, plan, name = room.ledger, entry.content_key, query.plan, query.collaboration.name
    with room.exclusively():
        charged = budget.charge(lake.read(QUERY_LOG), entry, query.per_day)
        room.admit(query.collaboration, query.uses, key)
        # Refused here, it has cost nothing; killed after this, it has cost noise and no query of the day.
        paid = ledger.reserve(name, query.template, key, query.name, plan.units, plan.delta)
        lake.write(QUERY_LOG, charged, run_id)

    def read(table: ConfiguredTable) -> pa.Table:
        return offered.rows(table, offered.of_lake(lake, query.sources))

    try:
        rows = room.run_private(plan, read, paid.price, newest(query, lake)).cast(query.table.schema)
    except QueryFailedError:
        ledger.failed(paid)
        close(entry, "FAILED", lake, room, run_id)
        raise
    return ledger.release(name, key, paid, _packed(rows))


def _packed(rows: pa.Table) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, rows.schema) as stream:
        stream.write_table(rows)
    return bytes(sink.getvalue().to_pybytes())


def entry_of(query: PrivateQuery, lake: Lake, rules: Collaboration, bounds: str, mechanism: str) -> budget.Entry:
    """A query's row in the query log: its key is another one when, and only when, it is another question.

    Args:
        query: ready to run.
        lake: with its inputs.
        rules: the collaboration, with all that decides over the answer and nothing else.
        bounds: of what is summed or averaged, where they decide over it.
        mechanism: whose noise it is, and which.
    """
    names = {t.name for t in query.plan.tables}
    versions = {table.name: lake.state(table).version for table in query.inputs}
    today = str(newest(query, lake)) if report.asks_for_today(query.plan) else ""
    return budget.Entry(
        budget.content_key(query.text, rules.version_of(names), versions, bounds, today, mechanism),
        query.name,
        newest(query, lake) or protected_query.UNDATED,
        "CUSTOM",
        ", ".join(sorted(names)),
        query.text,
    )


def newest(query: PrivateQuery, lake: Lake) -> date | None:
    """The newest day of the data it rests on."""
    return max((day for t in query.inputs if (day := lake.state(t).as_of)), default=None)


def close(entry: budget.Entry, outcome: str, lake: Lake, room: CleanRoom, run_id: str) -> None:
    """Say in the query log how a query ended."""
    with room.exclusively():
        lake.write(QUERY_LOG, budget.close(lake.read(QUERY_LOG), entry, outcome), run_id)


def key_names(plan: Plan) -> list[str]:
    """The result's columns that are keys of groups, unchanged; the outer SELECT says which."""
    keys = {k.column for k in plan.keys}
    items = zip(plan.names, plan.outer.expressions, strict=True)
    return [n for n, item in items if isinstance(item.this, exp.Column) and item.this.name in keys]
