import dagster as dg
import pytest
import yaml
from pyiceberg.exceptions import CommitFailedException

from segment_assets import segmentation
from segment_assets.audience_config import Duplicates
from segment_assets.lake import FolderStore, Lake
from segment_assets.people.addresses import email_sha256
from segment_assets.third_party import assets as step
from segment_assets.third_party.errors import DeliveryError
from segment_assets.third_party.sensors import sensors
from segment_assets.third_party.tables import QUARANTINED_AUDIENCE, partner_audience, permitted_audience

HEADER = "email,age,income,home_ownership,marital_status,household_size,household_comp,kids_count\n"


@pytest.fixture
def config():
    """The demo's file, without what its partner promises: deliveries here are of a few rows."""
    content = yaml.safe_load(segmentation.DEMO_FILE.read_text())
    del content["audience"]["contract"]
    return segmentation.Segmentation.model_validate(content)


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
    table = partner_audience(config.audience)
    assert lake.read(table, ["email_sha256", "age_band"]).to_pylist() == [
        {"email_sha256": email_sha256("a@b.org"), "age_band": "19-24"}
    ]
    assert lake.read(QUARANTINED_AUDIENCE)["reason"].to_pylist() == ["duplicate", "not_normalisable"]
    assert str(lake.state(table).as_of) == "2026-01-02"
    metadata = outcome.asset_materializations_for_node("partner_audience")[0].metadata
    counts = {k: metadata[k].value for k in ("delivered", "good", "not_normalisable", "duplicate", "conflict")}
    assert counts == {"delivered": 3, "good": 1, "not_normalisable": 1, "duplicate": 1, "conflict": 0}
    said = {column.name: dict(column.tags) for column in metadata["dagster/column_schema"].value.columns}
    assert said["age_band"] == {"owner": "demographics partner", "purpose": "marketing", "retention": "365d"}
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


def test_a_delivery_without_rows_or_without_a_usable_one_leaves_the_audience_as_it_was(config, lake, partner_landing):
    deliver(partner_landing, "a@b.org,19-24,,,,,,\n")
    materialise(config, lake, partner_landing)
    before = lake.state(partner_audience(config.audience))
    deliver(partner_landing, "", day="2026/01/03")
    with pytest.raises(DeliveryError, match=r"2026/01/03/audience.csv: the delivery holds no rows"):
        materialise(config, lake, partner_landing)
    deliver(partner_landing, "anna,19-24,,,,,,\nben,,,,,,,\nc@d.org,1\n", day="2026/01/03")
    with pytest.raises(
        DeliveryError, match=r"none of 3 rows .* \(not_normalisable 2, malformed 1\).*audience.email"
    ) as bad:
        materialise(config, lake, partner_landing)
    assert "anna" not in str(bad.value)
    assert lake.state(partner_audience(config.audience)) == before
    assert lake.read(QUARANTINED_AUDIENCE).num_rows == 3


def test_synthetic_rows_are_counted_and_not_mixed_with_real_ones(config, lake, partner_landing):
    header = HEADER.replace("\n", ",synthetic\n")
    key = "partner/audience/2026/01/02/audience.csv"
    partner_landing.write(key, f"{header}a@b.org,1,,,,,,,true\n".encode())
    outcome = materialise(config, lake, partner_landing)
    assert outcome.asset_materializations_for_node("partner_audience")[0].metadata["synthetic"].value == 1
    partner_landing.write(key, f"{header}a@b.org,1,,,,,,,true\nc@d.org,1,,,,,,,\n".encode())
    with pytest.raises(DeliveryError, match="1 of 2 rows are marked as synthetic"):
        materialise(config, lake, partner_landing)


@pytest.mark.parametrize("mark", ["True", "TRUE", "1", "yes", "t", "x"])
def test_the_mark_of_made_up_rows_is_known_as_other_programs_write_it(partner_landing, config, mark):
    lines = f"a@b.org,1,,,,,,,{mark}\nc@d.org,1,,,,,,,\nd@d.org,1,,,,,,,false\n"
    partner_landing.write("partner/audience/2026/01/02/a.csv", (HEADER.replace("\n", ",synthetic\n") + lines).encode())
    with pytest.raises(DeliveryError, match="1 of 3 rows are marked as synthetic"):
        step.read_and_clean(partner_landing, config.audience)


def test_made_up_rows_are_known_by_their_address_where_the_mark_was_lost(partner_landing, config):
    deliver(partner_landing, "Synthetic-0000001@example.invalid,1,,,,,,\nc@d.org,1,,,,,,\n")
    with pytest.raises(DeliveryError, match="1 of 2 rows are marked as synthetic"):
        step.read_and_clean(partner_landing, config.audience)


