"""Every relation of a query carries, in each row, the identities it rests on, for each use of a table with a minimum.

A base row rests on its own identity, a group on those of its rows, a joined row on those of both sides. Each use of a
table keeps its own sets, and so does each branch of UNION: a person in one branch is not hidden among the people of
another. A row that came by another branch does not rest on a use at all (null), and one that an outer join left empty
rests on nobody. IN becomes a join with the identities behind each value, a scalar subquery a join with those behind its
one value. A window adds the identities of its frame; LAG and LEAD those of the row they look at. What could not be
carried is refused: NOT IN, which tells who is absent, and IN or a correlated subquery inside an expression.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from sqlglot import exp

from segment_assets.clean_room.collaboration import ConfiguredTable
from segment_assets.clean_room.conditions import conjuncts
from segment_assets.clean_room.custom import sets
from segment_assets.clean_room.custom.canonical import is_correlated, is_grouping, named, names
from segment_assets.clean_room.custom.sets import Held
from segment_assets.clean_room.custom_rule import Custom

_RANKS = (exp.RowNumber, exp.Rank, exp.DenseRank)
_NEIGHBOURS = (exp.Lag, exp.Lead)
_CORRELATED = "a correlated subquery over a table with a minimum is not run: write it as a join"


class NotCarriedError(Exception):
    """A construct through which identities are not carried: what, and what to write in its place."""


@dataclass(frozen=True)
class Slot:
    """A hidden output of a query: its name, and what `Held` says of it."""

    table: str
    name: str
    many: bool
    cap: int


Known = Mapping[str, list[Slot]]


@dataclass
class Carrier:
    """Adds hidden outputs to a canonical query.

    Attributes:
        tables: the tables with a minimum that is enforced.
        minimums: table -> the minimum that a row of the final query must reach.
        hidden: what the names of hidden columns start with; no name of the query does.
    """

    tables: Mapping[str, ConfiguredTable]
    minimums: Mapping[str, int]
    hidden: str
    _count: int = field(default=0)

    def query(self, tree: exp.Query, known: Known, *, final: bool = False) -> tuple[exp.Query, list[Slot]]:
        """A query with the sets its rows carry.

        Raises:
            NotCarriedError: something in it does not carry them.
        """
        if isinstance(tree, exp.Subquery):
            inside, above = self._with(tree, known)
            made, slots = self.query(tree.this, inside)
            whole = exp.Subquery(this=made)
            for clause in ("order", "limit"):
                whole.set(clause, tree.args.get(clause))
            whole.set("with_", above)
            return whole, slots
        inside, above = self._with(tree, known)
        if not self._reads(tree, inside):
            tree.set("with_", above)
            return tree, []
        if isinstance(tree, exp.Union):
            made, slots = self._union(tree, inside)
        elif isinstance(tree, exp.Select):
            made, slots = self._select(tree, inside, final=final)
        else:
            raise NotCarriedError(f"{tree.key.upper()} over a table with a minimum is not run by the local engine")
        made.set("with_", above)
        return made, slots

    def _with(self, tree: exp.Expr, known: Known) -> tuple[Known, exp.Expr | None]:
        clause = tree.args.get("with_")
        if clause is None:
            return known, None
        tree.set("with_", None)
        inside = dict(known)
        for cte in clause.expressions:
            made, slots = self.query(cte.this, inside)
            cte.set("this", made)
            inside[cte.alias] = slots
        return inside, clause

    def _select(self, select: exp.Select, known: Known, *, final: bool) -> tuple[exp.Query, list[Slot]]:
        held = list(self._relations(select, known))
        held += self._conditions(select, known)
        held += self._scalars(select, known)
        left = [c for c in ("joins", "group", "having") if (n := select.args.get(c)) and self._asks(n, known)]
        if left:
            raise NotCarriedError(
                "a subquery over a table with a minimum stands in WHERE or SELECT: not in ON, GROUP BY or HAVING"
            )
        distinct = bool(select.args.get("distinct"))
        windows = [w for p in _places(select) for w in p.find_all(exp.Window) if w.parent_select is select]
        if is_grouping(select):
            every = not select.args.get("group")
            return self._shown(select, [(h, sets.union(h, of_all=every), True) for h in held])
        if windows and final and not distinct:
            # What a window shows of rows that do not leave would tell of them: they are gone before it looks.
            _also(select, [sets.enough([h for h in held if h.table == t], m) for t, m in self.minimums.items()])
        shown = [(h, h.value.copy(), h.many) for h in held]
        if windows and not (final and not distinct):
            shown += [(h, value, True) for w in _unlike(windows) for h in held for value in [_frame(w, h)]]
        if not distinct:
            return self._shown(select, shown)
        select.set("distinct", None)
        return self._distinct(select, shown)

    def _relations(self, select: exp.Select, known: Known) -> Iterator[Held]:
        source, joins = select.args.get("from_"), select.args.get("joins") or []
        for i, clause in enumerate([source, *joins]):
            if clause is None:
                continue
            outer = (i > 0 and clause.side in ("LEFT", "FULL")) or any(j.side in ("RIGHT", "FULL") for j in joins[i:])
            alias, slots = self._relation(clause, known)
            for slot in slots:
                column = exp.column(slot.name, table=alias, quoted=True)
                if slot.many and outer:
                    yield Held(slot.table, sets.or_nobody(column), True, slot.cap)
                else:
                    yield Held(slot.table, column, slot.many, slot.cap)

    def _relation(self, clause: exp.Expr, known: Known) -> tuple[str, list[Slot]]:
        node = clause.this
        alias = node.alias_or_name
        if isinstance(node, exp.Table):
            if node.name in known:
                return alias, known[node.name]
            if (table := self.tables.get(node.name)) is None:
                return alias, []
            made, slots = self._base(table)
        elif isinstance(node, exp.Subquery):
            if isinstance(node.args.get("alias"), exp.TableAlias) and node.args["alias"].columns:
                raise NotCarriedError("give the columns of a subquery their names inside it, and not in its alias")
            made, slots = self.query(node.this, known)
        else:
            return alias, []
        clause.set("this", _named(made, alias))
        return alias, slots

    def _base(self, table: ConfiguredTable) -> tuple[exp.Query, list[Slot]]:
        rule = table.rule
        if not isinstance(rule, Custom) or not rule.identity or not rule.threshold:
            raise NotCarriedError(f"{table.name} has no minimum")
        overrides = rule.threshold.output_column_thresholds or []
        cap = max([rule.threshold.minimum_identity_count, *(o.minimum_identity_count for o in overrides)])
        name = self._name()
        items = [exp.column(c, quoted=True) for c in table.columns]
        made = exp.select(*items, named(sets.base(rule.identity), name)).from_(exp.to_table(table.name))
        return made, [Slot(table.name, name, False, cap)]

    def _conditions(self, select: exp.Select, known: Known) -> Iterator[Held]:
        """IN over a table with a minimum: a join with each value and the identities behind it."""
        where = select.args.get("where")
        left = []
        for term in list(conjuncts(where.this)) if where else []:
            query = term.args.get("query") if isinstance(term, exp.In) else None
            if query is None or not self._asks(term, known):
                left.append(term)
                continue
            inner = query.this if isinstance(query, exp.Subquery) and not query.args.get("with_") else query
            if is_correlated(inner) or self._asks(term.this, known):
                raise NotCarriedError(_CORRELATED)
            made, slots = self.query(inner, known)
            alias, value = self._name(), names(inner)[0]
            within = [Held(s.table, exp.column(s.name, table="q", quoted=True), s.many, s.cap) for s in slots]
            key = exp.column(value, table="q", quoted=True)
            grouped = exp.select(named(key, "value")).from_(_named(made, "q")).group_by(key.copy())
            grouped, slots = self._shown(grouped, [(h, sets.union(h, of_all=False), True) for h in within])
            on = exp.EQ(this=term.this.copy(), expression=exp.column("value", table=alias, quoted=True))
            select.append("joins", exp.Join(this=_named(grouped, alias), on=on))
            yield from (Held(s.table, exp.column(s.name, table=alias, quoted=True), s.many, s.cap) for s in slots)
        if where:
            select.set("where", exp.Where(this=exp.and_(*left)) if left else None)

    def _scalars(self, select: exp.Select, known: Known) -> Iterator[Held]:
        """Subqueries with one value: a join with the value and the identities behind it."""
        for place in [*_places(select), *([select.args["where"]] if select.args.get("where") else [])]:
            for node in list(place.find_all(exp.Subquery)):
                if not self._asks(node, known) or node.find_ancestor(exp.Query) is not select:
                    continue
                inner = node.this
                if isinstance(node.parent, exp.In | exp.Exists | exp.Any | exp.All):
                    raise NotCarriedError(
                        "IN over a table with a minimum stands in WHERE, joined by AND, and without NOT: "
                        "NOT IN would tell who is absent"
                    )
                if not isinstance(inner, exp.Select) or not _one_row(inner):
                    raise NotCarriedError("a subquery with one value over a table with a minimum is one aggregate")
                if is_correlated(inner):
                    raise NotCarriedError(_CORRELATED)
                made, slots = self.query(inner, known)
                alias = self._name()
                node.replace(exp.column(names(inner)[0], table=alias, quoted=True))
                if not select.args.get("from_"):
                    one = exp.select(named(exp.Literal.number(1), "one"))
                    select.set("from_", exp.From(this=_named(one, self._name())))
                select.append("joins", exp.Join(this=_named(made, alias), kind="CROSS"))
                yield from (Held(s.table, exp.column(s.name, table=alias, quoted=True), s.many, s.cap) for s in slots)

    def _union(self, tree: exp.Union, known: Known) -> tuple[exp.Query, list[Slot]]:
        sides, every = [], []
        for alias, side in (("l", tree.this), ("r", tree.expression)):
            outputs = names(side)
            if len(set(outputs)) < len(outputs):
                raise NotCarriedError("two columns of one branch of UNION have the same name: name them with AS")
            made, slots = self.query(side, known)
            sides.append((alias, made, outputs, slots))
            every += [(alias, slot, self._name()) for slot in slots]
        outputs = sides[0][2]
        branches = []
        for alias, made, own, _ in sides:
            items = [named(exp.column(mine, table=alias, quoted=True), n) for mine, n in zip(own, outputs, strict=True)]
            for of, slot, name in every:
                column = exp.column(slot.name, table=alias, quoted=True)
                value = sets.as_list(Held(slot.table, column, slot.many, slot.cap)) if of == alias else sets.unused()
                items.append(named(value, name))
            branches.append(exp.select(*items).from_(_named(made, alias)))
        both = exp.Union(this=branches[0], expression=branches[1], distinct=False)
        slots = [Slot(slot.table, name, True, slot.cap) for _, slot, name in every]
        whole = exp.select(*(exp.column(n, table="u", quoted=True) for n in (*outputs, *(s.name for s in slots))))
        whole = whole.from_(_named(both, "u"))
        if tree.args.get("distinct"):
            whole, slots = self._grouped(both, outputs, slots)
        for clause in ("order", "limit"):
            whole.set(clause, tree.args.get(clause))
        return whole, slots

    def _distinct(self, select: exp.Select, shown: list[tuple[Held, exp.Expr, bool]]) -> tuple[exp.Query, list[Slot]]:
        outputs = names(select)
        if len(set(outputs)) < len(outputs):
            raise NotCarriedError("two columns of SELECT DISTINCT have the same name: name them with AS")
        order, limit = select.args.get("order"), select.args.get("limit")
        by_value = {item.unalias(): item.alias_or_name for item in select.expressions}
        for clause in ("order", "limit"):
            select.set(clause, None)
        for term in order.expressions if order else ():
            if term.this in by_value:
                term.set("this", exp.column(by_value[term.this], quoted=True))
            elif not (isinstance(term.this, exp.Column) and not term.this.table):
                raise NotCarriedError("ORDER BY of SELECT DISTINCT names its columns")
        made, slots = self._shown(select, shown)
        whole, slots = self._grouped(made, outputs, slots)
        whole.set("order", order)
        whole.set("limit", limit)
        return whole, slots

    def _grouped(self, made: exp.Query, outputs: tuple[str, ...], slots: list[Slot]) -> tuple[exp.Select, list[Slot]]:
        """One row for equal rows, with the identities of all of them."""
        columns = [exp.column(n, table="u", quoted=True) for n in outputs]
        whole = exp.select(*columns).from_(_named(made, "u")).group_by(*(c.copy() for c in columns))
        within = [Held(s.table, exp.column(s.name, table="u", quoted=True), s.many, s.cap) for s in slots]
        return self._shown(whole, [(h, sets.union(h, of_all=False), True) for h in within])

    def _shown(self, select: exp.Select, shown: list[tuple[Held, exp.Expr, bool]]) -> tuple[exp.Select, list[Slot]]:
        slots = [Slot(held.table, self._name(), many, held.cap) for held, _, many in shown]
        hidden = [named(v, s.name) for (_, v, _), s in zip(shown, slots, strict=True)]
        select.set("expressions", [*select.expressions, *hidden])
        return select, slots

    def _reads(self, tree: exp.Expr, known: Known) -> bool:
        """Whether a tree names a table whose identities are carried."""
        return any(bool(known[t.name]) if t.name in known else t.name in self.tables for t in tree.find_all(exp.Table))

    def _asks(self, node: exp.Expr | list[exp.Expr], known: Known) -> bool:
        """Whether an expression holds a subquery that does."""
        nodes = [j.args["on"] for j in node if j.args.get("on")] if isinstance(node, list) else [node]
        return any(self._reads(query, known) for n in nodes for query in n.find_all(exp.Query))

    def _name(self) -> str:
        self._count += 1
        return f"{self.hidden}{self._count}"


def _places(select: exp.Select) -> list[exp.Expr]:
    order = select.args.get("order")
    return [*select.expressions, *([order] if order else [])]


def _also(select: exp.Select, terms: list[exp.Expr]) -> None:
    where = select.args.get("where")
    every = [*([exp.paren(where.this, copy=False)] if where else []), *terms]
    if every:
        select.set("where", exp.Where(this=exp.and_(*every)))


def _unlike(windows: list[exp.Window]) -> Iterator[exp.Window]:
    """Windows that look at different rows, each once."""
    seen = set()
    for window in windows:
        like = window.copy()
        function = _function(window)
        if isinstance(function, _RANKS):
            # A rank depends on every row of its partition.
            like.set("order", None)
            like.set("spec", None)
        if not isinstance(function, _NEIGHBOURS):
            like.set("this", exp.Literal.number(1))
        if like not in seen:
            seen.add(like)
            yield like


def _function(window: exp.Window) -> exp.Expr:
    function: exp.Expr = window.this
    while isinstance(function, exp.IgnoreNulls | exp.RespectNulls):
        function = function.this
    return function


def _frame(window: exp.Window, held: Held) -> exp.Expr:
    function = _function(window)
    if not isinstance(function, _NEIGHBOURS):
        return sets.union(held, of_all=False, over=window)
    if function is not window.this:
        raise NotCarriedError("IGNORE NULLS over a table with a minimum is not run by the local engine")
    offset = function.args.get("offset") or exp.Literal.number(1)
    if not isinstance(offset, exp.Literal):
        raise NotCarriedError("LAG and LEAD over a table with a minimum look a fixed number of rows away")
    looked = exp.Anonymous(this=function.key.upper(), expressions=[sets.as_list(held), offset.copy()])
    return exp.func("COALESCE", sets.framed(looked, window), sets.as_list(held))


def _one_row(select: exp.Select) -> bool:
    """Whether a SELECT has exactly one row: one value computed from the aggregates of all rows."""
    bare = not any(select.args.get(c) for c in ("where", "joins", "limit", "distinct", "group"))
    source = select.args.get("from_")
    inner = source.this.this if source is not None and isinstance(source.this, exp.Subquery) else None
    over_all = isinstance(inner, exp.Select) and is_grouping(inner) and not inner.args.get("group")
    return bare and over_all and len(select.expressions) == 1


def _named(query: exp.Expr, alias: str) -> exp.Subquery:
    inner = (
        query.this
        if isinstance(query, exp.Subquery) and not any(query.args.get(c) for c in ("with_", "order", "limit"))
        else query
    )
    return exp.Subquery(this=inner, alias=exp.TableAlias(this=exp.to_identifier(alias, quoted=True)))
