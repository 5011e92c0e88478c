import gzip
import io
from datetime import date
from decimal import Decimal

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from segment_assets.lake import FolderStore, StoredObject
from segment_assets.third_party.delivery import Seen, latest, rows
from segment_assets.third_party.errors import DeliveryError

COLUMNS = {"email": "audience.email", "age": "audience.attributes.age_band"}
KEY = "partner/audience/2026/01/02/audience"


@pytest.fixture
def store(tmp_path):
    return FolderStore(tmp_path)


def parquet() -> bytes:
    table = pa.table({"email": ["x@a.org", None], "age": pa.array([19, None], pa.int32()), "other": [1.5, 2.0]})
    buffer = io.BytesIO()
    pq.write_table(table, buffer)
    return buffer.getvalue()


FILES = {
    "csv": b'\xef\xbb\xbfemail,age,other\r\nx@a.org,19,1.5\r\n,,"a, b"\r\n',
    "csv.gz": gzip.compress(b"email,age\nx@a.org,19\n,\n"),
    "semicolons.csv": b"email;age\nx@a.org;19\n;\n",
    "jsonl": b'{"email": "x@a.org", "age": 19}\n\n{"email": null, "other": {}}\n',
    "parquet": parquet(),
}


def damaged(content: bytes) -> bytes:
    """The first bytes and the last, which hold the schema, are whole."""
    return content[:8] + bytes(len(content[8:40])) + content[40:]


@pytest.mark.parametrize("kind", FILES)
def test_every_format_gives_the_same_rows(kind, store):
    store.write(f"{KEY}.{kind}", FILES[kind])
    found = list(rows(store, latest(store.list("partner/")), COLUMNS))
    assert [(r.position, r.values) for r in found] == [
        (0, {"email": "x@a.org", "age": "19"}),
        (1, {"email": None, "age": None}),
    ]


def test_the_latest_delivery_is_read_whole_and_older_ones_not_at_all(store):
    for key in ("2026/01/01/a.csv", "2026/01/02/a.csv", "2026/01/02/b.csv", "2026/01/02/_SUCCESS", "undated.csv"):
        store.write(f"partner/audience/{key}", b"email,age\n")
    found = latest(store.list("partner/audience/"))
    assert found.as_of == date(2026, 1, 2)
    assert [o.key.rpartition("/")[2] for o in found.objects] == ["a.csv", "b.csv"]


def test_a_delivery_without_a_date_has_no_as_of(store):
    store.write("partner/audience/a.csv", b"email,age\n")
    assert latest(store.list("partner/")).as_of is None


def test_rows_that_can_not_be_read_keep_their_place(store):
    store.write(f"{KEY}.csv", b"email,age\nx@a.org\ny@a.org,1\n")
    store.write(f"{KEY}.jsonl", b'{"email": "x@a.org", "age": 1}\n{broken\n[1]\n')
    found = list(rows(store, latest(store.list("partner/")), COLUMNS))
    assert [(r.position, r.values is None) for r in found] == [
        (0, True),
        (1, False),
        (0, False),
        (1, True),
        (2, True),
    ]


def test_rows_that_break_the_reader_are_rows_that_can_not_be_read(store):
    store.write(f"{KEY}.csv", b"email,age\nvery long" + b"z" * 140_000 + b"\ny@a.org,1\n")
    store.write(f"{KEY}.jsonl", b"[" * 100_000 + '\n{"email": "a\u2028b", "age": "1"}'.encode())
    found = list(rows(store, latest(store.list("partner/")), COLUMNS))
    by_file = [[r.values is None for r in found if r.object_key.endswith(name)] for name in (".csv", ".jsonl")]
    assert by_file[0] == [True, False]
    assert by_file[1] == [True, False]


def test_numbers_are_written_one_way_whatever_file_they_came_in(store):
    store.write(
        f"{KEY}.jsonl", b'{"email": "a", "age": 3.0}\n{"email": "b", "age": true}\n{"email": "c", "age": 1e3}\n'
    )
    found = rows(store, latest(store.list("partner/")), COLUMNS)
    assert [r.values["age"] for r in found if r.values] == ["3", "true", "1000"]


def test_a_decimal_is_written_as_other_numbers_are_and_what_is_no_number_is_empty(store):
    digits = "12345678901234567890123456789012345678"
    decimals = [Decimal("30.00"), Decimal("-0.50"), Decimal(digits), None]
    table = pa.table({"email": ["a"] * 4, "age": pa.array(decimals, pa.decimal256(42, 2))})
    buffer = io.BytesIO()
    pq.write_table(table, buffer)
    store.write(f"{KEY}1.parquet", buffer.getvalue())
    store.write(f"{KEY}2.jsonl", b'{"email": "a", "age": 1e400}\n{"email": "a", "age": NaN}\n')
    found = rows(store, latest(store.list("partner/")), COLUMNS)
    assert [r.values["age"] for r in found if r.values] == ["30", "-0.5", digits, None, None, None]


def test_lines_may_end_as_old_spreadsheets_end_them(store):
    store.write(f"{KEY}.csv", b"email,age\rx@a.org,19\r\r,\r")
    seen = Seen()
    assert len(list(rows(store, latest(store.list("partner/")), COLUMNS, seen=seen))) == seen.held == 2


