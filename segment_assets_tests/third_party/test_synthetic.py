import json
from datetime import date

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from segment_assets.audience_config import Audience
from segment_assets.lake import FolderStore
from segment_assets.third_party.assets import read_and_clean
from segment_assets.third_party.cleaning import clean, columns
from segment_assets.third_party.contract import Watch
from segment_assets.third_party.delivery import Row
from segment_assets.third_party.synthetic import SynthesisError, rows
from segment_assets.third_party.synthetic_files import write
from segment_assets_tests.third_party.audiences import audience

DAY = date(2026, 1, 2)
_WORD = st.text("abcXYZ é-", min_size=1, max_size=6).map(str.strip).filter(bool)
_WORDS = st.lists(_WORD, min_size=1, max_size=4, unique_by=str.casefold)
_EDGES = st.lists(st.integers(-50, 1000), min_size=1, max_size=5, unique=True).map(sorted)
_ATTRIBUTE = st.one_of(
    st.just({"kind": "text"}),
    st.sampled_from([{"kind": "boolean"}, {"kind": "boolean", "when_true": ["ja"], "when_false": ["nein"]}]),
    _WORDS.map(lambda words: {"kind": "category", "values": {words[0]: words[1:]}}),
    _EDGES.map(lambda edges: {"kind": "band", "edges": edges}),
    st.sampled_from([{"kind": "date"}, {"kind": "date", "format": "%d.%m.%Y"}]),
)  # fmt: skip
_PROMISE = st.builds(dict, nulls=st.floats(0, 1))
_NUMBERS = st.builds(
    dict,
    nulls=st.floats(0, 1),
    type=st.sampled_from(["number", "whole number"]),
    least=st.integers(-60, 500),
    most=st.integers(500, 2000),
)
_PROMISES = {"band": _NUMBERS}


@st.composite
def audiences(draw) -> Audience:
    """Any declaration with any contract that the two can keep."""
    attributes = {f"a{n}": draw(_ATTRIBUTE) | {"column": f"c{n}"} for n in range(draw(st.integers(1, 4)))}
    promised = {
        a["column"]: draw(_PROMISES.get(a["kind"], _PROMISE)) for a in attributes.values() if draw(st.booleans())
    }
    promised["extra"] = {"values": draw(_WORDS)}
    by = draw(st.sampled_from(["email", "phone", "name_and_postal"]))
    keys = {
        "identified_by": by, "phone": "tel", "name": ["name"], "postal": {"street": "street", "code": "zip"},
        "consent": draw(st.sampled_from([None, "ok"])), "purposes": draw(st.sampled_from([None, "use"])),
        "contract": {"columns": promised, "quarantined": 0, "duplicates": 0, "unknown_values": 0, "rows": {"least": 1}},
    }  # fmt: skip
    return audience(attributes=attributes, **keys)


@settings(max_examples=60)
@given(audiences(), st.integers(1, 40), st.integers(0, 9))
def test_synthetic_rows_keep_the_contract_and_lose_nothing_in_cleaning(declared, number, seed):
    made = list(rows(declared, number, seed))
    watch = Watch(declared.contract)
    cleaned = clean((Row("k", at, row) for at, row in enumerate(made)), declared, watch)
    assert cleaned.good.num_rows == number == len(made)
    assert cleaned.set_aside.num_rows == 0
    assert [f.sentence for f in watch.findings(cleaned, [], {}, DAY, DAY) if not f.kept] == []
    assert {row["synthetic"] for row in made} == {"true"}
    assert list(rows(declared, number, seed)) == made


@pytest.mark.parametrize("name", ["a.csv", "a.csv.gz", "a.jsonl", "a.ndjson.gz", "a.parquet"])
def test_every_format_holds_the_same_rows_and_can_be_delivered(tmp_path, name):
    declared = audience(contract={"columns": {"age": {"nulls": 0.5}}})
    content = write(rows(declared, 30, 1), name)
    assert content == write(rows(declared, 30, 1), name), "the same seed makes the same bytes"
    store = FolderStore(tmp_path)
    store.write(f"partner/audience/2026/01/02/{name}", content)
    received = read_and_clean(store, declared)
    assert (received.cleaned.good.num_rows, received.synthetic) == (30, 30)
    assert received.cleaned.good["age_band"].null_count == 7


def test_addresses_are_of_nobody(tmp_path):
    [row] = rows(audience(phone="tel"), 1, 0)
    assert row["email"].endswith("@example.invalid")
    assert row["tel"][5:8] == "555"
    assert set(row) == {*columns(audience(phone="tel")), "synthetic"}
    json.dumps(row)


@pytest.mark.parametrize(
    ("keys", "number", "said"),
    [
        ({"contract": {"rows": {"least": 10}}}, 9, "audience.contract.rows: a delivery has at least 10 rows, and 9"),
        ({"contract": {"columns": {"age": {"type": "whole number", "least": 0.2, "most": 0.8}}}}, 9, "no whole number"),
        ({"contract": {"columns": {"age": {"type": "whole number", "values": ["a"]}}}}, 9, "columns.age.values: none"),
        (
            {
                "attributes": {"a": {"kind": "date", "column": "age"}},
                "contract": {"columns": {"age": {"type": "number"}}},
            },
            9,
            "columns.age: nothing that its attribute knows keeps it",
        ),
    ],
)
def test_what_can_not_be_made_up_is_one_sentence(keys, number, said):
    with pytest.raises(SynthesisError, match=said):
        list(rows(audience(**keys), number, 0))


def test_a_name_that_says_no_format_is_refused():
    with pytest.raises(SynthesisError, match=r"a.xlsx: end its name in .csv"):
        write(rows(audience(), 1, 0), "a.xlsx")
