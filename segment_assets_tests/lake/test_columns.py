"""What becomes of days, files and manifests when columns come and go, and days are loaded again and again."""

from dataclasses import replace
from datetime import date

import pyarrow as pa
import pytest

from segment_assets.lake import Lake, column
from segment_assets_tests.lake.test_lake import DAYS, VISITS, VISITS_WITH_CITY, visits


def test_a_column_that_allows_no_nulls_is_not_added_while_days_lack_it(lake: Lake) -> None:
    lake.write(VISITS, visits((DAYS[0], "a", 1)), "run", partitions=DAYS[:1])
    strict = VISITS.with_columns(column("city", pa.string(), "City", required=True))
    more = visits((DAYS[1], "b", 2)).append_column("city", pa.array(["x"]))
    with pytest.raises(ValueError, match="the new column city must allow nulls, because 1 days keep files without it"):
        lake.write(strict, more, "run", partitions=DAYS[1:])
    both = visits((DAYS[0], "a", 1), (DAYS[1], "b", 2)).append_column("city", pa.array(["y", "x"]))
    assert lake.write(strict, both, "run", partitions=DAYS).rows == 2


def test_a_name_given_twice_does_not_bring_back_what_it_held(lake: Lake) -> None:
    old = visits((DAYS[0], "a", 1)).append_column("city", pa.array(["old"]))
    lake.write(VISITS_WITH_CITY, old, "run", partitions=DAYS[:1])
    lake.write(VISITS, visits((DAYS[1], "b", 2)), "run", partitions=DAYS[1:])
    assert lake.read(VISITS).column_names == ["day", "who", "n"]
    new = visits((DAYS[1], "b", 2)).append_column("city", pa.array(["new"]))
    lake.write(VISITS_WITH_CITY, new, "run", partitions=DAYS[1:])
    assert lake.read(VISITS_WITH_CITY)["city"].to_pylist() == [None, "new"]


def test_a_day_is_one_file_however_often_it_was_loaded_and_manifests_are_merged(lake: Lake) -> None:
    for number in range(11):
        lake.write(
            VISITS, visits((date(2026, 1, 1 + number), "a", number)), "run", partitions=[date(2026, 1, 1 + number)]
        )
    versions = lake.state(VISITS).versions
    for number in (1, 2):
        lake.write(VISITS, visits((DAYS[0], "a", number), (DAYS[0], "b", number)), "run", partitions=DAYS[:1])
    iceberg = lake.catalog.load_table(VISITS.name)
    days = [task.file.partition[0] for task in iceberg.scan().plan_files()]
    assert len(days) == len(set(days)) == 11
    assert len(iceberg.current_snapshot().manifests(iceberg.io)) < 9
    assert {d: v for d, v in lake.state(VISITS).versions.items() if d != "2026-01-01"}.items() <= versions.items()
    assert lake.read(VISITS).num_rows == 12


def test_a_new_description_reaches_the_catalog_and_no_row_is_written_again(lake: Lake) -> None:
    rows = visits((DAYS[0], "a", 1), (DAYS[1], "b", 2))
    before = lake.write(VISITS, rows, "run", partitions=DAYS)
    described = VISITS.with_schema(
        pa.schema([*list(VISITS.schema)[:2], column("n", pa.int64(), "How often in a week")])
    )
    snapshot = lake.catalog.load_table(VISITS.name).current_snapshot()
    assert lake.write(described, rows.slice(0, 1), "run", partitions=DAYS[:1]) == replace(before, table=described)
    table = lake.catalog.load_table(VISITS.name)
    assert [field.doc for field in table.schema().fields] == ["Day", "Who", "How often in a week"]
    assert table.current_snapshot() == snapshot
    lake.write(described, rows.slice(1), "run", partitions=DAYS[1:])
    assert lake.catalog.load_table(VISITS.name).metadata_location == table.metadata_location
    assert lake.read(described)["n"].to_pylist() == [1, 2]
