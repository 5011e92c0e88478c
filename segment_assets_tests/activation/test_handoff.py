"""Files with a manifest that is written last."""

import hashlib
import json
from datetime import date, timedelta

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from segment_assets.activation.activate import activate, stages
from segment_assets.activation.handoff import FileHandoff
from segment_assets.activation.port import ActivationError, Receipt, Status
from segment_assets.activation.recipients import wanted
from segment_assets.lake import FolderStore
from segment_assets_tests.activation.world import members, order


class Recorded(FolderStore):
    """Remembers the order in which it was written to."""

    def __init__(self, root):
        super().__init__(root)
        self.written = []

    def write(self, key, content):
        super().write(key, content)
        self.written.append(key.rpartition("/")[2])


@pytest.fixture
def exports(tmp_path):
    return Recorded(tmp_path / "exports")


def handed(lake, exports, file_format="csv", **changed):
    files = FileHandoff(exports, file_format, ["sms", "email"], timedelta(days=30))
    wanted_ = wanted(lake, "win_back", "members")
    return activate(lake, files, order("handoff", wording=file_format, **changed), wanted_, "run")


def killed_after(step, lake, exports):
    files = FileHandoff(exports, "csv", ["sms", "email"], timedelta(days=30))
    running = stages(lake, files, order("handoff", wording="csv"), wanted(lake, "win_back", "members"), "run")
    for done in running:
        if done == step:
            return


def holding(exports):
    """Who is in by the reader's rule: the highest sequence whose manifest is there, and that there is one of it."""
    manifests = [f.key for f in exports.list("handoff/") if f.key.endswith("manifest.json")]
    sequences = [json.loads(exports.read(key))["sequence"] for key in manifests]
    assert len(set(sequences)) == len(sequences)
    _, content = last(exports)
    return {line.split(",")[0] for line in content.decode().splitlines() if line.split(",")[1] == "in"}


def last(exports):
    manifests = [f.key for f in exports.list("handoff/") if f.key.endswith("manifest.json")]
    described = json.loads(exports.read(max(manifests)))
    return described, exports.read(max(manifests).replace("manifest.json", described["files"][0]["key"]))


def test_the_manifest_describes_the_file_and_comes_last(lake, exports):
    members(lake, {"anna": 0.91234, "bo": 0.8}, channels=("email", "sms"))
    handed(lake, exports)
    described, content = last(exports)
    assert exports.written == ["part-000.csv", "manifest.json"]
    assert described["files"] == [
        {"key": "part-000.csv", "rows": 2, "bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
    ]
    assert described["counts"] == {"in": 2, "out": 0, "joined": 2, "left": 0}
    assert described["consent_basis"] == (
        "consent.marketing.CHANNEL=granted, for each CHANNEL (email, sms) in the row's channels at 2026-09-22"
    )
    assert described["expires_at"] == "2026-10-22T00:00:00Z"
    assert content.decode().splitlines() == [
        "customer_id,state,score,band,channels",
        "anna,in,0.9123,high,email|sms",
        "bo,in,0.8,high,email|sms",
    ]


def test_the_manifest_has_the_keys_of_the_example(lake, exports, example_files):
    members(lake, {"anna": 0.9})
    handed(lake, exports)
    example = json.loads((example_files / "s3_handoff_manifest.json").read_text())
    described, _ = last(exports)
    assert set(example) - set(described) == {"generated_at"}  # the wall clock: the same content has the same bytes
    assert set(example["files"][0]) == set(described["files"][0])
    assert example["schema"][:2] == described["schema"][:2]


def test_who_leaves_is_in_the_file_as_out(lake, exports):
    members(lake, {"anna": 0.9, "bo": 0.8})
    handed(lake, exports)
    members(lake, {"bo": 0.8})
    handed(lake, exports)
    described, content = last(exports)
    assert described["counts"] == {"in": 1, "out": 1, "joined": 0, "left": 1}
    assert "anna,out,,," in content.decode().splitlines()


def test_a_file_of_departures_alone_says_that_it_is_not_the_whole_segment(lake, exports):
    members(lake, {"anna": 0.9, "bo": 0.8})
    handed(lake, exports)
    assert last(exports)[0]["mode"] == "full"
    members(lake, {"bo": 0.8})
    handed(lake, exports, min_size=2)
    described, content = last(exports)
    assert described["mode"] == "delta"
    assert described["counts"] == {"in": 0, "out": 1, "joined": 0, "left": 1}
    assert content.decode().splitlines()[1:] == ["anna,out,,,"]


@pytest.mark.parametrize("step", ["begin", "submit", "poll", "verify"])
@pytest.mark.parametrize("meanwhile", [{"anna": 0.9, "bo": 0.8}, {}], ids=["some", "nobody"])
def test_whoever_withdraws_after_a_killed_run_is_not_in_the_folder_that_holds(lake, exports, step, meanwhile):
    members(lake, {"anna": 0.9})
    handed(lake, exports)
    members(lake, meanwhile)
    killed_after(step, lake, exports)
    members(lake, {"cleo": 0.7})
    killed_after(step, lake, exports)  # and once more
    members(lake, {"anna": 0.9})
    outcome = handed(lake, exports)
    assert outcome.plan.sequence == 4  # what was begun is spent
    assert holding(exports) == {"anna"}


def test_a_killed_run_that_told_the_same_is_finished_under_its_number(lake, exports):
    members(lake, {"anna": 0.9})
    killed_after("submit", lake, exports)
    before = {f.key: exports.read(f.key) for f in exports.list("handoff/")}
    assert handed(lake, exports).plan.sequence == 1
    assert {f.key: exports.read(f.key) for f in exports.list("handoff/")} == before


def test_unchanged_on_a_later_day_writes_nothing(lake, exports):
    members(lake, {"anna": 0.9})
    handed(lake, exports)
    members(lake, {"anna": 0.9}, day=date(2026, 9, 23))
    outcome = handed(lake, exports, as_of=date(2026, 9, 23))
    assert outcome.plan.why_nothing.startswith("unchanged")
    assert len(exports.written) == 2


def test_parquet_holds_the_same_rows(lake, exports):
    members(lake, {"anna": 0.9, "bo": 0.8})
    handed(lake, exports, "parquet")
    _, content = last(exports)
    table = pq.read_table(pa.BufferReader(content))
    assert table["customer_id"].to_pylist() == ["anna", "bo"]
    assert table["score"].to_pylist() == [0.9, 0.8]


def test_a_file_that_does_not_match_its_manifest_is_found(lake, exports):
    members(lake, {"anna": 0.9})
    outcome = handed(lake, exports)
    folder = outcome.receipt.location
    exports.write(f"{folder}part-000.csv", b"customer_id\nmallory\n")
    files = FileHandoff(exports, "csv", ["email"], timedelta(days=30))
    with pytest.raises(ActivationError, match=r"part-000\.csv does not hold what its manifest says"):
        files.verify(outcome.plan, Receipt(None, folder, 1), Status("SUCCEEDED"))
