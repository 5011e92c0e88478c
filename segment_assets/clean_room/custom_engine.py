"""Accepted custom queries as DuckDB runs them: rendered from the tree, never from the text.

A query of one flat SELECT goes the way of list and aggregation rules (rewrite.py). What has nested queries, windows or
set operations is brought into one plain form (custom/canonical.py), every row of it carries the identities it rests on
(custom/identities.py), and the outermost SELECT lets out what rests on enough of them, zero included. ORDER BY and
LIMIT of the query act on what is left, so neither tells of what is not.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date

from sqlglot import errors, exp

from segment_assets.clean_room.custom import clauses, privacy, sets
from segment_assets.clean_room.custom.canonical import NotCanonicalError, canonical, first, named, names
from segment_assets.clean_room.custom.check import Accepted
from segment_assets.clean_room.custom.guarded import UndatedError, guarded
from segment_assets.clean_room.custom.identities import Carrier, NotCarriedError, Slot
from segment_assets.clean_room.custom.sets import Held
from segment_assets.clean_room.custom.thresholds import row_minimum
from segment_assets.clean_room.custom_rule import Custom
from segment_assets.clean_room.names import output_name
from segment_assets.clean_room.port import QueryFailedError
from segment_assets.clean_room.rewrite import ANY_DAY, Rewritten


def added(accepted: Accepted) -> list[str]:
    """What is added to a query, in words."""
    found = []
    for table in accepted.tables:
        rule = table.rule
        if privacy.is_private(table):
            found.append(f"{table.name}: noise on every aggregate of the final SELECT")
        elif isinstance(rule, Custom) and rule.threshold:
            minimum = row_minimum(accepted.resolution, table)
            found.append(f"{table.name}: every row rests on at least {minimum} distinct values of {rule.identity}")
    return found or ["nothing"]


def sql(accepted: Accepted) -> str:
    """What runs, for whoever only looks.

    Raises:
        QueryFailedError: as `rewritten`.
    """
    return rewritten(accepted, ANY_DAY).sql


def rewritten(accepted: Accepted, as_of: date | None) -> Rewritten:
    """The query with the minimum of every table, in DuckDB's dialect and a total order.

    Args:
        accepted: by the checker.
        as_of: day of the data: what CURRENT_DATE means.

    Raises:
        QueryFailedError: it needs noise, or a construct that carries no identities.
    """
    tree, outputs, order, limit = _prepared(accepted, as_of)
    minimums = _minimums(accepted)
    carried, slots = _carried(tree, minimums, accepted)
    shown = [named(_of(f"c{i}"), f"c{i}") for i in range(len(outputs))]
    whole = exp.select(*shown).from_(_f(carried))
    if minimums:
        held = _held(slots)
        enough = [sets.enough([h for h in held if h.table == t], m) for t, m in minimums.items()]
        whole.set("where", exp.Where(this=exp.and_(*enough)))
    every = [exp.Ordered(this=exp.column(f"c{i}", quoted=True), nulls_first=True) for i in range(len(shown))]
    whole.set("order", exp.Order(expressions=[*order, *every]))
    whole.set("limit", limit)
    return Rewritten(whole.sql(dialect="duckdb", comments=False), outputs)


@dataclass(frozen=True)
class Sizes:
    """How many people stand behind every row of a whole result.

    Attributes:
        sql: columns of the result (c0, c3, ...) and then the size for each table (s0, s1, ...).
        compared: the places of these columns in the result.
        minimums: what each size must reach.
    """

    sql: str
    compared: tuple[int, ...]
    minimums: tuple[int, ...]


def sizes(accepted: Accepted, as_of: date | None) -> Sizes:
    """The query without filter, order and limit, with the size of the smallest set that each row rests on."""
    return _measured(accepted, as_of, "s", sets.smallest, Carrier)


def people(accepted: Accepted, as_of: date | None, carrier: type[Carrier]) -> Sizes:
    """The same with the people themselves, as a list of hashes for each table (p0, p1, ...), for the owner alone."""
    return _measured(accepted, as_of, "p", sets.everybody, carrier)


def enforced(accepted: Accepted) -> list[str]:
    """The tables whose minimum is enforced, in the order of `sizes` and `people`."""
    return list(_minimums(accepted))


def _measured(
    accepted: Accepted,
    as_of: date | None,
    prefix: str,
    measure: Callable[[list[Held]], exp.Expr],
    carrier: type[Carrier],
) -> Sizes:
    tree, outputs, _, _ = _prepared(accepted, as_of)
    minimums = _minimums(accepted)
    select = first(tree)
    compared = list(range(len(outputs)))
    if tree is select and not select.args.get("distinct"):
        items = list(select.expressions)
        seen = [i for i, item in enumerate(items) if item.find(exp.Window) is None]
        compared = [i for i in compared if i in seen]
        select.set("expressions", [items[i] for i in seen] or [named(exp.Null(), "c0")])
    carried, slots = _carried(tree, minimums, accepted, carrier)
    held = _held(slots)
    counted = [named(measure([h for h in held if h.table == t]), f"{prefix}{i}") for i, t in enumerate(minimums)]
    shown = [named(_of(f"c{i}"), f"c{i}") for i in compared]
    whole = exp.select(*shown, *counted).from_(_f(carried))
    return Sizes(whole.sql(dialect="duckdb", comments=False), tuple(compared), tuple(minimums.values()))


def result_names(accepted: Accepted) -> tuple[str, ...]:
    """What the columns of the result are called.

    Raises:
        QueryFailedError: the query is not run at all.
    """
    try:
        return _result_names(accepted, canonical(accepted))
    except NotCanonicalError as bad:
        raise QueryFailedError("FUNCTION_NOT_ALLOWED", str(bad)) from bad


_Prepared = tuple[exp.Query, tuple[str, ...], list[exp.Expr], exp.Expr | None]


def _prepared(accepted: Accepted, as_of: date | None) -> _Prepared:
    """The canonical tree with outputs c0, c1, ... and what ORDER BY needs; the outputs' names, its order, its limit."""
    for table in accepted.tables:
        if privacy.is_private(table):
            message = f"{table.name} is under differential privacy: nothing of it is run without noise"
            raise QueryFailedError("FUNCTION_NOT_ALLOWED", message)
    try:
        tree = canonical(accepted)
        order, limit = tree.args.get("order"), tree.args.get("limit")
        tree.set("order", None)
        tree.set("limit", None)
        outputs = _result_names(accepted, tree)
        terms = _named_outputs(tree, list(order.expressions) if order else [])
        return guarded(tree, as_of), outputs, terms, limit
    except (NotCanonicalError, UndatedError) as bad:
        raise QueryFailedError("FUNCTION_NOT_ALLOWED", str(bad)) from bad


