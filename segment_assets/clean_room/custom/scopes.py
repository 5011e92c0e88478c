"""Every name of a query with nested queries resolved by scope, and where every column comes from.

Names of CTEs and cached tables are resolved by scope before configured tables are looked up: never by searching the
tree for table names, which a CTE of the same name would deceive.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

from sqlglot import exp

from segment_assets.clean_room.collaboration import ConfiguredTable
from segment_assets.clean_room.custom import wholes

Source = tuple[str, str]  # configured table, column
Place = Literal["final", "cte", "from", "expression"]


@dataclass(frozen=True)
class Origin:
    """Where a value comes from.

    Attributes:
        sources: every base column it refers to, by any way; keys of windows and subqueries' conditions too.
        compared: the base columns that a comparison of it reveals: not those that were counted, summed or averaged.
        direct: the one base column it is, passed through unchanged.
        constant: it rests on literals alone, or a literal can stand in its place (COALESCE, CASE, a branch of UNION).
        computed: it is an expression over columns, and neither a column nor an aggregate of one.
        null: it is NULL in every row, which names nobody.
        mixed: the base columns in whose place a literal can stand, by COALESCE, by CASE, or in a branch of UNION.
        stacked: the base columns in whose place another one can stand, in a branch of UNION.
        grouped: what it is a sum of, by groups or frames: one of a single person gives that person's own value.
        made: whether a column is in it whole, and whether a literal is in it.
    """

    sources: frozenset[Source] = frozenset()
    compared: frozenset[Source] = frozenset()
    direct: Source | None = None
    constant: bool = False
    computed: bool = False
    null: bool = False
    mixed: frozenset[Source] = frozenset()
    stacked: frozenset[Source] = frozenset()
    grouped: frozenset[Source] = frozenset()
    made: wholes.Makeup = wholes.COLUMN

    @property
    def told(self) -> frozenset[Source]:
        """The base columns that a comparison of it tells of."""
        return self.compared | self.grouped

    @property
    def fixed(self) -> bool:
        """Whether it is one value for every row: a literal, or a count, sum or rank, from which any literal is made."""
        return self.constant or not self.told

    @property
    def forged(self) -> bool:
        """Whether it comes from columns, and a query can still make it any literal it pleases."""
        return self.made.filled and not self.made.whole and not self.constant

    def cancels(self, other: "Origin") -> bool:
        """Whether a literal in it can be left over when what both have in common goes: `id || x = 'U1' || x`."""
        if not self.made.filled or self.constant:
            return False
        return (len(other.told) > 1 or other.made.filled) and self.made.shape != other.made.shape

    @property
    def literal(self) -> bool:
        """Whether a literal with a value can stand here."""
        return self.constant and not self.null

    def beside(self, other: "Origin") -> "Origin":
        """Of a column that holds values of this and of another: a set operation, or USING of a FULL join."""
        mixed = (other.compared if self.literal else frozenset()) | (self.compared if other.literal else frozenset())
        met = self.compared and other.compared and self.compared != other.compared
        return Origin(
            self.sources | other.sources,
            self.compared | other.compared,
            self.direct if self.direct and other.direct and self.direct[1] == other.direct[1] else None,
            self.literal or other.literal or (self.null and other.null),  # a literal can stand for any person
            self.computed or other.computed,
            self.null and other.null,
            mixed | self.mixed | other.mixed,
            (self.compared | other.compared if met else frozenset()) | self.stacked | other.stacked,
            self.grouped | other.grouped,
            wholes.together([self.made, other.made], all),
        )


@dataclass
class Relation:
    """One relation of a FROM: a configured table, a nested query, or rows of literals.

    Attributes:
        alias: the name its columns are qualified with.
        columns: column -> origin, in order.
        table: the configured table it is.
        query: the query it is.
        node: where it stands.
        hidden: the right side of a SEMI or ANTI join, whose columns are seen in its ON alone.
    """

    alias: str
    columns: dict[str, Origin]
    table: ConfiguredTable | None = None
    query: "Query | None" = None
    node: exp.Expr | None = None
    hidden: bool = False

    def tables(self) -> Iterator[ConfiguredTable]:
        """The configured tables it reads, directly or through queries."""
        if self.table:
            yield self.table
        if self.query:
            yield from self.query.tables()


@dataclass
class Query:
    """A SELECT or a set operation, with its names resolved.

    Attributes:
        node: the SELECT or set operation.
        place: the final query, a CTE or cached table, a query in FROM, or one inside an expression.
        relations: of a SELECT, by alias.
        shared: columns that USING or NATURAL made one of several, which have no table.
        outputs: name and origin of each column of the result.
        branches: the sides of a set operation.
        inner: queries inside expressions.
        parent: the query whose columns a correlated subquery can see.
    """

    node: exp.Expr
    place: Place
    relations: dict[str, Relation] = field(default_factory=dict)
    shared: dict[str, Origin] = field(default_factory=dict)
    outputs: list[tuple[str, Origin]] = field(default_factory=list)
    branches: "list[Query]" = field(default_factory=list)
    inner: "list[Query]" = field(default_factory=list)
    parent: "Query | None" = None

    def tables(self) -> Iterator[ConfiguredTable]:
        """The configured tables it reads, directly or through queries."""
        for relation in self.relations.values():
            yield from relation.tables()
        for query in (*self.branches, *self.inner):
            yield from query.tables()

    def selects(self) -> "Iterator[Query]":
        """The SELECTs whose rows it returns: itself, or every branch."""
        if self.branches:
            for branch in self.branches:
                yield from branch.selects()
        else:
            yield self

    @property
    def select(self) -> exp.Select:
        """The SELECT it is.

        Raises:
            TypeError: it is a set operation.
        """
        if not isinstance(self.node, exp.Select):
            raise TypeError("a set operation is no SELECT")
        return self.node


@dataclass
class Resolution:
    """A whole program, resolved.

    Attributes:
        final: the query whose rows leave.
        cached: cached tables, in order: each counts as a final projection of its own.
        queries: every SELECT and set operation, innermost first.
        origins: id of a column's node -> its origin; of a sum in groups, below the final SELECT, what it is a sum of.
        within: id of a nested query's node -> the query.
    """

    final: Query
    cached: list[Query]
    queries: list[Query]
    origins: Mapping[int, Origin]
    within: Mapping[int, Query]

    def origin(self, node: exp.Expr) -> Origin:
        """Where the value of an expression comes from."""
        return origin(node, self.origins, self.within)


# What a comparison with these reveals is a count, a sum or an average of many, and no one's value.
BLUNT = (
    exp.Count, exp.Sum, exp.Avg, exp.ApproxDistinct, exp.Stddev, exp.StddevPop, exp.StddevSamp, exp.Variance,
    exp.VariancePop, exp.Skewness, exp.RowNumber, exp.Rank, exp.DenseRank,
)  # fmt: skip


# Of these a group of one person gives that person's own value; how often somebody came is no secret of a column.
SUMS = (
    exp.Sum, exp.Avg, exp.Stddev, exp.StddevPop, exp.StddevSamp, exp.Variance, exp.VariancePop, exp.Skewness,
)  # fmt: skip


def nested(node: exp.Expr) -> exp.Expr | None:
    """The query that an expression is, without parentheses."""
    while isinstance(node, exp.Subquery):
        node = node.this
    return node if isinstance(node, exp.Select | exp.SetOperation) else None


def walk(node: exp.Expr) -> Iterator[exp.Expr]:
    """An expression's own nodes, and of nested queries the outermost alone."""
    yield node
    if nested(node) is None:
        for child in node.iter_expressions():
            yield from walk(child)


