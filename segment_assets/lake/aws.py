"""The lake on AWS: Glue catalogs of two accounts, buckets, and a local copy of the data files that are read."""

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache, cached_property, partial
from hashlib import sha256
from pathlib import Path
from typing import Any, Protocol, cast
from urllib.parse import urlparse

import boto3
from botocore.exceptions import BotoCoreError, ClientError
from pyiceberg.catalog import Catalog
from pyiceberg.catalog.glue import GlueCatalog
from pyiceberg.io import PY_IO_IMPL
from pyiceberg.schema import Schema
from pyiceberg.table import Table as IcebergTable

from segment_assets.aws import AwsRefusedError, client, code, sentence, session
from segment_assets.aws_config import Aws
from segment_assets.lake.lake import Lake
from segment_assets.lake.objects import ObjectStore, StoredObject

# Namespaces that lie in the partner's account.
PARTNERS = frozenset({"partner"})
DOWNLOADS = 16
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
        within: the session of its account; None for ours.
    """

    def __init__(self, name: str, prefix: str = "", within: Callable[[], boto3.Session] = session) -> None:
        self.name, self.prefix, self._within = name, prefix, within

    @cached_property
    def _s3(self) -> Any:
        return client("s3", self._within())

    def list(self, prefix: str) -> list[StoredObject]:
        """Objects below the prefix, by key; hidden ones are left out, as on one machine."""
        pages = self._s3.get_paginator("list_objects_v2").paginate(Bucket=self.name, Prefix=self.prefix + prefix)
        try:
            found = [item for page in pages for item in page.get("Contents", ())]
        except (ClientError, BotoCoreError) as refused:
            raise AwsRefusedError(sentence(refused, f"s3:ListBucket on {self.uri(prefix)}")) from refused
        stored = [StoredObject(o["Key"].removeprefix(self.prefix), o["Size"], o["ETag"].strip('"')) for o in found]
        return sorted(o for o in stored if not o.key.rpartition("/")[2].startswith(".") and not o.key.endswith("/"))

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


class Accounts:
    """Two Glue catalogs as one: a namespace's tables lie in the account that owns them.

    It has those methods of pyiceberg's Catalog that the lake asks for. Databases carry the deployment's name, so that
    several deployments share an account: `raw` of `dev` is the database `dev_raw`.

    Args:
        deployment: the name before each database's.
        ours: our catalog.
        theirs: the partner's.
    """

    def __init__(self, deployment: str, ours: Catalog, theirs: Catalog) -> None:
        self._before, self._ours, self._theirs = f"{deployment}_", ours, theirs

    def create_namespace_if_not_exists(self, namespace: str) -> None:
        """A database for the namespace."""
        self._of(namespace).create_namespace_if_not_exists(self._before + namespace)

    def create_table_if_not_exists(self, name: str, schema: Schema, properties: Mapping[str, str]) -> IcebergTable:
        """The table, made where it was not there."""
        return self._of(name).create_table_if_not_exists(
            self._before + name, schema=schema, properties=dict(properties)
        )

    def load_table(self, name: str) -> IcebergTable:
        """The table as it stands."""
        return self._of(name).load_table(self._before + name)

    def table_exists(self, name: str) -> bool:
        """Whether the table was made."""
        return self._of(name).table_exists(self._before + name)

    def list_namespaces(self) -> list[tuple[str, ...]]:
        """Our namespaces and the partner's, of this deployment alone."""
        both = [(catalog, space[0]) for catalog in (self._ours, self._theirs) for space in catalog.list_namespaces()]
        mine = [(c, s.removeprefix(self._before)) for c, s in both if s.startswith(self._before)]
        return sorted((space,) for catalog, space in mine if self._of(space) is catalog)

    def list_tables(self, namespace: tuple[str, ...]) -> list[tuple[str, ...]]:
        """Tables of a namespace."""
        found = self._of(namespace[0]).list_tables(self._before + namespace[0])
        return [(namespace[0], table[-1]) for table in found]

    def _of(self, name: str) -> Catalog:
        return self._theirs if name.split(".", 1)[0] in PARTNERS else self._ours


class Copies:
    """Local copies of data files. Iceberg never changes a file, so a copy is good for ever.

    Args:
        folder: where they are kept.
        of: the client that may read a bucket.
    """

    def __init__(self, folder: Path, of: Callable[[str], Any]) -> None:
        self.folder, self._s3_of = folder, of

    def __call__(self, uris: Sequence[str]) -> list[str]:
        """Where each file's copy is; fetched where it was not there."""
        self.folder.mkdir(parents=True, exist_ok=True)
        places = [self.folder / f"{sha256(uri.encode()).hexdigest()[:40]}.parquet" for uri in uris]
        wanted = [(uri, place) for uri, place in zip(uris, places, strict=True) if not place.exists()]
        with ThreadPoolExecutor(DOWNLOADS) as pool:
            list(pool.map(lambda one: self._fetch(*one), wanted))
        return [str(place) for place in places]

    def _fetch(self, uri: str, place: Path) -> None:
        where = urlparse(uri)
        beside = place.with_suffix(f".{sha256(str(id(place)).encode()).hexdigest()[:8]}")
        try:
            self._s3_of(where.netloc).download_file(where.netloc, where.path.removeprefix("/"), str(beside))
        except (ClientError, BotoCoreError) as refused:
            raise AwsRefusedError(sentence(refused, f"s3:GetObject on {uri}")) from refused
        beside.replace(place)


def lake(settings: Settings) -> Lake:
    """The lake in our account's bucket and catalog, and the partner's namespace in the partner's."""
    aws = settings.aws

    @cache
    def s3(bucket: str) -> Any:
        return client("s3", _partner(aws) if bucket == aws.partner.bucket else None)

    return Lake(
        partial(_open, aws),
        settings.home / "scratch",
        settings.memory_limit,
        settings.threads,
        fetch=Copies(settings.home / "copies", s3),
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
    ours = _catalog(aws.lake_bucket, aws.deployment, session())
    theirs = _catalog(aws.partner.bucket, aws.deployment, _partner(aws))
    # The part of a Catalog that the lake asks for.
    return cast(Catalog, Accounts(aws.deployment, ours, theirs))


def _catalog(bucket: str, deployment: str, within: boto3.Session) -> GlueCatalog:
    glue = client("glue", within)
    held = within.get_credentials()
    known = held.get_frozen_credentials() if held else None
    properties = {
        "warehouse": f"s3://{bucket}/{deployment}/lake",
        PY_IO_IMPL: "pyiceberg.io.pyarrow.PyArrowFileIO",
        "s3.region": glue.meta.region_name,
        "s3.endpoint": client("s3", within).meta.endpoint_url,
        "glue.skip-archive": "true",
    }
    if known:
        properties |= {"s3.access-key-id": known.access_key, "s3.secret-access-key": known.secret_key}
        properties |= {"s3.session-token": known.token} if known.token else {}
    return GlueCatalog("glue", client=glue, **properties)
