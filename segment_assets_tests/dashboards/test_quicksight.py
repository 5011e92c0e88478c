"""The page in QuickSight: the same numbers, nothing done twice, and nothing that is not on the page."""

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import dagster as dg
import pytest

from segment_assets.dashboards.assets import PAGE as PAGE_KEY
from segment_assets.dashboards.assets import assets
from segment_assets.dashboards.datasets import DataSet
from segment_assets.dashboards.embedded import PageAlone
from segment_assets.dashboards.gather import ages
from segment_assets.dashboards.overview import overview
from segment_assets.dashboards.pages import (
    Bars,
    Field,
    Grid,
    Group,
    Intervals,
    Matrix,
    Sentences,
    Shares,
    Tiles,
    Visual,
)
from segment_assets.dashboards.port import PublishError
from segment_assets.dashboards.quicksight.definition import definition
from segment_assets.dashboards.quicksight.extracts import completed, completed_data, extracts
from segment_assets.dashboards.visuals import written
from segment_assets.lake import FolderStore, Lake
from segment_assets_tests.aws_double.front import OURS
from segment_assets_tests.dashboards import sample
from segment_assets_tests.dashboards.board import (
    AGES,
    FOUND,
    PAGE,
    Account,
    account,
    fresh,
    matrix,
    titled,
    with_events,
)
from segment_assets_tests.deploy.permissions import QUICKSIGHT

Gathered = tuple[str, dict[str, DataSet]]
DEMO = overview(sample.config())
SHOWN = [
    (f"{section.key}-{i}-{j}", visual)
    for section in DEMO.sections
    for i, group in enumerate(section.groups, 1)
    for j, visual in enumerate(group.visuals, 1)
]


@pytest.fixture(scope="module")
def demo(gathered: Gathered) -> Iterator[Account]:
    """The demo's own page, published; only looked at."""
    with account() as made:
        made.publisher().publish(DEMO, gathered[1], ages(DEMO, gathered[1]))
        yield made


@pytest.fixture
def here(demo: Account) -> Account:
    return fresh(demo)


def html_rows(page: str, title: str, number: int) -> list[list[str]]:
    """The cells of the page's table of that title, of several the one of that number."""
    root = ElementTree.fromstring(page.partition("\n")[2])  # noqa: S314  our own markup
    tables = [
        t
        for t in root.iter("table")
        if t.get("aria-label") == title or "".join((t.find("caption") or t.makeelement("x", {})).itertext()) == title
    ]
    lines = tables[number].iter("tr")
    cells = [["".join(c.itertext()) for c in line if c.get("class") != "drawing"] for line in lines]
    return cells[1:]  # without the head


@pytest.mark.parametrize(("name", "visual"), SHOWN, ids=[name for name, _ in SHOWN])
def test_quicksight_shows_what_the_page_shows_row_for_row(demo: Account, gathered: Gathered, name: str, visual: Visual):
    page, found = gathered
    number = [v.title for n, v in SHOWN[: [n for n, _ in SHOWN].index(name)]].count(visual.title)
    match visual:
        case Grid(fields=fields):
            rows = [[written(r[f.name], f.kind) for f in fields] for r in demo.rows(f"{name}-table")]
            assert rows == html_rows(page, visual.title, number)
        case Bars(label=label, value=value) | Shares(label=label, value=value):
            rows = [[r[label.name], r[value.name]] for r in demo.rows(f"{name}-table")]
            assert rows == html_rows(page, visual.title, number)
            assert [r[f"{value.name}_drawn"] for r in demo.rows(name)] == [
                r[value.name].drawn for r in found[visual.dataset].rows
            ]
        case Matrix(row=row, column=column):
            told = {
                (r[row.name], "{}{} to {}".format(*(written(r[k], "score") for k in ("value", "low", "high"))))
                for r in demo.rows(name)
            }
            cells = {(line[0], c) for line in html_rows(page, visual.title, number) for c in line[1:]}
            assert told == {(r, cell) for r, cell in cells if cell != "\N{EN DASH}"}
            assert {r[column.name] for r in demo.rows(name)} == {r[column.name] for r in found[visual.dataset].rows}
        case Intervals():
            expected = [(r["contender"], r["value"], r["low"], r["high"]) for r in found[visual.dataset].rows]
            for each in (name, f"{name}-table"):
                assert [(r["contender"], r["value"], r["low"], r["high"]) for r in demo.rows(each)] == expected
            roles = [r["_role"] for r in demo.rows(f"{name}-table")]
            assert roles[0] == "Model"
            assert "Baseline" in roles
        case Tiles(fields=fields):
            [expected_row] = found[visual.dataset].rows
            for field in fields:
                [row] = demo.rows(f"{name}-table" if field.kind == "people" else f"{name}-{field.name}")
                assert written(row[field.name], field.kind) == written(expected_row[field.name], field.kind)
        case Sentences():
            texts = [r["text"] for r in demo.rows(f"{name}-table")]
            assert texts == [r["text"] for r in found[visual.dataset].rows]
        case _:
            expected = [(r["day"], r["delivered"]) for r in found[visual.dataset].rows]
            assert [(r["day"], r["delivered"]) for r in demo.rows(name)] == expected


