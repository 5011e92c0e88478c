"""The page as the definition of a QuickSight dashboard: a sheet per section, visuals on a grid, filters, data sets."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from segment_assets.dashboards.datasets import DataSet
from segment_assets.dashboards.pages import Field, Grid, Section
from segment_assets.dashboards.port import PublishError
from segment_assets.dashboards.quicksight.drawing import SUBTITLE, Drawer, Drawn
from segment_assets.dashboards.quicksight.extracts import AGES, OF, Extract, name_of

# What QuickSight takes; the API's own model says so.
DATASETS, SHEETS, VISUALS = 50, 20, 75
_WIDTH = 36  # columns of its grid
_HEIGHT = {"KPIVisual": 5}
_TALL = 9
_AGE = Grid(dataset=AGES, title="How old the data is", fields=(Field("as_of", "Data as of", "date"),))


def definition(
    sections: Sequence[Section], found: Mapping[str, DataSet], made: Mapping[str, Extract], arns: Mapping[str, str]
) -> dict[str, Any]:
    """The definition that the API takes.

    Args:
        sections: what to show.
        found: the page's data sets, for what is missing.
        made: what there is to show, by name.
        arns: of the data sets in QuickSight, by the same names.

    Raises:
        PublishError: the page is larger than a dashboard may be.
    """
    sheets = [sheet for section in sections for sheet in _Sheets(section, found, made).sheets()]
    for what, number, most in (("data sets", len(made), DATASETS), ("sheets", len(sheets), SHEETS)):
        if number > most:
            raise PublishError(
                f"QuickSight takes {most} {what} in a dashboard, and the page needs {number}: put some of the "
                "targets, segments and queries into a segmentation.yaml of their own"
            )
    return {
        "DataSetIdentifierDeclarations": [{"Identifier": name, "DataSetArn": arns[name]} for name in made],
        "Sheets": [sheet for sheet, _ in sheets],
        "FilterGroups": _filters([(sheet["SheetId"], *f) for sheet, kept in sheets for f in kept]),
    }


class _Sheets:
    """The sheets of one section: one, or several where it has more visuals than QuickSight takes on one."""

    def __init__(self, section: Section, found: Mapping[str, DataSet], made: Mapping[str, Extract]) -> None:
        self._section, self._made = section, made
        told = dict.fromkeys(m for name in section.datasets() if (m := found[name].missing if name in found else None))
        self._lead = " ".join([section.lead, *told])
        # Visual -> the column and the value that its rows have.
        self._kept: dict[str, tuple[str, str, str]] = {}

    def sheets(self) -> list[tuple[dict[str, Any], list[tuple[str, str, str, str]]]]:
        """Each with its visuals' filters: visual, data set, column, value."""
        pages: list[list[list[Drawn]]] = []
        for lines in self._groups():
            if not pages or sum(map(len, [*pages[-1], *lines])) > VISUALS - 1:
                pages.append([])
            pages[-1] += lines
        made = []
        for number, lines in enumerate(pages or [[]], 1):
            key = self._section.key if number == 1 else f"{self._section.key}-{number}"
            shown = [*self._age(key), *lines]
            name = self._section.title if number == 1 else f"{self._section.title} ({number})"
            sheet = {
                "SheetId": key,
                "Name": name,
                "Title": name,
                "Description": self._lead[:SUBTITLE],
                "ContentType": "INTERACTIVE",
                "Visuals": [visual for line in shown for visual in line],
                "Layouts": [{"Configuration": {"GridLayout": {"Elements": _grid(shown)}}}],
            }
            ids = {visual_id(v) for line in shown for v in line}
            made.append((sheet, [(v, *kept) for v, kept in self._kept.items() if v in ids]))
        return made

    def _groups(self) -> list[list[list[Drawn]]]:
        groups = []
        for i, group in enumerate(self._section.groups):
            lines: list[list[Drawn]] = []
            for j, visual in enumerate(group.visuals):
                of, part = name_of(visual.dataset)
                extract = self._made.get(of)
                if extract and (not part or any(row[0] == part for row in extract.rows)):
                    drawer = self._drawer(extract, f"{self._section.key}-{i + 1}-{j + 1}", group.title)
                    drawn = drawer.lines(visual)
                    if part:
                        self._kept |= {visual_id(v): (of, OF, part) for line in drawn for v in line}
                    lines += drawn
            if group.lead and lines:
                _say(lines[0][0], group.lead)
            groups.append(lines)
        return groups

    def _age(self, key: str) -> list[list[Drawn]]:
        """How old the data of this section is; the section that tells it of all needs no more."""
        if AGES not in self._made or AGES in self._section.datasets():
            return []
        lines = self._drawer(self._made[AGES], f"{key}-age", "").lines(_AGE)
        self._kept |= {visual_id(v): (AGES, "part", self._section.title) for line in lines for v in line}
        return lines

    def _drawer(self, extract: Extract, name: str, about: str) -> Drawer:
        return Drawer(extract.name, {c.name: c.type for c in extract.columns}, name, about)


def visual_id(visual: Drawn) -> str:
    """The id of a visual of whatever kind."""
    (inner,) = visual.values()
    return str(inner["VisualId"])


def _say(visual: Drawn, lead: str) -> None:
    (inner,) = visual.values()
    below = inner["Subtitle"].get("FormatText", {"PlainText": ""})["PlainText"]
    inner["Subtitle"] = {"Visibility": "VISIBLE", "FormatText": {"PlainText": f"{lead} {below}"[:SUBTITLE].strip()}}


def _grid(lines: Sequence[Sequence[Drawn]]) -> list[dict[str, Any]]:
    elements, row = [], 0
    for line in lines:
        height = max((_HEIGHT.get(next(iter(v)), _TALL) for v in line), default=0)
        width = _WIDTH // max(len(line), 1)
        for i, visual in enumerate(line):
            place = {"ColumnIndex": i * width, "ColumnSpan": width, "RowIndex": row, "RowSpan": height}
            elements.append({"ElementId": visual_id(visual), "ElementType": "VISUAL"} | place)
        row += height
    return elements


def _filters(kept: Sequence[tuple[str, str, str, str, str]]) -> list[dict[str, Any]]:
    """One per data set and part, over the visuals that show that part."""
    groups = []
    for number, (dataset, column, value) in enumerate(dict.fromkeys(k[2:] for k in kept), 1):
        shown = [k for k in kept if k[2:] == (dataset, column, value)]
        scopes = [
            {"SheetId": sheet, "Scope": "SELECTED_VISUALS", "VisualIds": [k[1] for k in shown if k[0] == sheet]}
            for sheet in dict.fromkeys(k[0] for k in shown)
        ]
        name = re.sub(r"[^\w-]+", "-", f"{number}-{dataset}-{value}")
        chosen = {"MatchOperator": "CONTAINS", "CategoryValues": [value], "NullOption": "NON_NULLS_ONLY"}
        only = {
            "FilterId": f"filter-{name}",
            "Column": {"DataSetIdentifier": dataset, "ColumnName": column},
            "Configuration": {"FilterListConfiguration": chosen},
        }
        groups.append(
            {
                "FilterGroupId": f"group-{name}",
                "Filters": [{"CategoryFilter": only}],
                "ScopeConfiguration": {"SelectedSheets": {"SheetVisualScopingConfigurations": scopes}},
                "Status": "ENABLED",
                "CrossDataset": "SINGLE_DATASET",
            }
        )
    return groups
