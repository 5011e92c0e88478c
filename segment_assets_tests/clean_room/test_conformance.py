"""Conformance cases: the shared file of what AWS documents, and our own, in the same format."""

from collections import Counter
from pathlib import Path

import pytest

from segment_assets.clean_room import conformance

MORE = Path(__file__).parent / "cases_more.yaml"
# Cases in the shared file, by family.
PYTHONS = ("object", "indices", "int()", "sequence", "pydantic", "NoneType", "input_value")
FAMILIES = {"agg": 53, "atk": 25, "c3r": 4, "cus": 5, "dis": 10, "dp": 12, "idm": 3, "list": 15, "thr": 14}


def disagreements(path: Path) -> tuple[Counter[str], list[str]]:
    found = conformance.run(conformance.load(path))
    wrong = [f"{o.id}: {o.expected}, not {o.found}: {o.message}" for o in found if not o.agrees]
    return Counter(o.family for o in found), wrong


def test_every_case_of_the_shared_file_agrees(shared, record_property):
    families, wrong = disagreements(shared / "spec" / "clean_room_cases.yaml")
    record_property("agreement", f"{families.total() - len(wrong)} of {families.total()}")
    assert wrong == []
    assert families == FAMILIES


def test_every_case_of_our_own_agrees():
    families, wrong = disagreements(MORE)
    assert wrong == []
    assert families.total() >= 60


@pytest.mark.parametrize(
    "text",
    [
        "cases: 1",
        "- a",
        "5",
        "",
        "{",
        "rules: {a: {type: LIST, policy: {}}}\ntables: {}\ncases: []",
        "rules: {}\ntables: [a]\ncases: []",
        "rules: {}\ntables: {a: {owner: r, columns: [x], rule: null}}\ncases: []",
        "rules: {}\ntables: {a: {columns: {}, rule: x}}\ncases: []",
        "query_runner: r\nrules: {}\ntables: {}\ntemplates: {a: {text: x}}\ncases: []",
    ],
)
def test_a_file_that_holds_no_cases_is_one_sentence(tmp_path, text):
    path = tmp_path / "cases.yaml"
    path.write_text(text)
    with pytest.raises(conformance.CasesError, match=r"^cases\.yaml: ") as told:
        conformance.load(path)
    assert not any(word in str(told.value) for word in PYTHONS)


@pytest.mark.parametrize(
    "case",
    [
        "{id: cus-1, expected: ACCEPT}",
        "{id: cus-1, expected: ACCEPT, query: 5}",
        "{id: cus-1, query: SELECT 1}",
        "{query: SELECT 1, expected: ACCEPT}",
        "{id: cus-1, expected: ACCEPT, query: SELECT 1, context: a}",
        "{id: cus-1, expected: ACCEPT, query: SELECT 1, context: {remainingAggregations: many}}",
        "{id: cus-1, expected: ACCEPT, query: SELECT 1, context: {dataEncryptionMetadata: {a: 1}}}",
        "{id: cus-1, expected: ACCEPT, query: SELECT 1, context: {privacyBudgetTemplate: {a: 1}}}",
        "text",
    ],
)
def test_a_case_that_lacks_something_is_one_sentence_with_its_number(tmp_path, case):
    path = tmp_path / "cases.yaml"
    path.write_text(f"query_runner: runner\nrules: {{}}\ntables: {{}}\ncases: [{case}]\n")
    with pytest.raises(conformance.CasesError, match=r"^case 1 of the file: ") as told:
        conformance.run(conformance.load(path))
    assert not any(word in str(told.value) for word in PYTHONS)
