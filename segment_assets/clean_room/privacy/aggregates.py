"""The aggregates that get noise, and the bounds of what they sum: declared by column, or by the argument's text."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, cast

from sqlglot import errors, exp

from segment_assets.clean_room.collaboration import ConfiguredTable
from segment_assets.clean_room.conditions import plain
from segment_assets.clean_room.custom.scopes import Resolution
from segment_assets.clean_room.dialect import SPARK
from segment_assets.clean_room.privacy.limits import Bounds
from segment_assets.clean_room.privacy.people import NotPrivateError, is_person

Kind = Literal["COUNT", "COUNT_DISTINCT", "SUM", "AVG", "STDDEV"]
PATH = "segmentation.yaml: collaboration"
_KINDS: dict[type[exp.Expr], Kind] = {
    exp.Count: "COUNT",
    exp.Sum: "SUM",
    exp.Avg: "AVG",
    exp.Stddev: "STDDEV",
    exp.StddevSamp: "STDDEV",
}


@dataclass(frozen=True)
class Aggregate:
    """One aggregate of the last SELECT.

    Attributes:
        kind: AWS's name of its type.
        text: its argument, as in the query.
        column: what the outer SELECT calls it.
        argument: the column of the rows that it is over; None: it counts rows.
        people: it counts persons.
        bounds: of the argument, where that is summed.
        whole: the argument is a whole number.
    """

    kind: Kind
    text: str
    column: str
    argument: str | None
    people: bool = False
    bounds: Bounds | None = None
    whole: bool = False


@dataclass(frozen=True)
class Declared:
    """What is declared of the values of a query.

    Attributes:
        bounds: text of an argument -> its lowest and highest value.
        resolution: of the query.
        tables: its configured tables by name.
    """

    bounds: Mapping[str, Bounds]
    resolution: Resolution
    tables: Mapping[str, ConfiguredTable]

    @classmethod
    def of(
        cls, bounds: Mapping[str, Bounds], resolution: Resolution, tables: Mapping[str, ConfiguredTable]
    ) -> "Declared":
        """What a query and its tables declare; texts are compared as trees.

        Raises:
            NotPrivateError: a text is no expression.
        """
        return cls({_text(_parsed(text)): value for text, value in bounds.items()}, resolution, tables)


def aggregate(node: exp.Expr, name: str, declared: Declared) -> tuple[Aggregate, exp.Expr | None]:
    """An aggregate as it is to be computed, and its argument; none where it counts rows or persons.

    Raises:
        NotPrivateError: it has no noise here, or no bounds are declared.
    """
    kind = _KINDS.get(type(node))
    distinct = node.this if isinstance(node.this, exp.Distinct) else None
    arguments = list(distinct.expressions) if distinct else [node.this, *(node.args.get("expressions") or ())]
    if kind is None or len(arguments) != 1 or (distinct and kind != "COUNT"):
        raise NotPrivateError(f"{node.key.upper()} of this form gets no noise: use it with one argument")
    argument, column = plain(arguments[0]), f"of_{name}"
    text = _text(argument)
    if distinct and is_person(argument, declared.resolution):
        return Aggregate("COUNT_DISTINCT", text, name, None, people=True), None
    if distinct:
        return Aggregate("COUNT_DISTINCT", text, name, column), argument
    if kind == "COUNT" and isinstance(argument, exp.Star | exp.Literal):
        return Aggregate(kind, text, name, None), None
    if kind == "COUNT":
        return Aggregate(kind, text, name, column), argument
    whole = argument.type is not None and argument.type.is_type(*exp.DataType.INTEGER_TYPES)
    return Aggregate(kind, text, name, column, bounds=_bounds(argument, declared), whole=whole), argument


def _bounds(argument: exp.Expr, declared: Declared) -> Bounds:
    text = _text(argument)
    if text in declared.bounds:
        return declared.bounds[text]
    where = f'{PATH}.queries: declare bounds: {{"{text}": [lowest, highest]}} beside the query'
    if direct := declared.resolution.origin(argument).direct:
        table, column = direct
        own = declared.tables[table].limits
        if own and column in own.bounds:
            return own.bounds[column]
        where += f", or {PATH}.configured_tables.{table}.custom.privacy.bounds.{column}"
    raise NotPrivateError(f"{where}; bounds taken from the data would tell of the data")


def _text(node: exp.Expr) -> str:
    """An expression as its author knows it, whatever it was qualified with."""
    holder = exp.Paren(this=node.copy())
    for column in list(holder.find_all(exp.Column)):
        if isinstance(column.this, exp.Identifier):
            column.replace(exp.column(column.name.lower()))
    return str(holder.this.sql(dialect=SPARK, comments=False)).lower()


def _parsed(text: str) -> exp.Expr:
    try:
        [statement] = SPARK.parse(f"SELECT {text}")
        [item] = cast("exp.Select", statement).expressions
        return plain(item)
    except (errors.SqlglotError, AttributeError, ValueError) as bad:
        raise NotPrivateError(f'{PATH}.queries: bounds: "{text}" is no expression of a query') from bad
