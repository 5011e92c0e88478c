"""The page's data sets as QuickSight takes them in: few, typed, as CSV; no column but those that the page shows.

QuickSight takes 50 data sets in a dashboard, so those of one kind (`metrics/churn_28d`, `metrics/spend_28d`) are one,
with the column `_of` that says whose a row is. What the page shows of a small group is what leaves: `<10`.
"""

import csv
import hashlib
import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Literal

from segment_assets.dashboards.datasets import DataSet, Row, Value
from segment_assets.dashboards.disclosure import People
from segment_assets.dashboards.pages import (
    Bars,
    Field,
    Grid,
    Group,
    Intervals,
    Matrix,
    Page,
    Section,
    Sentences,
    Shares,
    Tiles,
    Timeline,
    Visual,
)

Type = Literal["STRING", "INTEGER", "DECIMAL", "DATETIME"]
OF, ORDER, ROLE = "_of", "_order", "_role"
_DRAWN = "_drawn"
# Each query of the clean room has columns of its own.
_ONE_BY_ONE = {"query"}
_TYPES: dict[str, Type] = {
    "text": "STRING", "code": "STRING", "people": "STRING", "count": "INTEGER", "date": "DATETIME",
    "share": "DECIMAL", "score": "DECIMAL", "signed": "DECIMAL",
}  # fmt: skip
ESTIMATE = (
    Field("value", "Estimate", "score"),
    Field("low", "95 % interval from", "score"),
    Field("high", "95 % interval to", "score"),
)
_ROLE_FIELD = Field(ROLE, "Role")
AGES, TERMS = "ages", "definitions"


@dataclass(frozen=True)
class Column:
    """A column of an extract.

    Attributes:
        name: in the file.
        type: as QuickSight casts it; in the file all is text.
        meaning: one sentence for who builds on it.
    """

    name: str
    type: Type
    meaning: str


@dataclass(frozen=True)
class Extract:
    """One data set in QuickSight.

    Attributes:
        name: of it, without the deployment.
        columns: of the file, in order.
        rows: as text; empty where unknown.
    """

    name: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[str, ...], ...]

    def content(self) -> bytes:
        """The file: CSV with a header."""
        written = io.StringIO(newline="")
        writer = csv.writer(written, lineterminator="\n")
        writer.writerow([c.name for c in self.columns])
        writer.writerows(self.rows)
        return written.getvalue().encode()

    def key(self) -> str:
        """The content's hash: the same content has the same."""
        return hashlib.sha256(self.content()).hexdigest()[:20]


def name_of(dataset: str) -> tuple[str, str]:
    """The extract that a data set of the page is part of, and which part it is; empty where it is all of it."""
    kind, _, part = dataset.partition("/")
    return (f"{kind}-{part}", "") if kind in _ONE_BY_ONE else (kind, part)


def drawn(name: str) -> str:
    """The column beside a count of people that says how long its bar is, and no more than the text does."""
    return f"{name}{_DRAWN}"


def completed(page: Page) -> tuple[Section, ...]:
    """The page's sections, and the one on how to read it."""
    ages = (Field("part", "Part"), Field("as_of", "Oldest data", "date"), Field("tables", "Read from", "code"))
    terms = (Field("term", "Term"), Field("meaning", "Meaning"))
    reading = (
        Grid(dataset=TERMS, title="What the words mean", fields=terms),
        Grid(dataset=AGES, title="The oldest data under each part", fields=ages),
    )
    lead = "What the words and numbers of this dashboard mean, and how old the data under them is."
    return *page.sections, Section("reading", "How to read this", lead, (Group("", "", reading),))


def completed_data(page: Page, found: Mapping[str, DataSet], ages: DataSet) -> dict[str, DataSet]:
    """The page's data sets, and those of the section on how to read it."""
    terms: list[Row] = [{"term": term, "meaning": meaning} for term, meaning in page.definitions]
    return {**found, AGES: ages, TERMS: DataSet(tuple(terms))}


def extracts(sections: Sequence[Section], found: Mapping[str, DataSet]) -> dict[str, Extract]:
    """What to bring, by name; a data set without rows is not among it, and its visual is told as missing."""
    shown = list(dict.fromkeys(v for s in sections for g in s.groups for v in g.visuals))
    made: dict[str, Extract] = {}
    for name in dict.fromkeys(name_of(v.dataset)[0] for v in shown):
        visuals = [v for v in shown if name_of(v.dataset)[0] == name]
        rows = [
            (name_of(dataset)[1], row)
            for dataset in dict.fromkeys(v.dataset for v in visuals)
            if dataset in found
            for row in found[dataset].rows
        ]
        if rows:
            made[name] = _extract(name, {f.name: f for v in visuals for f in fields(v)}.values(), rows)
    return made


def fields(visual: Visual) -> tuple[Field, ...]:
    """What a visual reads of its data set."""
    match visual:
        case Tiles() | Grid():
            return visual.fields
        case Timeline():
            return visual.day, visual.value
        case Bars() | Shares():
            as_drawn = Field(drawn(visual.value.name), f"{visual.value.label}, as the chart draws it", "score")
            return visual.label, visual.value, as_drawn
        case Intervals():
            return Field("contender", "Predicted by"), _ROLE_FIELD, *ESTIMATE
        case Matrix():
            return visual.row, visual.column, *ESTIMATE
        case Sentences():
            return Field("text", "Verdict"), Field("tone", "Tone")
    raise TypeError(f"no way to tell what a {type(visual).__name__} reads")


def _extract(name: str, read: Iterable[Field], rows: Sequence[tuple[str, Row]]) -> Extract:
    columns = [Column(OF, "STRING", "Whose row it is")] if any(of for of, _ in rows) else []
    columns.append(Column(ORDER, "INTEGER", "The order in which the rows are shown"))
    written = [[*([of] if len(columns) > 1 else []), str(i)] for i, (of, _) in enumerate(rows, 1)]
    for field in read:
        values = [_value(row, field.name) for _, row in rows]
        meaning = f"{field.label}: {field.help}" if field.help else field.label
        columns.append(Column(field.name, _type(field, values), meaning))
        for line, value in zip(written, values, strict=True):
            line.append(_text(value))
    return Extract(name, tuple(columns), tuple(tuple(line) for line in written))


def _type(field: Field, values: Sequence[Value]) -> Type:
    """As the field's kind says; a query of the clean room may answer with another, which the values tell."""
    if field.kind == "count" and any(isinstance(v, float) for v in values):
        return "DECIMAL"
    known = [v for v in values if v is not None]
    return "STRING" if any(isinstance(v, str) for v in known) else _TYPES[field.kind]


def _value(row: Row, name: str) -> Value:
    if name == ROLE:
        return "Model" if row.get("is_model") else "Baseline" if row.get("is_baseline") else "Earlier model"
    counted = row.get(name.removesuffix(_DRAWN))
    return counted.drawn if name not in row and isinstance(counted, People) else row.get(name)


def _text(value: Value) -> str:
    if value is None:
        return ""
    if isinstance(value, People):
        return value.text
    if isinstance(value, float):
        return format(Decimal(repr(value)), "f")  # no exponent: 1e-07 is no number to every reader of CSV
    # One row is one line: what QuickSight makes of a line break within quotes is not documented.
    return value.isoformat() if isinstance(value, date) else " ".join(str(value).splitlines())
