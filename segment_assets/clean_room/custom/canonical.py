"""An accepted custom query in one plain form, from which it can be run: every name resolved, every SELECT of one kind.

Cached tables become CTEs, stars and USING are written out, every column has its table and every output its name. A
SELECT that groups is taken apart: the inner one has its keys and aggregates alone, the outer one computes with them,
and what was HAVING is its WHERE. So whoever adds columns to a SELECT meets groups or rows, and never both.
"""

from collections.abc import Iterator

from sqlglot import errors, exp
from sqlglot.optimizer.annotate_types import annotate_types
from sqlglot.optimizer.qualify import qualify

from segment_assets.clean_room.collaboration import Collaboration
from segment_assets.clean_room.conditions import is_literal, plain
from segment_assets.clean_room.custom import clauses, disallowed
from segment_assets.clean_room.custom.check import Accepted
from segment_assets.clean_room.custom.resolve import Resolver
from segment_assets.clean_room.custom.scopes import Resolution, walk
from segment_assets.clean_room.dialect import SPARK


class NotCanonicalError(Exception):
    """An accepted query that could not be brought into the plain form; the message is for its author."""


def canonical(accepted: Accepted) -> exp.Query:
    """The query as one tree in the plain form, with the types of columns where they are known.

    Raises:
        NotCanonicalError: a name or a construct that only the engines of AWS know.
    """
    schema: dict[str, object] = {t.name: dict(t.columns) for t in accepted.tables}
    tree = one_tree(accepted)
    try:
        whole = qualify(tree, schema=schema, dialect=SPARK, validate_qualify_columns=False)
        _checked(whole, accepted)
        for select in reversed(list(whole.find_all(exp.Select))):  # the innermost first: what is around copies them
            select.set("expressions", [named(_bare(i), i.alias_or_name) for i in select.expressions])
            _ordered(select)
            _taken_apart(select)
        return annotate_types(whole, schema=schema, dialect=SPARK)
    except errors.SqlglotError as bad:
        raise NotCanonicalError("names of this query could not be resolved for the local engine") from bad


def names(tree: exp.Query) -> tuple[str, ...]:
    """The names of a canonical query's outputs."""
    return tuple(item.alias_or_name for item in first(tree).expressions)


def first(tree: exp.Expr) -> exp.Select:
    """The SELECT that names the outputs: of a set operation the leftmost."""
    while not isinstance(tree, exp.Select):
        tree = tree.this
    return tree


def named(value: exp.Expr, name: str) -> exp.Alias:
    """An output; the library's own function gives a subquery an alias as a table has one."""
    return exp.Alias(this=value, alias=exp.to_identifier(name, quoted=True))


def is_grouping(select: exp.Select) -> bool:
    """Whether a SELECT makes groups of its rows."""
    return bool(select.args.get("group")) or next(_aggregates(select), None) is not None


def is_correlated(query: exp.Expr) -> bool:
    """Whether a query refers to columns of one around it."""
    inside = {n.alias_or_name for n in query.find_all(exp.Table, exp.Subquery, exp.Values)}
    return any(c.table and c.table not in inside for c in query.find_all(exp.Column))


def one_tree(accepted: Accepted) -> exp.Query:
    """The query as it was written, with its cached tables as CTEs and without hints.

    Raises:
        NotCanonicalError: it is no SELECT.
    """
    tree = _shared_named(accepted.program.final, accepted.resolution)
    while isinstance(tree, exp.Subquery) and not tree.args.get("with_"):
        tree = tree.this
    if not isinstance(tree, exp.Query):
        raise NotCanonicalError("the query is no SELECT")
    if cached := accepted.program.cached:
        queries = [(n, _shared_named(q, accepted.resolution)) for n, q in cached]
        made = [exp.CTE(this=q, alias=exp.TableAlias(this=exp.to_identifier(n))) for n, q in queries]
        own = tree.args.get("with_")
        tree.set("with_", exp.With(expressions=[*made, *(own.expressions if own else ())]))
    for select in tree.find_all(exp.Select):
        select.set("hint", None)
    return tree


def _shared_named(tree: exp.Expr, resolution: Resolution) -> exp.Expr:
    """A copy in which a column that INNER or LEFT made one of two by USING is the left one's, as it was judged.

    The library takes the first of the two that is not null, and so a column that may not be shown.
    """
    made = tree.copy()
    for select, copied in zip(tree.find_all(exp.Select), made.find_all(exp.Select), strict=True):
        query = resolution.within.get(id(select))
        joins = select.args.get("joins") or ()
        if query is None or not query.shared or any(j.side in ("RIGHT", "FULL") for j in joins):
            continue
        owners = {n: next(r.alias for r in query.relations.values() if n in r.columns) for n in query.shared}
        ordered = copied.args.get("order")
        renamed = {item.alias.lower() for item in copied.expressions if isinstance(item, exp.Alias)}
        for place in [*copied.expressions, *(copied.args.get(c) for c in ("where", "group", "having", "order"))]:
            for column in [n for n in walk(place) if isinstance(n, exp.Column)] if place is not None else ():
                name = column.name.lower()
                means_output = place is ordered and name in renamed
                if not column.table and name in owners and not means_output:
                    named_so = isinstance(column.parent, exp.Select)
                    qualified = exp.column(column.this.copy(), table=owners[name])
                    column.replace(exp.alias_(qualified, column.name) if named_so else qualified)
    return made


