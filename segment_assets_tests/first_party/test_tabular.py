import gzip
from decimal import Decimal

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
import pytest

from segment_assets.first_party import tabular
from segment_assets.first_party.errors import LandingError
from segment_assets_tests.first_party.reading import parquet

LATIN = b"who,when,what,paid,shop,Gr\xf6\xdfe\nC1,2026-01-01,ORDER,,A,40\nC2,2026-01-01,ORDER,,A,gro\xdf\n"


def test_a_quote_that_is_still_open_at_the_end_is_named_and_costs_no_row_before_it():
    [rows] = tabular.read("o.csv", b'who,what\nC1,a\nC2,"b\nC3,c\n', ["who"], "here")
    assert [values for _, values in rows.good] == [("C1", "a")]
    assert [(position, piece.reason) for position, piece in rows.bad] == [(1, "open_quote")]


def test_of_a_file_that_is_cut_within_its_header_that_is_told_and_no_column_that_it_lacks():
    content = gzip.compress(b"who,when,what\n" + b"C1,2026-01-01,ORDER\n" * 2_000)
    [rows] = tabular.read("o.csv.gz", content[:45], ["who", "when", "what"], "landing.events.table")
    assert (rows.good, [(at, piece.reason) for at, piece in rows.bad]) == ([], [(0, "truncated_gzip")])


def test_a_whole_number_that_became_a_float_by_a_null_beside_it_is_a_whole_number():
    sink = pa.BufferOutputStream()
    ids = pa.array([17.0, None, 2.5, float("nan"), 1e300])
    pq.write_table(pa.table({"who": ids, "when": ["2026-01-01"] * 5}), sink)
    found = list(tabular.read("x", sink.getvalue().to_pybytes(), ["who", "when"], "here"))
    assert [v[0] for rows in found for _, v in rows.good] == ["17", None, "2.5", "nan", "1e+300"]


@pytest.mark.parametrize(
    "content",
    [
        b'{"who": 5}{"who": 5.0}{"who": 5e0}',
        parquet(who=pa.array([5, 5, 5])),
        parquet(who=pa.array([5, 5, 5.0])),
        parquet(who=pa.array([Decimal("5.00")] * 3)),
        parquet(who=pa.array([Decimal("5.00")] * 3, pa.decimal256(50, 2))),
        parquet(who=pa.array([5, 5, 5], pa.float16())),
    ],
    ids=["json", "integers", "floats", "decimals", "large decimals", "halves"],
)
def test_a_whole_number_is_one_text_in_every_file_that_has_numbers(content):
    found = list(tabular.read("x", content, ["who"], "here"))
    assert [values for rows in found for _, values in rows.good] == [("5",)] * 3


def test_other_numbers_and_texts_that_look_like_numbers_stay_as_they_are_written():
    content = b'{"who":"5.0"}{"who":5.10}{"who":100.5}{"who":1e300}{"who":-0.0}{"who":900719925474099267.0}'
    [_, rows] = tabular.read("x", content, ["who"], "here")
    assert [v for _, (v,) in rows.good] == ["5.0", "5.10", "100.5", "1e300", "0", "900719925474099267.0"]
    [_, rows] = tabular.read("x", parquet(who=pa.array([Decimal("5.10"), Decimal("100")])), ["who"], "here")
    assert [v for _, (v,) in rows.good] == ["5.10", "100"]
    [rows] = tabular.read("x", b"who,n\n5.0,1\n007,1\n", ["who"], "here")
    assert [v for _, (v, _) in rows.good] == ["5.0", "007"]


def test_what_lies_inside_of_a_json_value_is_not_altered():
    content = b'{"who":{"a":1,"b":[1.50,12345678901234567890,true,null,"2"]},"n":[1,{"c":2}]}'
    [_, rows] = tabular.read("x", content, ["who", "n"], "here")
    assert [v for _, v in rows.good] == [
        ('[1, {"c": 2}]', '{"a": 1, "b": [1.5, 12345678901234567890, true, null, "2"]}')
    ]


def test_a_row_of_parquet_that_is_no_utf8_costs_no_other():
    sink = pa.BufferOutputStream()
    who = pa.StringArray.from_buffers(3, *pa.array([b"C1", b"\xff", b"C3"]).buffers()[1:])
    pq.write_table(pa.table({"who": who, "when": ["2026-01-01"] * 3}), sink)
    found = list(tabular.read("x", sink.getvalue().to_pybytes(), ["who", "when"], "here"))
    assert [(at, values[0]) for rows in found for at, values in rows.good] == [(0, "C1"), (2, "C3")]
    assert [(at, piece.reason) for rows in found for at, piece in rows.bad] == [(1, "not_utf8")]


def test_a_mapped_column_of_lists_is_refused_in_a_sentence():
    sink = pa.BufferOutputStream()
    pq.write_table(pa.table({"who": [["C1"]], "when": ["2026-01-01"], "tags": [["a", "b"]]}), sink)
    content = sink.getvalue().to_pybytes()
    with pytest.raises(LandingError, match='the column "who" holds several values per row: write one'):
        list(tabular.read("x", content, ["who", "when"], "landing.events.table"))
    assert list(tabular.read("x", content, ["when"], "landing.events.table"))[1].good


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-32"])
def test_a_table_in_another_unicode_is_told_in_words_that_can_be_printed(encoding):
    with pytest.raises(LandingError, match=r"t\.csv is no UTF-8 in its first line: save it as UTF-8") as told:
        list(tabular.read("t.csv", "who,when\nC1,2026-01-01\n".encode(encoding), ["who"], "landing.events.table"))
    str(told.value).encode()


def test_a_mapped_column_whose_name_is_no_utf8_is_told_with_the_mend():
    with pytest.raises(LandingError, match=r"t\.csv is no UTF-8 in its first line: save it as UTF-8"):
        list(tabular.read("t.csv", LATIN, ["who", "Gr\u00f6\u00dfe"], "landing.events.table"))


def test_a_column_of_parquet_whose_name_is_no_utf8_is_told_in_a_sentence():
    sink = pa.BufferOutputStream()
    pq.write_table(pa.table({"who": ["C1"], "Groesse": ["40"]}), sink, store_schema=False)
    content = sink.getvalue().to_pybytes().replace(b"Groesse", b"Gr\xf6\xdfe__")
    with pytest.raises(LandingError, match=r"t\.parquet has a column whose name is no UTF-8: write it in UTF-8"):
        list(tabular.read("t.parquet", content, ["who"], "landing.events.table"))