def origin(node: exp.Expr, origins: Mapping[int, Origin], within: Mapping[int, Query]) -> Origin:
    """Where the value of an expression comes from."""
    found = _origin(node, origins, within)
    mixed, stacked = set(found.mixed), set(found.stacked)
    for inner in walk(node):
        if _blunted(inner, node):
            continue
        if isinstance(inner, exp.Column) and id(inner) in origins:
            mixed |= origins[id(inner)].mixed
            stacked |= origins[id(inner)].stacked
        elif (query := nested(inner)) is not None and id(query) in within:
            mixed |= {s for _, o in within[id(query)].outputs for s in o.mixed}
            stacked |= {s for _, o in within[id(query)].outputs for s in o.stacked}
        else:
            values = [_origin(b, origins, within) for b in branches(inner)]
            if any(value.literal for value in values):
                mixed |= {s for value in values for s in value.compared}

    def known(inner: exp.Expr) -> wholes.Makeup | None:
        if isinstance(inner, exp.Column):
            of = origins.get(id(inner), Origin())
            return wholes.LITERAL if of.constant and not of.sources and not of.null else of.made
        if (query := nested(inner)) is None or id(query) not in within:
            return None
        outputs = [o.made for _, o in within[id(query)].outputs]
        return wholes.together(outputs, all)

    made = wholes.makeup(node, known)
    return replace(found, mixed=frozenset(mixed), stacked=frozenset(stacked), made=made)