def _checked(tree: exp.Query, accepted: Accepted) -> None:
    """What will run is judged once more: its names must mean what the checker took them for."""
    tables = {t.name: t for t in accepted.tables}
    collaboration = Collaboration("", "", "", tables)
    resolver = Resolver(collaboration)
    resolution = resolver.program((), tree)
    unqualified = [c for c in tree.find_all(exp.Column) if not c.table and not _names_an_output(c)]
    outputs = len(accepted.resolution.final.outputs)
    if resolver.wrong or unqualified or len(resolution.final.outputs) > outputs:
        raise NotCanonicalError("a column of this query could not be resolved for the local engine: qualify every one")
    if any(disallowed.check(resolution, collaboration)):
        raise NotCanonicalError("a column of this query means another one to the local engine: qualify every one")


def _names_an_output(column: exp.Column) -> bool:
    return column.find_ancestor(exp.Order) is not None and column.find_ancestor(exp.AggFunc, exp.Window) is None


def _ordered(select: exp.Select) -> None:
    """Aliases inside the expressions of ORDER BY as what they stand for: DuckDB would take a column of that name."""
    outputs = {item.alias_or_name: item.this for item in select.expressions}
    for term in select.args["order"].expressions if select.args.get("order") else ():
        for column in list(term.this.find_all(exp.Column)):
            of_this = column is not term.this and column.find_ancestor(exp.Select) is select
            if of_this and not column.table and column.name in outputs:
                column.replace(exp.paren(outputs[column.name].copy()))


def _taken_apart(select: exp.Select) -> None:
    if not is_grouping(select):
        return
    keys = [plain(k) for k in (select.args["group"].expressions if select.args.get("group") else ())]
    keys = [key for key in keys if not is_literal(key)]
    inner = exp.Select()
    columns: dict[exp.Expr, str] = {}
    for clause in ("from_", "joins", "where"):
        inner.set(clause, select.args.get(clause))
    if keys:
        inner.set("group", exp.Group(expressions=[key.copy() for key in keys]))

    def column_of(node: exp.Expr) -> exp.Column:
        if node not in columns:
            columns[node.copy()] = f"g{len(columns)}"
        return exp.column(columns[node], table="grouped", quoted=True)

    def swap(node: exp.Expr) -> exp.Expr:
        if isinstance(node, exp.Query) and is_correlated(node):
            raise NotCanonicalError("a correlated subquery beside GROUP BY is not run: write it as a join")
        inside = isinstance(node, exp.Query) or node.find_ancestor(exp.Query) is not None
        return column_of(node) if not inside and (node in keys or _is_aggregate(node)) else node

    for key in keys:
        column_of(key)
    having = select.args.get("having")
    order = select.args.get("order")
    items = [named(i.this.transform(swap), i.alias) for i in select.expressions]
    condition = exp.Where(this=having.this.transform(swap)) if having else None
    terms = [o.transform(swap) for o in order.expressions] if order else []
    inner.set("expressions", [named(node, name) for node, name in columns.items()])
    if not columns:
        inner.set("expressions", [named(exp.Literal.number(1), "g0")])
    for clause in ("joins", "group", "having"):
        select.set(clause, None)
    select.set("expressions", items)
    select.set("from_", exp.From(this=exp.Subquery(this=inner, alias=_alias("grouped"))))
    select.set("where", condition)
    select.set("order", exp.Order(expressions=terms) if terms else None)


def _aggregates(select: exp.Select) -> Iterator[exp.Expr]:
    places = [*select.expressions, *(select.args.get(c) for c in ("having", "order"))]
    for place in places:
        if place is not None:
            for node in place.walk(prune=lambda n: isinstance(n, exp.Query)):
                if _is_aggregate(node):
                    yield node


def _is_aggregate(node: exp.Expr) -> bool:
    if isinstance(node, exp.WithinGroup):
        return not clauses.windowed(node)
    return isinstance(node, exp.AggFunc) and not clauses.windowed(node) and not isinstance(node.parent, exp.WithinGroup)


def _bare(item: exp.Expr) -> exp.Expr:
    if isinstance(item, exp.Subquery):
        item.set("alias", None)
    return item.unalias()


def _alias(name: str) -> exp.TableAlias:
    return exp.TableAlias(this=exp.to_identifier(name, quoted=True))


def types_agree(tree: exp.Expr) -> bool:
    """Whether two columns that are compared have one type, so that no value is converted."""
    sides = [plain(s) for s in (tree.this, tree.expression)]
    if not all(isinstance(s, exp.Column) for s in sides):
        return False
    one, other = (s.type for s in sides)
    return one is not None and other is not None and one == other and not one.is_type(exp.DType.UNKNOWN)
