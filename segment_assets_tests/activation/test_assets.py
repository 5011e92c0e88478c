"""The assets: keys, what they report, and the data version of what the destination holds."""

import re
from pathlib import Path

import dagster as dg
import pytest

from segment_assets.activation.assets import assets
from segment_assets.activation.customer_profiles.embedded import FolderCustomerProfiles
from segment_assets.activation.recipients import wanted
from segment_assets.activation.tables import ACTIVATION_LEDGER
from segment_assets.first_party.tables import CUSTOMER_ENDPOINTS
from segment_assets.lake import FolderStore
from segment_assets.segmentation import ConfigError, CustomerProfilesDestination
from segment_assets_tests.activation.world import PEOPLE, addresses, members, write
from segment_assets_tests.segments.world import config


def keys(settings):
    return [key.to_user_string() for asset in assets(settings) for key in asset.keys]


def materialize(lake, service, tmp_path, **segment):
    settings = config(**({"destinations": ["pinpoint", "handoff"]} | segment))
    resources = {"lake": lake, "pinpoint": service, "exports": FolderStore(tmp_path / "home" / "exports")}
    result = dg.materialize(assets(settings), resources=resources)
    events = result.get_asset_materialization_events()
    return {e.asset_key.path[0]: e.step_materialization_data.materialization for e in events}


def shown(materialization):
    return {name: value.value for name, value in materialization.metadata.items()}


def test_keys_are_kind_and_segment():
    assert keys(config(destinations=["pinpoint", "handoff"])) == ["pinpoint_import/win_back", "file_handoff/win_back"]


def test_two_destinations_of_one_kind_are_told_apart():
    assert keys(config(destinations=["pinpoint", "handoff", "second"])) == [
        "pinpoint_import/win_back",
        "file_handoff/handoff/win_back",
        "file_handoff/second/win_back",
    ]


def test_a_name_too_long_for_pinpoint_is_refused_when_the_definitions_load():
    settings = config(destinations=["pinpoint"])
    long = settings.model_copy(update={"segments": {"a" * 60: settings.segments["win_back"]}})
    with pytest.raises(ConfigError, match="Pinpoint allows 50 characters"):
        assets(long)


def test_a_cancelled_run_that_goes_on_sends_nothing(lake, tmp_path):
    @dg.asset(key=["predictive_segments", "win_back"])
    def cancelled_meanwhile(context: dg.AssetExecutionContext) -> None:
        context.instance.report_run_canceling(context.run)

    addresses(lake)
    members(lake, {"anna": 0.9})
    exports = FolderStore(tmp_path / "exports")
    settings = config(destinations=["handoff"])
    with dg.DagsterInstance.ephemeral() as instance:
        result = dg.materialize(
            [cancelled_meanwhile, *assets(settings)],
            resources={"lake": lake, "exports": exports},
            instance=instance,
            raise_on_error=False,
        )
        assert not result.success
    assert list(exports.list("")) == []


def test_what_was_sent_is_shown_and_unchanged_content_says_why_not(lake, service, tmp_path):
    addresses(lake)
    members(lake, {"anna": 0.9, "bo": 0.8})
    first = materialize(lake, service, tmp_path)
    sent = shown(first["pinpoint_import"])
    assert (sent["state"], sent["joined"], sent["left"], sent["rows_sent"]) == ("SUCCEEDED", 2, 0, 2)
    assert (Path(sent["files"]) / "endpoints.csv").exists()
    handed = shown(first["file_handoff"])
    assert (Path(handed["files"]) / "manifest.json").exists()
    again = materialize(lake, service, tmp_path)
    for key in ("pinpoint_import", "file_handoff"):
        assert shown(again[key])["state"] == "NOTHING_SENT"
        assert shown(again[key])["why_nothing_was_sent"].startswith("unchanged")
        assert again[key].tags["dagster/data_version"] == first[key].tags["dagster/data_version"]
    everything = str([shown(m) for m in (*first.values(), *again.values())])
    assert not set(re.findall(r"\w+", everything)) & {*PEOPLE, "example"}


def test_a_guard_is_said_where_nothing_is_sent_and_where_only_departures_are(lake, service, tmp_path):
    addresses(lake)
    members(lake, {"anna": 0.9, "bo": 0.8})
    first = materialize(lake, service, tmp_path, min_size=2)
    members(lake, {"anna": 0.7})
    departed = materialize(lake, service, tmp_path, min_size=2)
    refused = materialize(lake, service, tmp_path, min_size=2)
    says = "min_size: the segment has 1 members"
    for key in ("pinpoint_import", "file_handoff"):
        sent, unsent = shown(departed[key]), shown(refused[key])
        assert (sent["state"], sent["rows_sent"], sent["left"], sent["members"]) == ("SUCCEEDED", 1, 1, 1)
        assert sent["why_only_departures_were_sent"].startswith(says)
        assert unsent["state"] == "NOTHING_SENT"
        assert unsent["why_nothing_was_sent"].startswith(says)
        versions = [m[key].tags["dagster/data_version"] for m in (first, departed, refused)]
        assert versions[0] != versions[1] == versions[2]


