"""Each kind of the page's visuals as QuickSight draws it.

A chart of people draws and does not tell: tooltips are off, and the table beside it says `<10` where the page does.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import singledispatchmethod
from typing import Any

from segment_assets.dashboards.pages import (
    Bars,
    Field,
    Grid,
    Intervals,
    Kind,
    Matrix,
    Sentences,
    Shares,
    Tiles,
    Timeline,
    Visual,
)
from segment_assets.dashboards.quicksight.extracts import ESTIMATE, ORDER, Type, drawn, fields

Drawn = dict[str, Any]
_UNKNOWN = {"NullString": "\N{EN DASH}"}
_HIDDEN = {"TooltipVisibility": "HIDDEN"}
_COMMAS = {"ThousandsSeparator": {"Symbol": "COMMA", "Visibility": "VISIBLE"}}
_PLACES: dict[Kind, int] = {"score": 3, "signed": 3, "share": 1}
TITLE, SUBTITLE = 512, 1024  # the longest that QuickSight takes


@dataclass(frozen=True)
class Drawer:
    """Draws the visuals that read one data set.

    Attributes:
        dataset: what the dashboard calls it.
        types: of its columns.
        name: of what is drawn; visuals' ids begin with it.
        about: stands before titles, such as the target's name; empty where it is clear.
    """

    dataset: str
    types: Mapping[str, Type]
    name: str
    about: str

    @singledispatchmethod
    def lines(self, visual: Visual) -> list[list[Drawn]]:
        """What stands for the visual: lines, of which each is cut into equal parts."""
        raise TypeError(f"no way to draw a {type(visual).__name__}")

    @lines.register
    def _(self, visual: Tiles) -> list[list[Drawn]]:
        numbers = [f for f in visual.fields if f.kind != "people"]
        told = tuple(f for f in visual.fields if f.kind == "people")  # `<10` is no number
        tiles = [
            self._made(
                "KPI", f"-{f.name}", f.label, f.help, FieldWells={"Values": [self._measure(f, "MAX")]}
            )
            for f in numbers
        ]  # fmt: skip
        return [tiles, *([[self._table(visual.title, told)]] if told else [])]

    @lines.register
    def _(self, visual: Sentences) -> list[list[Drawn]]:
        return [[self._table(visual.title, fields(visual)[:1])]]

    @lines.register
    def _(self, visual: Grid) -> list[list[Drawn]]:
        return [[self._table(visual.title, visual.fields)]]

    @lines.register
    def _(self, visual: Timeline) -> list[list[Drawn]]:
        day = {"DateDimensionField": self._field(visual.day) | {"DateGranularity": "DAY"}}
        wells = {"Category": [day], "Values": [self._measure(visual.value, "SUM")]}
        chart = self._made(
            "LineChart",
            "",
            visual.title,
            FieldWells={"LineChartAggregatedFieldWells": wells},
            Type="AREA",
            XAxisLabelOptions=self._axis(visual.day),
            PrimaryYAxisLabelOptions=self._axis(visual.value),
        )
        return [[chart]]

    @lines.register
    def _(self, visual: Bars) -> list[list[Drawn]]:
        value = fields(visual)[-1]
        wells = {"Category": [self._category(visual.label)], "Values": [self._measure(value, "MAX")]}
        chart = self._made(
            "BarChart",
            "",
            visual.title,
            FieldWells={"BarChartAggregatedFieldWells": wells},
            SortConfiguration={"CategorySort": [self._in_order()]},
            Orientation="HORIZONTAL",
            CategoryLabelOptions=self._axis(visual.label),
            ValueLabelOptions=self._axis(value, visual.value.label),
            Tooltip=_HIDDEN,
        )
        return [[chart, self._table(visual.title, (visual.label, visual.value))]]

    @lines.register
    def _(self, visual: Shares) -> list[list[Drawn]]:
        value = Field(drawn(visual.value.name), visual.value.label, "score")
        wells = {"Values": [self._measure(value, "MAX")], "Colors": [self._category(visual.label)]}
        chart = self._made(
            "BarChart",
            "",
            visual.title,
            FieldWells={"BarChartAggregatedFieldWells": wells},
            SortConfiguration={"ColorSort": [self._in_order()]},
            Orientation="HORIZONTAL",
            BarsArrangement="STACKED_PERCENT",
            ValueLabelOptions=self._axis(value, visual.value.label),
            Tooltip=_HIDDEN,
        )
        return [[chart, self._table(visual.title, (visual.label, visual.value))]]

    @lines.register
    def _(self, visual: Intervals) -> list[list[Drawn]]:
        who, role, *_ = fields(visual)
        wells = {"Category": [self._category(who)], "Values": [self._measure(f, "MAX") for f in ESTIMATE]}
        # Dots without lines: nothing lies between two contenders.
        dots = {
            "LineStyleSettings": {"LineVisibility": "HIDDEN"},
            "MarkerStyleSettings": {"MarkerVisibility": "VISIBLE"},
        }
        chart = self._made(
            "LineChart",
            "",
            visual.title,
            "The dots are the estimate and both ends of its 95 % interval.",
            FieldWells={"LineChartAggregatedFieldWells": wells},
            SortConfiguration={"CategorySort": [self._in_order()]},
            DefaultSeriesSettings=dots,
            XAxisLabelOptions=self._axis(who),
            PrimaryYAxisLabelOptions=self._axis(ESTIMATE[0], visual.unit),
        )
        return [[chart, self._table(visual.title, (who, role, *ESTIMATE))]]

    @lines.register
    def _(self, visual: Matrix) -> list[list[Drawn]]:
        wells = {
            "Rows": [self._category(visual.row)],
            "Columns": [self._category(visual.column)],
            "Values": [self._measure(f, "MAX") for f in ESTIMATE],
        }
        labels = [{"FieldId": f.name, "CustomLabel": f.label} for f in (visual.row, visual.column, *ESTIMATE)]
        sorts = [
            {"FieldId": f.name, "SortBy": {"Column": self._in_order()["ColumnSort"]}}
            for f in (visual.row, visual.column)
        ]
        pivot = self._made(
            "PivotTable",
            "",
            visual.title,
            FieldWells={"PivotTableAggregatedFieldWells": wells},
            SortConfiguration={"FieldSortOptions": sorts},
            FieldOptions={"SelectedFieldOptions": labels},
        )
        return [[pivot]]

    def _table(self, title: str, shown: Sequence[Field]) -> Drawn:
        """Rows as they are, in their order; the column that orders them is there, and not seen."""
        wells = [self._field(Field(ORDER, "", "count")), *(self._field(f) | self._written(f) for f in shown)]
        labels = [{"FieldId": f.name, "CustomLabel": f.label} for f in shown]
        return self._made(
            "Table",
            "-table",
            title,
            FieldWells={"TableUnaggregatedFieldWells": {"Values": wells}},
            SortConfiguration={"RowSort": [{"FieldSort": {"FieldId": ORDER, "Direction": "ASC"}}]},
            FieldOptions={"SelectedFieldOptions": [{"FieldId": ORDER, "Visibility": "HIDDEN"}, *labels]},
        )

    def _made(self, kind: str, more: str, title: str, subtitle: str = "", **chart: Any) -> Drawn:
        titled = f"{self.about}: {title}" if self.about else title
        visual = {"VisualId": f"{self.name}{more}", "Title": _text(titled, TITLE), "ChartConfiguration": chart}
        below = _text(subtitle, SUBTITLE) if subtitle else {"Visibility": "HIDDEN"}
        return {f"{kind}Visual": visual | {"Subtitle": below}}

    def _column(self, name: str) -> dict[str, str]:
        return {"DataSetIdentifier": self.dataset, "ColumnName": name}

    def _field(self, field: Field) -> Drawn:
        return {"FieldId": field.name, "Column": self._column(field.name)}

    def _category(self, field: Field) -> Drawn:
        return {"CategoricalDimensionField": self._field(field)}

    def _measure(self, field: Field, how: str) -> Drawn:
        """Where one row is behind a number, MAX is that row."""
        counted = {"AggregationFunction": {"SimpleNumericalAggregation": how}}
        return {
            "NumericalMeasureField": self._field(field) | counted | {"FormatConfiguration": _number(field.kind)}
        }  # fmt: skip

    def _written(self, field: Field) -> Drawn:
        """How a table writes the column; by what it holds, which a query of the clean room may decide."""
        of = self.types[field.name]
        if of == "STRING":
            how: Drawn = {"StringFormatConfiguration": {"NullValueFormatConfiguration": _UNKNOWN}}
        elif of == "DATETIME":
            date = {"DateTimeFormat": "D MMMM YYYY", "NullValueFormatConfiguration": _UNKNOWN}
            how = {"DateTimeFormatConfiguration": date}
        else:
            how = {
                "NumberFormatConfiguration": _number(
                    "score" if of == "DECIMAL" and field.kind == "count" else field.kind
                )
            }
        return {"FormatConfiguration": how}

    def _in_order(self) -> Drawn:
        first = {"NumericalAggregationFunction": {"SimpleNumericalAggregation": "MIN"}}
        return {"ColumnSort": {"SortBy": self._column(ORDER), "Direction": "ASC", "AggregationFunction": first}}

    def _axis(self, field: Field, label: str = "") -> Drawn:
        return {"AxisLabelOptions": [{"CustomLabel": label or field.label, "ApplyTo": self._field(field)}]}


def _number(kind: Kind) -> Drawn:
    how = {
        "DecimalPlacesConfiguration": {"DecimalPlaces": _PLACES.get(kind, 0)},
        "SeparatorConfiguration": _COMMAS,
        "NullValueFormatConfiguration": _UNKNOWN,
    }
    name = "PercentageDisplayFormatConfiguration" if kind == "share" else "NumberDisplayFormatConfiguration"
    return {"FormatConfiguration": {name: how}}


def _text(text: str, longest: int) -> Drawn:
    cut = text if len(text) <= longest else f"{text[: longest - 3]}..."
    return {"Visibility": "VISIBLE", "FormatText": {"PlainText": cut}}