def test_a_delivery_of_a_day_to_come_does_not_hide_the_others(partner_landing, config):
    deliver(partner_landing, "a@b.org,1,,,,,,\n")
    deliver(partner_landing, "a@b.org,2,,,,,,\n", day="2962/11/21")
    with pytest.raises(DeliveryError, match=r"2962/11/21/audience.csv: its day, 2962-11-21, is in the future.*remove"):
        step.read_and_clean(partner_landing, config.audience)


def test_where_no_row_says_how_new_it_is_the_delivery_is_refused(partner_landing, config):
    latest = config.audience.model_copy(update={"duplicates": Duplicates(rule="latest", by="age")})
    deliver(partner_landing, "a@b.org,01.02.2026,,,,,,\nc@d.org,,,,,,,\n")
    with pytest.raises(DeliveryError, match=r'in none of 2 rows the column "age" says how new .* audience.duplicates'):
        step.read_and_clean(partner_landing, latest)
    in_days = Duplicates(rule="latest", by="age", format="%d.%m.%Y")
    received = step.read_and_clean(partner_landing, latest.model_copy(update={"duplicates": in_days}))
    assert (received.cleaned.dated, received.cleaned.undated) == (1, 1)


def test_that_no_path_names_a_day_is_told(config, lake, partner_landing):
    deliver(partner_landing, "a@b.org,1,,,,,,\n", day="2026/10")
    deliver(partner_landing, "c@d.org,1,,,,,,\n", day="2026/11")
    outcome = materialise(config, lake, partner_landing)
    metadata = outcome.asset_materializations_for_node("partner_audience")[0].metadata
    assert metadata["day"].value == "no file's path names a day, so all 2 are one delivery"
    assert metadata["rows_in_files"].value == 2


def governed(**keys):
    """The demo's file with a partner who says what rows may be used for."""
    content = yaml.safe_load(segmentation.DEMO_FILE.read_text())
    del content["audience"]["contract"]
    content["audience"] |= {"consent": "ok", "purposes": "use", "permitted_for": []} | keys
    for name in ("customers_overlap", "audience_overlap_source"):
        content["collaboration"]["configured_tables"][name]["purpose"] = "measurement"
    return segmentation.Segmentation.model_validate(content)


def test_each_purpose_gets_the_rows_that_permit_it_and_nothing_else(config, lake, partner_landing):
    config = governed()
    header = HEADER.replace("\n", ",ok,use\n")
    said = ["yes,marketing", "yes,measurement", "yes,marketing;measurement", "no,marketing", ",marketing", "yes,"]
    lines = "".join(f"p{n}@b.org,{n},,,,,,,{consent}\n" for n, consent in enumerate(said))
    partner_landing.write("partner/audience/2026/01/02/audience.csv", (header + lines).encode())
    outcome = materialise(config, lake, partner_landing)

    def ages(table):
        return sorted(lake.read(table, ["email_sha256", "age_band"])["age_band"].to_pylist())

    assert ages(partner_audience(config.audience)) == ["0", "1", "2", "3", "4", "5"], (
        "what they permit is carried along"
    )
    assert ages(permitted_audience(config.audience, "marketing")) == ["0", "2"]
    assert ages(permitted_audience(config.audience, "measurement")) == ["1", "2"]
    rows = outcome.asset_materializations_for_node("partner_audience")[0].metadata["rows_by_table"].value
    assert rows == {
        "partner.partner_audience": 6,
        "partner.partner_audience_for_marketing": 2,
        "partner.partner_audience_for_measurement": 2,
    }


def test_of_who_withdraws_nothing_is_offered_though_the_run_is_killed(lake, partner_landing, monkeypatch):
    config, write = governed(), Lake.write
    offered = permitted_audience(config.audience, "marketing")
    for day, consent in ((2, "yes"), (3, "no")):
        lines = HEADER.replace("\n", ",ok,use\n") + f"a@b.org,1,,,,,,,{consent},marketing\n"
        partner_landing.write(f"partner/audience/2026/01/0{day}/audience.csv", lines.encode())
        received = step.read_and_clean(partner_landing, config.audience)
        if consent == "yes":
            assert step.write(lake, config, config.audience, received, "first")[offered].rows == 1

    def killed(self, table, *what, **how):
        if table == partner_audience(config.audience):
            raise KeyboardInterrupt
        return write(self, table, *what, **how)

    monkeypatch.setattr(Lake, "write", killed)
    with pytest.raises(KeyboardInterrupt):
        step.write(lake, config, config.audience, received, "killed")
    assert lake.state(offered).rows == 0


