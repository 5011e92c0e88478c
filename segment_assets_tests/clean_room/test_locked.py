"""Whatever is computed of members' rows has limits, a folder of its own and a fixed sentence when it fails."""

import subprocess
import sys
import time

import pyarrow as pa
import pytest

from segment_assets.clean_room import assets as clean_room_assets
from segment_assets.clean_room import protected_query
from segment_assets.clean_room.embedded import EmbeddedCleanRoom
from segment_assets.clean_room.locked import Locked
from segment_assets.clean_room.port import QueryFailedError
from segment_assets.clean_room.tables import QUERY_LOG
from segment_assets_tests.clean_room import custom_world, world

PEOPLE = {"people": pa.table({"email": ["secret@example.com"]})}
# As many rows as there is no time for.
ENDLESS = "SELECT COUNT(*) FROM range(1000000000) a, range(1000000000) b"
_KILLED = """
import os, sys
from pathlib import Path
from segment_assets.clean_room.locked import Locked
with Locked(Path(sys.argv[1])).opened({}):
    os.kill(os.getpid(), 9)
"""


def _late(db):
    time.sleep(0.5)
    db.execute(ENDLESS)


def test_a_failure_is_one_fixed_sentence_and_prints_no_value(tmp_path):
    with pytest.raises(QueryFailedError) as failed:
        Locked(tmp_path).execute("SELECT CAST(email AS INT) FROM people", PEOPLE)
    assert str(failed.value) == "FAILED: the query failed while running; its cause is not shown"
    assert failed.value.__suppress_context__


def test_what_takes_too_long_is_interrupted_also_where_it_began_after_the_deadline(tmp_path):
    engine = Locked(tmp_path, deadline=0.2)
    with pytest.raises(QueryFailedError, match=r"^RESOURCE_LIMIT: "):
        engine.execute(ENDLESS, {})
    with pytest.raises(QueryFailedError, match=r"^RESOURCE_LIMIT: "), engine.opened({}) as db:
        _late(db)


def test_a_killed_query_s_folder_is_removed_by_the_next(tmp_path):
    child = subprocess.run([sys.executable, "-c", _KILLED, str(tmp_path)], check=False)
    assert child.returncode == -9
    [left] = tmp_path.iterdir()
    assert left.stat().st_mode & 0o077 == 0  # it may hold rows of the partner
    Locked(tmp_path).execute("SELECT 1", {})
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["audience_overlap", "age_ranks"])
def test_a_recount_that_reaches_a_limit_closes_the_query_and_says_nothing_of_rows(lake, tmp_path, name):
    world.fill(lake)
    config = custom_world.config()
    found = clean_room_assets.protected_queries(config, config.collaboration)
    [query] = [q for q in found if q.name == name]
    lake.read(QUERY_LOG)  # the lake's own database is open from here on
    lake.memory_limit = "1MB"
    with pytest.raises(QueryFailedError, match=r"^RESOURCE_LIMIT: the query reached a limit of memory, disk or time$"):
        protected_query.run(query, lake, EmbeddedCleanRoom(tmp_path), "r")
    assert lake.read(QUERY_LOG)["status"].to_pylist() == ["FAILED"]
    assert lake.state(query.table).versions == {}
