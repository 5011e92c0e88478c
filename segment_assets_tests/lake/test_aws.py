"""The lake on AWS: what faults of Glue and S3 leave behind, credentials that end, files that nobody needs."""

import os
import time
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from moto.glue.models import glue_backends
from moto.s3.models import s3_backends

from segment_assets import aws as accounts
from segment_assets.aws import AwsRefusedError
from segment_assets.aws_config import Aws
from segment_assets.lake import Lake, Table, column
from segment_assets.lake.aws_copies import Copies
from segment_assets.lake.aws_files import AT_ONCE, BucketFiles
from segment_assets.lake.garbage import collect
from segment_assets_tests.aws_double.front import OURS, PARTNER, REGION, AwsDouble, Fault
from segment_assets_tests.aws_double.tokens import sessions_end
from segment_assets_tests.aws_double.world import lake, world

SCHEMA = pa.schema([column("who", pa.string(), "Who", required=True)])
PEOPLE = Table("raw.people", "People.", SCHEMA, key=("who",))
THEIRS = Table("partner.people", "The partner's people.", SCHEMA, key=("who",))
LATER = datetime.now(UTC) + timedelta(days=30)
LOST = {"status": 500, "error": "InternalServiceException", "after": True}
BUSY = {"status": 500, "error": "InternalServiceException"}
SLOW = {"status": 503, "error": "SlowDown"}


@pytest.fixture(scope="module")
def both() -> Iterator[tuple[AwsDouble, Aws]]:
    with pytest.MonkeyPatch.context() as patch, world(patch) as made:
        yield made


@pytest.fixture
def double(both: tuple[AwsDouble, Aws]) -> tuple[AwsDouble, Aws]:
    """With nothing in it: to start one takes longer than a test."""
    both[0].faults.clear()
    both[0].gate = None
    for account in (OURS, PARTNER):
        glue_backends[account][REGION].databases.clear()
        for bucket in s3_backends[account]["aws"].buckets.values():
            bucket.keys.clear()
    return both


@pytest.fixture
def tables(double: tuple[AwsDouble, Aws], tmp_path: Path) -> Lake:
    return lake(double[1], tmp_path)


def put(to: Lake, table: Table, *who: str) -> None:
    to.write(table, pa.table({"who": list(who)}), "run")


def held(in_: Lake, table: Table = PEOPLE) -> list[str]:
    return in_.read(table)["who"].to_pylist()


@pytest.mark.parametrize(
    ("operation", "fault"),
    [
        ("glue.GetTable", {"error": "ThrottlingException"}),
        ("glue.GetTable", BUSY),
        ("glue.CreateDatabase", LOST),
        ("glue.CreateTable", {"error": "ThrottlingException"}),
        ("glue.CreateTable", LOST),
        ("glue.UpdateTable", {"error": "ThrottlingException"}),
        ("glue.UpdateTable", BUSY),
        ("glue.UpdateTable", LOST),
        ("s3.PutObject", SLOW),
        ("s3.PutObject", LOST),
        ("s3.GetObject", SLOW),
    ],
    ids=lambda value: value if isinstance(value, str) else f"{value['error']}{' lost' * value.get('after', False)}",
)
def test_what_passes_leaves_every_row_once(
    double: tuple[AwsDouble, Aws], tables: Lake, operation: str, fault: dict[str, object]
) -> None:
    told = Fault(operation, **fault)  # type: ignore[arg-type]
    double[0].faults.append(told)
    put(tables, PEOPLE, "ann", "bob")
    put(tables, PEOPLE, "ann", "bob", "cat")
    assert told.times == 0, "the fault was met"
    assert held(tables) == ["ann", "bob", "cat"]
    assert tables.state(PEOPLE).rows == 3


@pytest.mark.parametrize(
    ("operation", "error", "said"),
    [
        ("glue.GetTable", "AccessDeniedException", "glue:GetTable on dev_raw.people was denied"),
        ("glue.UpdateTable", "AccessDeniedException", "glue:UpdateTable on dev_raw.people was denied"),
        ("glue.UpdateTable", "ExpiredTokenException", "the credentials have expired; sign in again"),
        ("s3.PutObject", "AccessDenied", "s3:PutObject on s3://our-lake/dev/lake/dev_raw.db/people/"),
        ("s3.GetObject", "AccessDenied", "s3:GetObject on s3://our-lake/dev/lake/dev_raw.db/people/"),
        ("s3.PutObject", "ExpiredToken", "the credentials have expired; sign in again"),
    ],
)
def test_what_does_not_pass_is_one_sentence_and_the_next_run_completes(
    double: tuple[AwsDouble, Aws], tables: Lake, operation: str, error: str, said: str
) -> None:
    put(tables, PEOPLE, "ann")
    double[0].faults.append(Fault(operation, error, status=403))
    with pytest.raises(AwsRefusedError, match=said) as refused:
        put(tables, PEOPLE, "ann", "bob")
    assert "\n" not in str(refused.value)
    assert held(tables) == ["ann"]
    put(tables, PEOPLE, "ann", "bob")
    assert (held(tables), tables.state(PEOPLE).rows) == (["ann", "bob"], 2)


