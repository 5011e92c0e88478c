"""One quote too many or too few in the partner's CSV: nobody's row becomes part of another person's."""

from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st

from segment_assets.lake import FolderStore
from segment_assets.people.addresses import sha256
from segment_assets.third_party.assets import Received, read_and_clean
from segment_assets.third_party.cleaning import columns
from segment_assets.third_party.delivery import Row, Seen, latest, rows
from segment_assets.third_party.errors import DeliveryError
from segment_assets_tests.third_party.audiences import audience

KEY = "partner/audience/2026/01/02/a.csv"
AUDIENCE = audience(attributes={"age_band": "age"})
_ENDS = st.sampled_from(["\n", "\r\n", "\r"])
_FIELDS = st.sampled_from(["30", '"30"', '"30', '30"', '"', '""', '"3""0', "", '"a, b"', 'a "b" c'])


def received(text: str) -> Received:
    """What becomes of a CSV file."""
    with TemporaryDirectory() as folder:
        store = FolderStore(Path(folder))
        store.write(KEY, text.encode())
        return read_and_clean(store, AUDIENCE)


def person(number: int) -> str:
    return sha256(f"p{number}@a.org")


@st.composite
def files(draw) -> list[str]:
    """Lines about one person each, with quotes where they may and where they may not be."""
    people = range(draw(st.integers(1, 12)))
    quote = st.sampled_from(["", "", "", '"'])
    return [f"{draw(quote)}{person(n)}{draw(quote)},{n}{draw(_FIELDS)}" for n in people]


@given(files(), _ENDS, st.booleans())
def test_every_line_is_a_row_once_and_no_row_holds_another_persons_or_the_file_is_refused(lines, end, closed):
    text = end.join(["email,age", *lines]) + (end if closed else "")
    try:
        found = received(text)
    except DeliveryError as refused:
        if "is not closed" not in str(refused):
            raise
        return
    assert found.nothing_lost
    assert found.cleaned.delivered == len(lines) == found.cleaned.good.num_rows + found.cleaned.quarantined
    numbers = {person(n): n for n in range(len(lines))}
    for row in found.cleaned.good.to_pylist():
        assert (row["age_band"] or "").startswith(str(numbers[row["email_sha256"]])), "it is of the person's own line"
        assert not any(digest in (row["age_band"] or "") for digest in numbers)


@pytest.mark.parametrize("people", [3, 6_000])
def test_a_quote_that_is_never_closed_is_refused_with_its_line(people):
    text = f'email,age\n{person(0)},30\n\n{person(1)},"30\n' + "".join(f"{person(n)},31\n" for n in range(2, people))
    with pytest.raises(DeliveryError, match=r"a.csv: the quote that opens in line 4 is not closed.*; close it"):
        received(text)


def test_lines_between_two_stray_quotes_are_all_quarantined_and_the_others_stand():
    found = received(
        f'email,age\n{person(0)},30\n{person(1)},"30\n{person(2)},31\n{person(3)},31"\n\n{person(4)},32\n'
    ).cleaned
    assert sorted(found.good["age_band"].to_pylist()) == ["30", "32"]
    assert (found.delivered, found.reasons["malformed"]) == (5, 3)
    assert sorted(found.set_aside["position"].to_pylist()) == [1, 2, 3]


def test_the_law_bites_where_the_reader_makes_fewer_rows_than_there_are_lines():
    found = received(f"email,age\n{person(0)},30\n")
    assert found.nothing_lost
    assert not replace(found, seen=Seen(held=2)).nothing_lost


def test_a_row_is_found_by_its_line(tmp_path):
    store = FolderStore(tmp_path)
    store.write(KEY, b"sep=;\n\nemail;age\n\nx@a.org;1\ny@a.org;2;3\n")
    found = list(rows(store, latest(store.list("")), columns(AUDIENCE)))
    assert [(row.position, row.place, row.values is None) for row in found] == [
        (0, f"line 5 of {KEY}", False),
        (1, f"line 6 of {KEY}", True),
    ]
    assert Row(KEY, 0, None).place == f"row 1 of {KEY}"
