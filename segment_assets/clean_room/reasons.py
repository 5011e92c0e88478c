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
    "PARAMETER_MISSING",
    "PARAMETER_INVALID",
    "RESULT_RECEIVER_NOT_ALLOWED",
    "ACCESS_BUDGET_EXHAUSTED",
    "DP_POLICY_MISSING",
    "DP_BUDGET_EXHAUSTED",
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
    "AGGREGATE_NOT_QUALIFYING",
    "SCALAR_FUNCTION_NOT_ALLOWED",
    "SCALAR_FUNCTION_NESTED",
    "FUNCTION_NOT_ALLOWED",
    "HAVING_INVALID",
    "LITERAL_COMPARISON_NOT_ALLOWED",
    "COLUMN_COMPARISON_NOT_ALLOWED",
    "DISALLOWED_OUTPUT_COLUMN",
    "IDMT_OVERLAP_REQUIRED",
    "IDMT_OUTER_SIDE",
    "IDMT_COLUMN_NOT_ALLOWED",
    "DP_SET_OPERATION_IN_FINAL_SELECT",
    "DP_WINDOW_IN_FINAL_SELECT",
    "DP_SUBQUERY",
    "DP_GROUPING_EXTENSION",
    "DP_USING_NATURAL",
    "DP_JOIN_NOT_ON_USER_ID",
    "DP_LIMIT_IN_CTE",
    "DP_WINDOW_PARTITION",
    "DP_CTE_MUST_EMIT_USER_ID",
    "DP_AGGREGATE_NOT_SUPPORTED",
    "DP_NOT_AGGREGATED",
    "C3R_SEALED_AGGREGATE",
    "C3R_SEALED_COUNT_DISTINCT",
    "C3R_SEALED_IN_JOIN",
    "C3R_GROUP_BY_FINGERPRINT",
    "C3R_NAME_MISMATCH",
    "RESOURCE_LIMIT",
    "CONFLICT_ALREADY_EXISTS",
    "RULE_CONFLICT",
    "RULE_COLUMN_OVERLAP",
    "RULE_MINIMUM",
    "RULE_PROVIDERS_REQUIRED",
    "RULE_JOIN_OPERATOR_REQUIRED",
)
# The part of a rule that says so, where a finding does not name the table.
RULE_OF = {
    "JOIN_OPERATOR_NOT_ALLOWED": "allowedJoinOperators",
    "COLUMN_NOT_JOINABLE": "joinColumns",
    "JOIN_REQUIRED": "joinRequired",
    "COLUMN_NOT_DIMENSION": "dimensionColumns",
    "COLUMN_NOT_LISTABLE": "listColumns",
    "AGGREGATE_NOT_ALLOWED_FOR_COLUMN": "aggregateColumns",
    "SCALAR_FUNCTION_NOT_ALLOWED": "scalarFunctions",
    "DP_POLICY_MISSING": "privacyBudgetTemplate",
    "COLUMN_UNKNOWN": "allowedColumns",
}
# AWS runs what these name, and documents the result as wrong, or as not what was meant.
WARNINGS = frozenset(c for c in ORDER if c.startswith("C3R_")) | {"RULE_JOIN_OPERATOR_REQUIRED"}


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong with a query.

    Attributes:
        code: a reason code of `ORDER`.
        message: what is wrong and what would be right, without data in it.
        line: line in the query's text, from 1; 0 where the place is not known.
        column: column in that line, from 1.
        rule: the rule that says so, as `table.path.in.the.rule`; empty where no table's rule does.
    """

    code: str
    message: str
    line: int = 0
    column: int = 0
    rule: str = ""

    def __str__(self) -> str:
        place = f" at line {self.line}, column {self.column}" if self.line else ""
        return f"{self.code}{place}: {self.message}"


@dataclass(frozen=True)
class Verdict:
    """ACCEPT, WARN or REJECT with every finding, the deciding one first.

    Attributes:
        findings: in the order of the vocabulary.
        strict: what would be a warning is a refusal.
    """

    findings: tuple[Finding, ...] = ()
    strict: bool = False

    @property
    def decision(self) -> Literal["ACCEPT", "WARN", "REJECT"]:
        """ACCEPT where nothing was found; WARN where it runs and misleads."""
        if not self.findings:
            return "ACCEPT"
        return "REJECT" if self.strict or any(f.code not in WARNINGS for f in self.findings) else "WARN"

    @property
    def code(self) -> str:
        """The reason code that decides; OK where nothing was found."""
        return self.findings[0].code if self.findings else "OK"


def verdict(findings: Iterable[Finding], *, strict: bool = False) -> Verdict:
    """The findings once each, in the order of the vocabulary, then of the text."""
    unique = dict.fromkeys(findings)
    return Verdict(tuple(sorted(unique, key=lambda f: (ORDER.index(f.code), f.line, f.column))), strict)


def at(node: exp.Expr | None, code: str, message: str, *, rule: str = "") -> Finding:
    """A finding at the place of a node, or of the first name inside it."""
    for inner in node.walk() if node is not None else ():
        if meta := inner.meta:
            line, column, start, end = (meta.get(k) for k in ("line", "col", "start", "end"))
            if line and column:
                # sqlglot counts to a token's last character.
                return Finding(code, message, int(line), max(1, int(column) - (int(end or 0) - int(start or 0))), rule)
    return Finding(code, message, rule=rule)


class QueryRefusedError(Exception):
    """A query the rules do not allow: reason code, place, what would be right.

    Attributes:
        code: the reason code that decides.
    """

    def __init__(self, finding: Finding, path: str = "query") -> None:
        super().__init__(f"{path}: {finding}")
        self.code = finding.code
