"""Files that no retained snapshot needs go; everything that can still be read stays."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pyarrow as pa
import pytest

from segment_assets.lake import Lake, Table, column
from segment_assets.lake.garbage import collect

PEOPLE = Table("test.people", "People.", pa.schema([column("who", pa.string(), "Who", required=True)]), key=("who",))
LATER = datetime.now(UTC) + timedelta(days=30)


def test_files_of_forgotten_snapshots_are_removed_and_the_table_still_reads(lake: Lake) -> None:
    for name in "abc":
        lake.write(PEOPLE, pa.table({"who": [name]}), "run")
    [removed] = collect(lake, now=LATER)
    assert removed.files >= 2
    assert lake.read(PEOPLE).to_pylist() == [{"who": "c"}]
    assert collect(lake, now=LATER)[0].files == 0


def test_young_files_stay(lake: Lake) -> None:
    for name in "abc":
        lake.write(PEOPLE, pa.table({"who": [name]}), "run")
    assert collect(lake)[0].files == 0


def test_a_dry_run_counts_and_removes_nothing(lake: Lake) -> None:
    for name in "abc":
        lake.write(PEOPLE, pa.table({"who": [name]}), "run")
    would = collect(lake, now=LATER, dry_run=True)
    assert [r.files for r in would] == [r.files for r in collect(lake, now=LATER)]


def test_files_of_a_retained_snapshot_stay_though_they_are_old_and_no_longer_current(lake: Lake) -> None:
    lake.write(PEOPLE, pa.table({"who": ["a"]}), "run")
    table = lake.catalog.load_table(PEOPLE.name)
    before, data = table.current_snapshot(), {task.file.file_path for task in table.scan().plan_files()}
    lake.write(PEOPLE, pa.table({"who": ["b"]}), "run")
    [removed] = collect(lake, now=LATER, keep=timedelta(days=60))
    assert removed.snapshots == 0, "it is retained, and all its files are past their grace"
    table = lake.catalog.load_table(PEOPLE.name)
    assert before
    assert {f.file.file_path for f in table.scan(snapshot_id=before.snapshot_id).plan_files()} == data
    assert table.scan(snapshot_id=before.snapshot_id).to_arrow()["who"].to_pylist() == ["a"]


def during_the_expiry(lake: Lake, monkeypatch: pytest.MonkeyPatch, does: Callable[[], object]) -> None:
    """Something is done after the clean-up's commit has read the table, before it replaces its metadata."""
    write, done = type(lake.catalog)._write_metadata, []

    def after_another(*args, **kwargs):
        if not done:
            done.append(True)
            does()
        write(*args, **kwargs)

    monkeypatch.setattr(type(lake.catalog), "_write_metadata", staticmethod(after_another))


def test_a_writer_that_comes_first_keeps_the_snapshots_and_the_next_time_forgets_them(lake, monkeypatch) -> None:
    for name in "ab":
        lake.write(PEOPLE, pa.table({"who": [name]}), "run")
    during_the_expiry(lake, monkeypatch, lambda: lake.write(PEOPLE, pa.table({"who": ["c"]}), "another"))
    [removed] = collect(lake, now=LATER)
    assert (removed.overtaken, removed.snapshots) == (True, 0)
    table = lake.catalog.load_table(PEOPLE.name)
    assert [table.scan(snapshot_id=s.snapshot_id).to_arrow().num_rows for s in table.snapshots()], "all can be read"
    assert lake.read(PEOPLE).to_pylist() == [{"who": "c"}]
    [removed] = collect(lake, now=LATER)
    assert not removed.overtaken
    assert removed.snapshots >= 2
    assert lake.read(PEOPLE).to_pylist() == [{"who": "c"}]


def test_of_two_clean_ups_at_once_one_forgets_and_both_end(lake, monkeypatch) -> None:
    for name in "abc":
        lake.write(PEOPLE, pa.table({"who": [name]}), "run")
    load, done = lake.catalog.load_table, []

    def before_another(name):
        table = load(name)
        if not done:
            done.append(True)
            done.extend(collect(lake, now=LATER))
        return table

    monkeypatch.setattr(lake.catalog, "load_table", before_another)
    [removed] = collect(lake, now=LATER)
    assert (removed.overtaken, removed.snapshots, removed.files) == (True, 0, 0)
    assert done[1].snapshots >= 2
    assert lake.read(PEOPLE).to_pylist() == [{"who": "c"}]
