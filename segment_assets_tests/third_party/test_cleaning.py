from collections import Counter
from dataclasses import replace
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from segment_assets.lake import content_hash
from segment_assets.people.addresses import email_sha256, name_sha256, phone_sha256_e164, postal_sha256, sha256
from segment_assets_tests.third_party.audiences import sort

RULES = ["agreeing", "latest", "first", "most_complete", "drop_attribute"]
_VALUES = st.sampled_from([None, "a", "b"])
_EMAILS = st.sampled_from(["x@a.org", " X@A.ORG", sha256("x@a.org"), "y@a.org", "y+tag@a.org", "no address", "", None])
_WHEN = st.sampled_from(
    [None, "2026-01-01", "2026-01-01 09:00", "2026-02-01T10:00:00Z", "1.2.2026", "1769940000000", "7"]
)
_SAID = st.tuples(
    _EMAILS, _VALUES, _VALUES, st.sampled_from([None, "yes", "no"]), st.sampled_from(["", "a", "a;b"]), _WHEN
)
_ROWS = st.lists(st.one_of(st.none(), _SAID), max_size=12)


def by(rule: str) -> dict:
    """A governed audience whose duplicates go by a rule; the column with the time is read in any case."""
    return {
        "consent": "ok",
        "purposes": "use",
        "duplicates": {"rule": rule, "by": "at"} if rule == "latest" else {"rule": rule},
    }


def cut(rule: str, values) -> list:
    return [v if v is None or rule == "latest" else v[:5] for v in values]


def test_an_address_is_normalised_and_hashed_and_a_plus_tag_stays():
    found = sort((" Ann.Lee@Example.ORG ", "19-24", "high"), ("ann.lee+news@example.org", "65+", None))
    tagged, plain = str(email_sha256("ann.lee+news@example.org")), str(email_sha256("ann.lee@example.org"))
    rows = {r["email_sha256"]: r for r in found.good.to_pylist()}
    assert set(rows) == {tagged, plain}
    assert rows[tagged]["email_sha256_plain"] == rows[plain]["email_sha256_plain"] == plain
    assert (rows[tagged]["identifier_form"], rows[plain]["identifier_form"]) == ("normal", "mended")
    assert found.set_aside.num_rows == 0


def test_a_hash_in_either_case_is_taken_and_another_hash_is_set_aside():
    hashed = sha256("x@a.org")
    found = sort(
        ("X@a.org", "1", None), (hashed.upper(), "1", None), ("5" * 32, None, None), (f"{'A' * 43}=", None, None)
    )
    assert found.good.select(["email_sha256", "identifier_form"]).to_pylist() == [
        {"email_sha256": hashed, "identifier_form": "mended"}
    ]
    assert (found.reasons["duplicate"], found.reasons["wrong_hash"]) == (1, 2)
    assert found.set_aside["identifier"].to_pylist()[1:] == ["5" * 32, f"{'A' * 43}="]


@pytest.mark.parametrize(
    "nobody", [sha256(""), sha256("unknown").upper(), "d41d8cd98f00b204e9800998ecf8427e", "ab" * 20 + "c"]
)
def test_the_hash_of_no_address_is_no_identifier(nobody):
    assert sort((nobody, None, None)).reasons["not_normalisable"] == 1


def test_the_row_that_says_all_the_others_say_is_kept():
    found = sort(("x@a.org", "19-24", None), ("X@a.org", "19-24", "high"), ("x@a.org", None, None))
    assert found.good.select(["age_band", "income_band"]).to_pylist() == [{"age_band": "19-24", "income_band": "high"}]
    assert (found.delivered, found.duplicates, found.quarantined) == (3, 2, 0)


def test_rows_that_contradict_each_other_are_all_quarantined():
    found = sort(("x@a.org", "19-24", None), ("x@a.org", "65+", None), ("y@a.org", "65+", None))
    assert found.good.num_rows == 1
    assert (found.duplicates, found.quarantined, found.reasons["conflict"]) == (0, 2, 2)


def test_rows_that_add_to_each_other_are_a_conflict_since_no_row_says_all():
    assert sort(("x@a.org", "19-24", None), ("x@a.org", None, "high")).reasons["conflict"] == 2


