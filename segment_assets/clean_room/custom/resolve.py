"""From a parsed program to its resolution: CTEs, cached tables, derived tables, correlated subqueries, stars."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from sqlglot import exp

from segment_assets.clean_room.collaboration import Collaboration
from segment_assets.clean_room.custom import clauses
from segment_assets.clean_room.custom.scopes import (
    SUMS,
    Origin,
    Place,
    Query,
    Relation,
    Resolution,
    Source,
    nested,
    origin,
    walk,
)
from segment_assets.clean_room.custom.wholes import Makeup
from segment_assets.clean_room.reasons import Finding, at
from segment_assets.segmentation import nearest

_Known = Mapping[str, Query]
_CONSTANT = Origin(constant=True)


@dataclass
class Resolver:
    """Resolves one program; what could not be resolved is in `wrong`.

    Attributes:
        collaboration: its tables can be named.
        wrong: columns that are in no table, or in several.
    """

    collaboration: Collaboration
    wrong: list[Finding] = field(default_factory=list)
    _queries: list[Query] = field(default_factory=list)
    _origins: dict[int, Origin] = field(default_factory=dict)
    _within: dict[int, Query] = field(default_factory=dict)

    def program(self, cached: Sequence[tuple[str, exp.Expr]], final: exp.Expr) -> Resolution:
        """Cached tables, then the query whose rows leave."""
        known: dict[str, Query] = {}
        for name, tree in cached:
            known[name] = self.query(tree, "cte", known, None)
        last = self.query(final, "final", known, None)
        return Resolution(last, list(known.values()), self._queries, self._origins, self._within)

    def query(self, tree: exp.Expr, place: Place, known: _Known, parent: Query | None) -> Query:
        """A SELECT, a set operation, or one of them in parentheses."""
        node = nested(tree)
        if node is None:
            return Query(tree, place, outputs=_of_values(tree))
        inside = dict(known)
        # Parentheses around a query may carry a WITH of their own.
        for holder in (tree, node) if tree is not node else (node,):
            for cte in holder.args["with_"].expressions if holder.args.get("with_") else ():
                made = self.query(cte.this, "cte", inside, None)
                _rename(made, cte.args.get("alias"))
                inside[cte.alias.lower()] = made
        query = Query(node, place, parent=parent)
        if isinstance(node, exp.SetOperation):
            query.branches = [self.query(side, place, inside, parent) for side in (node.this, node.expression)]
            query.outputs = list(_merged(query.branches))
            self._order_of_set(query)
        else:
            self._select(query, inside)
        self._queries.append(query)
        self._within[id(node)] = query
        return query

    def _select(self, query: Query, known: _Known) -> None:
        select = query.select
        joins = select.args.get("joins") or ()
        if (source := select.args.get("from_")) is not None:
            self._relation(query, source.this, known)
        for join in joins:
            self._join(query, join, known)
        aliases: dict[str, exp.Expr] = {}
        for item in select.expressions:
            self._expression(query, item, known, aliases)
            if isinstance(item, exp.Alias):
                aliases[item.alias.lower()] = item.this
        self._clauses(query, ("where", "group"), known, aliases)
        self._sums(query, select.expressions)
        query.outputs = list(self._outputs(query))
        self._clauses(query, ("having", "windows", "order", "limit", "offset"), known, aliases)
        self._sums(query, [select.args[name] for name in ("having", "order") if select.args.get(name)])

    def _clauses(self, query: Query, names: Sequence[str], known: _Known, aliases: Mapping[str, exp.Expr]) -> None:
        for name in names:
            value = query.select.args.get(name)
            for clause in value if isinstance(value, list) else [value]:
                if clause is not None:
                    # WHERE sees no alias; GROUP BY and HAVING look for a column first, ORDER BY for an alias.
                    seen = {} if name in ("where", "windows") else aliases
                    self._expression(query, clause, known, seen, alias_first=name == "order")

    def _sums(self, query: Query, parts: Sequence[exp.Expr]) -> None:
        """A sum is of many only if its group or frame is: what is compared with it is compared with what it sums."""
        if query.place == "final":  # groups of the final SELECT leave by a minimum
            return
        grouped = query.select.args.get("group") is not None
        for part in parts:
            for node in walk(part):
                if isinstance(node, SUMS) and (grouped or clauses.windowed(node)):
                    summed = (origin(a, self._origins, self._within).told for a in node.iter_expressions())
                    self._origins[id(node)] = Origin(grouped=frozenset().union(*summed))

    def _join(self, query: Query, join: exp.Join, known: _Known) -> None:
        before = list(query.relations.values())
        here = self._relation(query, join.this, known)
        if join.args.get("on") is not None:
            self._expression(query, join.args["on"], known, {})
        names = [u.name.lower() for u in join.args.get("using") or ()]
        for using in join.args.get("using") or ():
            self._using(query, using)
        if join.method == "NATURAL":
            names = [c for c in here.columns if any(c in r.columns for r in before if not r.hidden)]
        for name in names:
            seen = [r.columns[name] for r in before if name in r.columns and not r.hidden]
            if seen and name in here.columns:
                query.shared[name] = _one_of(query.shared.get(name, seen[0]), here.columns[name], join.side)
        here.hidden = join.kind in ("SEMI", "ANTI")

    def _relation(self, query: Query, node: exp.Expr, known: _Known) -> Relation:
        alias = node.alias_or_name.lower() or f"#{len(query.relations)}"
        if isinstance(node, exp.Table):
            name = node.name.lower()
            if name in known and not node.db:
                relation = Relation(alias, dict(known[name].outputs), query=known[name], node=node)
            elif table := None if node.db else self.collaboration.tables.get(name):
                columns = {c: _of_table((name, c)) for c in table.columns}
                relation = Relation(alias, columns, table, node=node)
            else:
                relation = Relation(alias, {}, node=node)
        elif isinstance(node, exp.Values):
            relation = Relation(alias, dict(_of_values(node)), node=node)
        else:
            inner = self.query(node, "from", known, None)
            relation = Relation(alias, dict(inner.outputs), query=inner, node=node)
        named = node.args.get("alias")
        if isinstance(named, exp.TableAlias) and named.columns:
            names = [c.name.lower() for c in named.columns]
            relation.columns = dict(zip(names, relation.columns.values(), strict=False))
        if alias in query.relations:
            self.wrong.append(at(node, "COLUMN_AMBIGUOUS", f'two tables are called "{alias}": give each its own alias'))
        query.relations[alias] = relation
        return relation

    def _expression(
        self, query: Query, node: exp.Expr, known: _Known, aliases: Mapping[str, exp.Expr], *, alias_first: bool = False
    ) -> None:
        for inner in walk(node):
            if nested(inner) is not None:
                query.inner.append(self.query(inner, "expression", known, query))
            elif isinstance(inner, exp.Column) and not isinstance(inner.this, exp.Star):
                found = self._column(query, inner, aliases, alias_first=alias_first)
                if isinstance(found, Finding):
                    self.wrong.append(found)
                else:
                    self._origins[id(inner)] = found

    def _column(
        self, query: Query, column: exp.Column, aliases: Mapping[str, exp.Expr], *, alias_first: bool
    ) -> Origin | Finding:
        name, qualifier = column.name.lower(), column.table.lower()
        aliased = aliases.get(name) if not qualifier and not column.find_ancestor(exp.AggFunc) else None
        if aliased is not None and alias_first:
            return origin(aliased, self._origins, self._within)
        if column.args.get("db"):
            return at(column, "COLUMN_UNKNOWN", f'no table of the query is called "{column.db}.{column.table}"')
        here: Query | None = query
        while here is not None:
            inside = [here.relations[qualifier]] if qualifier in here.relations else []
            inside = [r for r in (inside if qualifier else here.relations.values()) if not r.hidden]
            owners = [r for r in inside if name in r.columns]
            if not qualifier and name in here.shared:
                return here.shared[name]
            if len(owners) > 1:
                return at(column, "COLUMN_AMBIGUOUS", f'"{column.name}" is a column of several tables: write which one')
            if owners:
                return owners[0].columns[name]
            if aliased is not None:
                return origin(aliased, self._origins, self._within)
            if qualifier and inside:
                break
            here = here.parent
        offered = {c for r in query.relations.values() for c in r.columns if not r.hidden}
        if qualifier and qualifier not in query.relations:
            seen = nearest(qualifier, query.relations)
            message = (
                f'"{column.table}.{column.name}": no table that this query can see is called "{column.table}" {seen}'
            )
            return at(column, "COLUMN_UNKNOWN", f"{message}; a query in FROM does not see the tables beside it")
        hint = nearest(name, offered)
        return at(column, "COLUMN_UNKNOWN", f'no column that this query can see is named "{column.name}" {hint}')

    def _using(self, query: Query, using: exp.Expr) -> None:
        if sum(using.name.lower() in r.columns for r in query.relations.values()) < 2:
            message = f'USING: "{using.name}" is not a column of both tables'
            self.wrong.append(at(using, "COLUMN_UNKNOWN", message))

    def _outputs(self, query: Query) -> Iterator[tuple[str, Origin]]:
        for item in query.select.expressions:
            if isinstance(item, exp.Star):
                for relation in query.relations.values():
                    yield from () if relation.hidden else relation.columns.items()
            elif isinstance(item, exp.Column) and isinstance(item.this, exp.Star):
                relation_ = query.relations.get(item.table.lower())
                if relation_ and not relation_.hidden:
                    yield from relation_.columns.items()
                else:
                    self.wrong.append(at(item, "COLUMN_UNKNOWN", f'no table of the query is called "{item.table}"'))
            else:
                name = item.alias_or_name.lower() or f"#{item.key}"
                yield name, origin(item, self._origins, self._within)

    def _order_of_set(self, query: Query) -> None:
        names = dict(query.outputs)
        order = query.node.args.get("order")
        for column in order.find_all(exp.Column) if order else ():
            if column.name.lower() in names:
                self._origins[id(column)] = names[column.name.lower()]
            else:
                self.wrong.append(at(column, "COLUMN_UNKNOWN", f'the result has no column "{column.name}"'))


def _of_table(source: Source) -> Origin:
    one = frozenset({source})
    return Origin(one, one, source, made=Makeup(uncut=one))


def _of_values(tree: exp.Expr) -> list[tuple[str, Origin]]:
    """The columns of VALUES."""
    if not isinstance(tree, exp.Values):
        return []
    width = max((len(t.expressions) for t in tree.expressions if isinstance(t, exp.Tuple)), default=1)
    return [(f"col{i + 1}", _CONSTANT) for i in range(width)]


def _one_of(left: Origin, right: Origin, side: str) -> Origin:
    """What a column that USING made one of two means: LEFT and INNER the left's, RIGHT the right's, FULL either."""
    if side == "RIGHT":
        return right
    if side != "FULL":
        return left
    return left.beside(right)


def _rename(query: Query, alias: exp.Expr | None) -> None:
    names = [c.name.lower() for c in alias.columns] if isinstance(alias, exp.TableAlias) else []
    if names:
        query.outputs = [(n, o) for n, (_, o) in zip(names, query.outputs, strict=False)]


def _merged(branches: Sequence[Query]) -> Iterator[tuple[str, Origin]]:
    one, other = branches
    for (name, a), (_, b) in zip(one.outputs, other.outputs, strict=False):
        yield name, a.beside(b)
