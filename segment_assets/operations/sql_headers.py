"""The headers of a query's columns: what its author wrote, not what an engine calls it."""

from itertools import pairwise

from sqlglot import Token, TokenType, exp, tokenize

# These have names: their own, or those of the columns they stand for.
_NAMED = (exp.Alias, exp.Aliases, exp.Column, exp.Star, exp.Posexplode)
_OPENS, _CLOSES = (TokenType.L_PAREN, TokenType.L_BRACKET), (TokenType.R_PAREN, TokenType.R_BRACKET)
_BEFORE = (TokenType.DISTINCT, TokenType.ALL, TokenType.HINT)
_ENDS = {
    TokenType.FROM, TokenType.WHERE, TokenType.GROUP_BY, TokenType.HAVING, TokenType.ORDER_BY, TokenType.LIMIT,
    TokenType.UNION, TokenType.EXCEPT, TokenType.INTERSECT, TokenType.LATERAL, TokenType.SEMICOLON,
}  # fmt: skip


def headed(tree: exp.Expr, statement: str) -> None:
    """Give every expression of a SELECT that has no name its own text as one: else `CAST(a AS INT)` is `TRY_CAST(...)`.

    Args:
        tree: the statement, parsed; it is changed.
        statement: its text.
    """
    first = tree
    while isinstance(first, exp.SetOperation | exp.Subquery):
        first = first.this
    if not isinstance(first, exp.Select):
        return
    written = _written(statement)
    if len(written) != len(first.selects):  # in parentheses, say
        written = [item.sql(dialect="spark") for item in first.selects]
    named = [
        item if isinstance(item, _NAMED) else exp.alias_(item, text, quoted=True)
        for item, text in zip(first.selects, written, strict=True)
    ]
    first.set("expressions", named)


def _written(statement: str) -> list[str]:
    """The text of each expression of the first SELECT that no parenthesis holds."""
    tokens, depth, edges, selecting = tokenize(statement, read="spark"), 0, list[int](), False
    for at, token in enumerate(tokens):
        depth += (token.token_type in _OPENS) - (token.token_type in _CLOSES)
        if depth or token.token_type in _CLOSES:
            continue
        if not selecting and token.token_type == TokenType.SELECT:
            selecting, edges = True, [at]
        elif selecting and token.token_type == TokenType.COMMA:
            edges.append(at)
        elif selecting and token.token_type in _ENDS:
            return _between(statement, tokens, [*edges, at])
    return _between(statement, tokens, [*edges, len(tokens)]) if selecting else []


def _between(statement: str, tokens: list[Token], edges: list[int]) -> list[str]:
    found = []
    for start, end in pairwise(edges):
        inside = tokens[start + 1 : end]
        while inside and inside[0].token_type in _BEFORE:
            inside = inside[1:]
        found.append(" ".join(statement[inside[0].start : inside[-1].end + 1].split()) if inside else "")
    return found