@pytest.mark.parametrize(
    ("rule", "stands"),
    [
        ("latest", {"age_band": "c", "income_band": None}),
        ("first", {"age_band": "a", "income_band": None}),
        ("most_complete", {"age_band": "b", "income_band": "high"}),
        ("drop_attribute", {"age_band": None, "income_band": "high"}),
    ],
)
def test_each_rule_keeps_one_row_of_a_person(rule, stands):
    rows = (("a", None, "2026-01-01"), ("b", "high", "2026-01-02"), ("c", None, "2026-03-01"))
    values = [("x@a.org", *row) if rule == "latest" else ("x@a.org", *row[:2]) for row in rows]
    duplicates = {"rule": rule, "by": "at"} if rule == "latest" else {"rule": rule}
    found = sort(*values, duplicates=duplicates)
    assert found.good.select(["age_band", "income_band"]).to_pylist() == [stands]
    assert (found.delivered, found.duplicates, found.quarantined) == (3, 2, 0)


def test_a_denial_in_any_row_of_a_person_counts_but_a_later_statement_replaces_it():
    rows = (("yes", "2026-01-03"), ("no", "2026-01-02"), ("", "2026-01-04"))
    strict = sort(*(("x@a.org", None, None, said) for said, _ in rows), consent="ok", duplicates={"rule": "first"})
    assert strict.good["consent"].to_pylist() == ["denied"]
    latest = sort(
        *(("x@a.org", None, None, *row) for row in rows), consent="ok", duplicates={"rule": "latest", "by": "at"}
    )
    assert latest.good["consent"].to_pylist() == ["granted"], "an empty statement replaces none"


def test_purposes_are_those_that_every_row_of_a_person_permits():
    values = [
        ("x@a.org", None, None, given) for given in ("Marketing; measurement", '["ads", "resale"]', "adverts|other")
    ]
    found = sort(*values, purposes={"column": "use", "values": {"marketing": ["ads", "Adverts"]}})
    assert found.good["permitted_purposes"].to_pylist() == ["marketing"]
    assert sort(("x@a.org", None, None, ""), purposes="use").good["permitted_purposes"].to_pylist() == [""]


def test_every_identifier_is_hashed_and_any_of_them_may_tell_people_apart():
    keys = {
        "phone": "tel",
        "phone_region": "US",
        "name": ["first", "last"],
        "postal": {"street": "street", "code": "zip"},
    }
    row = ("x@a.org", "(206) 555-0142", "Ann", "O'Neil", "1 Oak St.", "98101", "19-24", None)
    [found] = sort(row, **keys).good.to_pylist()
    assert found["phone_sha256_e164"] == phone_sha256_e164("+12065550142")
    assert found["name_sha256"] == name_sha256("ann o neil")
    assert found["postal_sha256"] == postal_sha256("1 Oak St, 98101")
    by_phone = sort(row, identified_by="phone", **keys)
    assert by_phone.good.column_names[0] == "phone_sha256_e164"
    assert by_phone.good["email_sha256"].to_pylist() == [sha256("x@a.org")]
    other = ("y@a.org", None, "ANN", "O NEIL", "1 oak st", "98101", None, "high")
    at_home = sort(row, other, identified_by="name_and_postal", duplicates={"rule": "drop_attribute"}, **keys)
    assert at_home.good["name_postal_sha256"].to_pylist() == [sha256("person:ann o neil|1 oak st 98101")]
    assert at_home.good["email_sha256"].to_pylist() == [None], "they do not agree on it"
    assert sort((*row[:4], None, *row[5:]), identified_by="name_and_postal", **keys).reasons["not_normalisable"] == 1


def test_attributes_are_read_as_they_are_declared_and_what_is_unknown_is_counted():
    attributes = {
        "home": {"kind": "category", "column": "h", "otherwise": "other",
                 "values": {"owner": ["Home  Owner", "O"], "renter": []}},
        "age_band": {"kind": "band", "column": "a", "edges": [18, 65]},
        "since": {"kind": "date", "column": "d", "format": "%d.%m.%Y"},
        "kids": {"kind": "boolean", "column": "k"},
        "note": "n",
    }  # fmt: skip
    rows = [
        ("a@a.org", "home owner", "17.5", "24.12.2025", "Yes", "plain"),
        ("b@a.org", "squatter", "old", "2025-12-24", "maybe", "write to b@a.org"),
        ("c@a.org", None, None, None, None, None),
    ]
    found = sort(*rows, attributes=attributes)
    by_person = {r["email_sha256"]: tuple(r[name] for name in attributes) for r in found.good.to_pylist()}
    assert by_person == {
        sha256("a@a.org"): ("owner", "under 18", date(2025, 12, 24), True, "plain"),
        sha256("b@a.org"): ("other", None, None, None, None),
        sha256("c@a.org"): (None,) * 5,
    }
    assert set(found.unknown.values()) == {1}
    assert set(found.values.values()) == {2}


