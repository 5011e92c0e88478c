"""Charts as SVG: pure functions from numbers to elements.

Positions are percentages and text keeps its size, so that a chart is as readable at 400 px as at 1000. Colours are
classes of style.css, which knows light, dark and print.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from segment_assets.dashboards.markup import Element, e

_ROW = 46
_LEFT, _WIDTH = 1.0, 98.0  # percent: room for half a dot at either end


@dataclass(frozen=True)
class Interval:
    """A dot with its interval; `text` stands at the right end."""

    label: str
    text: str
    value: float
    low: float | None
    high: float | None
    stands_out: bool


def timeline(values: Sequence[float], summary: str) -> Element:
    """One step per day, from zero to the highest; `summary` is what a screen reader says."""
    top = max(values, default=0) or 1
    steps = " ".join(f"V{100 - 100 * value / top:.1f}H{i + 1}" for i, value in enumerate(values))
    path = e("path", d=f"M0 100{steps}V100Z", class_="area")
    return _svg(
        summary, [path], class_="timeline", viewBox=f"0 0 {max(len(values), 1)} 100", preserveAspectRatio="none"
    )


def bar(share: float, summary: str) -> Element:
    """One horizontal bar, `share` of the width."""
    shape = e("rect", x="0", y="0", width=_percent(100 * share), height="100%", rx="3", class_="bar")
    return _svg(summary, [shape], class_="bar-row")


def stacked(parts: Sequence[float], summary: str) -> Element:
    """One bar cut in parts, each with its tone: `part-0` and so on."""
    total = sum(parts) or 1
    shapes, start = [], 0.0
    for i, part in enumerate(parts):
        width = 100 * part / total
        if part:
            place = {"x": _percent(start), "width": _percent(width)}
            shapes.append(e("rect", y="0", height="100%", class_=f"part-{i}", **place))
        start += width
    return _svg(summary, shapes, class_="stacked")


def swatch(part: int) -> Element:
    """The colour of a stacked bar's part, beside its name."""
    shape = e("rect", width="100%", height="100%", rx="3", class_=f"part-{part}")
    return e("svg", shape, class_="swatch", aria_hidden="true")


def intervals(rows: Sequence[Interval], reference: Interval | None, summary: str) -> Element:
    """A dot and its interval per row on one scale; the reference's interval runs through all rows as a band."""
    ticks = _ticks(
        min(min(r.value, r.value if r.low is None else r.low) for r in rows),
        max(max(r.value, r.value if r.high is None else r.high) for r in rows),
    )
    span = ticks[-1] - ticks[0]

    def at(value: float) -> str:
        return _percent(_LEFT + _WIDTH * (value - ticks[0]) / span)

    height = _ROW * len(rows)
    shapes: list[Element] = []
    if reference is not None and reference.low is not None and reference.high is not None:
        width = _percent(_WIDTH * (reference.high - reference.low) / span)
        shapes.append(e("rect", x=at(reference.low), y=0, width=width, height=height, class_="band"))
    for i, tick in enumerate(ticks):
        anchor = "start" if i == 0 else "end" if i == len(ticks) - 1 else "middle"
        # Beside the dots alone: a line through a label is hard to read.
        lines = ({"y1": y + 23, "y2": y + 39} for y in range(0, height, _ROW))
        shapes += [e("line", x1=at(tick), x2=at(tick), class_="grid", **line) for line in lines]
        shapes.append(e("text", f"{tick:.4g}", x=at(tick), y=height + 18, text_anchor=anchor, class_="tick"))
    for i, row in enumerate(rows):
        shapes += _interval(row, i * _ROW, at)
    return _svg(summary, shapes, class_="intervals", height=height + 26)


def _interval(row: Interval, y: int, at: Callable[[float], str]) -> list[Element]:
    tone = "model" if row.stands_out else "rival"
    shapes = [
        e("text", row.label, x="0", y=y + 17, class_=f"label {tone}"),
        e("text", row.text, x="100%", y=y + 17, text_anchor="end", class_=f"value {tone}"),
    ]
    if row.low is not None and row.high is not None:
        shapes.append(e("line", x1=at(row.low), x2=at(row.high), y1=y + 31, y2=y + 31, class_=f"whisker {tone}"))
    return [*shapes, e("circle", cx=at(row.value), cy=y + 31, r=6, class_=f"dot {tone}")]


def _ticks(low: float, high: float) -> list[float]:
    """Three to six round numbers around the range."""
    span = max(high - low, 0.001, abs(high) / 1e6)  # numbers are shown to three decimals
    power = 10.0 ** math.floor(math.log10(span))
    step = next(s * power / 10 for s in (2, 5, 10, 20, 50) if span / (s * power / 10) <= 4)
    first, last = math.floor(low / step), math.ceil(high / step)
    return [round(i * step, 10) for i in range(first, max(last, first + 1) + 1)]


def _percent(value: float) -> str:
    return f"{value:.2f}%"


def _svg(summary: str, shapes: Sequence[Element], **attributes: str | int) -> Element:
    return e("svg", e("title", summary), shapes, role="img", aria_label=summary, **attributes)
