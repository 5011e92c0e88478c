"""The minimum group size, recomputed from the source tables: the query's own HAVING is not trusted."""

from collections.abc import Callable

import pyarrow as pa
from sqlglot import exp

from segment_assets.clean_room import conditions, rewrite
from segment_assets.clean_room.names import Resolved

Members = Callable[[exp.Column], pa.Table]


def minimum_kept(query: Resolved, result: pa.Table, members: Members) -> bool:
    """Whether every row of the result has at least as many identities as every table's constraint wants.

    Args:
        query: the query that gave the result.
        result: its rows, in the query's order of columns.
        members: for a constraint's column: the groups' keys and, last, each distinct value of the column.
    """
    items = [conditions.plain(i) for i in query.tree.expressions]
    keys = [result.column(i).to_pylist() for i, item in enumerate(items) if not item.find(exp.AggFunc)]
    groups = list(zip(*keys, strict=True)) if keys else [()] * result.num_rows
    for column, minimum in rewrite.constraints(query):
        sizes = _sizes(members(column))
        if any(sizes.get(group, 0) < minimum for group in groups):
            return False
    return True


def _sizes(pairs: pa.Table) -> dict[tuple[object, ...], int]:
    *keys, identity = pairs.column_names
    known = pairs.filter(pairs.column(identity).is_valid())
    if not keys:
        return {(): len(known.column(identity).unique())}
    counted = known.group_by(keys).aggregate([(identity, "count_distinct")])
    columns = [counted.column(name).to_pylist() for name in keys]
    sizes = counted.column(f"{identity}_count_distinct").to_pylist()
    return dict(zip(zip(*columns, strict=True), sizes, strict=True))
