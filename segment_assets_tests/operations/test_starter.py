"""What `init` writes, from a checkout and from a wheel, and what a command says in a folder that has none of it."""

import os
import shutil
import subprocess
import sys
from io import StringIO
from pathlib import Path
from zipfile import ZipFile

import pytest
from click.testing import CliRunner
from rich.console import Console

from segment_assets import deployment, segmentation
from segment_assets.cli import main
from segment_assets.operations import starter
from segment_assets.operations.instance import PACKAGED, opened

ROOT = Path(__file__).parents[2]
WRITTEN = {"segmentation.yaml", "workspace.yaml", "dagster.yaml"}
BUILD = "import sys; from setuptools import build_meta; build_meta.build_wheel(sys.argv[1])"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty one, and nothing in the environment that says where anything is."""
    for name in (segmentation.CONFIG_VARIABLE, deployment.HOME_VARIABLE):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("DAGSTER_HOME", "")  # put back afterwards: `opened` sets it
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("name", ["workspace.yaml", "dagster.yaml"])
def test_the_repository_s_own_files_are_those_that_init_writes(name: str) -> None:
    assert (ROOT / name).read_text() == (PACKAGED / name).read_text()


def test_init_writes_three_files_and_overwrites_none(folder: Path) -> None:
    (folder / "dagster.yaml").write_text("telemetry: {enabled: true}\n")
    starter.write(Console(file=StringIO()), folder)
    assert {p.name for p in folder.iterdir() if p.is_file()} == WRITTEN
    assert (folder / "dagster.yaml").read_text() == "telemetry: {enabled: true}\n"
    with pytest.raises(segmentation.ConfigError, match="exists already, and nothing was overwritten"):
        starter.write(Console(file=StringIO()), folder)


@pytest.mark.parametrize("own", [None, "telemetry: {enabled: false}\nnux: {enabled: true}\n"], ids=["none", "own"])
def test_an_instance_has_the_folder_s_dagster_yaml_or_else_the_package_s(folder: Path, own: str | None) -> None:
    if own:
        (folder / "dagster.yaml").write_text(own)
    with opened(folder / ".home") as instance:
        assert not instance.telemetry_enabled
        limit = instance.get_concurrency_config().pool_config.default_pool_limit
    assert limit == (None if own else 1), "runs that write the same table wait"


def test_what_a_wheel_installs_has_them_too(folder: Path) -> None:
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, folder)
    shutil.copytree(ROOT / "segment_assets", folder / "segment_assets", ignore=shutil.ignore_patterns("__pycache__"))
    subprocess.run([sys.executable, "-c", BUILD, str(folder)], cwd=folder, check=True, capture_output=True)
    with ZipFile(next(folder.glob("*.whl"))) as wheel:
        wheel.extractall(folder / "site")
    (folder / "elsewhere").mkdir()
    command = [sys.executable, "-m", "segment_assets.cli", "init", "mine"]
    environment = os.environ | {"PYTHONPATH": str(folder / "site")}
    subprocess.run(command, cwd=folder / "elsewhere", env=environment, check=True, capture_output=True)
    assert {p.name for p in (folder / "elsewhere" / "mine").iterdir() if p.is_file()} == WRITTEN


@pytest.mark.parametrize(
    "command", ["validate", "refresh", "clean-lake --dry-run", "dev", "partner ladder", "clean-room budget"]
)
def test_a_folder_without_a_file_is_told_so_and_nothing_is_made_in_it(folder: Path, command: str) -> None:
    told = CliRunner().invoke(main, command.split())
    assert told.exit_code == 1
    assert told.output.startswith(f"{folder}: there is no segmentation.yaml: ")
    assert not list(folder.iterdir())


def test_validate_says_which_file_it_read(folder: Path) -> None:
    starter.write(Console(file=StringIO()), folder)
    (folder / "other.yaml").write_text((folder / "segmentation.yaml").read_text())
    assert CliRunner().invoke(main, ["validate"]).output.startswith("segmentation.yaml is valid: 1 target, ")
    for named in ("other.yaml", str(segmentation.DEMO_FILE)):
        told = CliRunner().invoke(main, ["validate", "--config", named], env={segmentation.CONFIG_VARIABLE: None})
        assert told.output.startswith(f"{(folder / named).resolve()} is valid: ")


def test_in_the_project_s_own_folder_the_demo_s_file_is_meant(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    assert segmentation.default_path() == segmentation.DEMO_FILE
