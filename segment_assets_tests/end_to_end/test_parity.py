"""The same data embedded and on the double of AWS, as deployed, with IAM in force: the same tables, hash for hash."""

from pathlib import Path

import dagster as dg
import pytest
from rich.console import Console

from segment_assets.activation.tables import ACTIVATION_LEDGER
from segment_assets.clean_room.tables import DIFFERENCING, RELEASED_GROUPS
from segment_assets.lake import Lake
from segment_assets.operations import aws_command
from segment_assets.operations.refresh import Run
from segment_assets.segmentation import Segmentation
from segment_assets_tests.aws_double.arrivals import make_queue
from segment_assets_tests.aws_double.world import world
from segment_assets_tests.deploy.calls import PREFIX
from segment_assets_tests.deploy.deployed import AsDeployed, make, places, segmentation, settled
from segment_assets_tests.deploy.guard import Guard
from segment_assets_tests.end_to_end.world import opened_world

DOCS = Path(__file__).parents[2] / "docs"
# Says where the files lie and which job read them, which is another place on AWS.
PLACED = {ACTIVATION_LEDGER.name: ["job_id", "location"]}
# What the owner is told of people behind results, whom on AWS nobody but the clean room sees.
WATCHED_HERE = {DIFFERENCING.name, RELEASED_GROUPS.name}


def rows_where_places_differ(lake: Lake) -> list[dict[str, object]]:
    return lake.read(ACTIVATION_LEDGER).drop(PLACED[ACTIVATION_LEDGER.name]).to_pylist()


def failures(instance: dg.DagsterInstance, runs: list[Run]) -> list[str]:
    events = [r.dagster_event for run in runs if not run.success for r in instance.all_logs(run.run_id)]
    errors = [(e.step_key, e.event_specific_data.error) for e in events if e and e.is_step_failure]
    return [f"{step}: {(error.cause or error).message}" for step, error in errors]


def test_every_table_is_the_same_embedded_and_on_aws_where_each_step_has_its_own_role(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = Segmentation.model_validate(segmentation(None))
    with opened_world(tmp_path / "embedded", config) as here:
        here.refresh()
        tables, ledger = here.hashes(), rows_where_places_differ(here.lake)
    with world(monkeypatch) as (aws, _):
        where = places(aws)
        make(aws, where, config)
        where = where.model_copy(update={"arrivals_queue": make_queue(where, f"{PREFIX}-arrivals")})
        on_aws_too = settled(monkeypatch, tmp_path / "aws", where)
        assert aws_command.apply(Console(quiet=True))  # a person does it
        with opened_world(tmp_path / "aws", on_aws_too) as there:
            guard, before = Guard(aws), len(aws.calls)
            aws.gate = guard
            runs = AsDeployed(there.defs, there.instance, there.home / "state", aws=aws).run()
            assert guard.denied == []
            assert failures(there.instance, runs) == []
            aws.gate = None
            # An upload to a URL that Customer Profiles signed is no operation of an API, and has no service.
            called = {f"| {call.service} | {call.operation} |" for call in aws.calls[before:] if call.service}
            on_aws, ledger_on_aws = there.hashes(), rows_where_places_differ(there.lake)
            assert there.refresh() == [], "a second time nothing is built"
    listed = (DOCS / "aws.md").read_text()
    assert sorted(row for row in called if row not in listed) == [], "docs/aws.md lists every call of the demo"
    assert on_aws.keys() == tables.keys() - WATCHED_HERE
    assert [name for name in on_aws if name not in PLACED and tables[name] != on_aws[name]] == []
    assert ledger == ledger_on_aws