def _origin(node: exp.Expr, origins: Mapping[int, Origin], within: Mapping[int, Query]) -> Origin:
    """The same without what can stand in its place, which asks this of every part."""
    plain = node
    while isinstance(plain, exp.Alias | exp.Paren):
        plain = plain.this
    if _is_null(plain):
        return Origin(constant=True, null=True)
    if isinstance(plain, exp.Column) and id(plain) in origins:
        return origins[id(plain)]
    if (query := nested(plain)) is not None and id(query) in within and len(within[id(query)].outputs) == 1:
        # A scalar subquery refers to everything inside it; what it compares as is its one output.
        one = within[id(query)].outputs[0][1]
        every = _everything(within[id(query)], origins)
        return Origin(every, one.compared, None, one.constant, one.computed, grouped=one.grouped)
    sources: set[Source] = set()
    compared: set[Source] = set()
    grouped: set[Source] = set()
    constant = True
    for inner in walk(node):
        if isinstance(inner, exp.Column) and id(inner) in origins:
            found = origins[id(inner)]
            sources |= found.sources
            constant = constant and found.constant
            if not _blunted(inner, node):
                compared |= found.compared
                grouped |= found.grouped
        elif (query := nested(inner)) is not None and id(query) in within:
            sources |= _everything(within[id(query)], origins)
            compared |= {s for _, o in within[id(query)].outputs for s in o.compared}
            grouped |= {s for _, o in within[id(query)].outputs for s in o.grouped}
            constant = False
        elif isinstance(inner, exp.Star | exp.RowNumber | exp.Rank | exp.DenseRank):
            constant = False
        elif isinstance(inner, SUMS) and id(inner) in origins and not _blunted(inner, node):
            grouped |= origins[id(inner)].grouped
    whole = plain.this if isinstance(plain, exp.Window) else plain
    computed = bool(sources) and not isinstance(whole, exp.AggFunc)
    constant = constant or any(_origin(b, origins, within).literal for b in branches(plain))
    return Origin(frozenset(sources), frozenset(compared), None, constant, computed, grouped=frozenset(grouped))


def _is_null(node: exp.Expr) -> bool:
    while isinstance(node, exp.Cast | exp.Paren):
        node = node.this
    return isinstance(node, exp.Null)


def branches(node: exp.Expr) -> Iterator[exp.Expr]:
    """The values one of which an expression is."""
    if isinstance(node, exp.Coalesce):
        yield from (node.this, *node.expressions)
    elif isinstance(node, exp.Case):
        yield from (i.args["true"] for i in node.args["ifs"])
        yield from filter(None, [node.args.get("default")])
    elif isinstance(node, exp.If | exp.Nvl2):
        yield from filter(None, [node.args.get("true"), node.args.get("false")])
    elif isinstance(node, exp.Lag | exp.Lead):
        yield from filter(None, [node.this, node.args.get("default")])


def _blunted(column: exp.Expr, top: exp.Expr) -> bool:
    """Whether it is only counted, summed or ranked, or makes the partitions in which that is done, as GROUP BY does."""
    node, above = column, column.parent
    while node is not top and above is not None:
        if isinstance(above, BLUNT) or (isinstance(above, exp.Window) and node.arg_key == "partition_by"):
            return True
        node, above = above, above.parent
    return False


def _everything(query: Query, origins: Mapping[int, Origin]) -> frozenset[Source]:
    found: set[Source] = {s for _, o in query.outputs for s in o.sources}
    for branch in query.selects():
        for node in branch.node.find_all(exp.Column):
            if id(node) in origins:
                found |= origins[id(node)].sources
    return frozenset(found)
