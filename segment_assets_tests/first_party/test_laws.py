"""The laws of reading, for every family of formats: nothing is lost, and order, splitting and replay change nothing."""

import gzip
import json
from datetime import date

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from segment_assets.first_party.formats.choice import KINDS
from segment_assets.first_party.formats.own_table import OwnTable
from segment_assets.first_party.formats.stream import Stream
from segment_assets.first_party.tables import RAW_EVENTS
from segment_assets.landing_config import EventTable
from segment_assets_tests.first_party.loading import of_every_family

FAMILIES = sorted(of_every_family(0))
DAY = date(2026, 1, 1)
# The bytes of one delivery, and how many records it is.
BROKEN = [b"{broken", b"[1]", b'{"who":"nobody knows"}', b'{"a":NaN}', b'{"a":"\xff"}', b'"text"']
TABLE = OwnTable(EventTable(customer="who", time="when", event="what", metrics={"amount": "paid"}))
ROWS = ["C1,2026-01-01,ORDER,1", "C2,2026-01-02T10:00:00Z,REDEEM,", "C1,2026-01-03,ORDER,2.50", '"C,3",1767225600,x,7']
BROKEN_ROWS = [
    ",2026-01-01,ORDER,1",
    "C1,yesterday,ORDER,1",
    "C1,2026-01-01,ORDER,many",
    "C1,2026-01-01",
    "C1,2199-01-01,x,1",
]


def read(form, objects):
    """What good records become, and what was refused: as sorted lists, whatever object they were in."""
    good, bad = [], []
    for number, content in enumerate(objects):
        key = f"events/2026/01/01/12/{number}"
        found = [form.read(key, piece) for piece in form.pieces(key, content)]
        positions = sorted(p for f in found for t in (f.records, f.quarantined) for p in t["position"].to_pylist())
        assert positions == list(range(len(positions))), "every record has a place of its own"
        bad += [(r["reason"], r["record"].strip()) for f in found for r in f.quarantined.to_pylist()]
        for f in found:
            rows = f.records.num_rows
            place = {"arrival_date": pa.repeat(pa.scalar(DAY), rows), "object_key": pa.repeat(pa.scalar(key), rows)}
            columns = [
                place.get(n, f.records[n] if n in f.records.column_names else None) for n in RAW_EVENTS.schema.names
            ]
            events = form.normalise(pa.table(columns, schema=RAW_EVENTS.schema))
            good += [repr({k: v for k, v in e.items() if not k.startswith("raw_")}) for e in events.to_pylist()]
            assert events.num_rows == rows
    return sorted(good), sorted(bad)


def split(data, items):
    """The same items in another order, in other objects."""
    order = data.draw(st.permutations(items))
    size = data.draw(st.integers(1, 4))
    return [order[at : at + size] for at in range(0, len(order), size)]


@pytest.mark.parametrize("family", FAMILIES)
@settings(max_examples=25)
@given(data=st.data())
def test_a_stream_in_any_order_in_any_objects_is_the_same_events(family, data):
    sound = st.builds(lambda n: json.dumps(of_every_family(n)[family]).encode(), st.integers(0, 4))
    items = data.draw(st.lists(st.one_of(sound, st.sampled_from(BROKEN)), min_size=1, max_size=8))
    between = data.draw(st.sampled_from([b"\n", b"\r\n", b"\n\n"]))
    pack = data.draw(st.sampled_from([lambda b: b, lambda b: gzip.compress(b, 1, mtime=0)]))
    form = Stream(data.draw(st.sampled_from([[*KINDS.values()], [KINDS[family.partition(" ")[0]]]])))
    good, bad = read(form, [b"\n".join(items)])
    assert len(good) + len(bad) == len(items), "delivered = good + quarantined"
    assert read(form, [pack(between.join(part)) for part in split(data, items)]) == (good, bad)
    twice = read(form, [b"\n".join(items)] * 2)
    assert (sorted(set(twice[0])), sorted(set(twice[1]))) == (sorted(set(good)), sorted(set(bad))), "replayed"


@pytest.mark.parametrize("how", ["csv", "csv, gzip", "json lines"])
@settings(max_examples=25)
@given(data=st.data())
def test_a_table_in_any_order_in_any_objects_is_the_same_events(how, data):
    rows = data.draw(st.lists(st.sampled_from(ROWS + BROKEN_ROWS * how.startswith("csv")), min_size=1, max_size=8))

    def file(part):
        if how == "json lines":
            named = [
                dict(zip(["who", "when", "what", "paid"], r.replace('"C,3"', "C3").split(","), strict=True))
                for r in part
            ]
            return b"\n".join(json.dumps({k: v for k, v in row.items() if v}).encode() for row in named)
        content = "\n".join(["who,when,what,paid", *part]).encode()
        return gzip.compress(content, 1, mtime=0) if how.endswith("gzip") else content

    good, bad = read(TABLE, [file(rows)])
    assert len(good) + len(bad) == len(rows)
    assert read(TABLE, [file(part) for part in split(data, rows)]) == (good, bad)
