"""Analysis templates: a query's text with parameters, which are literal data and nothing else.

A value is bound on the tree, as a literal of its declared type: it is never text of the query, so a hostile value is a
strange literal or is refused.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time
from decimal import Decimal, InvalidOperation

from sqlglot import exp

from segment_assets.clean_room.reasons import Finding, at

MAX_VALUE = 1000  # API_ProtectedQuerySQLParameters, parameters


@dataclass(frozen=True)
class Parameter:
    """A placeholder for a literal.

    Attributes:
        name: as in `:name`.
        type: AWS's name of its type.
        default: value where none is given.
    """

    name: str
    type: str
    default: str | None = None


@dataclass(frozen=True)
class Template:
    """A query that may be run as it is, with other literals.

    Attributes:
        arn: how rules name it; in segmentation.yaml its name.
        creator: the member who wrote it.
        text: the query; it never changes.
        parameters: what `:name` stands for.
    """

    arn: str
    creator: str
    text: str
    parameters: tuple[Parameter, ...] = ()


class _NotOfTypeError(ValueError):
    pass


def bind(tree: exp.Expr, parameters: tuple[Parameter, ...], values: Mapping[str, str]) -> list[Finding]:
    """Put typed literals in the place of a tree's placeholders; what could not be bound is returned.

    Args:
        tree: the template's tree; changed.
        parameters: as declared.
        values: name -> value as text.
    """
    declared = {p.name: p for p in parameters}
    found = [
        Finding("PARAMETER_INVALID", f'the template has no parameter "{name}"')
        for name in values
        if name not in declared
    ]
    for node in list(tree.find_all(exp.Placeholder, exp.Parameter)):
        name = node.name if isinstance(node, exp.Placeholder) else ""
        if name in ("", "?"):
            found.append(at(node, "PARAMETER_INVALID", "a parameter is written as :name"))
        elif name not in declared:
            found.append(Finding("PARAMETER_MISSING", f'":{name}" is no declared parameter, so it has no value'))
        elif (value := values.get(name, declared[name].default)) is None:
            found.append(Finding("PARAMETER_MISSING", f'parameter "{name}" has no value and no default'))
        else:
            found += _bind(node, declared[name], value)
    return found


def _bind(node: exp.Expr, parameter: Parameter, value: str) -> list[Finding]:
    try:
        bound = literal(parameter.type, value)
    except _NotOfTypeError:
        message = f'parameter "{parameter.name}": the value is no literal of type {parameter.type}'
        return [Finding("PARAMETER_INVALID", message)]
    bound.meta["parameter"] = parameter.name
    node.replace(bound)
    return []


def literal(kind: str, value: str) -> exp.Expr:
    """A value as a literal of an AWS type.

    Raises:
        ValueError: it is none.
    """
    if not isinstance(value, str) or len(value) > MAX_VALUE or "\0" in value:
        raise _NotOfTypeError
    head = re.split(r"[(\s]", kind.upper(), maxsplit=1)[0]
    if head not in _TYPES:
        raise _NotOfTypeError
    try:
        return _TYPES[head](value)
    except (ValueError, InvalidOperation, OverflowError) as bad:
        raise _NotOfTypeError from bad


def _whole(bits: int) -> Callable[[str], exp.Expr]:
    def of(value: str) -> exp.Expr:
        if not re.fullmatch(r"[+-]?[0-9]{1,20}", value.strip()):
            raise _NotOfTypeError
        number = int(value)
        if not -(2 ** (bits - 1)) <= number < 2 ** (bits - 1):
            raise _NotOfTypeError
        return _number(str(number))

    return of


def _decimal(value: str) -> exp.Expr:
    if not re.fullmatch(r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]{1,3})?", value.strip()):
        raise _NotOfTypeError
    return _number(format(Decimal(value.strip()), "f"))


def _number(text: str) -> exp.Expr:
    return exp.Neg(this=exp.Literal.number(text[1:])) if text.startswith("-") else exp.Literal.number(text)


def _boolean(value: str) -> exp.Expr:
    if value.strip().lower() not in ("true", "false"):
        raise _NotOfTypeError
    return exp.Boolean(this=value.strip().lower() == "true")


def _date(value: str) -> exp.Expr:
    if not re.fullmatch(r"\d{4}-\d{2}-\d{2}", value.strip()):
        raise _NotOfTypeError
    day = date.fromisoformat(value.strip())
    return exp.Cast(this=exp.Literal.string(day.isoformat()), to=exp.DataType.build("DATE"))


def _timestamp(value: str) -> exp.Expr:
    moment = datetime.fromisoformat(value.strip())
    return exp.Cast(this=exp.Literal.string(moment.isoformat(" ")), to=exp.DataType.build("TIMESTAMP"))


def _time(value: str) -> exp.Expr:
    return exp.Literal.string(time.fromisoformat(value.strip()).isoformat())


def _text(value: str) -> exp.Expr:
    return exp.Literal.string(value)


def _binary(value: str) -> exp.Expr:
    if not re.fullmatch(r"([0-9a-fA-F]{2})*", value):
        raise _NotOfTypeError
    return exp.Literal.string(value)


_TYPES: dict[str, Callable[[str], exp.Expr]] = {
    "TINYINT": _whole(8), "BYTE": _whole(8), "SMALLINT": _whole(16), "SHORT": _whole(16), "INT": _whole(32),
    "INTEGER": _whole(32), "BIGINT": _whole(64), "LONG": _whole(64),
    **dict.fromkeys(("DECIMAL", "NUMERIC", "REAL", "FLOAT", "DOUBLE", "DOUBLE_PRECISION"), _decimal),
    "BOOLEAN": _boolean, "DATE": _date,
    **dict.fromkeys(("TIMESTAMP", "TIMESTAMPTZ", "TIMESTAMP_LTZ", "TIMESTAMP_NTZ"), _timestamp),
    **dict.fromkeys(("TIME", "TIMETZ"), _time),
    **dict.fromkeys(("CHAR", "CHARACTER", "VARCHAR", "STRING"), _text),
    **dict.fromkeys(("VARBYTE", "BINARY"), _binary),
}  # fmt: skip
