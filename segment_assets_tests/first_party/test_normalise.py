"""Any files through the pipeline's own code: `segment-assets events normalise`."""

import gzip
import os
from shutil import copy

import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

from segment_assets.cli import main
from segment_assets.first_party.errors import LandingError
from segment_assets.first_party.normalise import files
from segment_assets.first_party.tables import ENGAGEMENT_EVENTS
from segment_assets.lake import Lake
from segment_assets.landing_config import EventsLanding
from segment_assets.operations.words import counted
from segment_assets.segmentation import CONFIG_VARIABLE, DEMO_FILE
from segment_assets_tests.first_party.loading import event, text

AUTO = EventsLanding()


def put(folder, name, *records):
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(gzip.compress(text(*records), mtime=0))
    return path


def test_each_event_is_written_once_and_each_record_is_accounted_for(tmp_path):
    one = put(tmp_path, "events/2026/01/01/12/a.gz", event(number=1), event(number=2), b"{broken")
    two = put(tmp_path, "events/2026/01/02/12/b.gz", event(number=2), event("_test.event_stream"))
    found = files([two, one], AUTO, tmp_path / "scratch")
    assert sorted(dict(e["properties"])["n"] for e in found.events.to_pylist()) == ["1", "2"]
    assert found.events.schema.equals(ENGAGEMENT_EVENTS.schema)
    account = found.account
    assert (found.delivered, account.events, account.duplicates, account.probes) == (5, 2, 1, 1)
    assert found.quarantined["reason"].to_pylist() == ["not_json"]


def test_order_of_files_changes_nothing(tmp_path):
    paths = [put(tmp_path, f"events/2026/01/0{d}/12/x.gz", event(number=1), event(number=d)) for d in (2, 3, 4)]
    there, back = (files(order, AUTO, tmp_path / str(n)) for n, order in enumerate((paths, paths[::-1])))
    assert there.events.equals(back.events)


def test_one_path_twice_is_refused(tmp_path):
    path = put(tmp_path, "a.gz", event())
    with pytest.raises(LandingError, match="is named twice: name each file once"):
        files([path, path], AUTO, tmp_path / "scratch")


def test_the_command_writes_parquet_and_says_what_was_refused(tmp_path):
    path = put(tmp_path, "events/2026/01/01/12/a.gz", event(), {"who": "dana@example.org"})
    out = tmp_path / "out.parquet"
    told = CliRunner().invoke(main, ["events", "normalise", str(path), "--out", str(out), "--format", "auto"])
    assert told.exit_code == 0
    assert "2 records in 1 file = 1 event + 0 duplicates + 0 probes + 1 quarantined" in told.output
    assert "1 unknown_kind" in told.output
    assert "dana" not in told.output
    assert pq.read_table(out).num_rows == pq.read_table(tmp_path / "out.quarantined.parquet").num_rows == 1


def test_an_unknown_format_is_told_with_the_nearest():
    told = CliRunner().invoke(main, ["events", "normalise", __file__, "--out", "x.parquet", "--format", "sess"])
    assert told.exit_code == 1
    assert 'did you mean "ses"?' in told.output


def run(*arguments):
    told = CliRunner().invoke(main, ["events", "normalise", *map(str, arguments), "--format", "auto"])
    return told.exit_code, " ".join(told.output.split())


def test_a_folder_is_every_file_below_it_and_a_pattern_what_it_matches(tmp_path):
    put(tmp_path / "in", "2026/01/01/12/a.gz", event(number=1))
    put(tmp_path / "in", "2026/01/02/12/b.gz", event(number=2))
    put(tmp_path / "in", "2026/01/02/12/.hidden", event(number=3))
    out = tmp_path / "out.parquet"
    for named, files_ in ((tmp_path / "in", 2), (tmp_path / "in" / "**" / "b*", 1)):
        code, said = run(named, "--out", out)
        assert (code, pq.read_table(out).num_rows) == (0, files_)
        assert f"{counted(files_, 'record')} in {counted(files_, 'file')}" in said


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["nothing.json", "--out", "out.parquet"], "nothing.json: there is no such file, and no file below it"),
        (["*.json", "--out", "out.parquet"], "*.json: there is no such file"),
        (["-", "--out", "out.parquet"], "standard input is not read"),
        (["a.gz", "--out", "nowhere/out.parquet"], "there is no folder nowhere"),
        (["a.gz", "--out", ""], "--out names no file"),
        (["a.gz", "--out", "x" * 300], "can't be written: File name too long"),
        (["a.gz", "--out", "/proc/out.parquet"], "/proc/out.parquet: can't be written"),
        (["a.gz", "--out", "pipe"], "pipe: is no file, and is not written over"),
        (["a.gz", "--out", "a.gz"], "a.gz: is one of the files to read"),
        (["a.gz", "a.gz", "--out", "out.parquet"], "a.gz: is named twice: name each file once"),
    ],
)
def test_what_cannot_be_done_is_one_sentence_and_nothing_is_written(tmp_path, monkeypatch, arguments, said):
    monkeypatch.chdir(tmp_path)
    before = put(tmp_path, "a.gz", event()).read_bytes()
    os.mkfifo("pipe")
    code, told = run(*arguments)
    assert code == 1
    assert said in told
    assert "Traceback" not in told
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.gz", "pipe"]
    assert (tmp_path / "a.gz").read_bytes() == before
    assert (tmp_path / "pipe").is_fifo()


