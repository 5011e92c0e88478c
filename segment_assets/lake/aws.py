"""The lake on AWS: Glue catalogs of two accounts, buckets, and a local copy of the data files that are read."""

import os
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from hashlib import sha256
from itertools import islice
from pathlib import Path
from typing import Any, Protocol, cast
from uuid import uuid4
from weakref import WeakKeyDictionary

import boto3
from botocore.exceptions import BotoCoreError, ClientError
from pyiceberg.catalog import Catalog

from segment_assets.aws import AwsRefusedError, client, code, sentence, session, telling
from segment_assets.aws_config import Aws
from segment_assets.lake.aws_catalog import Accounts, Glue
from segment_assets.lake.aws_files import place
from segment_assets.lake.files import Files, TableFile
from segment_assets.lake.lake import Lake
from segment_assets.lake.objects import ObjectStore, StoredObject

DOWNLOADS = 16
DELETES = 1000  # the most that DeleteObjects takes
UNUSED_SECONDS = 7 * 24 * 3600  # after which a copy goes
_MISSING = {"NoSuchKey", "404", "NoSuchBucket"}


class Settings(Protocol):
    """What these adapters need to know."""

    @property
    def home(self) -> Path:
        """Folder for copies and spill files; nothing in it is a record."""

    @property
    def aws(self) -> Aws:
        """Where things are on AWS."""

    @property
    def memory_limit(self) -> str:
        """What DuckDB may use."""

    @property
    def threads(self) -> int:
        """Threads of one query."""


class Bucket(ObjectStore):
    """Objects in a bucket, below a prefix.

    Args:
        name: the bucket.
        prefix: of all keys, ending in `/`; empty for the whole bucket.
        within: the session of its account, as the step at work; default: ours.
    """

    def __init__(self, name: str, prefix: str = "", within: Callable[[], boto3.Session] = session) -> None:
        self.name, self.prefix, self._within = name, prefix, within

    @property
    def _s3(self) -> Any:
        return client("s3", self._within())

    def after(self, prefix: str, key: str, limit: int) -> list[StoredObject]:
        """Objects below the prefix from a key on: S3 lists in the order of keys, 1,000 at a time."""
        more = {"StartAfter": self.prefix + key} if key else {}
        return list(islice(self._each(prefix, **more), limit))

    def list(self, prefix: str) -> list[StoredObject]:
        """Objects below the prefix, by key; hidden ones are left out, as on one machine."""
        return sorted(self._each(prefix))

    def _each(self, prefix: str, **more: str) -> Iterator[StoredObject]:
        pages = self._s3.get_paginator("list_objects_v2")
        try:
            for page in pages.paginate(Bucket=self.name, Prefix=self.prefix + prefix, **more):
                for o in page.get("Contents", ()):
                    stored = StoredObject(o["Key"].removeprefix(self.prefix), o["Size"], o["ETag"].strip('"'))
                    if not stored.key.rpartition("/")[2].startswith(".") and not stored.key.endswith("/"):
                        yield stored
        except (ClientError, BotoCoreError) as refused:
            raise AwsRefusedError(sentence(refused, f"s3:ListBucket on {self.uri(prefix)}")) from refused

    def read(self, key: str) -> bytes:
        """The object's bytes."""
        try:
            content: bytes = self._s3.get_object(Bucket=self.name, Key=self.prefix + key)["Body"].read()
        except (ClientError, BotoCoreError) as refused:
            if code(refused) in _MISSING:
                raise FileNotFoundError(self.uri(key)) from refused
            raise AwsRefusedError(sentence(refused, f"s3:GetObject on {self.uri(key)}")) from refused
        return content

    def write(self, key: str, content: bytes) -> None:
        """Put the object: S3 shows it whole or not at all."""
        try:
            self._s3.put_object(Bucket=self.name, Key=self.prefix + key, Body=content)
        except (ClientError, BotoCoreError) as refused:
            raise AwsRefusedError(sentence(refused, f"s3:PutObject on {self.uri(key)}")) from refused

    def uri(self, key: str) -> str:
        """As S3 writes it."""
        return f"s3://{self.name}/{self.prefix}{key}"


