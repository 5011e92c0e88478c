"""May this query run? Parsed as Spark SQL, resolved against the configured tables, judged by their rules.

An allow-list: what is unknown is refused. Offline, and with nothing but the declaration: no data is looked at.
"""

import logging
from collections.abc import Iterator
from dataclasses import dataclass

from sqlglot import TokenType, errors, exp

from segment_assets.clean_room import aggregation_rule, list_rule, names, rules, surface
from segment_assets.clean_room.collaboration import Collaboration, ConfiguredTable
from segment_assets.clean_room.dialect import SPARK
from segment_assets.clean_room.names import Resolved
from segment_assets.clean_room.reasons import Finding, QueryRefusedError, Verdict, at, verdict

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


@dataclass(frozen=True)
class Checked:
    """A query with its verdict.

    Attributes:
        text: as submitted.
        verdict: ACCEPT or REJECT, with every finding.
        resolved: the canonical tree; None where the query was refused.
    """

    text: str
    verdict: Verdict
    resolved: Resolved | None

    def accepted(self, path: str = "query") -> Resolved:
        """The canonical tree of an accepted query.

        Args:
            path: where the query stands, for the message.

        Raises:
            QueryRefusedError: the query was refused.
        """
        if self.resolved is None:
            raise QueryRefusedError(self.verdict.findings[0], path)
        return self.resolved


def check(text: str, collaboration: Collaboration) -> Checked:
    """Judge one query of the member who can query."""
    try:
        found, resolved = _check(text, collaboration)
    except RecursionError:
        found, resolved = [Finding("PARSE_ERROR", "the query is nested too deeply")], None
    judged = verdict(found)
    return Checked(text, judged, None if judged.findings else resolved)


def _check(text: str, collaboration: Collaboration) -> tuple[list[Finding], Resolved | None]:
    if len(text) > MAX_LENGTH:
        return [Finding("QUERY_TOO_LONG", f"a query has {MAX_LENGTH} characters at most")], None
    tree = _parse(text)
    if isinstance(tree, Finding):
        return [tree], None
    found = [*surface.sweep(tree), *_from_first(text)]
    if isinstance(tree, exp.Subquery):
        found.append(at(tree, "SUBQUERY_OR_CTE", "write the query without parentheses around it"))
    tables, wrong = names.tables(tree, collaboration)
    found += [*wrong, *_rule_types(tables)]
    if not isinstance(tree, exp.Select) or any(f.code in _BLOCKING for f in found):
        return found, None
    resolved, wrong = names.resolve(tree, collaboration)
    found += wrong
    types = {t.rule.type for t in tables if t.rule}
    if wrong or len(types) != 1 or any(f.code in ("NO_ANALYSIS_RULE", "ANALYSIS_NOT_ALLOWED") for f in found):
        return found, None
    found += _RULES[types.pop()](resolved, collaboration.runner)
    if not found:
        found += surface.strict(resolved.tree)
    return found, resolved


def _parse(text: str) -> exp.Expr | Finding:
    # sqlglot logs the text of what it can't parse; a query's text may hold a person's data.
    logger = logging.getLogger("sqlglot")
    logger.disabled, before = True, logger.disabled
    try:
        statements = [s for s in SPARK.parse(text) if s is not None and not isinstance(s, exp.Semicolon)]
    except errors.ParseError as bad:
        place = bad.errors[0] if bad.errors else {}
        return Finding("PARSE_ERROR", "this is not Spark SQL", int(place.get("line") or 0), int(place.get("col") or 0))
    except errors.SqlglotError:
        return Finding("PARSE_ERROR", "this is not Spark SQL")
    finally:
        logger.disabled = before
    if len(statements) > 1:
        return Finding("MULTIPLE_STATEMENTS", f"a query is one statement, and here are {len(statements)}")
    if not statements:
        return Finding("PARSE_ERROR", "the query is empty")
    if not isinstance(statements[0], exp.Select | exp.SetOperation | exp.Subquery):
        return at(statements[0], "NOT_SELECT", "only SELECT is allowed")
    return statements[0]


def _from_first(text: str) -> Iterator[Finding]:
    # `FROM t SELECT x` leaves no trace in the tree.
    first = next(iter(SPARK.tokenize(text)), None)
    if first is not None and first.token_type == TokenType.FROM:
        yield Finding("SYNTAX_NOT_ALLOWED", "a query starts with SELECT", first.line, 1)


def _rule_types(tables: list[ConfiguredTable]) -> Iterator[Finding]:
    for table in tables:
        if table.rule is None:
            yield Finding("NO_ANALYSIS_RULE", f"{table.name} has no analysis rule, so it can't be queried")
        elif isinstance(table.rule, rules.Unsupported):
            message = (
                f"{table.name} has a {table.rule.type} rule, which is not supported yet; use a list or aggregation rule"
            )
            yield Finding("ANALYSIS_NOT_ALLOWED", message)
    if len(types := sorted({t.rule.type for t in tables if t.rule})) > 1:
        message = f"the tables have rules of different types ({', '.join(types)}); a query needs tables of one type"
        yield Finding("MIXED_RULE_TYPES", message)
