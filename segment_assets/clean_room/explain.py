"""What is done to an accepted query before it runs, and what leaves: for whoever wrote it."""

from collections.abc import Mapping
from typing import Any

from segment_assets.clean_room import custom_engine, results, rewrite
from segment_assets.clean_room.checker import Checked
from segment_assets.clean_room.custom.check import Accepted
from segment_assets.clean_room.custom.privacy import is_private
from segment_assets.clean_room.port import QueryFailedError
from segment_assets.clean_room.privacy.limits import Bounds
from segment_assets.clean_room.privacy.people import NotPrivateError
from segment_assets.clean_room.privacy.plan import plan
from segment_assets.clean_room.privacy.report import explained
from segment_assets.clean_room.program import TOO_DEEP
from segment_assets.clean_room.spark import NotExecutableError


def explain(checked: Checked, bounds: Mapping[str, Bounds] | None = None) -> dict[str, Any]:
    """Constraints, executed SQL, and columns that leave, of a query that is not refused.

    Args:
        checked: the query.
        bounds: of what it sums or averages, where it is under differential privacy.
    """
    try:
        return _explained(checked, bounds or {})
    except RecursionError:  # to write a query takes more of the stack than to judge it
        return {"added": [], "columns_that_leave": [], "runs": f"not run by the local engine: {TOO_DEEP}"}


def _explained(checked: Checked, bounds: Mapping[str, Bounds]) -> dict[str, Any]:
    if checked.resolved is not None:
        query = checked.resolved
        constraints = [
            f"every row rests on at least {minimum} distinct values of {query.table(column).name}.{column.name}"
            for column, minimum in rewrite.constraints(query)
        ]
        values = results.traced(query).values
        lineage = {n: sorted(f"{s.table}.{s.column}" for s in found) for n, found in values.items()}
        leaves = [f"{name}: {', '.join(found) or 'a constant, or a count of rows'}" for name, found in lineage.items()]
        return {"added": constraints or ["nothing"], "columns_that_leave": leaves, "runs": _sql(checked)}
    if checked.custom is None:
        return {}
    if any(is_private(t) for t in checked.custom.tables):
        return _private(checked.custom, bounds)
    outputs = checked.custom.resolution.final.outputs
    leaves = [
        f"{n}: {', '.join(sorted('.'.join(s) for s in o.sources)) or 'a constant or a count'}" for n, o in outputs
    ]
    return {"added": custom_engine.added(checked.custom), "columns_that_leave": leaves, "runs": _sql(checked)}


def _private(accepted: Accepted, bounds: Mapping[str, Bounds]) -> dict[str, Any]:
    outputs = accepted.resolution.final.outputs
    leaves = [
        f"{n}: {', '.join(sorted('.'.join(s) for s in o.sources)) or 'a count'}{'' if o.direct else ', with noise'}"
        for n, o in outputs
    ]
    try:
        return {"columns_that_leave": leaves, **explained(plan(accepted, bounds))}
    except NotPrivateError as bad:
        return {"added": [], "columns_that_leave": leaves, "runs": f"not run by the local engine: {bad}"}


def _sql(checked: Checked) -> str:
    try:
        if checked.resolved is not None:
            return rewrite.rewrite(checked.resolved, rewrite.ANY_DAY).sql
        return custom_engine.sql(checked.custom) if checked.custom else ""
    except (NotExecutableError, QueryFailedError) as bad:
        return f"not run by the local engine: {bad}"
