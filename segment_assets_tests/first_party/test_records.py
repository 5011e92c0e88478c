import bz2
import gzip
import json
import lzma

import cramjam
import pytest
from hypothesis import given
from hypothesis import strategies as st

from segment_assets.first_party.compression import decompress
from segment_assets.first_party.records import MAX_RECORD, MalformedError, canonical, pieces


def is_event(value):
    return isinstance(value, dict) and "event_type" in value


def cut(content):
    return [(p.content, p.reason) for p in pieces(content, is_event)]


A, B, C = b'{"event_type":"a"}', b'{"event_type":"b","x":"}{"}', b'{"event_type":"c"}'


@pytest.mark.parametrize("delimiter", [b"", b"\n", b"\r\n", b" ", b"\n\n"])
def test_records_are_cut_apart_whatever_is_between_them(delimiter):
    assert cut(delimiter.join([A, B, C]) + delimiter) == [(A, None), (B, None), (C, None)]


def test_a_record_over_several_lines_is_one_record():
    spread = json.dumps(json.loads(A), indent=2).encode()
    assert cut(spread + b"\n" + C) == [(spread, None), (C, None)]


@pytest.mark.parametrize("size", [65_400, 66_000, 300_000])
def test_a_long_record_over_several_lines_is_one_record(size):
    spread = json.dumps({"event_type": "a", "attributes": {"k": "v" * size}}, indent=1).encode()
    assert cut(spread + b"\n" + C) == [(spread, None), (C, None)]


def test_many_records_over_several_lines_without_anything_between_them_are_each_one():
    each = [
        json.dumps({"event_type": "a", "n": n, "inner": [{"é": {}}, None, -1.5]}, indent=1).encode()
        for n in range(2_000)
    ]
    assert cut(b"".join(each)) == [(record, None) for record in each]


@pytest.mark.parametrize(
    ("broken", "reason"),
    [
        (b'{"event_type":"x","y":"trunca', "not_json"),
        (b"not json at all", "not_json"),
        (b'{"event_type":NaN}', "not_finite"),
        (b'{"event_type":1e999}', "not_finite"),
        (b'{"event_type":"\xff"}', "not_utf8"),
        (b'{"event_type":"\\ud800"}', "not_utf8"),
        (b"[1,2]", "not_an_object"),
        (b'"', "not_json"),
        (b'{"a":' * 5000 + b"1" + b"}" * 5000, "too_deep"),
        (b'{"a":"' + b"x" * MAX_RECORD + b'"}', "too_large"),
    ],
)
@pytest.mark.parametrize("delimiter", [b"", b"\n"])
def test_a_broken_record_costs_no_good_one(broken, reason, delimiter):
    found = cut(delimiter.join([A, broken, C]))
    assert [content for content, why in found if why is None] == [A, C]
    assert [why for _, why in found if why] == [reason]


def test_a_truncated_object_gives_what_can_be_read():
    whole = gzip.compress(b"\n".join([A] * 20_000))
    plain, broken = decompress(whole[:-30])
    assert plain.startswith(A)
    assert broken.reason == "truncated_gzip"


def test_bytes_that_are_no_gzip_after_all_are_kept():
    plain, broken = decompress(gzip.compress(A) + b"\x1f\x8bjunk")
    assert plain == A
    assert broken.reason in ("bad_gzip", "truncated_gzip")


@pytest.mark.parametrize("content", [b"PK\x03\x04rest", b"\x28\xb5\x2f\xfdrest", bz2.compress(A), lzma.compress(A)])
def test_a_compression_that_is_not_read_is_called_by_what_it_is(content):
    plain, broken = decompress(content)
    assert (plain, broken.reason) == (b"", "unknown_compression")


def hadoop(*blocks):
    whole = sum(map(len, blocks)).to_bytes(4, "big")
    raw = [bytes(cramjam.snappy.compress_raw(block)) for block in blocks]
    return whole + b"".join(len(r).to_bytes(4, "big") + r for r in raw)


def java(*blocks):
    raw = [bytes(cramjam.snappy.compress_raw(block)) for block in blocks]
    return b"\x82SNAPPY\x00\x00\x00\x00\x01\x00\x00\x00\x01" + b"".join(len(r).to_bytes(4, "big") + r for r in raw)


@pytest.mark.parametrize(
    "content",
    [
        bytes(cramjam.snappy.compress(A * 9_000 + C)),
        hadoop(A * 9_000, C),
        hadoop(A * 9_000) + hadoop(C),
        java(A * 9_000, C),
    ],
    ids=["frames", "hadoop", "several hadoop blocks", "java"],
)
def test_snappy_is_read_in_each_form_and_what_is_cut_off_is_told(content):
    assert decompress(content) == (A * 9_000 + C, None)
    plain, broken = decompress(content[:-3])
    assert plain.startswith(A)
    assert broken.reason == "truncated_snappy"


@pytest.mark.parametrize("plain", [A, C, A * 9_000 + C])
def test_a_bare_block_of_snappy_is_read(plain):
    assert decompress(bytes(cramjam.snappy.compress_raw(plain))) == (plain, None)


@pytest.mark.parametrize(
    "content", [b"", b"\x00", b"a", A, "Gr\u00f6\u00dfe,wer\n".encode("latin-1"), "wer,wann\n1,2\n".encode("utf-16")]
)
def test_what_is_no_bare_block_of_snappy_stays_as_it_is(content):
    assert decompress(content) == (content, None)


def test_damaged_snappy_is_told():
    framed = bytes(cramjam.snappy.compress(A * 9_000))
    assert decompress(framed[:-8] + bytes(b ^ 0x5A for b in framed[-8:]))[1].reason == "bad_snappy"
    blocks = hadoop(A)
    assert decompress(blocks[:8] + b"\xff" * (len(blocks) - 8))[1].reason == "bad_snappy"


def test_several_gzip_members_are_one_object():
    assert decompress(gzip.compress(A) + gzip.compress(C)) == (A + C, None)


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(st.text(), values, max_size=5), st.booleans())
def test_canonical_json_is_the_reference_byte_for_byte(value, ascii_only):
    try:
        written = json.dumps(value, ensure_ascii=ascii_only).encode()
    except UnicodeEncodeError:
        written = json.dumps(value).encode()
    reference = json.dumps(json.loads(written), sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    try:
        expected = reference.encode()
    except UnicodeEncodeError:
        with pytest.raises(MalformedError, match="not_utf8"):
            canonical(written)
    else:
        assert canonical(written) == expected


@given(st.binary(max_size=200))
def test_no_bytes_stop_the_reader_and_none_are_lost(junk):
    found = pieces(junk, is_event)
    kept = b"".join(p.content for p in found)
    assert sorted(kept.translate(None, b" \t\r\n")) == sorted(junk.translate(None, b" \t\r\n"))