def test_quarantine_keeps_no_readable_address():
    found = sort(("someone@a.org", "1", None), ("someone@a.org", "2", None), ("someone at a.org", "3", None), None)
    assert b"someone" not in b"".join(r or b"" for r in found.set_aside["record"].to_pylist())
    assert found.set_aside["reason"].to_pylist() == ["conflict", "conflict", "not_normalisable", "malformed"]


@given(st.sampled_from(RULES), _ROWS)
def test_what_comes_in_stands_is_a_duplicate_or_quarantined_once(rule, values):
    found = sort(*cut(rule, values), **by(rule))
    assert found.nothing_lost
    assert found.delivered == len(values) == found.good.num_rows + found.duplicates + found.quarantined
    assert max(Counter(found.good["email_sha256"].to_pylist()).values(), default=1) == 1
    assert len(set(found.set_aside["position"].to_pylist())) == found.set_aside.num_rows
    assert (found.reasons["conflict"] == 0) or rule == "agreeing"


@given(st.sampled_from(RULES), _ROWS, st.randoms())
def test_neither_the_order_of_reading_nor_that_of_rows_changes_anything(rule, values, chance):
    values = cut(rule, values)
    places = list(range(len(values)))
    chance.shuffle(places)
    shuffled = [values[at] for at in places]
    one = sort(*values, **by(rule))
    # The rule `first` is about places: rows are read in another order, and lie where they lay.
    other = sort(*shuffled, places=places if rule == "first" else None, **by(rule))
    assert content_hash(one.good) == content_hash(other.good)
    assert one.reasons == other.reasons


def test_the_law_bites_where_a_row_is_lost():
    found = sort(("x@a.org", None, None))
    assert not replace(found, delivered=found.delivered + 1).nothing_lost
    assert not replace(found, reasons=found.reasons | {"duplicate": 1}).nothing_lost


SAID = {"consent": "ok", "purposes": "use", "duplicates": {"rule": "latest", "by": "at"}}


@pytest.mark.parametrize(
    ("granted_at", "denied_at"),
    [
        ("2025-01-01", None), ("2025-01-01", "01.03.2024"), ("2026-03-01 09:00", "2026-03-01"),
        ("1735689600000", "2026-03-01"), ("2025-01-01", "7"), (None, None), (None, "2025-01-01"), ("7", "2025-01-01"),
    ],
)  # fmt: skip
def test_a_denial_holds_unless_a_grant_is_newer_for_sure_and_so_do_purposes(granted_at, denied_at):
    rows = [("x@a.org", "1", None, "yes", "marketing", granted_at), ("x@a.org", "1", None, "no", "", denied_at)]
    [found] = sort(*rows, **SAID).good.to_pylist()
    assert found["consent"] == "denied"
    assert "marketing" not in found["permitted_purposes"] or granted_at is None or granted_at == "7"


def test_a_grant_that_is_newer_for_sure_replaces_a_denial():
    for granted_at, denied_at in (("2026-03-02", "2026-03-01"), ("1772500000", "2026-03-02"), ("8", "7")):
        rows = [("x@a.org", "1", None, "yes", "ads", granted_at), ("x@a.org", "1", None, "no", "", denied_at)]
        [found] = sort(*rows, **SAID).good.to_pylist()
        assert (found["consent"], found["permitted_purposes"]) == ("granted", "ads")


def test_rows_that_do_not_say_how_new_they_are_are_counted():
    when = ["2026-01-01", "1.2.2026", None, "7"]
    found = sort(*((f"p{n}@a.org", None, None, None, "", at) for n, at in enumerate(when)), **SAID)
    assert (found.dated, found.undated) == (1, 3), "a number says nothing beside times"
    found = sort(("x@a.org", None, None, None, "", "7"), ("y@a.org", None, None, None, "", None), **SAID)
    assert (found.dated, found.undated) == (1, 1)


def test_a_person_at_home_has_a_first_and_a_last_name_and_a_postal_code_where_one_is_declared():
    keys = {"identified_by": "name_and_postal", "email": None, "name": ["first", "middle", "last"]}
    coded = {"postal": {"street": "street", "code": "zip"}}
    for row in (("Ann", None, None, "1 Oak St", "98101"), (None, None, "Lee", "1 Oak St", "98101"),
                ("Ann", None, "Lee", "1 Oak St", None), ("Ann", None, "Lee", None, "98101")):  # fmt: skip
        assert sort((*row, None, None), **keys, **coded).reasons["not_normalisable"] == 1
    assert sort(("Ann", None, "Lee", "1 Oak St", "98101", None, None), **keys, **coded).good.num_rows == 1
    assert sort(("Ann", None, "Lee", "1 Oak St", None, None), **keys, postal={"street": "street"}).good.num_rows == 1
