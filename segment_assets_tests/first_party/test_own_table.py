import gzip
import json
import os
import re
from datetime import date, datetime
from decimal import Decimal
from functools import partial

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
import pytest

from segment_assets.first_party import loading, tabular, undated
from segment_assets.first_party.deliveries import event_objects
from segment_assets.first_party.errors import LandingError
from segment_assets.first_party.event_account import perhaps_suppressions
from segment_assets.first_party.formats.choice import format_of
from segment_assets.first_party.formats.own_table import OwnTable
from segment_assets.first_party.loading import load
from segment_assets.first_party.tables import ARRIVAL_DAYS, ENGAGEMENT_EVENTS, QUARANTINED_RECORDS, RAW_EVENTS
from segment_assets.first_party.vocabulary import own_name
from segment_assets.lake import FolderStore, Lake
from segment_assets.lake.embedded import open_catalog
from segment_assets.landing_config import EventsLanding, EventTable
from segment_assets_tests.first_party.loading import days_in, load_days, normalise
from segment_assets_tests.first_party.reading import parquet

MAPPING = EventTable(
    customer="who",
    time="when",
    event="what",
    metrics={"amount": "paid"},
    properties={"shop": "shop"},
    rename={"ORDER": "purchase", "REDEEM": "redeemed"},
)
WHERE = EventsLanding(format="table", table=MAPPING)
CSV = """who,when,what,paid,shop
C1,2026-01-01 10:00,ORDER,12.50,A
C2,2026-01-01T23:30:00-02:00,REDEEM,,B
C1,2026-01-03,ORDER,1,"A, upstairs"
"""


def test_rows_become_events_on_the_day_they_were_known(lake, landing):
    landing.write("events/orders.csv", CSV.encode())
    assert list(days_in(landing, WHERE)) == ["2026-01-01", "2026-01-02", "2026-01-03"]
    load_days(lake, landing, where=WHERE)
    normalise(lake, WHERE)
    rows = lake.read(ENGAGEMENT_EVENTS).to_pylist()
    assert [(r["user_id"], r["event_name"], r["source_event_type"], r["occurred_at"]) for r in rows] == [
        ("C1", "purchase", "purchase", datetime(2026, 1, 1, 10)),
        ("C2", "app", "redeemed", datetime(2026, 1, 2, 1, 30)),
        ("C1", "purchase", "purchase", datetime(2026, 1, 3)),
    ]
    assert rows[0]["metrics"] == [("amount", 12.5)]
    assert rows[2]["properties"] == [("shop", "A, upstairs")]
    assert {(r["source"], r["raw_uri"]) for r in rows} == {("custom", "events/orders.csv")}


def test_a_file_whose_name_is_no_utf8_is_read_as_any_other(lake, landing):
    (landing.root / "events").mkdir(parents=True)
    (landing.root / "events" / os.fsdecode(b"\xff\xfe.csv")).write_text(CSV)
    load_days(lake, landing, where=WHERE)
    assert set(lake.read(RAW_EVENTS)["object_key"].to_pylist()) == {r"events/\xff\xfe.csv"}


def test_white_space_around_a_customers_id_is_no_part_of_it(lake, landing):
    landing.write("events/o.csv", b"who,when,what,paid,shop\nC1  ,2026-01-01,ORDER,,\n\tC1,2026-01-01,REDEEM,,\n")
    load_days(lake, landing, where=WHERE)
    normalise(lake, WHERE)
    assert lake.read(ENGAGEMENT_EVENTS)["user_id"].to_pylist() == ["C1", "C1"]


def test_received_decides_the_day_where_it_is_known(lake, landing):
    mapping = EventTable(customer="who", time="when", received="seen", event_name="purchase")
    where = EventsLanding(format="table", table=mapping)
    landing.write("events/o.csv", b"who,when,seen\nC1,2026-01-01,2026-01-05T01:00:00Z\nC1,2026-01-02,\n")
    assert list(days_in(landing, where)) == ["2026-01-02", "2026-01-05"]
    load_days(lake, landing, where=where)
    normalise(lake, where)
    rows = lake.read(ENGAGEMENT_EVENTS).to_pylist()
    assert [(r["occurred_at"].day, r["received_at"].day) for r in rows] == [(2, 2), (1, 5)]


