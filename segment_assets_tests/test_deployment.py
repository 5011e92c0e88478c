"""The deployment is one choice, and a choice that can't be had says so."""

from pathlib import Path

import pytest
from dagster._config.pythonic_config.resource import get_resource_type_name

from segment_assets import deployment
from segment_assets.definitions import shown
from segment_assets.lake import Lake
from segment_assets.segmentation import DEMO_FILE, load


def settings(home: Path) -> deployment.Settings:
    return deployment.settings(load(DEMO_FILE), base=home, under=home)


def test_every_port_has_an_embedded_adapter(tmp_path: Path) -> None:
    assert deployment.resources(settings(tmp_path), "embedded").keys() == deployment.EMBEDDED.keys()
    assert list(tmp_path.iterdir()) == [], "making the adapters must touch nothing"


def test_the_ui_is_told_what_stands_behind_every_port(tmp_path: Path) -> None:
    named = shown(deployment.resources(settings(tmp_path), "embedded"))
    lake = named["lake"]
    assert get_resource_type_name(lake) == "segment_assets.lake.lake.Lake"
    assert all(resource.description for resource in named.values())
    assert isinstance(lake.resource_fn(None), Lake)  # type: ignore[arg-type]


def test_aws_has_the_same_ports() -> None:
    assert deployment.AWS.keys() == deployment.EMBEDDED.keys()


def test_aws_without_places_says_which_section_is_missing(tmp_path: Path) -> None:
    nowhere = load(DEMO_FILE).model_copy(update={"aws": None})
    with pytest.raises(deployment.DeploymentError, match=r"segmentation\.yaml has no section aws"):
        deployment.resources(deployment.settings(nowhere, base=tmp_path, under=tmp_path), "aws")


def test_an_unknown_deployment_is_refused(tmp_path: Path) -> None:
    with pytest.raises(deployment.DeploymentError, match='no deployment is named "asw"'):
        deployment.resources(settings(tmp_path), "asw")
