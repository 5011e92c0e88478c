"""The folder that stands in for Pinpoint: it refuses what Pinpoint refuses, and forgets nothing."""

import pytest

from segment_assets.activation.embedded import BadRequestError
from segment_assets.activation.pinpoint import request
from segment_assets_tests.activation.world import APP


def run(service, content, prefix="seg/1/"):
    service.put(f"{prefix}endpoints.csv", content)
    job = service.create_import_job(APP, request(service.url(prefix), service.role_arn))
    states = [job["JobStatus"]]
    while job["JobStatus"] not in ("COMPLETED", "FAILED"):
        job = service.get_import_job(APP, job["Id"])
        states.append(job["JobStatus"])
    return job, states


def test_a_job_goes_from_created_to_completed(service):
    job, states = run(service, b"Id,Metrics.s\n1,2\n2,3\n")
    assert states == ["CREATED", "PROCESSING", "COMPLETED"]
    assert (job["TotalProcessed"], job["TotalFailures"], job["CompletedPieces"], job["TotalPieces"]) == (2, 0, 1, 1)
    assert service.get_import_job(APP, job["Id"]) == job


def test_refused_rows_are_counted_and_the_job_still_completes(service):
    job, _ = run(service, b"Id,Metrics.s\n1,2\n2,high\n")
    assert job["JobStatus"] == "COMPLETED"
    assert (job["TotalProcessed"], job["TotalFailures"]) == (1, 1)
    assert job["Failures"] == ["line 3: Metrics.s is not a number"]


def test_at_most_a_hundred_failures_are_listed(service):
    job, _ = run(service, b"Id,Metrics.s\n" + b"1,high\n" * 150)
    assert (job["TotalFailures"], len(job["Failures"])) == (150, 100)


def test_a_file_that_cannot_be_read_fails_the_job(service):
    job, _ = run(service, b"Nothing\n")
    assert (job["JobStatus"], job["FailedPieces"]) == ("FAILED", 1)


def test_everything_below_the_prefix_is_imported(service):
    # What Pinpoint does: which is why every activation has a folder of its own.
    service.put("seg/1/below/left_over.csv", b"Id\n1\n")
    job, _ = run(service, b"Id\n2\n")
    assert (job["TotalPieces"], job["TotalProcessed"]) == (2, 2)


@pytest.mark.parametrize("url", ["s3://simulated-pinpoint/seg/1", "s3://elsewhere/seg/1/"])
def test_a_location_that_is_no_folder_of_the_bucket_is_refused(service, url):
    with pytest.raises(BadRequestError, match="end in /"):
        service.create_import_job(APP, request(url, service.role_arn))


def test_two_calls_make_two_jobs(service):
    # There is no client token: looking the job up first is the caller's part.
    assert run(service, b"Id\n1\n")[0]["Id"] != run(service, b"Id\n1\n")[0]["Id"]
