"""Pinpoint's adapters: one contract over both; and what AWS may do to ours."""

from contextlib import suppress

import pytest

from segment_assets import aws as accounts
from segment_assets.activation import aws
from segment_assets.activation.activate import stages
from segment_assets.activation.aws import AwsPinpoint
from segment_assets.activation.embedded import FolderPinpoint
from segment_assets.activation.pinpoint import request
from segment_assets.activation.port import ActivationError
from segment_assets.activation.recipients import wanted
from segment_assets.activation.tables import ACTIVATION_LEDGER, active_members
from segment_assets.aws import AwsRefusedError, once
from segment_assets_tests.activation.world import APP, ATTRIBUTE, jobs, members, order, pinpoint_import, told
from segment_assets_tests.aws_double.front import Fault
from segment_assets_tests.aws_double.pinpoint import Pinpoint
from segment_assets_tests.aws_double.services import the
from segment_assets_tests.aws_double.world import settings, world

STEPS = ("plan", "begin", "submit", "poll", "verify", "commit")


@pytest.fixture
def double(monkeypatch):
    monkeypatch.setattr(accounts, "FIRST_PAUSE", 0.001)
    with world(monkeypatch) as (front, where):
        the(front, Pinpoint).know(APP)
        yield front, where


@pytest.fixture
def on_aws(double, tmp_path) -> AwsPinpoint:
    return aws.pinpoint(settings(double[1], tmp_path))


@pytest.fixture(params=["folder", "aws"])
def either(request, tmp_path):
    if request.param == "folder":
        return FolderPinpoint(tmp_path / "home" / "exports" / "pinpoint")
    return request.getfixturevalue("on_aws")


def fails(front, operation, **more):
    front.faults.append(Fault(f"pinpoint.{operation}", **more))


def endpoints(front):
    """Endpoint -> score of all that are in."""
    held = the(front, Pinpoint).endpoints[APP].items()
    return {e: row[f"Metrics.{ATTRIBUTE}_score"] for e, row in held if row[f"Attributes.{ATTRIBUTE}"] == "in"}


def test_a_job_is_created_found_again_and_ends(either):
    either.put("seg/1/endpoints.csv", b"Id,Metrics.s\n1,2\n2,high\n")
    made = either.create_import_job(APP, request(either.url("seg/1/"), either.role_arn))
    assert made["JobStatus"] == "CREATED"
    assert [job["Id"] for job in either.list_import_jobs(APP)] == [made["Id"]]
    while (job := either.get_import_job(APP, made["Id"]))["JobStatus"] not in ("COMPLETED", "FAILED"):
        pass
    assert (job["JobStatus"], job["TotalProcessed"], job["TotalFailures"]) == ("COMPLETED", 1, 1)
    assert job["Failures"] == ["line 3: Metrics.s is not a number"]


def test_a_file_that_cannot_be_read_fails_the_job(either):
    either.put("seg/1/endpoints.csv", b"Nothing\n")
    job = either.create_import_job(APP, request(either.url("seg/1/"), either.role_arn))
    while job["JobStatus"] not in ("COMPLETED", "FAILED"):
        job = either.get_import_job(APP, job["Id"])
    assert (job["JobStatus"], job["FailedPieces"]) == ("FAILED", 1)


def test_the_same_content_is_sent_once_and_a_leaver_leaves(known, either):
    for scores in ({"anna": 0.9, "bo": 0.8}, {"anna": 0.9, "bo": 0.8}, {"bo": 0.8}):
        members(known, scores)
        outcome = told(known, either)
    assert len(jobs(either)) == 2
    assert (outcome.plan.left, outcome.status.state, outcome.status.processed) == (1, "SUCCEEDED", 2)


@pytest.mark.parametrize("step", STEPS)
def test_a_kill_between_any_two_stages_makes_no_second_job(known, either, step):
    members(known, {"anna": 0.9})
    for done in stages(known, pinpoint_import(either), order(), wanted(known, "win_back", "endpoints"), "run"):
        if done == step:
            break
    told(known, either)
    assert len(jobs(either)) == known.state(ACTIVATION_LEDGER).rows == 1


def test_endpoints_at_aws_say_who_is_in(known, on_aws, double):
    for scores in ({"anna": 0.9, "bo": 0.8}, {"bo": 0.7, "cleo": 0.6}):
        members(known, scores)
        told(known, on_aws)
    assert endpoints(double[0]) == {"ep-bo-email": "0.7000", "ep-cleo-email": "0.6000"}


