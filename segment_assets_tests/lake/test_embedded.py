"""A lake in a folder, opened by several processes at once."""

import os
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from shutil import copytree

import pyarrow as pa
import pytest

from segment_assets.lake import Lake
from segment_assets.lake.embedded import MovedLakeError, open_catalog
from segment_assets_tests.lake.test_lake import DAYS, PEOPLE, VISITS, visits


def write_at_once(root: Path, number: int, barrier) -> None:
    lake = Lake(partial(open_catalog, root), root / "scratch")
    barrier.wait(60)
    lake.write(VISITS, visits((DAYS[number], "a", 1)), "run", partitions=[DAYS[number]])
    for _ in range(20):
        open_catalog(root)


def test_processes_that_find_no_lake_make_one_of_it(tmp_path: Path) -> None:
    start, root = get_context("spawn"), tmp_path / "lake"
    barrier = start.Barrier(2)
    processes = [start.Process(target=write_at_once, args=(root, number, barrier)) for number in range(2)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(120)
    assert [process.exitcode for process in processes] == [0, 0]
    assert Lake(partial(open_catalog, root), root / "scratch").state(VISITS).rows == 2


def test_where_a_lake_was_made_is_written_once(tmp_path: Path) -> None:
    open_catalog(tmp_path)
    before = (tmp_path / "LOCATION").stat()
    open_catalog(tmp_path)
    after = (tmp_path / "LOCATION").stat()
    assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)
    assert (tmp_path / "LOCATION").read_text() == str(tmp_path)


def test_a_lake_whose_maker_was_killed_before_it_said_where_is_not_taken_for_a_moved_one(tmp_path: Path) -> None:
    (tmp_path / "LOCATION").touch()
    open_catalog(tmp_path)
    assert (tmp_path / "LOCATION").read_text() == str(tmp_path)


def test_a_lake_that_was_moved_says_so(tmp_path: Path) -> None:
    lake = Lake(partial(open_catalog, tmp_path / "lake"), tmp_path / "lake" / "scratch")
    lake.write(PEOPLE, pa.table({"who": ["a"], "n": [1]}), "run")
    copytree(tmp_path / "lake", tmp_path / "copy")
    with pytest.raises(MovedLakeError, match=f"was made in another folder.*{os.sep}"):
        open_catalog(tmp_path / "copy")
