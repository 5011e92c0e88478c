"""`segment-assets sql`: a look at the lake's tables."""

import re
from pathlib import Path

import pyarrow as pa
import pytest
from click.testing import CliRunner

from segment_assets.cli import main
from segment_assets.first_party.tables import QUARANTINED_RECORDS
from segment_assets.operations.sql_command import rows, tables
from segment_assets.sql import SqlError
from segment_assets_tests.end_to_end.own_data import started


@pytest.fixture
def quarantine(lake):
    found = [
        {"arrival_date": None, "object_key": f"events/{n}.csv", "position": n, "reason": reason, "record": b"C\xff;1"}
        for n, reason in enumerate(["bad_time", "bad_time", "not_json"])
    ]
    days = pa.Table.from_pylist(found, QUARANTINED_RECORDS.schema).set_column(
        0, QUARANTINED_RECORDS.schema.field(0), pa.array([20_000] * 3, pa.int32()).cast(pa.date32())
    )
    lake.write(QUARANTINED_RECORDS, days, "run")
    return lake


def asked(lake, statement):
    with rows(lake, statement) as (names, found):
        return names, list(found)


@pytest.mark.parametrize(
    "table", ["raw.quarantined_records", "quarantined_records", "(SELECT * FROM raw.quarantined_records)"]
)
def test_a_table_is_asked_with_or_without_its_namespace(quarantine, table):
    statement = f"SELECT q.reason, COUNT(*) AS n FROM {table} AS q GROUP BY ALL ORDER BY ALL"
    assert asked(quarantine, statement) == (["reason", "n"], [("bad_time", 2), ("not_json", 1)])


def test_tables_are_listed_with_their_rows_and_what_they_are(quarantine):
    with tables(quarantine) as (_, found):
        assert list(found) == [("raw.quarantined_records", "3", QUARANTINED_RECORDS.description)]


@pytest.mark.parametrize(
    ("statement", "sentence"),
    [
        ("DELETE FROM raw.quarantined_records", "must be a SELECT"),
        ("SELECT 1 INTO x FROM raw.quarantined_records", "nothing is written"),
        ("SELECT * FROM raw.quarantined_record", r'did you mean "raw\.quarantined_records"'),
        ("SELECT * FROM read_csv('x.csv')", "no table is called"),
        ("SELECT * FROM `x.parquet`", "no table is called"),
        ("SELECT raisin FROM raw.quarantined_records", "raisin"),
        ("SELECT FROM WHERE", "sql: "),
        ("SELECT reason FROM raw.quarantined_records WHERE position = object_key", "types do not fit the values"),
    ],
)
def test_what_is_no_select_over_a_table_is_refused_in_a_sentence(quarantine, statement, sentence):
    with pytest.raises(SqlError, match=sentence) as refused:
        asked(quarantine, statement)
    assert "events/0.csv" not in str(refused.value)
    assert asked(quarantine, "SELECT COUNT(*) FROM quarantined_records")[1] == [(3,)]


def test_the_command_prints_what_the_page_on_quarantine_shows(tmp_path, monkeypatch):
    folder = started(tmp_path / "own")
    folder.put("events/o.csv", "time,customer_id,event,amount\nnever,C1,purchase,1\n2026-01-01,C1,purchase,1\n")
    folder.read_events()
    monkeypatch.chdir(folder.path)
    page = (Path(__file__).parents[2] / "docs" / "quarantine.md").read_text()
    commands = re.findall(r'^segment-assets sql "(.*)"$', page, re.MULTILINE)
    printed = [CliRunner().invoke(main, ["sql", statement]) for statement in commands]
    assert [ended.exit_code for ended in printed] == [0] * len(commands) != []
    assert "events/o.csv  bad_time  1" in printed[0].output
    assert '"time":"never"' in printed[1].output
    assert "raw.quarantined_records" in CliRunner().invoke(main, ["sql"]).output
    assert CliRunner().invoke(main, ["sql", "--csv", "SELECT reason FROM quarantined_records"]).output == (
        "reason\nbad_time\n"
    )
