"""Differential privacy's SQL: user-level CTEs below, noisy aggregates on top, and a budget that pays for them.

Page dp-sql-capabilities of the AWS Clean Rooms user guide. HAVING, ORDER BY and LIMIT of the final SELECT act on noisy
values, so they are allowed there and there alone.
"""

from collections.abc import Collection, Iterator

from sqlglot import exp

from segment_assets.clean_room.circumstances import Circumstances
from segment_assets.clean_room.collaboration import ConfiguredTable
from segment_assets.clean_room.custom import clauses, privacy_joins
from segment_assets.clean_room.custom.functions import NOISY
from segment_assets.clean_room.custom.groups import is_of_groups
from segment_assets.clean_room.custom.privacy_joins import is_protected, protected, user_id
from segment_assets.clean_room.custom.scopes import Query, Resolution
from segment_assets.clean_room.custom_rule import Custom
from segment_assets.clean_room.dialect import written
from segment_assets.clean_room.reasons import Finding, at

MAX_LENGTH = 90_000  # the page on quotas; 8 KB in one of its rows
_FINAL = (exp.Count, exp.Sum, exp.Avg, exp.Stddev)


def is_private(table: ConfiguredTable) -> bool:
    """Whether a table is under differential privacy."""
    return isinstance(table.rule, Custom) and table.rule.user_column is not None


def beside_a_minimum(tables: Collection[ConfiguredTable]) -> Iterator[Finding]:
    """A table whose minimum could not be kept: a group shows by the people of the table with noise alone."""
    noisy_one = next((t.name for t in tables if is_private(t)), None)
    for table in tables:
        if noisy_one and isinstance(table.rule, Custom) and table.rule.threshold:
            message = (
                f"{table.name} has a minimum of people and {noisy_one} is under differential privacy: "
                "no row can keep both, so ask them in two queries"
            )
            yield Finding("MIXED_RULE_TYPES", message, rule=f"{table.name}.aggregationThresholds")


def budget(resolution: Resolution, state: Circumstances) -> Iterator[Finding]:
    """No budget template, or not enough left for the aggregates of the final SELECT."""
    if state.privacy_budget is None:
        message = "the collaboration has no privacy budget, and a table of this query is under differential privacy"
        yield Finding("DP_POLICY_MISSING", message, rule="collaboration.privacy_budget")
        return
    wanted = sum(len(noisy(q)) for q in resolution.final.selects())
    if state.aggregations_left is not None and state.aggregations_left < max(1, wanted):
        message = f"this query needs noise for {wanted} aggregates, and the privacy budget pays for fewer"
        yield Finding("DP_BUDGET_EXHAUSTED", message, rule="collaboration.privacy_budget")


def noisy(query: Query) -> list[exp.Expr]:
    """The aggregates that get noise, each once."""
    found: list[exp.Expr] = []
    for node in clauses.aggregates(query):
        if node not in found:
            found.append(node)
    return found


def check(resolution: Resolution) -> Iterator[Finding]:
    """What differential privacy does not allow in a resolved query."""
    final = resolution.final
    if final.branches and is_protected(final):
        yield at(final.node, "DP_SET_OPERATION_IN_FINAL_SELECT", "UNION and the like stand in a CTE, not on top")
    for query in resolution.queries:
        if not is_protected(query):
            continue
        if query.place == "expression":
            message = "a subquery over protected tables stands in FROM or JOIN only"
            yield at(query.node, "DP_SUBQUERY", message)
        elif isinstance(query.node, exp.Select):
            yield from privacy_joins.check(query, resolution)
            if query.place == "final":
                yield from _final(query, resolution)
            else:
                yield from _below(query, resolution)
        elif query.place != "final":
            yield from _emits(query, resolution)
            yield from _unlimited(query)


def _final(query: Query, resolution: Resolution) -> Iterator[Finding]:
    windows = [n for n in clauses.own_nodes(query) if isinstance(n, exp.Window)]
    if windows:
        yield at(windows[0], "DP_WINDOW_IN_FINAL_SELECT", "window functions stand in a CTE, not in the final SELECT")
    for node in clauses.aggregates(query):
        # DISTINCT is documented for COUNT alone.
        if not isinstance(node, _FINAL) or (isinstance(node.this, exp.Distinct) and not isinstance(node, exp.Count)):
            message = f"{written(node)} gets no noise: use {NOISY}"
            yield at(node, "DP_AGGREGATE_NOT_SUPPORTED", message)
    yield from _not_aggregated(query, resolution)


