"""The lake on AWS: Glue catalogs of two accounts, buckets, and a local copy of the data files that are read."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from itertools import islice
from pathlib import Path
from tempfile import gettempdir
from typing import Any, cast
from weakref import WeakKeyDictionary

import boto3
from pyiceberg.catalog import Catalog

from segment_assets.aws import REFUSED, AwsRefusedError, body, client, code, remove, sentence, session
from segment_assets.aws_config import Aws
from segment_assets.lake.aws_catalog import Accounts, Glue
from segment_assets.lake.aws_copies import Copies
from segment_assets.lake.aws_files import BucketOfFiles
from segment_assets.lake.lake import Lake
from segment_assets.lake.objects import ObjectStore, StoredObject
from segment_assets.lake.private import private_folder
from segment_assets.settings import Settings

_COPIES = Path(gettempdir(), "segment-assets")
_MISSING = {"NoSuchKey", "404", "NoSuchBucket"}


class Bucket(ObjectStore):
    """Objects in a bucket, below a prefix.

    Args:
        name: the bucket.
        prefix: of all keys, ending in `/`; empty for the whole bucket.
        within: the session of its account, as the step at work; default: ours.
        scratch: where copies of large objects are put while they are read.
    """

    def __init__(
        self,
        name: str,
        prefix: str = "",
        within: Callable[[], boto3.Session] = session,
        scratch: Path = _COPIES,
    ) -> None:
        self.name, self.prefix, self._within, self._scratch = name, prefix, within, scratch

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
        except REFUSED as refused:
            raise AwsRefusedError(sentence(refused, f"s3:ListBucket on {self.uri(prefix)}")) from refused

    def read(self, key: str) -> bytes:
        """The object's bytes."""
        with self._reading(key):
            return body(self._s3, self.name, self.prefix + key)

    @contextmanager
    def file(self, key: str) -> Iterator[Path]:
        """A copy, in a private folder."""
        with private_folder(self._scratch) as folder:
            path = folder / "object"
            with self._reading(key):
                self._s3.download_file(self.name, self.prefix + key, str(path))
            yield path

    @contextmanager
    def _reading(self, key: str) -> Iterator[None]:
        try:
            yield
        except REFUSED as refused:
            if code(refused) in _MISSING:
                raise FileNotFoundError(self.uri(key)) from refused
            raise AwsRefusedError(sentence(refused, f"s3:GetObject on {self.uri(key)}")) from refused

    def write(self, key: str, content: bytes) -> None:
        """Put the object: S3 shows it whole or not at all."""
        try:
            self._s3.put_object(Bucket=self.name, Key=self.prefix + key, Body=content)
        except REFUSED as refused:
            raise AwsRefusedError(sentence(refused, f"s3:PutObject on {self.uri(key)}")) from refused

    def remove(self, keys: Iterable[str]) -> None:
        """Remove objects; one that is gone is removed."""
        remove(self._s3, self.name, [self.prefix + key for key in keys], self.uri(""))

    def uri(self, key: str) -> str:
        """As S3 writes it."""
        return f"s3://{self.name}/{self.prefix}{key}"


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
    return Bucket(settings.aws.landing_bucket, scratch=settings.home / "scratch")


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
