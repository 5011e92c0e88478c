import gzip
import json
from datetime import date, datetime

import pyarrow.compute as pc
import pytest

from segment_assets.first_party import customers
from segment_assets.first_party.errors import LandingError
from segment_assets.first_party.tables import (
    CONSENT_STATE,
    CONTACT_ADDRESSES,
    CUSTOMER_ENDPOINTS,
    CUSTOMERS,
    QUARANTINED_CUSTOMERS,
)
from segment_assets.lake import Lake
from segment_assets.landing_config import CustomersLanding, CustomerTable
from segment_assets.people.addresses import email_sha256, phone_sha256_digits, phone_sha256_e164, sha256
from segment_assets.people.consent import holding

PINPOINT = CustomersLanding(phone_region="US")


def endpoint(number=1, kind="EMAIL", **more):
    return {
        "Id": f"ep-{number}-{kind.lower()}",
        "ChannelType": kind,
        "Address": f"person{number}@example.org",
        "EndpointStatus": "ACTIVE",
        "OptOut": "NONE",
        "EffectiveDate": f"2026-01-{number:02d}T12:00:00.000Z",
        "User": {"UserId": f"C{number}"},
    } | more


def put(landing, *endpoints, day="2026/02/01", name="endpoints"):
    lines = [e if isinstance(e, bytes) else json.dumps(e).encode() for e in endpoints]
    landing.write(f"customers/{day}/{name}.jsonl.gz", gzip.compress(b"\n".join(lines)))


def build(lake, landing, where=PINPOINT):
    export = customers.read(landing, where)
    written = customers.write(lake, export, where.phone_region, "run")
    assert export.nothing_lost(written)
    assert customers.readable_columns(lake) == []
    return export, written


def consent(lake):
    return {(r["customer_id"], r["channel"]): (r["state"], r["source"]) for r in lake.read(CONSENT_STATE).to_pylist()}


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


def test_the_latest_export_alone_is_read(lake, landing):
    put(landing, endpoint(1), endpoint(2), day="2026/01/31")
    put(landing, endpoint(1), day="2026/02/01")
    build(lake, landing)
    assert lake.read(CUSTOMERS)["customer_id"].to_pylist() == ["C1"]


def test_an_export_in_several_objects_is_one_export(lake, landing):
    put(landing, endpoint(1), name="a")
    put(landing, endpoint(2), name="b")
    build(lake, landing)
    assert lake.read(CUSTOMERS).num_rows == 2


def test_of_an_endpoint_that_comes_twice_the_newest_counts(lake, landing):
    put(landing, endpoint(1, EffectiveDate="2026-01-09T00:00:00Z"), endpoint(1, Address="old@example.org"))
    export, _ = build(lake, landing)
    assert (export.good, export.duplicates) == (1, 1)
    assert lake.read(CUSTOMERS)["email_sha256"].to_pylist() == [email_sha256("person1@example.org")]


def test_a_grant_that_is_dated_in_the_future_can_be_withdrawn(lake, landing):
    def told(state, at):
        return endpoint(1, Attributes={"marketing_consent": [state]}, EffectiveDate=at)

    put(landing, told("granted", "2062-03-01T00:00:00Z"), endpoint(2), day="2026/02/01")
    export, _ = build(lake, landing)
    assert export.ahead == 1
    assert held(lake)["C1", "email"] == "granted"
    put(landing, told("denied", "2026-02-01T12:00:00Z"), endpoint(2), day="2026/02/02")
    build(lake, landing)
    assert held(lake)["C1", "email"] == "denied"


def test_what_the_export_of_its_own_day_says_is_not_in_the_future(landing):
    put(landing, endpoint(1, EffectiveDate="2062-03-02T23:00:00Z"), day="2062/03/01")
    assert customers.read(landing, PINPOINT, date(2026, 2, 1)).ahead == 0
    assert customers.read(landing, PINPOINT, date(2062, 3, 5)).ahead == 0
    put(landing, endpoint(1, EffectiveDate="2062-03-03T01:00:00Z"), day="2062/03/01")
    assert customers.read(landing, PINPOINT, date(2026, 2, 1)).ahead == 1


