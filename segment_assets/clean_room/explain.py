"""What is done to an accepted query before it runs, and what leaves: for whoever wrote it."""

from typing import Any

from segment_assets.clean_room import custom_engine, results, rewrite
from segment_assets.clean_room.checker import Checked
from segment_assets.clean_room.port import QueryFailedError
from segment_assets.clean_room.spark import NotExecutableError

_DAY = "the day of the data"


def explain(checked: Checked) -> dict[str, Any]:
    """Constraints, executed SQL, and columns that leave, of a query that is not refused."""
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
    outputs = checked.custom.resolution.final.outputs
    leaves = [
        f"{n}: {', '.join(sorted('.'.join(s) for s in o.sources)) or 'a constant or a count'}" for n, o in outputs
    ]
    return {"added": custom_engine.added(checked.custom), "columns_that_leave": leaves, "runs": _sql(checked)}


def _sql(checked: Checked) -> str:
    try:
        if checked.resolved is not None:
            return rewrite.rewrite(checked.resolved, rewrite.ANY_DAY).sql
        return custom_engine.sql(checked.custom) if checked.custom else ""
    except (NotExecutableError, QueryFailedError) as bad:
        return f"not run by the local engine: {bad}"