@pytest.mark.parametrize(
    "how",
    [
        "plain",
        "gzip",
        "semicolons",
        "byte order mark",
        "blank lines first",
        "parquet",
        "json lines",
        "json in a row, gzip",
    ],
)
def test_a_table_reads_alike_however_it_is_written(how, landing):
    mapping = EventTable(customer="who", time="when", event="what", metrics={"amount": "paid"})
    content = b"who,when,what,paid\nC1,2026-01-01 10:00:00,ORDER,12.5\n"
    if how == "gzip":
        content = gzip.compress(content)
    if how == "semicolons":
        content = content.replace(b",", b";")
    if how == "blank lines":
        content = b"\n  \r\n" + content
    if how == "byte order mark":
        content = b"\xef\xbb\xbf" + content
    if how.startswith("json"):
        content = b'{"who": "C1", "when": "2026-01-01 10:00:00", "what": "ORDER", "paid": 12.5}'
    if how.endswith("row, gzip"):
        content = gzip.compress(b"\xef\xbb\xbf" + content)
    if how == "parquet":
        sink = pa.BufferOutputStream()
        time = pa.array([datetime(2026, 1, 1, 10)], pa.timestamp("us"))
        pq.write_table(pa.table({"who": ["C1"], "when": time, "what": ["ORDER"], "paid": [12.5]}), sink)
        content = sink.getvalue().to_pybytes()
    form = OwnTable(mapping)
    found = [form.read("x", piece) for piece in form.pieces("x", content)]
    assert sum(f.quarantined.num_rows for f in found) == 0
    assert [r for f in found for r in f.records["record"].to_pylist()] == [
        '{"paid":"12.5","what":"ORDER","when":"2026-01-01 10:00:00","who":"C1"}'
    ]


def test_bad_rows_are_quarantined_and_the_rest_is_kept(lake, landing):
    rows = [
        b"who,when,what,paid,shop",
        b"C1,2026-01-02,ORDER,1,A",
        b",2026-01-02,ORDER,1,A",
        b"C1,,ORDER,1,A",
        b"C1,01/02/2026,ORDER,1,A",
        b"C1,1026-01-02,ORDER,1,A",
        b"C1,2026-01-02,,1,A",
        b"C1,2026-01-02,ORDER,many,A",
        b"C1,2026-01-02,ORDER,nan,A",
        b"C1,2026-01-02,ORDER",
        b"C1,2026-01-02,ORDER,1,\xff",
        b"C1,2026-01-03,ORDER,2,A",
    ]
    landing.write("events/o.csv", b"\n".join(rows))
    load_days(lake, landing, where=WHERE)
    found = lake.read(QUARANTINED_RECORDS).to_pylist()
    assert [(r["position"], r["reason"]) for r in found] == [
        (1, "missing_customer"),
        (2, "bad_time"),
        (3, "bad_time"),
        (4, "absurd_time"),
        (5, "missing_event"),
        (6, "not_a_number"),
        (7, "not_finite"),
        (8, "wrong_columns"),
        (9, "not_utf8"),
    ]
    assert {str(r["arrival_date"]) for r in found} == {"2026-01-02"}  # the first day of their file
    assert [(r["delivered"], r["good"]) for r in lake.read(ARRIVAL_DAYS).to_pylist()] == [(10, 1), (1, 1)]


@pytest.mark.parametrize("written", ["-", "n/a", "nan", "1,50"])
def test_a_number_that_is_none_is_left_out_of_a_row_that_suppresses(lake, landing, written):
    rows = ["who,when,what,paid,shop", f'C1,2026-01-01,Unsubscribe,"{written}",A', "C1,2026-01-01,complaint,2.5,A"]
    landing.write("events/o.csv", "\n".join(rows).encode())
    load_days(lake, landing, where=WHERE)
    normalise(lake, WHERE)
    assert lake.read(QUARANTINED_RECORDS).num_rows == 0
    found = {r["event_name"]: (r["is_suppression"], r["metrics"]) for r in lake.read(ENGAGEMENT_EVENTS).to_pylist()}
    assert found == {"unsubscribe": (True, []), "complaint": (True, [("amount", 2.5)])}


