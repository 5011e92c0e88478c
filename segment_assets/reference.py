"""docs/segmentation.md: every key of segmentation.yaml, written from the models that validate it.

`python -m segment_assets.reference > docs/segmentation.md` writes it; a test compares the two.
"""

import sys
import types
from datetime import timedelta
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from segment_assets.segmentation import Segmentation

INTRODUCTION = """# segmentation.yaml

Your one file: where data lands, what the partner offers, what is predicted, who is reached, and where segments go.
This page is written from the models that validate the file (`python -m segment_assets.reference`), so it can't lag
behind them. A key that is not on it is refused, with the nearest key that is. `segment-assets validate` checks a file.

The file is the one that `--config` or `SEGMENTATION_FILE` names, else `segmentation.yaml` in the working directory.
Where there is none, the project's own folder has the demo's, `segment_assets/demo/segmentation.yaml`: the longest
example.

Names (of targets, segments, queries, ...) are lower case letters, digits and underscores, and start with a letter.
Times are days or weeks: `28d`, `4w`.
"""
_WORDS: dict[Any, str] = {
    str: "text",
    int: "whole number",
    float: "number",
    bool: "`on` or `off`",
    timedelta: "days or weeks",
    tuple[float, float]: "two numbers",
}
_BOUNDS = (("gt", "above {}"), ("ge", "at least {}"), ("lt", "below {}"), ("le", "at most {}"))

Place = tuple[str, type[BaseModel]]


def page() -> str:
    """The whole page, in Markdown."""
    parts = [INTRODUCTION]
    waiting: list[Place] = [("", Segmentation)]
    while waiting:
        path, model = waiting.pop(0)
        parts.append(_section(path, model))
        # Depth first: what belongs together stands together.
        waiting = _below(path, model) + waiting
    return "\n".join(parts)


def main() -> None:
    """Write the page to standard output."""
    sys.stdout.write(page())


def _section(path: str, model: type[BaseModel]) -> str:
    lines = [f"## {_heading(path)}", "", _intro(model), "", "| key | value | default | meaning |", "|---|---|---|---|"]
    for name, field in model.model_fields.items():
        key = field.alias or name
        lines.append(f"| `{key}` | {_value(path, key, field)} | {_default(field)} | {_meaning(field)} |")
    return "\n".join([*lines, ""])


def _below(path: str, model: type[BaseModel]) -> list[Place]:
    found: list[Place] = []
    for name, field in model.model_fields.items():
        key = field.alias or name
        here = f"{path}.{key}" if path else key
        found += [(_place(here, child, field.annotation), child) for child in _models(field.annotation)]
    return found


def _place(here: str, child: type[BaseModel], annotation: Any) -> str:
    """Where a nested model's keys stand: `targets.<name>`, `aggregate_columns[]`, `destinations.<name>, kind: x`."""
    if _holds(annotation, dict):
        here += ".<name>"
    elif _holds(annotation, list):
        here += "[]"
    kind = child.model_fields.get("kind")
    tagged = len(_models(annotation)) > 1 and kind is not None
    return f"{here}, kind: {get_args(kind.annotation)[0]}" if tagged and kind is not None else here


def _models(annotation: Any) -> list[type[BaseModel]]:
    """The models named anywhere in an annotation, in order."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [model for part in get_args(annotation) for model in _models(part)]


def _holds(annotation: Any, container: type) -> bool:
    origin = get_origin(annotation)
    if origin in (Union, types.UnionType):
        return any(_holds(part, container) for part in get_args(annotation))
    return origin is container


def _value(path: str, key: str, field: FieldInfo) -> str:
    here = f"{path}.{key}" if path else key
    bounds = [text.format(f"{bound:,}") for item in field.metadata for name, text in _BOUNDS
              if (bound := getattr(item, name, None)) is not None]  # fmt: skip
    text = _words(field.annotation, here, field.annotation)
    return f"{text}, {' and '.join(bounds)}" if bounds else text


def _words(annotation: Any, here: str, whole: Any) -> str:
    origin, parts = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return _words(parts[0], here, whole)
    if origin in (Union, types.UnionType):
        named = [_words(part, here, whole) for part in parts if part is not type(None)]
        return " or ".join(dict.fromkeys(named))
    if origin is Literal:
        return " or ".join(f"`{part}`" for part in parts)
    if origin is list:
        return f"list of {_words(parts[0], here, whole)}"
    if origin is dict:
        return f"for each name: {_words(parts[1], here, whole)}"
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        heading = _heading(_place(here, annotation, whole))
        return f"[{heading}](#{_anchor(heading)})"
    return _WORDS[annotation]


def _meaning(field: FieldInfo) -> str:
    """What the field says of itself, else what the model it holds says."""
    held = _models(field.annotation)
    text = field.description or (_intro(held[0]).partition(".")[0] if len(held) == 1 else "")
    return text.replace("|", r"\|").replace("<", "&lt;")


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "**required**"
    value = field.get_default(call_default_factory=True)
    if value is PydanticUndefined or value is None or value in ({}, []):
        return "none"
    if isinstance(value, BaseModel):
        return "its defaults"
    if isinstance(value, bool):
        return "`on`" if value else "`off`"
    if isinstance(value, timedelta):
        return f"`{value.days}d`"
    return f"`{value}`"


def _intro(model: type[BaseModel]) -> str:
    return " ".join((model.__doc__ or "").split())


def _heading(path: str) -> str:
    return path.replace("<", "&lt;").replace(">", "&gt;") if path else "The file"


def _anchor(heading: str) -> str:
    """The anchor GitHub gives a heading: lower case, spaces to hyphens, punctuation dropped."""
    plain = heading.replace("&lt;", "").replace("&gt;", "").lower()
    return "".join("-" if c == " " else c for c in plain if c.isalnum() or c in " -_")


if __name__ == "__main__":
    main()
