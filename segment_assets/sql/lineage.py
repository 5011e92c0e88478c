"""Which source columns a query's result rests on: those its values come from, and those that choose its rows."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from sqlglot import exp
from sqlglot.optimizer import Scope, build_scope, find_all_in_scope
from sqlglot.optimizer.qualify import qualify

from segment_assets.sql.query import SqlError

Lineage = Mapping[str, frozenset["Source"]]
Schema = Mapping[str, Mapping[str, str]]


@dataclass(frozen=True, order=True)
class Source:
    """A column of a table."""

    table: str
    column: str


@dataclass(frozen=True)
class Trace:
    """What a query's result rests on; nothing else can change it.

    Attributes:
        values: output column -> the source columns its values are computed from; keys of windows too.
        rows: the source columns that choose which rows there are, and which of them an aggregate takes in: filters,
            joins, grouping, DISTINCT, set operations, and order where a LIMIT cuts.
    """

    values: Lineage
    rows: frozenset[Source]


def trace(tree: exp.Expr, schema: Schema) -> Trace:
    """Both lists of a query in Spark SQL, through joins, nested queries, set operations, windows and functions.

    Args:
        tree: the query.
        schema: table -> column -> SQL type.

    Raises:
        SqlError: the query reads itself (WITH RECURSIVE): how far it goes is not known before it runs.
    """
    if any(clause.args.get("recursive") for clause in tree.find_all(exp.With)):
        raise SqlError("WITH RECURSIVE is not traced to source columns")
    types: dict[str, object] = {table: dict(columns) for table, columns in schema.items()}
    qualified = qualify(tree.copy(), dialect="spark", schema=types, validate_qualify_columns=False, identify=False)
    scope = build_scope(qualified)
    if scope is None:
        return Trace({}, frozenset())
    tracer = _Tracer({})
    values = tracer.outputs(scope)
    return Trace(values, frozenset(tracer.rows(scope)))


@dataclass(frozen=True)
class _Tracer:
    """Follows columns from scope to scope.

    Attributes:
        known: id of a scope -> its outputs, so that a nested query is looked at once however often it is read.
    """

    known: dict[int, dict[str, frozenset[Source]]]

    def outputs(self, scope: Scope) -> dict[str, frozenset[Source]]:
        """Output column -> sources, in order."""
        if id(scope) not in self.known:
            self.known[id(scope)] = self._outputs(scope)
        return self.known[id(scope)]

    def rows(self, scope: Scope) -> set[Source]:
        """What chooses the rows of a query and of every query it reads."""
        found: set[Source] = set()
        seen: set[int] = set()
        waiting = [scope]
        while waiting:
            here = waiting.pop()
            if id(here) not in seen:
                seen.add(id(here))
                for node in _choosing(here):
                    found |= self._sources(node, here)
                if _compares_whole_rows(here):
                    found = found.union(*self._branches(here))
                waiting += _read_by(here)
        return found

    def _outputs(self, scope: Scope) -> dict[str, frozenset[Source]]:
        node = scope.expression
        if isinstance(node, exp.SetOperation):
            branches = [list(self.outputs(s).values()) for s in scope.set_operation_scopes]
            if isinstance(node, exp.Except | exp.Intersect):
                branches = branches[:1]  # the other side only chooses
            merged = [frozenset[Source]().union(*sources) for sources in zip(*branches, strict=True)]
            return dict(zip(node.named_selects, merged, strict=True))
        if isinstance(node, exp.Select):
            return {item.alias_or_name: frozenset(self._sources(item, scope)) for item in node.selects}
        if scope.subquery_scopes:  # in parentheses, or LATERAL
            return self.outputs(scope.subquery_scopes[0])
        # A function that makes rows: each of its columns may come from anything it is given.
        everything = frozenset(self._sources(node, scope))
        return {c.name: everything for c in getattr(node.args.get("alias"), "columns", ())}

    def _sources(self, node: exp.Expr, scope: Scope) -> set[Source]:
        found: set[Source] = set()
        for column in find_all_in_scope(node, exp.Column):
            found |= self._of_column(column, scope)
        nested = {id(s.expression): s for s in scope.subquery_scopes}
        for query in find_all_in_scope(node, *exp.UNWRAPPED_QUERIES):
            if id(query) in nested:
                found = found.union(*self.outputs(nested[id(query)]).values())
        for window in find_all_in_scope(node, exp.Window):
            for named in scope.expression.args.get("windows") or ():
                if window.args.get("alias") and named.name.lower() == window.alias.lower():
                    found |= self._sources(named, scope)
        return found

    def _of_column(self, column: exp.Column, scope: Scope) -> frozenset[Source]:
        here: Scope | None = scope
        while here is not None:
            source = here.sources.get(column.table)
            if isinstance(source, exp.Table):
                return frozenset({Source(source.name, column.name)})
            if source is not None:
                return self.outputs(source).get(column.name, frozenset())
            here = here.parent  # a correlated column is one of the query around
        return frozenset()

    def _branches(self, scope: Scope) -> Iterator[frozenset[Source]]:
        for branch in scope.set_operation_scopes or [scope]:
            yield from self.outputs(branch).values()


def _choosing(scope: Scope) -> Iterator[exp.Expr]:
    """The clauses of one query that choose rows."""
    node = scope.expression
    for name in ("where", "group", "having", "qualify"):
        if clause := node.args.get(name):
            yield clause
    for join in node.args.get("joins") or ():
        if condition := join.args.get("on"):
            yield condition
    distinct = node.args.get("distinct")
    if isinstance(distinct, exp.Distinct) and distinct.args.get("on"):
        yield distinct.args["on"]
    if node.args.get("order") and (node.args.get("limit") or node.args.get("offset")):
        yield node.args["order"]
    if isinstance(node, exp.UDTF):
        yield node


def _compares_whole_rows(scope: Scope) -> bool:
    node = scope.expression
    return isinstance(node, exp.Except | exp.Intersect) or bool(node.args.get("distinct"))


def _read_by(scope: Scope) -> list[Scope]:
    sources = [s for _, s in scope.selected_sources.values() if isinstance(s, Scope)]
    return [*sources, *scope.subquery_scopes, *scope.set_operation_scopes, *scope.udtf_scopes]
