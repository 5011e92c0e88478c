"""Rule 6: every query, run 20 times with two threads, gives one content hash.

The folders identity, dashboards, demo and modelling hold the same for their own files; here the rest is run, and a
test sees to it that no `.sql` file is left out.
"""

from collections.abc import Callable
from functools import partial
from pathlib import Path

import pyarrow as pa
import pytest

import segment_assets
from segment_assets import sql
from segment_assets.activation.recipients import wanted
from segment_assets.activation.submit import with_addresses
from segment_assets.first_party import engagement, event_account
from segment_assets.first_party.tables import RAW_EVENTS
from segment_assets.lake import content_hash
from segment_assets.modelling import features, labels
from segment_assets.segments import build
from segment_assets.segments.tables import suppressed_channels
from segment_assets_tests.end_to_end.world import World

RUNS = 20
Run = Callable[[], pa.Table]
# Folder -> what runs every file in it: a function of this module, or the test that does.
COVERED = {
    "first_party": "here",
    "modelling": "here",
    "segments": "here",
    "activation": "here",
    "people": "here",
    "identity": "segment_assets_tests/identity/test_determinism.py",
    "dashboards": "segment_assets_tests/dashboards/test_asset.py",
    "demo": "segment_assets_tests/demo/test_replay.py",
}


def days(world: World) -> list[object]:
    return sorted(set(world.lake.read(RAW_EVENTS, ["arrival_date"])["arrival_date"].to_pylist()))


def decisions(world: World) -> Run:
    channels = suppressed_channels(world.lake)
    return lambda: build.decisions(world.lake, world.config, "win_back", channels).rows


def wrong_members(world: World) -> Run:
    decided, channels = decisions(world)(), suppressed_channels(world.lake)
    return lambda: pa.Table.from_pylist([dict(build.wrong_members(world.lake, decided, channels))])


def addressed(world: World) -> Run:
    rows = wanted(world.lake, "coupon_lovers", "endpoints")
    told = rows.append_column("state", pa.array(["in"] * rows.num_rows))
    return lambda: with_addresses(world.lake, told)


# What is asked of the world once -> what is run twenty times.
QUERIES: dict[str, Callable[[World], Run]] = {
    "copies": lambda w: partial(engagement.copies, w.lake, days(w), {}),
    "event_account": lambda w: lambda: pa.Table.from_pylist([vars(event_account.account(w.lake))]),
    "features": lambda w: lambda: features.build(w.lake, w.config).rows,
    "labels": lambda w: lambda: labels.build(w.lake, "churn_28d", w.config.targets["churn_28d"]).rows,
    "suppressed_channels": lambda w: partial(suppressed_channels, w.lake),
    "decisions": decisions,
    "wrong_members": wrong_members,
    "endpoints": lambda w: partial(wanted, w.lake, "coupon_lovers", "endpoints"),
    "members": lambda w: partial(wanted, w.lake, "coupon_lovers", "members"),
    "addressed": addressed,
}


@pytest.mark.parametrize("query", QUERIES)
def test_twenty_runs_with_two_threads_give_one_hash(world: World, query: str) -> None:
    assert world.lake.threads == 2
    run = QUERIES[query](world)
    assert len({content_hash(run()) for _ in range(RUNS)}) == 1


def test_no_folder_of_sql_files_is_left_out() -> None:
    root = Path(segment_assets.__file__).parent
    files = sorted(root.rglob("*.sql"))
    assert {file.parent.parent.name for file in files} == COVERED.keys()
    for file in files:
        sql.parse(file.read_text(encoding="utf-8"))
