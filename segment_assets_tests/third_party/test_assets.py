import dagster as dg
import pytest

from segment_assets import segmentation
from segment_assets.lake import FolderStore
from segment_assets.people.addresses import email_sha256
from segment_assets.third_party import assets as step
from segment_assets.third_party.delivery import DeliveryError
from segment_assets.third_party.sensors import sensors
from segment_assets.third_party.tables import QUARANTINED_AUDIENCE, partner_audience

HEADER = "email,age,income,home_ownership,marital_status,household_size,household_comp,kids_count\n"


@pytest.fixture
def config():
    return segmentation.load(segmentation.DEMO_FILE)


@pytest.fixture
def partner_landing(tmp_path):
    return FolderStore(tmp_path / "partner")


def deliver(store: FolderStore, lines: str, day: str = "2026/01/02") -> None:
    store.write(f"partner/audience/{day}/audience.csv", (HEADER + lines).encode())


def materialise(config, lake, partner_landing, **kwargs):
    resources = {"lake": lake, "partner_landing": partner_landing}
    return dg.materialize(step.assets(config), selection=[step.PARTNER_AUDIENCE], resources=resources, **kwargs)


def test_the_partners_file_becomes_hashed_rows_and_a_quarantine(config, lake, partner_landing):
    deliver(partner_landing, "A@b.org,19-24,,,,,,\nnobody,65+,,,,,,\na@b.org,19-24,,,,,,\n")
    outcome = materialise(config, lake, partner_landing)
    table = partner_audience(config.audience.attributes)
    assert lake.read(table, ["email_sha256", "age_band"]).to_pylist() == [
        {"email_sha256": email_sha256("a@b.org"), "age_band": "19-24"}
    ]
    assert lake.read(QUARANTINED_AUDIENCE)["reason"].to_pylist() == ["not_normalisable", "duplicate"]
    assert str(lake.state(table).as_of) == "2026-01-02"
    metadata = outcome.asset_materializations_for_node("partner_audience")[0].metadata
    counts = {k: metadata[k].value for k in ("delivered", "good", "not_normalisable", "duplicate", "conflict")}
    assert counts == {"delivered": 3, "good": 1, "not_normalisable": 1, "duplicate": 1, "conflict": 0}
    assert all(c.passed for c in outcome.get_asset_check_evaluations())


def test_the_same_delivery_twice_has_the_same_data_version(config, lake, partner_landing):
    versions = []
    for _ in range(2):
        deliver(partner_landing, "a@b.org,19-24,,,,,,\n")
        outcome = materialise(config, lake, partner_landing)
        tags = outcome.asset_materializations_for_node("partner_audience")[0].tags
        versions.append(tags["dagster/data_version"])
    assert versions[0] == versions[1]


def test_a_missing_delivery_says_where_it_is_looked_for(config, lake, partner_landing):
    with pytest.raises(DeliveryError, match=r"nothing was delivered; segmentation.yaml: audience.path"):
        materialise(config, lake, partner_landing)


def test_the_sensor_reports_each_delivery_once_with_its_version(config, partner_landing):
    (sensor,) = sensors(config)

    def tick(cursor):
        with dg.build_sensor_context(cursor=cursor, resources={"partner_landing": partner_landing}) as context:
            return sensor(context)

    assert isinstance(tick(None), dg.SkipReason)
    deliver(partner_landing, "a@b.org,19-24,,,,,,\n")
    first = tick(None)
    event = first.asset_events[0]
    assert event.asset_key == step.LANDING
    assert event.tags["dagster/data_version"] == first.cursor
    assert event.metadata["as_of"].value == "2026-01-02"
    assert isinstance(tick(first.cursor), dg.SkipReason)
    deliver(partner_landing, "a@b.org,25-34,,,,,,\n")
    assert tick(first.cursor).cursor != first.cursor


def test_without_a_partner_there_is_nothing(config):
    alone = config.model_copy(update={"audience": None, "collaboration": None})
    assert step.assets(alone) == []
    assert sensors(alone) == []