def test_consent_is_what_was_granted_and_nothing_else(lake, landing):
    def told(number, state, **more):
        return endpoint(number, Attributes={"marketing_consent": [state]}, **more)

    put(
        landing,
        told(1, "granted"),
        told(2, "denied"),
        endpoint(3),
        told(4, "granted", OptOut="ALL"),
        told(5, "granted", EndpointStatus="INACTIVE"),
        told(6, "perhaps"),
    )
    build(lake, landing)
    assert {k[0]: v[0] for k, v in consent(lake).items()} == {
        "C1": "granted",
        "C2": "denied",
        "C3": "unknown",
        "C4": "denied",
        "C5": "unknown",
        "C6": "unknown",
    }
    where = PINPOINT.model_copy(update={"opt_out_none_is_consent": True})
    build(lake, landing, where)
    assert consent(lake)["C3", "email"] == ("granted", "OptOut")
    assert consent(lake)["C2", "email"][0] == "denied"


def test_push_endpoints_that_pinpoint_left_behind_say_nothing(lake, landing):
    put(landing, endpoint(1, "APNS", Address="token", EndpointStatus="INACTIVE", OptOut="ALL"))
    build(lake, landing)
    assert consent(lake) == {}


def test_devices_and_postal_addresses_are_hashed(lake, landing):
    def lives(number, street):
        attributes = {"device_id": ["tablet-1"], "postal_address": [street]}
        return endpoint(
            number, Attributes=attributes, Location={"PostalCode": "98101"}, Demographic={"Platform": "ios"}
        )

    put(landing, lives(1, "12 Oak St."), lives(2, "12  OAK ST"), endpoint(3, Location={"PostalCode": "98101"}))
    build(lake, landing)
    first, second, third = lake.read(CUSTOMER_ENDPOINTS).to_pylist()
    assert first["device_id"] == second["device_id"] == sha256("device:tablet-1")
    assert first["device_kind"] == "ios"
    assert first["postal_sha256"] == second["postal_sha256"]
    assert third["postal_sha256"] is None  # a postal code alone is no address


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


def test_broken_records_are_quarantined_and_the_rest_is_kept(lake, landing):
    put(
        landing,
        endpoint(1),
        b"{broken",
        {"ChannelType": "EMAIL"},
        endpoint(2, EffectiveDate="some day"),
        endpoint(3, User="C3"),
        endpoint(4),
    )
    build(lake, landing)
    bad = lake.read(QUARANTINED_CUSTOMERS).to_pylist()
    assert [(r["position"], r["reason"]) for r in bad] == [
        (1, "not_json"),
        (2, "missing_key"),
        (3, "bad_time"),
        (4, "wrong_type"),
    ]
    assert lake.read(CUSTOMERS)["customer_id"].to_pylist() == ["C1", "C4"]


OWN = CustomersLanding(
    format="table",
    phone_region="US",
    table=CustomerTable(
        customer="id", email="mail", phone="tel", country="land", updated="seen",
        email_consent="news", push_consent="app",
    ),
)  # fmt: skip


def test_ones_own_table_of_customers(lake, landing):
    content = """id,mail,tel,land,seen,news,app
A,Dana@Example.org,(425) 555-0142,us,2026-01-01,yes,
B,,,,,,no
,nobody@example.org,,,,,
C,c@example.org,,,someday,,
A,new@example.org,,,2026-02-01,no,
"""
    landing.write("customers/customers.csv", content.encode())
    export, _ = build(lake, landing, OWN)
    assert (export.delivered, export.good) == (5, 3)
    a, b = lake.read(CUSTOMERS).to_pylist()
    assert (a["customer_id"], a["email_sha256"]) == ("A", email_sha256("new@example.org"))
    assert a["phone_sha256_e164"] == phone_sha256_e164("+14255550142")
    assert (a["country"], a["endpoints"]) == ("US", 2)
    assert (b["customer_id"], b["endpoints"]) == ("B", 0)
    assert [r["endpoint_id"] for r in lake.read(CUSTOMER_ENDPOINTS).to_pylist()] == ["A:email", "A:sms"]
    assert consent(lake)["A", "email"] == ("denied", "news")
    assert consent(lake)["B", "push"] == ("denied", "app")
    assert {r["reason"] for r in lake.read(QUARANTINED_CUSTOMERS).to_pylist()} == {"missing_customer", "bad_time"}