def _not_aggregated(query: Query, resolution: Resolution) -> Iterator[Finding]:
    if next(clauses.aggregates(query), None) is None and not _has_window(query):
        yield at(query.node, "DP_NOT_AGGREGATED", "the final SELECT must aggregate: rows of single people never leave")
        return
    users = {u for r in protected(query) if (u := user_id(r)) is not None}
    keys = clauses.group_keys(query)
    for key in keys:
        if resolution.origin(key).sources & users:
            message = "the user identifier can't be a group: that would list people"
            yield at(key, "DP_NOT_AGGREGATED", message)
    for item in query.select.expressions:
        if clauses.has_star(item):
            yield at(item, "DP_NOT_AGGREGATED", "name what is aggregated: * lists people")
        elif not _is_of_groups(item, query, keys, resolution):
            yield at(item, "DP_NOT_AGGREGATED", "a column of the final SELECT is aggregated or in GROUP BY")
    outputs = {item.alias.lower() for item in query.select.expressions if isinstance(item, exp.Alias)}
    for clause in filter(None, [query.select.args.get("having"), query.select.args.get("order")]):
        for value in clause.expressions or [clause.this]:
            if not _is_of_groups(value, query, keys, resolution, outputs):
                yield at(value, "DP_NOT_AGGREGATED", "HAVING and ORDER BY read outputs, groups and aggregates alone")


def _is_of_groups(
    node: exp.Expr, query: Query, keys: list[exp.Expr], resolution: Resolution, outputs: Collection[str] = ()
) -> bool:
    def inner(value: exp.Expr) -> bool:  # its own rows are its own affair, and may read nothing of these
        here = {table.name for relation in query.relations.values() for table in relation.tables()}
        return not any(name in here for c in value.find_all(exp.Column) for name, _ in resolution.origin(c).sources)

    return is_of_groups(node, query, keys, resolution, outputs, inner)


def _has_window(query: Query) -> bool:
    return any(isinstance(n, exp.Window) for n in clauses.own_nodes(query))


def _below(query: Query, resolution: Resolution) -> Iterator[Finding]:
    yield from _unlimited(query)
    yield from _emits(query, resolution)
    users = {u for r in protected(query) if (u := user_id(r)) is not None}
    for node in clauses.own_nodes(query):
        if isinstance(node, exp.Window):
            partition = [resolution.origin(p).direct for p in node.args.get("partition_by") or ()]
            if not any(p in users for p in partition):
                message = "a window over protected rows has the user identifier in PARTITION BY"
                yield at(node, "DP_WINDOW_PARTITION", message)
    if clauses.is_aggregated(query):
        grouped = [resolution.origin(k).direct for k in clauses.group_keys(query)]
        if not any(k in users for k in grouped):
            message = "below the final SELECT, protected rows are grouped by the user identifier"
            yield at(query.node, "DP_CTE_MUST_EMIT_USER_ID", message)


def _unlimited(query: Query) -> Iterator[Finding]:
    for clause in ("limit", "offset", "order"):
        if node := query.node.args.get(clause):
            word = "ORDER BY" if clause == "order" else clause.upper()
            yield at(node, "DP_LIMIT_IN_CTE", f"{word} stands in the final SELECT only")


def _emits(query: Query, resolution: Resolution) -> Iterator[Finding]:
    if query.place not in ("cte", "from"):
        return
    users = {(t.name, t.rule.user_column) for t in query.tables() if isinstance(t.rule, Custom) and t.rule.user_column}
    names = {column for _, column in users}
    for select in query.selects():
        direct = {o.direct for _, o in select.outputs if o.direct}
        # Beside protected rows, another table's column of the same name does not say whose row it is.
        if not (direct & users if protected(select) else {column for _, column in direct} & names):
            message = f'below the final SELECT, every query over protected tables selects their "{min(names)}"'
            yield at(select.node, "DP_CTE_MUST_EMIT_USER_ID", message)
