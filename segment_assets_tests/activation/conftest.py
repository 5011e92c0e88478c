import pytest

from segment_assets.activation.embedded import FolderPinpoint
from segment_assets_tests.activation.world import addresses


@pytest.fixture
def service(tmp_path):
    return FolderPinpoint(tmp_path / "home" / "exports" / "pinpoint")


@pytest.fixture
def known(lake):
    """A lake that knows everyone's addresses."""
    addresses(lake)
    return lake
