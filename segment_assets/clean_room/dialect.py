"""Spark SQL as Clean Rooms documents it, where that differs from what sqlglot's dialect accepts."""

from collections.abc import Callable
from typing import Any, ClassVar

from sqlglot import exp
from sqlglot.dialects.spark import Spark


def _trunc(args: list[exp.Expr]) -> exp.Expr:
    # AWS's own example is TRUNC(timestamp); sqlglot's Spark wants a unit and raises without one.
    return exp.Anonymous(this="TRUNC", expressions=args)


class CleanRoomsSpark(Spark):
    """Spark with the one-argument TRUNC of AWS's list of scalar functions."""

    class Parser(Spark.Parser):  # type: ignore[valid-type, misc]  # sqlglot sets it in a metaclass
        """Parses TRUNC as a plain function, and literals side by side as the one literal they are in Spark."""

        FUNCTIONS: ClassVar[dict[str, Callable[..., Any]]] = {**Spark.Parser.FUNCTIONS, "TRUNC": _trunc}

        def _parse_primary(self) -> exp.Expr | None:
            found: exp.Expr | None = super()._parse_primary()
            if isinstance(found, exp.Concat) and all(isinstance(e, exp.Literal) for e in found.expressions):
                return exp.Literal.string("".join(e.name for e in found.expressions))
            return found


SPARK = CleanRoomsSpark()
