from datetime import date, datetime

import pytest

from segment_assets.first_party import customers
from segment_assets.first_party.tables import CONTACT_ADDRESSES, CUSTOMER_ENDPOINTS, CUSTOMERS, QUARANTINED_CUSTOMERS
from segment_assets.lake import Lake
from segment_assets.people.addresses import email_sha256, phone_sha256_digits, phone_sha256_e164, postal_sha256, sha256
from segment_assets_tests.first_party.exporting import OWN, build, consent, endpoint, own, put


def test_the_export_of_the_spec_field_by_field(lake, landing, example_files):
    export = (example_files / "pinpoint_endpoint_export.gz").read_bytes()
    landing.write("customers/2026/09/22/endpoints.jsonl.gz", export)
    read, _ = build(lake, landing)
    assert read.as_of == date(2026, 9, 22)
    assert lake.as_of(CUSTOMERS) == date(2026, 9, 22)
    assert lake.read(CUSTOMERS).to_pylist() == [
        {
            "customer_id": "C000017",
            "email_sha256": email_sha256("dana@example.org"),
            "email_sha256_plain": email_sha256("dana@example.org"),
            "email_sha256_google": email_sha256("dana@example.org"),
            "phone_sha256_e164": phone_sha256_e164("+14255550142"),
            "phone_sha256_digits": phone_sha256_digits("+14255550142"),
            "country": "US",
            "endpoints": 2,
            "known_at": datetime(2026, 9, 21, 14, 23, 24),
        },
        {
            "customer_id": "C000042",
            "email_sha256": None,
            "email_sha256_plain": None,
            "email_sha256_google": None,
            "phone_sha256_e164": None,
            "phone_sha256_digits": None,
            "country": None,
            "endpoints": 1,
            "known_at": datetime(2026, 8, 1),
        },
    ]
    endpoints = {r["endpoint_id"]: r for r in lake.read(CUSTOMER_ENDPOINTS).to_pylist()}
    assert endpoints["ep-000017-email"]["address_sha256"] == sha256("email:dana@example.org")
    assert endpoints["ep-000017-sms"]["address_sha256"] == sha256("phone:+14255550142")
    assert {k: v["active"] for k, v in endpoints.items()} == {
        "ep-000017-email": True,
        "ep-000017-sms": False,  # opted out
        "ep-000042-gcm": False,  # inactive
    }
    assert consent(lake) == {
        ("C000017", "email"): ("unknown", "marketing_consent"),
        ("C000017", "sms"): ("denied", "OptOut"),
    }
    assert [r["endpoint_id"] for r in lake.read(CONTACT_ADDRESSES).to_pylist()] == ["ep-000017-email"]


def test_aws_sample_import_loads_through_the_same_code(lake, landing, shared):
    landing.write("customers/SampleImport.csv", (shared / "data" / "aws_sample" / "SampleImport.csv").read_bytes())
    export, written = build(lake, landing)
    assert (export.delivered, written[CUSTOMERS].rows, written[QUARANTINED_CUSTOMERS].rows) == (3_500, 3_500, 0)
    assert export.as_of is None
    first = next(r for r in lake.read(CUSTOMERS).to_pylist() if r["customer_id"] == "1")
    assert first["email_sha256"] == email_sha256("churn1@example.com")


def test_the_import_file_of_the_spec_loads(lake, landing, example_files):
    landing.write("customers/x.csv", (example_files / "pinpoint_import_endpoints.csv").read_bytes())
    build(lake, landing)
    rows = lake.read(CUSTOMERS).to_pylist()
    assert [(r["customer_id"], r["country"]) for r in rows] == [("C000017", "US"), ("C000018", "US"), ("C000019", "GB")]


