"""What a failure left unbuilt is built again, but never beside what it rests on."""

import dagster as dg
import pytest

from segment_assets.activation.assets import _BUILDERS
from segment_assets.operations.owed import DESTINATIONS, payable, waiting


def asset(key, *deps):
    @dg.asset(key=key.split("/"), deps=[dg.AssetKey(dep.split("/")) for dep in deps])
    def one() -> None:
        """Nothing."""

    return one


DEFS = dg.Definitions(
    [
        asset("customers"),
        asset("features", "customers"),
        asset("segment", "features", "customers"),
        asset("handoff", "segment", "customers"),
        asset("elsewhere"),
    ]
)


def keys(*names):
    return {dg.AssetKey(name): [] for name in names}


@pytest.mark.parametrize(
    ("owed", "requested", "built"),
    [
        (["handoff"], [], ["handoff"]),
        (["handoff"], ["elsewhere"], ["elsewhere", "handoff"]),
        (["handoff"], ["customers"], ["customers"]),  # the segment between the two is decided anew first
        (["handoff"], ["features"], ["features"]),
        (["handoff"], ["customers", "features", "segment"], ["customers", "features", "segment", "handoff"]),
        (["segment", "handoff"], [], ["segment", "handoff"]),
        (["customers", "handoff"], [], ["customers"]),
        (["features", "segment", "handoff"], ["customers"], ["customers", "features", "segment", "handoff"]),
    ],
)
def test_what_is_owed_waits_for_what_lies_between_it_and_what_is_built(owed, requested, built):
    with dg.instance_for_test() as instance:
        assert payable(DEFS, instance, keys(*owed), keys(*requested)) == keys(*built)


def test_the_page_goes_on_beside_a_destination_that_failed():
    told = [f"{kind}/s" for kind in DESTINATIONS]
    page = asset("dashboard", "predictive_segments/s", *told)
    defs = dg.Definitions(
        [asset("predictive_segments/s"), *(asset(one, "predictive_segments/s") for one in told), page]
    )
    segment, *destinations = [dg.AssetKey(key.split("/")) for key in ("predictive_segments/s", *told)]
    with dg.instance_for_test() as instance:
        assert waiting(defs, instance, destinations) == set()
        assert waiting(defs, instance, [segment]) == {*destinations, dg.AssetKey("dashboard")}
    assert {*DESTINATIONS} == {*_BUILDERS}