@pytest.mark.parametrize(
    ("key", "day"),
    [
        ("2026/01/02/a.csv", date(2026, 1, 2)), ("dt=2026-01-02/a.csv", date(2026, 1, 2)),
        ("2026-01-02.csv", date(2026, 1, 2)), ("acme_20260102.csv.gz", date(2026, 1, 2)),
        ("acme-20260102093000.parquet", date(2026, 1, 2)), ("acme_2026_01_02_v2.jsonl", date(2026, 1, 2)),
        ("20251201-20251231.csv", date(2025, 12, 31)), ("2026/01/02/since_20200101.csv", date(2026, 1, 2)),
        ("2026/10/a.csv", None), ("acme_20261399.csv", None), ("batch_120260102.csv", None), ("20260102/a.csv", None),
    ],
)  # fmt: skip
def test_a_delivery_has_the_day_of_its_folders_or_else_of_its_name(key, day):
    assert latest([StoredObject(f"partner/audience/{key}", 1, "")]).as_of == day


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        (
            "csv",
            b"e_mail,age\n",
            r'audience.csv: there is no column "email" \(did you mean "e_mail"\?\); .*: audience.email',
        ),
        ("csv", b"email,agee\n", r'no column "age" \(did you mean "agee"\?\).*audience.attributes.age_band names it'),
        ("csv", b"anna@b.org,19\n", r'no column "email" \(its first line, of 2 columns, does not look like'),
        ("csv", b"", "is empty; a CSV file starts with"),
        ("csv", "email,age\nä@b.org,1\n".encode("latin-1"), r"is not UTF-8 \(byte 10\)"),
        ("parquet", b"PAR1", "is no Parquet file, or half of one"),
        ("parquet", damaged(FILES["parquet"]), "is no Parquet file, or half of one"),
        ("csv", b"email,age,email\na@b.org,1,c@b.org\n", 'the column "email" is there 2 times'),
        ("csv.gz", gzip.compress(b"email,age\n" * 99, mtime=0)[:20], "is no gzip file, or half of one"),
        ("csv.gz", b"\x1f\x8b\x08" + b"\xff" * 40, "is no gzip file, or half of one"),
        ("csv", "email,age\nx@b.org,1\n".encode("utf-16"), r"is not UTF-8 \(byte 0\)"),
        ("csv", "email,age\nx@b.org,1\n".encode("utf-16-le"), "is no UTF-8 in its first line"),
        ("csv", b'email,"age\nx@b.org,1"\n', "has a quote in its header that is not closed there"),
        ("csv", b"x" * 140_000 + b",age\n", "begins with a text of over 131,072 characters, .* no column's name"),
        ("xlsx", b"", "is a spreadsheet; save it as CSV"),
        ("md", b"", "is neither .csv, .jsonl nor .parquet .* let its name begin with _ or ."),
        ("jsonl", b'{"mail": "x@a.org", "age": 1}\n', 'there is no column "email"'),
    ],
)
def test_a_file_that_can_not_be_used_is_one_sentence_without_its_content(name, content, sentence, store):
    store.write(f"{KEY}.{name}", content)
    with pytest.raises(DeliveryError, match=sentence) as bad:
        list(rows(store, latest(store.list("partner/")), COLUMNS))
    assert "b.org" not in str(bad.value)


def test_a_promised_column_that_a_file_lacks_is_empty_and_told(store):
    store.write(f"{KEY}1.csv", b"email,age,more\nx@a.org,1,2\n")
    store.write(f"{KEY}2.csv", b"email,age\nx@a.org,1\n")
    seen = Seen()
    found = list(rows(store, latest(store.list("partner/")), COLUMNS, ["more"], seen))
    assert [r.values["more"] for r in found if r.values] == ["2", None]
    assert seen.held == 2
    assert seen.missing == [(f"{KEY}2.csv", "more")]


def test_a_folder_named_like_a_file_is_read_file_by_file_and_what_marks_a_folder_is_none(store):
    store.write(f"{KEY}.csv/part-000.csv", b"email,age\nx@a.org,1\n")
    store.write(f"{KEY}.csv/_SUCCESS", b"")
    found = latest([*store.list("partner/"), StoredObject("partner/audience/2026/01/02/", 0, "")])
    assert [o.key for o in found.objects] == [f"{KEY}.csv/part-000.csv"]


def test_files_of_other_types_and_other_columns_are_one_delivery(store):
    buffer = io.BytesIO()
    pq.write_table(pa.table({"age": pa.array([19.0]), "email": pa.array([b"x@a.org"])}), buffer)
    store.write(f"{KEY}.parquet", buffer.getvalue())
    store.write(f"{KEY}.csv", b"age,email\n19,x@a.org\n")
    store.write(f"{KEY}.jsonl", b'{"email": "x@a.org", "age": 19, "new": [1]}\n{"email": "\\ud800@a.org", "age": 1}\n')
    found = [r.values for r in rows(store, latest(store.list("partner/")), COLUMNS)]
    assert found == [*[{"email": "x@a.org", "age": "19"}] * 2, None, {"email": "x@a.org", "age": "19"}]
