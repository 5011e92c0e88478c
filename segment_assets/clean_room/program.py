"""A query's text parsed as Spark SQL: one SELECT, or cached tables and then one SELECT."""

import logging
from collections.abc import Iterator
from dataclasses import dataclass

from sqlglot import TokenType, errors, exp

from segment_assets.clean_room.dialect import SPARK
from segment_assets.clean_room.reasons import Finding, at

# Statements of Spark that sqlglot takes for a name and its alias.
_COMMANDS = ("TABLE ", "ADD ", "CLEAR ", "LIST ", "MSCK ", "REFRESH ", "RESET", "UNCACHE ")
TOO_DEEP = (
    "the query is nested too deeply: a long chain of OR is so too, write IN (...); and leave out parentheses that "
    "change nothing"
)


@dataclass(frozen=True)
class Program:
    """What a text holds.

    Attributes:
        final: the query whose rows leave.
        cached: name and query of every `CACHE TABLE name AS select` before it.
        wrong: what only a custom rule allows, or none at all.
    """

    final: exp.Expr
    cached: tuple[tuple[str, exp.Expr], ...] = ()
    wrong: tuple[Finding, ...] = ()

    @property
    def trees(self) -> list[exp.Expr]:
        """Every query of it."""
        return [*(tree for _, tree in self.cached), self.final]

    @property
    def steps(self) -> list[tuple[exp.Expr, frozenset[str]]]:
        """Every query of it, with the names of the tables that were cached before."""
        before = [frozenset(name for name, _ in self.cached[:i]) for i in range(len(self.cached) + 1)]
        return list(zip(self.trees, before, strict=True))


def parse(text: str) -> Program | Finding:
    """The program of a text, or why there is none.

    Raises:
        RecursionError: it is nested too deeply.
    """
    text = text.removeprefix("\ufeff")  # the mark that some editors begin a file with
    # sqlglot logs the text of what it can't parse; a query's text may hold a person's data.
    logger = logging.getLogger("sqlglot")
    logger.disabled, before = True, logger.disabled
    try:
        statements = [s for s in SPARK.parse(text) if s is not None and not isinstance(s, exp.Semicolon)]
    except errors.ParseError as bad:
        place = bad.errors[0] if bad.errors else {}
        return Finding("PARSE_ERROR", "this is not Spark SQL", int(place.get("line") or 0), int(place.get("col") or 0))
    except (errors.SqlglotError, AttributeError, IndexError, TypeError, ValueError):
        # It trips over some calls with too few arguments: MAP(x), DATE_TRUNC().
        return Finding("PARSE_ERROR", "this is not Spark SQL")
    finally:
        logger.disabled = before
    if not statements:
        return Finding("PARSE_ERROR", "the query is empty")
    *first, last = statements
    if first and not all(isinstance(s, exp.Cache) and isinstance(s.expression, exp.Query) for s in first):
        return Finding("MULTIPLE_STATEMENTS", f"a query is one statement, and here are {len(statements)}")
    if isinstance(last, exp.Condition | exp.Alias) and not text.lstrip().upper().startswith(_COMMANDS):
        return Finding("PARSE_ERROR", "this is not Spark SQL")
    if not isinstance(last, exp.Select | exp.SetOperation | exp.Subquery):
        return at(last, "NOT_SELECT", "only SELECT is allowed")
    if any(call.error_messages() for statement in statements for call in statement.find_all(exp.Func)):
        return Finding("PARSE_ERROR", "this is not Spark SQL: a function lacks an argument")
    cached = tuple((s.this.name.lower(), s.expression) for s in first)
    return Program(last, cached, (*_caching(first), *_twice(statements), *_tokens(text)))


def _caching(statements: list[exp.Expr]) -> Iterator[Finding]:
    for statement in statements:
        if statement.args.get("lazy") or statement.args.get("options") or statement.this.args.get("db"):
            yield at(statement, "SYNTAX_NOT_ALLOWED", "write CACHE TABLE name AS SELECT ..., and nothing else")


def _twice(statements: list[exp.Expr]) -> Iterator[Finding]:
    # Spark's parser refuses these; of two meanings of one name, a reader can't tell which one is judged.
    for clause in (w for statement in statements for w in statement.find_all(exp.With)):
        names = [cte.alias.lower() for cte in clause.expressions]
        for i, cte in enumerate(clause.expressions):
            if names[i] in names[:i]:
                yield at(cte, "PARSE_ERROR", f'the WITH defines "{names[i]}" twice: give each CTE its own name')


def _tokens(text: str) -> Iterator[Finding]:
    # What leaves no trace in the tree.
    tokens = SPARK.tokenize(text)
    start = True
    for token in tokens:
        if start and token.token_type == TokenType.FROM:
            yield Finding("SYNTAX_NOT_ALLOWED", "a query starts with SELECT", token.line, 1)
        if token.token_type == TokenType.NULLSAFE_EQ:
            yield Finding("SYNTAX_NOT_ALLOWED", "<=> is not allowed: use =", token.line, max(1, token.col - 2))
        start = token.token_type in (TokenType.SEMICOLON, TokenType.L_PAREN)
