"""comparisonControls: which columns may be compared with a literal, and which with another column.

A value that is a condition is compared with a literal: `WHERE flag`, `NOT CAST(spend - 5 AS BOOLEAN)`.
"Indirect literal comparisons" are followed: a literal that comes through a CTE, VALUES, a parameter or a scalar
subquery is a literal, a function that answers a question about a column (NULLIF, INSTR, REGEXP_REPLACE) compares, and
so does a set operation that puts a literal in the column's place (mixtures.py).
A literal that another column of the query is compared with reaches what that column is compared with:
`p.person = a.person AND a.person = 'U1'` asks for one person of `p`. An order that takes rows is a comparison with a
literal too (ranks.py), and so is whatever calculates with an identity (numbers.py).
An identity column is never compared with a literal, controls or not. GROUP BY is not restricted (a switch in AWS's
documents: the model names it, and the user guide's own example groups by a column that is not listed).
"""

from collections.abc import Iterator

from sqlglot import exp

from segment_assets.clean_room.collaboration import Collaboration
from segment_assets.clean_room.custom import clauses, functions, mixtures, numbers, ranks
from segment_assets.clean_room.custom.scopes import Origin, Query, Resolution, Source, branches, nested
from segment_assets.clean_room.custom_rule import Custom
from segment_assets.clean_room.reasons import Finding, at

_PREDICATES = (
    exp.EQ, exp.NEQ, exp.GT, exp.GTE, exp.LT, exp.LTE, exp.Like, exp.ILike, exp.RegexpLike, exp.NullSafeEQ,
    exp.NullSafeNEQ, exp.Between, exp.In, exp.Is,
)  # fmt: skip
# Functions that answer yes or no, whose arguments are judged as those of `=`.
_ANSWERS = (exp.StartsWith, exp.EndsWith, exp.Contains, exp.ArrayContains, exp.Exists)
_CONNECTORS = (exp.And, exp.Or, exp.Not, exp.Paren)
_CHOICES = (exp.Coalesce, exp.Case, exp.If)  # one of their branches is the condition
_NO_ORIGIN = Origin()
Comparison = tuple[exp.Expr, list[Origin]]  # where it stands, and its sides


def check(resolution: Resolution, collaboration: Collaboration) -> Iterator[Finding]:
    """Comparisons that a table of the query does not allow."""
    identities: set[Source] = set()
    literal: dict[Source, str] = {}
    column: dict[Source, str] = {}
    for name, table in collaboration.tables.items():
        rule = table.rule
        if not isinstance(rule, Custom):
            continue
        controls = rule.comparison_controls
        identities |= {(name, rule.identity)} if rule.identity else set()
        for c in table.columns:
            if (controls and c not in controls.allowed_literal_comparison_columns) or c == rule.identity:
                literal[(name, c)] = f"{name}.comparisonControls.allowedLiteralComparisonColumns"
            if controls and c not in controls.allowed_column_comparison_columns:
                column[(name, c)] = f"{name}.comparisonControls.allowedColumnComparisonColumns"
    if not literal and not column:
        return
    selects = [query for query in resolution.queries if isinstance(query.node, exp.Select)]
    every = [comparison for query in selects for comparison in _comparisons(query, resolution)]
    people = _people(every, identities)
    for term, value in ranks.taking(resolution):
        every += [(term, [Origin(frozenset({s}), frozenset({s})), _LITERAL]) for s in sorted(value.told)]
    for node, sides in every:
        yield from _judge(node, sides, literal, column)
    for node, sides in [*every, *_choices(selects, resolution)]:
        yield from _forged(node, sides, people)
    yield from mixtures.check(resolution, identities, literal, column)
    yield from _reached([*every, *mixtures.stacked(resolution, identities)], literal)
    for query in resolution.queries:
        yield from numbers.check(query, resolution, people)


def _people(every: list[Comparison], identities: set[Source]) -> set[Source]:
    """Identity columns, and the columns that are compared with them: they name the same people."""
    between = [{s for o in sides if len(o.compared) == 1 for s in o.compared} for _, sides in every]
    people, before = set(identities), -1
    while len(people) > before:
        before = len(people)
        people |= {s for columns in between if columns & people for s in columns}
    return people


def _reached(every: list[Comparison], literal: dict[Source, str]) -> Iterator[Finding]:
    """Columns that a literal reaches by way of others, from comparison to comparison.

    Of a value made of several columns it is not known which of them decides: it carries no literal further.
    """
    named = [(node, sides, {s for o in sides if len(o.told) == 1 for s in o.told}) for node, sides in every]
    pinned: set[Source] = set()
    for node, sides, columns in named:
        if any(side.fixed for side in sides) and not (isinstance(node, exp.Is) and node.find(exp.Null)):
            pinned |= columns
    between = [(node, columns) for node, _, columns in named if len(columns) > 1]
    todo = True
    while todo:
        todo = False
        for node, columns in between:
            if not columns & pinned or columns <= pinned:
                continue
            for source in sorted((columns - pinned) & literal.keys()):
                message = f'"{source[1]}" of {source[0]} is compared with a column that is compared with a literal'
                yield at(
                    node, "LITERAL_COMPARISON_NOT_ALLOWED", f"{message}: that compares it too", rule=literal[source]
                )
            pinned |= columns
            todo = True


def _choices(selects: list[Query], resolution: Resolution) -> Iterator[Comparison]:
    """Values that stand in each other's place: those of a CASE, and the columns of a set operation."""
    for query in selects:
        for node in clauses.own_nodes(query):
            if values := [resolution.origin(value) for value in branches(node)]:
                yield node, values
    yield from mixtures.positions(resolution)


