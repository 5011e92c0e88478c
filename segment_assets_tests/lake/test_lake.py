"""The lake writes whole partitions in one commit, and knows the version of what it holds."""

import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from functools import partial
from multiprocessing import get_context
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from segment_assets.lake import Lake, Table, column
from segment_assets.lake.embedded import open_catalog
from segment_assets_tests.aws_double.world import lake as on_aws
from segment_assets_tests.aws_double.world import world

DAYS = [date(2026, 1, 1), date(2026, 1, 2)]
VISITS = Table(
    "test.visits",
    "Visits.",
    pa.schema(
        [
            column("day", pa.date32(), "Day", required=True),
            column("who", pa.string(), "Who", required=True),
            column("n", pa.int64(), "How often"),
        ]
    ),
    key=("day", "who"),
    partition="day",
)
VISITS_WITH_CITY = VISITS.with_columns(column("city", pa.string(), "City"))
PEOPLE = Table(
    "test.people",
    "People.",
    pa.schema([column("who", pa.string(), "Who", required=True), column("n", pa.int64(), "Number")]),
    key=("who",),
)


@pytest.fixture(params=["embedded", "aws"])
def lake(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Lake]:
    """The contract holds for both lakes."""
    if request.param == "embedded":
        root = tmp_path / "lake"
        yield Lake(partial(open_catalog, root), root / "scratch", memory_limit="500MB")
        return
    with world(monkeypatch) as (_, where):
        yield on_aws(where, tmp_path)


def visits(*rows: tuple[date, str, int]) -> pa.Table:
    days, who, n = zip(*rows, strict=True) if rows else ((), (), ())
    return pa.table(
        {"day": pa.array(days, pa.date32()), "who": pa.array(who, pa.string()), "n": pa.array(n, pa.int64())}
    )


def test_only_the_partitions_named_are_replaced(lake: Lake) -> None:
    lake.write(VISITS, visits((DAYS[0], "a", 1), (DAYS[1], "a", 2)), "run", partitions=DAYS)
    lake.write(VISITS, visits((DAYS[1], "b", 3)), "run", partitions=DAYS[1:])
    assert lake.read(VISITS).to_pylist() == [
        {"day": DAYS[0], "who": "a", "n": 1},
        {"day": DAYS[1], "who": "b", "n": 3},
    ]


def test_versions_name_content_and_not_the_order_it_came_in(lake: Lake) -> None:
    first = lake.write(PEOPLE, pa.table({"who": ["a", "b"], "n": [1, 2]}), "run 1")
    again = lake.write(PEOPLE, pa.table({"who": ["b", "a"], "n": [2, 1]}), "run 2")
    other = lake.write(PEOPLE, pa.table({"who": ["b", "a"], "n": [2, 7]}), "run 3")
    assert first.version == again.version != other.version


def test_equal_content_commits_nothing(lake: Lake) -> None:
    rows = pa.table({"who": ["a"], "n": [1]})
    lake.write(PEOPLE, rows, "run 1")
    before = lake.catalog.load_table(PEOPLE.name).metadata_location
    lake.write(PEOPLE, rows, "run 2")
    assert lake.catalog.load_table(PEOPLE.name).metadata_location == before


def test_a_day_without_rows_is_known_and_empty(lake: Lake) -> None:
    written = lake.write(VISITS, visits((DAYS[0], "a", 1)), "run", partitions=DAYS)
    assert set(written.versions) == {"2026-01-01", "2026-01-02"}
    emptied = lake.write(VISITS, visits(), "run", partitions=DAYS[:1])
    assert (emptied.rows, set(emptied.versions)) == (0, {"2026-01-01", "2026-01-02"})


def test_repeated_keys_are_refused_and_nothing_is_written(lake: Lake) -> None:
    with pytest.raises(ValueError, match="1 rows repeat a key"):
        lake.write(PEOPLE, pa.table({"who": ["a", "a"], "n": [1, 2]}), "run")
    assert lake.state(PEOPLE).versions == {}


def test_rows_outside_the_partitions_named_are_refused(lake: Lake) -> None:
    with pytest.raises(ValueError, match="2026-01-02 lie outside"):
        lake.write(VISITS, visits((DAYS[1], "a", 1)), "run", partitions=DAYS[:1])


def test_columns_come_and_go_with_the_schema(lake: Lake) -> None:
    lake.write(PEOPLE, pa.table({"who": ["a"], "n": [1]}), "run")
    wider = PEOPLE.with_columns(column("city", pa.string(), "City"))
    lake.write(wider, pa.table({"who": ["a"], "n": [1], "city": ["x"]}), "run")
    assert lake.read(wider).to_pylist() == [{"who": "a", "n": 1, "city": "x"}]
    lake.write(PEOPLE, pa.table({"who": ["a"], "n": [1]}), "run")
    assert lake.read(PEOPLE).column_names == ["who", "n"]


def test_a_column_described_between_others_is_added_once(lake: Lake) -> None:
    lake.write(PEOPLE, pa.table({"who": ["ann"], "n": pa.array([1], pa.int64())}), "r1")
    wider = replace(PEOPLE, schema=pa.schema([PEOPLE.schema[0], column("kind", pa.string(), "Kind"), PEOPLE.schema[1]]))
    rows = pa.table({"who": ["ann"], "kind": ["a"], "n": pa.array([1], pa.int64())})
    lake.write(wider, rows, "r2")
    snapshot = lake.catalog.load_table(PEOPLE.name).current_snapshot()
    lake.write(wider, rows, "r3")
    assert lake.catalog.load_table(PEOPLE.name).current_snapshot() == snapshot, "it stands at the end in the catalog"
    assert lake.read(wider).to_pylist() == rows.to_pylist()


