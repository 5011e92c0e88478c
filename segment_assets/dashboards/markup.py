"""A page as a tree of elements: text is always escaped, and nothing can point outside the page."""

import html
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TypeAlias

_VOID = {"meta", "br", "hr"}


@dataclass(frozen=True)
class Raw:
    """Text that goes into a style element as it is: our own style sheet, and nothing else."""

    text: str


@dataclass(frozen=True)
class Element:
    """One element; made by `e`, never by hand."""

    tag: str
    attributes: tuple[tuple[str, str], ...]
    children: tuple["Node", ...]


Node = Element | Raw | str
Content: TypeAlias = "Node | Iterable[Content] | None"


def e(tag: str, *children: Content, **attributes: str | int | float | None) -> Element:
    """An element.

    Args:
        tag: HTML or SVG tag.
        children: elements and texts, or iterables of them; None is left out.
        attributes: a trailing underscore is dropped (`class_`), others become hyphens (`aria_label`); None is left out.

    Raises:
        ValueError: the attribute could run a script, break the page's content security policy, or leave the page.
    """
    named = {k.rstrip("_").replace("_", "-"): str(v) for k, v in attributes.items() if v is not None}
    for name, value in named.items():
        if name in ("style", "src", "srcset", "action") or name.startswith("on"):
            raise ValueError(f"a page may not use the attribute {name}")
        if name.endswith("href") and not value.startswith("#"):
            raise ValueError(f"a page may link to its own parts alone, not to {value}")
    return Element(tag, tuple(named.items()), tuple(_flat(children)))


def render(node: Node) -> str:
    """The tree as text; well-formed as XML too, so that a test can parse it strictly."""
    if isinstance(node, Raw):
        return node.text
    if isinstance(node, str):
        return html.escape(node, quote=False)
    attributes = "".join(f' {name}="{html.escape(value)}"' for name, value in node.attributes)
    if node.tag in _VOID:
        return f"<{node.tag}{attributes}/>"
    inner = "".join(render(child) for child in node.children)
    return f"<{node.tag}{attributes}>{inner}</{node.tag}>"


def _flat(children: Iterable[Content]) -> Iterable[Node]:
    for child in children:
        if isinstance(child, Element | Raw | str):
            yield child
        elif child is not None:
            yield from _flat(child)