def test_the_time_of_a_row_is_read_as_the_mapping_says_it_is_written(lake, landing):
    table = CustomerTable(customer="id", updated="seen", email_consent="news", time_format="%d.%m.%Y")
    landing.write("customers/customers.csv", b"id;seen;news\nA;02.01.2026;yes\nA;01.02.2026;no\nB;2026-01-01;yes\n")
    build(lake, landing, CustomersLanding(format="table", table=table))
    assert consent(lake)["A", "email"] == ("denied", "news"), "2 January is before 1 February"
    assert lake.read(QUARANTINED_CUSTOMERS)["reason"].to_pylist() == ["bad_time"]


def test_a_missing_column_is_one_clear_sentence(landing):
    landing.write("customers/customers.csv", b"id,mial\n")
    with pytest.raises(LandingError, match=r'landing\.customers\.table: customers/customers\.csv has no column "mail"'):
        customers.read(landing, OWN)


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


def test_consent_is_added_to_and_what_was_denied_later_stays_denied(lake, landing):
    def told(state, day):
        return endpoint(1, EffectiveDate=f"2026-01-{day:02d}T00:00:00Z", Attributes={"marketing_consent": [state]})

    put(landing, told("granted", 5), day="2026/02/01")
    build(lake, landing)
    put(landing, told("denied", 9), day="2026/02/02")
    build(lake, landing)
    build(lake, landing)
    put(landing, told("granted", 5), day="2026/02/03")
    build(lake, landing)
    said = lake.read(CONSENT_STATE).to_pylist()
    assert [(r["state"], str(r["told_on"])) for r in said] == [
        ("granted", "2026-02-01"),
        ("denied", "2026-02-02"),
        ("granted", "2026-02-03"),
    ]
    assert [r["state"] for r in holding(lake.read(CONSENT_STATE)).to_pylist()] == ["denied"]


def test_of_records_of_one_endpoint_and_one_time_denied_beats_granted(lake, landing):
    def told(state):
        return endpoint(1, Attributes={"marketing_consent": [state]})

    put(landing, told("denied"), told("granted"))
    build(lake, landing)
    assert consent(lake)["C1", "email"][0] == "denied"
    landing.write(
        "customers/2026/02/02/c.csv", b"id,mail,tel,land,seen,news,app\nA,a@b.org,,,,no,\nA,a@b.org,,,,yes,\n"
    )
    build(lake, landing, OWN)
    assert consent(lake)["A", "email"][0] == "denied"


def own(landing, *rows, day="2026/02/01"):
    landing.write(f"customers/{day}/c.csv", "\n".join(["id,mail,tel,land,seen,news,app", *rows]).encode())


def held(lake):
    return {(r["customer_id"], r["channel"]): r["state"] for r in holding(lake.read(CONSENT_STATE)).to_pylist()}


def test_a_denial_of_an_older_record_counts_though_the_newest_says_nothing(lake, landing):
    own(landing, "A,a@b.org,,,2026-05-01,yes,", "A,a@b.org,,,2026-06-01,no,", "A,a@b.org,,,2026-07-01,,")
    build(lake, landing, OWN)
    assert held(lake)["A", "email"] == "denied"
    own(landing, "A,a@b.org,,,2026-05-20,yes,", day="2026/07/02")
    build(lake, landing, OWN)
    assert held(lake)["A", "email"] == "denied"
    own(landing, "A,a@b.org,,,2026-07-03,yes,", day="2026/07/04")
    build(lake, landing, OWN)
    assert held(lake)["A", "email"] == "granted"


