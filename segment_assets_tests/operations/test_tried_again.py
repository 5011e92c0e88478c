"""What failed is tried again within a refresh once what it rests on was built anew, and not before."""

import dagster as dg
import pytest

from segment_assets.operations.refresh import Refresh

AC = dg.AutomationCondition


def platform(decides, built):
    """`handoff` is asked for beside `customers`; where it `decides`, `segment` between the two comes one tick later."""

    @dg.asset(automation_condition=AC.missing())
    def customers():
        built.append("customers")

    later = AC.any_deps_match(AC.newly_updated()).since_last_handled()

    @dg.asset(deps=[customers], automation_condition=later if decides else None)
    def segment():
        built.append("segment")

    @dg.asset(deps=[customers, segment], automation_condition=AC.missing())
    def handoff():
        built.append("handoff")
        if "segment" not in built:
            raise ValueError("customers changed since the segment was decided")

    return dg.Definitions([customers, segment, handoff])


@pytest.mark.parametrize(
    ("decides", "expected"),
    [(True, ["customers", "handoff", "segment", "handoff"]), (False, ["customers", "handoff"])],
)
def test_what_failed_is_tried_again_once_for_each_new_decision(tmp_path, decides, expected):
    built = []
    defs = platform(decides, built)
    with dg.instance_for_test() as instance:
        instance.report_runless_asset_event(dg.AssetMaterialization("segment"))
        runs = Refresh(defs, instance, tmp_path).run()
    assert built == expected
    assert runs[-1].success == decides