def test_blank_lines_alone_are_a_table_of_events_without_rows(landing):
    landing.write("events/o.csv.gz", gzip.compress(b"\n"))
    assert days_in(landing, WHERE) == {}


def test_a_missing_column_is_one_clear_sentence(landing):
    with pytest.raises(LandingError, match=r'landing\.events\.table: events/o\.csv has no column "when" .*"wehn"'):
        list(OwnTable(MAPPING).pieces("events/o.csv", b"who,wehn,what,paid,shop\n"))


def test_of_a_file_that_is_no_table_it_is_told_how_to_keep_it_out():
    with pytest.raises(LandingError, match=r"README\.txt has no .*; if it is no such table, move it away, or let its"):
        list(OwnTable(MAPPING).pieces("events/README.txt", b"Read me first.\n"))


@pytest.mark.parametrize(
    "row",
    [b"anna@b.org,yesterday,ORDER,x,A\n", b"Anna Smith,2026-01-01,ORDER,x,A\n", b"Anna Smith,Bonn,granted,yes,A\n"],
)
def test_of_a_file_without_a_header_nothing_is_shown(row):
    with pytest.raises(LandingError, match="its first line, of 5 columns, does not look like column names") as mistake:
        list(OwnTable(MAPPING).pieces("events/o.csv", row))
    assert not {"anna", "Anna", "Smith", "Bonn"} & set(re.findall(r"\w+", str(mistake.value)))


def test_a_column_that_is_there_twice_is_one_clear_sentence():
    with pytest.raises(LandingError, match=r'events/o\.csv has the column "when" 2 times: name it once'):
        list(OwnTable(MAPPING).pieces("events/o.csv", b"who,when,what,paid,shop,when\n"))


def test_rows_added_at_the_end_change_their_days_alone(landing):
    landing.write("events/orders.csv", CSV.encode())
    before = days_in(landing, WHERE)
    landing.write("events/orders.csv", CSV.encode() + b"C9,2026-01-03,ORDER,5,A\nC9,2026-01-04,ORDER,5,A\n")
    after = days_in(landing, WHERE)
    assert [d for d in after if before.get(d, None) is None or before[d].version != after[d].version] == [
        "2026-01-03",
        "2026-01-04",
    ]


def test_icebergs_metadata_and_marks_are_no_data(landing):
    landing.write("events/data/orders.csv", CSV.encode())
    landing.write("events/metadata/v1.metadata.json", b"{}")
    landing.write("events/data/_SUCCESS", b"x")
    assert days_in(landing, WHERE)["2026-01-01"].objects == 1


class Counting(FolderStore):
    """Remembers what was read."""

    def __init__(self, root):
        super().__init__(root)
        self.reads = []

    def read(self, key):
        self.reads.append(key)
        return super().read(key)


BAD = "C1,2026-01-02,ORDER,1\n"


def many(days=range(1, 15), each=20):
    rows = "".join(f"C{n},2026-01-{day:02}T{n:02}:00,ORDER,{n},A\n" for day in days for n in range(each))
    return f"who,when,what,paid,shop\n{BAD}\n{rows}{BAD}".encode()


def test_however_many_chunks_the_days_make_each_object_is_read_once(lake, landing, monkeypatch):
    landing.write("events/a.csv", many())
    landing.write("events/b.csv", many(range(9, 3, -1)))
    store = Counting(landing.root)
    days = days_in(store, WHERE)
    assert store.reads == ["events/a.csv", "events/b.csv"]
    store.reads.clear()
    monkeypatch.setattr(loading, "CHUNK", 2_000)
    wanted = [date.fromisoformat(day) for day in days]
    loaded = list(load(store, format_of(WHERE), event_objects(store, WHERE), wanted, lake.scratch))
    assert len(loaded) > 5
    assert sum(part.raw.num_rows for part in loaded) == 20 * (14 + 6)
    assert store.reads == ["events/a.csv", "events/b.csv"]
    assert list(lake.scratch.iterdir()) == []  # what was set aside had no name, and is gone


