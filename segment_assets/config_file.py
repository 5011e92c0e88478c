"""A YAML file against its models: whatever is wrong in it is one sentence, with the place and the nearest choice."""

import difflib
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel

_KINDS = {
    list: "a list",
    dict: "keys with values",
    str: "a text",
    bool: "on or off",
    int: "a number",
    float: "a number",
}
_WHAT = {
    "model_type": "must be keys with values",
    "model_attributes_type": "must be keys with values",
    "dict_type": "must be keys with values",
    "list_type": "must be a list, such as [a, b]",
    "string_type": "must be a text",
    "int_type": "must be a whole number",
    "int_parsing": "must be a whole number",
    "int_from_float": "must be a whole number",
    "float_type": "must be a number, such as 0.3",
    "float_parsing": "must be a number, such as 0.3",
    "finite_number": "must be a number, such as 0.3",
    "bool_type": "must be on or off",
    "bool_parsing": "must be on or off",
}
_LIMITS = {
    "greater_than": ("above", "gt"),
    "greater_than_equal": ("at least", "ge"),
    "less_than": ("below", "lt"),
    "less_than_equal": ("at most", "le"),
}


class ConfigError(Exception):
    """What is wrong in segmentation.yaml, where, and how to mend it."""


def nearest(word: str, choices: Iterable[str]) -> str:
    """`(did you mean "purchase"?)` where something is near, else the choices."""
    known = sorted(choices)
    close = difflib.get_close_matches(word, known, n=1)
    return f'(did you mean "{close[0]}"?)' if close else f"(one of: {', '.join(known) or 'none'})"


def nearest_column(word: str, names: Iterable[str], wanted: Iterable[str]) -> str:
    """`nearest` among a file's columns, where its first line is a header; of one that may be data nothing is shown.

    Args:
        word: the column that is not there.
        names: what stands in the first line.
        wanted: all columns that should be there: in a header there is one of them, in whatever case.
    """
    known = list(names)
    header = {name.casefold() for name in known} & {name.casefold() for name in wanted}
    if not header or any("@" in name or name.lstrip('"+-')[:1].isdigit() or name[:1] in ("{", "[") for name in known):
        columns = f"{len(known)} columns" if len(known) != 1 else "one column"
        return f"(its first line, of {columns}, does not look like column names of yours)"
    return nearest(word, known)


def read(path: Path) -> dict[Any, Any]:
    """The file's keys and values.

    Raises:
        ConfigError: there is no such file, it is no YAML in UTF-8, or it says the same key twice.
    """
    try:
        content = yaml.load(path.read_text(encoding="utf-8-sig"), _Unrepeated)  # noqa: S506  it is a SafeLoader
    except FileNotFoundError as missing:
        raise ConfigError(f"{path}: no such file; `segment-assets init DIR` writes one") from missing
    except OSError as unreadable:
        raise ConfigError(f"{path}: can't be read: {unreadable.strerror}") from unreadable
    except UnicodeDecodeError as bad:
        raise ConfigError(f"{path}: is not UTF-8 (byte {bad.start}): save it as UTF-8") from bad
    except yaml.MarkedYAMLError as bad:
        raise ConfigError(f"{path}: not YAML: {_marked(bad)}") from bad
    except (yaml.YAMLError, RecursionError) as bad:
        raise ConfigError(f"{path}: not YAML: {' '.join(str(bad).split())}") from bad
    if not isinstance(content, dict):
        raise ConfigError(f"{path}: must hold keys such as name, landing and targets")
    return content