@pytest.mark.parametrize(
    "fault",
    [
        {"error": "TooManyRequestsException", "status": 429, "times": 2},
        {"error": "InternalServerErrorException", "status": 500, "times": 2},
        {"error": "InternalServerErrorException", "status": 500, "after": True},
    ],
)
def test_throttling_faults_and_lost_answers_make_one_job(known, on_aws, double, fault):
    fails(double[0], "CreateImportJob", **fault)
    fails(double[0], "GetImportJob", status=500, error="InternalServerErrorException")
    members(known, {"anna": 0.9})
    told(known, on_aws)
    assert len(jobs(on_aws)) == known.state(ACTIVATION_LEDGER).rows == 1


def test_a_fault_that_stays_ends_in_one_sentence_and_the_next_run_completes(known, on_aws, double):
    fails(double[0], "CreateImportJob", error="InternalServerErrorException", status=500, times=accounts.ATTEMPTS)
    members(known, {"anna": 0.9})
    with pytest.raises(AwsRefusedError, match=r"mobiletargeting:CreateImportJob .* failed: InternalServerError"):
        told(known, on_aws)
    told(known, on_aws)
    assert len(jobs(on_aws)) == known.state(ACTIVATION_LEDGER).rows == 1


def test_a_failed_job_commits_nothing_and_is_made_anew(known, on_aws):
    members(known, {"anna": 0.9})
    running = stages(known, pinpoint_import(on_aws), order(), wanted(known, "win_back", "endpoints"), "run")
    while next(running) != "submit":
        pass
    (file,) = on_aws.store.list("pinpoint/imports/win_back/")
    on_aws.store.write(file.key, b"Nothing\n")
    with pytest.raises(ActivationError, match="ended FAILED"):
        list(running)
    assert not known.state(ACTIVATION_LEDGER).rows
    told(known, on_aws)
    assert [job["JobStatus"] for job in on_aws.list_import_jobs(APP)] == ["FAILED", "COMPLETED"]


@pytest.mark.parametrize(
    ("error", "status", "says"),
    [
        ("ExpiredTokenException", 403, "the credentials have expired; sign in again"),
        ("AccessDeniedException", 403, "mobiletargeting:CreateImportJob on .* was denied: the role .* needs that"),
        ("ForbiddenException", 403, "mobiletargeting:CreateImportJob on .* was denied.*customer_profiles_import"),
        ("BadRequestException", 400, "mobiletargeting:CreateImportJob on .* failed: BadRequestException"),
    ],
)
def test_what_aws_refuses_is_one_sentence(known, on_aws, double, error, status, says):
    fails(double[0], "CreateImportJob", error=error, status=status)
    members(known, {"anna": 0.9})
    with pytest.raises(AwsRefusedError, match=says):
        told(known, on_aws)
    assert [call.operation for call in double[0].calls].count("CreateImportJob") == 1


def nothing_was_written(lake):
    return not lake.state(ACTIVATION_LEDGER).rows and not lake.state(active_members("pinpoint", "win_back")).rows


def test_the_live_endpoint_is_refused_before_anything_is_written(known, monkeypatch, tmp_path, double):
    monkeypatch.delenv("AWS_ENDPOINT_URL")
    live = aws.pinpoint(settings(double[1], tmp_path))
    members(known, {"anna": 0.9})
    asked = len(double[0].calls)
    with pytest.raises(ActivationError, match=r"ended on 2026-10-30.*customer_profiles_import.*file_handoff"):
        told(known, live)
    assert nothing_was_written(known)
    assert len(double[0].calls) == asked


def test_a_service_that_has_ended_elsewhere_is_refused_before_anything_is_written(known, on_aws, double):
    the(double[0], Pinpoint).ended = True
    members(known, {"anna": 0.9})
    with pytest.raises(AwsRefusedError, match="ended on 2026-10-30"):
        told(known, on_aws)
    assert nothing_was_written(known)


def test_an_application_or_a_role_that_is_not_there_is_said_before_anything_is_written(known, on_aws, double, tmp_path):
    the(double[0], Pinpoint).apps.clear()
    members(known, {"anna": 0.9})
    with pytest.raises(ActivationError, match=f"Pinpoint has no application {APP}"):
        told(known, on_aws)
    roleless = double[1].model_copy(update={"pinpoint_role_arn": None})
    with pytest.raises(ActivationError, match=r"aws\.pinpoint_role_arn is missing"):
        told(known, aws.pinpoint(settings(roleless, tmp_path)))
    assert nothing_was_written(known)


def test_jobs_of_all_pages_are_found(on_aws, monkeypatch):
    monkeypatch.setattr(aws, "PAGE", "2")
    made = [on_aws.create_import_job(APP, request(on_aws.url(f"seg/{n}/"), on_aws.role_arn))["Id"] for n in range(5)]
    assert [job["Id"] for job in on_aws.list_import_jobs(APP)] == made


def test_what_was_never_lost_is_not_looked_for():
    def unexpected():
        raise AssertionError

    assert once(lambda: "made", unexpected) == "made"
    with suppress(ValueError):
        once(lambda: int("x"), unexpected)
