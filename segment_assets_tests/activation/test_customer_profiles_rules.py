"""The upload file, its fields and the segment, as Customer Profiles documents them."""

import json
from datetime import timedelta

import pyarrow as pa
import pytest
from botocore.session import get_session
from botocore.validate import ParamValidator

from segment_assets.activation.customer_profiles import rules
from segment_assets.activation.customer_profiles.destination import CustomerProfilesImport, difference
from segment_assets.activation.customer_profiles.embedded import FolderCustomerProfiles
from segment_assets.activation.customer_profiles.rules import is_member, judge, merge
from segment_assets.activation.customer_profiles.segment import (
    KEY,
    asks_for,
    at,
    attribute_names,
    fields,
    segment_groups,
    upload_file,
)
from segment_assets.activation.plan import WANTED, Held, plan
from segment_assets.segmentation import ConfigError
from segment_assets_tests.activation.profiles_world import to
from segment_assets_tests.activation.world import DAY, order

NAMES = attribute_names("win_back", "pred_")
FIELDS = fields(NAMES, "AccountNumber")
HEADER = ",".join([KEY, *NAMES.values()])


def rows(**states):
    about = {"channel": "email", "address_sha256": None, "score": 0.98764, "band": "high"}
    return pa.Table.from_pylist([about | {"customer_id": c, "recipient": c, "state": s} for c, s in states.items()])


def refusals(*lines):
    content = "\n".join([HEADER, *lines, ""]).encode()
    return [str(problem) for problem in judge(content, FIELDS, KEY).refused]


def test_the_file_says_in_and_out_and_nothing_older_stays():
    content = upload_file(rows(c1="in", c2="out"), NAMES, "4be2c0ffee12", DAY)
    assert content.decode().splitlines() == [
        HEADER,
        "c1,in,granted,email,high,0.9876,4be2c0ffee12,2026-09-22",
        "c2,out,none,,none,,4be2c0ffee12,2026-09-22",
    ]
    assert judge(content, FIELDS, KEY) == rules.Verdict(2, None, [])


def test_an_empty_value_removes():
    profile = {"AccountNumber": "c1", "Attributes": {"score": "0.9", "theirs": "kept"}}
    merge(profile, {"AccountNumber": "c1", "Attributes.score": ""})
    assert profile == {"AccountNumber": "c1", "Attributes": {"theirs": "kept"}}


def test_rows_are_refused_by_line_without_naming_anybody():
    assert refusals(",in,granted,email,high,0.9,r,d") == ["line 2: customer_id is required"]
    assert refusals("c,in,granted,email,high,much,r,d") == ["line 2: pred_win_back_score is no NUMBER"]
    assert refusals("c,in") == ["line 2: 2 values for 8 columns"]
    assert refusals(f"c,in,granted,email,{'x' * 256},0.9,r,d") == [
        "line 2: pred_win_back_band has 256 characters; 255 are allowed"
    ]
    assert refusals('"c\nd",in,granted,email,high,0.9,r,d') == ["line 3: customer_id holds a line break"]


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "line 1: there is no header"),
        (b"customer_id\n", 'line 1: field "pred_win_back_state" reads a column that is not there'),
        (HEADER.encode() + b",customer_id\n", "line 1: a column is there twice"),
        (HEADER.encode() + b"\n\xff\n", "the file is not UTF-8"),
        (HEADER.encode() + b'\n"c,in\n', "line 2: not CSV: quotes do not match"),
    ],
)
def test_a_file_that_cannot_be_read_says_why(content, says):
    assert str(judge(content, FIELDS, KEY).file) == says


def test_a_file_of_a_gigabyte_is_refused(monkeypatch):
    monkeypatch.setattr(rules, "FILE_BYTES", 10)
    assert str(judge(b"0123456789", FIELDS, KEY).file) == "the file has 1 GB or more; an upload job takes less"


def test_members_are_in_with_consent_and_nobody_else():
    groups = segment_groups(NAMES)

    def member(**attributes):
        return is_member({"Attributes": {f"pred_win_back_{name}": value for name, value in attributes.items()}}, groups)

    assert member(state="in", consent="granted")
    assert not member(state="in", consent="none")
    assert not member(state="in")
    assert not member(state="out", consent="granted")


def test_the_examples_segment_is_understood(example_files):
    groups = json.loads((example_files / "req_cp_create_segment_definition.json").read_text())["SegmentGroups"]
    good = {"pred_churn_state": "in", "pred_churn_score": "0.8", "marketing_consent": "granted"}
    assert is_member({"Attributes": good}, groups)
    assert not is_member({"Attributes": good | {"pred_churn_score": "0.79"}}, groups)


