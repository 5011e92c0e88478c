"""What is sent to Clean Rooms, and how its answer is put in order.

The text is rendered from the accepted tree, so what was checked is what runs. It says what the user's text said, with
three differences: every column of the result has a name, tables have short aliases, and CURRENT_DATE is the day of the
data, as on one machine. The minimum group sizes are not in it: Clean Rooms applies its own.
"""

from collections.abc import Callable
from datetime import date
from typing import ClassVar

import duckdb
import pyarrow as pa
from sqlglot import exp

from segment_assets.clean_room import aggregation_rule, conditions, custom_engine, rules
from segment_assets.clean_room.custom import canonical, clauses
from segment_assets.clean_room.custom.check import Accepted
from segment_assets.clean_room.dialect import SPARK, CleanRoomsSpark
from segment_assets.clean_room.names import Resolved, output_name
from segment_assets.clean_room.runnable import Runnable


class _Documented(CleanRoomsSpark):
    """Functions under the names of AWS's list, where sqlglot has another for the same."""

    class Generator(CleanRoomsSpark.Generator):  # type: ignore[valid-type, misc]  # sqlglot sets it in a metaclass
        """Writes CEILING and DATEADD."""

        TRANSFORMS: ClassVar[dict[type[exp.Expr], Callable[..., str]]] = {
            **CleanRoomsSpark.Generator.TRANSFORMS,
            exp.Ceil: lambda self, e: self.func("CEILING", e.this),
            exp.TimestampAdd: lambda self, e: self.func("DATEADD", e.args.get("unit"), e.expression, e.this),
        }


DOCUMENTED = _Documented()
_WORDS = {word for keyword in SPARK.tokenizer_class.KEYWORDS for word in keyword.split()}


def submitted(query: Runnable, as_of: date | None) -> str:
    """The text of a protected query: associations have the names of configured tables.

    Args:
        query: an accepted query.
        as_of: day of the data: what CURRENT_DATE and GETDATE() mean.
    """
    if isinstance(query, Accepted):
        return _program(query, as_of)
    tree = query.tree.copy()
    named = [exp.alias_(i.unalias(), output_name(i), quoted=True) for i in tree.expressions]
    tree.set("expressions", named)
    tree.set("hint", None)  # it names aliases that are no longer there
    keys = [k for k in aggregation_rule.group_by(tree) if not conditions.is_literal(conditions.plain(k))]
    tree.set("group", exp.Group(expressions=keys) if keys else None)
    _write_out(tree, as_of)
    _by_allowed_names(tree, query)
    return DOCUMENTED.generate(tree, comments=False)


def ordered(query: Runnable, rows: pa.Table) -> pa.Table:
    """The rows with the names of the result, in the query's order and then by every column, nulls first.

    Spark writes several files in no order. An ORDER BY over what is not in the result can't be followed here.
    """
    tree = query.program.final if isinstance(query, Accepted) else query.tree
    outputs = list(custom_engine.result_names(query)) if isinstance(query, Accepted) else _names(query)
    names = [f"c{i}" for i in range(len(outputs))]
    order = tree.args.get("order")
    wanted = []
    for term in order.expressions if order else ():
        if (place := _place(conditions.plain(term.this), tree, outputs)) is not None:
            nulls = "FIRST" if term.args.get("nulls_first") else "LAST"
            wanted.append(f"c{place} {'DESC' if term.args.get('desc') else 'ASC'} NULLS {nulls}")
    terms = ", ".join([*wanted, *(f"{name} ASC NULLS FIRST" for name in names)])
    with duckdb.connect() as db:
        db.execute("SET TimeZone='UTC'")
        db.register("result", rows.rename_columns(names))
        put = db.sql(f"SELECT * FROM result ORDER BY {terms}").to_arrow_table()
    return put.rename_columns(outputs)


def _names(query: Resolved) -> list[str]:
    return [output_name(item) for item in query.tree.expressions]


def _place(term: exp.Expr, tree: exp.Expr, outputs: list[str]) -> int | None:
    """Which column of the result a term of ORDER BY is."""
    items = [conditions.plain(item) for item in tree.selects] if isinstance(tree, exp.Query) else []
    if term in items:
        return items.index(term)
    if isinstance(term, exp.Column) and not term.table and term.name.lower() in outputs:
        return outputs.index(term.name.lower())
    if isinstance(term, exp.Literal) and term.name.isdigit() and 1 <= int(term.name) <= len(outputs):
        return int(term.name) - 1
    return None


def _program(query: Accepted, as_of: date | None) -> str:
    """A custom program: as it was written, with cached tables as CTEs, and a name for every column of the result."""
    tree = canonical.one_tree(query)
    select = canonical.first(tree)
    if not any(clauses.has_star(item) for item in select.expressions):
        outputs = custom_engine.result_names(query)
        select.set(
            "expressions", [canonical.named(i.unalias(), n) for i, n in zip(select.expressions, outputs, strict=True)]
        )
    _write_out(tree, as_of)
    return DOCUMENTED.generate(tree, comments=False)


def _write_out(tree: exp.Expr, as_of: date | None) -> None:
    for node in list(tree.walk()):
        if as_of and (isinstance(node, exp.CurrentDate) or _is_getdate(node)):
            node.replace(exp.Literal.string(as_of.isoformat()))
        elif isinstance(node, exp.Identifier):
            node.set("quoted", not _is_plain(node.name))


def _by_allowed_names(tree: exp.Expr, query: Resolved) -> None:
    """CAST and TO_TIMESTAMP are one node, LN and LOG too: a rule may allow one name alone."""
    lists = [set(t.rule.scalar_functions) for t in query.relations.values() if isinstance(t.rule, rules.Aggregation)]
    allowed = set.intersection(*lists) if lists else set()
    for node in list(tree.find_all(exp.Cast, exp.Ln)):
        if isinstance(node, exp.Ln):
            if "LN" not in allowed:
                node.replace(exp.Anonymous(this="LOG", expressions=[node.this]))
        elif _is_timestamp(node) and "CAST" not in allowed and "TO_TIMESTAMP" in allowed:
            node.replace(exp.Anonymous(this="TO_TIMESTAMP", expressions=[node.this]))


def _is_timestamp(node: exp.Expr) -> bool:
    return isinstance(node, exp.Cast) and bool(node.to.this == exp.DType.TIMESTAMP)


def _is_getdate(node: exp.Expr) -> bool:
    return isinstance(node, exp.Anonymous) and node.name.upper() == "GETDATE"


def _is_plain(name: str) -> bool:
    """A name that Spark and Clean Rooms read without quotes: no word of SQL's, no sign."""
    return name.isascii() and name.isidentifier() and name.upper() not in _WORDS