class Copies:
    """Local copies of data files. Iceberg never changes a file, so a copy is good for ever; unused, it goes.

    Args:
        folder: where they are kept.
        of: the client that may read a bucket, as the step at work.
    """

    def __init__(self, folder: Path, of: Callable[[str], Any]) -> None:
        self.folder, self._s3_of = folder, of
        self._swept = False

    def __call__(self, uris: Sequence[str]) -> list[str]:
        """Where each file's copy is; fetched where it was not there."""
        if not self._swept:
            self.folder.mkdir(parents=True, exist_ok=True)
            self.sweep(time.time() - UNUSED_SECONDS)
            self._swept = True
        places = [self.folder / f"{sha256(uri.encode()).hexdigest()[:40]}.parquet" for uri in uris]
        wanted = [(uri, copy) for uri, copy in zip(uris, places, strict=True) if not _used(copy)]
        # Asked for here: in a thread of its own nobody knows which step is at work.
        of = {bucket: self._s3_of(bucket) for bucket in {place(uri)[0] for uri, _ in wanted}}
        with ThreadPoolExecutor(DOWNLOADS) as pool:
            list(pool.map(lambda one: _fetch(of, *one), wanted))
        return [str(copy) for copy in places]

    def sweep(self, before: float) -> int:
        """Remove copies that were not used since, and what killed processes left half made; how many."""
        old = [path for path in self.folder.iterdir() if path.stat().st_mtime < before]
        for path in old:
            path.unlink(missing_ok=True)
        return len(old)


def _used(copy: Path) -> bool:
    """Whether the copy is there; noted as used now."""
    try:
        os.utime(copy)
    except FileNotFoundError:
        return False
    return True


def _fetch(of: dict[str, Any], uri: str, copy: Path) -> None:
    bucket, key = place(uri)
    beside = copy.with_suffix(f".{uuid4().hex[:8]}")
    try:
        of[bucket].download_file(bucket, key, str(beside))
    except (ClientError, BotoCoreError) as refused:
        raise AwsRefusedError(sentence(refused, f"s3:GetObject on {uri}")) from refused
    beside.replace(copy)


class BucketOfFiles(Files):
    """Files of tables in the buckets of both accounts.

    Args:
        of: the client that may list and remove in a bucket.
    """

    def __init__(self, of: Callable[[str], Any]) -> None:
        self._s3_of = of

    def name(self, uri: str) -> str:
        """The URI itself: nothing is escaped in it."""
        return uri

    def below(self, root: str) -> list[TableFile]:
        """Objects below the table's prefix."""
        bucket, key = place(root)
        prefix = f"{key.rstrip('/')}/"
        with telling(f"s3:ListBucket on {root}"):
            pages = self._s3_of(bucket).get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
            found = [o for page in pages for o in page.get("Contents", ())]
        return [TableFile(f"s3://{bucket}/{o['Key']}", o["Size"], o["LastModified"]) for o in found]

    def remove(self, names: Sequence[str]) -> None:
        """As many at a time as DeleteObjects takes."""
        for batch in (names[n : n + DELETES] for n in range(0, len(names), DELETES)):
            bucket, where = place(batch[0])[0], f"s3:DeleteObject on {batch[0].rpartition('/')[0]}"
            keys = [{"Key": place(name)[1]} for name in batch]
            with telling(where):
                answer = self._s3_of(bucket).delete_objects(Bucket=bucket, Delete={"Objects": keys, "Quiet": True})
            if refused := answer.get("Errors"):
                raise AwsRefusedError(f"{where}: {len(refused)} files were not removed: {refused[0].get('Code')}")


def lake(settings: Settings) -> Lake:
    """The lake in our account's bucket and catalog, and the partner's namespace in the partner's."""
    aws = settings.aws

    def s3(bucket: str) -> Any:
        return client("s3", _partner(aws) if bucket == aws.partner.bucket else None)

    return Lake(
        partial(_open, aws),
        settings.home / "scratch",
        settings.memory_limit,
        settings.threads,
        fetch=Copies(settings.home / "copies", s3),
        files=BucketOfFiles(s3),
    )


def landing(settings: Settings) -> Bucket:
    """The first party's landing place."""
    return Bucket(settings.aws.landing_bucket)


def partner_landing(settings: Settings) -> Bucket:
    """The partner's landing place, in the partner's account."""
    return Bucket(settings.aws.partner.bucket, within=partial(_partner, settings.aws))


def exports(settings: Settings) -> Bucket:
    """Where files for people and other tools are put."""
    return Bucket(settings.aws.exports_bucket, f"{settings.aws.deployment}/exports/")


def models(settings: Settings) -> Bucket:
    """Where models are kept."""
    return Bucket(settings.aws.exports_bucket, f"{settings.aws.deployment}/models/")


def _partner(aws: Aws) -> boto3.Session:
    return session(aws.partner.role_arn, aws.partner.external_id)


def _open(aws: Aws) -> Catalog:
    # A catalog is its session's: the step at work has one in our account, and one in the partner's.
    known: WeakKeyDictionary[boto3.Session, Glue] = WeakKeyDictionary()

    def catalog(bucket: str, within: boto3.Session) -> Glue:
        if within not in known:
            warehouse = f"s3://{bucket}/{aws.deployment}/lake"
            known[within] = Glue(client("glue", within), client("s3", within), warehouse)
        return known[within]

    both = Accounts(
        aws.deployment,
        lambda: catalog(aws.lake_bucket, session()),
        lambda: catalog(aws.partner.bucket, _partner(aws)),
    )
    return cast(Catalog, both)  # the part of a Catalog that the lake asks for
