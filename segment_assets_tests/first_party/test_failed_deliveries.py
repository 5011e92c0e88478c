"""What Firehose could not deliver is put where it would have gone, once."""

import base64
import json

from segment_assets.first_party.failed_deliveries import replay
from segment_assets.lake import FolderStore, Lake
from segment_assets.landing_config import EventsLanding
from segment_assets_tests.first_party.loading import event, load_days, milliseconds, normalise, put

LANDING = EventsLanding()
ERROR = "errors/processing-failed/2026/01/02/13/stream-1-2026-01-02-13-20-00-x"


def failed(record, code="errorCode", **more):
    raw = base64.b64encode(json.dumps(record).encode()).decode()
    return {"arrivalTimestamp": milliseconds(2026, 1, 2, 12, 30), code: "Lambda.FunctionError", "rawData": raw} | more


def errors(store, *records):
    store.write(ERROR, b"".join(json.dumps(r).encode() for r in records))


def test_a_record_lands_at_the_hour_it_arrived_and_is_loaded(tmp_path, lake: Lake):
    store = FolderStore(tmp_path / "landing")
    errors(store, failed(event(day=2, number=1)), failed(event(day=2, number=2), "ErrorCode"))
    found = replay(store, LANDING)
    assert found.records == {"Lambda.FunctionError": 2}
    assert [key.rpartition("/")[0] for key in found.written] == ["events/2026/01/02/12"]
    load_days(lake, store)
    account, _, _ = normalise(lake)
    assert account.events == 2


def test_a_second_replay_writes_nothing(tmp_path):
    store = FolderStore(tmp_path)
    errors(store, failed(event(day=2)))
    assert len(replay(store, LANDING, dry_run=True).written) == 1
    assert store.list(LANDING.path) == []
    replay(store, LANDING)
    before = store.list(LANDING.path)
    again = replay(store, LANDING)
    assert (again.written, again.known) == ([], 1)
    assert store.list(LANDING.path) == before


def test_a_record_that_was_delivered_after_all_is_a_duplicate(tmp_path, lake: Lake):
    store = FolderStore(tmp_path / "landing")
    put(store, 2, "a", event(day=2))
    errors(store, failed(event(day=2)))
    replay(store, LANDING)
    load_days(lake, store)
    account, _, _ = normalise(lake)
    assert (account.events, account.duplicates) == (1, 1)


def test_an_error_record_without_a_record_is_counted_with_the_key_that_is_wrong_and_stays(tmp_path):
    store = FolderStore(tmp_path)
    early = failed(event(), arrivalTimestamp=1)
    no_time = {"rawData": early["rawData"]}
    errors(store, failed(event(), rawData="no base64"), failed(event(), arrivalTimestamp="soon"), early, early, no_time)
    store.write(f"{ERROR}2", b'{"rawData": 7}\n{broken\n{"a": 1}')
    found = replay(store, LANDING)
    assert found.unreadable == {
        (ERROR, "rawData is no base64"): 1,
        (ERROR, "arrivalTimestamp is no number of milliseconds"): 1,
        (ERROR, "arrivalTimestamp, 1, is no time in milliseconds from 2000 to 2100"): 2,
        (ERROR, "it has no arrivalTimestamp"): 1,
        (f"{ERROR}2", "it has no arrivalTimestamp"): 1,
        (f"{ERROR}2", "it is no JSON object (not_json)"): 1,
        (f"{ERROR}2", "it has no rawData"): 1,
    }
    assert found.written == []
    assert [o.key for o in store.list("errors/")] == [ERROR, f"{ERROR}2"]


def test_firehose_s_own_examples(tmp_path, example_files):
    store = FolderStore(tmp_path)
    store.write(ERROR, (example_files / "firehose_error_records.jsonl").read_bytes())
    found = replay(store, LANDING)
    assert found.records == {"DataFormatConversion.MalformedData": 1, "Lambda.FunctionError": 1}
    assert (found.unreadable, len(found.written)) == ({}, 1)
