"""disallowedOutputColumns: a column that may filter and join, and never reaches what leaves, by any lineage.

The final projection is every output of the final SELECT and of every cached table; GROUP BY and HAVING of the final
SELECT count too, because what they hold decides what the rows mean.
"""

from collections.abc import Iterator

from sqlglot import exp

from segment_assets.clean_room.collaboration import Collaboration
from segment_assets.clean_room.custom import clauses
from segment_assets.clean_room.custom.scopes import Query, Resolution, Source
from segment_assets.clean_room.custom_rule import Custom
from segment_assets.clean_room.reasons import Finding, at


def check(resolution: Resolution, collaboration: Collaboration) -> Iterator[Finding]:
    """Disallowed columns that reach a final projection."""
    forbidden = {
        (name, column)
        for name, table in collaboration.tables.items()
        if isinstance(table.rule, Custom)
        for column in table.rule.disallowed_output_columns or ()
    }
    for query in (*resolution.cached, resolution.final):
        for select in query.selects():
            yield from _select(select, resolution, forbidden)


def _select(query: Query, resolution: Resolution, forbidden: set[Source]) -> Iterator[Finding]:
    shown = {s for _, o in query.outputs for s in o.sources}
    places: list[exp.Expr] = list(query.select.expressions)
    for clause in ("group", "having"):
        if node := query.select.args.get(clause):
            places += clauses.group_keys(query) if clause == "group" else [node.this]
    for place in places:
        sources = shown if clauses.has_star(place) else resolution.origin(place).sources
        for table, column in sorted(sources & forbidden):
            message = f'"{column}" of {table} may be used to join and filter, and never be shown or grouped by'
            yield at(place, "DISALLOWED_OUTPUT_COLUMN", message, rule=f"{table}.disallowedOutputColumns")