def test_who_is_in_under_one_attribute_is_not_left_behind_for_another(lake, service, tmp_path):
    addresses(lake)
    members(lake, {"anna": 0.9, "bo": 0.8})
    settings = config(destinations=["pinpoint"])
    moved = settings.destinations["pinpoint"].model_copy(update={"attribute_prefix": "other_"})
    elsewhere = settings.model_copy(update={"destinations": {"pinpoint": moved}})

    given = {"lake": lake, "pinpoint": service, "exports": FolderStore(tmp_path / "home" / "exports")}

    def run(asked):
        result = dg.materialize(assets(asked), resources=given, raise_on_error=False)
        failed = result.get_step_failure_events()
        return str(failed[0].step_failure_data.error.cause) if failed else result.success

    assert run(settings) is True
    assert (
        "2 customers of win_back are in at attribute pred_win_back of application app, and would stay in there for "
        "ever were attribute other_win_back of application app told instead: nothing was sent"
    ) in run(elsewhere)
    left = settings.segments["win_back"].model_copy(update={"where": "FALSE"})
    members(lake, {})
    assert run(settings.model_copy(update={"segments": {"win_back": left}})) is True
    members(lake, {"anna": 0.9})
    assert run(elsewhere) is True


def test_one_destination_is_let_go_and_the_other_is_told_nothing(lake, tmp_path):
    addresses(lake)
    members(lake, {"anna": 0.9, "bo": 0.8})
    exports = FolderStore(tmp_path / "exports")

    def run(**asked):
        assert dg.materialize(assets(config(**asked)), resources={"lake": lake, "exports": exports}).success
        ledger = lake.read(ACTIVATION_LEDGER).sort_by([("destination", "ascending"), ("sequence", "ascending")])
        return [(r["destination"], r["sequence"], r["members"], r["left"]) for r in ledger.to_pylist()]

    both = [("handoff", 1, 2, 0), ("second", 1, 2, 0)]
    assert run(destinations=["handoff", "second"]) == both
    members(lake, {})
    assert run(destinations=["second"], where="FALSE") == [*both, ("second", 2, 0, 2)]
    members(lake, {"anna": 0.9})
    assert run(destinations=["handoff"]) == [both[0], ("handoff", 2, 1, 1), both[1], ("second", 2, 0, 2)]


def test_each_asset_shows_the_table_that_it_alone_writes():
    of = {
        asset.key.to_user_string(): asset.metadata_by_key[asset.key]["dagster/table_name"]
        for asset in assets(config(destinations=["pinpoint", "handoff", "second"]))
    }
    assert of == {
        "pinpoint_import/win_back": "activation.active_members_pinpoint_win_back",
        "file_handoff/handoff/win_back": "activation.active_members_handoff_win_back",
        "file_handoff/second/win_back": "activation.active_members_second_win_back",
    }


def with_profiles(**settings):
    """The segment goes to a domain of Customer Profiles."""
    asked = config(destinations=["handoff"])
    to = CustomerProfilesDestination(kind="customer_profiles_import", domain="customers", **settings)
    segment = asked.segments["win_back"].model_copy(update={"destinations": ["profiles"]})
    return asked.model_copy(update={"segments": {"win_back": segment}, "destinations": {"profiles": to}})


def test_customer_profiles_are_an_asset_that_names_the_segment_to_send_to(lake, tmp_path):
    addresses(lake)
    members(lake, {"anna": 0.9})
    found = assets(with_profiles(create_profiles=True))
    assert [key.to_user_string() for asset in found for key in asset.keys] == ["customer_profiles_import/win_back"]
    service = FolderCustomerProfiles(tmp_path / "home" / "exports" / "customer_profiles")
    given = {"lake": lake, "customer_profiles": service, "exports": FolderStore(tmp_path / "home" / "exports")}
    states = []
    for _ in range(2):
        result = dg.materialize(found, resources=given)
        (event,) = result.get_asset_materialization_events()
        sent = shown(event.step_materialization_data.materialization)
        states.append((sent["state"], sent["rows_sent"]))
    assert states == [("SUCCEEDED", 1), ("NOTHING_SENT", 0)]
    assert sent["target_with"]["SegmentDefinitionName"] == "pred_win_back"
    assert not set(re.findall(r"\w+", str(sent))) & {*PEOPLE, "example"}


def test_a_name_too_long_for_customer_profiles_is_refused_when_the_definitions_load():
    settings = with_profiles()
    long = settings.model_copy(update={"segments": {"a" * 60: settings.segments["win_back"]}})
    with pytest.raises(ConfigError, match="Customer Profiles allows 64 characters"):
        assets(long)


def test_an_endpoint_without_an_address_that_is_one_is_not_told(lake):
    about = {"customer_id": "anna", "channel": "email", "active": True}
    unusable = about | {"endpoint_id": "ep-2", "address_sha256": None}
    write(lake, CUSTOMER_ENDPOINTS, about | {"endpoint_id": "ep-1", "address_sha256": "x"}, unusable)
    members(lake, {"anna": 0.9})
    assert wanted(lake, "win_back", "endpoints")["recipient"].to_pylist() == ["ep-1"]


def test_without_decisions_the_asset_says_what_to_materialise(lake, service, tmp_path):
    with pytest.raises(Exception, match="materialise predictive_segments/win_back and what it rests on first"):
        materialize(lake, service, tmp_path)
