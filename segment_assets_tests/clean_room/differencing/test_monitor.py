"""The monitor warns the owner of two results that differ by too few people, and the runner sees nothing of it."""

import json
import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
import yaml
from click.testing import CliRunner

from segment_assets import cli, segmentation
from segment_assets.clean_room import assets as clean_room_assets
from segment_assets.clean_room import protected_query
from segment_assets.clean_room.differencing import populations as remembered
from segment_assets.clean_room.differencing.told import sentences
from segment_assets.clean_room.embedded import EmbeddedCleanRoom
from segment_assets.clean_room.tables import DIFFERENCING, QUERY_LOG
from segment_assets.first_party.tables import CUSTOMERS
from segment_assets.lake import Lake
from segment_assets.segmentation import Segmentation
from segment_assets_tests.clean_room import custom_world

K = 25
OVERLAP = """SELECT p.income_band, COUNT(DISTINCT c.customer_id) AS customers FROM customers_overlap c
JOIN audience_overlap_source p ON c.email_sha256 = p.email_sha256 {where} GROUP BY p.income_band"""
LIST = """SELECT DISTINCT c.customer_id, p.age_band FROM customers_list c
JOIN audience_list p ON c.email_sha256 = p.email_sha256 {where}"""


NESTED = """WITH known AS (
  SELECT p.income, c.customer_id FROM customers_custom c
  JOIN (SELECT email_sha256, 'mid' AS income FROM audience_custom {where}) p ON c.email_sha256 = p.email_sha256
) SELECT income, COUNT(DISTINCT customer_id) AS customers FROM known GROUP BY income"""


@dataclass
class World:
    """Two hundred people whom both know: some of them older, all of one income."""

    lake: Lake
    room: EmbeddedCleanRoom
    home: Path

    def fill(self, older: int, people: int = 200) -> None:
        config = self.config({})
        ids = [f"h{i:04}" for i in range(people)]
        ages = ["65+" if i < older else "19-24" for i in range(people)]
        mine = {"customer_id": ids, "email_sha256": ids, "endpoints": [1] * people}
        self._write(CUSTOMERS, mine)
        theirs = {"email_sha256": ids, "age_band": ages, "income_band": ["mid"] * people}
        self._write(clean_room_assets.sources(config)["partner_audience"], theirs)

    def _write(self, table: Any, values: dict[str, list[Any]]) -> None:
        size = len(next(iter(values.values())))
        columns = {f.name: pa.array(values.get(f.name, [None] * size)).cast(f.type) for f in table.schema}
        self.lake.write(table, pa.table(columns), "r")

    def config(self, queries: dict[str, str]) -> Segmentation:
        made = yaml.safe_load(segmentation.DEMO_FILE.read_text())
        custom = {name: t for name, t in yaml.safe_load(custom_world.TABLES).items() if name.endswith("_custom")}
        made["collaboration"]["configured_tables"] |= custom
        if queries:
            made["collaboration"]["queries"] = {n: {"sql": s, "description": "People."} for n, s in queries.items()}
        self.home.mkdir(exist_ok=True, parents=True)
        file = self.home / "segmentation.yaml"
        file.write_text(yaml.safe_dump(made))
        return segmentation.load(file)

    def run(self, **queries: str) -> dict[str, list[dict[str, Any]]]:
        config = self.config(queries)
        assert config.collaboration
        found = {}
        for query in clean_room_assets.protected_queries(config, config.collaboration):
            outcome = protected_query.run(query, self.lake, self.room, "r")
            assert outcome.minimum_kept
            found[query.name] = outcome.rows.to_pylist()
        return found

    def warnings(self) -> list[dict[str, Any]]:
        return [c for row in self.lake.read(DIFFERENCING).to_pylist() for c in json.loads(row["close_to"])]


@pytest.fixture
def world(lake: Lake, tmp_path: Path) -> World:
    return World(lake, EmbeddedCleanRoom(tmp_path / "home" / "clean_room" / "scratch", "300MB"), tmp_path / "home")