@pytest.mark.parametrize("form", ["csv", "parquet"])
def test_chunks_pieces_and_processes_change_nothing(tmp_path, landing, monkeypatch, form):
    content = many()
    if form == "parquet":
        text = content.replace(BAD.encode(), b"").replace(b"\n\n", b"\n")
        sink = pa.BufferOutputStream()
        pq.write_table(pa.csv.read_csv(pa.BufferReader(text)), sink)
        content = sink.getvalue().to_pybytes()
    landing.write("events/a", content)
    whole, cut = (Lake(partial(open_catalog, tmp_path / n), tmp_path / n / "scratch") for n in ("whole", "cut"))
    load_days(whole, landing, where=WHERE)
    monkeypatch.setattr(tabular, "AT_ONCE", 30)
    monkeypatch.setattr(loading, "CHUNK", 2_000)
    monkeypatch.setattr(undated, "MUCH", 1_000)
    load_days(cut, landing, where=WHERE)
    for table in (RAW_EVENTS, QUARANTINED_RECORDS, ARRIVAL_DAYS):
        assert cut.state(table).version == whole.state(table).version
        assert cut.state(table).rows > 0 or form == "parquet"


def test_rows_added_at_the_end_change_their_days_alone_in_files_of_many_pieces(landing, monkeypatch):
    monkeypatch.setattr(tabular, "AT_ONCE", 30)
    landing.write("events/a.csv", many())
    before = days_in(landing, WHERE)
    landing.write("events/a.csv", many() + b"C1,2026-01-14,ORDER,1,A\n")
    after = days_in(landing, WHERE)
    assert [day for day in after if before[day].version != after[day].version] == ["2026-01-14"]


def test_json_rows_have_keys_of_their_own_and_broken_ones_cost_no_other(lake, landing, monkeypatch):
    lines = [
        b'{"who":"C1","when":"2026-01-02","what":"ORDER","paid":10000000000000000001,"shop":"A"}',
        b'{"who":"C2","when":1767322800,"what":"ORDER","shop":{"id":7},"more":[1,2]}',
        b"{broken",
        b'["no row"]',
        b'{"what":"ORDER","when":"2026-01-03"}',
        b'{"who":"C3","when":"2026-01-04","what":"ORDER","paid":true}',
        b'{"who":"C1","when":"2026-01-02","what":"ORDER","paid":10000000000000000001,"shop":"A"}',
    ]
    landing.write("events/a.jsonl", b"\n".join(lines))
    load_days(lake, landing, where=WHERE)
    bad = [(r["position"], r["reason"]) for r in lake.read(QUARANTINED_RECORDS).to_pylist()]
    assert bad == [(2, "not_json"), (3, "not_an_object"), (4, "missing_customer"), (5, "not_a_number")]
    normalise(lake, WHERE)
    rows = lake.read(ENGAGEMENT_EVENTS).to_pylist()
    assert sorted((r["user_id"], r["occurred_at"], r["properties"]) for r in rows) == [
        ("C1", datetime(2026, 1, 2), [("shop", "A")]),
        ("C2", datetime(2026, 1, 2, 3), [("shop", '{"id": 7}')]),
    ]
    ids = {r["event_id"] for r in lake.read(RAW_EVENTS).to_pylist()}
    landing.write("events/a.jsonl", b"")
    for n, line in enumerate(line for line in lines if line.startswith(b"{")):
        landing.write(f"events/split/{n}.jsonl", line)
    load_days(lake, landing, where=WHERE)
    assert {r["event_id"] for r in lake.read(RAW_EVENTS).to_pylist()} == ids, "however they are split"


