"""What a value is made of: a column that is whole, or pieces and literals, from which a query makes what it pleases.

`LEFT(country, 0) || 'U1'` comes from a column and is 'U1' for everybody; so is `SUBSTRING(country || 'U1', 3)`, and
`k / k + j / j` is 2. Where a literal is in a value and no column keeps the value apart, the value is a literal. Several
pieces are one too, and a piece of a hash: of enough of them any text can be made.
"""

import hashlib
from collections.abc import Callable, Sequence
from typing import NamedTuple

from sqlglot import exp

from segment_assets.clean_room.dialect import written


class Makeup(NamedTuple):
    """What a value is made of.

    Attributes:
        whole: a column is in it uncut, so what it is depends on the data.
        filled: a literal is in it, or what can be made into one, as any number can.
        uncut: the columns that are in it whole, as (table, column).
        shape: its literals in their places, and `*` for a column: what stands alike on both sides of `=` is salt, and
            what does not can be left over when equal columns cancel.
    """

    whole: bool = True
    filled: bool = False
    uncut: frozenset[tuple[str, str]] = frozenset()
    shape: str = "*"

    def cut(self) -> "Makeup":
        """What a part of it is made of."""
        return Makeup(whole=False, filled=self.filled or not self.whole, shape="?")


_Known = Callable[[exp.Expr], Makeup | None]
COLUMN = Makeup()
LITERAL = Makeup(whole=False, filled=True, shape="?")
_LONGEST_SHAPE = 200
# Equal values stay equal, and unlike ones unlike.
_KEEP = (
    exp.Alias, exp.Paren, exp.Distinct, exp.Window, exp.Lower, exp.Upper, exp.Initcap, exp.MD5, exp.SHA, exp.SHA2,
    exp.Hex, exp.Unhex, exp.ToBase64, exp.FromBase64, exp.Encode, exp.Decode, exp.JSONFormat, exp.Min, exp.Max,
    exp.IgnoreNulls, exp.RespectNulls, exp.TsOrDsToDate, exp.StrToTime, exp.StrToUnix,
)  # fmt: skip
_KEEP_TYPES = (*exp.DataType.TEXT_TYPES, exp.DType.BIGINT, exp.DType.INT, exp.DType.DOUBLE, exp.DType.BINARY,
               exp.DType.TIMESTAMP, exp.DType.TIMESTAMPTZ, exp.DType.TIMESTAMPNTZ)  # fmt: skip
_HASHES = (exp.MD5, exp.SHA, exp.SHA2, exp.Hex, exp.ToBase64, exp.Encode)
# Where constants say how; what says how is no part of what they give.
_CUT = (exp.Substring, exp.Left, exp.Right, exp.DateTrunc, exp.TimestampTrunc)
# They leave out what is null, and their other parts stand alone then.
_ANY_OF = (exp.ConcatWs, exp.ArrayToString, exp.Array, exp.Coalesce, exp.Greatest, exp.Least, exp.Lag, exp.Lead)


def makeup(node: exp.Expr, known: _Known) -> Makeup:
    """What an expression is made of.

    Args:
        node: the expression.
        known: what a column or a subquery is made of; None for what is neither.
    """
    if (found := known(node)) is not None:
        return found
    if isinstance(node, exp.Null):
        return COLUMN
    if isinstance(node, exp.Literal):
        return LITERAL._replace(shape=node.sql())
    if isinstance(node, _KEEP) or (isinstance(node, exp.Trim) and not node.expression):
        inner = node.expressions[0] if isinstance(node, exp.Distinct) and node.expressions else node.this
        return makeup(inner, known) if isinstance(inner, exp.Expr) else LITERAL
    if isinstance(node, exp.Cast):
        made = makeup(node.this, known)
        return made if node.to.is_type(*_KEEP_TYPES) and not node.to.expressions else made.cut()
    if isinstance(node, exp.Pad):
        made = makeup(node.this, known)  # cut, and nothing is filled in; or whole, and it is
        return (made.cut() if made.filled else made)._replace(filled=True, shape=f"pad({made.shape})")
    if isinstance(node, _CUT):
        made = makeup(node.this, known).cut()
        return made._replace(filled=made.filled or node.this.find(*_HASHES) is not None)
    if isinstance(node, exp.ConcatWs) and _is_separator(node.expressions[0]):
        made = together([makeup(n, known) for n in _values(node)], all)
        return made._replace(filled=True, shape=f"{node.expressions[0].sql()}({made.shape})")
    if isinstance(node, _ANY_OF):  # CONCAT_WS is a CONCAT too
        return together([makeup(n, known) for n in _values(node)], all)
    if isinstance(node, exp.Concat | exp.DPipe) or written(node) == "XXHASH64":
        return together([makeup(n, known) for n in _values(node)], any)
    if isinstance(node, exp.Case):
        shown = [i.args["true"] for i in node.args["ifs"]] + [node.args.get("default")]
        return together([makeup(n, known) for n in shown if n is not None], all)
    if isinstance(node, exp.If | exp.Nvl2):
        shown = [node.args.get("true"), node.args.get("false")]
        return together([makeup(n, known) for n in shown if n is not None], all)
    return LITERAL


def _values(node: exp.Expr) -> list[exp.Expr]:
    """The parts of a value: a separator is one where it is no more than a character."""
    parts = list(node.iter_expressions())
    return parts[1:] if isinstance(node, exp.ConcatWs) and _is_separator(parts[0]) else parts


def _is_separator(node: exp.Expr) -> bool:
    return isinstance(node, exp.Literal) and len(node.name) <= 1


def _short(shape: str) -> str:
    """As well told apart from others, and short: of nested queries each may double the shape of the one before."""
    return shape if len(shape) <= _LONGEST_SHAPE else hashlib.sha256(shape.encode()).hexdigest()


def together(parts: Sequence[Makeup], whole: Callable[[Sequence[bool]], bool]) -> Makeup:
    """What a value of several parts is made of; `whole` says whether one whole part is enough."""
    shape = _short("|".join(p.shape for p in parts))
    filled = any(p.filled for p in parts)
    if not whole([p.whole for p in parts]):
        return Makeup(whole=False, filled=filled or (whole is any and len(parts) > 1), shape=shape)
    return Makeup(filled=filled, shape=shape, uncut=frozenset().union(*(p.uncut for p in parts)))
