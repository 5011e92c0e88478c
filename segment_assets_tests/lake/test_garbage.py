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