def test_of_two_unmapped_columns_of_one_name_neither_is_lost():
    content = b"who,when,what,paid,shop,note,note\nC1,2026-01-01,x,,A,left,right\nC1,2026-01-01,x,,A,other,right\n"
    form = OwnTable(MAPPING)
    [found] = [form.read("x", rows) for rows in form.pieces("x", content)]
    assert [json.loads(r)["note (2)"] for r in found.records["record"].to_pylist()] == ["right", "right"]
    assert len(set(found.records["event_id"].to_pylist())) == 2


@pytest.mark.parametrize("written", ["1_000", "\uff11\uff12", "0x10", "12 EUR"])
def test_what_only_python_takes_for_a_number_is_none(written):
    form = OwnTable(MAPPING)
    content = f"who,when,what,paid,shop\nC1,2026-01-01,x,{written},A\n".encode()
    [found] = [form.read("x", rows) for rows in form.pieces("x", content)]
    assert found.quarantined["reason"].to_pylist() == ["not_a_number"]


@pytest.mark.parametrize("count", [0, 2, 4_000])
@pytest.mark.parametrize("indent", [None, 1])
@pytest.mark.parametrize("packed", [bytes, gzip.compress, b"\xef\xbb\xbf".__add__])
def test_a_list_of_json_is_refused_in_a_sentence_that_shows_nothing_of_it(count, indent, packed):
    content = json.dumps([{"who": "Dana", "when": "2026-01-01", "n": n} for n in range(count)], indent=indent)
    with pytest.raises(LandingError, match=r"events/o\.json is one JSON list: write a JSON object per line") as told:
        list(OwnTable(MAPPING).pieces("events/o.json", packed(content.encode())))
    assert "Dana" not in str(told.value)


def test_a_header_in_brackets_is_no_list_of_json():
    with pytest.raises(LandingError, match='has no column "who"'):
        list(OwnTable(MAPPING).pieces("events/o.csv", b"[who],[when],[what]\nC1,2026-01-01,ORDER\n"))


def test_an_address_in_a_property_stays_in_the_raw_zone(lake, landing):
    shops = ("ask dana@example.org", "+1 425 555 0142", "A+ shop")
    rows = [f"C{i},2026-01-01,ORDER,,{shop}" for i, shop in enumerate(shops, 1)]
    landing.write("events/orders.csv", "\n".join(["who,when,what,paid,shop", *rows]).encode())
    load_days(lake, landing, where=WHERE)
    normalise(lake, WHERE)
    kept = {r["user_id"]: r["properties"] for r in lake.read(ENGAGEMENT_EVENTS).to_pylist()}
    assert kept == {"C1": [], "C2": [], "C3": [("shop", "A+ shop")]}


def test_an_address_that_is_an_event_s_name_stays_in_the_raw_zone(lake, landing):
    landing.write(
        "events/o.csv", b"who,when,what,paid,shop\nC1,2026-01-01,tel:+4915112345678,,\nC2,2026-01-01,a@b.org,,\n"
    )
    load_days(lake, landing, where=WHERE)
    normalise(lake, WHERE)
    assert {r["source_event_type"] for r in lake.read(ENGAGEMENT_EVENTS).to_pylist()} == {"tel:[number]", "[address]"}


def test_a_number_in_a_property_that_is_called_a_telephone_s_stays_in_the_raw_zone(lake, landing):
    landing.write("events/o.csv", b"who,when,tel\nC1,2026-01-01,0791234567\nC2,2026-01-01,none\n")
    table = EventTable(customer="who", time="when", event_name="purchase", properties={"phone": "tel", "order": "tel"})
    where = EventsLanding(format="table", table=table)
    load_days(lake, landing, where=where)
    normalise(lake, where)
    kept = {r["user_id"]: r["properties"] for r in lake.read(ENGAGEMENT_EVENTS).to_pylist()}
    assert kept == {"C1": [("order", "0791234567")], "C2": [("order", "none"), ("phone", "none")]}


LATIN = b"who,when,what,paid,shop,Gr\xf6\xdfe\nC1,2026-01-01,ORDER,,A,40\nC2,2026-01-01,ORDER,,A,gro\xdf\n"


