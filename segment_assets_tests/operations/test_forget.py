"""`segment-assets events forget`: what rests on the opt-outs of a wrong file is decided anew without them."""

from pathlib import Path

import dagster as dg
import pytest
from click.testing import CliRunner

from segment_assets import deployment, segmentation
from segment_assets.cli import main
from segment_assets.definitions import platform
from segment_assets.first_party.tables import ENGAGEMENT_EVENTS, HEARD_SUPPRESSIONS
from segment_assets.operations.instance import opened
from segment_assets.operations.refresh import Refresh
from segment_assets_tests.first_party.loading import load_days

WRONG, DAYS = "events/wrong.csv", ["2026-05-01", "2026-05-02"]
EVENTS = dg.AssetKey("engagement_events")
FILE = """
version: 1
name: test
landing:
  place: landing
  events: {path: events/, format: table, table: {customer: who, time: when, event: what}}
targets: {churn: {kind: absence, event: purchase, horizon: 28d}}
"""


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A folder with a segmentation.yaml, whose home is its own."""
    (tmp_path / "segmentation.yaml").write_text(FILE)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv(deployment.HOME_VARIABLE, str(tmp_path / "home"))
    monkeypatch.delenv(segmentation.CONFIG_VARIABLE, raising=False)
    return tmp_path


def land(project: Path, *rows: str) -> None:
    (project / "landing" / "events").mkdir(parents=True, exist_ok=True)
    (project / "landing" / WRONG).write_text("\n".join(["who,when,what", *rows]))


def forget(*options):
    told = CliRunner().invoke(main, ["events", "forget", WRONG, *options])
    return told.exit_code, told.output


def test_what_rests_on_events_sees_that_opt_outs_were_taken_back(project):
    config = segmentation.load()
    settings = deployment.settings(config, under=project / "home")
    lake, landing = (deployment.resource(settings, name) for name in ("lake", "landing"))
    defs = platform(config, settings)
    versions = []

    def version(instance):
        last = instance.get_latest_materialization_event(EVENTS)
        return last.asset_materialization.tags["dagster/data_version"]

    def made(*rows):
        land(project, *rows)
        load_days(lake, landing, DAYS, config.landing.events)
        with opened(project / "home") as instance:
            assert Refresh(defs, instance, project / "home" / "state").execute([EVENTS], ()).success
            versions.append(version(instance))

    made("bo,2026-05-02,open")
    made("bo,2026-05-02,open", "ann,2026-05-01,unsubscribe")
    made("bo,2026-05-02,open")
    assert len(set(versions)) == 3, "the same events, and what is remembered beside"
    assert forget("--dry-run") == (0, "1 event: unsubscribe\n1 event of events/wrong.csv would be taken back\n")
    assert lake.read(HEARD_SUPPRESSIONS).num_rows == 1
    code, said = forget()
    assert (code, said.splitlines()[1]) == (0, f"1 event of {WRONG} taken back; the next refresh decides without them")
    assert lake.read(HEARD_SUPPRESSIONS).num_rows == 0
    with opened(project / "home") as instance:
        assert version(instance) == lake.state(ENGAGEMENT_EVENTS).version
    code, said = forget()
    assert (code, said[:40]) == (1, "nothing is remembered of events/wrong.cs")