def test_a_dimension_that_is_not_known_is_refused():
    how = {"DimensionType": "BETWEEN", "Values": ["1", "2"]}
    with pytest.raises(NotImplementedError, match="type BETWEEN is not known here"):
        is_member({}, {"Groups": [{"Dimensions": [{"ProfileAttributes": {"Attributes": {"x": how}}}]}]})


def test_what_the_service_fills_in_is_no_difference_and_another_condition_is():
    ours = segment_groups(NAMES)
    filled = json.loads(json.dumps(ours))
    filled["Groups"][0]["SourceType"] = "ALL"
    assert asks_for(filled, ours)
    filled["Groups"].pop()
    assert not asks_for(filled, ours)
    assert not asks_for(segment_groups(attribute_names("other", "pred_")), ours)


def test_values_are_found_at_the_top_and_among_attributes():
    profile = {"AccountNumber": "c1", "Attributes": {"loyalty_id": "7"}}
    assert (at(profile, "AccountNumber"), at(profile, "Attributes.loyalty_id"), at(profile, "EmailAddress")) == (
        "c1", "7", None
    )  # fmt: skip


def test_names_longer_than_customer_profiles_allows_are_refused_early():
    with pytest.raises(ConfigError, match=r"segments\.a{51}: Customer Profiles allows 64 characters") as bad:
        attribute_names("a" * 51, "pred_")
    assert "has 65: shorten" in str(bad.value)
    assert max(map(len, attribute_names("a" * 50, "pred_").values())) == 64


def test_the_requests_are_what_botocore_takes(tmp_path):
    job = CustomerProfilesImport(FolderCustomerProfiles(tmp_path), to(), "win_back")
    model = get_session().get_service_model("customer-profiles")
    upload = model.operation_model("CreateUploadJob").input_shape
    assert not ParamValidator().validate(job._request("name"), upload).has_errors()
    definition = {"DomainName": "d", "SegmentDefinitionName": job.definition, "DisplayName": "x"}
    shape = model.operation_model("CreateSegmentDefinition").input_shape
    assert not ParamValidator().validate(definition | {"SegmentGroups": job.groups}, shape).has_errors()


def test_the_request_has_the_shape_of_the_example(example_files, tmp_path):
    example = json.loads((example_files / "req_cp_create_upload_job.json").read_text())
    ours = CustomerProfilesImport(FolderCustomerProfiles(tmp_path), to(), "win_back")._request("name")
    assert set(ours) == set(example)
    assert ours["Fields"]["customer_id"] == example["Fields"]["customer_id"]
    assert (ours["UniqueKey"], ours["DataExpiry"]) == (example["UniqueKey"], example["DataExpiry"])


def test_what_is_kept_half_as_long_is_told_twice_as_often(tmp_path):
    def periods(expires_after):
        job = CustomerProfilesImport(FolderCustomerProfiles(tmp_path), to(expires_after=expires_after), "win_back")
        return len({job.renewed(order(as_of=DAY + timedelta(days=n))).wording for n in range(360)})

    assert periods("90d") in (8, 9)  # every 45 days
    assert periods("45d") in (16, 17, 18)


def planned(wanted_now, told_before):
    def table(*customers):
        about = {"channel": "email", "address_sha256": None, "score": 0.5, "band": "high"}
        return pa.Table.from_pylist([about | {"customer_id": c, "recipient": c} for c in customers], WANTED)

    before = table(*told_before)
    return plan(order("profiles"), table(*wanted_now), Held(1, "k", before, table(), 1, before))


def test_a_few_of_many_may_be_late_and_no_leaver_may_stay():
    many = [f"c{n:04}" for n in range(1000)]
    the_plan = planned(many, ["gone"])
    assert difference(the_plan, {*many}) == ""
    assert difference(the_plan, {*many[5:]}) == ""
    assert difference(the_plan, {*many[6:]}).startswith("the segment lacks 6 of 1,000 members, and holds 0 who left")
    assert difference(the_plan, {*many, "gone"}) == (
        "the segment lacks 0 of 1,000 members, and holds 1 who left and 0 others (lines 1002 of part-000.csv)"
    )
    assert difference(the_plan, {*many, *(f"x{n}" for n in range(6))}).endswith("0 who left and 6 others")


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"domain": "no domain"}, "domain is letters"),
        ({"matching_key": "EmailAddress"}, "matching_key is AccountNumber or Attributes.NAME"),
        ({"attribute_prefix": "a b"}, "attribute_prefix is letters"),
        ({"expires_after": "1d"}, "expires_after is 2 to 1098 days"),
    ],
)
def test_settings_that_the_service_would_refuse_are_refused_early(settings, says):
    with pytest.raises(ValueError, match=says):
        to(**settings)
