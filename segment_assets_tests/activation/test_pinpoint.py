"""The import file and its job, as Pinpoint documents them."""

import csv
import io
import json

import pyarrow as pa
import pytest
from botocore.session import get_session
from botocore.validate import ParamValidator

from segment_assets.activation.activate import stages
from segment_assets.activation.pinpoint import (
    attribute_names,
    import_file,
    refuse_what_pinpoint_would,
    request,
    segment_definition,
)
from segment_assets.activation.pinpoint_rules import judge
from segment_assets.activation.port import ActivationError
from segment_assets.activation.recipients import wanted
from segment_assets.segmentation import ConfigError
from segment_assets_tests.activation.world import ATTRIBUTE, jobs, members, order, pinpoint_import, told

HEADER = (
    f"Id,ChannelType,Address,User.UserId,Attributes.{ATTRIBUTE},Attributes.{ATTRIBUTE}_band,Metrics.{ATTRIBUTE}_score"
)


def row(person="c1", channel="email", address="a@example.org", state="in", score=0.98764, band="high"):
    return {
        "customer_id": person, "recipient": f"ep-{person}", "channel": channel, "state": state, "score": score,
        "band": band, "address": address,
    }  # fmt: skip


def written(*rows):
    return import_file(pa.Table.from_pylist(list(rows)), ATTRIBUTE)


def validated(operation, name, body):
    members_ = get_session().get_service_model("pinpoint").operation_model(operation).input_shape.members
    return ParamValidator().validate(body, members_[name])


def test_the_file_says_in_and_out_and_nothing_else():
    content = written(row(), row("c2", "sms", "+14255550143"), row("c3", None, None, "out", None, None))
    assert content.decode().splitlines() == [
        HEADER,
        "ep-c1,EMAIL,a@example.org,c1,in,high,0.9876",
        "ep-c2,SMS,+14255550143,c2,in,high,0.9876",
        "ep-c3,,,c3,out,out,0",
    ]
    assert judge(content).refused == []


def test_opt_out_is_never_written():
    # OptOut=NONE subscribes people again who left.
    assert b"OptOut" not in written(row(), row("c2", state="out", address=None, score=None, band=None))


def test_a_push_endpoint_is_updated_by_id_alone():
    content = written(row(channel="push", address="device-token"))
    assert content.decode().splitlines()[1] == "ep-c1,,,c1,in,high,0.9876"


def test_commas_and_quotes_survive():
    content = written(row(person='c"1,2'))
    assert next(csv.DictReader(io.StringIO(content.decode())))["User.UserId"] == 'c"1,2'
    assert judge(content).refused == []


def test_a_row_pinpoint_would_refuse_stops_everything_without_naming_anybody():
    with pytest.raises(
        ActivationError, match=r"would refuse 1 rows of endpoints\.csv, so nothing was sent: line 2"
    ) as bad:
        refuse_what_pinpoint_would(written(row(address="dana\t@example.org")))
    assert "dana" not in str(bad.value)


def test_what_pinpoint_says_of_a_row_is_told_by_its_line_and_without_its_words(known, service):
    members(known, {"anna": 0.9, "bo": 0.8})
    steps = stages(known, pinpoint_import(service), order(), wanted(known, "win_back", "endpoints"), "run")
    while next(steps) != "submit":
        pass
    [job] = jobs(service)
    said = ["Error at line 2: dana@example.org is no address", "dana@example.org was refused"]
    service._keep(job | {"JobStatus": "COMPLETED", "TotalProcessed": 0, "TotalFailures": 2, "Failures": said})
    with pytest.raises(ActivationError, match=r"2 refused \(line 2\)\. Nothing was committed") as bad:
        list(steps)
    assert "dana" not in str(bad.value)


def test_names_longer_than_pinpoint_allows_are_refused_early():
    with pytest.raises(ConfigError, match=r"segments\.a{45}: Pinpoint allows 50 characters") as bad:
        attribute_names("a" * 45, "pred_")
    assert "has 56: shorten" in str(bad.value)
    assert max(map(len, attribute_names("a" * 39, "pred_").values())) == 50


def test_the_requests_are_what_botocore_takes():
    body = request("s3://bucket/prefix/", "arn:aws:iam::111122223333:role/PinpointSegmentImport")
    assert not validated("CreateImportJob", "ImportJobRequest", body).has_errors()
    assert not validated("CreateSegment", "WriteSegmentRequest", segment_definition("win_back", ATTRIBUTE)).has_errors()


def test_the_request_has_the_shape_of_the_example(example_files):
    example = json.loads((example_files / "req_pinpoint_create_import_job.json").read_text())["ImportJobRequest"]
    ours = request("s3://bucket/prefix/", "role")
    assert set(example) - set(ours) == {"SegmentId"}  # we define no segment: it would hold the tombstones too
    assert set(ours) <= set(example)


def test_the_job_record_has_the_shape_of_import_job_response(known, service):
    members(known, {"anna": 0.9})
    told(known, service)
    (job,) = jobs(service)
    shape = get_session().get_service_model("pinpoint").shape_for("ImportJobResponse")
    assert set(job) <= set(shape.members)
    assert set(shape.required_members) <= set(job)
    assert job["JobStatus"] in shape.members["JobStatus"].enum
    assert (job["TotalProcessed"], job["TotalFailures"], job["FailedPieces"]) == (1, 0, 0)
    assert job["Definition"]["S3Url"].endswith("/")


def test_each_activation_has_a_folder_of_its_own(known, service):
    for scores in ({"anna": 0.9}, {"anna": 0.8}):
        members(known, scores)
        told(known, service)
    assert len({job["Definition"]["S3Url"] for job in jobs(service)}) == 2
    assert all(job["TotalProcessed"] == 1 for job in jobs(service))


def test_addresses_of_who_leaves_do_not_go_out_again(known, service):
    members(known, {"anna": 0.9, "bo": 0.8})
    told(known, service)
    members(known, {"bo": 0.8})
    told(known, service)
    last = max(service.store.list("imports/"), key=lambda f: f.key)
    content = service.store.read(last.key).decode()
    assert "ep-anna-email,,,anna,out,out,0" in content.splitlines()
    assert "anna@" not in content
