"""Each kind of visual as HTML: tables with captions, charts with a text that says what they show."""

from datetime import date
from functools import singledispatch

from segment_assets.dashboards import charts
from segment_assets.dashboards.datasets import Row, Value
from segment_assets.dashboards.disclosure import People
from segment_assets.dashboards.markup import Content, Element, e
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

UNKNOWN = "\N{EN DASH}"
_NUMBERS = {"count", "people", "share", "score", "signed"}
_MONTHS = (
    "January", "February", "March", "April", "May", "June",
    "July", "August", "September", "October", "November", "December",
)  # fmt: skip


def written(value: Value, kind: Kind = "text") -> str:
    """A value as the reader sees it; unknown is a dash, never a zero."""
    if value is None:
        return UNKNOWN
    if isinstance(value, People):
        return value.text
    if isinstance(value, date):
        return f"{value.day} {_MONTHS[value.month - 1]} {value.year}"  # strftime would ask the locale
    if isinstance(value, str):
        return value
    if kind == "share":
        return f"{value:.1%}".replace("%", " %")
    if kind in ("score", "signed"):
        return f"{value:{'+' if kind == 'signed' else ''},.3f}".replace("-", "\N{MINUS SIGN}")
    return f"{value:,}"


@singledispatch
def visual(shown: Visual, rows: tuple[Row, ...]) -> Content:
    """The shown, drawn from the rows of its data set."""
    raise TypeError(f"no way to draw a {type(shown).__name__}")


@visual.register(Tiles)
def _tiles(shown: Tiles, rows: tuple[Row, ...]) -> Content:
    tiles = [
        e(
            "div",
            e("dt", field.label),
            e("dd", e("span", written(rows[0][field.name], field.kind), class_="number")),
            e("dd", field.help, class_="help") if field.help else None,
            class_="tile",
        )
        for field in shown.fields
    ]
    return e("dl", tiles, class_="tiles", aria_label=shown.title)


@visual.register(Sentences)
def _sentences(shown: Sentences, rows: tuple[Row, ...]) -> Content:
    return [e("p", written(row["text"]), class_=f"verdict {row['tone']}") for row in rows]


@visual.register(Timeline)
def _timeline(shown: Timeline, rows: tuple[Row, ...]) -> Content:
    values = [_drawn(row[shown.value.name]) for row in rows]
    first, last = (written(rows[i][shown.day.name], "date") for i in (0, -1))
    top = f"highest {max(values):,.0f}"
    summary = f"{shown.title}: {first} to {last}, {top}"
    return _figure(
        shown.title,
        charts.timeline(values, summary),
        e("p", e("span", first), e("span", top), e("span", last), class_="axis"),
    )


@visual.register(Bars)
def _bars(shown: Bars, rows: tuple[Row, ...]) -> Content:
    top = max(_drawn(row[shown.value.name]) for row in rows) or 1
    lines = []
    for row in rows:
        label, value = written(row[shown.label.name]), row[shown.value.name]
        text = written(value, shown.value.kind)
        drawing = charts.bar(_drawn(value) / top, f"{label}: {text}")
        lines.append(
            e("tr", e("th", label, scope="row"), e("td", drawing, class_="drawing"), e("td", text, class_="n"))
        )
    head = e(
        "tr",
        e("th", shown.label.label, scope="col"),
        e("td", class_="drawing"),
        e("th", shown.value.label, scope="col", class_="n"),
    )
    return _scroll(
        shown.title,
        e("table", e("caption", e("span", shown.title)), e("thead", head), e("tbody", lines), class_="bars"),
    )


@visual.register(Intervals)
def _intervals(shown: Intervals, rows: tuple[Row, ...]) -> Content:
    drawn = [
        charts.Interval(
            str(row["contender"]),
            _estimate(row),
            _drawn(row["value"]),
            None if row["low"] is None else _drawn(row["low"]),
            None if row["high"] is None else _drawn(row["high"]),
            bool(row["is_model"]),
        )
        for row in rows
    ]
    best = next((d for d, row in zip(drawn, rows, strict=True) if row["is_baseline"]), None)
    summary = f"{shown.title}: " + "; ".join(f"{d.label} {d.text}" for d in drawn)
    note = "Dots are estimates, lines their 95 % intervals"
    note += f"; the shaded band is the interval of the best baseline, {best.label}." if best else "."
    return _figure(shown.title, charts.intervals(drawn, best, summary), e("p", note, class_="note"))


