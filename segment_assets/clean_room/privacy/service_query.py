"""A query under differential privacy where a service adds the noise: asked once per content, kept, written.

No limit that is declared for the local engine has a part in it: the service takes its own from the data. So such limits
stand in no key here, and another limit asks, and pays, for nothing.
"""

import json
from collections import Counter
from dataclasses import replace

import pyarrow as pa
import pyarrow.compute as pc

from segment_assets.clean_room import offered, protected_query
from segment_assets.clean_room.collaboration import Collaboration
from segment_assets.clean_room.port import CleanRoom, QueryFailedError
from segment_assets.clean_room.privacy.query import Outcome, PrivateQuery, entry_of
from segment_assets.clean_room.privacy.report import THEIRS
from segment_assets.clean_room.privacy.service import NoiseService, Noisy
from segment_assets.clean_room.query_log import Logged
from segment_assets.lake import Lake

SENSITIVITY = "sensitivity_parameters"


def run(query: PrivateQuery, lake: Lake, room: CleanRoom, service: NoiseService, run_id: str) -> Outcome:
    """Ask a query within its budgets, or take the result that is there.

    Raises:
        BudgetExhaustedError: the day's queries are used up.
        PrivacyBudgetError: the collaboration has no privacy budget, or too little of it.
        QueryFailedError: the query did not end well; it counts.
        CommitFailedException: another run wrote what the service reads, or the result, meanwhile.
    """
    still = lake.standing_still(query.table, *query.inputs)
    entry = entry_of(query, still, _without_limits(query.collaboration), "", type(service).__name__)
    log, key = Logged(entry, lake, room, run_id), entry.content_key

    def pay(known: bool) -> None:
        if not known:
            # Refused here, it has cost nothing.
            service.admit(query.name, Counter(a.kind for a in query.plan.aggregates), key)
            room.admit(query.collaboration, query.uses, key)

    known, told = log.begin(query.per_day, pay), still.inputs(query.table)
    reused = known and told.get(protected_query.KEY) == key
    try:
        if reused:
            answer = Noisy(still.read(query.table), json.loads(told.get(SENSITIVITY, "[]")))
        else:
            room.fill(offered.versions(query.plan.tables, still, query.sources))
            answer = service.ask(query.accepted, key, offered.newest(query.inputs, still), query.of)
            log.refuse_if_overtaken(query.inputs, still)
    except QueryFailedError:
        log.end("FAILED")
        raise
    known_of = {protected_query.KEY: key, SENSITIVITY: json.dumps(answer.sensitivity)}
    rows, as_of = fitted(answer.rows, query.table.schema), still.as_of(*query.inputs)
    written = lake.write(query.table, rows, run_id, inputs=known_of, as_of=as_of, replacing=still.state(query.table))
    log.end("SUCCESS")
    return Outcome(written, reused, THEIRS, answer.sensitivity, dict(answer.cost))


def fitted(rows: pa.Table, schema: pa.Schema) -> pa.Table:
    """The rows in the types of the result: a number with noise may have a fraction where its like has none."""
    columns = []
    for column, wanted in zip(rows.columns, schema, strict=True):
        fraction = pa.types.is_floating(column.type) or pa.types.is_decimal(column.type)
        whole = pc.round(column) if fraction and pa.types.is_integer(wanted.type) else column
        columns.append(whole.cast(wanted.type))
    return pa.table(columns, schema=schema)


def _without_limits(collaboration: Collaboration) -> Collaboration:
    return replace(collaboration, tables={n: replace(t, limits=None) for n, t in collaboration.tables.items()})
