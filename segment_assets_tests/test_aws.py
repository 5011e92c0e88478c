"""How AWS is reached: what the environment lacks, what breaks on the way, and what each of it says."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from boto3.exceptions import RetriesExceededError
from click.testing import CliRunner

from segment_assets import aws, cli
from segment_assets.aws import AwsRefusedError, body, client, telling
from segment_assets.lake.aws import Bucket
from segment_assets.lake.aws_files import BucketFiles
from segment_assets_tests.aws_double.front import AwsDouble, Fault
from segment_assets_tests.aws_double.world import PLACES, world

BROKEN = {"operation": "s3.GetObject", "half": True}
NAME = PLACES.exports_bucket


@pytest.fixture(scope="module")
def shared() -> Iterator[AwsDouble]:
    with pytest.MonkeyPatch.context() as patch, world(patch) as (double, _):
        Bucket(NAME).write("a", b"0123456789" * 1000)
        yield double


@pytest.fixture
def double(shared: AwsDouble, monkeypatch: pytest.MonkeyPatch) -> AwsDouble:
    monkeypatch.setattr(aws, "FIRST_PAUSE", 0.001)
    shared.faults.clear()
    return shared


def test_an_answer_that_breaks_off_is_asked_for_again(double: AwsDouble) -> None:
    double.faults.append(Fault(**BROKEN, times=2))  # type: ignore[arg-type]
    assert Bucket(NAME).read("a") == b"0123456789" * 1000
    double.faults.append(Fault(**BROKEN))  # type: ignore[arg-type]
    assert BucketFiles(client("s3")).new_input(f"s3://{NAME}/a").open().read() == b"0123456789" * 1000
    assert sum(fault.times for fault in double.faults) == 0


def test_one_that_always_breaks_off_is_one_sentence(double: AwsDouble) -> None:
    double.faults.append(Fault(**BROKEN, times=100))  # type: ignore[arg-type]
    with pytest.raises(AwsRefusedError, match=f"s3:GetObject on s3://{NAME}/a failed: ResponseStreamingError"):
        Bucket(NAME).read("a")
    with pytest.raises(aws.BotoCoreError):
        body(client("s3"), NAME, "a")


def test_what_boto3_gives_up_itself_is_one_sentence() -> None:
    with (
        pytest.raises(AwsRefusedError, match="s3:GetObject on a failed: RetriesExceededError"),
        telling("s3:GetObject on a"),
    ):
        raise RetriesExceededError(OSError())


def test_a_head_that_expired_credentials_made_says_what_may_be_the_cause(double: AwsDouble) -> None:
    double.faults.append(Fault("s3.HeadObject", "ExpiredToken", 400, times=9))
    with pytest.raises(AwsRefusedError, match="without a reason, as credentials that have expired are: sign in again"):
        BucketFiles(client("s3")).new_input(f"s3://{NAME}/a").exists()


@pytest.mark.parametrize(
    ("unset", "sets", "sentence"),
    [
        (("AWS_REGION", "AWS_DEFAULT_REGION"), {}, "no region of AWS is named; set AWS_REGION"),
        ((), {"AWS_PROFILE": "nobody"}, "profile (nobody) could not be found; set AWS_PROFILE to one"),
    ],
)
def test_what_the_environment_lacks_is_one_sentence_and_no_stack(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, unset: tuple[str, ...], sets: dict[str, str], sentence: str
) -> None:
    for name in ("AWS_ENDPOINT_URL", "AWS_PROFILE", *unset):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("SEGMENT_ASSETS_HOME", str(tmp_path))
    for name, value in sets.items():
        monkeypatch.setenv(name, value)
    aws.forget()
    done = CliRunner().invoke(cli.main, ["aws", "plan"])
    aws.forget()
    assert done.exit_code == 1
    assert sentence in done.output
    assert "Traceback" not in done.output
