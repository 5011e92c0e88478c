"""Of two who write the same at once one wins, and the other is told so; who writes something else is not disturbed."""

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyiceberg.exceptions import CommitFailedException

from segment_assets.lake import Lake, writing
from segment_assets.lake.changing import ATTEMPTS, changed
from segment_assets.lake.compaction import compact
from segment_assets.lake.embedded import open_catalog
from segment_assets.lake.parts import Part, version_of, with_field_ids
from segment_assets_tests.aws_double.world import lake as on_aws
from segment_assets_tests.aws_double.world import world
from segment_assets_tests.lake.test_lake import DAYS, PEOPLE, VISITS, visits

FIRST, DAY = DAYS
RUN = "the slower run"


@pytest.fixture(params=["embedded", "aws"])
def lake(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Lake]:
    if request.param == "embedded":
        root = tmp_path / "lake"
        yield Lake(partial(open_catalog, root), root / "scratch", memory_limit="500MB")
        return
    with world(monkeypatch) as (_, where):
        yield on_aws(where, tmp_path)


def meanwhile(monkeypatch: pytest.MonkeyPatch, does: Callable[[], object]) -> None:
    """Something is done after the slower run has read the table and laid its files beside, before it commits."""
    done: list[bool] = []

    def beside(stage):
        def staged(commit, io, parts, told):
            stage(commit, io, parts, told)
            if told["segment-assets.run-id"] == RUN and not done:
                done.append(True)
                does()

        return staged

    for name in ("_append", "_place"):
        monkeypatch.setattr(writing, name, beside(getattr(writing, name)))


def people(*names: str) -> pa.Table:
    return pa.table({"who": pa.array(names, pa.string()), "n": pa.array([1] * len(names), pa.int64())})


def in_a_file(folder: Path, rows: pa.Table) -> Part:
    path = folder / "ready.parquet"
    pq.write_table(rows.cast(with_field_ids(rows.schema)), path, store_decimal_as_integer=True)
    return Part((path,), rows.num_rows, version_of(rows.schema, [path]))


def names(lake: Lake) -> list[str]:
    return [row["who"] for row in lake.read(VISITS).to_pylist() if row["day"] == DAY]


@pytest.mark.parametrize("there", ["never written", "another day", "an empty day", "the day"])
@pytest.mark.parametrize("ready", [False, True], ids=["rows", "files"])
def test_of_two_who_write_a_day_one_is_refused(lake, tmp_path, monkeypatch, there, ready):
    if there == "another day":
        lake.write(VISITS, visits((FIRST, "old", 1)), "run", partitions=[FIRST])
    elif there != "never written":
        lake.write(VISITS, visits(*[(DAY, "old", 1)] * (there == "the day")), "run", partitions=[DAY])
    meanwhile(monkeypatch, lambda: lake.write(VISITS, visits((DAY, "quick", 1)), "quick", partitions=[DAY]))
    rows = VISITS.conform(visits((DAY, "quick", 1), (DAY, "slow", 1)))
    slow = (
        partial(lake.replace, VISITS, {DAY: in_a_file(tmp_path, rows)}, RUN)
        if ready
        else partial(lake.write, VISITS, rows, RUN, partitions=[DAY])
    )
    with pytest.raises(CommitFailedException, match=r"test\.visits was written by another run.*nothing was written"):
        slow()
    assert names(lake) == ["quick"]
    lake.write(VISITS, rows, "again", partitions=[DAY])
    assert names(lake) == ["quick", "slow"]
    assert lake.state(VISITS).rows == (3 if there == "another day" else 2)


@pytest.mark.parametrize("there", [None, [], ["old"]], ids=["never written", "empty", "rows"])
def test_of_two_who_write_a_whole_table_one_is_refused(lake, tmp_path, monkeypatch, there):
    if there is not None:
        lake.write(PEOPLE, people(*there), "run")
    meanwhile(monkeypatch, lambda: lake.write(PEOPLE, people("quick"), "quick"))
    with pytest.raises(CommitFailedException, match=r"test\.people was written by another run"):
        lake.replace_all(PEOPLE, in_a_file(tmp_path, PEOPLE.conform(people("quick", "slow"))), RUN)
    assert lake.read(PEOPLE)["who"].to_pylist() == ["quick"]


