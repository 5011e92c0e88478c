"""What every command has in common."""

from importlib.metadata import version

import pytest
import yaml
from click.testing import CliRunner

from segment_assets import segmentation
from segment_assets.cli import main


@pytest.mark.parametrize("group", [[], ["aws"], ["clean-room"], ["events"], ["partner"]])
def test_help_names_every_command_in_a_whole_sentence(group):
    said = CliRunner().invoke(main, [*group, "--help"]).output
    listed = said[said.index("Commands:") :].splitlines()[1:]
    assert [line for line in listed if not line.endswith(".") or line.endswith("...")] == []


def test_the_version_is_told():
    told = CliRunner().invoke(main, ["--version"])
    assert (told.exit_code, told.output.split()[-1]) == (0, version("segment-assets"))


@pytest.mark.parametrize("destination", ["pinpoint_import", "customer_profiles_import"])
def test_a_mistake_found_by_a_step_names_the_file_that_was_read(tmp_path, monkeypatch, destination):
    monkeypatch.setenv("SEGMENT_ASSETS_HOME", str(tmp_path / "home"))
    monkeypatch.setenv(segmentation.CONFIG_VARIABLE, "")
    kinds = {"pinpoint_import": {"application_id": "a"}, "customer_profiles_import": {"domain": "d"}}
    written = {
        "name": "b",
        "targets": {"churn": {"kind": "absence", "event": "purchase", "horizon": "28d"}},
        "segments": {
            "s" * 60: {"target": "churn", "purpose": "p", "channels": ["email"], "top": 0.5, "destinations": ["d"]}
        },
        "destinations": {"d": {"kind": destination} | kinds[destination]},
    }
    path = tmp_path / "b.yaml"
    path.write_text(yaml.safe_dump(written), encoding="utf-8")
    told = CliRunner().invoke(main, ["validate", "--config", str(path)])
    assert told.exit_code == 1
    assert told.output.startswith(f"b.yaml: segments.{'s' * 60}: ")
