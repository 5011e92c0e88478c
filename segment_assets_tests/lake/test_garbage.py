"""Files that no retained snapshot needs go; everything that can still be read stays."""

from datetime import UTC, datetime, timedelta

import pyarrow as pa

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