def _forged(node: exp.Expr, sides: list[Origin], people: set[Source]) -> Iterator[Finding]:
    """Who people are, beside a text or number that comes from columns and is whatever the query makes of them."""
    for i, side in enumerate(sides):
        others = [o for o in (*sides[:i], *sides[i + 1 :]) if side.forged or side.cancels(o)]
        beside = {s for other in others for s in other.told}
        for table, name in sorted(beside & people):
            message = f'"{name}" of {table} identifies people, and is compared with what literals and pieces of columns'
            message += " make up: a column must be in it whole"
            yield at(node, "LITERAL_COMPARISON_NOT_ALLOWED", message, rule=f"{table}.aggregationThresholds")


def _judge(
    node: exp.Expr, sides: list[Origin], literal: dict[Source, str], column: dict[Source, str]
) -> Iterator[Finding]:
    named = [side.told for side in sides]
    asked = {s for found in named for s in found} if any(side.fixed for side in sides) else set()
    asked |= {s for side in sides for s in side.mixed}
    if asked:
        for source in sorted(asked & literal.keys()):
            message = f'"{source[1]}" of {source[0]} may not be compared with a literal, directly or indirectly'
            yield at(node, "LITERAL_COMPARISON_NOT_ALLOWED", message, rule=literal[source])
    # A literal that came as a column of VALUES is compared as a column too.
    if sum(bool(side.sources) or side.constant for side in sides) > 1:
        for source in sorted({s for found in named for s in found if s in column}):
            if sum(bool(side.sources) for side in sides) < 2 and not _literal_column(sides):
                continue
            message = f'"{source[1]}" of {source[0]} may not be compared with another column'
            yield at(node, "COLUMN_COMPARISON_NOT_ALLOWED", message, rule=column[source])


def _literal_column(sides: list[Origin]) -> bool:
    return any(side is not _LITERAL and side.constant and not side.sources for side in sides)


_LITERAL = Origin(constant=True)


def _comparisons(query: Query, resolution: Resolution) -> Iterator[Comparison]:
    for node in clauses.own_nodes(query):
        if isinstance(node, _PREDICATES):
            yield node, [side for part in _parts(node) for side in _sides(part, resolution)]
        elif isinstance(node, exp.Case) and node.this is not None:
            whens = [w.this for w in node.args["ifs"]]
            yield node, [side for part in (node.this, *whens) for side in _sides(part, resolution)]
        elif isinstance(node, exp.Cast) and node.to.is_type(exp.DType.BOOLEAN):
            yield node, [resolution.origin(node), _LITERAL]  # whether a value is zero, or the word "true"
        else:
            sides = [side for part in functions.decides_between(node) for side in _sides(part, resolution)]
            # NVL2, SIGN and ISNULL ask without naming a constant.
            asks = isinstance(node, exp.Nvl2 | exp.Sign | exp.IsNan)
            if asks or len(sides) > 1:
                yield node, [*sides, _LITERAL] if asks else sides
            if is_condition(node):
                yield node, [resolution.origin(node), _LITERAL]
    yield from _shared_columns(query)


def _parts(node: exp.Expr) -> Iterator[exp.Expr]:
    if isinstance(node, exp.Between):
        yield from (node.this, node.args["low"], node.args["high"])
    elif isinstance(node, exp.In):
        yield node.this
        yield from node.expressions
        if node.args.get("query") is not None:
            yield node.args["query"]
    else:
        yield from (node.this, node.expression)


def _sides(part: exp.Expr, resolution: Resolution) -> Iterator[Origin]:
    while isinstance(part, exp.Paren):
        part = part.this
    if isinstance(part, exp.Tuple):
        for item in part.expressions:
            yield from _sides(item, resolution)
    elif (query := nested(part)) is not None and _is_literal(resolution.within.get(id(query))):
        yield _LITERAL
    elif query is not None and id(query) in resolution.within:
        yield from (o for _, o in resolution.within[id(query)].outputs)
    else:
        found = resolution.origin(part)
        yield _LITERAL if found.constant and part.find(exp.Column) is None else found


def _is_literal(query: Query | None) -> bool:
    """Whether a query inside an expression reads nothing, so that `(SELECT 'x')` is 'x'."""
    if query is None or any(select.relations or select.inner for select in query.selects()):
        return False
    return all(output.constant for _, output in query.outputs)


def is_condition(node: exp.Expr) -> bool:
    """Whether a value is a condition, and no comparison: `WHERE flag` is `flag = TRUE`, `IF(n - 5, ...)` `n <> 5`."""
    return not isinstance(node, (*_PREDICATES, *_ANSWERS, *_CONNECTORS, *_CHOICES)) and _stands_as_one(node)


def _stands_as_one(node: exp.Expr) -> bool:
    parent = node.parent
    if isinstance(parent, _CONNECTORS) and not isinstance(parent, exp.Paren):
        return True
    if isinstance(parent, exp.Where | exp.Having | exp.Join):
        return True
    if isinstance(parent, exp.If) and parent.this is node:
        return not isinstance(parent.parent, exp.Case) or parent.parent.this is None
    if isinstance(parent, exp.Case) and parent.this is node:
        return False
    return isinstance(parent, (exp.Paren, *_CHOICES)) and _stands_as_one(parent)


def _shared_columns(query: Query) -> Iterator[Comparison]:
    for join in query.select.args.get("joins") or ():
        names = {u.name.lower() for u in join.args.get("using") or ()}
        if join.method == "NATURAL":
            every = [set(r.columns) for r in query.relations.values()]
            names = {n for n in set().union(*every) if sum(n in one for one in every) > 1}
        for name in sorted(names):
            yield join, [r.columns.get(name, _NO_ORIGIN) for r in query.relations.values() if name in r.columns]
