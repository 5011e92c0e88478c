"""Why a query is refused: one vocabulary for the checker, the engine and every message."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from sqlglot import exp

# Where several apply, *the* reason is the first in this order.
ORDER = (
    "OK",
    "QUERY_TOO_LONG",
    "PARSE_ERROR",
    "MULTIPLE_STATEMENTS",
    "NOT_SELECT",
    "SYNTAX_NOT_ALLOWED",
    "TABLE_FUNCTION",
    "NO_TABLE",
    "TABLE_NOT_ASSOCIATED",
    "TOO_MANY_TABLES",
    "NO_ANALYSIS_RULE",
    "MIXED_RULE_TYPES",
    "COLUMN_UNKNOWN",
    "COLUMN_AMBIGUOUS",
    "ANALYSIS_NOT_ALLOWED",
    "ACCESS_BUDGET_EXHAUSTED",
    "SUBQUERY_OR_CTE",
    "SET_OPERATION",
    "WINDOW_FUNCTION",
    "SELECT_STAR",
    "SELECT_ITEM_NOT_COLUMN",
    "DISTINCT_REQUIRED",
    "NO_AGGREGATE",
    "LIMIT_NOT_ALLOWED",
    "CLAUSE_NOT_ALLOWED",
    "SELF_JOIN",
    "JOIN_TYPE_NOT_ALLOWED",
    "JOIN_CONDITION_INVALID",
    "JOIN_OPERATOR_NOT_ALLOWED",
    "COLUMN_NOT_JOINABLE",
    "JOIN_REQUIRED",
    "COLUMN_NOT_DIMENSION",
    "COLUMN_NOT_LISTABLE",
    "AGGREGATE_ARGUMENT_NOT_COLUMN",
    "AGGREGATE_NOT_ALLOWED_FOR_COLUMN",
    "SCALAR_FUNCTION_NOT_ALLOWED",
    "SCALAR_FUNCTION_NESTED",
    "FUNCTION_NOT_ALLOWED",
    "HAVING_INVALID",
    "RESOURCE_LIMIT",
)


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong with a query.

    Attributes:
        code: a reason code of `ORDER`.
        message: what is wrong and what would be right, without data in it.
        line: line in the query's text, from 1; 0 where the place is not known.
        column: column in that line, from 1.
    """

    code: str
    message: str
    line: int = 0
    column: int = 0

    def __str__(self) -> str:
        place = f" at line {self.line}, column {self.column}" if self.line else ""
        return f"{self.code}{place}: {self.message}"


@dataclass(frozen=True)
class Verdict:
    """ACCEPT, or REJECT with every finding, the deciding one first."""

    findings: tuple[Finding, ...] = ()

    @property
    def decision(self) -> Literal["ACCEPT", "REJECT"]:
        """ACCEPT where nothing was found."""
        return "REJECT" if self.findings else "ACCEPT"

    @property
    def code(self) -> str:
        """The reason code that decides; OK where nothing was found."""
        return self.findings[0].code if self.findings else "OK"


def verdict(findings: Iterable[Finding]) -> Verdict:
    """The findings once each, in the order of the vocabulary, then of the text."""
    unique = dict.fromkeys(findings)
    return Verdict(tuple(sorted(unique, key=lambda f: (ORDER.index(f.code), f.line, f.column))))


def at(node: exp.Expr | None, code: str, message: str) -> Finding:
    """A finding at the place of a node, or of the first name inside it."""
    for inner in node.walk() if node is not None else ():
        if meta := inner.meta:
            line, column, start, end = (meta.get(k) for k in ("line", "col", "start", "end"))
            if line and column:
                # sqlglot counts to a token's last character.
                return Finding(code, message, int(line), max(1, int(column) - (int(end or 0) - int(start or 0))))
    return Finding(code, message)


class QueryRefusedError(Exception):
    """A query the rules do not allow: reason code, place, what would be right.

    Attributes:
        code: the reason code that decides.
    """

    def __init__(self, finding: Finding, path: str = "query") -> None:
        super().__init__(f"{path}: {finding}")
        self.code = finding.code
