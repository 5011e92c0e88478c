import gzip
import json
from datetime import date, datetime

import pyarrow.compute as pc
import pytest

from segment_assets.first_party import customer_exports, customers
from segment_assets.first_party.errors import LandingError
from segment_assets.first_party.tables import CUSTOMER_ENDPOINTS, CUSTOMERS, QUARANTINED_CUSTOMERS
from segment_assets.landing_config import CustomersLanding, CustomerTable
from segment_assets.people.addresses import email_sha256, phone_sha256_e164
from segment_assets_tests.first_party.exporting import OWN, PINPOINT, build, consent, endpoint, own, put


def test_the_latest_export_alone_is_read(lake, landing):
    put(landing, endpoint(1), endpoint(2), day="2026/01/31")
    put(landing, endpoint(1), day="2026/02/01")
    build(lake, landing)
    assert lake.read(CUSTOMERS)["customer_id"].to_pylist() == ["C1"]


@pytest.mark.parametrize("earlier", ["2026/02/01", "2026/02/01/06", "2026/01/31/23"])
def test_of_one_day_the_export_of_the_latest_hour_is_read(lake, landing, earlier):
    put(landing, endpoint(1), endpoint(2), day=earlier)
    put(landing, endpoint(1), day="2026/02/01/18", name="a")
    put(landing, endpoint(3), day="2026/02/01/18", name="b")
    export, _ = build(lake, landing)
    assert (export.as_of, export.delivered) == (date(2026, 2, 1), 2)
    assert lake.read(CUSTOMERS)["customer_id"].to_pylist() == ["C1", "C3"]
    latest, _ = customer_exports.latest_objects(landing, PINPOINT)
    assert customer_exports.export_sizes(landing, PINPOINT)[date(2026, 2, 1)] == sum(o.size for o in latest)


def test_the_hour_in_the_name_of_an_object_parts_no_export(lake, landing):
    put(landing, endpoint(1), day="2026/02/01", name="part-1-2026-02-01-17-59-59-a")
    put(landing, endpoint(2), day="2026/02/01", name="part-1-2026-02-01-18-00-01-b")
    build(lake, landing)
    assert lake.read(CUSTOMERS)["customer_id"].to_pylist() == ["C1", "C2"]


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


@pytest.mark.parametrize("content", [b"id,mail,tel,land,seen,news,app\n", b"id,mail,tel,land,seen,news,app", b"\n"])
def test_an_export_without_rows_replaces_nobody_and_is_named(lake, landing, content):
    own(landing, "A,ann@example.org,,,,yes,", day="2026/01/31")
    build(lake, landing, OWN)
    landing.write("customers/2026/02/01/k.csv", content)
    with pytest.raises(LandingError, match=r"customers/2026/02/01/k\.csv:? .*(holds no rows|holds blank lines alone)"):
        customer_exports.read(landing, OWN)


def test_an_export_of_endpoints_without_any_replaces_nobody(landing):
    put(landing)
    with pytest.raises(LandingError, match="the latest export holds no rows; customers stay as they were"):
        customer_exports.read(landing, PINPOINT)


def test_an_export_that_is_gone_replaces_nobody(landing):
    nothing = customer_exports.read(landing, OWN)
    customer_exports.refuse_nobody(nothing, OWN, 0)
    with pytest.raises(LandingError, match="no export lies in customers/; 1,200 customers stay as they were"):
        customer_exports.refuse_nobody(nothing, OWN, 1200)


def test_an_export_of_which_nothing_can_be_read_replaces_nobody(landing):
    own(landing, ",ann@example.org,,,,yes,", "B,bo@example.org,,,some day,yes,", ",cy@example.org,,,,yes,")
    export = customer_exports.read(landing, OWN)
    customer_exports.refuse_nobody(export, OWN, 0)
    with pytest.raises(
        LandingError, match="of 3 records of the latest export none could be read, most for missing_cus"
    ):
        customer_exports.refuse_nobody(export, OWN, 2)


