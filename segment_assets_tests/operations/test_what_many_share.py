"""The query that finds what joins those in quarantine, as docs/identity.md prints it."""

import re
from pathlib import Path

from segment_assets.lake import Lake
from segment_assets.operations.sql_command import rows
from segment_assets_tests.identity.worlds import resolve

PAGE = Path(__file__).parents[2] / "docs" / "identity.md"


def test_what_those_in_quarantine_share_comes_first(lake: Lake):
    world = {f"c{n:02}": [f"email:{n}@shop.io"] for n in range(30)}
    for n in range(20):
        # Two front desks that ten each gave for their own, and one guest who gave both: a chain of 20.
        world[f"c{n:02}"] += [f"phone:+1206555010{min(n // 10, 1)}"]
    world["c00"] += ["phone:+12065550101"]
    world["c28"] += ["device:d1"]
    world["c29"] += ["device:d1"]
    resolve(lake, world)
    [statement] = re.findall(r'segment-assets sql "(SELECT e\.kind.*?)"\n', PAGE.read_text(), re.DOTALL)
    with rows(lake, statement) as (names, found):
        first, second, third, *_ = found
    assert names == ["kind", "identifier", "degree", "in_quarantine"]
    assert [(kind, *counts) for kind, _, *counts in (first, second)] == [("phone", 11, 11), ("phone", 10, 10)]
    assert (third[0], third[2]) == ("email", 1)
