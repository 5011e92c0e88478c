"""One contract for clean rooms: on one machine, and in Clean Rooms."""

import pytest

from segment_assets.clean_room import protected_query
from segment_assets.clean_room.embedded import EmbeddedCleanRoom
from segment_assets.lake import embedded
from segment_assets_tests.aws_double import world as double
from segment_assets_tests.clean_room import world


@pytest.mark.parametrize("name", ["audience_enrichment", "audience_overlap"])
def test_a_query_of_the_demo_gives_the_same_table_in_both_clean_rooms(name, tmp_path, monkeypatch):
    here = embedded.lake(double.settings(None, tmp_path / "here"))
    world.fill(here)
    with world.clean_rooms(monkeypatch, tmp_path / "there") as there:
        query = there.queries[name]
        local = protected_query.run(query, here, EmbeddedCleanRoom(tmp_path / "scratch", "500MB"), "r")
        remote = protected_query.run(query, there.lake, there.room(), "r")
    assert remote.rows.equals(local.rows)
    assert remote.written.version == local.written.version
    assert remote.rows.num_rows == {"audience_enrichment": 90, "audience_overlap": 1}[name]
    assert (remote.minimum_kept, remote.keys_unique) == (True, True)
    assert remote.cost["cost_units"] > 0
    assert local.cost == {}
