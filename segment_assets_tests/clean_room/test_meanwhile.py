"""Whatever others write while a query runs: its result is of the data it is filed under, and the log loses nothing."""

from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from pyiceberg.exceptions import CommitFailedException

from segment_assets import segmentation
from segment_assets.clean_room import assets as clean_room_assets
from segment_assets.clean_room import budget, protected_query
from segment_assets.clean_room.budget import BudgetExhaustedError
from segment_assets.clean_room.embedded import EmbeddedCleanRoom
from segment_assets.clean_room.privacy import query as private_query
from segment_assets.clean_room.protected_query import ProtectedQuery
from segment_assets.clean_room.query_log import Logged
from segment_assets.clean_room.tables import DIFFERENCING, QUERY_LOG, RELEASED_GROUPS
from segment_assets.lake import Lake
from segment_assets_tests.clean_room import world
from segment_assets_tests.clean_room.privacy.test_query import asked, spent, written


class Meanwhile(EmbeddedCleanRoom):
    """A room with a lock that holds nobody back, in which something is done once, at one of its steps."""

    def __init__(self, folder: Path, step: str, does: Callable[[], object]) -> None:
        super().__init__(folder / "room" / "scratch", "500MB")
        self.step, self.does = step, [does]

    def exclusively(self) -> nullcontext[None]:
        return nullcontext()

    def run(self, *args: Any, **kwargs: Any) -> Any:
        self._now("run")
        return super().run(*args, **kwargs)

    def run_private(self, *args: Any, **kwargs: Any) -> Any:
        self._now("run")
        return super().run_private(*args, **kwargs)

    def admit(self, *args: Any) -> None:
        self._now("admit")
        super().admit(*args)

    def _now(self, step: str) -> None:
        if step == self.step and self.does:
            self.does.pop()()


@pytest.fixture
def queries() -> dict[str, ProtectedQuery]:
    config = segmentation.load(segmentation.DEMO_FILE)
    assert config.collaboration
    return {q.name: q for q in clean_room_assets.protected_queries(config, config.collaboration)}


def rows(customers: int) -> list[dict[str, Any]]:
    """Of the query audience_overlap: two thirds are in the one age band that is large enough."""
    return [{"age_band": "19-24", "income_band": None, "customers": customers * 2 // 3}]


def test_a_result_is_of_the_data_that_it_is_filed_under_though_they_change_while_it_runs(
    lake: Lake, tmp_path: Path, queries: dict[str, ProtectedQuery]
):
    overlap = queries["audience_overlap"]
    world.fill(lake, customers=90)
    room = Meanwhile(tmp_path, "run", lambda: world.fill(lake, customers=120))
    assert protected_query.run(overlap, lake, room, "r1").rows.to_pylist() == rows(90)
    assert [r["people"] for r in lake.read(RELEASED_GROUPS).to_pylist()] == [60]
    assert len(lake.read(DIFFERENCING)) == 1
    # The changed data are another question, and the old ones have their own answer when they are back.
    second = protected_query.run(overlap, lake, room, "r2")
    assert (second.reused, second.rows.to_pylist()) == (False, rows(120))
    world.fill(lake, customers=90)
    assert protected_query.run(overlap, lake, room, "r3").rows.to_pylist() == rows(90)


def test_an_answer_with_noise_is_of_the_data_that_it_is_kept_under_though_they_change_while_it_runs(
    lake: Lake, tmp_path: Path
):
    config = segmentation.load(written(tmp_path))
    world.fill(lake, config, 300)
    room = Meanwhile(tmp_path, "run", lambda: world.fill(lake, config, 900))
    private_query.run(asked(config), lake, room, "r1")
    first = lake.read(asked(config).table)
    assert abs(max(first["people"].to_pylist()) - 200) < 60
    assert not private_query.run(asked(config), lake, room, "r2").reused
    assert abs(max(lake.read(asked(config).table)["people"].to_pylist()) - 600) < 60
    world.fill(lake, config, 300)
    assert private_query.run(asked(config), lake, room, "r3").reused
    assert lake.read(asked(config).table).equals(first)
    assert spent(config, room) == (2, 8)


def test_of_two_runs_that_write_one_result_the_slower_is_told_and_then_takes_what_is_there(
    lake: Lake, tmp_path: Path, queries: dict[str, ProtectedQuery]
):
    overlap = queries["audience_overlap"]
    world.fill(lake, customers=90)

    def newer() -> None:
        world.fill(lake, customers=120)
        protected_query.run(overlap, lake, room, "the faster run")

    room = Meanwhile(tmp_path, "run", newer)
    with pytest.raises(CommitFailedException, match="written by another run"):
        protected_query.run(overlap, lake, room, "r")
    assert lake.read(overlap.table).to_pylist() == rows(120)
    assert protected_query.run(overlap, lake, room, "r").reused


def test_two_who_write_the_log_at_once_are_both_in_it(lake: Lake, tmp_path: Path, queries: dict[str, ProtectedQuery]):
    world.fill(lake)
    one, other = queries.values()
    room = Meanwhile(tmp_path, "admit", lambda: protected_query.run(other, lake, room, "the faster run"))
    protected_query.run(one, lake, room, "r")
    log = lake.read(QUERY_LOG).to_pylist()
    assert {r["query"]: r["status"] for r in log} == {one.name: "SUCCESS", other.name: "SUCCESS"}


def test_two_who_write_the_log_at_once_do_not_overdraw_the_budget_together(
    lake: Lake, tmp_path: Path, queries: dict[str, ProtectedQuery]
):
    world.fill(lake)
    one, other = (replace(query, per_day=1) for query in queries.values())
    room = Meanwhile(tmp_path, "admit", lambda: protected_query.run(other, lake, room, "the faster run"))
    with pytest.raises(BudgetExhaustedError, match="queries_per_day allows 1"):
        protected_query.run(one, lake, room, "r")
    assert lake.read(QUERY_LOG)["query"].to_pylist() == [other.name]
    assert lake.state(one.table).versions == {}


def test_noise_is_paid_once_also_where_another_wrote_the_log_meanwhile(lake: Lake, tmp_path: Path):
    config = segmentation.load(written(tmp_path))
    world.fill(lake, config, 300)
    other = budget.Entry("another content", "other", date(2026, 1, 1), "LIST", "a table", "a text")
    room = Meanwhile(tmp_path, "admit", lambda: Logged(other, lake, room, "r").begin(9, lambda _: None))
    private_query.run(asked(config), lake, room, "r")
    assert spent(config, room) == (1, 4)
    log = lake.read(QUERY_LOG).to_pylist()
    assert {r["query"]: r["status"] for r in log} == {"ages": "SUCCESS", "other": "STARTED"}
