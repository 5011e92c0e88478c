"""What AWS may do to an upload: throttle, fail, lose an answer, refuse; none of it doubles or loses anything."""

import base64

import pytest

from segment_assets import aws as accounts
from segment_assets.activation.activate import stages
from segment_assets.activation.customer_profiles import aws
from segment_assets.activation.customer_profiles.destination import CustomerProfilesImport
from segment_assets.activation.port import ActivationError
from segment_assets.activation.recipients import wanted
from segment_assets.activation.tables import ACTIVATION_LEDGER, active_members
from segment_assets.aws import AwsRefusedError
from segment_assets_tests.activation.profiles_world import DOMAIN, profiles, to, told
from segment_assets_tests.activation.profiles_world import members as who_is_in
from segment_assets_tests.activation.world import PEOPLE, members, order
from segment_assets_tests.aws_double.customer_profiles import CustomerProfiles
from segment_assets_tests.aws_double.front import Fault
from segment_assets_tests.aws_double.services import the
from segment_assets_tests.aws_double.world import settings, world


@pytest.fixture
def double(monkeypatch):
    monkeypatch.setattr(accounts, "FIRST_PAUSE", 0.001)
    with world(monkeypatch) as (front, where):
        the(front, CustomerProfiles).know(DOMAIN, *PEOPLE)
        yield front, where


@pytest.fixture
def service(double, tmp_path):
    return aws.customer_profiles(settings(double[1], tmp_path))


@pytest.fixture
def domain(double):
    return the(double[0], CustomerProfiles)


def fails(double, operation, **more):
    double[0].faults.append(Fault(f"customer-profiles.{operation}", **more))


def jobs(service):
    return service.list_upload_jobs(DOMAIN)


def nothing_was_written(lake):
    return not lake.state(ACTIVATION_LEDGER).rows and not lake.state(active_members("profiles", "win_back")).rows


THROTTLED = {"error": "ThrottlingException", "status": 429}
BROKEN = {"error": "InternalServerException", "status": 500}
LOST = BROKEN | {"after": True}


@pytest.mark.parametrize(
    ("operation", "fault"),
    [
        *(("CreateUploadJob", fault) for fault in (THROTTLED | {"times": 2}, BROKEN | {"times": 2}, LOST)),
        *(("StartUploadJob", fault) for fault in (THROTTLED, BROKEN, LOST)),
        ("CreateSegmentDefinition", LOST),
        ("CreateSegmentSnapshot", LOST),
        ("GetUploadJob", BROKEN),
    ],
)
def test_throttling_faults_and_lost_answers_make_one_job(known, service, double, operation, fault):
    fails(double, operation, **fault)
    members(known, {"anna": 0.9})
    told(known, service)
    assert len(jobs(service)) == known.state(ACTIVATION_LEDGER).rows == 1
    assert who_is_in(profiles(service, double[0])) == {"anna": "0.9000"}
    assert len(the(double[0], CustomerProfiles).domains[DOMAIN]["segments"]) == 1


def test_a_fault_that_stays_ends_in_one_sentence_and_the_next_run_completes(known, service, double):
    fails(double, "CreateUploadJob", **BROKEN, times=accounts.ATTEMPTS)
    members(known, {"anna": 0.9})
    with pytest.raises(AwsRefusedError, match="profile:CreateUploadJob on customers failed: InternalServerException"):
        told(known, service)
    told(known, service)
    assert len(jobs(service)) == known.state(ACTIVATION_LEDGER).rows == 1


@pytest.mark.parametrize(
    ("operation", "error", "says"),
    [
        ("CreateUploadJob", "ExpiredTokenException", "the credentials have expired; sign in again"),
        ("CreateUploadJob", "AccessDeniedException", "profile:CreateUploadJob on customers was denied: the role"),
        ("StartUploadJob", "AccessDeniedException", "profile:StartUploadJob on customers was denied: the role"),
        ("CreateSegmentSnapshot", "AccessDeniedException", "profile:CreateSegmentSnapshot on customers was denied"),
        ("CreateUploadJob", "BadRequestException", "profile:CreateUploadJob on customers failed: BadRequestException"),
    ],
)
def test_what_aws_refuses_is_one_sentence_and_the_next_run_completes(known, service, double, operation, error, says):
    fails(double, operation, error=error, status=403 if error != "BadRequestException" else 400)
    members(known, {"anna": 0.9})
    with pytest.raises(AwsRefusedError, match=says):
        told(known, service)
    assert [call.operation for call in double[0].calls].count(operation) == 1
    told(known, service)
    assert len(jobs(service)) == known.state(ACTIVATION_LEDGER).rows == 1


def test_a_job_that_failed_at_aws_is_made_anew(known, service, domain):
    domain.fails = 1
    members(known, {"anna": 0.9})
    with pytest.raises(ActivationError, match=r"ended FAILED: .*INTERNAL_FAILURE"):
        told(known, service)
    told(known, service)
    assert [job["Status"] for job in jobs(service)] == ["FAILED", "SUCCEEDED"]


