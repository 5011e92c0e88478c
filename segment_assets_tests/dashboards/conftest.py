"""One filled lake and its page for the whole folder: they are only read."""

from functools import partial

import pytest

from segment_assets.dashboards.datasets import DataSet
from segment_assets.dashboards.gather import ages, gather
from segment_assets.dashboards.html import document
from segment_assets.dashboards.overview import overview
from segment_assets.lake import Lake
from segment_assets.lake.embedded import open_catalog
from segment_assets_tests.dashboards import sample


def page_of(lake: Lake) -> tuple[str, dict[str, DataSet]]:
    config = sample.config()
    page = overview(config)
    found = gather(lake, config)
    return document(page, found, ages(page, found)), found


@pytest.fixture(scope="session")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Lake:
    root = tmp_path_factory.mktemp("filled")
    lake = Lake(partial(open_catalog, root), root / "scratch", memory_limit="500MB")
    sample.fill(lake)
    return lake


@pytest.fixture(scope="session")
def gathered(filled: Lake) -> tuple[str, dict[str, DataSet]]:
    return page_of(filled)
