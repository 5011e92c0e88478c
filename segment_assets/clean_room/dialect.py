"""Spark SQL as Clean Rooms documents it, where that differs from what sqlglot's dialect accepts."""

from collections.abc import Callable
from typing import Any, ClassVar

from sqlglot import exp
from sqlglot.dialects.spark import Spark


def _trunc(args: list[exp.Expr]) -> exp.Expr:
    # AWS's own example is TRUNC(timestamp); sqlglot's Spark wants a unit and raises without one.
    return exp.Anonymous(this="TRUNC", expressions=args)


def _plain(name: str) -> Callable[[list[exp.Expr]], exp.Expr]:
    # sqlglot makes an operator of it (AT TIME ZONE), which Spark has not and no list of functions knows.
    return lambda args: exp.Anonymous(this=name, expressions=args)


def _date_format(args: list[exp.Expr], dialect: Any) -> exp.Expr:
    # sqlglot puts the value into a conversion that has no name in Spark, and so is on no list of functions.
    found: exp.Expr = Spark.Parser.FUNCTIONS["DATE_FORMAT"](args, dialect=dialect)
    if isinstance(found.this, exp.TimeStrToTime):
        found.set("this", exp.cast(found.this.this, "TIMESTAMP"))
    return found


def _named(name: str, parser: Callable[[Any], Any]) -> Callable[[Any], Any]:
    # sqlglot notes the name of plain calls alone, and these have a syntax of their own: SUBSTR, CONVERT, LISTAGG.
    def parse(self: Any) -> Any:
        found = parser(self)
        if isinstance(found, exp.Func):
            found.meta[WRITTEN] = name
        return found

    return parse


WRITTEN = "written"  # key of a call's meta: the function's name as it stands in the text


class CleanRoomsSpark(Spark):
    """Spark with the one-argument TRUNC of AWS's list of scalar functions.

    sqlglot makes one node of UPPER and UCASE, of COALESCE and NVL: a rule that names functions asks what was written.
    """

    ORIGINAL_NAME_META_KEY = WRITTEN

    class Parser(Spark.Parser):  # type: ignore[valid-type, misc]  # sqlglot sets it in a metaclass
        """Parses TRUNC as a plain function, and literals side by side as the one literal they are in Spark."""

        FUNCTIONS: ClassVar[dict[str, Callable[..., Any]]] = {
            **Spark.Parser.FUNCTIONS,
            "TRUNC": _trunc,
            "BTRIM": exp.Trim.from_arg_list,
            "EVERY": exp.LogicalAnd.from_arg_list,
            "SOME": exp.LogicalOr.from_arg_list,
            "DATE_FORMAT": _date_format,
            "FROM_UTC_TIMESTAMP": _plain("FROM_UTC_TIMESTAMP"),
            "TO_UTC_TIMESTAMP": _plain("TO_UTC_TIMESTAMP"),
        }
        FUNCTION_PARSERS: ClassVar[dict[str, Callable[..., Any]]] = {
            name: _named(name, parser) for name, parser in Spark.Parser.FUNCTION_PARSERS.items()
        }

        def _negate_range(self, this: exp.Expr | None = None) -> exp.Expr | None:
            # sqlglot 30.30 notes NOT in LIKE itself, and puts IN, BETWEEN and RLIKE into a NOT: here all are put.
            return exp.Not(this=this) if this else this

        def _parse_primary(self) -> exp.Expr | None:
            found: exp.Expr | None = super()._parse_primary()
            if isinstance(found, exp.Concat) and all(isinstance(e, exp.Literal) for e in found.expressions):
                return exp.Literal.string("".join(e.name for e in found.expressions))
            return found


SPARK = CleanRoomsSpark()


def written(node: exp.Expr) -> str:
    """What a call is named in the text, in capitals; sqlglot's name where its syntax is no plain call."""
    said = node.name if isinstance(node, exp.Anonymous) else node.meta.get(WRITTEN) or node.key
    return str(said).upper()
