"""The same data embedded and on the double of AWS: the same tables, hash for hash."""

from pathlib import Path

import pytest

from segment_assets import deployment
from segment_assets.activation.tables import ACTIVATION_LEDGER
from segment_assets.lake import Lake
from segment_assets.segmentation import load
from segment_assets_tests.aws_double.world import make_applications, world
from segment_assets_tests.end_to_end.world import opened_world
from segment_assets_tests.small_world import SMALL_SEGMENTATION

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
        monkeypatch.setenv(deployment.DEPLOYMENT_VARIABLE, "aws")
        with opened_world(tmp_path / "aws", config.model_copy(update={"aws": where})) as there:
            there.refresh()
            on_aws, ledger_on_aws = there.hashes(), rows_where_places_differ(there.lake)
            assert there.refresh() == [], "a second time nothing is built"
    assert on_aws.keys() == tables.keys()
    assert [name for name in tables if name not in PLACED and tables[name] != on_aws[name]] == []
    assert ledger == ledger_on_aws