@pytest.mark.parametrize(("older", "warned"), [(0, False), (1, True), (K - 1, True), (K, False)])
def test_two_results_that_differ_by_fewer_people_than_the_minimum_are_told(world: World, older: int, warned: bool):
    world.fill(older)
    shown = world.run(everybody=OVERLAP.format(where=""), younger=OVERLAP.format(where="WHERE p.age_band = '19-24'"))
    assert [r[0]["customers"] for r in shown.values()] == [200, 200 - older]
    assert bool(world.warnings()) == warned
    for close in world.warnings():
        assert close["difference"] == older
        assert close["only_here"] == ["partner_audience.age_band = '19-24'"]
        assert close["only_there"] == []
        assert close["other"] == "everybody"


def test_one_catalog_table_under_two_rules_is_one_table_to_the_monitor(world: World):
    world.fill(older=3)
    world.run(overlap=OVERLAP.format(where=""), listed=LIST.format(where="WHERE p.age_band <> '65+'"))
    rows = world.lake.read(DIFFERENCING).to_pylist()
    assert {(r["source"], r["identity"], r["minimum"]) for r in rows} == {("partner_audience", "email_sha256", K)}
    assert {c["difference"] for c in world.warnings()} == {3}


@pytest.mark.parametrize(("older", "warned"), [(K - 1, True), (K, False)])
def test_nested_queries_are_compared_by_everybody_behind_them_also_with_others(world: World, older: int, warned: bool):
    world.fill(older)
    asked = {
        "everybody": OVERLAP.format(where=""),
        "nested": NESTED.format(where=""),
        "younger": NESTED.format(where="WHERE age_band = '19-24'"),
    }
    shown = world.run(**asked)
    assert [r[0]["customers"] for r in shown.values()] == [200, 200, 200 - older]
    assert {row["state"] for row in world.lake.read(DIFFERENCING).to_pylist()} == {"watched"}
    # As many people and the same: the two that ask for everybody are no warning.
    told = {(c["other"], c["difference"]) for c in world.warnings()}
    assert told == ({("everybody", older), ("nested", older)} if warned else set())


WITHIN = """SELECT 'everybody' AS who, COUNT(*) AS n FROM audience_custom
UNION ALL SELECT 'younger', COUNT(*) FROM audience_custom WHERE age_band = '19-24'"""


@pytest.mark.parametrize(("older", "warned"), [(7, True), (K, False)])
def test_two_rows_of_one_result_are_compared_with_each_other(world: World, older: int, warned: bool):
    world.fill(older)
    shown = world.run(both=WITHIN)
    assert {r["who"]: r["n"] for r in shown["both"]} == {"everybody": 200, "younger": 200 - older}
    told = [(c["other"], c["difference"], c["one_result"]) for c in world.warnings()]
    assert told == ([("both", older, True)] if warned else [])


def test_the_same_query_on_data_that_changed_by_a_few_people_is_told(world: World):
    world.fill(older=0, people=200)
    world.run(everybody=OVERLAP.format(where=""))
    world.fill(older=0, people=202)
    world.run(everybody=OVERLAP.format(where=""))
    [one, *_] = world.warnings()
    assert (one["difference"], one["only_here"], one["only_there"]) == (2, [], [])
    # Asked once more on the same data, it is no new release.
    before = world.lake.read(DIFFERENCING)
    world.run(everybody=OVERLAP.format(where=""))
    assert world.lake.read(DIFFERENCING).equals(before)


def test_the_runner_sees_the_same_with_and_without_a_warning(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
):
    """The second query is the same in both worlds; the first one makes it a warning in one of them alone."""
    from functools import partial

    from segment_assets.lake.embedded import open_catalog

    caplog.set_level(logging.DEBUG, "segment_assets")
    seen = []
    for name, where in (
        ("close", "WHERE p.age_band = '19-24'"),
        ("far", "WHERE p.age_band = '65+' OR c.country = 'x'"),
    ):
        root = tmp_path / name / "home" / "lake"
        lake = Lake(partial(open_catalog, root), root / "scratch", memory_limit="300MB")
        room = EmbeddedCleanRoom(tmp_path / name / "home" / "clean_room" / "scratch", "300MB")
        world = World(lake, room, tmp_path / name / "home")
        world.fill(older=4)
        world.run(first=OVERLAP.format(where=where))
        capfd.readouterr()
        caplog.clear()
        shown = world.run(second=OVERLAP.format(where=""))
        [query] = clean_room_assets.protected_queries(
            world.config({"second": OVERLAP.format(where="")}), _offered(world)
        )
        log = [r for r in lake.read(QUERY_LOG).to_pylist() if r["query"] == "second"]
        properties = lake.inputs(query.table), lake.state(query.table).versions
        seen.append((shown, log, properties, capfd.readouterr(), caplog.text, len(lake.read(DIFFERENCING))))
        assert bool(world.warnings()) == (name == "close")
    assert seen[0] == seen[1]


