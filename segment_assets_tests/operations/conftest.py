"""A double of AWS that is empty for each test, and an instance without runs."""

from collections.abc import Iterator

import dagster as dg
import pytest

from segment_assets_tests.aws_double.world import world
from segment_assets_tests.operations.watched import Watched


@pytest.fixture(scope="module")
def double() -> Iterator[Watched]:
    with pytest.MonkeyPatch.context() as patch, world(patch) as (aws, _):
        yield Watched(aws)


@pytest.fixture
def watched(double: Watched) -> Watched:
    """Told nothing yet."""
    double.numbers.data.clear()
    double.numbers.sizes.clear()
    double.events.taken.clear()
    double.events.failing.clear()
    double.aws.calls.clear()
    double.aws.faults.clear()
    return double


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as opened:
        yield opened
