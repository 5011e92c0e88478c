"""What a page is made of, as data: sections, groups, visuals, each bound to a data set by name.

The HTML page is rendered from this; another front end can be too. A visual names fields and never holds a number.
"""

from dataclasses import dataclass, field
from typing import Literal

Kind = Literal["text", "code", "count", "people", "share", "score", "signed", "date"]


@dataclass(frozen=True)
class Field:
    """A column of a data set.

    Attributes:
        name: in the data set.
        label: what the reader sees.
        kind: how its values are written.
        help: one sentence that says what it means.
    """

    name: str
    label: str
    kind: Kind = "text"
    help: str = ""


@dataclass(frozen=True, kw_only=True)
class Visual:
    """One thing to see.

    Attributes:
        dataset: name of the data set.
        title: its heading or caption; what a screen reader announces.
    """

    dataset: str
    title: str


@dataclass(frozen=True, kw_only=True)
class Tiles(Visual):
    """The one row of the data set as large numbers."""

    fields: tuple[Field, ...]


@dataclass(frozen=True, kw_only=True)
class Sentences(Visual):
    """The column `text` of the data set; its column `tone` is good, unclear, bad or plain."""


@dataclass(frozen=True, kw_only=True)
class Timeline(Visual):
    """A count per day."""

    day: Field
    value: Field


@dataclass(frozen=True, kw_only=True)
class Bars(Visual):
    """One bar per row."""

    label: Field
    value: Field


@dataclass(frozen=True, kw_only=True)
class Intervals(Visual):
    """A dot with its 95 % interval per row: the columns contender, value, low, high and is_model, which stands out."""

    unit: str


@dataclass(frozen=True, kw_only=True)
class Shares(Visual):
    """One stacked bar of all rows, with its table."""

    label: Field
    value: Field


@dataclass(frozen=True, kw_only=True)
class Grid(Visual):
    """A table; folded away where it is long."""

    fields: tuple[Field, ...]
    folded: bool = False


@dataclass(frozen=True, kw_only=True)
class Matrix(Visual):
    """A pivot: the columns value, low and high by `row` and `column`."""

    row: Field
    column: Field
    folded: bool = False


@dataclass(frozen=True)
class Group:
    """Visuals about one thing, such as one target; a section with one group gives it no title."""

    title: str
    lead: str
    visuals: tuple[Visual, ...]


@dataclass(frozen=True)
class Section:
    """A part of the page.

    Attributes:
        key: its anchor.
        title: its heading.
        lead: one or two plain sentences.
        groups: what it shows.
    """

    key: str
    title: str
    lead: str
    groups: tuple[Group, ...]

    def datasets(self) -> list[str]:
        """The data sets it shows, in order, each once."""
        return list(dict.fromkeys(v.dataset for g in self.groups for v in g.visuals))


@dataclass(frozen=True)
class Page:
    """A whole page."""

    title: str
    sections: tuple[Section, ...]
    definitions: tuple[tuple[str, str], ...] = field(default=())