def test_each_sheet_says_how_old_its_data_is(demo: Account, gathered: Gathered):
    told = {r["part"]: r["as_of"] for r in ages(DEMO, gathered[1]).rows}
    for section in DEMO.sections:
        assert [r["as_of"] for r in demo.rows(f"{section.key}-age-table")] == [told[section.title]]


def test_no_person_and_no_small_group_is_in_any_file(demo: Account):
    files = [o.key for o in demo.store.list("dashboard/")]
    assert len(files) > 40
    text = "\n".join(demo.store.read(key).decode() for key in files)
    assert not re.search(r"customer-\d|per_|hh_\d|phn_|[0-9a-f]{32}|@|event-\d|job-", text)
    rows = [row for rows in demo.service.spice.values() for row in rows]
    counted = [v for r in rows for k, v in r.items() if f"{k}_drawn" in r]
    assert "<10" in counted
    assert not [v for v in counted if v in set("123456789")]


def test_a_second_time_nothing_is_changed(here: Account):
    first = here.publish()
    assert (first.version, first.datasets, first.ingested) == (1, 3, 3)
    here.made()
    again = here.publish()
    assert here.made() == []
    assert (again.version, again.ingested, again.rows) == (1, 0, first.rows)


def test_changed_content_is_taken_in_again_and_nothing_else(here: Account):
    for number, runs in ((1, ["1"]), (2, ["1", "2"]), (1, ["1", "2", "3"]), (1, ["1", "2", "3"])):
        here.publish(found=with_events(number))
        assert here.rows("arrivals-1-1-events") == [{"events": number}]
        assert here.ours("totals") == [(run, "COMPLETED") for run in runs]
    assert here.ours("metrics") == [("1", "COMPLETED")]
    assert here.versions() == [(1, "CREATION_SUCCESSFUL")]


def test_a_changed_page_is_a_new_version_and_a_page_that_comes_back_is_the_old_one(here: Account):
    here.publish()
    here.made()
    assert here.publish(titled("All metrics")).version == 2
    assert here.made() == ["UpdateDashboard", "UpdateDashboardPublishedVersion"]
    assert here.publish().version == 1
    assert here.made() == ["UpdateDashboardPublishedVersion"]
    assert here.service.boards[here.board]["Published"] == 1


def test_a_new_column_changes_its_data_set_alone(here: Account):
    here.publish()
    here.made()
    more = [replace(f, help="each once") for f in PAGE.sections[0].groups[0].visuals[0].fields]  # type: ignore[attr-defined]
    tiles = replace(PAGE.sections[0].groups[0].visuals[0], fields=tuple(more))  # type: ignore[type-var]
    arrivals = replace(PAGE.sections[0], groups=(Group("", "", (tiles,)),))
    here.publish(replace(PAGE, sections=(arrivals, *PAGE.sections[1:])))
    assert [c for c in here.made() if "Dashboard" not in c and c != "PutObject"] == ["UpdateDataSet", "CreateIngestion"]


def test_what_is_missing_is_said_where_it_would_stand(here: Account):
    gone = FOUND | {"metrics/spend": DataSet(missing="Not built yet: model_evaluation_spend.")}
    here.publish(found=gone)
    assert "models-2-1" not in here.service.shown(here.board)
    assert "models-1-1" in here.service.shown(here.board)
    [sheet] = [s for s in here.service.versions[here.board][0]["Definition"]["Sheets"] if s["SheetId"] == "models"]
    assert sheet["Description"] == "Beside baselines. Not built yet: model_evaluation_spend."


def test_two_deployments_stand_side_by_side(here: Account):
    here.publish()
    prod = here.beside("prod")
    prod.publish(found=with_events(7))
    assert prod.rows("arrivals-1-1-events") == [{"events": 7}]
    assert here.rows("arrivals-1-1-events") == [{"events": 1234}]


