"""A query under differential privacy from budget to result: paid, run once, kept, written.

The answer is kept in the ledger by content: query, rules, limits and versions of the inputs. The same content gets the
same answer again and pays nothing, also after another was asked in between, or the result's table was lost. New
versions of libraries do not ask again, because each answer costs what can't be bought back.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa
from sqlglot import exp

from segment_assets.clean_room import budget, offered, protected_query
from segment_assets.clean_room.circumstances import Run
from segment_assets.clean_room.collaboration import Collaboration
from segment_assets.clean_room.custom.check import Accepted
from segment_assets.clean_room.port import CleanRoom, QueryFailedError
from segment_assets.clean_room.privacy import report
from segment_assets.clean_room.privacy.ledger import Reservation
from segment_assets.clean_room.privacy.limits import Bounds
from segment_assets.clean_room.privacy.plan import Plan
from segment_assets.clean_room.privacy.template import BudgetTemplate
from segment_assets.clean_room.query_log import Logged
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
        CommitFailedException: another run wrote the result meanwhile; the answer is kept.
    """
    bounds = repr(sorted((text, list(map(float, b))) for text, b in query.bounds.items()))
    # What the key is made of is what is read, whoever writes it meanwhile: the answer is kept by that key.
    still = lake.standing_still(query.table, *query.inputs)
    log = Logged(entry_of(query, still, query.collaboration, bounds, MECHANISM), lake, room, run_id)
    ledger, name, key = room.ledger, query.collaboration.name, log.entry.content_key
    with ledger.one_at_a_time(key):
        known = ledger.released(name, key)
        answer = known or _asked(query, still, log)
        rows = pa.ipc.open_stream(pa.py_buffer(answer)).read_all()
        as_of, before = still.as_of(*query.inputs), still.state(query.table)
        written = lake.write(
            query.table, rows, run_id, inputs={protected_query.KEY: key}, as_of=as_of, replacing=before
        )
        if budget.status(lake.read(QUERY_LOG), key) != "SUCCESS":  # also where a run was killed just here
            log.end("SUCCESS")
    told, more = report.sensitivity_parameters(query.plan), {"noisy_columns": query.plan.units}
    return Outcome(written, known is not None, report.LABEL, told, more)


def _asked(query: PrivateQuery, still: Lake, log: Logged) -> bytes:
    ledger, key, plan, name = log.room.ledger, log.entry.content_key, query.plan, query.collaboration.name
    paid: list[Reservation] = []

    def pay(_: bool) -> None:
        log.room.admit(query.collaboration, query.uses, key)
        # Refused here, it has cost nothing; killed after this, it has cost noise and no query of the day.
        if not paid:
            paid.append(ledger.reserve(name, query.template, key, query.name, plan.units, plan.delta))

    log.begin(query.per_day, pay)
    [reservation] = paid
    read, day = offered.reader(still, query.sources), offered.newest(query.inputs, still)
    try:
        rows = log.room.run_private(plan, read, reservation.price, day).cast(query.table.schema)
    except QueryFailedError:
        ledger.failed(reservation)
        log.end("FAILED")
        raise
    return ledger.release(name, key, reservation, _packed(rows))


def _packed(rows: pa.Table) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, rows.schema) as stream:
        stream.write_table(rows)
    return bytes(sink.getvalue().to_pybytes())


def entry_of(query: PrivateQuery, still: Lake, rules: Collaboration, bounds: str, mechanism: str) -> budget.Entry:
    """A query's row in the query log: its key is another one when, and only when, it is another question.

    Args:
        query: ready to run.
        still: the lake in which its inputs stay as they are.
        rules: the collaboration, with all that decides over the answer and nothing else.
        bounds: of what is summed or averaged, where they decide over it.
        mechanism: whose noise it is, and which.
    """
    names = {t.name for t in query.plan.tables}
    versions = {table.name: still.state(table).version for table in query.inputs}
    day = offered.newest(query.inputs, still)
    today = str(day) if report.asks_for_today(query.plan) else ""
    return budget.Entry(
        budget.content_key(query.text, rules.version_of(names), versions, bounds, today, mechanism),
        query.name,
        day or protected_query.UNDATED,
        "CUSTOM",
        ", ".join(sorted(names)),
        query.text,
    )


def key_names(plan: Plan) -> list[str]:
    """The result's columns that are keys of groups, unchanged; the outer SELECT says which."""
    keys = {k.column for k in plan.keys}
    items = zip(plan.names, plan.outer.expressions, strict=True)
    return [n for n, item in items if isinstance(item.this, exp.Column) and item.this.name in keys]