def test_a_write_that_leaves_the_rows_as_they_are_records_nothing_of_another_s(lake, monkeypatch):
    """What a day was made from would be told of rows that were made from something else."""
    both = visits((FIRST, "old", 1), (DAY, "old", 1))
    lake.write(VISITS, both, "run", partitions=DAYS, inputs={str(DAY): "made from 1"})
    quick = visits((DAY, "quick", 1))
    meanwhile(
        monkeypatch, lambda: lake.write(VISITS, quick, "quick", partitions=[DAY], inputs={str(DAY): "made from 2"})
    )
    slow = visits((FIRST, "slow", 1), (DAY, "old", 1))
    with pytest.raises(CommitFailedException, match="was written by another run"):
        lake.write(VISITS, slow, RUN, partitions=DAYS, inputs={str(DAY): "made from 3"})
    assert lake.inputs(VISITS) == {str(DAY): "made from 2"}


@pytest.mark.parametrize("there", [[], DAYS], ids=["new days", "days that are replaced"])
def test_who_writes_another_day_meanwhile_is_not_in_the_way(lake, monkeypatch, there):
    lake.write(VISITS, visits(*[(day, "old", 1) for day in there]), "run", partitions=there)
    meanwhile(monkeypatch, lambda: lake.write(VISITS, visits((FIRST, "quick", 1)), "quick", partitions=[FIRST]))
    lake.write(VISITS, visits((DAY, "slow", 1)), RUN, partitions=[DAY])
    assert lake.read(VISITS)["who"].to_pylist() == ["quick", "slow"]
    assert compact(lake, [VISITS])[0].before == 0


def test_a_table_may_be_found_new_by_two_at_once(tmp_path, monkeypatch):
    root = tmp_path / "lake"
    one, other = (Lake(partial(open_catalog, root), root / "scratch") for _ in range(2))
    create = one.catalog.create_table_if_not_exists

    def while_another_does(*args, **kwargs):
        made = create(*args, **kwargs)
        other.write(VISITS, visits((FIRST, "quick", 1)), "quick", partitions=[FIRST])
        return made

    monkeypatch.setattr(one.catalog, "create_table_if_not_exists", while_another_does)
    one.write(VISITS, visits((DAY, "slow", 1)), RUN, partitions=[DAY])
    assert one.read(VISITS)["who"].to_pylist() == ["quick", "slow"]


def test_of_two_who_change_a_table_at_once_neither_loses_what_it_wrote(lake, monkeypatch):
    lake.write(PEOPLE, people("ann"), "a run")

    def with_(name: str) -> Callable[[pa.Table], pa.Table]:
        return lambda before: pa.concat_tables([before, people(name).cast(before.schema)])

    meanwhile(monkeypatch, lambda: changed(lake, PEOPLE, with_("bob"), "the faster run"))
    assert changed(lake, PEOPLE, with_("cy"), RUN).rows == 3
    assert lake.read(PEOPLE)["who"].to_pylist() == ["ann", "bob", "cy"]


def test_a_table_that_others_change_each_time_is_left_to_them(lake):
    def counted(before: pa.Table) -> pa.Table:
        lake.write(PEOPLE, people(*(f"p{i}" for i in range(before.num_rows + 1))), "the faster run")
        return people("mine")

    with pytest.raises(CommitFailedException, match="written by another run"):
        changed(lake, PEOPLE, counted, RUN)
    assert lake.state(PEOPLE).rows == ATTEMPTS


def test_tables_that_stand_still_are_of_one_moment_with_their_versions(lake):
    before = lake.write(PEOPLE, people("ann"), "a run", as_of=DAY)
    still = lake.standing_still(PEOPLE, VISITS)
    lake.write(PEOPLE, people("ann", "bob"), "another run")
    lake.write(VISITS, visits((DAY, "ann", 1)), "another run")
    assert still.state(PEOPLE) == before
    assert still.read(PEOPLE)["who"].to_pylist() == ["ann"]
    assert (still.state(VISITS).versions, still.read(VISITS).num_rows) == ({}, 0)
    assert lake.read(PEOPLE)["who"].to_pylist() == ["ann", "bob"]
