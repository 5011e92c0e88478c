from collections import Counter

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from segment_assets.lake import content_hash
from segment_assets.people.addresses import email_sha256
from segment_assets.third_party.cleaning import Cleaned, clean
from segment_assets.third_party.delivery import Row
from segment_assets.third_party.tables import partner_audience

ATTRIBUTES = {"age_band": "age", "income_band": "income"}
TABLE = partner_audience(ATTRIBUTES)

_VALUES = st.sampled_from([None, "a", "b"])
_EMAILS = st.sampled_from(["x@a.org", " X@A.ORG", "y@a.org", "y+tag@a.org", "no address", "", None])
_ROWS = st.lists(st.one_of(st.none(), st.tuples(_EMAILS, _VALUES, _VALUES)), max_size=12)


def sort(*values: tuple[str | None, ...] | None) -> Cleaned:
    rows = [
        Row("k", i, None if v is None else dict(zip(("email", "age", "income"), v, strict=True)))
        for i, v in enumerate(values)
    ]
    return clean(rows, "email", ATTRIBUTES, TABLE)


def test_an_address_is_normalised_and_hashed_and_a_plus_tag_stays():
    found = sort((" Ann.Lee@Example.ORG ", "19-24", "high"), ("ann.lee+news@example.org", "65+", None))
    assert sorted(found.good["email_sha256"].to_pylist()) == sorted(
        [str(email_sha256("ann.lee@example.org")), str(email_sha256("ann.lee+news@example.org"))]
    )
    assert found.quarantined.num_rows == 0


def test_the_row_that_says_all_the_others_say_is_kept():
    found = sort(("x@a.org", "19-24", None), ("X@a.org", "19-24", "high"), ("x@a.org", None, None))
    assert found.good.drop_columns(["email_sha256"]).to_pylist() == [{"age_band": "19-24", "income_band": "high"}]
    assert found.reasons == {"not_normalisable": 0, "duplicate": 2, "conflict": 0, "malformed": 0}


def test_rows_that_contradict_each_other_are_all_quarantined():
    found = sort(("x@a.org", "19-24", None), ("x@a.org", "65+", None), ("y@a.org", "65+", None))
    assert found.good.num_rows == 1
    assert found.reasons["conflict"] == 2


def test_rows_that_add_to_each_other_are_a_conflict_since_no_row_says_all():
    assert sort(("x@a.org", "19-24", None), ("x@a.org", None, "high")).reasons["conflict"] == 2


def test_quarantine_keeps_no_readable_address():
    found = sort(("someone@a.org", "1", None), ("someone@a.org", "2", None), ("someone at a.org", "3", None), None)
    records = b"".join(r or b"" for r in found.quarantined["record"].to_pylist())
    assert b"someone" not in records
    assert found.quarantined["reason"].to_pylist() == ["conflict", "conflict", "not_normalisable", "malformed"]


@given(_ROWS)
def test_what_comes_in_is_good_or_quarantined_once(values):
    found = sort(*values)
    assert found.nothing_lost
    assert found.delivered == len(values)
    assert sum(found.reasons.values()) == found.quarantined.num_rows
    assert max(Counter(found.good["email_sha256"].to_pylist()).values(), default=1) == 1
    assert len(set(found.quarantined["position"].to_pylist())) == found.quarantined.num_rows


@given(_ROWS, st.randoms())
def test_the_order_of_rows_changes_nothing(values, chance):
    shuffled = list(values)
    chance.shuffle(shuffled)
    one, other = sort(*values), sort(*shuffled)
    assert content_hash(one.good) == content_hash(other.good)
    assert one.reasons == other.reasons


def test_the_law_bites_where_a_row_is_lost():
    found = sort(("x@a.org", None, None))
    assert not Cleaned(found.good, found.quarantined, found.delivered + 1, found.reasons).nothing_lost


def test_the_same_rows_give_the_same_content():
    assert content_hash(sort(("x@a.org", "1", None)).good) == content_hash(pa.table(sort(("x@a.org", "1", None)).good))
