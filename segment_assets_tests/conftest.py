"""Fixtures that every folder may use: a real lake and real object stores, in a folder of the test's own."""

from dataclasses import dataclass
from pathlib import Path

import pytest

from segment_assets.lake import FolderStore, Lake
from segment_assets.lake.embedded import lake as embedded_lake

SHARED = Path(__file__).parents[2] / "shared"


@dataclass(frozen=True)
class Home:
    home: Path
    memory_limit: str = "500MB"
    threads: int = 2


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return embedded_lake(Home(tmp_path / "home"))


@pytest.fixture
def landing(tmp_path: Path) -> FolderStore:
    return FolderStore(tmp_path / "home" / "landing")


@pytest.fixture
def shared() -> Path:
    """The folder of facts and samples that lies beside a checkout on the project's own machines."""
    if not SHARED.exists():
        pytest.skip("the folder shared/ is not beside this checkout: AWS's sample and the example records are there")
    return SHARED
