"""One small world, built from nothing once: first it is only read, then test_stories.py goes on with it."""

from collections.abc import Iterator

import pytest

from segment_assets_tests.end_to_end.world import World, opened_world


@pytest.fixture(scope="package")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with opened_world(tmp_path_factory.mktemp("world")) as world:
        world.built = world.refresh()
        yield world
