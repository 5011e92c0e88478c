"""Fixtures that every folder may use: a real lake and real object stores, in a folder of the test's own."""

from functools import partial
from pathlib import Path

import pytest
from hypothesis import settings

from segment_assets.lake import FolderStore, Lake
from segment_assets.lake.embedded import open_catalog

# Nothing timed is asserted: machines are shared and noisy.
settings.register_profile("quiet", deadline=None)
settings.load_profile("quiet")
SHARED = Path(__file__).parents[2] / "shared"
EXAMPLES = Path(__file__).parent / "examples"


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    root = tmp_path / "home" / "lake"
    return Lake(partial(open_catalog, root), root / "scratch", memory_limit="500MB")


@pytest.fixture
def landing(tmp_path: Path) -> FolderStore:
    return FolderStore(tmp_path / "home" / "landing")


@pytest.fixture
def shared() -> Path:
    """The folder of facts and samples that lies beside a checkout on the project's own machines."""
    if not SHARED.exists():
        pytest.skip("the folder shared/ is not beside this checkout: AWS's sample data is there")
    return SHARED


@pytest.fixture
def example_files() -> Path:
    """Records, requests and answers of AWS's services, as documented; `test_examples.py` says whose they are."""
    return EXAMPLES


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Whole graphs first: a module is one worker's, and none should be left with a long one at the end."""
    items.sort(key=lambda item: (item.path.parent.name != "end_to_end", item.path.name != "test_parity.py"))
