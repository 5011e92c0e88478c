"""A large object is read some megabytes at a time, and nobody can tell by what comes of it."""

import gzip
import json
from functools import partial

import cramjam
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from segment_assets.first_party import contents, reading
from segment_assets.first_party.compression import unpacked
from segment_assets.first_party.contents import blocks, records_in
from segment_assets.first_party.formats import due_parquet, stream
from segment_assets.first_party.records import pieces
from segment_assets.first_party.tables import ARRIVAL_DAYS, ENGAGEMENT_EVENTS, QUARANTINED_RECORDS, RAW_EVENTS
from segment_assets.lake import Lake
from segment_assets.lake.embedded import open_catalog
from segment_assets_tests.first_party.loading import event, load_days, normalise

# What may stand between records, or looks as if it did.
NOTES = ["}{", '}{"a":1}', "}\n{", "{}", "", "é", "}{" * 9]
records = st.builds(lambda n, note: json.dumps({"n": n, "note": note}), st.integers(0, 99), st.sampled_from(NOTES))
pretty = st.builds(lambda n: json.dumps({"n": n, "inner": [{"a": {}}, {"b": {}}]}, indent=1), st.integers(0, 99))
broken = st.sampled_from(["{broken", '{"cut":"here', "}", '"{"', "[1]", '{"a":NaN}', "}{"])
joints = st.sampled_from(["\n", "\n", "", "\r\n", "\n\n", "  "])


def is_record(value):
    return isinstance(value, dict) and "n" in value


@example(delivered=[("}", ""), ('{"a":NaN}', "\n")], size=1)
@settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(delivered=st.lists(st.tuples(records | pretty | broken, joints), max_size=30), size=st.integers(1, 400))
def test_blocks_change_no_record(monkeypatch, delivered, size):
    monkeypatch.setattr(contents, "BLOCK", size)
    whole = "".join(record + joint for record, joint in delivered).encode()
    parts = iter([whole[at : at + 64] for at in range(0, len(whole), 64)])
    cut = [piece[:3] for block in blocks(parts, is_record) for piece in pieces(block, is_record)]
    assert cut == [piece[:3] for piece in pieces(whole, is_record)]


@pytest.mark.parametrize("joint", [b"\n", b"", b" "], ids=["lines", "concatenated", "spaces"])
def test_a_large_object_never_is_one_block(monkeypatch, joint):
    monkeypatch.setattr(contents, "BLOCK", 10_000)
    whole = joint.join(json.dumps({"n": n, "note": "}{"}).encode() for n in range(9_000))
    sizes = [
        len(block) for block in blocks(iter([whole[at : at + 500] for at in range(0, len(whole), 500)]), is_record)
    ]
    assert sum(sizes) == len(whole)
    assert max(sizes) < 12_000


@pytest.mark.parametrize("how", ["plain", "gzip", "members", "byte order mark", "snappy", "bare snappy"])
def test_a_file_says_what_its_bytes_say(tmp_path, how):
    plain = b"\n".join(json.dumps({"n": n}).encode() for n in range(20_000))
    content = {
        "plain": plain,
        "gzip": gzip.compress(plain),
        "members": gzip.compress(plain[:99_999]) + gzip.compress(plain[99_999:]) + bytes(512),
        "byte order mark": gzip.compress(b"\xef\xbb\xbf" + plain),
        "snappy": bytes(cramjam.snappy.compress(plain)),
        "bare snappy": bytes(cramjam.snappy.compress_raw(plain)),
    }[how]
    path = tmp_path / "object"
    path.write_bytes(content)
    assert b"".join(unpacked(path)) == b"".join(unpacked(content)) == plain
    assert list(records_in(path, is_record)) == list(records_in(content, is_record))


@pytest.mark.parametrize("damage", ["cut off", "checksum", "not gzip after all", "a few bytes more", "unknown"])
def test_of_a_damaged_file_the_rest_is_kept(tmp_path, damage):
    plain = b"\n".join(json.dumps({"n": n, "note": f"{n * n}"}).encode() for n in range(20_000))
    whole = gzip.compress(plain)
    content, reason, least = {
        "cut off": (whole[:-9], "truncated_gzip", 19_000),
        "checksum": (whole[:-8] + bytes(4) + whole[-4:], "bad_gzip", 18_000),
        "not gzip after all": (whole + b"junk" * 9, "bad_gzip", 20_000),
        "a few bytes more": (whole + b"junk", "bad_gzip", 20_000),
        "unknown": (b"PK\x03\x04" + bytes(99_999), "unknown_compression", 0),
    }[damage]
    path = tmp_path / "object"
    path.write_bytes(content)
    for held in (path, content):
        *good, last = records_in(held, is_record)
        assert (last.reason, last.event_id) == (reason, None)
        assert sum(piece.reason is None for piece in good) >= least


def test_a_damaged_frame_of_snappy_takes_no_frame_before_it_along():
    plain = b"\n".join(json.dumps({"n": n}).encode() for n in range(20_000))
    framed = bytes(cramjam.snappy.compress(plain))
    *good, last = records_in(framed[:-50] + b"\x00" + framed[-49:], is_record)
    assert last.reason == "bad_snappy"
    assert len(good) > 10_000


def made(home, landing):
    """The versions of all tables that the landing place becomes."""
    lake = Lake(partial(open_catalog, home), home / "scratch")
    load_days(lake, landing, code="code")
    normalise(lake)
    return [lake.state(table).version for table in (RAW_EVENTS, QUARANTINED_RECORDS, ARRIVAL_DAYS, ENGAGEMENT_EVENTS)]


def of_many_records():
    delivered = [json.dumps(event(number=n % 50)).encode() for n in range(60)]
    return gzip.compress(b"".join(delivered[:40]) + b"\n{broken\n" + b"\n".join(delivered[40:]))


def of_many_rows():
    rows = [event(number=n % 50) | {"attributes": [("n", str(n))]} for n in range(60)]
    kinds = {"client": pa.struct([("client_id", pa.string())]), "attributes": pa.map_(pa.string(), pa.string())}
    names = ("event_type", "event_timestamp", "arrival_timestamp", "client", "attributes")
    sink = pa.BufferOutputStream()
    pq.write_table(pa.table({n: pa.array([row[n] for row in rows], kinds.get(n)) for n in names}), sink)
    return sink.getvalue().to_pybytes()


@pytest.mark.parametrize("content", [of_many_records(), of_many_rows()], ids=["json", "parquet"])
@pytest.mark.parametrize("key", ["events/2026/01/01/12/one", "events/one"], ids=["dated", "told by its records"])
def test_a_large_object_makes_the_tables_of_a_small_one(tmp_path, landing, monkeypatch, key, content):
    landing.write(key, content)
    small = made(tmp_path / "small", landing)
    monkeypatch.setattr(contents, "LARGE", 0)
    monkeypatch.setattr(contents, "BLOCK", 2_000)
    monkeypatch.setattr(due_parquet, "_AT_ONCE", 7)
    assert made(tmp_path / "large", landing) == small
    # So may be a day that turns out larger than its objects look.
    monkeypatch.setattr(reading, "WHOLE_DAY", 20)
    monkeypatch.setattr(reading, "AT_ONCE", 15)
    monkeypatch.setattr(stream, "AT_ONCE", 10)
    assert made(tmp_path / "larger", landing) == small
    assert len(list((tmp_path / "larger" / "scratch").rglob("*.arrow"))) == 0, "what was staged is taken"
