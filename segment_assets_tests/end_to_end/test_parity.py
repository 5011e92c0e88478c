"""The same data embedded and on the double of AWS: the same tables, hash for hash."""

from pathlib import Path

import pytest
import yaml
from rich.console import Console

from segment_assets import deployment
from segment_assets.activation.tables import ACTIVATION_LEDGER
from segment_assets.lake import Lake
from segment_assets.operations import aws_command
from segment_assets.segmentation import CONFIG_VARIABLE, load
from segment_assets_tests.aws_double.arrivals import make_queue
from segment_assets_tests.aws_double.world import make_applications, world
from segment_assets_tests.end_to_end.world import opened_world
from segment_assets_tests.small_world import SMALL_SEGMENTATION

DOCS = Path(__file__).parents[2] / "docs"
# Says where the files lie and which job read them, which is another place on AWS.
PLACED = {ACTIVATION_LEDGER.name: ["job_id", "location"]}


def rows_where_places_differ(lake: Lake) -> list[dict[str, object]]:
    return lake.read(ACTIVATION_LEDGER).drop(PLACED[ACTIVATION_LEDGER.name]).to_pylist()


def test_every_table_is_the_same_embedded_and_on_aws(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = load(SMALL_SEGMENTATION)
    with opened_world(tmp_path / "embedded", config) as here:
        here.refresh()
        tables, ledger = here.hashes(), rows_where_places_differ(here.lake)
    with world(monkeypatch) as (aws, where):
        make_applications(aws, config)
        content = yaml.safe_load(SMALL_SEGMENTATION.read_text())
        where = where.model_copy(update={"arrivals_queue": make_queue(where)})
        content["aws"] = where.model_dump(mode="json", exclude_none=True)
        (tmp_path / "segmentation.yaml").write_text(yaml.safe_dump(content, sort_keys=False))
        monkeypatch.setenv(CONFIG_VARIABLE, str(tmp_path / "segmentation.yaml"))
        monkeypatch.setenv(deployment.HOME_VARIABLE, str(tmp_path / "aws"))
        monkeypatch.setenv(deployment.DEPLOYMENT_VARIABLE, "aws")
        assert aws_command.apply(Console(quiet=True))
        with opened_world(tmp_path / "aws", load()) as there:
            there.refresh()
            called = {f"| {call.service} | {call.operation} |" for call in aws.calls}
            on_aws, ledger_on_aws = there.hashes(), rows_where_places_differ(there.lake)
            assert there.refresh() == [], "a second time nothing is built"
    listed = (DOCS / "aws.md").read_text()
    assert sorted(row for row in called if row not in listed) == [], "docs/aws.md lists every call of the demo"
    assert on_aws.keys() == tables.keys()
    assert [name for name in tables if name not in PLACED and tables[name] != on_aws[name]] == []
    assert ledger == ledger_on_aws