def _offered(world: World) -> Any:
    return segmentation.load(world.home / "segmentation.yaml").collaboration


def test_killed_before_it_was_told_a_warning_is_told_when_the_run_is_tried_again(
    world: World, monkeypatch: pytest.MonkeyPatch
):
    world.fill(older=2)
    world.run(everybody=OVERLAP.format(where=""))
    younger = OVERLAP.format(where="WHERE p.age_band = '19-24'")
    write = Lake.write

    def killed(self: Lake, table: Any, *args: Any, **kwargs: Any) -> Any:
        if table is DIFFERENCING:
            raise KeyboardInterrupt
        return write(self, table, *args, **kwargs)

    monkeypatch.setattr(Lake, "write", killed)
    with pytest.raises(KeyboardInterrupt):
        world.run(younger=younger)
    assert world.warnings() == []
    monkeypatch.setattr(Lake, "write", write)
    world.run(younger=younger)
    assert {c["difference"] for c in world.warnings()} == {2}
    assert {c["other"] for c in world.warnings()} == {"everybody"}


def test_a_broken_monitor_is_told_to_the_owner_and_not_to_the_runner(world: World):
    world.fill(older=1)
    path = world.room.populations.path
    path.parent.mkdir(parents=True)
    path.write_text("this is no database")
    assert world.run(everybody=OVERLAP.format(where=""))["everybody"] == [{"income_band": "mid", "customers": 200}]
    assert world.lake.read(DIFFERENCING)["state"].to_pylist() == ["not watched: the monitor failed"]


def test_the_memory_is_bounded_and_the_oldest_go(world: World, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(remembered, "MOST_REMEMBERED", 2)  # a release of one row is two populations
    world.fill(older=1)
    world.run(everybody=OVERLAP.format(where=""))
    world.run(older=OVERLAP.format(where="WHERE p.age_band = '19-24' AND p.income_band <> 'mid'"))
    world.run(nobody=OVERLAP.format(where="WHERE p.age_band = 'x'"))
    world.run(younger=OVERLAP.format(where="WHERE p.age_band = '19-24'"))
    assert world.warnings() == []


def test_the_owner_reads_it_from_the_command_line(world: World, monkeypatch: pytest.MonkeyPatch):
    world.fill(older=2)
    world.run(everybody=OVERLAP.format(where=""), younger=OVERLAP.format(where="WHERE p.age_band = '19-24'"))
    monkeypatch.setenv("SEGMENT_ASSETS_HOME", str(world.home))
    options = ["clean-room", "warnings", "--config", str(world.home / "segmentation.yaml")]
    told = CliRunner().invoke(cli.main, options)
    assert told.exit_code == 1
    assert "differ by 2 people of partner_audience.email_sha256, fewer than 25: grocer may subtract" in told.output
    assert "only the first asks: partner_audience.age_band = '19-24'" in told.output
    assert "h0001" not in told.output
    as_json = json.loads(CliRunner().invoke(cli.main, [*options, "--json"]).output)
    assert sum(row["warnings"] for row in as_json) > 0


def test_of_two_that_differ_in_no_condition_no_cause_is_claimed():
    close = {
        "population": "all", "people": 89, "other": "everybody", "other_as_of": "", "other_population": "all",
        "difference": 16, "only_here": [], "only_there": [],
    }  # fmt: skip
    row = {
        "query": "tiers", "as_of": "", "source": "partner_audience", "identity": "email_sha256", "minimum": 20,
        "runner": "grocer", "warnings": 1, "state": "watched", "close_to": [close],
    }  # fmt: skip
    assert "the data changed in between, one of them kept small groups back" in list(sentences([row]))[1]
