"""Any files through the pipeline's own code: `segment-assets events normalise`."""

import gzip

import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

from segment_assets.cli import main
from segment_assets.first_party.errors import LandingError
from segment_assets.first_party.normalise import files
from segment_assets.first_party.tables import ENGAGEMENT_EVENTS
from segment_assets.landing_config import EventsLanding
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
    with pytest.raises(LandingError, match="same path"):
        files([path, path], AUTO, tmp_path / "scratch")


def test_the_command_writes_parquet_and_says_what_was_refused(tmp_path):
    path = put(tmp_path, "events/2026/01/01/12/a.gz", event(), {"who": "dana@example.org"})
    out = tmp_path / "out.parquet"
    told = CliRunner().invoke(main, ["events", "normalise", str(path), "--out", str(out), "--format", "auto"])
    assert told.exit_code == 0
    assert "2 records in 1 files = 1 events + 0 duplicates + 0 probes + 1 quarantined" in told.output
    assert "1 unknown_kind" in told.output
    assert "dana" not in told.output
    assert pq.read_table(out).num_rows == pq.read_table(tmp_path / "out.quarantined.parquet").num_rows == 1


def test_an_unknown_format_is_told_with_the_nearest():
    told = CliRunner().invoke(main, ["events", "normalise", __file__, "--out", "x.parquet", "--format", "sess"])
    assert told.exit_code == 1
    assert 'did you mean "ses"?' in told.output