@visual.register(Shares)
def _shares(shown: Shares, rows: tuple[Row, ...]) -> Content:
    parts = [_drawn(row[shown.value.name]) for row in rows]
    texts = [written(row[shown.value.name], shown.value.kind) for row in rows]
    labels = [written(row[shown.label.name]) for row in rows]
    summary = f"{shown.title}: " + "; ".join(f"{label}: {text}" for label, text in zip(labels, texts, strict=True))
    lines = [
        e("tr", e("th", charts.swatch(i), label, scope="row"), e("td", text, class_="n"))
        for i, (label, text) in enumerate(zip(labels, texts, strict=True))
    ]
    head = e("tr", e("th", shown.label.label, scope="col"), e("th", shown.value.label, scope="col", class_="n"))
    table = e("table", e("caption", e("span", shown.title)), e("thead", head), e("tbody", lines))
    return e("div", charts.stacked(parts, summary), _scroll(shown.title, table), class_="shares")


@visual.register(Grid)
def _grid(shown: Grid, rows: tuple[Row, ...]) -> Content:
    head = e("tr", [e("th", f.label, scope="col", class_=_align(f)) for f in shown.fields])
    lines = [e("tr", [_cell(row.get(f.name), f, first=i == 0) for i, f in enumerate(shown.fields)]) for row in rows]
    return _foldable(shown, shown.folded, e("thead", head), e("tbody", lines))


@visual.register(Matrix)
def _matrix(shown: Matrix, rows: tuple[Row, ...]) -> Content:
    down = list(dict.fromkeys(written(r[shown.row.name]) for r in rows))
    across = list(dict.fromkeys(written(r[shown.column.name]) for r in rows))
    cells = {(written(r[shown.row.name]), written(r[shown.column.name])): r for r in rows}
    head = e("tr", e("th", shown.row.label, scope="col"), [e("th", name, scope="col", class_="n") for name in across])
    lines = [
        e("tr", e("th", name, scope="row"), [_estimate_cell(cells.get((name, other))) for other in across])
        for name in down
    ]
    return _foldable(shown, shown.folded, e("thead", head), e("tbody", lines))


def _estimate_cell(row: Row | None) -> Element:
    if row is None:
        return e("td", UNKNOWN, class_="n")
    around = _interval_text(row)
    return e("td", written(row["value"], "score"), e("span", around, class_="around") if around else None, class_="n")


def _foldable(shown: Visual, folded: bool, *parts: Element) -> Element:
    if folded:
        table = e("table", parts, aria_label=shown.title)
        return e("details", e("summary", shown.title), _scroll(shown.title, table))
    return _scroll(shown.title, e("table", e("caption", e("span", shown.title)), parts))


def _scroll(title: str, table: Element) -> Element:
    # Wider than a telephone: it scrolls, and a keyboard reaches it.
    return e("div", table, class_="scroll", tabindex=0, role="group", aria_label=title)


def _figure(title: str, *parts: Content) -> Element:
    return e("figure", e("figcaption", title), *parts)


def _cell(value: Value, field: Field, *, first: bool) -> Element:
    text = written(value, field.kind)
    content = e("code", text) if field.kind == "code" else text
    return e("th", content, scope="row") if first else e("td", content, class_=_align(field))


def _align(field: Field) -> str | None:
    return "n" if field.kind in _NUMBERS else "day" if field.kind == "date" else None


def _estimate(row: Row) -> str:
    around = _interval_text(row)
    return written(row["value"], "score") + (f" ({around})" if around else "")


def _interval_text(row: Row) -> str:
    if row["low"] is None or row["high"] is None:
        return ""
    return f"{written(row['low'], 'score')} to {written(row['high'], 'score')}"


def _drawn(value: Value) -> float:
    if isinstance(value, People):
        return value.drawn
    return float(value) if isinstance(value, int | float) else 0.0
