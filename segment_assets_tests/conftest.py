"""Fixtures that every folder may use: a real lake and real object stores, in a folder of the test's own."""

from functools import partial
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

from segment_assets.lake import FolderStore, Lake
from segment_assets.lake.embedded import open_catalog
from segment_assets.lake.workers import keep_what_is_loaded

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


# They look at one world that is built once, before the last of them goes on with it: end_to_end/conftest.py.
ONE_WORLD = ("test_determinism.py", "test_graph.py", "test_stories.py")
LONGEST_FIRST = ("test_parity.py", *ONE_WORLD, "test_first_segment.py")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Whole graphs first: a module is one worker's, and none should be left with a long one at the end."""

    def place(item: pytest.Item) -> tuple[bool, int]:
        whole, name = item.path.parent.name == "end_to_end", item.path.name
        return not whole, LONGEST_FIRST.index(name) if whole and name in LONGEST_FIRST else len(LONGEST_FIRST)

    items.sort(key=place)


def pytest_collection_finish() -> None:
    """As in a run of the product: the definitions, moto and botocore stay to the end, and walking over them costs."""
    keep_what_is_loaded()


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """One worker for a module, and one for the modules that share a world."""
    from xdist.scheduler import LoadScopeScheduling

    class SharedWorlds(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            module = super()._split_scope(nodeid)
            folder, _, name = module.rpartition("/")
            return f"{folder}/one world" if folder.endswith("end_to_end") and name in ONE_WORLD else module

    return SharedWorlds(config, log)
