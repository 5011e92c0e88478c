from datetime import date, timedelta

import pytest

from segment_assets.contract_config import AudienceContract
from segment_assets.lake import FolderStore
from segment_assets.people.addresses import sha256
from segment_assets.third_party.assets import read_and_clean
from segment_assets.third_party.cleaning import clean
from segment_assets.third_party.contract import Watch, sizes
from segment_assets.third_party.delivery import files
from segment_assets_tests.third_party.audiences import audience

DAY = date(2026, 1, 2)
KEY = "partner/audience/2026/01/{:02}/audience.csv"


def broken(tmp_path, contract: dict, *lines: str, header="email,age,income,born", today=DAY, **keys) -> list[str]:
    """What a delivery breaks, as sentences."""
    store = FolderStore(tmp_path)
    store.write(KEY.format(2), "\n".join([header, *lines]).encode())
    declared = audience(contract=AudienceContract.model_validate(contract), **keys)
    received = read_and_clean(store, declared)
    missing, lying = received.seen.missing, sizes(files(store.list("partner/")))
    found = received.watch.findings(received.cleaned, missing, lying, DAY, today)
    return [f.sentence for f in found if not f.kept]


@pytest.mark.parametrize(
    ("promise", "value", "said"),
    [
        ({"nulls": 0.4}, "", "age: 1 of 2 rows are empty (50.00%), allowed is 40.00%"),
        ({"type": "whole number"}, "1.5", "age: 1 of 2 rows are no whole number (50.00%), allowed is 0.00%"),
        ({"type": "number"}, "nan", "age: 1 of 2 rows are no number"),
        ({"type": "number"}, "1_000", "age: 1 of 2 rows are no number"),
        ({"values": ["19-24", "7"]}, "65+", "age: 1 of 2 rows are of a value that is not allowed"),
        ({"type": "number", "least": 5, "most": 99}, "100", "age: 1 of 2 rows are below 5 or above 99"),
        ({"type": "date"}, "soon", "age: 1 of 2 rows are no date"),
        ({"type": "date", "format": "%d.%m.%Y"}, "2026-01-01", "age: 1 of 2 rows are no date"),
        ({"type": "boolean"}, "maybe", "age: 1 of 2 rows are no boolean"),
        ({"type": "email"}, "a@b", "age: 1 of 2 rows are no email"),
        ({"type": "phone"}, "12", "age: 1 of 2 rows are no phone"),
        ({"type": "sha256"}, "ab12", "age: 1 of 2 rows are no sha256"),
    ],
)
def test_a_broken_promise_names_the_column_and_shows_hashes_of_whom_it_is_about(tmp_path, promise, value, said):
    good = {
        "date": "2026-01-01" if "format" not in promise else "1.1.2026", "boolean": "Yes", "email": "c@b.org",
        "phone": "+12065550142", "sha256": "Ab" * 32,
    }.get(promise.get("type", ""), "7")  # fmt: skip
    [sentence] = broken(tmp_path, {"columns": {"age": promise}}, f"x@a.org,{good},,", f"y@a.org,{value},,")
    assert sentence.startswith(said)
    assert sentence.endswith(f"(for example SHA-256 of the identifier {sha256('y@a.org')[:16]})")
    assert "y@a.org" not in sentence
    assert broken(tmp_path, {"columns": {"age": promise}}, f"x@a.org,{good},,") == []


def test_an_allowed_value_is_read_as_a_cell_is_without_the_blanks_around_it(tmp_path):
    contract = {"columns": {"age": {"values": ["gold ", "silver"]}}}
    assert broken(tmp_path, contract, "x@a.org,gold ,,", "y@a.org,silver,,") == []


def test_whom_nobody_can_tell_is_shown_by_the_place_of_the_row(tmp_path):
    [sentence] = broken(tmp_path, {"columns": {"email": {"type": "email"}}}, "x@a.org,,,", "secret at a.org,,,")
    assert sentence.endswith("(for example line 3 of partner/audience/2026/01/02/audience.csv)")


def test_a_promised_column_that_a_file_lacks_breaks_the_contract(tmp_path):
    [sentence] = broken(tmp_path, {"columns": {"region": {}}}, "x@a.org,,,")
    assert sentence == "region: is no column of partner/audience/2026/01/02/audience.csv, allowed is in every file"


def test_a_monthly_delivery_is_compared_with_the_one_before(tmp_path):
    FolderStore(tmp_path).write("partner/audience/2025/11/02/audience.csv", b"x" * 100_000)
    FolderStore(tmp_path).write("partner/audience/2025/12/02/audience.csv", b"x" * 10_000)
    [sentence] = broken(tmp_path, {"volume": {"least": 0.5}}, "x@a.org,,,")
    assert sentence == (
        "volume: 32 bytes of 2026-01-02 are 0.00 times those of 2025-12-02, allowed is at least 0.5 times"
    )


def test_promises_about_days_are_broken_where_no_path_names_one_or_one_in_the_future():
    watch = Watch(AudienceContract.model_validate({"fresh_within": "3d", "volume": {"least": 0.5}}))
    nothing = clean([], audience())
    undated = watch.findings(nothing, [], {}, None, DAY)
    assert [f.of for f in undated if not f.kept] == ["fresh_within", "volume"]
    assert undated[0].sentence == (
        "fresh_within: the delivery's path names no day, such as 2026/01/31, allowed is a day in the path of each"
    )
    for days, kept in ((1, True), (2, False)):
        [found] = [f for f in watch.findings(nothing, [], {}, DAY + timedelta(days=days), DAY) if f.of != "volume"]
        assert found.kept is kept


def test_shares_rows_age_and_volume_are_promises_too(tmp_path):
    FolderStore(tmp_path).write(KEY.format(1), b"x" * 10_000)
    contract = {
        "rows": {"least": 5, "most": 9}, "fresh_within": "3d", "volume": {"least": 0.5}, "duplicates": 0.2,
        "quarantined": 0.2, "unknown_values": 0,
    }  # fmt: skip
    attributes = {"age_band": {"kind": "band", "column": "age", "edges": [18]}, "income": "income"}
    lines = ("x@a.org,old,,", "x@a.org,,,", "no,,,")
    found = broken(tmp_path, contract, *lines, today=DAY + timedelta(days=4), attributes=attributes)
    assert [sentence.partition(":")[0] for sentence in found] == [
        "fresh_within", "rows", "volume", "duplicates", "quarantined", "attributes.age_band",
    ]  # fmt: skip
    assert found[1] == "rows: 3 rows were delivered, allowed is at least 5 and at most 9"
    assert broken(tmp_path, {}, *lines) == [], "what is not promised is not looked at"