def test_a_broken_contract_blocks_and_names_the_column(config, lake, partner_landing):
    config = governed(consent=None, purposes=None, contract={"columns": {"age": {"nulls": 0.1}}})
    deliver(partner_landing, "a@b.org,,,,,,,\n")
    outcome = materialise(config, lake, partner_landing, raise_on_error=False)
    [contract] = [c for c in outcome.get_asset_check_evaluations() if c.check_name == "contract"]
    assert not contract.passed
    assert contract.description.startswith(
        "age: 1 of 1 rows are empty (100.00%), allowed is 10.00% (for example SHA-256"
    )
    assert contract.description.endswith("or allow more in audience.contract.")
    check_specs = step.assets(config)[1].check_specs_by_output_name.values()
    assert all(spec.blocking for spec in check_specs)


def test_nothing_that_identifies_a_person_leaves_the_landing_place(config, lake, partner_landing, tmp_path, capfd):
    """Planted in every column, and looked for in every table, file, message and log."""
    identified = {
        "phone": "tel", "phone_region": "US", "name": ["who"], "postal": {"street": "street"}, "identified_by": "email",
        "contract": {"columns": {"email": {"type": "email"}, "tel": {"type": "phone"}, "who": {"values": ["nobody"]}}},
        "consent": None, "purposes": None,
        "attributes": {"note": "note", "home": {"kind": "category", "column": "who", "values": {"a": []}},
                       "born": {"kind": "date", "column": "street"}},
    }  # fmt: skip
    content = yaml.safe_load(segmentation.DEMO_FILE.read_text())
    content["audience"] |= identified
    content["collaboration"] = {
        "name": "planted",
        "configured_tables": {"t": {"table": "partner_audience", "allowed_columns": ["email_sha256", "home"],
                                    "list": {"join_columns": ["email_sha256"], "list_columns": ["home"]}}},
        "queries": {"q": {"sql": "SELECT 1", "description": "none"}},
    }  # fmt: skip
    config = segmentation.Segmentation.model_validate(content)
    planted = ["plantedmail", "planted.example", "2065550199", "(206) 555-0199", "Plantedname", "Planted Street"]
    row = "{}@planted.example,(206) 555-0199,Plantedname,1 Planted Street,write to Plantedmail@planted.example\n"
    mails = ["plantedmail", " PLANTEDMAIL", "plantedmail", "plantedmail at", "plantedmail+tag"]
    lines = "".join(row.format(mail) for mail in mails) + "plantedmail@planted.example,short\n"
    partner_landing.write("partner/audience/2026/01/02/a.csv", ("email,tel,who,street,note\n" + lines).encode())
    (tmp_path / "dagster").mkdir()
    with dg.instance_for_test(temp_dir=str(tmp_path / "dagster")) as instance:
        outcome = materialise(config, lake, partner_landing, raise_on_error=False, instance=instance)
        events = "".join(str(e) for e in instance.all_logs(outcome.run_id))
    assert outcome.asset_materializations_for_node("partner_audience")
    failed = {c.check_name for c in outcome.get_asset_check_evaluations() if not c.passed}
    assert failed == {"contract"}
    told = "".join(capfd.readouterr()) + events
    stored = b"".join(p.read_bytes() for p in tmp_path.rglob("*") if p.is_file() and "partner/audience" not in str(p))
    read = "".join(str(lake.read(t).to_pylist()) for t in (partner_audience(config.audience), QUARANTINED_AUDIENCE))
    for word in planted:
        assert word.lower() not in (told + read).lower()
        assert word.lower().encode() not in stored.lower()


def test_without_a_partner_there_is_nothing(config):
    alone = config.model_copy(update={"audience": None, "collaboration": None})
    assert step.assets(alone) == []
    assert sensors(alone) == []


def test_an_older_delivery_does_not_replace_a_newer_one_that_withdraws(config, lake, partner_landing):
    audience, table = config.audience, partner_audience(config.audience)
    deliver(partner_landing, "a@b.org,19-24,,,,,,\n", day="2026/01/02")
    before, older = lake.states(*step.tables(config, audience)), step.read_and_clean(partner_landing, audience)
    deliver(partner_landing, "a@b.org,65+,,,,,,\n", day="2026/01/03")
    step.write(lake, config, audience, step.read_and_clean(partner_landing, audience), "newer")
    with pytest.raises(CommitFailedException, match="was written by another run"):
        step.write(lake, config, audience, older, "older", before)
    assert str(lake.state(table).as_of) == "2026-01-03"
    assert lake.read(table)["age_band"].to_pylist() == ["65+"]
