"""Accepted custom queries as DuckDB runs them: rendered from the tree, never from the text.

A query of one flat SELECT goes the way of list and aggregation rules (rewrite.py), minimum group sizes included. What
has nested queries, windows or set operations is rendered here, and only where no table has a minimum: a minimum that
is not carried through every nested query would protect nobody.
"""

from sqlglot import exp

from segment_assets.clean_room.custom import privacy
from segment_assets.clean_room.custom.check import Accepted
from segment_assets.clean_room.custom_rule import Custom
from segment_assets.clean_room.port import QueryFailedError

_GENERATORS = (exp.Explode, exp.GenerateSeries, exp.Repeat)


def added(accepted: Accepted) -> list[str]:
    """What is added to a query, in words."""
    found = []
    for table in accepted.tables:
        rule = table.rule
        if privacy.is_private(table):
            found.append(f"{table.name}: noise on every aggregate of the final SELECT")
        elif isinstance(rule, Custom) and rule.threshold:
            minimum = rule.threshold.minimum_identity_count
            found.append(f"{table.name}: every row rests on at least {minimum} distinct values of {rule.identity}")
    return found or ["nothing"]


def sql(accepted: Accepted) -> str:
    """The query in DuckDB's dialect.

    Raises:
        QueryFailedError: it needs noise, or a minimum inside nested queries: neither is built.
    """
    for table in accepted.tables:
        if privacy.is_private(table):
            message = f"{table.name} is under differential privacy, and noise is not built: nothing is run without it"
            raise QueryFailedError("FUNCTION_NOT_ALLOWED", message)
        if isinstance(table.rule, Custom) and table.rule.threshold:
            message = (
                f"{table.name} has a minimum number of identities, which is enforced in one flat SELECT alone: "
                "write the query without nested queries, windows and set operations"
            )
            raise QueryFailedError("FUNCTION_NOT_ALLOWED", message)
    tree = accepted.program.final.copy()
    if accepted.program.cached:
        _as_ctes(tree, accepted)
    return str(_mended(tree).sql(dialect="duckdb", comments=False))


def _as_ctes(tree: exp.Expr, accepted: Accepted) -> None:
    cached = [
        exp.CTE(this=query.copy(), alias=exp.TableAlias(this=exp.to_identifier(name)))
        for name, query in accepted.program.cached
    ]
    own = tree.args.get("with_")
    tree.set("with_", exp.With(expressions=[*cached, *(own.expressions if own else ())]))


def _mended(tree: exp.Expr) -> exp.Expr:
    def mend(node: exp.Expr) -> exp.Expr:
        # Where Spark gives null, DuckDB raises, and its message prints the value.
        if type(node) is exp.Cast and not isinstance(node.this, exp.Literal):
            return exp.TryCast(this=node.this, to=node.args["to"])
        if isinstance(node, exp.Div | exp.Mod) and not isinstance(node.expression, exp.Nullif):
            node.set("expression", exp.Nullif(this=node.expression, expression=exp.Literal.number(0)))
        return node

    for select in tree.find_all(exp.Select):
        select.set("hint", None)
    return tree.transform(mend, copy=False)