def test_a_column_that_nobody_maps_costs_no_row_by_a_name_that_is_no_utf8(lake, landing):
    landing.write("events/o.csv", LATIN)
    load_days(lake, landing, where=WHERE)
    [row] = lake.read(RAW_EVENTS)["record"].to_pylist()
    assert json.loads(row)[r"Gr\xf6\xdfe"] == "40"
    assert lake.read(QUARANTINED_RECORDS)["reason"].to_pylist() == ["not_utf8"]


@pytest.mark.parametrize(
    ("written", "name"),
    [("unsubscribe", "unsubscribe"), ("Unsubscribe", "unsubscribe"), ("BOUNCE HARD", "bounce_hard"),
     ("bounce-soft", "bounce_soft"), ("Complaint", "complaint"), ("Purchase", "app"), ("unsubscribed", "app"),
     ("UN-SUBSCRIBE", "unsubscribe"), ("un_subscribe", "unsubscribe")],
)  # fmt: skip
def test_a_name_that_closes_a_channel_is_known_however_it_is_spelled(written, name):
    assert own_name(written) == name


def test_names_that_sound_like_a_suppression_and_are_none_are_told(lake, landing):
    kinds = ("Unsubscribe", "unsubscribed", "opt-out", "opt-out", "Un-Subscribed", "ORDER", "bounced dana@example.org")
    lines = ["who,when,what,paid,shop", *(f"C{n},2026-01-01,{kind},," for n, kind in enumerate(kinds))]
    landing.write("events/o.csv", "\n".join(lines).encode())
    load_days(lake, landing, where=WHERE)
    normalise(lake, WHERE)
    assert [r["event_name"] for r in lake.read(ENGAGEMENT_EVENTS).to_pylist() if r["is_suppression"]] == ["unsubscribe"]
    found = {"Un-Subscribed": 1, "bounced [address]": 1, "opt-out": 2, "unsubscribed": 1}
    assert perhaps_suppressions(lake, []) == found
    assert perhaps_suppressions(lake, ["unsubscribed", "Un-Subscribed", "bounced [address]"]) == {"opt-out": 2}


def test_a_name_is_renamed_however_it_is_spelled_and_as_it_is_written_first():
    names = {"opt-out": "unsubscribe", "re-order": "again", "reorder": "more"}
    mapping = EventTable(customer="who", time="when", event="what", rename=names)
    form = OwnTable(mapping)
    written = ("opt-out", "OPT OUT", "Opt_Out", "re-order", "reorder", "Re Order", "opted")
    found = [form.kind({"what": name}) for name in written]
    assert found == [*["unsubscribe"] * 3, "again", "more", "again", "opted"]


GERMAN = "\ufeffwer;wann;was;betrag\nC1;01.02.2026 05:22;Kauf;14,90\nC2;03.02.2026 17:00;Kauf;1.234,50\n".encode()


def test_times_and_numbers_are_read_as_the_mapping_says_they_are_written(lake, landing):
    mapping = EventTable(
        customer="wer", time="wann", event="was", metrics={"amount": "betrag"},
        time_format="%d.%m.%Y %H:%M", decimal=",",
    )  # fmt: skip
    where = EventsLanding(format="table", table=mapping)
    landing.write("events/kauf.csv", GERMAN)
    assert list(days_in(landing, where)) == ["2026-02-01", "2026-02-03"]
    load_days(lake, landing, where=where)
    normalise(lake, where)
    rows = lake.read(ENGAGEMENT_EVENTS).to_pylist()
    assert [(r["occurred_at"], r["metrics"]) for r in rows] == [
        (datetime(2026, 2, 1, 5, 22), [("amount", 14.9)]),
        (datetime(2026, 2, 3, 17), [("amount", 1234.5)]),
    ]