def test_a_link_leads_to_what_is_written(tmp_path):
    (tmp_path / "out.parquet").symlink_to("there.parquet")
    assert run(put(tmp_path, "a.gz", event()), "--out", tmp_path / "out.parquet")[0] == 0
    assert (tmp_path / "out.parquet").is_symlink()
    assert pq.read_table(tmp_path / "there.parquet").num_rows == 1


def test_a_file_whose_name_is_no_utf8_is_read_under_a_name_that_can_be_written(tmp_path):
    odd = tmp_path / os.fsdecode(b"\xff\xfe.json")
    odd.write_bytes(text(event()))
    held = files([odd], AUTO, tmp_path / "scratch")
    [found] = held.events["raw_uri"].to_pylist()
    assert found.endswith(r"/\xff\xfe.json")


def test_files_of_one_name_in_other_folders_are_two(tmp_path, monkeypatch):
    put(tmp_path, "in/a.json", event(number=1))
    put(tmp_path, "at/in/a.json", event(number=2))
    monkeypatch.chdir(tmp_path / "at")
    assert "2 records in 2 files = 2 events" in run("../in/a.json", "in/a.json", "--out", "out.parquet")[1]


def test_a_disk_that_is_full_leaves_no_half_of_a_file(tmp_path, monkeypatch):
    path = put(tmp_path, "a.gz", event())

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Lake, "batches", full)
    code, told = run(path, "--out", tmp_path / "out.parquet")
    assert (code, "can't be written: No space left on device" in told) == (1, True)
    assert [p.name for p in tmp_path.iterdir()] == ["a.gz"]


def test_what_is_written_in_pieces_is_what_is_held(tmp_path, monkeypatch):
    paths = [
        put(tmp_path, f"events/2026/01/0{d}/12/x.gz", *(event(number=d * 9 + n) for n in range(9))) for d in (2, 3)
    ]
    held = files(paths, AUTO, tmp_path / "scratch")
    batches = Lake.batches
    monkeypatch.setattr(Lake, "batches", lambda lake, table: batches(lake, table, rows=4))
    held.write(tmp_path / "out.parquet", tmp_path / "beside.parquet")
    assert pq.read_table(tmp_path / "out.parquet").equals(held.events)
    assert held.events.num_rows == 18


def test_without_a_segmentation_file_each_record_is_told_by_its_keys(tmp_path, monkeypatch):
    monkeypatch.delenv(CONFIG_VARIABLE, raising=False)
    monkeypatch.chdir(tmp_path)
    mail = {"timestamp": "2026-09-21T14:13:20.000Z", "messageId": "m", "destination": ["dana@example.org"]}
    path = put(tmp_path, "ses.gz", {"eventType": "Send", "mail": mail, "send": {}}, event())
    told = CliRunner().invoke(main, ["events", "normalise", str(path), "--out", str(tmp_path / "out.parquet")])
    assert "2 records in 1 file = 2 events" in told.output
    assert "read as      auto, as there is no segmentation.yaml" in told.output
    copy(DEMO_FILE, tmp_path / "segmentation.yaml")
    told = CliRunner().invoke(main, ["events", "normalise", str(path), "--out", str(tmp_path / "out.parquet")])
    assert "1 missing_key" in told.output
    assert "read as      pinpoint, as segmentation.yaml says" in told.output
