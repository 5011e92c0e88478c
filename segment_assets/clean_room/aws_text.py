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

from segment_assets.clean_room import aggregation_rule, conditions, rules
from segment_assets.clean_room.dialect import SPARK, CleanRoomsSpark
from segment_assets.clean_room.names import Resolved, output_name


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


def submitted(query: Resolved, as_of: date | None) -> str:
    """The text of a protected query: associations have the names of configured tables.

    Args:
        query: an accepted query.
        as_of: day of the data: what CURRENT_DATE and GETDATE() mean.
    """
    tree = query.tree.copy()
    named = [exp.alias_(i.unalias(), output_name(i), quoted=True) for i in tree.expressions]
    tree.set("expressions", named)
    tree.set("hint", None)  # it names aliases that are no longer there
    keys = [k for k in aggregation_rule.group_by(tree) if not conditions.is_literal(conditions.plain(k))]
    tree.set("group", exp.Group(expressions=keys) if keys else None)
    for node in list(tree.walk()):
        if as_of and (isinstance(node, exp.CurrentDate) or _is_getdate(node)):
            node.replace(exp.Literal.string(as_of.isoformat()))
        elif isinstance(node, exp.Identifier):
            node.set("quoted", not _is_plain(node.name))
    _by_allowed_names(tree, query)
    return DOCUMENTED.generate(tree, comments=False)


def ordered(query: Resolved, rows: pa.Table) -> pa.Table:
    """The rows with the names of the result, in the query's order and then by every column, nulls first.

    Spark writes several files in no order. An ORDER BY over what is not in the result can't be followed here.
    """
    items = [conditions.plain(item) for item in query.tree.expressions]
    names = [f"c{i}" for i in range(len(items))]
    order = query.tree.args.get("order")
    wanted = []
    for term in order.expressions if order else ():
        if (item := conditions.plain(term.this)) in items:
            nulls = "FIRST" if term.args.get("nulls_first") else "LAST"
            wanted.append(f"c{items.index(item)} {'DESC' if term.args.get('desc') else 'ASC'} NULLS {nulls}")
    terms = ", ".join([*wanted, *(f"{name} ASC NULLS FIRST" for name in names)])
    with duckdb.connect() as db:
        db.execute("SET TimeZone='UTC'")
        db.register("result", rows.rename_columns(names))
        put = db.sql(f"SELECT * FROM result ORDER BY {terms}").to_arrow_table()
    return put.rename_columns([output_name(item) for item in query.tree.expressions])


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
