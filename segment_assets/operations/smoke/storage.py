"""Buckets are closed, databases are there, and Glue keeps commits apart."""

import json
from collections.abc import Callable
from functools import partial
from typing import Any

import pyarrow as pa

from segment_assets.aws import AwsRefusedError, telling
from segment_assets.lake import Table, column
from segment_assets.lake.aws import lake as lake_on_aws
from segment_assets.operations.smoke.check import At, SmokeError, ended_as

NAMESPACES = ("raw", "first_party", "clean_room", "identity", "modelling", "segments", "activation")
_MEND = "deploy data.yaml again"
_LACKING = (
    "NoSuchBucketPolicy",
    "NoSuchPublicAccessBlockConfiguration",
    "ServerSideEncryptionConfigurationNotFoundError",
)
_BLOCKED = ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets")


def bucket(kind: str) -> Callable[[At], str]:
    """The check of one of our three buckets."""
    return partial(_closed, kind)


def _closed(kind: str, at: At) -> str:
    name: str = getattr(at.aws, f"{kind}_bucket")
    s3 = at.ours("s3")
    with telling(f"s3:ListBucket on s3://{name} (aws.{kind}_bucket)"):
        s3.head_bucket(Bucket=name)
    rules = _asked(name, "GetEncryptionConfiguration", s3.get_bucket_encryption, "encryption")
    first = rules["ServerSideEncryptionConfiguration"]["Rules"][0]["ApplyServerSideEncryptionByDefault"]
    block = _asked(name, "GetBucketPublicAccessBlock", s3.get_public_access_block, "block of public access")
    if open_ := [part for part in _BLOCKED if not block["PublicAccessBlockConfiguration"].get(part)]:
        raise SmokeError(f"s3://{name}: {', '.join(open_)} is off, so it can be opened to everybody; {_MEND}")
    policy = json.loads(_asked(name, "GetBucketPolicy", s3.get_bucket_policy, "policy")["Policy"])
    if not any(_refuses_plain_http(s) for s in policy["Statement"]):
        raise SmokeError(f"s3://{name}: its policy does not refuse requests without TLS; {_MEND}")
    return f"s3://{name} is closed, encrypted ({first['SSEAlgorithm']}) and asks for TLS"


def objects(at: At) -> str:
    """An object of ours is written, read and deleted."""
    s3, name, key = at.ours("s3"), at.aws.exports_bucket, f"{at.deployment}/smoke/{at.mark}"
    content = at.mark.encode()
    with telling(f"s3:PutObject on s3://{name}/{key}"):
        s3.put_object(Bucket=name, Key=key, Body=content)
    try:
        with telling(f"s3:GetObject on s3://{name}/{key}"):
            found = s3.get_object(Bucket=name, Key=key)["Body"].read()
    finally:
        with telling(f"s3:DeleteObject on s3://{name}/{key}"):
            s3.delete_object(Bucket=name, Key=key)
    if found != content:
        raise SmokeError(f"s3://{name}/{key} was read back as something else")
    return f"s3://{name}/{at.deployment}/smoke/ is written, read and cleared"


def databases(at: At) -> str:
    """Every database that tables go to is in the catalog of its account."""
    wanted = [(at.ours("glue"), f"{at.deployment}_{space}", "data.yaml") for space in NAMESPACES]
    if at.config.audience:
        wanted.append((at.partners("glue"), f"{at.deployment}_partner", "partner.yaml"))
    missing = [f"{name} (deploy {stack})" for glue, name, stack in wanted if not _is_there(glue, name)]
    if missing:
        raise SmokeError(f"Glue has no database {', '.join(missing)}")
    return f"{len(wanted)} databases are there"


def tables(at: At) -> str:
    """An Iceberg table of ours is made, committed to, read and dropped; a commit on an old version is refused."""
    probe = Table(
        f"raw.{at.mark}", "Made by a smoke test.", pa.schema([column("number", pa.int64(), "A number")]), ("number",)
    )
    database, glue = f"{at.deployment}_raw", at.ours("glue")
    lake = lake_on_aws(at.settings)
    try:
        lake.write(probe, pa.table({"number": [1]}), at.mark)
        old = glue.get_table(DatabaseName=database, Name=at.mark)["Table"]
        lake.write(probe, pa.table({"number": [1, 2]}), at.mark)
        if (rows := lake.read(probe).num_rows) != 2:
            raise SmokeError(f"{database}.{at.mark}: {rows} rows were read where 2 were written")
        _must_be_stale(glue, database, old)
    finally:
        _dropped(at, glue, database)
    return f"a table of {database} was made, committed to, read and dropped; a stale commit was refused"


def _must_be_stale(glue: Any, database: str, old: dict[str, Any]) -> None:
    """What two writers at once come to: the one who looked first comes last."""
    given = {part: old[part] for part in ("Name", "TableType", "Parameters", "StorageDescriptor") if part in old}
    try:
        with telling(f"glue:UpdateTable on {database}.{old['Name']}"):
            glue.update_table(DatabaseName=database, TableInput=given, VersionId=old["VersionId"])
    except AwsRefusedError as refused:
        if ended_as(refused, "ConcurrentModificationException"):
            return
        raise
    raise SmokeError(
        "Glue took a commit that was made on an old version of a table: two writers at once would lose rows, so let "
        "one run write at a time"
    )


def _dropped(at: At, glue: Any, database: str) -> None:
    where, s3 = f"{at.deployment}/lake/{database}.db/{at.mark}/", at.ours("s3")
    try:
        with telling(f"glue:DeleteTable on {database}.{at.mark}"):
            glue.delete_table(DatabaseName=database, Name=at.mark)
    except AwsRefusedError as refused:
        if ended_as(refused, "EntityNotFoundException"):
            return
        raise
    with telling(f"s3:DeleteObject on s3://{at.aws.lake_bucket}/{where}"):
        for page in s3.get_paginator("list_objects_v2").paginate(Bucket=at.aws.lake_bucket, Prefix=where):
            for one in page.get("Contents", ()):
                s3.delete_object(Bucket=at.aws.lake_bucket, Key=one["Key"])


def _asked(name: str, permission: str, call: Callable[..., Any], what: str) -> Any:
    try:
        with telling(f"s3:{permission} on s3://{name}"):
            return call(Bucket=name)
    except AwsRefusedError as refused:
        if ended_as(refused, *_LACKING):
            raise SmokeError(f"s3://{name} has no {what}; {_MEND}") from refused
        raise


def _is_there(glue: Any, name: str) -> bool:
    try:
        with telling(f"glue:GetDatabase on {name}"):
            glue.get_database(Name=name)
    except AwsRefusedError as refused:
        if ended_as(refused, "EntityNotFoundException"):
            return False
        raise
    return True


def _refuses_plain_http(statement: dict[str, Any]) -> bool:
    asked = statement.get("Condition", {}).get("Bool", {}).get("aws:SecureTransport")
    return statement["Effect"] == "Deny" and str(asked).lower() == "false"
