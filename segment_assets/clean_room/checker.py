"""May this query run? Parsed as Spark SQL, resolved against the configured tables, judged by their rules.

An allow-list: what is unknown is refused. Offline, and with nothing but the declaration: no data is looked at.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from sqlglot import exp

from segment_assets.clean_room import (
    aggregation_rule,
    conditions,
    encryption,
    list_rule,
    names,
    spark,
    surface,
    templates,
)
from segment_assets.clean_room.circumstances import PLAIN, Circumstances
from segment_assets.clean_room.collaboration import Collaboration, ConfiguredTable
from segment_assets.clean_room.custom import analyses, flat, mapping, privacy
from segment_assets.clean_room.custom.check import Accepted
from segment_assets.clean_room.custom.check import check as check_custom
from segment_assets.clean_room.custom.resolve import Resolver
from segment_assets.clean_room.names import Resolved
from segment_assets.clean_room.program import TOO_DEEP, Program, parse
from segment_assets.clean_room.reasons import WARNINGS, Finding, QueryRefusedError, Verdict, at, verdict
from segment_assets.clean_room.runnable import Runnable

MAX_LENGTH = 500_000  # API_ProtectedQuerySQLParameters, queryString
_RULES = {"AGGREGATION": aggregation_rule.check, "LIST": list_rule.check}
# What makes it impossible to tell whose columns are meant.
_BLOCKING = {
    "SYNTAX_NOT_ALLOWED",
    "TABLE_FUNCTION",
    "NO_TABLE",
    "TABLE_NOT_ASSOCIATED",
    "SUBQUERY_OR_CTE",
    "SET_OPERATION",
}


_MAPPING = "ID_MAPPING_TABLE"


@dataclass(frozen=True)
class Checked:
    """A query with its verdict.

    Attributes:
        text: as submitted.
        verdict: ACCEPT, WARN or REJECT, with every finding.
        resolved: the canonical tree of one SELECT without nested queries; None where there is none, or was refused.
        custom: the resolved program under custom rules; None where the query was refused.
    """

    text: str
    verdict: Verdict
    resolved: Resolved | None = None
    custom: Accepted | None = None

    def accepted(self, path: str = "query") -> Resolved:
        """The canonical tree of an accepted query of one SELECT without nested queries.

        Args:
            path: where the query stands, for the message.

        Raises:
            QueryRefusedError: the query was refused.
        """
        if self.resolved is None:
            raise QueryRefusedError(self.refusal, path)
        return self.resolved

    def runnable(self, path: str = "query") -> Runnable:
        """The query as it runs.

        Args:
            path: where the query stands, for the message.

        Raises:
            QueryRefusedError: the query was refused, or needs what is not built.
        """
        if self.resolved is not None:
            return self.resolved
        if self.custom is None or any(privacy.is_private(t) for t in self.custom.tables):
            raise QueryRefusedError(self.refusal, path)
        return self.custom

    @property
    def refusal(self) -> Finding:
        """Why the query does not run."""
        if self.verdict.findings:
            return self.verdict.findings[0]
        if self.custom and any(privacy.is_private(t) for t in self.custom.tables):
            return Finding(
                "DP_POLICY_MISSING", "the query is allowed, and runs with noise alone: it is no query of this kind"
            )
        message = "the query is allowed, and is no single SELECT over configured tables"
        return Finding("SUBQUERY_OR_CTE", message)


def check(text: str, collaboration: Collaboration, state: Circumstances = PLAIN) -> Checked:
    """Judge one query.

    Args:
        text: of the query, or of the analysis template that `state` runs.
        collaboration: members, tables and rules.
        state: who asks, who receives, and what is left to spend.
    """
    resolved: Resolved | None = None
    accepted: Accepted | None = None
    try:
        found, resolved, accepted = _check(text, collaboration, state)
    except RecursionError:
        found = [Finding("PARSE_ERROR", TOO_DEEP)]
    if any(f.code == "TABLE_NOT_ASSOCIATED" for f in found):
        # Which columns it would have can't be known: one mistake is told once.
        found = [f for f in found if f.code != "COLUMN_UNKNOWN"]
    judged = verdict(found, strict=state.strict)
    if judged.decision == "REJECT":
        return Checked(text, judged)
    return Checked(text, judged, resolved, accepted)


_Judged = tuple[list[Finding], Resolved | None, Accepted | None]


def _check(text: str, collaboration: Collaboration, state: Circumstances) -> _Judged:
    if len(text) > MAX_LENGTH:
        return [Finding("QUERY_TOO_LONG", f"a query has {MAX_LENGTH} characters at most")], None, None
    program = parse(text)
    if isinstance(program, Finding):
        return [program], None, None
    known, found = _tables(program, collaboration)
    found += [*program.wrong, *_rule_types(known), *_spending(known, collaboration, state)]
    types = {t.rule.type for t in known if t.rule}
    # Without a rule to judge by, only what no rule allows is wrong with the SQL itself.
    if not types or "CUSTOM" in types or types == {_MAPPING}:
        found += _bound(program, collaboration, state)
        more, accepted = check_custom(program, known, collaboration, state, len(text))
        refused = any(f.code not in WARNINGS for f in (*found, *more))
        one = None if refused else flat.resolved(accepted, collaboration)
        return found + more + ([] if one or refused else list(_unmeasured(known))), one, accepted
    if program.cached:
        found.append(Finding("MULTIPLE_STATEMENTS", "CACHE TABLE is allowed under custom rules alone"))
    more, resolved = _structured(program.final, known, collaboration, state, found)
    return found + more, resolved, None


def _tables(program: Program, collaboration: Collaboration) -> tuple[list[ConfiguredTable], list[Finding]]:
    known: list[ConfiguredTable] = []
    wrong: list[Finding] = []
    for tree, cached in program.steps:
        some, found = names.tables(tree, collaboration, cached)
        known += some
        wrong += found
    if known:
        # A cached table's SELECT, or the one that reads it, need not name a configured table itself.
        wrong = [f for f in wrong if f.code != "NO_TABLE"]
    return known, wrong


def _bound(program: Program, collaboration: Collaboration, state: Circumstances) -> Iterator[Finding]:
    template = collaboration.templates.get(state.run.arn) if state.run else None
    declared = template.parameters if template else ()
    values = state.run.values if state.run else {}
    for tree in program.trees:
        yield from templates.bind(tree, declared, values)


def _structured(
    tree: exp.Expr,
    tables: list[ConfiguredTable],
    collaboration: Collaboration,
    state: Circumstances,
    found: list[Finding],
) -> tuple[list[Finding], Resolved | None]:
    """List and aggregation rules: one SELECT of a fixed shape."""
    more = list(surface.sweep(tree))
    if isinstance(tree, exp.Subquery):
        more.append(at(tree, "SUBQUERY_OR_CTE", "write the query without parentheses around it"))
    if not isinstance(tree, exp.Select) or any(f.code in _BLOCKING for f in (*found, *more)):
        return more, None
    resolved, wrong = names.resolve(tree, collaboration)
    more += wrong
    types = {t.rule.type for t in tables if t.rule} - {_MAPPING}
    if wrong or len(types) != 1 or any(f.code == "NO_ANALYSIS_RULE" for f in found):
        return more, None
    more += _RULES[types.pop()](resolved, collaboration.runner)
    if where := resolved.tree.args.get("where"):
        more += conditions.uncompared(where.this, lambda node: spark.kind(node, resolved) == "boolean")
    if not more:
        more += surface.strict(resolved.tree)
    more += _scoped(tree, collaboration, state)
    return more, resolved


def _scoped(tree: exp.Expr, collaboration: Collaboration, state: Circumstances) -> Iterator[Finding]:
    """ID mapping tables and encrypted columns, which list and aggregation rules can meet too."""
    resolution = Resolver(collaboration).program((), tree)
    yield from mapping.check(resolution)
    yield from encryption.check(resolution, collaboration, state)


def _spending(tables: list[ConfiguredTable], collaboration: Collaboration, state: Circumstances) -> Iterator[Finding]:
    yield from analyses.receivers(tables, collaboration, state)
    for name in sorted({t.name for t in tables}):
        uses = sum(t.name == name for t in tables)
        left = min((state.uses_left[k] for k in (name, "*") if k in state.uses_left), default=None)
        if left is not None and left < uses:
            message = f"the access budget of {name} is used up"
            yield Finding("ACCESS_BUDGET_EXHAUSTED", message, rule=f"{name}.accessBudget")


def _unmeasured(tables: list[ConfiguredTable]) -> Iterator[Finding]:
    for name in sorted({t.name for t in tables if t.largest_share is not None}):
        message = f"{name}.largest_share is measured in queries of one SELECT: write it without nested queries"
        yield Finding("FUNCTION_NOT_ALLOWED", message, rule=f"{name}.largestShare")


def _rule_types(tables: list[ConfiguredTable]) -> Iterator[Finding]:
    for table in tables:
        if table.rule is None:
            yield Finding("NO_ANALYSIS_RULE", f"{table.name} has no analysis rule, so it can't be queried")
    # An ID mapping table has the rule of the tables it bridges.
    if len(types := sorted({t.rule.type for t in tables if t.rule} - {_MAPPING})) > 1:
        message = f"the tables have rules of different types ({', '.join(types)}); a query needs tables of one type"
        yield Finding("MIXED_RULE_TYPES", message)