def test_a_grant_of_an_older_record_that_the_newest_does_not_repeat_is_none(lake, landing):
    own(landing, "A,a@b.org,,,2026-05-01,yes,", "A,a@b.org,,,2026-07-01,,")
    build(lake, landing, OWN)
    assert held(lake)["A", "email"] == "unknown"


def test_a_denial_without_a_time_is_newer_than_every_grant_of_its_export(lake, landing):
    own(landing, "A,a@b.org,,,2026-05-01,yes,", "A,a@b.org,,,,no,", "B,b@b.org,,,2026-05-01,yes,", "B,,,,,no,")
    build(lake, landing, OWN)
    assert {held(lake)[who, "email"] for who in "AB"} == {"denied"}


def test_a_denial_of_an_older_version_of_an_endpoint_counts(lake, landing):
    def told(day, **attributes):
        return endpoint(1, EffectiveDate=f"2026-01-{day:02d}T00:00:00Z", **attributes)

    put(landing, told(5, OptOut="ALL"), told(9, OptOut=None))
    build(lake, landing)
    assert held(lake)["C1", "email"] == "denied"
    assert lake.read(CONTACT_ADDRESSES)["customer_id"].to_pylist() == ["C1"], "whether it is active the newest says"


def test_odd_tables_cost_no_sound_row(landing):
    odd = (
        b"\xef\xbb\xbfid;mail;tel;land;seen;news;app\n"
        + "\n".join(
            (
                'A;"Ann@\nExample.org";;;;;',  # a quoted line end: no address, and no end of the row
                "B;B+Tag@Gmail.com;;;;yes;",
                "C;käthe@müller.example;;;;;",
                "D;d@example.org;;;;;;one column too many",
                "E;e@example.org;5550142;;;;",  # no area code: nobody's number
            )
        )
        .encode("latin-1")
        .replace("käthe@müller".encode("latin-1"), "käthe@müller".encode())
        + b"\nF;f\xfc@example.org;;;;;\n"
    )
    landing.write("customers/c.csv", odd)
    export = customers.read(landing, OWN)
    kept = {c.customer_id: c.address for c in export.contacts if c.channel == "email"}
    assert sorted(kept) == ["A", "B", "C", "E"]
    assert kept["C"] == "käthe@müller.example"
    assert sorted(export.quarantined["reason"].to_pylist()) == ["not_utf8", "wrong_columns"]
    assert export.delivered == export.good + export.duplicates + export.quarantined.num_rows == 6
    rows = {r["customer_id"]: r for r in customers.tables(export, "US")[customers.CUSTOMERS].to_pylist()}
    assert rows["A"]["email_sha256"] is rows["E"]["phone_sha256_e164"] is None
    assert rows["B"]["email_sha256"] == email_sha256("b+tag@gmail.com")


@pytest.mark.parametrize(
    "said",
    [
        {"Attributes": {"marketing_consent": ["granted", "denied"]}},
        {
            "Attributes": {"marketing_consent": ["granted"]},
            "User": {"UserId": "C1", "UserAttributes": {"marketing_consent": ["opted-out"]}},
        },
        {"OptOut": "all", "Attributes": {"marketing_consent": ["granted"]}},
        {"OptOut": "EMAIL_ONLY", "Attributes": {"marketing_consent": ["granted"]}},
    ],
)
def test_of_an_endpoint_that_says_yes_and_no_the_no_holds(lake, landing, said):
    put(landing, endpoint(**said))
    build(lake, landing)
    assert consent(lake)["C1", "email"][0] == "denied"


def test_words_of_a_hand_written_import_are_read_in_any_case_and_unknown_ones_open_nothing(lake, landing):
    written = {"ChannelType": "email", "Attributes": {"marketing_consent": ["Opted In"]}}
    put(landing, endpoint(1, **written), endpoint(2, EndpointStatus="inactive"), endpoint(3, EndpointStatus="PAUSED"))
    build(lake, landing)
    assert consent(lake)["C1", "email"][0] == "granted"
    assert lake.read(CONTACT_ADDRESSES)["customer_id"].to_pylist() == ["C1"]


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