class _Unrepeated(yaml.SafeLoader):
    """YAML in which a key counts once: PyYAML takes the last of equal keys without a word."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: set[Any] = set()
        for key, _ in node.value:
            name = key.value if isinstance(key, yaml.ScalarNode) else None
            if name is not None and name in seen:
                raise yaml.MarkedYAMLError(problem=f'the key "{name}" is there twice', problem_mark=key.start_mark)
            seen.add(name)
        return super().construct_mapping(node, deep)


def _marked(bad: yaml.MarkedYAMLError) -> str:
    """What and where, without the lines around it."""
    mark = bad.problem_mark or bad.context_mark
    what = bad.problem or bad.context or "it can't be read"
    if "'\\t'" in what:
        what = "a tab stands where YAML takes spaces alone"
    return f"line {mark.line + 1}, column {mark.column + 1}: {what}" if mark else what


def sentence(error: Any, model: type[BaseModel]) -> str:
    """One of pydantic's errors: where, and what is wrong.

    Args:
        error: an item of `ValidationError.errors()`.
        model: the model of the whole file, for the keys there are.
    """
    where = ".".join(str(part) for part in _path(error["loc"]))
    return f"{where}: {_what(error, model)}" if where else _what(error, model)


def _path(location: tuple[Any, ...]) -> list[Any]:
    """The path in the file: without the kind that chose a model, and without pydantic's mark of a key."""
    kind_at = 2 if location[:1] == ("destinations",) else 3 if location[:2] == ("audience", "attributes") else None
    return [part for at, part in enumerate(location) if at != kind_at and part != "[key]"]


def _what(error: Any, model: type[BaseModel]) -> str:
    kind, given = error["type"], error["input"]
    if kind == "extra_forbidden":
        return (
            f'no such key "{error["loc"][-1]}" {nearest(str(error["loc"][-1]), _fields_at(error["loc"][:-1], model))}'
        )
    if kind == "missing":
        return "is missing"
    if kind == "union_tag_invalid":
        tag = str(error["ctx"]["tag"])
        return f'kind "{tag}" is not a choice {nearest(tag, _choices(error["ctx"]["expected_tags"]))}'
    if kind == "union_tag_not_found":
        return "kind is missing" if isinstance(given, Mapping) else f"must be keys with values, and is {_said(given)}"
    if kind == "literal_error":
        choices = _choices(error["ctx"]["expected"])
        if str(given) in choices:
            return f"must be {given} as a number, without quotes"
        return f'"{given}" is not a choice {nearest(str(given), choices)}'
    if kind == "string_pattern_mismatch":
        return f'"{given}" must be lower case letters, digits and underscores, starting with a letter'
    if kind == "too_short":
        return "must not be empty"
    if kind in _LIMITS:
        word, limit = _LIMITS[kind]
        return f"must be {word} {error['ctx'][limit]}"
    if kind in _WHAT:
        return f"{_WHAT[kind]}, and is {_said(given)}"
    message: str = error["msg"].removeprefix("Value error, ")
    return message


def _said(given: Any) -> str:
    if given is None:
        return "empty"
    if isinstance(given, bool):
        return "on" if given else "off"
    if isinstance(given, str | int | float) and len(str(given)) <= 40:
        return f'"{given}"' if isinstance(given, str) else str(given)
    return _KINDS.get(type(given), "something else")


def _choices(text: str) -> list[str]:
    return re.findall(r"'([^']*)'", text) or [text]


def _fields_at(location: Iterable[Any], model: type[BaseModel]) -> list[str]:
    """The keys that are known at a place in the file, found by walking the models' JSON schema."""
    schema: Any = model.model_json_schema()
    definitions, node = schema.get("$defs", {}), schema
    for part in location:
        node = _step(node, part, definitions)
    return list(_resolve(node, definitions).get("properties", {}))


def _step(node: Any, part: Any, definitions: Any) -> Any:
    node = _resolve(node, definitions)
    for option in node.get("oneOf", []):
        resolved = _resolve(option, definitions)
        if part == resolved.get("properties", {}).get("kind", {}).get("const"):
            return resolved
    any_key = next(iter(node.get("patternProperties", {}).values()), None)
    return (
        node.get("properties", {}).get(part) or any_key or node.get("additionalProperties") or node.get("items") or {}
    )


def _resolve(node: Any, definitions: Any) -> Any:
    while isinstance(node, dict) and ("$ref" in node or "anyOf" in node):
        if "$ref" in node:
            node = definitions[node["$ref"].rsplit("/", 1)[1]]
        else:
            node = next((o for o in node["anyOf"] if o.get("type") != "null"), {})
    return node if isinstance(node, dict) else {}
