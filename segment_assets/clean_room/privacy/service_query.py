"""A query under differential privacy where a service adds the noise: asked once per content, kept, written.

No limit that is declared for the local engine has a part in it: the service takes its own from the data. So such limits
stand in no key here, and another limit asks, and pays, for nothing.
"""

import json
from collections import Counter
from dataclasses import replace

import pyarrow as pa
import pyarrow.compute as pc

from segment_assets.clean_room import budget, offered, protected_query
from segment_assets.clean_room.collaboration import Collaboration
from segment_assets.clean_room.port import CleanRoom, QueryFailedError
from segment_assets.clean_room.privacy.query import Outcome, PrivateQuery, close, entry_of, newest
from segment_assets.clean_room.privacy.report import THEIRS
from segment_assets.clean_room.privacy.service import NoiseService, Noisy
from segment_assets.clean_room.tables import QUERY_LOG
from segment_assets.lake import Lake

SENSITIVITY = "sensitivity_parameters"


def run(query: PrivateQuery, lake: Lake, room: CleanRoom, service: NoiseService, run_id: str) -> Outcome:
    """Ask a query within its budgets, or take the result that is there.

    Raises:
        BudgetExhaustedError: the day's queries are used up.
        PrivacyBudgetError: the collaboration has no privacy budget, or too little of it.
        QueryFailedError: the query did not end well; it counts.
    """
    entry = entry_of(query, lake, _without_limits(query.collaboration), "", type(service).__name__)
    key = entry.content_key
    with room.exclusively():
        log = lake.read(QUERY_LOG)
        known = budget.status(log, key) == "SUCCESS"
        charged = budget.charge(log, entry, query.per_day)
        if not known:
            # Refused here, it has cost nothing.
            service.admit(query.name, Counter(a.kind for a in query.plan.aggregates), key)
            room.admit(query.collaboration, query.uses, key)
        lake.write(QUERY_LOG, charged, run_id)
    told = lake.inputs(query.table)
    reused = known and told.get(protected_query.KEY) == key
    try:
        if reused:
            answer = Noisy(lake.read(query.table), json.loads(told.get(SENSITIVITY, "[]")))
        else:
            room.fill(offered.versions(query.plan.tables, lake, query.sources))
            answer = service.ask(query.accepted, key, newest(query, lake), query.of)
    except QueryFailedError:
        close(entry, "FAILED", lake, room, run_id)
        raise
    known_of = {protected_query.KEY: key, SENSITIVITY: json.dumps(answer.sensitivity)}
    as_of = lake.as_of(*query.inputs)
    written = lake.write(query.table, fitted(answer.rows, query.table.schema), run_id, inputs=known_of, as_of=as_of)
    close(entry, "SUCCESS", lake, room, run_id)
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
