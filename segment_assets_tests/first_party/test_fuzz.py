"""10,000 objects with a record that was mangled: the rest is always read, and nothing is left out."""

import gzip
import json
from random import Random

import pytest

from segment_assets.first_party.formats.choice import KINDS
from segment_assets.first_party.formats.stream import Stream
from segment_assets.first_party.records import canonical, event_id
from segment_assets_tests.first_party.loading import event, of_every_family

OBJECTS = 10_000
STREAM = Stream(list(KINDS.values()))
SPECIAL = (
    b'"',
    b"{",
    b"}",
    b"[",
    b"]",
    b"\\",
    b"\n",
    b"\x00",
    b"\xff",
    b",",
    b":",
    b"}{",
    b'"}',
    b"\xed\xa0\x80",
    b"NaN",
)


def mangled(record: bytes, chance: Random) -> bytes:
    """The record with one to three bytes changed, put in or taken out, or cut off."""
    for _ in range(chance.randint(1, 3)):
        at = chance.randrange(len(record) + 1)
        end = at + chance.choice((0, 0, 1, 1, 2, 40))
        put = chance.choice((b"", chance.choice(SPECIAL), bytes([chance.randrange(256)])))
        record = record[:at] + put + record[end:]
    return record[: chance.randrange(1, len(record) + 1)] if chance.random() < 0.2 and record else record


def some_record(number: int, chance: Random) -> bytes:
    """One of some kind; in an envelope of SNS it is mangled before the envelope is."""
    records = of_every_family(number)
    records["pinpoint"]["attributes"] = {"a": "b{c}d", "e": '{"f":1}'}
    record = records[chance.choice(["pinpoint", *records])]
    if "Message" in record:
        record["Message"] = mangled(record["Message"].encode(), chance).decode(errors="replace")
    return json.dumps(record).encode()


@pytest.mark.parametrize("between", [b"", b"\n"], ids=["concatenated", "lines"])
def test_what_was_not_mangled_is_read(between: bytes) -> None:
    chance = Random(20261126)  # noqa: S311 - mangled data
    for n in range(OBJECTS // 2):
        sound = [json.dumps(event(number=2 * n + i)).encode() for i in (0, 1)]
        broken = mangled(some_record(n, chance), chance)
        content = between.join([sound[0], broken, sound[1]])
        read = STREAM.read("k", gzip.compress(content, 1, mtime=0) if n % 3 == 0 else content)
        ids = read.records["event_id"].to_pylist()
        for record in sound:
            assert event_id(canonical(record)) in ids, (n, content)
        positions = read.records["position"].to_pylist() + read.quarantined["position"].to_pylist()
        assert sorted(positions) == list(range(len(positions))), n
        kept = "".join(read.records["record"].to_pylist()).encode() + b"".join(read.quarantined["record"].to_pylist())
        assert sorted(squeezed(kept)) == sorted(squeezed(content)), (n, content)


def squeezed(content: bytes) -> bytes:
    return content.translate(None, b" \t\r\n")