def test_rows_that_aws_refuses_are_counted_and_named_by_line(known, service, domain):
    domain.refuses = {"bo"}
    members(known, {"anna": 0.9, "bo": 0.8})
    with pytest.raises(ActivationError, match=r"PARTIAL: 1 of 2 rows taken, 1 refused; .*\(lines 3 of part-000\.csv\)"):
        told(known, service)
    domain.refuses = set()
    told(known, service)
    assert [job["Status"] for job in jobs(service)] == ["PARTIALLY_SUCCEEDED", "SUCCEEDED"]


def test_a_leaver_who_is_refused_is_never_within_the_tolerance(known, service, domain, monkeypatch):
    monkeypatch.setattr("segment_assets.activation.customer_profiles.destination.TOLERANCE", 1.0)
    monkeypatch.setattr("segment_assets.activation.customer_profiles.destination.DIFFERENCE", 1.0)
    monkeypatch.setattr(service, "settles_within", 0.1)
    members(known, {"anna": 0.9, "bo": 0.8})
    told(known, service)
    members(known, {"anna": 0.9})
    domain.refuses = {"bo"}
    with pytest.raises(ActivationError, match=r"holds 1 who left and 0 others \(lines 3 of part-000\.csv\)"):
        told(known, service)


def test_a_segment_that_shows_its_members_late_is_asked_again(known, service, domain):
    domain.lag = 2
    members(known, {"anna": 0.9})
    assert told(known, service).status.state == "SUCCEEDED"
    assert len(domain.domains[DOMAIN]["snapshots"]) == 3


def test_a_segment_that_never_shows_them_is_not_committed_and_the_upload_is_not_repeated(
    known, service, domain, monkeypatch
):
    members(known, {"anna": 0.9})
    with monkeypatch.context() as impatient:
        impatient.setattr(service, "settles_within", 0.0)
        domain.lag = 1
        with pytest.raises(ActivationError, match=r"lacks 1 of 1 members.*Nothing was committed"):
            told(known, service)
    told(known, service)
    assert len(jobs(service)) == known.state(ACTIVATION_LEDGER).rows == 1


def test_a_job_that_somebody_stopped_is_made_anew(known, service, domain):
    members(known, {"anna": 0.9})
    job = CustomerProfilesImport(service, to(), "win_back")
    running = stages(known, job, order("profiles"), wanted(known, "win_back", "members"), "run", 60)
    while next(running) != "submit":
        pass
    (there,) = domain.domains[DOMAIN]["jobs"].values()
    there["Status"] = "STOPPED"
    with pytest.raises(ActivationError, match="ended FAILED"):
        list(running)
    told(known, service)
    assert [found["Status"] for found in jobs(service)] == ["STOPPED", "SUCCEEDED"]


def test_a_job_that_takes_too_long_is_found_again(known, service, double):
    members(known, {"anna": 0.9})
    job = CustomerProfilesImport(service, to(), "win_back")
    asked = job.renewed(order("profiles", wording=job.wording))
    with pytest.raises(ActivationError, match="is still RUNNING after 0 seconds; it was not cancelled"):
        list(stages(known, job, asked, wanted(known, "win_back", "members"), "run", 0))
    told(known, service)
    assert len(jobs(service)) == known.state(ACTIVATION_LEDGER).rows == 1


def test_a_domain_or_a_role_that_is_not_there_is_said_before_anything_is_written(known, service, double, tmp_path):
    members(known, {"anna": 0.9})
    with pytest.raises(ActivationError, match="Customer Profiles has no domain elsewhere in this account and region"):
        told(known, service, settings={"domain": "elsewhere"})
    roleless = double[1].model_copy(update={"customer_profiles_role_arn": None})
    with pytest.raises(ActivationError, match=r"aws\.customer_profiles_role_arn is missing"):
        told(known, aws.customer_profiles(settings(roleless, tmp_path)))
    assert nothing_was_written(known)


def test_a_signed_path_that_is_no_longer_valid_is_asked_for_again(known, service, monkeypatch):
    answers = iter([403, 599])
    real = aws._put
    monkeypatch.setattr(aws, "_put", lambda *arguments: next(answers, None) or real(*arguments))
    members(known, {"anna": 0.9})
    assert told(known, service).status.state == "SUCCEEDED"
    monkeypatch.setattr(aws, "_put", lambda *_: 403)
    members(known, {"bo": 0.9})
    with pytest.raises(AwsRefusedError, match="was not taken: its signed path answered 403"):
        told(known, service)


def test_the_file_is_put_under_the_key_that_the_service_gave():
    headers = aws.encryption_headers(base64.b64encode(bytes(32)).decode())
    assert headers == {
        "x-amz-server-side-encryption-customer-algorithm": "AES256",
        "x-amz-server-side-encryption-customer-key": "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
        "x-amz-server-side-encryption-customer-key-MD5": "cLyPS3KoaSFGi/joRB3OUQ==",
    }
    assert aws.encryption_headers(None) == {}
