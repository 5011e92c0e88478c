"""Small files become one, rows and versions stay, and nobody who reads or writes beside it notices. On both lakes."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from functools import partial
from pathlib import Path

import pyarrow as pa
import pytest

from segment_assets.lake import Lake, compaction, writing
from segment_assets.lake.compaction import FEWEST, Compacted, compact
from segment_assets.lake.embedded import open_catalog
from segment_assets.lake.garbage import collect
from segment_assets_tests.aws_double.world import lake as on_aws
from segment_assets_tests.aws_double.world import world
from segment_assets_tests.lake.test_lake import DAYS, PEOPLE, VISITS, VISITS_WITH_CITY, visits

FULL, FEW = DAYS


@pytest.fixture(params=["embedded", "aws"])
def lake(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Lake]:
    if request.param == "embedded":
        root = tmp_path / "lake"
        yield Lake(partial(open_catalog, root), root / "scratch", memory_limit="500MB")
        return
    with world(monkeypatch) as (_, where):
        yield on_aws(where, tmp_path)


def in_many_files(lake: Lake, monkeypatch: pytest.MonkeyPatch, few: int = 2) -> pa.Table:
    """Two days, one in as many files as are too many; the rows of both."""
    rows = visits(*((FULL, f"p{n:02}", n) for n in range(FEWEST)), *((FEW, f"p{n}", n) for n in range(few)))
    whole = writing._append

    def one_by_one(commit, io, parts, properties):  # as a writer of many small batches would leave it
        whole(commit, io, [part.slice(n, 1) for part in parts for n in range(part.num_rows)], properties)

    with monkeypatch.context() as patch:
        patch.setattr(writing, "_append", one_by_one)
        lake.write(VISITS, rows, "run", partitions=DAYS)
    return rows


def files(lake: Lake, day: date = FULL) -> int:
    return sum(t.file.partition[0] == (day - date(1970, 1, 1)).days for t in tasks(lake))


def tasks(lake: Lake) -> list:
    return list(lake.catalog.load_table(VISITS.name).scan().plan_files())


def test_a_day_of_many_small_files_becomes_one_and_no_version_changes(lake, monkeypatch):
    rows = in_many_files(lake, monkeypatch)
    before = lake.state(VISITS)
    assert (files(lake), files(lake, FEW)) == (FEWEST, 2)
    assert compact(lake, [VISITS], dry_run=True) == [Compacted(VISITS.name, FEWEST, 1)]
    assert files(lake) == FEWEST, "a dry run writes nothing"
    assert compact(lake, [VISITS]) == [Compacted(VISITS.name, FEWEST, 1)]
    assert (files(lake), files(lake, FEW)) == (1, 2)
    assert lake.read(VISITS).to_pylist() == VISITS.conform(rows).to_pylist()
    assert lake.state(VISITS) == before
    assert compact(lake, [VISITS]) == [Compacted(VISITS.name)]
    codecs = {t.file.file_path for t in tasks(lake)}
    assert len(codecs) == 3


def test_the_files_that_were_replaced_go_with_their_snapshots_and_the_rest_stays(lake, monkeypatch):
    rows = in_many_files(lake, monkeypatch)
    compact(lake, [VISITS])
    [removed] = collect(lake, now=datetime.now(UTC) + timedelta(days=30))
    assert removed.files >= FEWEST
    assert lake.read(VISITS).to_pylist() == VISITS.conform(rows).to_pylist()


def test_a_reader_that_planned_before_reads_on(lake, monkeypatch):
    in_many_files(lake, monkeypatch)
    with lake.connect(VISITS) as db:
        compact(lake, [VISITS])
        assert db.sql("SELECT COUNT(*) FROM visits").fetchall() == [(FEWEST + 2,)]


def test_a_writer_that_comes_first_wins_and_the_next_time_compacts(lake, monkeypatch):
    in_many_files(lake, monkeypatch)
    write_file = compaction.write_file

    def while_another_writes(*args, **kwargs):
        lake.write(VISITS, visits((FEW, "new", 1)), "another", partitions=[FEW])
        return write_file(*args, **kwargs)

    with monkeypatch.context() as patch:
        patch.setattr(compaction, "write_file", while_another_writes)
        assert compact(lake, [VISITS]) == [Compacted(VISITS.name, overtaken=True)]
    assert files(lake) == FEWEST
    assert lake.read(VISITS).num_rows == FEWEST + 1
    assert compact(lake, [VISITS])[0].before == FEWEST
    assert lake.read(VISITS).num_rows == FEWEST + 1


@pytest.mark.parametrize("whole", [False, True], ids=["a day", "the table"])
def test_a_writer_under_whom_files_were_compacted_writes_again(lake, monkeypatch, whole):
    in_many_files(lake, monkeypatch)
    append, times = writing._append, []

    def after_a_compaction(*args):
        append(*args)
        if not times:
            times.append(compact(lake, [VISITS])[0].before)

    monkeypatch.setattr(writing, "_append", after_a_compaction)
    days = None if whole else [FULL]
    lake.write(VISITS, visits((FULL, "new", 1)), "run", partitions=days)
    assert times == [FEWEST]
    assert lake.read(VISITS)["who"].to_pylist() == (["new"] if whole else ["new", "p0", "p1"])
    assert lake.state(VISITS).rows == (1 if whole else 3)


def test_days_from_before_a_column_keep_their_rows(lake, monkeypatch):
    rows = in_many_files(lake, monkeypatch)
    lake.write(VISITS_WITH_CITY, visits().append_column("city", pa.array([], pa.string())), "run", partitions=[FEW])
    before = lake.state(VISITS_WITH_CITY).versions
    assert compact(lake, [VISITS_WITH_CITY])[0].before == FEWEST
    assert lake.state(VISITS_WITH_CITY).versions == before
    assert lake.read(VISITS).num_rows == FEWEST
    assert lake.read(VISITS_WITH_CITY)["city"].null_count == FEWEST
    assert rows.num_rows == FEWEST + 2


def test_files_that_are_large_enough_stay_and_new_ones_have_a_size(lake, monkeypatch):
    in_many_files(lake, monkeypatch)
    size = max(t.file.file_size_in_bytes for t in tasks(lake))
    monkeypatch.setattr(compaction, "TARGET", 3 * size)
    monkeypatch.setattr(compaction, "SMALL", size // 2)
    assert compact(lake, [VISITS])[0].before == 0
    monkeypatch.setattr(compaction, "SMALL", size + 1)
    assert compact(lake, [VISITS])[0].after == (FEWEST + 2) // 3


def test_a_table_without_days_or_never_written_is_left_alone(lake):
    lake.write(PEOPLE, pa.table({"who": ["a"], "n": [1]}), "run")
    assert compact(lake, [PEOPLE, VISITS]) == [Compacted(VISITS.name)]