def test_who_is_named_sees_it_and_whoever_else_was_let_still_does(here: Account):
    here.publish()
    other = "arn:aws:quicksight:us-east-1:123456789012:user/default/someone"
    here.publisher(principal_arn=other).publish(PAGE, FOUND, AGES)
    granted = here.service.boards[here.board]["Permissions"]
    assert [g["Principal"].rpartition("/")[2] for g in granted] == ["marketing", "someone"]
    assert {a for g in granted for a in g["Actions"]} == {
        "quicksight:DescribeDashboard",
        "quicksight:ListDashboardVersions",
        "quicksight:QueryDashboard",
    }


def test_files_are_read_in_the_role_that_is_named(here: Account):
    here.publish()
    parameters = here.service.sources[f"{here.prefix}-totals"]["DataSourceParameters"]["S3Parameters"]
    assert parameters["RoleArn"].endswith(":role/QuickSightRead")
    here.made()
    here.publisher(role_arn=None).publish(PAGE, FOUND, AGES)
    assert "RoleArn" not in here.service.sources[f"{here.prefix}-totals"]["DataSourceParameters"]["S3Parameters"]


def planned(page: Any, found: dict[str, DataSet]) -> dict[str, Any]:
    sections, data = completed(page), completed_data(page, found, AGES)
    made = extracts(sections, data)
    return definition(sections, data, made, dict.fromkeys(made, "arn"))


def test_the_longest_names_and_any_text_of_a_partner_are_taken(here: Account):
    query, column = f"query/{'q' * 63}", "c" * 63
    grid = Grid(dataset=query, title="t" * 600, fields=(Field(column, "Label" * 200),))
    section = replace(PAGE.sections[0], lead="l" * 2000, groups=(Group("g" * 63, "l" * 2000, (grid,)),))
    text = 'a "quoted", comma\nand <b>line</b>'
    found = {query: DataSet(({column: text}, {column: None}, {column: "="}), missing=None)}
    named = here.beside("d" + "x" * 62)
    named.publish(replace(PAGE, sections=(section,)), found)
    shown = [row[column] for row in named.rows("arrivals-1-1-table")]
    assert shown == ['a "quoted", comma and <b>line</b>', None, "="]


def test_a_page_larger_than_a_dashboard_is_refused_before_anything_is_made():
    many = tuple(replace(PAGE.sections[0], key=f"part-{i}") for i in range(20))
    with pytest.raises(PublishError, match="QuickSight takes 20 sheets in a dashboard, and the page needs 21"):
        planned(replace(PAGE, sections=many), FOUND)


def test_a_section_with_many_visuals_goes_on_on_another_sheet():
    targets = [f"t{i}" for i in range(80)]
    section = replace(PAGE.sections[1], groups=tuple(matrix(t) for t in targets))
    found = {f"metrics/{t}": FOUND["metrics/churn"] for t in targets}
    sheets = planned(replace(PAGE, sections=(section,)), found)["Sheets"]
    assert [(s["Name"], len(s["Visuals"])) for s in sheets] == [
        ("How good", 75),
        ("How good (2)", 7),
        ("How to read this", 1),
    ]


def test_the_role_of_the_dashboard_may_make_every_call(here: Account):
    here.publish()
    here.publisher(role_arn=None, principal_arn=f"arn:aws:quicksight:us-east-1:{OURS}:user/default/x").publish(
        titled("All metrics"), FOUND, AGES
    )
    called = {call.operation for call in here.aws.calls if call.service == "quicksight"}
    allowed = {action for _, _, actions in QUICKSIGHT for action in actions}
    allowed |= {"CreateDataSource", "ListIngestions"}  # which have no resource to name
    # Passing is asked of whoever makes a data set or a dashboard; cancelling, of a run that is cancelled.
    assert allowed - called == {"PassDataSource", "PassDataSet", "CancelIngestion"}
    assert called <= allowed


@pytest.mark.parametrize("elsewhere", [False, True], ids=["html alone", "quicksight"])
def test_the_page_and_its_version_are_the_same_wherever_else_it_is_shown(
    demo: Account, filled: Lake, gathered: Gathered, tmp_path: Path, elsewhere: bool
):
    """The contract of both publishers: what they do is done once, and the asset does not change with them."""
    (made,) = assets(sample.config())
    publisher = demo.publisher() if elsewhere else PageAlone()
    resources = {"lake": filled, "exports": FolderStore(tmp_path), "publisher": publisher}
    versions = []
    demo.made()
    for _ in range(2):
        run = dg.materialize([made], resources=resources)
        (told,) = run.asset_materializations_for_node("dashboard")
        versions.append((told.tags or {})["dagster/data_version"])
        assert ("published" in told.metadata) is elsewhere
    assert demo.made() == []
    assert FolderStore(tmp_path).read(PAGE_KEY).decode() == gathered[0]
    assert len(set(versions)) == 1
