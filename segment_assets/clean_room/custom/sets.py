"""Sets of identities as SQL: one identity per row, or a list of them that is cut where it is large enough.

An identity is carried as a hash of 64 bits: a collision makes a set smaller, so it can only hide a row. A list is cut
at the largest minimum: a set that reached it keeps enough, and one that did not is whole, so no union is ever wrong.
"""

from dataclasses import dataclass

from sqlglot import exp

LIST = "UBIGINT[]"


@dataclass(frozen=True)
class Held:
    """One set of identities in each row of a relation.

    Attributes:
        table: the configured table they are of.
        value: where it stands.
        many: a list, null where this row does not rest on this use of the table; else one identity, null for none.
        cap: lists are no longer than this.
    """

    table: str
    value: exp.Expr
    many: bool
    cap: int


def base(identity: str) -> exp.Expr:
    """What a row of a configured table carries."""
    column = exp.column(identity, quoted=True)
    known = exp.Is(this=column.copy(), expression=exp.Null()).not_()
    return exp.Case(ifs=[exp.If(this=known, true=_call("HASH", column))])


def nobody() -> exp.Expr:
    """The empty set: zero identities, which is fewer than any minimum."""
    return _typed(exp.Array(expressions=[]))


def unused() -> exp.Expr:
    """What a row carries that does not rest on this use of a table, because it came by another branch."""
    return _typed(exp.Null())


def as_list(held: Held) -> exp.Expr:
    """The set as a list."""
    if held.many:
        return held.value.copy()
    one = exp.Array(expressions=[held.value.copy()])
    return exp.Case(ifs=[exp.If(this=_known(held.value), true=_typed(one))], default=nobody())


def union(held: Held, *, of_all: bool, over: exp.Window | None = None) -> exp.Expr:
    """The union of the sets of a group, or of a window's frame.

    Args:
        held: the set of each row.
        of_all: the group is every row, of which there may be none: then nobody.
        over: the window; None for a group.
    """
    value: exp.Expr = held.value.copy()
    if not held.many and over is None:
        value = exp.Distinct(expressions=[value])
    gathered: exp.Expr = exp.Filter(this=_call("LIST", value), expression=exp.Where(this=_known(held.value)))
    if over is not None:
        gathered = framed(gathered, over)
    if held.many:
        gathered = _call("FLATTEN", gathered)
    cut = _call("LIST_SLICE", _call("LIST_DISTINCT", gathered), exp.Literal.number(1), exp.Literal.number(held.cap))
    return exp.func("COALESCE", cut, nobody()) if of_all or not held.many else cut


def framed(function: exp.Expr, like: exp.Window) -> exp.Window:
    """A function over the frame of another."""
    window = like.copy()
    window.set("this", function)
    return window


def or_nobody(value: exp.Expr) -> exp.Expr:
    """The list, and nobody where there is none: the side that an outer join left empty."""
    return exp.func("COALESCE", value, nobody())


def enough(held: list[Held], minimum: int) -> exp.Expr:
    """Whether a row rests on a minimum of identities by every use of a table that it rests on, and by one at least."""
    if not all(h.many for h in held) or not held:
        return exp.false()  # one identity at most, and a minimum is two at least
    each = [
        exp.or_(
            exp.Is(this=h.value.copy(), expression=exp.Null()),
            exp.GTE(this=_call("LEN", h.value.copy()), expression=exp.Literal.number(minimum)),
        )
        for h in held
    ]
    return exp.and_(*each, exp.or_(*(_known(h.value) for h in held)))


def smallest(held: list[Held]) -> exp.Expr:
    """The size of the smallest set that a row rests on; zero where it rests on none."""
    sizes = [_call("LEN", as_list(h)) for h in held]
    least = _call("LEAST", *sizes) if len(sizes) > 1 else sizes[0] if sizes else exp.Literal.number(0)
    return exp.func("COALESCE", least, exp.Literal.number(0))


def everybody(held: list[Held]) -> exp.Expr:
    """Everybody whom a row rests on, by any use of a table."""
    lists = [exp.func("COALESCE", as_list(h), nobody()) for h in held]
    return _call("LIST_DISTINCT", _call("FLATTEN", exp.Array(expressions=lists))) if lists else nobody()


def _known(value: exp.Expr) -> exp.Expr:
    return exp.Is(this=value.copy(), expression=exp.Null()).not_()


def _typed(value: exp.Expr) -> exp.Expr:
    return exp.Cast(this=value, to=exp.DataType.build(LIST, dialect="duckdb"))


def _call(name: str, *arguments: exp.Expr) -> exp.Expr:
    return exp.Anonymous(this=name, expressions=list(arguments))