def test_devices_and_postal_addresses_are_hashed(lake, landing):
    def lives(number, street):
        attributes = {"device_id": ["tablet-1"], "postal_address": [street]}
        return endpoint(
            number, Attributes=attributes, Location={"PostalCode": "98101"}, Demographic={"Platform": "ios"}
        )

    put(landing, lives(1, "12 Oak St."), lives(2, "12  OAK ST"), endpoint(3, Location={"PostalCode": "98101"}))
    build(lake, landing)
    first, second, third = lake.read(CUSTOMER_ENDPOINTS).to_pylist()
    assert first["devices"] == second["devices"] == [(sha256("device:tablet-1"), "ios")]
    home = (postal_sha256("12 oak st 98101"), postal_sha256("12 oak st"))
    assert first["postal_addresses"] == second["postal_addresses"] == [home]
    assert not third["postal_addresses"]  # a postal code alone is no address


def test_white_space_around_an_id_is_no_part_of_it_and_an_endpoint_keeps_its_own(lake, landing):
    blank = endpoint(3, User={"UserId": "  "}, Id=" ep ")
    put(
        landing,
        endpoint(1, User={"UserId": "C1 "}),
        endpoint(2, "SMS", User={"UserId": "\tC1"}),
        blank,
        endpoint(Id=" "),
    )
    build(lake, landing)
    known = [(r["customer_id"], r["endpoint_id"]) for r in lake.read(CUSTOMER_ENDPOINTS).to_pylist()]
    assert known == [("C1", "ep-1-email"), ("C1", "ep-2-sms"), ("ep", " ep ")]
    assert lake.read(QUARANTINED_CUSTOMERS)["reason"].to_pylist() == ["missing_key"]


def test_a_readable_address_outside_the_raw_zone_is_found(lake, landing):
    put(landing, endpoint(1))
    build(lake, landing)
    rows = lake.read(CUSTOMERS)
    lake.write(
        CUSTOMERS, rows.set_column(rows.schema.get_field_index("country"), "country", [["dana@example.org"]]), "run"
    )
    assert customers.readable_columns(lake) == ["first_party.customers.country"]


def test_the_same_export_gives_the_same_version(lake, landing):
    put(landing, endpoint(1), endpoint(2))
    _, first = build(lake, landing)
    put(landing, endpoint(2), endpoint(1))
    _, second = build(lake, landing)
    assert {t.name: w.version for t, w in first.items()} == {t.name: w.version for t, w in second.items()}


def test_where_something_can_not_be_computed_no_table_is_replaced(lake, landing, tmp_path):
    put(landing, endpoint(1))
    _, before = build(lake, landing)
    put(landing, endpoint(1), endpoint(2), b"no json", day="2026/02/02")
    (tmp_path / "full").write_text("no folder: the hashes find no place on the disk")
    broken = Lake(lambda: lake.catalog, tmp_path / "full")
    with pytest.raises(OSError, match="full"):
        build(broken, landing)
    assert {table: lake.state(table).versions for table in before} == {t: w.versions for t, w in before.items()}


def test_what_is_sent_to_is_normalised_and_what_is_no_address_is_counted(lake, landing):
    own(
        landing,
        "A, Dana@Example.org ,(425) 555-0142,,,yes,",
        "B,Bob <bob@example.org>,ask reception,,,yes,",
        "C,n/a,0160 5550142,,,yes,",
        "D,d\x00@example.org,,,,yes,",
    )
    build(lake, landing, OWN)
    assert [tuple(r.values()) for r in lake.read(CONTACT_ADDRESSES).to_pylist()] == [
        ("A", "email", "A:email", "Dana@Example.org"),
        ("A", "sms", "A:sms", "+14255550142"),
    ]
    assert customers.unusable_addresses(lake) == {"email": 3, "sms": 2}


def test_an_endpoint_without_an_address_is_counted_where_it_is_active(lake, landing):
    nowhere = {"Address": None}
    put(
        landing,
        endpoint(1, **nowhere),
        endpoint(2, EndpointStatus="INACTIVE", **nowhere),
        endpoint(3, "GCM", Address="x"),
    )
    build(lake, landing)
    assert customers.unusable_addresses(lake) == {"email": 1}
    assert lake.read(CONTACT_ADDRESSES)["address"].to_pylist() == ["x"]