def test_an_empty_newer_export_is_told_and_an_older_one_or_a_marker_is_not(landing):
    assert customer_exports.passed_over(landing, OWN) == ""
    own(landing, "A,ann@example.org,,,,yes,", day="2026/02/01")
    for key in ("2026/01/31/c.csv", "2026/02/01/part.csv", "2026/02/02/_SUCCESS"):
        landing.write(f"customers/{key}", b"")
    assert customer_exports.passed_over(landing, OWN) == ""
    landing.write("customers/2026/02/02/c.csv", b"")
    said = customer_exports.passed_over(landing, OWN)
    assert said.startswith("customers/2026/02/02/c.csv is empty (0 bytes) and was passed over: the export of 2026")


def test_an_only_export_that_was_emptied_is_told(landing):
    landing.write("customers/c.csv", b"")
    assert "passed over: customers stay as they were" in customer_exports.passed_over(landing, OWN)


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


def test_the_time_of_a_row_is_of_the_table_s_time_zone(lake, landing):
    table = CustomerTable(customer="id", updated="seen", email="mail", time_zone="America/New_York")
    landing.write("customers/customers.csv", b"id,seen,mail\nA,2026-01-01 20:00,a@x.org\n")
    build(lake, landing, CustomersLanding(format="table", table=table))
    assert lake.read(CUSTOMERS)["known_at"].to_pylist() == [datetime(2026, 1, 2, 1)]


def test_a_missing_column_is_one_clear_sentence(landing):
    landing.write("customers/customers.csv", b"id,mial\n")
    with pytest.raises(LandingError, match=r'landing\.customers\.table: customers/customers\.csv has no column "mail"'):
        customer_exports.read(landing, OWN)


def test_odd_tables_cost_no_sound_row(lake, landing):
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
    export = customer_exports.read(landing, OWN)
    kept = {c.customer_id: c.address for c in export.contacts if c.channel == "email"}
    assert sorted(kept) == ["A", "B", "C", "E"]
    assert kept["C"] == "käthe@müller.example"
    assert sorted(export.quarantined["reason"].to_pylist()) == ["not_utf8", "wrong_columns"]
    assert export.delivered == export.good + export.duplicates + export.quarantined.num_rows == 6
    build(lake, landing, OWN)
    rows = {r["customer_id"]: r for r in lake.read(CUSTOMERS).to_pylist()}
    assert rows["A"]["email_sha256"] is rows["E"]["phone_sha256_e164"] is None
    assert rows["B"]["email_sha256"] == email_sha256("b+tag@gmail.com")


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
        customer_exports.read(landing, PINPOINT)


@pytest.mark.parametrize("before", ["\n", " \r\n\n", "\ufeff\n", "sep=;\n", "SEP=;\r\n\n"])
def test_blank_lines_and_a_word_on_the_separator_before_the_header_are_no_header(landing, before):
    content = f"{before}id;mail;tel;land;seen;news;app\nA;a@example.org;;;;yes;\n\n"
    landing.write("customers/c.csv", content.encode())
    export = customer_exports.read(landing, OWN)
    assert [c.address for c in export.contacts if c.channel == "email"] == ["a@example.org"]
    assert (export.delivered, export.quarantined.num_rows) == (1, 0)


def test_a_file_of_blank_lines_alone_is_told(landing):
    landing.write("customers/c.csv", b"\n \n")
    with pytest.raises(LandingError, match=r"customers/c\.csv holds blank lines alone: write the names of its columns"):
        customer_exports.read(landing, OWN)


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
        hashed = customers.in_key_order
        monkeypatch.setattr(customers, "in_key_order", lambda *of: ([t[1:] for t in some] for some in hashed(*of)))
    export = customer_exports.read(landing, PINPOINT)
    written = customers.write(lake, export, "US", "run")
    assert not export.nothing_lost(written)
