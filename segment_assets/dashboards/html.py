"""The page's definition and its data sets as one HTML file that needs nothing else: no script, no request."""

import base64
import hashlib
from collections.abc import Mapping, Sequence
from datetime import date
from importlib import resources

from segment_assets.dashboards.datasets import DataSet, Value
from segment_assets.dashboards.markup import Content, Element, Raw, e, render
from segment_assets.dashboards.pages import Field, Grid, Group, Page, Section
from segment_assets.dashboards.visuals import visual, written


def style_sheet() -> str:
    """The page's one style sheet."""
    return resources.files("segment_assets.dashboards").joinpath("style.css").read_text(encoding="utf-8")


def document(page: Page, found: Mapping[str, DataSet], ages: DataSet) -> str:
    """The whole file.

    Args:
        page: what to show.
        found: data sets by name; one that is not there is shown as missing.
        ages: part, as_of and tables: the oldest data under each section.
    """
    style = style_sheet()
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    policy = f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    head = e(
        "head",
        e("meta", charset="utf-8"),
        e("meta", http_equiv="Content-Security-Policy", content=policy),
        e("meta", name="viewport", content="width=device-width, initial-scale=1"),
        e("meta", name="color-scheme", content="light dark"),
        e("meta", name="referrer", content="no-referrer"),
        e("title", page.title),
        e("style", Raw(style)),
    )
    as_of = {str(row["part"]): row["as_of"] for row in ages.rows}
    sections = [_section(s, found, age(as_of[s.title], found)) for s in page.sections]
    body = e(
        "body",
        e("a", "Skip to the content", href="#content", class_="skip"),
        e(
            "header",
            e("p", "Predictive segments", class_="eyebrow"),
            e("h1", page.title),
            e("p", "Data as of ", e("strong", _range(list(as_of.values()))), class_="as-of"),
            _navigation(page),
        ),
        e(
            "main",
            sections,
            _reading(page, ages),
            id="content",
        ),
        e("footer", e("p", "Made by segment-assets from the tables named above. No names, no addresses, no ids.")),
    )
    return "<!DOCTYPE html>\n" + render(e("html", head, body, lang="en")) + "\n"


def _day(as_of: Value) -> str:
    return "unknown" if as_of is None else written(as_of, "date")


def _range(days: Sequence[Value]) -> str:
    """From the oldest part to the newest: one old file does not make the whole page old."""
    known = sorted(day for day in days if isinstance(day, date))
    return " to ".join(dict.fromkeys(_day(day) for day in (known[0], known[-1]))) if known else _day(None)


def _navigation(page: Page) -> Element:
    links = [(s.key, s.title) for s in page.sections] + [("reading", "How to read this")]
    return e("nav", e("ul", [e("li", e("a", title, href=f"#{key}")) for key, title in links]), aria_label="Sections")


def age(as_of: Value, found: Mapping[str, DataSet]) -> str:
    """Of when the data are; where the partner's are older than ours, of both: who is in is not as old as these."""
    ours, theirs = (found[name].as_of if name in found else None for name in ("delivery", "partner"))
    if ours and theirs and as_of == theirs < ours:
        return f"Events to {_day(ours)}, the partner's data of {_day(theirs)}."
    return f"Data as of {_day(as_of)}."


def _section(section: Section, found: Mapping[str, DataSet], age: str) -> Element:
    return e(
        "section",
        e("h2", section.title, id=f"{section.key}-title"),
        e("p", section.lead, e("span", age, class_="age"), class_="lead"),
        [_group(group, found) for group in section.groups],
        id=section.key,
        aria_labelledby=f"{section.key}-title",
    )


def _group(group: Group, found: Mapping[str, DataSet]) -> Element:
    shown: list[Content] = []
    said: set[str] = set()
    for each in group.visuals:
        data = found.get(each.dataset, DataSet(missing="Not read."))
        if data.missing is None:
            shown.append(visual(each, data.rows))
        elif data.missing not in said:
            said.add(data.missing)
            shown.append(e("p", data.missing, class_="missing"))
    return e(
        "div",
        e("h3", group.title) if group.title else None,
        e("p", group.lead, class_="group-lead") if group.lead else None,
        shown,
        class_="group",
    )


def _reading(page: Page, ages: DataSet) -> Element:
    terms = [e("div", e("dt", term), e("dd", meaning)) for term, meaning in page.definitions]
    fields = (Field("part", "Part"), Field("as_of", "Oldest data", "date"), Field("tables", "Read from", "code"))
    table = Grid(dataset="ages", title="The oldest data under each part", fields=fields)
    return e(
        "section",
        e("h2", "How to read this", id="reading-title"),
        e("dl", terms, class_="terms"),
        visual(table, ages.rows),
        id="reading",
        aria_labelledby="reading-title",
    )