@pytest.mark.parametrize(
    ("decimal", "written", "reason"),
    [(".", "14,90", "not_a_number"), (",", "14.90", "not_a_number"), (",", "1.2345,6", "not_a_number"),
     (",", "-1.234.567", None), (",", "0,5", None), (",", "14", None), (",", "1,2,3", "not_a_number"),
     (",", "0.123", "not_a_number"), (",", "012.345", "not_a_number")],
)  # fmt: skip
def test_a_decimal_mark_is_declared_and_never_guessed(decimal, written, reason):
    form = OwnTable(EventTable(customer="who", time="when", event_name="x", metrics={"n": "n"}, decimal=decimal))
    [found] = [form.read("x", rows) for rows in form.pieces("x", f"who;when;n\nC1;2026-01-01;{written}\n".encode())]
    assert found.quarantined["reason"].to_pylist() == ([reason] if reason else [])


AMOUNTS = [14.9, 1.234, 12.125, 1234.5, 1e-7, -0.5, 5.0]
IN_JSON = b"".join(
    json.dumps({"who": "C1", "when": "2026-01-01", "at": f"{n}", "n": amount}).encode()
    for n, amount in enumerate(AMOUNTS)
)
IN_TEXTS = {"who": ["C1"] * 7, "when": ["2026-01-01"] * 7, "at": list("0123456")}


@pytest.mark.parametrize(
    "content",
    [
        IN_JSON,
        parquet(**IN_TEXTS, n=AMOUNTS),
        parquet(**IN_TEXTS, n=pa.array([Decimal(str(a)) for a in AMOUNTS], pa.decimal128(38, 10))),
        b"who;when;at;n\nC1;2026-01-01;0;14,9\nC1;2026-01-01;1;1,234\nC1;2026-01-01;2;12,125\nC1;2026-01-01;3;1.234,5\n"
        b"C1;2026-01-01;4;1e-7\nC1;2026-01-01;5;-0,5\nC1;2026-01-01;6;5\n",
    ],
    ids=["JSON", "doubles", "decimals", "CSV"],
)
def test_a_number_that_is_typed_has_no_decimal_mark_whatever_texts_have(lake, landing, content):
    mapping = EventTable(customer="who", time="when", event_name="x", metrics={"n": "n"}, decimal=",")
    where = EventsLanding(format="table", table=mapping)
    landing.write("events/n", content)
    load_days(lake, landing, where=where)
    normalise(lake, where)
    rows = sorted(lake.read(ENGAGEMENT_EVENTS).to_pylist(), key=lambda row: row["raw_ordinal"])
    assert [dict(row["metrics"])["n"] for row in rows] == AMOUNTS


@pytest.mark.parametrize("written", ["2026-01-01", "31.02.2026 05:22", "01.02.2026", "1790000000"])
def test_a_time_that_is_not_written_as_declared_is_bad(written):
    form = OwnTable(EventTable(customer="who", time="when", event_name="x", time_format="%d.%m.%Y %H:%M"))
    [found] = [form.read("x", rows) for rows in form.pieces("x", f"who,when\nC1,{written}\n".encode())]
    assert found.quarantined["reason"].to_pylist() == ["bad_time"]


def test_a_form_may_have_an_offset(lake, landing):
    mapping = EventTable(customer="who", time="when", event_name="x", time_format="%d/%b/%Y:%H:%M:%S %z")
    where = EventsLanding(format="table", table=mapping)
    landing.write("events/log.csv", b"who,when\nC1,10/Oct/2026:23:55:36 -0700\n")
    assert list(days_in(landing, where)) == ["2026-10-11"]
    load_days(lake, landing, where=where)
    normalise(lake, where)
    assert [r["occurred_at"] for r in lake.read(ENGAGEMENT_EVENTS).to_pylist()] == [datetime(2026, 10, 11, 6, 55, 36)]


@pytest.mark.parametrize("form", ["DD.MM.YYYY", "%d.%m.", "%H:%M", "%Y-%m", "%d.%m.%Y %Q"])
def test_a_form_that_no_day_can_be_read_by_is_refused(form):
    with pytest.raises(ValueError, match="gives no day of a year"):
        EventTable(customer="who", time="when", event_name="x", time_format=form)
