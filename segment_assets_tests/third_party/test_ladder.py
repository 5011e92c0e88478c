import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from segment_assets.people.addresses import email_sha256, sha256
from segment_assets.people.forms import mistaken
from segment_assets.third_party.ladder import RUNGS, ladder, rows, total, unmatched_hashes
from segment_assets_tests.third_party.audiences import audience, sort

OURS = ["ann@a.org", "ben@a.org", "cleo+shop@a.org", "Dov@a.org", "eve@gmail.com"]
KNOWN = pa.array([email_sha256(a.lower()) for a in OURS])
PLAIN = pa.array([email_sha256(a) for a in ("ann@a.org", "ben@a.org", "cleo@a.org", "dov@a.org", "eve@gmail.com")])
ROW_OF = {
    "no address": "not_normalisable", "": "not_normalisable", sha256(""): "not_normalisable",
    "ann@a.org": "matched", " ANN@A.ORG": "matched", sha256("ann@a.org"): "matched",
    sha256("ben@a.org").upper(): "matched",
    "ann+news@a.org": "plus_address", "cleo@a.org": "plus_address", "cleo+x@a.org": "plus_address",
    sha256("cleo@a.org"): "plus_address",
    sha256("ANN@A.ORG"): "case", sha256("Ann@a.org"): "case", sha256("Dov@a.org"): "case",
    sha256("ann@a.org\n"): "wrong_hash", sha256("email:ann@a.org"): "wrong_hash", "0" * 32: "wrong_hash",
    "nobody@a.org": "absent", sha256("nobody@a.org"): "absent", sha256("ann+news@a.org"): "absent",
}  # fmt: skip


def stand(*written: str | None, purpose: str = "marketing", more=(), **keys):
    """The ladder of rows with these addresses."""
    declared = audience(**keys)
    found = sort(*(None if w is None else (w, None, None, *more) for w in written), **keys)
    partner = rows(found.good, found.set_aside, declared, purpose)
    loose = unmatched_hashes(partner, KNOWN)
    return ladder(partner, KNOWN, PLAIN, mistaken(OURS, "email", set(KNOWN.to_pylist()), loose))


def on(rungs) -> dict[str, int]:
    return {rung.reason: rung.rows for rung in rungs if rung.rows}


def test_each_way_of_writing_stands_on_the_rung_that_explains_it():
    for written, reason in ROW_OF.items():
        assert on(stand(written)) == {reason: 1}, reason
    assert on(stand(None)) == {"not_normalisable": 1}


def test_a_rung_says_what_its_mend_would_gain():
    found = stand("ann@a.org", "ANN@a.org ", "ben@a.org ", "x+y@a.org", "ann+1@a.org", sha256("BEN@A.ORG"), "0" * 32,
                  "5d41402abc4b2a76b9719d911017c592", sha256("ben@a.org "), "no", "absent@a.org")  # fmt: skip
    gains = {rung.reason: (rung.rows, rung.gain) for rung in found}
    assert gains == {
        "not_permitted": (0, None), "not_normalisable": (1, None), "wrong_hash": (3, 1), "case": (1, 1),
        "plus_address": (1, 1), "absent": (2, 0), "matched": (3, 0),
    }  # fmt: skip
    assert next(r.mended for r in found if r.reason == "matched") == 2, "duplicates stand where their person stands"


@given(st.lists(st.sampled_from([*ROW_OF, None]), max_size=20), st.randoms())
def test_every_partner_row_stands_on_exactly_one_rung_whatever_the_order(written, chance):
    found = stand(*written)
    assert [rung.reason for rung in found] == list(RUNGS)
    assert total(found) == len(written)
    shuffled = list(written)
    chance.shuffle(shuffled)
    assert stand(*shuffled) == found


def test_a_hash_is_explained_by_a_readable_row_of_the_same_person():
    hashed = sha256("ann+news@a.org")
    assert on(stand(hashed)) == {"absent": 1}
    assert on(stand(hashed, "ann+news@a.org")) == on(stand("ann+news@a.org", hashed)) == {"plus_address": 2}


@given(st.lists(st.sampled_from([*sorted(set(ROW_OF) - {sha256("ann+news@a.org")}), None]), max_size=20))
def test_a_row_stands_where_it_would_stand_alone(written):
    alone = [ROW_OF.get(w or "") for w in written]
    assert on(stand(*written)) == {reason: alone.count(reason) for reason in RUNGS if reason in alone}


def test_a_row_whose_purpose_is_not_permitted_is_looked_at_no_further():
    keys = {"purposes": "use", "consent": "ok"}
    assert on(stand("ann@a.org", "x@a.org", more=("yes", "marketing"), **keys)) == {"matched": 1, "absent": 1}
    for more in (("yes", "measurement"), ("yes", ""), ("no", "marketing"), ("", "marketing")):
        assert on(stand("ann@a.org", "no", sha256("ANN@A.ORG"), more=more, **keys)) == {"not_permitted": 3}
    assert on(stand("ann@a.org", more=("yes", "measurement"), purpose="measurement", **keys)) == {"matched": 1}