def test_a_column_that_is_described_since_is_read_as_empty(lake: Lake) -> None:
    wider = PEOPLE.with_columns(column("city", pa.string(), "City"))
    lake.write(PEOPLE, PEOPLE.empty(), "run")
    assert lake.read(wider).column_names == ["who", "n", "city"]
    lake.write(PEOPLE, pa.table({"who": ["a"], "n": [1]}), "run")
    assert lake.read(wider).to_pylist() == [{"who": "a", "n": 1, "city": None}]


def test_days_from_before_a_column_read_as_empty_and_are_not_written_again(lake: Lake) -> None:
    narrow = lake.write(VISITS, visits((DAYS[0], "a", 1)), "run", partitions=DAYS[:1])
    before = _files(lake)
    with lake.connect(VISITS_WITH_CITY) as db:
        assert db.sql("SELECT who, city FROM visits").fetchall() == [("a", None)]
    more = visits((DAYS[1], "b", 2)).append_column("city", pa.array(["x"]))
    wide = lake.write(VISITS_WITH_CITY, more, "run", partitions=DAYS[1:])
    assert [(r["who"], r["city"]) for r in lake.read(VISITS_WITH_CITY).to_pylist()] == [("a", None), ("b", "x")]
    assert (wide.rows, wide.versions["2026-01-01"]) == (2, narrow.versions["2026-01-01"])
    assert before < _files(lake)


def _files(lake: Lake) -> set[str]:
    return {task.file.file_path for task in lake.catalog.load_table(VISITS.name).scan().plan_files()}


def test_inputs_and_as_of_are_kept_with_the_rows(lake: Lake) -> None:
    written = lake.write(
        VISITS, visits((DAYS[0], "a", 1)), "run", partitions=DAYS[:1], inputs={"2026-01-01": "v1"}, as_of=DAYS[0]
    )
    assert (lake.inputs(VISITS), written.as_of) == ({"2026-01-01": "v1"}, DAYS[0])
    lake.write(PEOPLE, pa.table({"who": ["a"], "n": [1]}), "run", as_of=DAYS[1])
    assert lake.as_of(VISITS, PEOPLE) == DAYS[0]


def test_a_table_that_was_never_written_reads_as_empty(lake: Lake) -> None:
    assert lake.read(PEOPLE).num_rows == 0
    assert lake.as_of(PEOPLE) is None


def test_files_are_snappy_and_version_2_as_clean_rooms_reads_them(lake: Lake) -> None:
    lake.write(PEOPLE, pa.table({"who": ["a"], "n": [1]}), "run")
    iceberg = lake.catalog.load_table(PEOPLE.name)
    [task] = iceberg.scan().plan_files()
    with iceberg.io.new_input(task.file.file_path).open() as file:
        codec = pq.ParquetFile(file).metadata.row_group(0).column(0).compression
    assert (codec, iceberg.format_version) == ("SNAPPY", 2)


def test_duckdb_sees_only_the_tables_it_was_given(lake: Lake) -> None:
    lake.write(PEOPLE, pa.table({"who": ["a"], "n": [1]}), "run")
    with lake.connect(PEOPLE) as db:
        assert db.sql("SELECT who FROM people").fetchall() == [("a",)]
        with pytest.raises(Exception, match="visits"):
            db.sql("SELECT * FROM visits")


def test_what_a_killed_process_spilled_is_removed_by_the_next(tmp_path: Path) -> None:
    """Rows of the raw zone can be read in it."""
    root = tmp_path / "lake"
    query = "SELECT MAX(LENGTH(b)) FROM (SELECT LAG(t) OVER (PARTITION BY n % 7 ORDER BY t) AS b FROM "
    query += "(SELECT n, REPEAT(n::VARCHAR, 20) AS t FROM range(5_000_000) AS t(n)))"
    start = get_context("spawn")
    process = start.Process(target=_spill, args=(root, query))
    process.start()
    while process.is_alive() and not list((root / "scratch").glob("*/*.tmp")):
        time.sleep(0.05)
    process.kill()
    process.join()
    assert list((root / "scratch").glob("*/*.tmp"))
    with Lake(partial(open_catalog, root), root / "scratch").connect() as db:
        db.execute("SELECT 1")
    assert not list((root / "scratch").glob("*/*"))


def _spill(root: Path, query: str) -> None:
    with Lake(partial(open_catalog, root), root / "scratch", memory_limit="60MB", threads=1).connect() as db:
        db.sql(query).fetchall()


def test_a_query_larger_than_its_memory_spills(tmp_path: Path) -> None:
    root = tmp_path / "lake"
    small = Lake(partial(open_catalog, root), root / "scratch", memory_limit="60MB", threads=1)
    with small.connect() as db:
        [(longest,)] = db.sql(
            "SELECT MAX(LENGTH(before)) FROM (SELECT LAG(text) OVER (PARTITION BY n % 7 ORDER BY text) AS before "
            "FROM (SELECT n, REPEAT(n::VARCHAR, 20) AS text FROM range(500_000) AS t(n)))"
        ).fetchall()
    assert longest == 120