def test_a_large_file_goes_in_parts_and_is_there_though_the_last_answer_was_lost(
    double: tuple[AwsDouble, Aws],
) -> None:
    double[0].faults.append(Fault("s3.CompleteMultipartUpload", **LOST))  # type: ignore[arg-type]
    files, content = BucketFiles(accounts.client("s3")), os.urandom(1024) * (AT_ONCE // 1024 + 1)
    with files.new_output(f"s3://{double[1].lake_bucket}/large #1").create() as stream:
        stream.write(content)
    assert files.new_input(f"s3://{double[1].lake_bucket}/large #1").open().read() == content
    assert double[0].faults[0].times == 0


def test_a_file_that_was_not_written_to_its_end_is_not_there(double: tuple[AwsDouble, Aws]) -> None:
    file = BucketFiles(accounts.client("s3")).new_output(f"s3://{double[1].lake_bucket}/half")
    with suppress(InterruptedError), file.create() as stream:
        stream.write(b"half of it")
        raise InterruptedError
    assert not file.exists()


def test_a_database_that_is_there_is_asked_for_twice_at_most_and_not_made(
    double: tuple[AwsDouble, Aws], tables: Lake
) -> None:
    accounts.client("glue").create_database(DatabaseInput={"Name": "dev_raw"})
    before = len(double[0].calls)
    for names in (["ann"], ["bob"], ["cat"]):
        put(tables, PEOPLE, *names)
    called = [call.operation for call in double[0].calls[before:]]
    assert (called.count("GetDatabase"), called.count("CreateDatabase"), called.count("CreateTable")) == (2, 0, 1)
    assert [call for call in double[0].calls[before:] if call.operation == "CreateTable" and call.status != 200] == []


def test_glue_shows_what_a_table_and_each_of_its_columns_mean(double: tuple[AwsDouble, Aws], tables: Lake) -> None:
    put(tables, PEOPLE, "ann")
    wider = PEOPLE.with_columns(column("city", pa.string(), "Where they live"))
    tables.write(wider, pa.table({"who": ["ann"], "city": ["x"]}), "run", as_of=LATER.date())
    shown = accounts.client("glue").get_table(DatabaseName="dev_raw", Name="people")["Table"]
    assert [(c["Name"], c["Type"], c["Comment"]) for c in shown["StorageDescriptor"]["Columns"]] == [
        ("who", "string", "Who"),
        ("city", "string", "Where they live"),
    ]
    said = shown["Parameters"]
    assert (shown["Description"], said["comment"], said["table_type"]) == ("People.", "People.", "ICEBERG")
    assert said["as-of"] == str(LATER.date())
    assert said["content.all"] == tables.state(wider).versions["all"]


def test_sessions_end_and_the_run_goes_on(double: tuple[AwsDouble, Aws], tables: Lake) -> None:
    aws, where = double
    accounts.forget()
    with sessions_end(seconds=2) as ending:
        aws.gate = ending
        put(tables, THEIRS, "ann")
        first = accounts.session(where.partner.role_arn, where.partner.external_id).get_credentials().access_key
        _with_the_key_of(first, aws).list_buckets()
        time.sleep(2.5)
        put(tables, THEIRS, "ann", "bob")
        assert held(tables, THEIRS) == ["ann", "bob"]
        now = accounts.session(where.partner.role_arn, where.partner.external_id).get_credentials().access_key
        assert now != first
        assert ending.refused == 0, "credentials were renewed before they ended"
        with pytest.raises(accounts.ClientError, match="expired"):
            _with_the_key_of(first, aws).list_buckets()


def _with_the_key_of(key: str, aws: AwsDouble) -> Any:
    return accounts.boto3.client("s3", aws_access_key_id=key, aws_secret_access_key="s", endpoint_url=aws.endpoint)  # noqa: S106


@pytest.mark.parametrize("table", [PEOPLE, THEIRS], ids=["ours", "the partner's"])
def test_files_that_nobody_needs_are_removed_from_the_bucket(tables: Lake, table: Table) -> None:
    for name in "abc":
        put(tables, table, name)
    place = tables.catalog.load_table(table.name).location()
    assert collect(tables)[0].files == 0, "within a day of its writing a file stays"
    would = collect(tables, now=LATER, dry_run=True)
    before = {file.name for file in tables.files.below(place)}
    [removed] = collect(tables, now=LATER)
    assert removed == would[0]
    assert removed.files == len(before - {file.name for file in tables.files.below(place)}) >= 2
    assert held(tables, table) == ["c"]
    assert collect(tables, now=LATER)[0].files == 0


def test_of_a_removal_that_s3_refuses_nothing_is_lost(double: tuple[AwsDouble, Aws], tables: Lake) -> None:
    for name in "abc":
        put(tables, PEOPLE, name)
    double[0].faults.append(Fault("s3.DeleteObjects", "AccessDenied", status=403))
    with pytest.raises(AwsRefusedError, match="s3:DeleteObject on s3://our-lake/dev/lake/"):
        collect(tables, now=LATER)
    assert held(tables) == ["c"]
    assert collect(tables, now=LATER)[0].files >= 2


def test_copies_that_nobody_used_for_a_week_go(tmp_path: Path) -> None:
    class Source:
        def download_file(self, _bucket: str, key: str, to: str) -> None:
            Path(to).write_text(key)

    week = 8 * 24 * 3600
    [old, used] = Copies(tmp_path, lambda _: Source())(["s3://b/old", "s3://b/used"])
    for path in (old, used):
        os.utime(path, (time.time() - week, time.time() - week))
    os.utime(used)
    again = Copies(tmp_path, lambda _: Source())
    again(["s3://b/used"])
    assert [str(path) for path in tmp_path.iterdir()] == [used]


def test_a_download_that_ends_while_copies_are_swept_is_no_fault(tmp_path: Path) -> None:
    """It is written beside and then renamed: between a listing and a look at each file that name is gone."""
    left, half = tmp_path / "left.parquet", tmp_path / "x.abcd1234"
    for path in (left, half):
        path.touch()

    class Folder(type(tmp_path)):  # type: ignore[misc]
        def iterdir(self) -> Iterator[Path]:
            found = list(super().iterdir())
            half.rename(tmp_path / "x.parquet")
            return iter(found)

    copies = Copies(Folder(tmp_path), lambda _: None)
    assert copies.sweep(time.time() + 60) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["x.parquet"]