ROWS = "".join(f"C{n},c{n}@example.org,,,,yes,\n" for n in range(2_000)).encode()
HEADER = b"id,mail,tel,land,seen,news,app\n"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"PK\x03\x04" + bytes(50), r"\(unknown_compression\): .* a workbook is saved as CSV"),
        (gzip.compress(HEADER + ROWS)[:3_000], r"\(truncated_gzip\): customers stay as they were; deliver it again"),
        (gzip.compress(HEADER) + b"and more", r"\((bad|truncated)_gzip\)"),
        (b"PAR1" + bytes(300) + b"PAR1", r"\(bad_parquet\)"),
        (HEADER + b'A,"a@example.org,,,,yes,\n' + ROWS[:200], r"\(open_quote\): .* close the quote"),
    ],
    ids=["a workbook", "cut in half", "something behind gzip", "no Parquet", "an open quote"],
)
def test_an_export_that_cannot_be_read_to_its_end_replaces_nobody(lake, landing, content, said):
    own(landing, "A,a@example.org,,,,yes,")
    build(lake, landing, OWN)
    landing.write("customers/2026/02/02/a.csv", HEADER + b"B,b@example.org,,,,yes,\n")
    landing.write("customers/2026/02/02/b.csv", content)
    with pytest.raises(
        LandingError,
        match=r"landing\.customers\.path: customers/2026/02/02/b\.csv can't be read to " + f"its end {said}",
    ):
        build(lake, landing, OWN)
    assert lake.read(CUSTOMERS)["customer_id"].to_pylist() == ["A"]


def test_an_endpoint_export_that_was_cut_off_replaces_nobody(landing):
    lines = [json.dumps(endpoint(n % 28 + 1)).encode() for n in range(500)]
    landing.write("customers/2026/02/01/e.jsonl.gz", gzip.compress(b"\n".join(lines))[:1_000])
    with pytest.raises(LandingError, match=r"e\.jsonl\.gz can't be read to its end \(truncated_gzip\)"):
        customers.read(landing, PINPOINT)


@pytest.mark.parametrize("before", ["\n", " \r\n\n", "\ufeff\n", "sep=;\n", "SEP=;\r\n\n"])
def test_blank_lines_and_a_word_on_the_separator_before_the_header_are_no_header(landing, before):
    content = f"{before}id;mail;tel;land;seen;news;app\nA;a@example.org;;;;yes;\n\n"
    landing.write("customers/c.csv", content.encode())
    export = customers.read(landing, OWN)
    assert [c.address for c in export.contacts if c.channel == "email"] == ["a@example.org"]
    assert (export.delivered, export.quarantined.num_rows) == (1, 0)


def test_a_file_of_blank_lines_alone_is_told(landing):
    landing.write("customers/c.csv", b"\n \n")
    with pytest.raises(LandingError, match=r"customers/c\.csv holds blank lines alone: write the names of its columns"):
        customers.read(landing, OWN)


@pytest.mark.parametrize("lost", ["a contact", "a row"])
def test_a_customer_that_is_lost_on_the_way_is_missed(lake, landing, monkeypatch, lost):
    """Duplicates are counted where they are dropped: counted as what is missing they would account for every loss."""
    put(landing, endpoint(1), endpoint(1, EffectiveDate="2026-01-09T12:00:00Z"), endpoint(2), b"{broken")
    export, _ = build(lake, landing)
    assert (export.delivered, export.good, export.duplicates) == (4, 2, 1)
    if lost == "a contact":
        sort = pc.sort_indices
        monkeypatch.setattr(pc, "sort_indices", lambda *how, **more: sort(*how, **more)[1:])
    else:
        hashed = customers._hashed
        monkeypatch.setattr(customers, "_hashed", lambda *of: ([t[1:] for t in some] for some in hashed(*of)))
    export = customers.read(landing, PINPOINT)
    written = customers.write(lake, export, "US", "run")
    assert not export.nothing_lost(written)
