"""`segment-assets sql`: a look at the lake's tables."""

import io
import re
from pathlib import Path

import pyarrow as pa
import pytest
from click.testing import CliRunner
from rich.console import Console

from segment_assets.cli import main
from segment_assets.first_party.tables import QUARANTINED_RECORDS
from segment_assets.operations.sql_command import columns, rows, tables
from segment_assets.operations.sql_screen import show
from segment_assets.sql import SqlError
from segment_assets_tests.end_to_end.own_data import started


@pytest.fixture
def own_folder(tmp_path, monkeypatch):
    """Runs the command in a folder where a file was read."""
    folder = started(tmp_path / "own")
    folder.put("events/o.csv", "time,customer_id,event,amount\nnever,C1,purchase,1\n2026-01-01,C1,purchase,1\n")
    folder.read_events()
    monkeypatch.chdir(folder.path)
    return lambda *words: CliRunner().invoke(main, [*words])


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


@pytest.mark.parametrize(
    "statement", ["SHOW TABLES", "show tables;", "DESCRIBE raw.quarantined_records", "DESC TABLE `quarantined_records`"]
)
def test_the_lists_are_given_for_the_words_of_other_consoles(statement, own_folder):
    said = own_folder("sql", statement)
    assert said.exit_code == 0
    assert ("object_key" in said.output) == (not statement.lower().startswith("show"))
    assert said.output == own_folder("sql", *([] if "object_key" not in said.output else COLUMNS)).output


COLUMNS = ["--columns", "quarantined_records"]


def test_columns_are_listed_with_their_types_and_what_they_mean(quarantine):
    with columns(quarantine, "quarantined_records") as (names, found):
        listed = {name: (kind, what) for name, kind, what in found}
    assert names == ["column", "type", "what"]
    assert list(listed) == QUARANTINED_RECORDS.schema.names
    assert listed["position"] == ("bigint", QUARANTINED_RECORDS.schema.field("position").metadata[b"doc"].decode())


def test_a_wrong_table_of_columns_is_refused_with_the_nearest(quarantine):
    with (
        pytest.raises(SqlError, match=r'did you mean "raw\.quarantined_records"'),
        columns(quarantine, "quarantined_record"),
    ):
        pass


@pytest.mark.parametrize(
    ("statement", "sentence"),
    [
        ("SELECT reasn FROM quarantined_records", 'no column is named "reasn" (did you mean "reason"?)'),
        ("SELECT q.reasn FROM quarantined_records AS q", 'no column is named "reasn" (did you mean "reason"?)'),
        ("WITH a AS (SELECT reason AS why FROM quarantined_records) SELECT wy FROM a", '(did you mean "why"?)'),
        ("SELECT table_name FROM information_schema.tables", "--columns TABLE"),
        ("EXPLAIN SELECT 1", "must be a SELECT, not EXPLAIN"),
    ],
)
def test_a_mistake_names_what_is_nearest_and_nothing_else_is_printed(quarantine, caplog, statement, sentence):
    with pytest.raises(SqlError) as refused:
        asked(quarantine, statement)
    assert sentence in str(refused.value)
    assert "\n" not in str(refused.value)
    assert caplog.messages == []


@pytest.mark.parametrize(
    ("statement", "headers"),
    [
        (
            "SELECT CAST(position AS INT), count( * ), position*2 n FROM quarantined_records GROUP BY ALL",
            ["CAST(position AS INT)", "count( * )", "n"],
        ),
        ("WITH a AS (SELECT 1 AS b, 2) SELECT DISTINCT b + 1,\n  a.b FROM a", ["b + 1", "b"]),
        ("SELECT COALESCE(reason, 'x') FROM quarantined_records UNION ALL SELECT 'y'", ["COALESCE(reason, 'x')"]),
        ("(SELECT max(position) FROM quarantined_records)", ["MAX(position)"]),
        ("SELECT posexplode(ARRAY(1)) FROM quarantined_records", ["pos", "col"]),
        ("SELECT *, 1+1 FROM (SELECT reason FROM quarantined_records)", ["reason", "1+1"]),
    ],
)
def test_a_header_is_what_was_written(quarantine, statement, headers):
    assert asked(quarantine, statement)[0] == headers


def printed(names, *rows):
    out = io.StringIO()
    show(Console(file=out, width=60), names, iter(rows))
    return out.getvalue()


def test_what_fits_is_a_table_and_long_values_are_folded():
    assert printed(["a", "b"], (1, "[x]"), (None, b"C\xff")) == "a  b  \n1  [x]\n   C\ufffd \n"
    assert printed(["number", "record"], (1, "x" * 80)).startswith("number  record")


def test_columns_that_do_not_fit_are_printed_one_below_the_other():
    names = [f"a_long_name_{n}" for n in range(10)]
    said = printed(names, range(10), range(10)).splitlines()
    assert said[:3] == ["row 1", "  a_long_name_0  0", "  a_long_name_1  1"]
    assert said[11] == "row 2"
    assert "The columns do not fit side by side" in " ".join(said[22:])
    assert "The first 20 rows; --csv" in printed(names, *[range(10)] * 21)


def test_of_many_rows_the_first_are_shown():
    assert printed(["a"], *((n,) for n in range(101))).splitlines()[-2:] == [
        "99",
        "The first 100 rows; --csv writes all of them.",
    ]


def test_the_command_prints_what_the_page_on_quarantine_shows(own_folder):
    page = (Path(__file__).parents[2] / "docs" / "quarantine.md").read_text()
    commands = re.findall(r'^segment-assets sql "(.*)"$', page, re.MULTILINE)
    printed = [own_folder("sql", statement) for statement in commands]
    assert [ended.exit_code for ended in printed] == [0] * len(commands) != []
    assert "events/o.csv  bad_time  1" in printed[0].output
    assert '"time":"never"' in printed[1].output
    assert "raw.quarantined_records" in own_folder("sql").output
    assert own_folder("sql", "--csv", "SELECT reason FROM quarantined_records").output == ("reason\nbad_time\n")