def _named_outputs(tree: exp.Query, order: list[exp.Expr]) -> list[exp.Expr]:
    """Name the outputs by their place, and give back ORDER BY in these names."""
    select = first(tree)
    places: dict[str, int] = {}
    values: dict[exp.Expr, int] = {}
    for i, item in enumerate(select.expressions):
        places.setdefault(item.alias_or_name, i)
        values.setdefault(item.unalias(), i)
    if tree is not select and len(places) < len(select.expressions):
        raise NotCanonicalError("two columns of the result have the same name: name them with AS")
    items = [named(item.this, f"c{i}") for i, item in enumerate(select.expressions)]
    for term in order:
        value = term.this
        if isinstance(value, exp.Column) and not value.table and value.name in places:
            place = places[value.name]
        elif value in values:
            place = values[value]
        elif isinstance(value, exp.Literal):
            place = 0
        elif tree is select and not select.args.get("distinct"):
            place = len(items)
            items.append(named(value.copy(), f"c{place}"))
        else:
            raise NotCanonicalError("ORDER BY of DISTINCT and of UNION names columns of the result")
        term.set("this", _of(f"c{place}"))
    select.set("expressions", items)
    return order


def _result_names(accepted: Accepted, tree: exp.Query) -> tuple[str, ...]:
    """What the outputs are called: as in a flat query, where nothing has a star."""
    written = first(accepted.program.final).expressions
    made = names(tree)
    if len(written) != len(made) or any(clauses.has_star(item) for item in written):
        return made
    return tuple(output_name(item) for item in written)


def _carried(
    tree: exp.Query, minimums: Mapping[str, int], accepted: Accepted, carrier: type[Carrier] = Carrier
) -> tuple[exp.Query, list[Slot]]:
    tables = {t.name: t for t in accepted.tables if t.name in minimums}
    taken = {i.name.lower() for i in tree.find_all(exp.Identifier)}
    hidden = "held_"
    while any(name.startswith(hidden) for name in taken):
        hidden += "_"
    try:
        return carrier(tables, minimums, hidden).query(tree, {}, final=True)
    except NotCarriedError as bad:
        raise QueryFailedError("FUNCTION_NOT_ALLOWED", str(bad)) from bad
    except errors.SqlglotError as bad:
        raise QueryFailedError("FUNCTION_NOT_ALLOWED", "the local engine does not run this query") from bad


def _minimums(accepted: Accepted) -> dict[str, int]:
    found: dict[str, int] = {}
    for table in accepted.resolution.final.tables():
        if minimum := row_minimum(accepted.resolution, table):
            found[table.name] = minimum
    return found


def _held(slots: list[Slot]) -> list[Held]:
    return [Held(s.table, _of(s.name), s.many, s.cap) for s in slots]


def _f(carried: exp.Query) -> exp.Subquery:
    return exp.Subquery(this=carried, alias=exp.TableAlias(this=exp.to_identifier("f")))


def _of(name: str) -> exp.Column:
    return exp.column(name, table="f", quoted=True)
