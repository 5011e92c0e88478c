"""AWS's documented aggregation and list cases: verdict and reason code, measured on the shared file of cases."""

from collections import Counter

import pytest

from segment_assets.clean_room.checker import check
from segment_assets_tests.clean_room.conftest import from_cases

# Cases in the file, by family. The other families are custom rules, which are refused until they are built.
FAMILIES = {"agg": 53, "list": 15}
# Attacks in the file that concern aggregation and list rules.
ATTACKS = ("atk-002", "atk-003", "atk-037", "atk-038", "atk-041")


@pytest.fixture
def cases(shared):
    return from_cases(shared / "spec" / "clean_room_cases.yaml")


def test_every_aggregation_and_list_case_agrees_on_verdict_and_reason_code(cases, record_property):
    collaboration, all_cases = cases
    agreed, disagreed = Counter(), []
    for case in all_cases:
        family = case["id"].partition("-")[0]
        if family not in FAMILIES and case["id"] not in ATTACKS:
            continue
        found = check(case["query"], collaboration).verdict
        if (found.decision, found.code) == (case["expected"], case["reason_code"]):
            agreed[family] += 1
        else:
            disagreed.append(f"{case['id']}: {case['reason_code']}, not {found.code}")
    record_property("agreement", f"{dict(agreed)} agree, {len(disagreed)} disagree")
    assert disagreed == []
    assert agreed == FAMILIES | {"atk": len(ATTACKS)}


def test_tables_with_a_rule_that_is_not_built_yet_are_refused_with_a_sentence(cases):
    collaboration, _ = cases
    found = check("SELECT id FROM users", collaboration).verdict
    assert found.code == "ANALYSIS_NOT_ALLOWED"
    assert "CUSTOM rule, which is not supported yet" in found.findings[0].message
